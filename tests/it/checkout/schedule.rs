//! The pauses between two tries, to the millisecond: half of each is drawn by chance, and the workbench draws the middle.

use merchant_gateway::domain::checkout::aftersales::{OrderSeen, RefundAnswer};
use merchant_gateway::domain::checkout::attempt::{IntentStatus, Seen, Unknown};
use merchant_gateway::domain::checkout::command::{Command, Patch};
use merchant_gateway::domain::checkout::due::due_at;
use merchant_gateway::domain::checkout::effect::{Effect, OrderEffect};
use merchant_gateway::domain::checkout::hint::Hint;
use merchant_gateway::domain::checkout::hosted::PageStatus;
use merchant_gateway::domain::checkout::session::State;
use merchant_gateway::domain::order::RefundStatus;
use merchant_gateway::domain::stripe_event::Concern;
use merchant_gateway::domain::time::Span;

use crate::support::bench::Bench;

use super::pace::{decided_unread, unread};
use super::pages::{awaiting, open_page, page};
use super::refunds::{answered, asking, nothing_known, refused, seen_refund, sends, shows};
use super::succeeded;

/// The first pause of every kind of try, at the middle of its spread.
const FIRST: i64 = 375;

/// How long it waits now, in milliseconds.
fn pause(bench: &Bench) -> i64 {
    assert!(bench.effects.is_empty(), "{:?}", bench.effects);
    due_at(bench.session()).expect("it waits").since(bench.now).as_millis()
}

/// The pauses between so many tries, each of which is answered in this way.
fn pauses(bench: &mut Bench, answer: fn(&mut Bench), count: usize) -> Vec<i64> {
    let mut pauses = Vec::new();
    while pauses.len() < count {
        if bench.effects.is_empty() {
            pauses.push(pause(bench));
            bench.now = due_at(bench.session()).unwrap();
            bench.wake();
        }
        answer(bench);
    }
    pauses
}

fn page_is_open(bench: &mut Bench) {
    let open = Seen::Page(page(bench, PageStatus::Open));
    bench.see(open);
}

fn comes_back(bench: &mut Bench) {
    bench.ask(Command::Hear(Hint::payment()));
}

/// An order at which somebody has just said that there is something to see, with the look under way.
fn hinted_order() -> Bench {
    let (mut bench, _) = Bench::charging();
    bench.see(succeeded(&bench));
    bench.ask(Command::Hear(Hint { concern: Concern::Order, payment: None }));
    assert!(matches!(bench.effects[..], [Effect::Order(OrderEffect::Read { .. })]));
    bench
}

#[test]
fn the_pauses_of_a_refund_that_is_sent_again_double_up_to_a_minute() {
    let (mut bench, _) = asking();
    let found = pauses(&mut bench, |bench| answered(bench, nothing_known()), 9);
    assert_eq!(found, [375, 750, 1_500, 3_000, 6_000, 12_000, 24_000, 45_000, 45_000]);
}

#[test]
fn a_refund_whose_repeat_was_refused_is_not_sent_once_more_without_a_pause() {
    let (mut bench, _) = asking();
    answered(&mut bench, nothing_known());
    bench.wait_and_wake();
    answered(&mut bench, refused(false));
    assert_eq!(pause(&bench), 2 * FIRST);
    bench.wait_and_wake();
    assert!(sends(&bench));
}

#[test]
fn a_refund_that_the_key_cannot_ask_for_once_more_waits_for_its_pause() {
    for answer in [RefundAnswer::KeyRefused, RefundAnswer::Unverified, RefundAnswer::OtherAccount] {
        let (mut bench, _) = asking();
        answered(&mut bench, nothing_known());
        bench.wait_and_wake();
        answered(&mut bench, answer);
        assert_eq!(pause(&bench), 2 * FIRST);
    }
}

#[test]
fn a_payment_that_is_under_way_is_read_by_its_own_id_from_then_on() {
    let (mut bench, _) = Bench::charging();
    bench.see(Seen::Unknown(Unknown { cannot_repeat: true, ..Unknown::default() }));
    assert!(matches!(&bench.effects[..], [Effect::Read { intent: None, .. }]), "{:?}", bench.effects);
    let processing = bench.intent(IntentStatus::Processing);
    bench.see(Seen::Intent(processing.clone()));
    bench.wait_and_wake();
    let [Effect::Read { intent, .. }] = &bench.effects[..] else { panic!("{:?}", bench.effects) };
    assert_eq!(*intent, Some(processing.id));
}

#[test]
fn a_second_look_that_comes_too_soon_for_a_refund_is_made_again_half_a_minute_later() {
    let (mut bench, _) = asking();
    answered(&mut bench, RefundAnswer::Conflict);
    let first = bench.now + Span::minutes(2);
    bench.now = first;
    shows(&mut bench, vec![]);
    assert_eq!(pause(&bench), 30_000);
    for _ in 0..3 {
        bench.ask(Command::Hear(Hint { concern: Concern::Order, payment: None }));
        bench.pass(Span::millis(1));
        shows(&mut bench, vec![]);
        let (_, refund) = bench.session().book.asking().expect("it is not decided");
        assert_eq!(refund.next_try.since(bench.now).as_millis(), 30_000);
    }
}

#[test]
fn a_look_at_an_order_that_shows_something_new_is_followed_by_the_next_within_a_minute() {
    let (mut bench, _) = asking();
    let pending = seen_refund("re_1", RefundStatus::Pending, bench.now);
    answered(&mut bench, RefundAnswer::Made(pending.clone()));
    assert_eq!(pause(&bench), 45_000);
    for _ in 0..3 {
        bench.now = due_at(bench.session()).unwrap();
        bench.wake();
        bench.pass(Span::millis(1));
        shows(&mut bench, vec![pending.clone()]);
    }
    assert_eq!(pause(&bench), 8 * 45_000, "while nothing is new the pauses double");
    bench.now = due_at(bench.session()).unwrap();
    bench.wake();
    bench.pass(Span::millis(1));
    let by_hand = seen_refund("re_2", RefundStatus::Pending, bench.now);
    shows(&mut bench, vec![pending, by_hand]);
    assert_eq!(pause(&bench), 45_000);
}

#[test]
fn a_hint_in_the_very_moment_in_which_a_look_begins_has_the_order_looked_at_again() {
    let mut bench = hinted_order();
    let asked = bench.now;
    bench.see_order(OrderSeen::Read { refunds: vec![], disputes: Some(vec![]), asked, complete: true });
    assert_eq!(pause(&bench), 0, "it may have missed it");
    bench.wake();
    bench.pass(Span::millis(1));
    shows(&mut bench, vec![]);
    assert!(pause(&bench) > Span::hours(20).as_millis());
}

#[test]
fn a_look_that_is_put_off_at_once_waits_like_any_other() {
    let mut bench = hinted_order();
    bench.see_order(OrderSeen::PutOff { after: Span::seconds(20) });
    assert_eq!(pause(&bench), 20_000);

    let (mut bench, _) = asking();
    answered(&mut bench, RefundAnswer::Conflict);
    bench.see_order(OrderSeen::PutOff { after: Span::seconds(20) });
    assert_eq!(pause(&bench), 20_000);
}

#[test]
fn a_look_that_a_webhook_wants_and_that_is_put_off_does_not_put_off_that_for_a_refund() {
    let (mut bench, _) = asking();
    answered(&mut bench, RefundAnswer::Conflict);
    bench.now = bench.now + Span::minutes(2);
    shows(&mut bench, vec![]);
    let due = due_at(bench.session()).unwrap();
    bench.ask(Command::Hear(Hint { concern: Concern::Order, payment: None }));
    bench.see_order(OrderSeen::PutOff { after: Span::minutes(1) });
    assert_eq!(due_at(bench.session()), Some(due), "it was not due yet");
}

#[test]
fn a_page_that_somebody_waits_for_is_looked_at_eight_times_in_two_minutes_and_then_like_any_other() {
    let mut bench = awaiting();
    comes_back(&mut bench);
    let found = pauses(&mut bench, page_is_open, 10);
    let quick = [375, 750, 1_500, 3_000, 6_000, 12_000, 24_000, 45_000];
    assert_eq!(found, [&quick[..], &[135_000, 135_000]].concat());
}

#[test]
fn a_shopper_who_comes_back_again_and_again_has_the_page_looked_at_within_ten_seconds() {
    let mut bench = awaiting();
    bench.webhooks_arrive = true;
    for returns in 1..=5 {
        comes_back(&mut bench);
        let at_once = !bench.effects.is_empty();
        assert_eq!(at_once, returns <= 3, "return {returns}");
        if at_once {
            page_is_open(&mut bench);
            // Nobody waits any more by the time of the next return.
            pauses(&mut bench, page_is_open, 9);
        } else {
            assert_eq!(pause(&bench), 10_000);
        }
    }
}

#[test]
fn a_page_that_is_open_after_some_tries_to_open_it_is_looked_at_soon() {
    let mut bench = Bench::ready();
    open_page(&mut bench);
    for _ in 0..5 {
        unread(&mut bench);
        bench.wait_and_wake();
    }
    page_is_open(&mut bench);
    assert_eq!(pause(&bench), 1_500, "three quarters of two seconds, as if it had been opened at once");
}

#[test]
fn a_page_that_is_still_open_when_its_time_is_over_is_not_asked_about_without_a_pause() {
    let mut bench = awaiting();
    let State::AwaitingHosted { hosted, .. } = &bench.session().state else { panic!("it is open") };
    bench.now = hosted.expires + Span::seconds(2);
    bench.wake();
    page_is_open(&mut bench);
    assert!(pause(&bench) >= FIRST);
}

#[test]
fn a_page_whose_opening_died_with_its_process_is_asked_for_again_after_a_pause() {
    let mut bench = Bench::ready();
    open_page(&mut bench);
    bench.crash();
    assert_eq!(pause(&bench), FIRST);
    bench.wait_and_wake();
    assert!(matches!(bench.effects[..], [Effect::OpenPage(_)]));
}

#[test]
fn no_two_requests_to_close_a_page_are_one_for_stripe() {
    let mut bench = awaiting();
    bench.update(Patch::default());
    let mut tries = Vec::new();
    for _ in 0..4 {
        let [Effect::ClosePage { tries: before, .. }] = bench.effects[..] else {
            panic!("{:?}", bench.effects)
        };
        tries.push(before);
        unread(&mut bench);
        bench.wait_and_wake();
    }
    assert_eq!(tries, [0, 1, 2, 3]);
}

#[test]
fn a_webhook_has_a_page_that_is_being_closed_looked_at_now() {
    let mut bench = awaiting();
    bench.update(Patch::default());
    for _ in 0..6 {
        unread(&mut bench);
        bench.wait_and_wake();
    }
    unread(&mut bench);
    assert!(pause(&bench) > 10_000);
    bench.ask(Command::Hear(Hint::payment()));
    assert!(matches!(bench.effects[..], [Effect::ClosePage { .. }]), "{:?}", bench.effects);
}

#[test]
fn a_page_that_could_not_be_read_for_most_of_a_day_is_tried_to_be_closed_for_a_day_from_then_on() {
    let mut bench = awaiting();
    let began = bench.now;
    while bench.now < began + Span::hours(23) {
        bench.now = due_at(bench.session()).unwrap();
        bench.wake();
        unread(&mut bench);
    }
    let State::AwaitingHosted { hosted, .. } = &bench.session().state else { panic!("nobody is asked yet") };
    assert!(hosted.unread.count > 20);
    bench.update(Patch::default());
    let closing = bench.now;
    while matches!(bench.session().state, State::ClosingHosted { .. }) {
        unread(&mut bench);
        bench.now = due_at(bench.session()).unwrap_or(bench.now);
        bench.wake();
    }
    assert!(matches!(bench.session().state, State::Frozen { .. }));
    let hours = bench.now.since(closing).as_millis() / Span::hours(1).as_millis();
    assert_eq!(hours, 24);
}

#[test]
fn what_an_operator_called_unpaid_is_read_for_the_first_time_after_a_first_pause() {
    let bench = decided_unread();
    assert_eq!(pause(&bench), FIRST);
}

#[test]
fn a_payment_that_must_be_canceled_is_canceled_at_once_also_by_the_next_process() {
    let (mut bench, _) = Bench::charging();
    bench.see(Seen::Intent(bench.intent(IntentStatus::RequiresAction)));
    assert!(matches!(bench.effects[..], [Effect::Cancel { .. }]));
    bench.crash();
    assert!(matches!(bench.effects[..], [Effect::Cancel { .. }]), "{:?}", bench.effects);
}
