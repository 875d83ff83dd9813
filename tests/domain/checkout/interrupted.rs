//! What dies, fails or goes away in the middle: commits, processes, callers.

use merchant_gateway::domain::checkout::driver::Input;
use merchant_gateway::domain::checkout::model::{
    Command, Effect, Observation, Patch, Rejection, ShopRejection, ShopperRejection, State,
};
use merchant_gateway::domain::ids::Revision;
use merchant_gateway::domain::merchant::CheckoutMethod;
use merchant_gateway::domain::time::Span;
use merchant_gateway::protocol::texts::wording::Wording;

use test_support::driver_harness::{DriverHarness, NextCommit};

use super::{declined, nothing_known, succeeded};

#[test]
fn a_crash_after_the_commit_repeats_the_stored_request() {
    let (mut harness, _) = DriverHarness::charging();
    harness.crash();
    harness.wait_and_wake();
    assert_eq!(harness.effects, [Effect::Charge(harness.charging_state().attempt.number)]);
    harness.see(succeeded(&harness));
    let asking = harness.pay("spt_first0001");
    assert!(harness.answer(asking).unwrap().order.is_some());
    assert_eq!(harness.attempts.len(), 1);
}

#[test]
fn a_store_failure_blocks_a_payment_but_never_loses_its_outcome() {
    let mut harness = DriverHarness::ready();
    let paying = harness.pay("spt_first0001");
    harness.next_commit = NextCommit::Fails;
    harness.tell_token(Ok(harness.good_facts()));
    let told = harness.answer(paying).unwrap_err();
    assert_eq!(told, Rejection::Shop(ShopRejection::NotWritten), "nothing was written for certain");
    let told = Wording::for_model().rejection(&told);
    assert!(told.contains("nothing was charged"), "{told}");
    assert!(harness.effects.is_empty(), "nothing is sent without a durable attempt");
    harness.wait_and_wake();
    assert!(harness.effects.is_empty() && matches!(harness.session().state, State::Ready { .. }));

    let (mut harness, paying) = DriverHarness::charging();
    harness.store_is_down = true;
    harness.see(succeeded(&harness));
    for _ in 0..3 {
        harness.wait_and_wake();
        assert!(harness.waits(paying), "nobody hears of a success that is not durable");
    }
    assert!(!harness.driver.is_idle(), "an outcome is never given up");
    harness.store_is_down = false;
    while harness.waits(paying) {
        harness.wait_and_wake();
    }
    assert!(harness.answer(paying).unwrap().order.is_some());
    assert_eq!(harness.attempts.len(), 1);
}

#[test]
fn a_page_that_could_not_be_written_down_was_not_begun() {
    let mut harness = DriverHarness::ready();
    harness.view.checkout.method = CheckoutMethod::Auto;
    harness.next_commit = NextCommit::Fails;
    let opening = harness.ask(Command::OpenStripeCheckout { revision: Some(Revision(1)) });
    assert_eq!(harness.answer(opening).unwrap_err(), Rejection::Shop(ShopRejection::NotWritten));
    assert!(harness.effects.is_empty() && matches!(harness.session().state, State::Ready { .. }));
}

#[test]
fn a_failed_commit_is_undecided_while_another_caller_also_pays() {
    let mut harness = DriverHarness::ready();
    let first = harness.pay("spt_first0001");
    let second = harness.pay("spt_first0001");
    let [asked, asked_too] = harness.gathers[..] else { panic!("both are looked at: {:?}", harness.gathers) };
    let facts = || Ok(harness.good_facts());
    let (facts, facts_too) = (facts(), facts());
    harness.next_commit = NextCommit::Fails;
    harness.feed(Input::Gathered { task: asked, facts });
    assert_eq!(harness.answer(first).unwrap_err(), Rejection::Shopper(ShopperRejection::Undecided));
    harness.feed(Input::Gathered { task: asked_too, facts: facts_too });
    harness.see(succeeded(&harness));
    assert!(harness.answer(second).unwrap().order.is_some());
}

#[test]
fn an_attempt_whose_commit_was_done_unheard_is_carried_on() {
    let mut harness = DriverHarness::ready();
    let paying = harness.pay("spt_first0001");
    harness.next_commit = NextCommit::FailsButIsDone;
    harness.tell_token(Ok(harness.good_facts()));
    assert_eq!(harness.answer(paying).unwrap_err(), Rejection::Shopper(ShopperRejection::Undecided));
    harness.wait_and_wake();
    harness.wait_and_wake();
    assert!(matches!(harness.effects[..], [Effect::Charge(_)]));
    harness.see(succeeded(&harness));
    let again = harness.pay("spt_first0001");
    assert!(harness.answer(again).unwrap().order.is_some());
}

#[test]
fn a_caller_that_meets_conflicts_is_tried_again_and_then_told() {
    let mut harness = DriverHarness::ready();
    harness.next_commit = NextCommit::Conflicts;
    let edit = harness.update(Patch::default());
    assert!(harness.answer(edit).is_ok(), "one conflict is nothing");

    let paying = harness.pay("spt_first0001");
    for _ in 0..3 {
        harness.next_commit = NextCommit::Conflicts;
        harness.tell_token(Ok(harness.good_facts()));
    }
    assert_eq!(harness.answer(paying).unwrap_err(), Rejection::Shop(ShopRejection::Busy));
    assert!(harness.effects.is_empty());
}

#[test]
fn an_outcome_that_meets_a_conflict_is_stepped_again() {
    let (mut harness, paying) = DriverHarness::charging();
    harness.next_commit = NextCommit::Conflicts;
    harness.see(succeeded(&harness));
    assert!(harness.answer(paying).unwrap().order.is_some());
}

#[test]
fn a_departing_caller_stops_a_payment_only_before_the_commit() {
    let mut harness = DriverHarness::ready();
    let paying = harness.pay("spt_first0001");
    harness.feed(merchant_gateway::domain::checkout::driver::Input::GivenUp(paying));
    harness.tell_token(Ok(harness.good_facts()));
    assert!(harness.effects.is_empty() && harness.attempts.is_empty());

    let (mut harness, paying) = DriverHarness::charging();
    harness.feed(merchant_gateway::domain::checkout::driver::Input::GivenUp(paying));
    harness.see(succeeded(&harness));
    assert!(matches!(harness.session().state, State::Completed { .. }));
}

#[test]
fn a_repeat_never_claims_no_charge_while_the_store_is_down() {
    let (mut harness, _) = DriverHarness::charging();
    harness.store_is_down = true;
    let again = harness.pay_revision("spt_first0001", Some(Revision(1)));
    assert_eq!(harness.answer(again).unwrap_err(), Rejection::Shopper(ShopperRejection::Undecided));
    let reading = harness.ask(Command::Read);
    assert_eq!(harness.answer(reading).unwrap_err(), Rejection::Shop(ShopRejection::Unavailable));
    for rejection in [
        Rejection::Shopper(ShopperRejection::Undecided),
        Rejection::Shop(ShopRejection::Unavailable),
        Rejection::Shop(ShopRejection::Busy),
    ] {
        assert!(
            !Wording::for_model().rejection(&rejection).to_lowercase().contains("nothing was charged"),
            "{rejection}"
        );
    }
}

#[test]
fn callers_are_answered_when_the_deciding_commit_was_done_unheard() {
    for paid in [true, false] {
        let (mut harness, paying) = DriverHarness::charging();
        harness.next_commit = NextCommit::FailsButIsDone;
        let seen = if paid { succeeded(&harness) } else { declined() };
        harness.see(seen);
        harness.wait_and_wake();
        assert_eq!(harness.answer(paying).unwrap().order.is_some(), paid);
        assert!(harness.driver.is_idle());
    }
}

#[test]
fn a_session_whose_end_cannot_be_written_answers_all_the_same() {
    let mut harness = DriverHarness::ready();
    harness.pass(Span::hours(3));
    harness.commits_fail = true;
    let reading = harness.ask(Command::Read);
    assert_eq!(harness.answer(reading).unwrap_err(), Rejection::Shop(ShopRejection::Unavailable));
    let paying = harness.pay("spt_first0001");
    assert_eq!(harness.answer(paying).unwrap_err(), Rejection::Shopper(ShopperRejection::Undecided));
    harness.commits_fail = false;
    harness.wait_and_wake();
    assert_eq!(harness.session().state, State::Expired);
    assert!(harness.driver.is_idle(), "nothing is left over");
}

#[test]
fn a_caller_that_goes_is_not_forgotten_when_another_goes_too() {
    use merchant_gateway::domain::checkout::driver::{Driver, Input, Output, RequestId};
    use merchant_gateway::domain::checkout::model::Moment;
    let harness = DriverHarness::ready();
    let mut driver = Driver::new(harness.id.clone());
    let moment = Moment { now: harness.now, jitter: 0.5, random: 1, webhooks_arrive: false };
    let mut on = |input| driver.on(input, moment, &harness.view);
    on(Input::Requested { request: RequestId(1), command: Box::new(Command::Cancel) });
    on(Input::GivenUp(RequestId(1)));
    on(Input::GivenUp(RequestId(2)));
    let loaded = harness.row();
    let wanted = on(Input::Loaded(Ok(Box::new(loaded))));
    assert!(!wanted.iter().any(|output| matches!(output, Output::Commit(_))), "{wanted:?}");
}

#[test]
fn a_refusal_whose_commit_was_done_unheard_stays_what_it_was() {
    let refusals = [
        Observation::TokenRefused { maybe_consumed: false, detail: String::new() },
        Observation::RequestRefused { detail: String::new() },
    ];
    for refusal in refusals {
        let (mut harness, paying) = DriverHarness::charging();
        harness.see(nothing_known());
        harness.wait_and_wake();
        harness.next_commit = NextCommit::FailsButIsDone;
        harness.see(refusal);
        harness.wait_and_wake();
        assert!(matches!(harness.session().state, State::Charging(_)), "the first send may have paid");
        while harness.effects.is_empty() {
            harness.wait_and_wake();
        }
        harness.see(succeeded(&harness));
        assert!(harness.answer(paying).unwrap().order.is_some());
    }
}

#[test]
fn nobody_shortens_the_pause_of_a_store_that_failed() {
    let (mut harness, _) = DriverHarness::charging();
    harness.commits_fail = true;
    harness.see(succeeded(&harness));
    let before = harness.commits;
    for _ in 0..50 {
        harness.wake();
    }
    assert_eq!(harness.commits, before, "being woken is no reason to try again");
    harness.wait_and_wake();
    assert_eq!(harness.commits, before + 1);
}
