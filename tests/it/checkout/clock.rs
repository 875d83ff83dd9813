//! A clock that is set back: nothing waits longer than its longest pause, and no pause is cut short.

use merchant_gateway::domain::checkout::aftersales::RefundAnswer;
use merchant_gateway::domain::checkout::attempt::{Seen, Unknown};
use merchant_gateway::domain::checkout::due::due_at;
use merchant_gateway::domain::checkout::effect::Effect;
use merchant_gateway::domain::checkout::session::State;
use merchant_gateway::domain::time::Span;

use crate::support::bench::Bench;

use super::pace::{CASES, Case, MINUTE, MORE, decided_unread, unread};
use super::pages::open_page;
use super::refunds::{answered, asking, sends};

/// The longest pause between two looks at an open page, whoever waits for it.
const OPEN_PAGE: Span = Span::minutes(10);

/// Waits as long as its longest pause and no longer: before that it would be a pause that nobody makes.
fn waits_no_longer_than(longest: Span, bench: &mut Bench, name: &str) {
    assert!(bench.effects.is_empty(), "{name}: {:?}", bench.effects);
    let due = due_at(bench.session()).expect("it waits");
    bench.now = due - longest;
    bench.wake();
    assert!(bench.effects.is_empty(), "{name}: its pause is kept");
    bench.now = due - longest - Span::millis(1);
    bench.wake();
    assert_eq!(bench.effects.len(), 1, "{name}: the clock was set back");
}

#[test]
fn whatever_would_wait_for_longer_than_its_longest_pause_is_done_at_once() {
    // A settled order is looked at after days, whatever the clock says.
    for case in CASES.into_iter().chain(MORE).filter(|case| !case.name.starts_with("an order")) {
        let Case { name, make, answer, longest, .. } = case;
        let mut bench = make();
        while !bench.effects.is_empty() {
            answer(&mut bench);
        }
        let is_open_page = matches!(bench.session().state, State::AwaitingHosted { .. });
        waits_no_longer_than(if is_open_page { OPEN_PAGE } else { longest }, &mut bench, name);
    }
    let mut bench = Bench::ready();
    open_page(&mut bench);
    unread(&mut bench);
    waits_no_longer_than(MINUTE, &mut bench, "a page that is being opened");
}

#[test]
fn a_pause_that_stripe_asked_a_refund_for_is_kept_unless_the_clock_is_set_back_behind_it() {
    let (mut bench, _) = asking();
    let told = bench.now;
    let retry_after = Some(Span::minutes(10));
    answered(&mut bench, RefundAnswer::Unknown(Unknown { retry_after, ..Unknown::default() }));
    assert_eq!(due_at(bench.session()), Some(told + Span::minutes(10)));
    bench.wake();
    assert!(bench.effects.is_empty(), "Stripe asked for it");
    bench.now = told - Span::millis(1);
    bench.wake();
    assert!(sends(&bench), "nobody knows when it was asked for");
}

#[test]
fn a_pause_of_a_minute_that_stripe_asks_for_is_no_longer_than_any_of_ours() {
    let (mut bench, _) = asking();
    let told = bench.now;
    let retry_after = Some(MINUTE);
    answered(&mut bench, RefundAnswer::Unknown(Unknown { retry_after, ..Unknown::default() }));
    let (_, refund) = bench.session().book.asking().unwrap();
    assert_eq!((refund.next_try, refund.sends.told_to_wait), (told + MINUTE, None));
}

#[test]
fn the_last_look_at_an_attempt_waits_for_its_day_whatever_the_clock_says() {
    let mut bench = decided_unread();
    bench.now = due_at(bench.session()).unwrap();
    bench.wake();
    bench.see(Seen::Absent {
        asked: bench.session().unconfirmed.as_ref().unwrap().repeat_until + Span::minutes(2),
    });
    let arrived_by = bench.session().last_looks[0].arrived_by.unwrap();
    assert_eq!(arrived_by, bench.now + Span::hours(24));
    bench.now = arrived_by - Span::hours(30);
    bench.wake();
    assert!(bench.effects.is_empty(), "nothing that it could see has arrived");
    // From then on it is read like any other, with pauses of six hours at most.
    bench.now = arrived_by;
    bench.wake();
    loop {
        assert!(matches!(bench.effects[..], [Effect::Read { .. }]), "{:?}", bench.effects);
        unread(&mut bench);
        let due = due_at(bench.session()).expect("it is read for days");
        if due.since(bench.now) > Span::hours(4) {
            break;
        }
        bench.now = due;
        bench.wake();
    }
    waits_no_longer_than(Span::hours(6), &mut bench, "a last look");
}
