//! What dies, fails or goes away in the middle: commits, processes, callers.

use merchant_gateway::domain::checkout::attempt::Seen;
use merchant_gateway::domain::checkout::command::{Command, Patch, Rejection};
use merchant_gateway::domain::checkout::driver::Input;
use merchant_gateway::domain::checkout::effect::Effect;
use merchant_gateway::domain::checkout::session::State;
use merchant_gateway::domain::ids::Revision;
use merchant_gateway::domain::merchant::CheckoutMethod;
use merchant_gateway::domain::time::Span;

use crate::support::bench::{Bench, NextCommit};

use super::{declined, nothing_known, succeeded};

#[test]
fn a_crash_after_the_commit_repeats_the_stored_request() {
    let (mut bench, _) = Bench::charging();
    bench.crash();
    bench.wait_and_wake();
    assert_eq!(bench.effects, [Effect::Charge(bench.charging_state().attempt)]);
    bench.see(succeeded(&bench));
    let asking = bench.pay("spt_first0001");
    assert!(bench.answer(asking).unwrap().order.is_some());
    assert_eq!(bench.attempts.len(), 1);
}

#[test]
fn a_failing_store_stops_a_payment_before_stripe_and_keeps_an_outcome_after_it() {
    let mut bench = Bench::ready();
    let paying = bench.pay("spt_first0001");
    bench.next_commit = NextCommit::Fails;
    bench.tell_token(Ok(bench.good_facts()));
    let told = bench.answer(paying).unwrap_err();
    assert_eq!(told, Rejection::NotWritten, "nothing was written for certain");
    assert!(told.to_string().contains("nothing was charged"), "{told}");
    assert!(bench.effects.is_empty(), "nothing is sent without a durable attempt");
    bench.wait_and_wake();
    assert!(bench.effects.is_empty() && matches!(bench.session().state, State::Ready { .. }));

    let (mut bench, paying) = Bench::charging();
    bench.store_is_down = true;
    bench.see(succeeded(&bench));
    for _ in 0..3 {
        bench.wait_and_wake();
        assert!(bench.waits(paying), "nobody hears of a success that is not durable");
    }
    assert!(!bench.driver.is_idle(), "an outcome is never given up");
    bench.store_is_down = false;
    while bench.waits(paying) {
        bench.wait_and_wake();
    }
    assert!(bench.answer(paying).unwrap().order.is_some());
    assert_eq!(bench.attempts.len(), 1);
}

#[test]
fn a_page_that_could_not_be_written_down_was_not_begun() {
    let mut bench = Bench::ready();
    bench.view.checkout.method = CheckoutMethod::Auto;
    bench.next_commit = NextCommit::Fails;
    let opening = bench.ask(Command::OpenPage { revision: Some(Revision(1)) });
    assert_eq!(bench.answer(opening).unwrap_err(), Rejection::NotWritten);
    assert!(bench.effects.is_empty() && matches!(bench.session().state, State::Ready { .. }));
}

#[test]
fn a_payment_that_could_not_be_written_down_is_not_called_off_while_another_caller_brings_it() {
    let mut bench = Bench::ready();
    let first = bench.pay("spt_first0001");
    let second = bench.pay("spt_first0001");
    let [asked, asked_too] = bench.gathers[..] else { panic!("both are looked at: {:?}", bench.gathers) };
    let facts = || Ok(bench.good_facts());
    let (facts, facts_too) = (facts(), facts());
    bench.next_commit = NextCommit::Fails;
    bench.feed(Input::Gathered { task: asked, facts });
    assert_eq!(bench.answer(first).unwrap_err(), Rejection::Undecided);
    bench.feed(Input::Gathered { task: asked_too, facts: facts_too });
    bench.see(succeeded(&bench));
    assert!(bench.answer(second).unwrap().order.is_some());
}

#[test]
fn an_attempt_whose_commit_was_done_unheard_is_carried_on() {
    let mut bench = Bench::ready();
    let paying = bench.pay("spt_first0001");
    bench.next_commit = NextCommit::FailsButIsDone;
    bench.tell_token(Ok(bench.good_facts()));
    assert_eq!(bench.answer(paying).unwrap_err(), Rejection::Undecided);
    bench.wait_and_wake();
    bench.wait_and_wake();
    assert!(matches!(bench.effects[..], [Effect::Charge(_)]));
    bench.see(succeeded(&bench));
    let again = bench.pay("spt_first0001");
    assert!(bench.answer(again).unwrap().order.is_some());
}

#[test]
fn a_caller_that_meets_conflicts_is_tried_again_and_then_told() {
    let mut bench = Bench::ready();
    bench.next_commit = NextCommit::Conflicts;
    let edit = bench.update(Patch::default());
    assert!(bench.answer(edit).is_ok(), "one conflict is nothing");

    let paying = bench.pay("spt_first0001");
    for _ in 0..3 {
        bench.next_commit = NextCommit::Conflicts;
        bench.tell_token(Ok(bench.good_facts()));
    }
    assert_eq!(bench.answer(paying).unwrap_err(), Rejection::Busy);
    assert!(bench.effects.is_empty());
}

#[test]
fn an_outcome_that_meets_a_conflict_is_stepped_again() {
    let (mut bench, paying) = Bench::charging();
    bench.next_commit = NextCommit::Conflicts;
    bench.see(succeeded(&bench));
    assert!(bench.answer(paying).unwrap().order.is_some());
}

#[test]
fn a_caller_that_goes_before_the_commit_stops_the_payment_and_after_it_does_not() {
    let mut bench = Bench::ready();
    let paying = bench.pay("spt_first0001");
    bench.feed(merchant_gateway::domain::checkout::driver::Input::GivenUp(paying));
    bench.tell_token(Ok(bench.good_facts()));
    assert!(bench.effects.is_empty() && bench.attempts.is_empty());

    let (mut bench, paying) = Bench::charging();
    bench.feed(merchant_gateway::domain::checkout::driver::Input::GivenUp(paying));
    bench.see(succeeded(&bench));
    assert!(matches!(bench.session().state, State::Completed { .. }));
}

#[test]
fn a_repeat_that_nobody_could_look_at_is_never_told_that_nothing_was_charged() {
    let (mut bench, _) = Bench::charging();
    bench.store_is_down = true;
    let again = bench.pay_revision("spt_first0001", Some(Revision(1)));
    assert_eq!(bench.answer(again).unwrap_err(), Rejection::Undecided);
    let reading = bench.ask(Command::Read);
    assert_eq!(bench.answer(reading).unwrap_err(), Rejection::Unavailable);
    for rejection in [Rejection::Undecided, Rejection::Unavailable, Rejection::Busy] {
        assert!(!rejection.to_string().contains("nothing was charged"), "{rejection}");
    }
}

#[test]
fn callers_are_answered_when_the_deciding_commit_was_done_unheard() {
    for paid in [true, false] {
        let (mut bench, paying) = Bench::charging();
        bench.next_commit = NextCommit::FailsButIsDone;
        let seen = if paid { succeeded(&bench) } else { declined() };
        bench.see(seen);
        bench.wait_and_wake();
        assert_eq!(bench.answer(paying).unwrap().order.is_some(), paid);
        assert!(bench.driver.is_idle());
    }
}

#[test]
fn a_session_whose_end_cannot_be_written_answers_all_the_same() {
    let mut bench = Bench::ready();
    bench.pass(Span::hours(3));
    bench.commits_fail = true;
    let reading = bench.ask(Command::Read);
    assert_eq!(bench.answer(reading).unwrap_err(), Rejection::Unavailable);
    let paying = bench.pay("spt_first0001");
    assert_eq!(bench.answer(paying).unwrap_err(), Rejection::Undecided);
    bench.commits_fail = false;
    bench.wait_and_wake();
    assert_eq!(bench.session().state, State::Expired);
    assert!(bench.driver.is_idle(), "nothing is left over");
}

#[test]
fn a_caller_that_goes_is_not_forgotten_when_another_goes_too() {
    use merchant_gateway::domain::checkout::driver::{Driver, Input, Output, RequestId};
    use merchant_gateway::domain::checkout::step::Moment;
    let bench = Bench::ready();
    let mut driver = Driver::new(bench.id.clone());
    let moment = Moment { now: bench.now, jitter: 0.5, random: 1, webhooks_arrive: false };
    let mut on = |input| driver.on(input, moment, &bench.view);
    on(Input::Asked { request: RequestId(1), command: Box::new(Command::Cancel) });
    on(Input::GivenUp(RequestId(1)));
    on(Input::GivenUp(RequestId(2)));
    let loaded = bench.row();
    let wanted = on(Input::Loaded(Ok(Box::new(loaded))));
    assert!(!wanted.iter().any(|output| matches!(output, Output::Commit(_))), "{wanted:?}");
}

#[test]
fn a_refusal_whose_commit_was_done_unheard_stays_what_it_was() {
    let refusals = [
        Seen::TokenRefused { maybe_consumed: false, detail: String::new() },
        Seen::RequestRefused { detail: String::new() },
    ];
    for refusal in refusals {
        let (mut bench, paying) = Bench::charging();
        bench.see(nothing_known());
        bench.wait_and_wake();
        bench.next_commit = NextCommit::FailsButIsDone;
        bench.see(refusal);
        bench.wait_and_wake();
        assert!(matches!(bench.session().state, State::Charging(_)), "the first send may have paid");
        while bench.effects.is_empty() {
            bench.wait_and_wake();
        }
        bench.see(succeeded(&bench));
        assert!(bench.answer(paying).unwrap().order.is_some());
    }
}

#[test]
fn nobody_shortens_the_pause_of_a_store_that_failed() {
    let (mut bench, _) = Bench::charging();
    bench.commits_fail = true;
    bench.see(succeeded(&bench));
    let before = bench.commits;
    for _ in 0..50 {
        bench.wake();
    }
    assert_eq!(bench.commits, before, "being woken is no reason to try again");
    bench.wait_and_wake();
    assert_eq!(bench.commits, before + 1);
}
