//! The pauses between two tries, to the millisecond: half of each is drawn by chance, and the workbench draws the middle.

use merchant_gateway::domain::checkout::aftersales::{OrderSeen, RefundAnswer, RefundWish};
use merchant_gateway::domain::checkout::attempt::{IntentStatus, Seen, Unknown};
use merchant_gateway::domain::checkout::command::{Command, Patch, Rejection};
use merchant_gateway::domain::checkout::decision::Decision;
use merchant_gateway::domain::checkout::due::due_at;
use merchant_gateway::domain::checkout::effect::{Effect, OrderEffect};
use merchant_gateway::domain::checkout::hint::Hint;
use merchant_gateway::domain::checkout::hosted::PageStatus;
use merchant_gateway::domain::checkout::session::State;
use merchant_gateway::domain::ids::RefundNumber;
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::order::{Dispute, DisputeStatus, RefundStatus};
use merchant_gateway::domain::stripe_event::Concern;
use merchant_gateway::domain::time::{Span, Timestamp};

use crate::support::bench::Bench;
use crate::support::shop;

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

/// An order with a dispute that is open, looked at four times since anything was new.
fn disputed() -> Bench {
    let mut bench = hinted_order();
    for _ in 0..4 {
        bench.pass(Span::millis(1));
        dispute_is_shown(&mut bench);
        bench.now = due_at(bench.session()).unwrap();
        bench.wake();
    }
    bench.pass(Span::millis(1));
    dispute_is_shown(&mut bench);
    assert_eq!(pause(&bench), 16 * 45_000);
    bench
}

fn dispute_is_shown(bench: &mut Bench) {
    let dispute = Dispute {
        id: "du_1".parse().unwrap(),
        amount: Money::new(100, shop::usd()),
        reason: "fraudulent".to_owned(),
        status: DisputeStatus::new("needs_response".to_owned()),
        created: Timestamp::from_seconds(1_800_000_000),
    };
    let (asked, disputes) = (bench.now, Some(vec![dispute]));
    bench.see_order(OrderSeen::Read { refunds: vec![], disputes, asked, complete: true });
}

#[test]
fn a_webhook_has_an_order_looked_at_as_often_as_at_first_from_then_on() {
    let mut bench = disputed();
    bench.ask(Command::Hear(Hint { concern: Concern::Order, payment: None }));
    bench.pass(Span::millis(1));
    dispute_is_shown(&mut bench);
    assert_eq!(pause(&bench), 45_000);
}

#[test]
fn a_refund_that_is_made_has_its_order_looked_at_as_often_as_at_first_from_then_on() {
    let mut bench = disputed();
    let wish = RefundWish { reference: "r".parse().unwrap(), amount: Some(100), reason: None };
    bench.ask(Command::Refund(wish));
    let made = seen_refund("re_1", RefundStatus::Pending, bench.now);
    answered(&mut bench, RefundAnswer::Made(made));
    assert_eq!(pause(&bench), 45_000);
}

#[test]
fn an_order_that_cannot_be_read_is_looked_at_forty_times_before_only_its_days_are_left() {
    let mut bench = hinted_order();
    let mut looks = 0;
    loop {
        bench.see_order(OrderSeen::Unread);
        looks += 1;
        let due = due_at(bench.session()).unwrap();
        if due.since(bench.now) > Span::hours(6) {
            break;
        }
        bench.now = due;
        bench.wake();
    }
    assert_eq!(looks, 41, "the last of them finds that forty have failed");
    let days = due_at(bench.session()).unwrap().since(bench.session().created).as_millis();
    assert_eq!(days % Span::hours(24).as_millis(), 0);
}

#[test]
fn a_late_answer_of_a_send_does_not_hurry_the_looks_for_its_refund() {
    let (mut bench, _) = asking();
    answered(&mut bench, RefundAnswer::Conflict);
    bench.pass(Span::millis(1));
    shows(&mut bench, vec![]);
    bench.effects.push(Effect::Order(OrderEffect::Refund(RefundNumber(1))));
    answered(&mut bench, RefundAnswer::Unknown(Unknown { should_retry: Some(false), ..Unknown::default() }));
    assert!(pause(&bench) >= FIRST);
}

#[test]
fn a_webhook_that_comes_while_a_payment_is_read_has_it_read_again_after_a_first_pause() {
    let (mut bench, _) = Bench::charging();
    bench.see(Seen::Unknown(Unknown { cannot_repeat: true, ..Unknown::default() }));
    for _ in 0..5 {
        unread(&mut bench);
        bench.wait_and_wake();
    }
    bench.ask(Command::Hear(Hint::payment()));
    unread(&mut bench);
    assert_eq!(pause(&bench), FIRST);
}

#[test]
fn a_payment_whose_sending_ends_is_read_as_often_as_at_first() {
    let (mut bench, _) = Bench::charging();
    for _ in 0..5 {
        bench.see(nothing_sure());
        bench.wait_and_wake();
    }
    bench.see(Seen::Unknown(Unknown { should_retry: Some(false), ..Unknown::default() }));
    assert!(matches!(bench.effects[..], [Effect::Read { .. }]), "{:?}", bench.effects);
    unread(&mut bench);
    assert_eq!(pause(&bench), FIRST);
}

fn nothing_sure() -> Seen {
    Seen::Unknown(Unknown::default())
}

#[test]
fn a_payment_that_is_told_of_is_read_for_a_hundred_and_seventy_times_and_then_an_operator_is_asked() {
    let mut bench = Bench::ready();
    bench.ask(Command::Hear(Hint { concern: Concern::Payment, payment: Some("pi_x".parse().unwrap()) }));
    bench.see_payment(Seen::PutOff { after: Span::seconds(20) });
    assert_eq!(pause(&bench), 20_000, "a look that is not made counts for nothing");
    let mut readings = 0;
    while bench.flags.is_empty() {
        bench.now = due_at(bench.session()).unwrap();
        bench.wake();
        if matches!(bench.effects[..], [Effect::ReadPayment { .. }]) {
            bench.see_payment(Seen::Unread);
            readings += 1;
        }
    }
    assert_eq!(readings, 170);
}

#[test]
fn a_page_that_somebody_comes_back_from_after_many_looks_is_looked_at_as_often_as_at_first() {
    let mut bench = awaiting();
    pauses(&mut bench, page_is_open, 9);
    comes_back(&mut bench);
    assert_eq!(pauses(&mut bench, page_is_open, 4), [FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST]);
}

#[test]
fn what_an_operator_called_unpaid_is_read_after_pauses_that_double() {
    let mut bench = decided_unread();
    let found = pauses(&mut bench, unread, 4);
    assert_eq!(found, [FIRST, FIRST, 2 * FIRST, 4 * FIRST]);
    bench.now = due_at(bench.session()).unwrap();
    bench.wake();
    bench.see(Seen::PutOff { after: Span::seconds(20) });
    assert_eq!(pause(&bench), 20_000);
}

#[test]
fn an_attempt_is_looked_for_once_more_until_a_day_after_it_could_last_have_been_sent() {
    for (early, looks) in [(Span::millis(1), 1), (Span::millis(0), 0)] {
        let (mut bench, _) = Bench::charging();
        let last = bench.charging_state().repeat_until;
        bench.see(Seen::IdempotencyConflict);
        assert!(bench.now < last, "its sending has ended before that");
        bench.now = last + Span::hours(24) - early;
        bench.ask(Command::Decide(Decision::NotCharged { override_unread: false }));
        let asked = bench.now;
        bench.verify(Seen::Absent { asked });
        assert_eq!(bench.session().last_looks.len(), looks, "{early:?}");
    }
}

#[test]
fn a_checkout_whose_time_is_over_is_written_three_times_before_its_caller_hears_that_it_cannot_be() {
    let mut bench = Bench::ready();
    bench.now = bench.session().expires;
    bench.commits = 0;
    bench.commits_fail = true;
    let reading = bench.ask(Command::Read);
    assert_eq!(bench.answer(reading).unwrap_err(), Rejection::Unavailable);
    assert_eq!(bench.commits, 3);
}
