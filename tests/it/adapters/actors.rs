//! The actors themselves, on one thread whose time is paused: callers that come at once, panics, full mailboxes, a store
//! and a Stripe that fail, hang and die under a call.
//!
//! A seed that fails is told with how to see its history:
//! `ACTORS_SEED=123 cargo test --test it adapters::actors::one_seed -- --nocapture`.

mod budget;
mod faults;
mod harness;
mod history;
mod listings;
mod restores;
mod seller;
mod stopping;
mod store;
mod strays;
mod wallet;

use std::time::Duration;

use futures_util::future::join_all;
use merchant_gateway::domain::checkout::model::{
    Answer, Command, Patch, Rejection, Session, ShopRejection, ShopperRejection, State, TimelineEvent,
};
use merchant_gateway::domain::ids::SessionId;
use merchant_gateway::ports::{Environment, SystemEnvironment};
use merchant_gateway::protocol::texts::wording::Wording;
use tokio::time::{Instant, sleep, timeout};

use faults::{Counts, FaultSchedule};
use harness::{ActorHarness, on_one_thread};
use history::History;

use test_support::shop;

/// How many histories the suite runs.
const SEEDS: u64 = 500;

/// As long as a caller is kept waiting, and as long again for a last look.
const DEADLINE: Duration = Duration::from_secs(20);
const LAST_READ: Duration = Duration::from_secs(2);

/// Longer than anybody waits.
const HANGS: Duration = Duration::from_mins(1);

struct Ended {
    result: Result<(), String>,
    counts: Counts,
    lines: Vec<String>,
}

fn run(seed: u64) -> Ended {
    on_one_thread(async {
        let history = History::new(seed);
        let result = std::rc::Rc::clone(&history).run().await;
        let faults = &history.faults;
        Ended { result, counts: faults.counts(), lines: faults.history() }
    })
}

#[test]
fn any_failure_ends_in_an_answer_and_at_most_one_charge() {
    let mut counts = Counts::new();
    for seed in 0..SEEDS {
        let ended = run(seed);
        if let Err(broken) = ended.result {
            panic!(
                "{broken}\nACTORS_SEED={seed} cargo test --test it adapters::actors::one_seed -- --nocapture"
            );
        }
        for (what, times) in ended.counts {
            *counts.entry(what).or_default() += times;
        }
    }
    // Histories in which nothing happens prove nothing.
    for (what, least) in [
        ("actor panicked", 300),
        ("mailbox full", 2000),
        ("deadline passed", 2000),
        ("caller gave up", 500),
        ("conflict", 4),
        ("slow commit", 30),
        ("store failed", 400),
        ("store panicked", 200),
        ("store panicked after a commit", 8),
        ("commit done unheard", 20),
        ("stripe panicked", 15),
        ("stripe panicked after a charge", 10),
        ("request lost", 50),
        ("answer lost", 50),
        ("late charge", 20),
        ("page shown", 300),
        ("page used", 50),
        ("page of no use", 20),
        ("answer: paid", 5000),
        ("answer: undecided", 2000),
        ("answer: unavailable", 80),
        ("ends completed", 250),
        ("ends canceled", 20),
        ("ends ready", 40),
    ] {
        let met = counts.get(what).copied().unwrap_or(0);
        assert!(met >= least, "{what}: {met} of at least {least}; {counts:?}");
    }
}

#[test]
fn one_seed_can_be_looked_at() {
    let seed = SystemEnvironment.var("ACTORS_SEED").and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let ended = run(seed);
    println!("{}\n{:?}", ended.lines.join("\n"), ended.result);
    assert_eq!(ended.result, Ok(()));
}

#[test]
fn the_same_seed_is_the_same_history() {
    for seed in [3, 5, 8] {
        assert_eq!(run(seed).lines, run(seed).lines);
    }
}

/// So many ask the same at once.
async fn crowd(
    harness: &ActorHarness,
    id: &SessionId,
    command: &Command,
    size: usize,
) -> Vec<Result<Box<Answer>, Rejection>> {
    join_all((0..size).map(|_| harness.merchants[0].ask(id, command.clone()))).await
}

#[test]
fn an_edit_or_cancel_that_takes_too_long_is_never_called_done() {
    let edit = Command::Update {
        revision: None,
        patch: Patch { cart: Some(shop::cart("mug", 3)), ..Patch::default() },
    };
    for (command, then) in [(edit, "ready"), (Command::Cancel, "canceled")] {
        on_one_thread(async {
            let harness = ActorHarness::calm().await;
            let session = harness.ready().await;
            harness.faults.write(|script| script.commits_take = HANGS);
            let asked = Instant::now();
            let answer = harness.merchants[0].ask(&session.id, command).await;
            assert_eq!(answer.unwrap_err(), Rejection::Shopper(ShopperRejection::Undecided));
            assert_eq!(asked.elapsed(), DEADLINE);
            let now = harness.merchants[0].ask(&session.id, Command::Read).await.unwrap().session;
            assert_eq!(now, session, "nothing is durable yet");
            sleep(HANGS).await;
            let now = harness.merchants[0].ask(&session.id, Command::Read).await.unwrap().session;
            assert_eq!(now.state.into_str(), then, "what was begun is done all the same");
            assert_ne!(now, session);
        });
    }
}

#[test]
fn a_read_past_its_deadline_returns_the_stored_session() {
    on_one_thread(async {
        let harness = ActorHarness::calm().await;
        let session = harness.ready().await;
        harness.faults.write(|script| script.commits_take = HANGS);
        let cancel = harness.merchants[0].ask(&session.id, Command::Cancel);
        let read = async {
            let asked = Instant::now();
            let answer = harness.merchants[0].ask(&session.id, Command::Read).await.unwrap();
            (answer.session, asked.elapsed())
        };
        let (canceled, read) = tokio::join!(cancel, read);
        assert_eq!(canceled.unwrap_err(), Rejection::Shopper(ShopperRejection::Undecided));
        assert_eq!(read, (session, DEADLINE));
    });
}

#[test]
fn a_hung_store_makes_reads_busy_and_payments_undecided() {
    on_one_thread(async {
        let harness = ActorHarness::calm().await;
        let session = harness.ready().await;
        harness.faults.write(|script| script.loads_take = HANGS);
        let asked = Instant::now();
        let answer = harness.merchants[0].ask(&session.id, Command::Read).await;
        assert_eq!(
            (answer.unwrap_err(), asked.elapsed()),
            (Rejection::Shop(ShopRejection::Busy), DEADLINE + LAST_READ)
        );
        let (asked, payment) = (Instant::now(), harness.payment(&session, "spt_slow0001"));
        let answer = harness.merchants[0].ask(&session.id, payment).await;
        assert_eq!(
            (answer.unwrap_err(), asked.elapsed()),
            (Rejection::Shopper(ShopperRejection::Undecided), DEADLINE + LAST_READ)
        );
    });
}

#[test]
fn an_actor_that_panics_is_rebuilt_and_the_question_is_put_again() {
    on_one_thread(async {
        let harness = ActorHarness::calm().await;
        let session = harness.ready().await;
        harness.faults.write(|script| script.next_step_panics = true);
        let answer = harness.merchants[0].ask(&session.id, Command::Read).await.unwrap();
        assert_eq!(answer.session, session);
        assert_eq!((harness.faults.counted("actor panicked"), harness.at_work()), (1, 1));
    });
}

#[test]
fn a_payment_whose_actor_panics_returns_one_order_to_its_caller() {
    on_one_thread(async {
        let harness = ActorHarness::calm().await;
        let session = harness.ready().await;
        harness.faults.write(|script| script.charges_take = Duration::from_secs(5));
        let paying = harness.merchants[0].ask(&session.id, harness.payment(&session, "spt_once0001"));
        let disturbing = async {
            sleep(Duration::from_secs(2)).await;
            harness.faults.write(|script| script.next_step_panics = true);
            harness.merchants[0].ask(&session.id, Command::Read).await
        };
        let (paid, read) = tokio::join!(paying, disturbing);
        assert_eq!(harness.faults.counted("actor panicked"), 1);
        assert_eq!(read.unwrap().session.state.into_str(), "charging");
        let order = paid.unwrap().order.expect("the payment ends in an order");
        let tenant = harness.merchants[0].tenant();
        let charged = harness.paid(tenant, &session.id);
        assert_eq!(charged.len(), 1);
        assert_eq!(order.order.payment_intent, charged[0].id);
        assert_eq!(harness.row(tenant, &session.id).await.order, Some(order));
    });
}

/// Leaves a payment under way without an actor and without anybody who asks for it.
async fn abandon(harness: &ActorHarness, session: &Session) {
    harness.faults.write(|script| script.charges_take = HANGS);
    let paying = harness.merchants[0].ask(&session.id, harness.payment(session, "spt_left0001"));
    assert!(timeout(Duration::from_secs(2), paying).await.is_err(), "the caller goes");
    harness.faults.write(|script| {
        script.charges_take = Duration::ZERO;
        script.next_step_panics = true;
    });
    let _panics = harness.merchants[0].wake(&session.id);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(harness.faults.counted("actor panicked"), 1);
}

/// Asserts that a session is paid, once, and that its actor has gone to rest.
async fn is_paid_and_rests(harness: &ActorHarness, session: &Session) {
    let tenant = harness.merchants[0].tenant();
    let row = harness.row(tenant, &session.id).await;
    assert!(matches!(row.session.unwrap().1.state, State::Completed { .. }));
    assert_eq!(harness.paid(tenant, &session.id).len(), 1);
    assert_eq!(harness.at_work(), 0);
}

#[test]
fn a_payment_whose_actor_died_is_taken_up_though_nobody_asks() {
    on_one_thread(async {
        let harness = ActorHarness::calm().await;
        let session = harness.ready().await;
        abandon(&harness, &session).await;
        sleep(Duration::from_mins(3)).await;
        is_paid_and_rests(&harness, &session).await;
    });
}

#[test]
fn a_sweep_that_panics_is_not_the_last() {
    on_one_thread(async {
        let harness = ActorHarness::calm().await;
        let session = harness.ready().await;
        harness.faults.write(|script| script.sweeps_panic = true);
        abandon(&harness, &session).await;
        sleep(Duration::from_mins(3)).await;
        assert_eq!(harness.at_work(), 0, "nobody wakes it");
        harness.faults.write(|script| script.sweeps_panic = false);
        sleep(Duration::from_mins(3)).await;
        is_paid_and_rests(&harness, &session).await;
    });
}

#[test]
fn a_full_mailbox_rejects_reads_at_once_and_fails_no_payment() {
    on_one_thread(async {
        let harness = ActorHarness::calm().await;
        let session = harness.ready().await;
        let asked = Instant::now();
        let read = crowd(&harness, &session.id, &Command::Read, 200).await;
        assert_eq!(asked.elapsed(), Duration::ZERO);
        let turned_away =
            read.iter().filter(|answer| matches!(answer, Err(Rejection::Shop(ShopRejection::Busy)))).count();
        let answered = read.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!((answered, turned_away), (64, 136));

        let payment = harness.payment(&session, "spt_crowd001");
        let paid = crowd(&harness, &session.id, &payment, 200).await;
        let undecided = paid
            .iter()
            .filter(|answer| matches!(answer, Err(Rejection::Shopper(ShopperRejection::Undecided))))
            .count();
        let orders: Vec<_> = paid.iter().flatten().filter_map(|answer| answer.order.clone()).collect();
        assert_eq!((orders.len(), undecided), (64, 136));
        assert!(orders.iter().all(|order| *order == orders[0]));
        let charged = harness.paid(harness.merchants[0].tenant(), &session.id);
        assert_eq!(charged.len(), 1);

        let again = harness.merchants[0].ask(&session.id, payment).await.unwrap();
        assert_eq!(again.order.as_ref(), Some(&orders[0]), "whoever was turned away may ask again");
    });
}

#[test]
fn low_disk_space_rejects_new_checkouts_but_not_payments() {
    on_one_thread(async {
        let harness = ActorHarness::calm().await;
        let session = harness.ready().await;
        harness.disk.saw(1, 2);
        let refused = harness.merchants[0].create(shop::two_mugs(), None).await;
        assert!(matches!(refused, Err(Rejection::Shop(ShopRejection::NoRoom))), "{refused:?}");
        let paid =
            harness.merchants[0].ask(&session.id, harness.payment(&session, "spt_room0001")).await.unwrap();
        assert!(paid.order.is_some());
        harness.disk.saw(2, 2);
        harness.merchants[0].create(shop::two_mugs(), None).await.unwrap();
    });
}

#[test]
fn a_payment_on_a_full_disk_is_not_begun_and_can_be_retried() {
    on_one_thread(async {
        let harness = ActorHarness::calm().await;
        let (merchant, session) = (&harness.merchants[0], harness.ready().await);
        harness.faults.write(|script| script.disk_full = true);
        let refused = merchant.ask(&session.id, harness.payment(&session, "spt_full0001")).await.unwrap_err();
        assert_eq!(refused, Rejection::Shop(ShopRejection::NotWritten));
        let told = Wording::for_model().rejection(&refused);
        assert!(told.contains("not begun, and nothing was charged"), "{told}");
        let read = merchant.ask(&session.id, Command::Read).await.unwrap();
        assert!(matches!(read.session.state, State::Ready { .. }));
        harness.faults.write(|script| script.disk_full = false);
        let paid = merchant.ask(&session.id, harness.payment(&session, "spt_full0001")).await.unwrap();
        assert!(paid.order.is_some());
    });
}

#[test]
fn a_crashed_payment_is_undecided_while_its_commit_is_pending() {
    on_one_thread(async {
        let harness = ActorHarness::calm().await;
        let (merchant, session) = (&harness.merchants[0], harness.ready().await);
        harness.faults.write(|script| script.commits_take = Duration::from_secs(5));
        let paying = merchant.ask(&session.id, harness.payment(&session, "spt_died0001"));
        let disturbing = async {
            sleep(Duration::from_secs(2)).await;
            harness.faults.write(|script| {
                script.commits_take = Duration::ZERO;
                script.disk_full = true;
                script.next_step_panics = true;
            });
            let _panics = merchant.wake(&session.id);
            sleep(Duration::from_secs(1)).await;
            harness.faults.write(|script| script.disk_full = false);
        };
        let (told, ()) = tokio::join!(paying, disturbing);
        assert_eq!(harness.faults.counted("actor panicked"), 1);
        sleep(Duration::from_mins(1)).await;
        assert_eq!(harness.paid(merchant.tenant(), &session.id).len(), 1, "it had begun");
        assert_eq!(told.unwrap_err(), Rejection::Shopper(ShopperRejection::Undecided));
    });
}

#[test]
fn the_timeline_records_the_cause_of_a_payment_not_begun() {
    on_one_thread(async {
        let harness = ActorHarness::open(FaultSchedule::calm(), 1, &[shop::view()]);
        harness.faults.write(|script| script.account_unread = true);
        let (merchant, session) = (&harness.merchants[0], harness.ready().await);
        let refused = merchant.ask(&session.id, harness.payment(&session, "spt_early0001")).await;
        assert!(matches!(refused, Err(Rejection::Shop(ShopRejection::AccountUnknown))), "{refused:?}");
        sleep(Duration::from_secs(1)).await;
        let timeline = merchant.records().timeline(&session.id).await.unwrap();
        let told = timeline.iter().find_map(|entry| {
            if let TimelineEvent::PaymentNotBegun(note) = &entry.event { Some(note) } else { None }
        });
        assert_eq!(told.unwrap().cause.as_deref(), Some("its Stripe account is not verified yet"));
    });
}

#[test]
fn account_verification_restarts_after_its_actor_panics() {
    on_one_thread(async {
        let harness = ActorHarness::open(FaultSchedule::calm(), 1, &[shop::view()]);
        harness.faults.write(|script| {
            script.account_unread = true;
            script.next_step_panics = true;
        });
        sleep(Duration::from_secs(1)).await;
        assert_eq!(harness.faults.counted("actor panicked"), 1, "it has drawn how long it waits");
        assert_eq!(harness.merchants[0].view().account, None);
        harness.faults.write(|script| script.account_unread = false);
        sleep(Duration::from_secs(5)).await;
        assert!(harness.merchants[0].view().account.is_some());
        let session = harness.ready().await;
        let paid =
            harness.merchants[0].ask(&session.id, harness.payment(&session, "spt_again0001")).await.unwrap();
        assert!(paid.order.is_some());
    });
}

#[test]
fn an_actor_woken_only_by_the_sweeper_stops_once_idle() {
    on_one_thread(async {
        let harness = ActorHarness::calm().await;
        let session = harness.ready().await;
        let revision = Some(session.revision);
        harness.merchants[0].ask(&session.id, Command::OpenStripeCheckout { revision }).await.unwrap();
        // Whoever asked may ask again; then its actor goes, too.
        sleep(Duration::from_mins(2)).await;
        assert_eq!(harness.at_work(), 0);
        let before = harness.faults.counted("page read");
        for _ in 0..1200 {
            sleep(Duration::from_millis(500)).await;
            assert_eq!(harness.at_work(), 0, "at {:?}", harness.faults.passed());
        }
        assert!(harness.faults.counted("page read") > before + 3, "the page was looked at meanwhile");
    });
}
