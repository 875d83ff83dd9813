//! Which refund a request, an answer and a snapshot are of, and until when a request is sent.

use merchant_gateway::domain::checkout::aftersales::{OrderSeen, RefundAnswer, RefundSeen, RefundWish};
use merchant_gateway::domain::checkout::command::{Command, Rejection};
use merchant_gateway::domain::checkout::driver::Input;
use merchant_gateway::domain::checkout::effect::{Effect, OrderEffect};
use merchant_gateway::domain::checkout::timeline::StripeAnswer;
use merchant_gateway::domain::ids::{RefundNumber, SessionId};
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::order::{RefundReason, RefundRequest, RefundState, RefundStatus};
use merchant_gateway::domain::time::Span;

use crate::support::bench::Bench;
use crate::support::shop;

use super::Named;
use super::refunds::{answered, asking, looks, nothing_known, refused, seen_refund, sends, shows};

/// The wish that [`asking`] has begun.
fn wish() -> RefundWish {
    RefundWish { reference: "r".parse().unwrap(), amount: Some(100), reason: None }
}

/// An answer to a request that nobody waits for any more.
fn late_answer(bench: &mut Bench, number: u32, answer: RefundAnswer) {
    let seen = Box::new(OrderSeen::Asked { number: RefundNumber(number), answer });
    bench.feed(Input::SawOrder { seen, answer: StripeAnswer::default() });
}

fn state(bench: &Bench, at: usize) -> &RefundState {
    &bench.session().book.refunds[at].state
}

#[test]
fn a_refund_is_sent_for_an_hour_and_never_after_stripe_has_forgotten_its_key() {
    let hour = Span::hours(1).as_millis();
    for (after, is_sent) in [(hour - 1, true), (hour, false), (2 * 24 * hour, false)] {
        for answer_was_lost in [false, true] {
            for restarted in [false, true] {
                let (mut bench, _) = asking();
                let began = bench.now;
                // Without an answer the first send is told of as unknown by the next process.
                if answer_was_lost {
                    bench.crash();
                    assert!(bench.effects.is_empty() || sends(&bench));
                } else {
                    answered(&mut bench, nothing_known());
                }
                bench.now = began + Span::millis(after);
                if restarted {
                    bench.crash();
                } else {
                    bench.wake();
                }
                let what = format!("{after} ms, answer lost: {answer_was_lost}, restarted: {restarted}");
                assert_eq!((sends(&bench), looks(&bench)), (is_sent, !is_sent), "{what}");
            }
        }
    }
    // Nobody was there to send it at all.
    let (mut bench, _) = asking();
    bench.pass(Span::hours(48));
    bench.crash();
    assert!(looks(&bench), "{:?}", bench.effects);
    for _ in 0..20 {
        if looks(&bench) {
            shows(&mut bench, vec![]);
        }
        bench.pass(Span::hours(7));
        bench.wake();
        assert!(!sends(&bench));
    }
}

#[test]
fn a_refund_that_is_looked_for_is_sent_no_more_whatever_is_answered_to_it() {
    let answers = [nothing_known(), refused(false), RefundAnswer::KeyRefused, RefundAnswer::Conflict];
    for answer in answers {
        let (mut bench, _) = asking();
        answered(&mut bench, RefundAnswer::Conflict);
        assert!(looks(&bench));
        late_answer(&mut bench, 1, answer.clone());
        for _ in 0..3 {
            bench.pass(Span::minutes(1));
            bench.wake();
            let is_sent = |effect: &Effect| matches!(effect, Effect::Order(OrderEffect::Refund(_)));
            assert!(!bench.effects.iter().any(is_sent), "{answer:?}");
            assert!(!bench.session().book.sends(RefundNumber(1)), "{answer:?}");
        }
        assert!(matches!(state(&bench, 0), RefundState::Asking(_)), "{answer:?}");
    }
}

#[test]
fn a_second_refund_waits_until_the_first_is_decided() {
    let (mut bench, _) = asking();
    let other = |reference: &str| {
        let reference = reference.parse().unwrap();
        Command::Refund(RefundWish { reference, amount: Some(100), reason: None })
    };
    let check = |bench: &mut Bench, when: &str| {
        for reference in ["second", "third"] {
            let asked = bench.ask(other(reference));
            assert_eq!(bench.answer(asked).unwrap_err(), Rejection::RefundUnderWay, "{when}");
        }
        assert_eq!(bench.session().book.refunds.len(), 1, "{when}");
    };
    check(&mut bench, "while it is sent");
    assert_eq!(bench.effects.len(), 1);
    answered(&mut bench, RefundAnswer::Conflict);
    check(&mut bench, "while it is looked for");
    let made = RefundSeen {
        session: Some(bench.id.clone()),
        request: Some(RefundRequest {
            number: RefundNumber(1),
            reference: "r".parse().unwrap(),
            whole: false,
        }),
        ..seen_refund("re_1", RefundStatus::Pending, bench.now)
    };
    shows(&mut bench, vec![made]);
    bench.ask(other("second"));
    assert_eq!(bench.session().book.refunds.len(), 2, "and then it has its turn");
}

#[test]
fn a_reference_stands_for_one_refund_and_each_of_its_parts_alone_makes_another() {
    let others: [Named<RefundWish>; 3] = [
        ("the amount", RefundWish { amount: Some(101), ..wish() }),
        ("no amount", RefundWish { amount: None, ..wish() }),
        ("the reason", RefundWish { reason: Some(RefundReason::Duplicate), ..wish() }),
    ];
    let ends: [Named<Option<RefundAnswer>>; 3] = [
        ("under way", None),
        ("refused", Some(refused(true))),
        ("made", Some(RefundAnswer::Made(seen_refund("re_1", RefundStatus::Succeeded, Bench::new().now)))),
    ];
    for (end, answer) in ends {
        let (mut bench, _) = asking();
        if let Some(answer) = answer {
            answered(&mut bench, answer);
        }
        for (name, other) in &others {
            let asked = bench.ask(Command::Refund(other.clone()));
            let refusal = bench.answer(asked).unwrap_err();
            assert_eq!(refusal, Rejection::ReferenceTaken("r".parse().unwrap()), "{end}: {name}");
        }
        let same = bench.ask(Command::Refund(wish()));
        assert_eq!(bench.waits(same), end == "under way", "{end}");
        assert_eq!(bench.session().book.refunds.len(), 1, "{end}");
    }
    // One that was asked for as all that was left is no refund of that amount.
    let (mut bench, _) = Bench::charging();
    bench.see(super::succeeded(&bench));
    bench.ask(Command::Refund(RefundWish { amount: None, ..wish() }));
    let total = bench.session().book.refunds[0].amount.minor;
    let asked = bench.ask(Command::Refund(RefundWish { amount: Some(total), ..wish() }));
    assert_eq!(bench.answer(asked).unwrap_err(), Rejection::ReferenceTaken("r".parse().unwrap()));
    let same = bench.ask(Command::Refund(RefundWish { amount: None, ..wish() }));
    assert!(bench.waits(same));
}

#[test]
fn an_answer_to_another_refund_decides_nothing_of_the_one_that_is_under_way() {
    let made =
        |id: &str, bench: &Bench| RefundAnswer::Made(seen_refund(id, RefundStatus::Succeeded, bench.now));
    let (mut bench, _) = asking();
    let first = made("re_1", &bench);
    answered(&mut bench, first);
    bench.effects.clear();
    let second = RefundWish { reference: "second".parse().unwrap(), ..wish() };
    let waiting = bench.ask(Command::Refund(second));
    let told = bench.news.len();
    for number in [1, 3] {
        for answer in
            [refused(true), refused(false), RefundAnswer::Conflict, nothing_known(), made("re_9", &bench)]
        {
            late_answer(&mut bench, number, answer.clone());
            let RefundState::Asking(asking) = state(&bench, 1) else { panic!("{number}: {answer:?}") };
            assert!(!asking.looking && asking.tries == 0, "{number}: {answer:?}");
            assert_eq!(asking.last_answer, None, "{number}: {answer:?}");
            let known = RefundState::Made { id: "re_1".parse().unwrap(), status: RefundStatus::Succeeded };
            assert_eq!(*state(&bench, 0), known, "{number}: {answer:?}");
            assert_eq!((bench.session().book.refunds.len(), bench.news.len()), (2, told), "{number}");
        }
    }
    assert!(bench.waits(waiting));
    let own = made("re_2", &bench);
    late_answer(&mut bench, 2, own);
    assert!(matches!(state(&bench, 1), RefundState::Made { .. }) && !bench.waits(waiting));
}

#[test]
fn a_snapshot_of_another_session_or_of_another_reference_is_not_the_refund_that_is_looked_for() {
    let ours = |bench: &Bench| RefundSeen {
        session: Some(bench.id.clone()),
        request: Some(RefundRequest {
            number: RefundNumber(1),
            reference: "r".parse().unwrap(),
            whole: false,
        }),
        ..seen_refund("re_1", RefundStatus::Succeeded, bench.now)
    };
    let spoil: [Named<fn(&mut RefundSeen)>; 4] = [
        ("another session", |seen| seen.session = Some(SessionId::from_random(99))),
        ("no session", |seen| seen.session = None),
        ("another reference", |seen| {
            seen.request.as_mut().unwrap().reference = "other".parse().unwrap();
        }),
        ("no request", |seen| seen.request = None),
    ];
    for (name, spoil) in spoil {
        let (mut bench, waiting) = asking();
        answered(&mut bench, RefundAnswer::Conflict);
        let mut seen = ours(&bench);
        spoil(&mut seen);
        seen.amount = Money::new(7, shop::usd());
        shows(&mut bench, vec![seen]);
        assert!(matches!(state(&bench, 0), RefundState::Asking(_)), "{name}");
        assert_eq!(bench.session().book.refunds[0].amount.minor, 100, "{name}");
        assert!(matches!(state(&bench, 1), RefundState::Made { .. }), "{name}: it went back all the same");
        assert_eq!(bench.session().book.refunded(), 7, "{name}");
        assert!(bench.waits(waiting), "{name}");
    }
    let (mut bench, waiting) = asking();
    answered(&mut bench, RefundAnswer::Conflict);
    let seen = ours(&bench);
    shows(&mut bench, vec![seen]);
    assert!(matches!(state(&bench, 0), RefundState::Made { .. }) && !bench.waits(waiting));
}
