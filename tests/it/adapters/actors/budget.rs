//! Calls to a merchant's Stripe account have a budget: readings keep to it, nothing that is owed is lost by it, and what moves
//! money never waits for it.

use std::time::Duration;

use futures_util::future::join_all;
use merchant_gateway::domain::checkout::model::{
    Command, Rejection, Session, ShopRejection, State, StripeNotification,
};
use merchant_gateway::domain::ids::StripeCheckoutId;
use merchant_gateway::domain::stripe_event::StripeEvent;
use tokio::time::{Instant, sleep};

use super::harness::{ActorHarness, key, on_one_thread};

/// How many pages are open.
const PAGES: usize = 500;

/// The most readings of pages in a minute: seven a second, and what may come at once.
const A_MINUTE: u64 = 7 * 60 + 14;

/// Until every page has ended.
const ALL_ENDED: Duration = Duration::from_mins(40);

/// A checkout that is paid on a page.
struct Checkout {
    session: Session,
    page: StripeCheckoutId,
}

async fn with_pages(harness: &ActorHarness, pages: usize) -> Vec<Checkout> {
    let mut open = Vec::new();
    for _ in 0..pages {
        let session = harness.ready().await;
        let revision = Some(session.revision);
        let answer =
            harness.merchants[0].ask(&session.id, Command::OpenStripeCheckout { revision }).await.unwrap();
        let State::AwaitingStripeCheckout { checkout, .. } = &answer.session.state else {
            panic!("a page, not {}", answer.session.state.into_str())
        };
        open.push(Checkout { page: checkout.id.clone(), session });
    }
    open
}

fn pay(harness: &ActorHarness, checkout: &Checkout) {
    harness.stripe.pay_on_page(&key(harness.merchants[0].tenant()), &checkout.page);
}

/// The state that the store has of a checkout.
async fn state(harness: &ActorHarness, checkout: &Checkout) -> &'static str {
    let row = harness.row(harness.merchants[0].tenant(), &checkout.session.id).await;
    row.session.unwrap().1.state.into_str()
}

/// Lets minutes pass, in each of which so many pages are paid by shoppers who never come back. How often pages were read in
/// each.
async fn minutes(harness: &ActorHarness, paid_each: &[&[Checkout]]) -> Vec<u64> {
    let mut read = Vec::new();
    for paid in paid_each {
        let before = harness.faults.counted("page read");
        for checkout in *paid {
            pay(harness, checkout);
        }
        sleep(Duration::from_mins(1)).await;
        read.push(harness.faults.counted("page read") - before);
    }
    read
}

/// Stripe tells the shop of something about a payment, of no session of ours.
async fn webhook(harness: &ActorHarness) {
    let event = StripeEvent {
        id: "evt_other".parse().unwrap(),
        kind: "checkout.session.completed".parse().unwrap(),
        object: None,
        session: None,
        intent: None,
        received: harness.merchants[0].now(),
    };
    harness.merchants[0].take_event(event).await.unwrap();
}

#[test]
fn polls_stay_within_budget_and_every_paid_checkout_completes() {
    on_one_thread(async {
        let harness = ActorHarness::calm().await;
        let open = with_pages(&harness, PAGES).await;
        let paid: Vec<_> = open[..100].chunks(5).collect();
        let read = minutes(&harness, &paid).await;
        assert!(read.iter().all(|read| *read <= A_MINUTE), "{read:?}");
        assert!(read[10..].iter().all(|read| *read <= 260), "ever less often: {read:?}");
        sleep(ALL_ENDED.saturating_sub(Duration::from_mins(20))).await;
        for (number, checkout) in open.iter().enumerate() {
            let expected = if number < 100 { "completed" } else { "ready" };
            assert_eq!(state(&harness, checkout).await, expected, "{number}");
        }
    });
}

/// How often the pages are read in ten minutes, where webhooks arrive and where none do. Those that were paid end as orders.
fn read_in_ten_minutes(webhooks: bool) -> u64 {
    on_one_thread(async {
        let harness = ActorHarness::calm().await;
        if webhooks {
            webhook(&harness).await;
        }
        let open = with_pages(&harness, PAGES).await;
        let paid: Vec<_> = open[..100].chunks(10).collect();
        let read = minutes(&harness, &paid).await.iter().sum();
        // No webhook told of these.
        sleep(ALL_ENDED).await;
        for checkout in &open[..100] {
            assert_eq!(state(&harness, checkout).await, "completed");
        }
        read
    })
}

#[test]
fn webhooks_more_than_halve_polling_without_losing_an_order() {
    let (without, beside) = (read_in_ten_minutes(false), read_in_ten_minutes(true));
    assert!(beside * 2 < without, "{beside} beside webhooks, {without} without");
}

#[test]
fn webhooks_and_charges_bypass_five_hundred_queued_polls() {
    on_one_thread(async {
        let harness = ActorHarness::calm().await;
        harness.faults.write(|script| script.readings_take = Duration::from_millis(200));
        let open = with_pages(&harness, PAGES).await;
        sleep(Duration::from_secs(5)).await;
        pay(&harness, &open[PAGES - 1]);
        harness.merchants[0]
            .ask(&open[PAGES - 1].session.id, Command::CheckStripe(StripeNotification::payment()))
            .await
            .unwrap();
        let session = harness.ready().await;
        let asked = Instant::now();
        let payment = harness.payment(&session, "spt_atonce01");
        let paid = harness.merchants[0].ask(&session.id, payment).await.unwrap();
        assert!(
            paid.order.is_some() && asked.elapsed() < Duration::from_millis(100),
            "{:?}",
            asked.elapsed()
        );
        sleep(Duration::from_secs(3)).await;
        assert_eq!(state(&harness, &open[PAGES - 1]).await, "completed");
    });
}

#[test]
fn ten_attempts_whose_outcome_is_unknown_share_listings() {
    on_one_thread(async {
        let harness = ActorHarness::calm().await;
        harness.faults.write(|script| {
            script.charges_tell_nothing = true;
            script.readings_take = Duration::from_millis(300);
        });
        let mut sessions = Vec::new();
        for _ in 0..10 {
            sessions.push(harness.ready().await);
        }
        let paying = sessions.iter().enumerate().map(|(number, session)| {
            let payment = harness.payment(session, &format!("spt_share{number:04}"));
            harness.merchants[0].ask(&session.id, payment)
        });
        for paid in join_all(paying).await {
            assert!(paid.unwrap().order.is_some());
        }
        let listings = harness.faults.counted("listing");
        assert!((1..=2).contains(&listings), "{listings}");
        for session in &sessions {
            assert_eq!(harness.paid(harness.merchants[0].tenant(), &session.id).len(), 1);
        }
    });
}

#[test]
fn however_often_stripe_answers_429_the_next_payment_is_begun() {
    on_one_thread(async {
        let harness = ActorHarness::calm().await;
        let sessions = [harness.ready().await, harness.ready().await];
        harness.faults.write(|script| script.too_many = true);
        for number in 0..8 {
            let payment = harness.payment(&sessions[0], &format!("spt_many{number:04}"));
            let refused = harness.merchants[0].ask(&sessions[0].id, payment).await;
            assert!(matches!(refused, Err(Rejection::Shop(ShopRejection::TokenUnread))), "{refused:?}");
        }
        harness.faults.write(|script| script.too_many = false);
        let payment = harness.payment(&sessions[1], "spt_after0001");
        assert!(harness.merchants[0].ask(&sessions[1].id, payment).await.unwrap().order.is_some());
    });
}

#[test]
fn a_429_slows_polling_until_stripe_accepts_requests_again() {
    on_one_thread(async {
        let harness = ActorHarness::calm().await;
        let open = with_pages(&harness, 100).await;
        harness.faults.write(|script| script.too_many = true);
        let read = minutes(&harness, &[&[], &open[..10]]).await;
        assert!(read.iter().all(|read| *read <= 60), "{read:?}");
        harness.faults.write(|script| script.too_many = false);
        sleep(ALL_ENDED).await;
        for checkout in &open[..10] {
            assert_eq!(state(&harness, checkout).await, "completed");
        }
    });
}
