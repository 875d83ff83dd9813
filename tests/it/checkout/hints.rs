//! What somebody says has happened at Stripe: it is looked at, and nothing that was paid is lost.

use merchant_gateway::domain::checkout::aftersales::{OrderSeen, RefundAnswer, RefundSeen, RefundWish};
use merchant_gateway::domain::checkout::attempt::{FlagReason, IntentSeen, IntentStatus, Seen, Unknown};
use merchant_gateway::domain::checkout::command::{Command, Rejection};
use merchant_gateway::domain::checkout::decision::Decision;
use merchant_gateway::domain::checkout::due::due_at;
use merchant_gateway::domain::checkout::effect::{Effect, OrderEffect};
use merchant_gateway::domain::checkout::hint::Hint;
use merchant_gateway::domain::checkout::session::{CancelReason, State};
use merchant_gateway::domain::ids::{AttemptNumber, RefundNumber};
use merchant_gateway::domain::order::RefundStatus;
use merchant_gateway::domain::stripe_event::Concern;
use merchant_gateway::domain::time::Span;

use super::{declined, frozen, succeeded};
use crate::support::bench::Bench;

fn told_of(payment: &str) -> Command {
    Command::Hear(Hint { concern: Concern::Payment, payment: Some(payment.parse().unwrap()) })
}

/// The session is told of a payment, and Stripe shows it like this.
fn tell(bench: &mut Bench, payment: &str, seen: Seen) {
    let asked = bench.ask(told_of(payment));
    bench.answer(asked).expect("a hint is taken");
    assert!(
        matches!(&bench.effects[..], [Effect::ReadPayment { payment: asked, .. }] if asked.as_str() == payment)
    );
    bench.see_payment(seen);
}

fn success(bench: &Bench, payment: &str, attempt: u32) -> Seen {
    let intent = IntentSeen {
        id: payment.parse().unwrap(),
        attempt: Some(AttemptNumber(attempt)),
        ..bench.intent(IntentStatus::Succeeded)
    };
    Seen::Intent(intent)
}

#[test]
fn a_payment_that_a_session_cannot_account_for_is_read_and_flagged() {
    // Taken for dead.
    let (mut bench, _) = Bench::charging();
    bench.see(declined());
    let late = success(&bench, "pi_1", 1);
    tell(&mut bench, "pi_1", late);
    assert_eq!(bench.flags[0].reason, FlagReason::PaidByDeadAttempt);
    assert!(matches!(bench.session().state, State::Ready { .. }) && bench.session().unexplained.is_empty());
    // It was paid once, as far as anybody can tell: another token and a page are refused before Stripe is asked.
    let charges = bench.attempts.len();
    let again = bench.pay("spt_again0001");
    let said = bench.answer(again).unwrap_err();
    assert!(said.to_string().contains("please do not pay again"), "{said}");
    let page = bench.ask(Command::OpenPage { revision: Some(bench.session().revision) });
    assert!(matches!(bench.answer(page), Err(Rejection::NotPayable(_))));
    assert_eq!((bench.attempts.len(), bench.effects.len()), (charges, 0));

    // Given up.
    let (mut bench, _) = Bench::charging();
    bench.see(declined());
    bench.ask(Command::Cancel);
    let late = success(&bench, "pi_1", 1);
    tell(&mut bench, "pi_1", late);
    assert_eq!(bench.flags[0].reason, FlagReason::PaidAfterEnd);

    // Paid by another.
    let (mut bench, _) = Bench::charging();
    bench.see(succeeded(&bench));
    let second = success(&bench, "pi_2", 2);
    tell(&mut bench, "pi_2", second);
    assert_eq!(bench.flags[0].reason, FlagReason::PaidTwice);
    assert!(matches!(bench.session().state, State::Completed { .. }));
}

#[test]
fn what_was_not_paid_or_is_known_changes_nothing() {
    let (mut bench, _) = Bench::charging();
    bench.see(declined());
    let failed = Seen::Intent(bench.intent(IntentStatus::RequiresPaymentMethod));
    tell(&mut bench, "pi_1", failed);
    assert!(bench.flags.is_empty() && bench.session().unexplained.is_empty());

    let (mut bench, _) = Bench::charging();
    bench.see(succeeded(&bench));
    bench.ask(told_of("pi_1"));
    assert!(bench.effects.is_empty(), "it is the order's");

    let (mut bench, _) = Bench::charging();
    bench.see(declined());
    let of_another = IntentSeen { session: None, ..bench.intent(IntentStatus::Succeeded) };
    tell(&mut bench, "pi_1", Seen::Intent(of_another));
    assert!(bench.flags.is_empty(), "it names another session");
}

#[test]
fn a_reading_that_fails_is_made_again_also_by_the_next_process() {
    let (mut bench, _) = Bench::charging();
    bench.see(declined());
    bench.ask(Command::Cancel);
    tell(&mut bench, "pi_1", Seen::Unread);
    assert_eq!(bench.session().state, State::Canceled { reason: CancelReason::Shopper });
    assert_eq!(bench.session().unexplained.len(), 1, "it is durable");
    bench.pass(Span::minutes(1));
    bench.crash();
    let late = success(&bench, "pi_1", 1);
    bench.see_payment(late);
    assert_eq!(bench.flags[0].reason, FlagReason::PaidAfterEnd);
}

#[test]
fn while_a_request_is_sent_its_own_answer_explains_the_payment() {
    let (mut bench, paying) = Bench::charging();
    let told = bench.ask(told_of("pi_1"));
    assert!(bench.answer(told).is_ok());
    assert_eq!(bench.effects.len(), 1, "only the request that was on its way");
    bench.see(succeeded(&bench));
    assert!(bench.answer(paying).unwrap().order.is_some());
    assert!(bench.effects.is_empty() && bench.flags.is_empty() && bench.session().unexplained.is_empty());
}

#[test]
fn a_hint_has_an_undecided_attempt_read_at_once() {
    let (mut bench, _) = Bench::charging();
    bench.see(Seen::Unknown(Unknown { cannot_repeat: true, ..Unknown::default() }));
    bench.see(Seen::Unread);
    assert!(bench.effects.is_empty(), "the next reading is not due yet");
    bench.ask(Command::Hear(Hint::payment()));
    assert!(matches!(bench.effects[..], [Effect::Read { .. }]));
}

#[test]
fn a_hint_that_comes_while_an_attempt_is_read_is_not_put_off_with_that_reading() {
    let (mut bench, _) = Bench::charging();
    bench.see(Seen::Unknown(Unknown { cannot_repeat: true, ..Unknown::default() }));
    for _ in 0..10 {
        bench.see(Seen::Unread);
        bench.pass(Span::minutes(1));
        bench.wake();
        assert!(matches!(bench.effects[..], [Effect::Read { .. }]), "{:?}", bench.effects);
    }
    bench.ask(Command::Hear(Hint::payment()));
    bench.see(Seen::PutOff { after: Span::minutes(1) });
    bench.pass(Span::seconds(2));
    bench.wake();
    assert!(matches!(bench.effects[..], [Effect::Read { .. }]), "{:?}", bench.effects);
}

#[test]
fn a_frozen_session_learns_which_payment_is_its_own() {
    let mut bench = frozen();
    let own = success(&bench, "pi_1", 1);
    tell(&mut bench, "pi_1", own);
    assert!(matches!(&bench.session().state, State::Frozen { charging, .. } if charging.intent.is_some()));
    // Now that it is known there is more to be read than silence.
    let deciding = bench.ask(Command::Decide(Decision::NotCharged { override_unread: false }));
    bench.verify(Seen::Unread);
    assert!(matches!(bench.answer(deciding), Err(Rejection::Unverified(_))));
    let deciding = bench.ask(Command::Decide(Decision::Charged { payment_intent: "pi_1".parse().unwrap() }));
    bench.verify(succeeded(&bench));
    assert!(bench.answer(deciding).unwrap().order.is_some());
}

#[test]
fn a_session_is_told_of_only_so_many_payments_at_once() {
    let (mut bench, _) = Bench::charging();
    for number in 1..=8 {
        let told = bench.ask(told_of(&format!("pi_{number}")));
        bench.answer(told).unwrap();
    }
    let told = bench.ask(told_of("pi_9"));
    assert_eq!(bench.answer(told).unwrap_err(), Rejection::Busy, "whoever tells it comes again");
}

#[test]
fn what_is_told_of_while_an_order_is_looked_at_is_looked_at_again() {
    let (mut bench, _) = Bench::charging();
    bench.see(succeeded(&bench));
    let hint = || Command::Hear(Hint { concern: Concern::Order, payment: None });
    bench.ask(hint());
    let asked = bench.now;
    bench.pass(Span::seconds(2));
    bench.ask(hint());
    assert_eq!(bench.effects.len(), 1, "one look at a time");
    bench.see_order(OrderSeen::Read { refunds: vec![], disputes: Some(vec![]), asked, complete: true });
    assert!(
        matches!(bench.effects[..], [Effect::Order(OrderEffect::Read { .. })]),
        "the first may have missed it"
    );
    let asked = bench.now + Span::seconds(1);
    bench.pass(Span::seconds(2));
    bench.see_order(OrderSeen::Read { refunds: vec![], disputes: Some(vec![]), asked, complete: true });
    assert!(bench.effects.is_empty() && bench.driver.is_idle(), "and now it is known");
}

#[test]
fn what_is_told_of_while_a_refund_is_asked_for_is_looked_at_afterwards() {
    let (mut bench, _) = Bench::charging();
    bench.see(succeeded(&bench));
    let wish = RefundWish { reference: "r".parse().unwrap(), amount: Some(100), reason: None };
    bench.ask(Command::Refund(wish));
    bench.ask(Command::Hear(Hint { concern: Concern::Order, payment: None }));
    // Stripe's answer names none of our words; it is the answer to this request all the same.
    let seen = RefundSeen {
        id: "re_1".parse().unwrap(),
        status: RefundStatus::Succeeded,
        amount: merchant_gateway::domain::money::Money::new(100, crate::support::shop::usd()),
        created: bench.now,
        reason: None,
        session: None,
        request: None,
    };
    bench.see_order(OrderSeen::Asked { number: RefundNumber(1), answer: RefundAnswer::Made(seen) });
    assert!(bench.session().book.asking().is_none() && bench.session().book.refunds.len() == 1);
    assert!(matches!(bench.effects[..], [Effect::Order(OrderEffect::Read { .. })]));
}

#[test]
fn a_payment_that_is_under_way_is_looked_at_until_it_has_ended() {
    let (mut bench, _) = Bench::charging();
    bench.see(declined());
    let processing = Seen::Intent(bench.intent(IntentStatus::Processing));
    tell(&mut bench, "pi_1", processing);
    assert_eq!(bench.session().unexplained.len(), 1);
    bench.pass(Span::minutes(1));
    bench.wake();
    let late = success(&bench, "pi_1", 1);
    bench.see_payment(late);
    assert_eq!(bench.flags[0].reason, FlagReason::PaidByDeadAttempt);
}

#[test]
fn who_tells_of_a_page_that_is_being_closed_is_answered_at_once() {
    let mut bench = super::pages::awaiting();
    let canceling = bench.ask(Command::Cancel);
    let told = bench.ask(Command::Hear(Hint::payment()));
    assert!(bench.waits(canceling) && bench.answer(told).is_ok());
}

#[test]
fn an_order_that_was_hinted_at_is_looked_at_until_that_comes_to_its_end() {
    let (mut bench, _) = Bench::charging();
    bench.see(succeeded(&bench));
    bench.ask(Command::Hear(Hint { concern: Concern::Order, payment: None }));
    assert!(matches!(bench.effects[..], [Effect::Order(OrderEffect::Read { .. })]));
    // The process dies with the look on its way, and the next one's fails.
    bench.crash();
    assert!(matches!(bench.effects[..], [Effect::Order(OrderEffect::Read { .. })]));
    bench.see_order(OrderSeen::Unread);
    let next = bench.session().book.next_look.unwrap();
    assert!(next <= bench.now + Span::minutes(1), "soon, not in days");
}

#[test]
fn an_order_that_was_told_of_is_accounted_for_once_it_was_looked_at() {
    let (mut bench, _) = Bench::charging();
    bench.see(succeeded(&bench));
    assert!(bench.session().is_accounted_for());
    bench.ask(Command::Hear(Hint { concern: Concern::Order, payment: None }));
    assert!(!bench.session().is_accounted_for(), "money may have gone back");
    // The key opens another account for now.
    bench.see_order(OrderSeen::Unread);
    assert!(!bench.session().is_accounted_for());
    bench.pass(Span::minutes(2));
    bench.wake();
    let asked = bench.now;
    bench.pass(Span::seconds(1));
    bench.see_order(OrderSeen::Read { refunds: vec![], disputes: Some(vec![]), asked, complete: true });
    assert!(bench.session().is_accounted_for());
}

#[test]
fn an_order_that_nobody_can_look_at_is_not_waited_for_without_end() {
    let (mut bench, _) = Bench::charging();
    bench.see(succeeded(&bench));
    bench.ask(Command::Hear(Hint { concern: Concern::Order, payment: None }));
    let began = bench.now;
    for _ in 0..60 {
        bench.see_order(OrderSeen::Unread);
        if bench.session().is_accounted_for() {
            break;
        }
        bench.now = bench.session().book.next_look.unwrap();
        bench.wake();
    }
    assert!(bench.session().is_accounted_for());
    assert!(bench.now > began + Span::hours(24 * 3), "as long as Stripe sends an event");
}

#[test]
fn a_payment_that_stripe_never_shows_becomes_an_operators_after_a_month() {
    let (mut bench, _) = Bench::charging();
    bench.see(succeeded(&bench));
    bench.ask(told_of("pi_2"));
    let began = bench.now;
    while !bench.session().unexplained.is_empty() {
        let looks_at_order = matches!(bench.effects[..], [Effect::Order(_)]);
        if looks_at_order {
            bench.pass(Span::seconds(1));
            let asked = bench.now;
            bench.see_order(OrderSeen::Read {
                refunds: vec![],
                disputes: Some(vec![]),
                asked,
                complete: true,
            });
        } else {
            bench.see_payment(Seen::Unread);
        }
        if bench.effects.is_empty() && !bench.session().unexplained.is_empty() {
            bench.now = bench.now.max(due_at(bench.session()).unwrap());
            bench.wake();
        }
    }
    let days = bench.now.since(began).as_millis() / (24 * 3_600_000);
    assert!((20..=40).contains(&days), "{days} days");
    assert_eq!(bench.flags[0].reason, FlagReason::NotShown);
}
