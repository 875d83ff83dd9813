//! What an operator decides about a frozen session, and what its timeline tells.

use merchant_gateway::domain::checkout::attempt::{FlagReason, IntentSeen, IntentStatus, Seen, Unknown};
use merchant_gateway::domain::checkout::command::{Command, Rejection};
use merchant_gateway::domain::checkout::decision::Decision;
use merchant_gateway::domain::checkout::due::due_at;
use merchant_gateway::domain::checkout::effect::{CancelCause, Effect};
use merchant_gateway::domain::checkout::session::{CancelReason, State};
use merchant_gateway::domain::checkout::timeline::StripeAnswer;
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::time::{Span, Timestamp};

use merchant_gateway::protocol::apps::messages::of_session;

use crate::support::bench::{Bench, NextCommit};
use crate::support::shop;

use super::{Named, charged_by, declined, fails_until_frozen, frozen, nothing_known, succeeded};

#[test]
fn an_operator_completes_a_frozen_session_with_a_payment_that_is_read_first() {
    let mut bench = frozen();
    let deciding = bench.ask(charged_by("pi_1"));
    assert!(bench.waits(deciding), "nothing is believed before it is read");
    bench.verify(succeeded(&bench));
    let order = bench.answer(deciding).unwrap();
    assert!(matches!(order.session.state, State::Completed { .. }));
    let again = bench.ask(charged_by("pi_1"));
    assert!(matches!(bench.answer(again).unwrap().session.state, State::Completed { .. }));
    let shopper = bench.pay("spt_first0001");
    assert!(bench.answer(shopper).unwrap().order.is_some());
}

#[test]
fn a_payment_of_another_amount_that_an_operator_takes_is_flagged() {
    let mut bench = frozen();
    let deciding = bench.ask(charged_by("pi_1"));
    let mut intent = bench.intent(IntentStatus::Succeeded);
    intent.amount = Money::new(1, shop::usd());
    bench.verify(Seen::Intent(intent));
    assert!(matches!(bench.answer(deciding).unwrap().session.state, State::Completed { .. }));
    assert_eq!(bench.flags[0].reason, FlagReason::PaymentDisagrees);
}

#[test]
fn a_payment_that_does_not_bear_it_out_decides_nothing() {
    let spoil: [Named<fn(&mut IntentSeen)>; 4] = [
        ("not succeeded", |intent| intent.status = IntentStatus::Processing),
        ("another's", |intent| intent.session = None),
        ("another one", |intent| intent.id = "pi_2".parse().unwrap()),
        ("live", |intent| intent.livemode = true),
    ];
    let mut bench = frozen();
    for (name, spoil) in spoil {
        let deciding = bench.ask(charged_by("pi_1"));
        let mut intent = bench.intent(IntentStatus::Succeeded);
        spoil(&mut intent);
        bench.verify(Seen::Intent(intent));
        assert!(matches!(bench.answer(deciding), Err(Rejection::Unverified(_))), "{name}");
    }
    let deciding = bench.ask(charged_by("pi_1"));
    bench.verify(Seen::Unread);
    assert!(matches!(bench.answer(deciding), Err(Rejection::Unverified(_))));
    assert!(matches!(bench.session().state, State::Frozen { .. }));
}

#[test]
fn an_operator_ends_a_frozen_session_unpaid_unless_stripe_shows_otherwise() {
    for status in [IntentStatus::Succeeded, IntentStatus::Processing, IntentStatus::RequiresAction] {
        let mut bench = frozen();
        let deciding = bench.ask(Command::Decide(Decision::NotCharged { override_unread: false }));
        bench.verify(Seen::Intent(bench.intent(status)));
        let refused = bench.answer(deciding).unwrap_err();
        assert!(refused.to_string().contains("pi_1"), "{refused}");
    }
    let mut bench = frozen();
    let deciding = bench.ask(Command::Decide(Decision::NotCharged { override_unread: false }));
    bench.verify(Seen::Absent { asked: Timestamp::from_seconds(1_900_000_000) });
    let ended = bench.answer(deciding).unwrap().session;
    assert_eq!(ended.state, State::Canceled { reason: CancelReason::Operator });
    assert_eq!((ended.unconfirmed, bench.effects.len()), (None, 0), "it was read to the end");
    let again = bench.ask(Command::Decide(Decision::NotCharged { override_unread: false }));
    assert!(bench.answer(again).is_ok(), "the same decision twice is one");
    let other = bench.ask(charged_by("pi_1"));
    assert_eq!(bench.answer(other).unwrap_err(), Rejection::NotFrozen("canceled"));

    // A success that appears afterwards changes nothing and is flagged.
    let late = Box::new(succeeded(&bench));
    let attempt = bench.attempts[0].number;
    bench.feed(merchant_gateway::domain::checkout::driver::Input::Saw {
        attempt,
        seen: late,
        answer: StripeAnswer::default(),
    });
    assert_eq!(bench.flags[0].reason, FlagReason::PaidAfterEnd);
    let mut bench = Bench::ready();
    let deciding = bench.ask(Command::Decide(Decision::NotCharged { override_unread: false }));
    assert_eq!(bench.answer(deciding).unwrap_err(), Rejection::NotFrozen("ready"));
}

fn not_charged(override_unread: bool) -> Command {
    Command::Decide(Decision::NotCharged { override_unread })
}

#[test]
fn an_operators_word_does_not_replace_a_reading() {
    for seen in [Seen::Unread, Seen::KeyRefused, nothing_known()] {
        let mut bench = frozen();
        let deciding = bench.ask(not_charged(false));
        bench.verify(seen.clone());
        let refused = bench.answer(deciding).unwrap_err().to_string();
        assert!(refused.contains("could not be read") && refused.contains("override_unread"), "{refused}");
        assert!(matches!(bench.session().state, State::Frozen { .. }), "{seen:?}");
    }
}

#[test]
fn a_decision_without_a_reading_is_followed_by_one_and_a_success_seen_then_is_flagged() {
    let mut bench = frozen();
    let deciding = bench.ask(not_charged(true));
    bench.verify(Seen::Unread);
    let ended = bench.answer(deciding).unwrap().session;
    assert_eq!(ended.state, State::Canceled { reason: CancelReason::Operator });
    for _ in 0..12 {
        let due = due_at(bench.session()).expect("it stays due until it was read");
        bench.now = bench.now.max(due);
        bench.crash();
        assert!(matches!(bench.effects[..], [Effect::Read { intent: None, .. }]), "{:?}", bench.effects);
        bench.see(Seen::Unread);
    }
    bench.now = due_at(bench.session()).unwrap();
    bench.wake();
    bench.see(succeeded(&bench));
    assert_eq!(bench.flags[0].reason, FlagReason::PaidAfterEnd);
    assert_eq!(due_at(bench.session()), None, "and then it is known");
    for asked in [bench.ask(Command::Read), bench.pay("spt_first0001")] {
        let answer = bench.answer(asked).unwrap();
        let said = of_session(&answer.session, answer.notice.as_ref(), bench.now);
        assert!(!said.is_empty() && said[0].content.contains("Do not pay again"), "{said:?}");
        assert!(said.iter().all(|said| !said.content.contains("othing was charged")), "{said:?}");
        assert_eq!(answer.session.notice, None, "whoever reads the session itself is not told so either");
    }
}

#[test]
fn what_an_unread_decision_left_payable_is_canceled_at_stripe() {
    let mut bench = frozen();
    bench.ask(not_charged(true));
    bench.verify(Seen::Unread);
    bench.now = due_at(bench.session()).unwrap();
    bench.wake();
    bench.see(Seen::Intent(bench.intent(IntentStatus::RequiresPaymentMethod)));
    bench.now = due_at(bench.session()).unwrap();
    bench.wake();
    let [Effect::Cancel { cause, tries, .. }] = &bench.effects[..] else { panic!("{:?}", bench.effects) };
    assert_ne!(
        cause.distinction(*tries),
        CancelCause::Ending.distinction(*tries),
        "it repeats no other cancel"
    );
    bench.see(Seen::Intent(bench.intent(IntentStatus::Canceled)));
    assert_eq!((due_at(bench.session()), bench.flags.len()), (None, 0));
}

#[test]
fn a_reading_just_after_the_last_send_ends_a_session_and_is_made_again() {
    let (mut bench, _) = Bench::charging();
    bench.see(Seen::IdempotencyConflict);
    let deciding = bench.ask(not_charged(false));
    bench.verify(Seen::Absent { asked: bench.now });
    assert!(matches!(bench.answer(deciding).unwrap().session.state, State::Canceled { .. }));
    let ended = bench.now;
    while bench.session().unconfirmed.is_some() {
        bench.now = due_at(bench.session()).unwrap();
        bench.wake();
        bench.see_nothing();
    }
    assert!(bench.now >= ended + Span::minutes(2) && bench.now < ended + Span::minutes(5), "{}", bench.now);
}

#[test]
fn an_attempt_that_silence_bears_an_operator_out_about_is_looked_for_once_more_a_day_later() {
    for at_once in [true, false] {
        let (mut bench, _) = Bench::charging();
        bench.see(Seen::IdempotencyConflict);
        if !at_once {
            bench.pass(Span::minutes(30));
        }
        let deciding = bench.ask(not_charged(false));
        bench.verify(Seen::Absent { asked: bench.now });
        assert!(matches!(bench.answer(deciding).unwrap().session.state, State::Canceled { .. }));
        let ended = bench.now;
        while bench.now < ended + Span::hours(24) {
            bench.now = due_at(bench.session()).expect("its request may still arrive");
            bench.wake();
            if bench.now < ended + Span::hours(1) {
                bench.see_nothing();
            }
        }
        bench.see(succeeded(&bench));
        assert_eq!(bench.flags[0].reason, FlagReason::PaidAfterEnd);
        assert_eq!(due_at(bench.session()), None);
    }
}

#[test]
fn a_timeline_tells_each_state_attempt_answer_and_decision_in_order() {
    let (mut bench, _) = Bench::charging();
    bench.see(nothing_known());
    bench.wait_and_wake();
    bench.see(declined());
    bench.pay("spt_second002");
    bench.tell_token(Ok(bench.good_facts()));
    bench.see(Seen::Unknown(Unknown { cannot_repeat: true, ..Unknown::default() }));
    fails_until_frozen(&mut bench, &Seen::Unread);
    bench.ask(Command::Decide(Decision::NotCharged { override_unread: false }));
    bench.verify(Seen::Absent { asked: bench.now });
    let told: Vec<String> =
        bench.timeline.iter().map(|entry| serde_json::to_string(&entry.what).unwrap()).collect();
    let tries = told.iter().filter(|entry| entry.contains("not read")).count();
    assert!((5..25).contains(&tries), "a day of failed readings is told in a few lines: {tries}");
    let others: Vec<&String> = told.iter().filter(|entry| !entry.contains("not read")).collect();
    insta::assert_json_snapshot!(others);
}

#[test]
fn a_decision_that_loses_its_commit_to_another_change_reads_the_payment_once_more() {
    let mut bench = frozen();
    let deciding = bench.ask(not_charged(false));
    bench.next_commit = NextCommit::Conflicts;
    bench.verify(Seen::Absent { asked: Timestamp::from_seconds(1_900_000_000) });
    assert!(bench.waits(deciding) && bench.verifications.len() == 1, "what was seen is old");
    bench.verify(succeeded(&bench));
    assert!(matches!(bench.answer(deciding), Err(Rejection::Unverified(_))));
    assert!(matches!(bench.session().state, State::Frozen { .. }));
}
