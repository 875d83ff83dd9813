//! Which refund a request, an answer and a snapshot are of, and until when a request is sent.

use merchant_gateway::domain::checkout::driver::Input;
use merchant_gateway::domain::checkout::model::{
    Command, Effect, OperatorRejection, OrderEffect, OrderObservation, RefundAnswer, RefundRequest,
    RefundSnapshot, Rejection, StripeAnswer,
};
use merchant_gateway::domain::ids::{RefundNumber, SessionId};
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::order::{RefundOrigin, RefundReason, RefundState, RefundStatus};
use merchant_gateway::domain::time::Span;

use test_support::driver_harness::DriverHarness;
use test_support::shop;

use super::Named;
use super::refunds::{
    answered, looks, nothing_known, refund_snapshot, refused, sends, shows, undecided_refund,
};

/// The wish that [`undecided_refund`] has begun.
fn request() -> RefundRequest {
    RefundRequest { reference: "r".parse().unwrap(), amount: Some(100), reason: None }
}

/// An answer to a request that nobody waits for any more.
fn late_answer(harness: &mut DriverHarness, number: u32, answer: RefundAnswer) {
    let seen = Box::new(OrderObservation::RefundAnswered { number: RefundNumber(number), answer });
    harness.feed(Input::OrderObserved { seen, answer: StripeAnswer::default() });
}

fn state(harness: &DriverHarness, at: usize) -> &RefundState {
    &harness.session().activity.refunds[at].state
}

#[test]
fn a_refund_is_sent_for_at_most_an_hour_and_then_only_polled() {
    let hour = Span::hours(1).as_millis();
    for (after, is_sent) in [(hour - 1, true), (hour, false), (2 * 24 * hour, false)] {
        for answer_was_lost in [false, true] {
            for restarted in [false, true] {
                let (mut harness, _) = undecided_refund();
                let began = harness.now;
                // Without an answer the first send is told of as unknown by the next process.
                if answer_was_lost {
                    harness.crash();
                    assert!(harness.effects.is_empty() || sends(&harness));
                } else {
                    answered(&mut harness, nothing_known());
                }
                harness.now = began + Span::millis(after);
                if restarted {
                    harness.crash();
                } else {
                    harness.wake();
                }
                let what = format!("{after} ms, answer lost: {answer_was_lost}, restarted: {restarted}");
                assert_eq!((sends(&harness), looks(&harness)), (is_sent, !is_sent), "{what}");
            }
        }
    }
    // Nobody was there to send it at all.
    let (mut harness, _) = undecided_refund();
    harness.pass(Span::hours(48));
    harness.crash();
    assert!(looks(&harness), "{:?}", harness.effects);
    for _ in 0..20 {
        if looks(&harness) {
            shows(&mut harness, vec![]);
        }
        harness.pass(Span::hours(7));
        harness.wake();
        assert!(!sends(&harness));
    }
}

#[test]
fn a_refund_being_polled_for_is_not_sent_again_after_any_answer() {
    let answers = [nothing_known(), refused(false), RefundAnswer::KeyRefused, RefundAnswer::Conflict];
    for answer in answers {
        let (mut harness, _) = undecided_refund();
        answered(&mut harness, RefundAnswer::Conflict);
        assert!(looks(&harness));
        late_answer(&mut harness, 1, answer.clone());
        for _ in 0..3 {
            harness.pass(Span::minutes(1));
            harness.wake();
            let is_sent = |effect: &Effect| matches!(effect, Effect::Order(OrderEffect::Refund(_)));
            assert!(!harness.effects.iter().any(is_sent), "{answer:?}");
            assert!(!harness.session().activity.sends(RefundNumber(1)), "{answer:?}");
        }
        assert!(matches!(state(&harness, 0), RefundState::Requested(_)), "{answer:?}");
    }
}

#[test]
fn a_second_refund_waits_until_the_first_is_decided() {
    let (mut harness, _) = undecided_refund();
    let other = |reference: &str| {
        let reference = reference.parse().unwrap();
        Command::Refund(RefundRequest { reference, amount: Some(100), reason: None })
    };
    let check = |harness: &mut DriverHarness, when: &str| {
        for reference in ["second", "third"] {
            let asked = harness.ask(other(reference));
            assert_eq!(
                harness.answer(asked).unwrap_err(),
                Rejection::Operator(OperatorRejection::RefundUnderWay),
                "{when}"
            );
        }
        assert_eq!(harness.session().activity.refunds.len(), 1, "{when}");
    };
    check(&mut harness, "while it is sent");
    assert_eq!(harness.effects.len(), 1);
    answered(&mut harness, RefundAnswer::Conflict);
    check(&mut harness, "while it is looked for");
    let made = RefundSnapshot {
        session: Some(harness.id.clone()),
        origin: Some(RefundOrigin { number: RefundNumber(1), reference: "r".parse().unwrap(), whole: false }),
        ..refund_snapshot("re_1", RefundStatus::Pending, harness.now)
    };
    shows(&mut harness, vec![made]);
    harness.ask(other("second"));
    assert_eq!(harness.session().activity.refunds.len(), 2, "and then it has its turn");
}

#[test]
fn a_refund_reference_is_rejected_for_a_different_request() {
    let others: [Named<RefundRequest>; 3] = [
        ("the amount", RefundRequest { amount: Some(101), ..request() }),
        ("no amount", RefundRequest { amount: None, ..request() }),
        ("the reason", RefundRequest { reason: Some(RefundReason::Duplicate), ..request() }),
    ];
    let ends: [Named<Option<RefundAnswer>>; 3] = [
        ("under way", None),
        ("refused", Some(refused(true))),
        (
            "made",
            Some(RefundAnswer::Made(refund_snapshot(
                "re_1",
                RefundStatus::Succeeded,
                DriverHarness::default().now,
            ))),
        ),
    ];
    for (end, answer) in ends {
        let (mut harness, _) = undecided_refund();
        if let Some(answer) = answer {
            answered(&mut harness, answer);
        }
        for (name, other) in &others {
            let asked = harness.ask(Command::Refund(other.clone()));
            let refusal = harness.answer(asked).unwrap_err();
            assert_eq!(
                refusal,
                Rejection::Operator(OperatorRejection::ReferenceTaken("r".parse().unwrap())),
                "{end}: {name}"
            );
        }
        let same = harness.ask(Command::Refund(request()));
        assert_eq!(harness.waits(same), end == "under way", "{end}");
        assert_eq!(harness.session().activity.refunds.len(), 1, "{end}");
    }
    // One that was asked for as all that was left is no refund of that amount.
    let (mut harness, _) = DriverHarness::charging();
    harness.see(super::succeeded(&harness));
    harness.ask(Command::Refund(RefundRequest { amount: None, ..request() }));
    let total = harness.session().activity.refunds[0].amount.minor;
    let asked = harness.ask(Command::Refund(RefundRequest { amount: Some(total), ..request() }));
    assert_eq!(
        harness.answer(asked).unwrap_err(),
        Rejection::Operator(OperatorRejection::ReferenceTaken("r".parse().unwrap()))
    );
    let same = harness.ask(Command::Refund(RefundRequest { amount: None, ..request() }));
    assert!(harness.waits(same));
}

#[test]
fn an_answer_to_another_refund_leaves_the_current_one_undecided() {
    let made = |id: &str, harness: &DriverHarness| {
        RefundAnswer::Made(refund_snapshot(id, RefundStatus::Succeeded, harness.now))
    };
    let (mut harness, _) = undecided_refund();
    let first = made("re_1", &harness);
    answered(&mut harness, first);
    harness.effects.clear();
    let second = RefundRequest { reference: "second".parse().unwrap(), ..request() };
    let waiting = harness.ask(Command::Refund(second));
    let told = harness.order_changes.len();
    for number in [1, 3] {
        for answer in
            [refused(true), refused(false), RefundAnswer::Conflict, nothing_known(), made("re_9", &harness)]
        {
            late_answer(&mut harness, number, answer.clone());
            let RefundState::Requested(asking) = state(&harness, 1) else { panic!("{number}: {answer:?}") };
            assert!(!asking.searching && asking.retry.tries == 0, "{number}: {answer:?}");
            assert_eq!(asking.last_answer, None, "{number}: {answer:?}");
            let known = RefundState::Made { id: "re_1".parse().unwrap(), status: RefundStatus::Succeeded };
            assert_eq!(*state(&harness, 0), known, "{number}: {answer:?}");
            assert_eq!(
                (harness.session().activity.refunds.len(), harness.order_changes.len()),
                (2, told),
                "{number}"
            );
        }
    }
    assert!(harness.waits(waiting));
    let own = made("re_2", &harness);
    late_answer(&mut harness, 2, own);
    assert!(matches!(state(&harness, 1), RefundState::Made { .. }) && !harness.waits(waiting));
}

#[test]
fn a_refund_of_another_session_or_reference_is_not_matched() {
    let ours = |harness: &DriverHarness| RefundSnapshot {
        session: Some(harness.id.clone()),
        origin: Some(RefundOrigin { number: RefundNumber(1), reference: "r".parse().unwrap(), whole: false }),
        ..refund_snapshot("re_1", RefundStatus::Succeeded, harness.now)
    };
    let spoil: [Named<fn(&mut RefundSnapshot)>; 4] = [
        ("another session", |seen| seen.session = Some(SessionId::from_random(99))),
        ("no session", |seen| seen.session = None),
        ("another reference", |seen| {
            seen.origin.as_mut().unwrap().reference = "other".parse().unwrap();
        }),
        ("no request", |seen| seen.origin = None),
    ];
    for (name, spoil) in spoil {
        let (mut harness, waiting) = undecided_refund();
        answered(&mut harness, RefundAnswer::Conflict);
        let mut seen = ours(&harness);
        spoil(&mut seen);
        seen.amount = Money::new(7, shop::usd());
        shows(&mut harness, vec![seen]);
        assert!(matches!(state(&harness, 0), RefundState::Requested(_)), "{name}");
        assert_eq!(harness.session().activity.refunds[0].amount.minor, 100, "{name}");
        assert!(matches!(state(&harness, 1), RefundState::Made { .. }), "{name}: it went back all the same");
        assert_eq!(harness.session().activity.refunded(), 7, "{name}");
        assert!(harness.waits(waiting), "{name}");
    }
    let (mut harness, waiting) = undecided_refund();
    answered(&mut harness, RefundAnswer::Conflict);
    let seen = ours(&harness);
    shows(&mut harness, vec![seen]);
    assert!(matches!(state(&harness, 0), RefundState::Made { .. }) && !harness.waits(waiting));
}
