//! Paying on a page at Stripe, as the machine and its driver see it.

use merchant_gateway::domain::address::Buyer;
use merchant_gateway::domain::checkout::attempt::{IntentStatus, Seen, Unknown};
use merchant_gateway::domain::checkout::command::{Command, Patch, Rejection};
use merchant_gateway::domain::checkout::driver::RequestId;
use merchant_gateway::domain::checkout::effect::Effect;
use merchant_gateway::domain::checkout::hint::Hint;
use merchant_gateway::domain::checkout::hosted::{PageSeen, PageStatus};
use merchant_gateway::domain::checkout::session::{MAX_PAGES, NoticeCode, State};
use merchant_gateway::domain::checkout::token::TokenFacts;
use merchant_gateway::domain::ids::Revision;
use merchant_gateway::domain::merchant::MerchantStatus;
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::time::Span;

use crate::support::bench::Bench;
use crate::support::shop;

pub(super) fn open_page(bench: &mut Bench) -> RequestId {
    let revision = Some(bench.session().revision);
    bench.ask(Command::OpenPage { revision })
}

/// The page of the last attempt, as Stripe would show it.
pub(super) fn page(bench: &Bench, status: PageStatus) -> PageSeen {
    let charge = &bench.attempts.last().expect("an attempt").charge;
    let used = matches!(status, PageStatus::Paid | PageStatus::Unpaid);
    PageSeen {
        id: "cs_1".parse().unwrap(),
        url: (status == PageStatus::Open).then(|| "https://checkout.example/cs_1".to_owned()),
        status,
        intent: used.then(|| ("pi_1".parse().unwrap(), None)),
        amount: charge.total,
        livemode: false,
        buyer: Buyer::default(),
        session: Some(charge.session.clone()),
        revision: Some(charge.revision),
        attempt: Some(charge.attempt),
    }
}

fn paid_later(bench: &Bench, intent: IntentStatus) -> Seen {
    let unpaid = page(bench, PageStatus::Unpaid);
    Seen::Page(PageSeen { intent: Some(("pi_1".parse().unwrap(), Some(intent))), ..unpaid })
}

/// A session that waits for payment on its page.
pub fn awaiting() -> Bench {
    let mut bench = Bench::ready();
    let asked = open_page(&mut bench);
    bench.see(Seen::Page(page(&bench, PageStatus::Open)));
    assert!(matches!(bench.answer(asked).unwrap().session.state, State::AwaitingHosted { .. }));
    bench
}

/// The page is looked at, and shows this.
fn looks(bench: &mut Bench, seen: Seen) {
    bench.pass(Span::minutes(1));
    bench.wake();
    assert!(matches!(bench.effects[..], [Effect::ReadPage { .. } | Effect::ClosePage { .. }]));
    bench.see(seen);
}

#[test]
fn a_page_that_is_paid_is_an_order_of_whom_it_was_told_of() {
    let mut bench = awaiting();
    let told = Buyer {
        email: Some("ada@example.com".to_owned()),
        name: Some("A. L.".to_owned()),
        ..Buyer::default()
    };
    let paid = PageSeen { buyer: told, ..page(&bench, PageStatus::Paid) };
    looks(&mut bench, Seen::Page(paid));
    let read = bench.ask(Command::Read);
    let order = bench.answer(read).unwrap().order.expect("an order").order;
    assert_eq!(order.payment_intent.as_str(), "pi_1");
    assert_eq!(order.buyer.email.as_deref(), Some("ada@example.com"), "it was told there alone");
}

#[test]
fn what_the_page_was_told_by_the_one_who_pays_goes_before_what_was_said_here() {
    let mut bench = Bench::ready();
    let buyer = Buyer {
        email: Some("here@example.com".to_owned()),
        phone_number: Some("+1 555 0100".to_owned()),
        ..Buyer::default()
    };
    bench.update(Patch { buyer: Some(buyer), ..Patch::default() });
    open_page(&mut bench);
    bench.see(Seen::Page(page(&bench, PageStatus::Open)));
    let there = Buyer { email: Some("there@example.com".to_owned()), ..Buyer::default() };
    let paid = PageSeen { buyer: there, ..page(&bench, PageStatus::Paid) };
    looks(&mut bench, Seen::Page(paid));
    let buyer = &bench.session().wishes.buyer;
    assert_eq!(buyer.email.as_deref(), Some("there@example.com"));
    assert_eq!(buyer.phone_number.as_deref(), Some("+1 555 0100"), "what was not said there stays");
}

#[test]
fn a_payment_that_is_decided_later_is_waited_for() {
    let mut bench = awaiting();
    let processing = paid_later(&bench, IntentStatus::Processing);
    looks(&mut bench, processing);
    assert!(matches!(bench.session().state, State::AwaitingHosted { .. }));
    let succeeded = paid_later(&bench, IntentStatus::Succeeded);
    looks(&mut bench, succeeded);
    assert!(matches!(bench.session().state, State::Completed { .. }));

    let mut bench = awaiting();
    let failed = paid_later(&bench, IntentStatus::RequiresPaymentMethod);
    looks(&mut bench, failed);
    assert!(matches!(bench.session().state, State::Ready { .. }), "payable again");
    assert_eq!(bench.session().notice.as_ref().unwrap().code, NoticeCode::PaymentDeclined);
}

#[test]
fn what_is_shown_is_honoured_as_long_as_the_page_can_be_paid() {
    let mut bench = awaiting();
    bench.pass(Span::minutes(20));
    let paying = bench.pay("spt_first0001");
    bench.tell_token(Ok(bench.good_facts()));
    assert!(matches!(bench.effects.pop(), Some(Effect::ClosePage { .. })), "the page goes first");
    bench.effects.push(Effect::ClosePage {
        attempt: bench.attempts[0].number,
        page: "cs_1".parse().unwrap(),
        tries: 0,
    });
    bench.see(Seen::Page(page(&bench, PageStatus::Expired)));
    bench.tell_token(Ok(bench.good_facts()));
    assert_eq!(
        bench.effects,
        [Effect::Charge(bench.attempts[1].number)],
        "older than a quote lives by itself"
    );
    assert!(bench.waits(paying));
}

#[test]
fn a_page_is_closed_only_for_what_can_be_done_afterwards() {
    let refused = |bench: &mut Bench, asked: RequestId, why: &str| {
        let refusal = bench.answer(asked).expect_err(why);
        assert!(matches!(bench.session().state, State::AwaitingHosted { .. }), "{why}: {refusal}");
        assert!(bench.effects.is_empty(), "{why}");
    };
    let mut bench = awaiting();
    let stale = Command::Update { revision: Some(Revision(7)), patch: Patch::default() };
    let asked = bench.ask(stale);
    refused(&mut bench, asked, "a stale edit");
    let unknown = Patch { cart: Some(shop::cart("teapot", 1)), ..Patch::default() };
    let asked = bench.update(unknown);
    refused(&mut bench, asked, "an item that is not sold");

    let asked = bench.pay("spt_short0001");
    let short = TokenFacts { remaining: Some(Money::new(1, shop::usd())), ..bench.good_facts() };
    bench.tell_token(Ok(short));
    assert_eq!(bench.answer(asked).unwrap().notice.unwrap().code, NoticeCode::PaymentDeclined);
    assert!(bench.effects.is_empty(), "a token that cannot pay closes nothing");

    bench.view.status = MerchantStatus::Suspended;
    let asked = bench.pay("spt_first0001");
    refused(&mut bench, asked, "a shop that is suspended");
    bench.view.status = MerchantStatus::Serving;
    bench.view.checkout.method = merchant_gateway::domain::merchant::CheckoutMethod::Hosted;
    let asked = bench.pay("spt_first0001");
    refused(&mut bench, asked, "a shop that takes no tokens");
}

#[test]
fn only_who_was_shown_this_revision_waits_for_its_page() {
    let mut bench = Bench::ready();
    let first = open_page(&mut bench);
    let other = bench.ask(Command::OpenPage { revision: Some(Revision(7)) });
    assert!(matches!(bench.answer(other), Err(Rejection::StaleRevision { .. })));
    let same = open_page(&mut bench);
    assert!(bench.waits(first) && bench.waits(same));
    bench.see(Seen::Page(page(&bench, PageStatus::Open)));
    assert!(bench.answer(first).is_ok() && bench.answer(same).is_ok());
}

#[test]
fn an_opening_for_which_stripe_was_not_asked_counts_as_no_page() {
    let mut bench = Bench::ready();
    let not_sent = || Seen::Unknown(Unknown { not_sent: true, ..Unknown::default() });
    for number in 1..=MAX_PAGES + 1 {
        open_page(&mut bench);
        bench.see(not_sent());
        assert!(matches!(bench.session().state, State::Ready { .. }), "{number}");
    }
    let told = serde_json::to_string(&bench.timeline).unwrap();
    assert!(told.contains(r#""end":"not_opened""#) && !told.contains("declined"), "{told}");
    assert!(!bench.session().has_opened_enough() && !bench.session().is_spent());
    // One that was sent before, and not heard of, may have been opened.
    let before = bench.session().pages_not_asked;
    open_page(&mut bench);
    bench.see(Seen::Unknown(Unknown::default()));
    bench.pass(Span::seconds(2));
    bench.wake();
    assert!(matches!(bench.effects[..], [Effect::OpenPage(_)]));
    bench.see(not_sent());
    assert_eq!(bench.session().pages_not_asked, before);
}

#[test]
fn a_hint_that_comes_while_a_page_is_looked_at_is_not_put_off_with_that_look() {
    for unread in [Seen::PutOff { after: Span::minutes(1) }, Seen::Unread] {
        let mut bench = awaiting();
        bench.pass(Span::minutes(5));
        bench.wake();
        assert!(matches!(bench.effects[..], [Effect::ReadPage { .. }]));
        bench.ask(Command::Hear(Hint::payment()));
        bench.see(unread);
        bench.pass(Span::seconds(2));
        bench.wake();
        assert!(matches!(bench.effects[..], [Effect::ReadPage { .. }]), "{:?}", bench.effects);
        bench.see(Seen::PutOff { after: Span::minutes(1) });
        bench.pass(Span::seconds(2));
        bench.wake();
        assert!(bench.effects.is_empty(), "that one was asked for by the hint");
    }
}

#[test]
fn whoever_says_every_second_that_a_page_was_paid_has_it_looked_at_far_less_often() {
    let mut bench = awaiting();
    bench.pass(Span::minutes(5));
    let mut looks = 0;
    for _ in 0..120 {
        bench.ask(Command::Hear(Hint::payment()));
        bench.wake();
        if matches!(bench.effects[..], [Effect::ReadPage { .. }]) {
            looks += 1;
            let open = Seen::Page(page(&bench, PageStatus::Open));
            bench.see(open);
        }
        bench.pass(Span::seconds(1));
    }
    assert!((10..=30).contains(&looks), "{looks}");
    let paid = "pi_1".parse().unwrap();
    bench.ask(Command::Hear(Hint { payment: Some(paid), ..Hint::payment() }));
    bench.wake();
    assert!(
        matches!(bench.effects[..], [Effect::ReadPage { .. }]),
        "Stripe is believed to have something to say"
    );
}

#[test]
fn a_checkout_whose_pages_are_opened_and_left_without_end_opens_no_more_of_them() {
    let mut bench = Bench::ready();
    for number in 1..=MAX_PAGES {
        open_page(&mut bench);
        bench.see(Seen::Page(page(&bench, PageStatus::Open)));
        assert!(matches!(bench.session().state, State::AwaitingHosted { .. }), "{number}");
        let expired = Seen::Page(page(&bench, PageStatus::Expired));
        looks(&mut bench, expired);
        bench.update(Patch::default());
        assert!(
            matches!(bench.session().state, State::Ready { .. }),
            "{number}: {:?}",
            bench.session().state
        );
    }
    let refused = open_page(&mut bench);
    assert!(matches!(bench.answer(refused), Err(Rejection::NotOffered(_))));
    assert_eq!(bench.attempts.len(), usize::try_from(MAX_PAGES).unwrap());
    let paying = bench.pay("spt_first0001");
    bench.tell_token(Ok(bench.good_facts()));
    assert!(bench.waits(paying), "the payment sheet still takes it");
}

#[test]
fn a_page_that_was_to_be_closed_when_the_process_died_is_closed_at_once_by_the_next() {
    let mut bench = awaiting();
    bench.ask(Command::Cancel);
    assert!(matches!(bench.effects[..], [Effect::ClosePage { .. }]), "{:?}", bench.effects);
    bench.crash();
    assert!(matches!(bench.effects[..], [Effect::ClosePage { .. }]), "{:?}", bench.effects);
}
