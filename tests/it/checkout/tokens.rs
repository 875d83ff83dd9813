//! Which tokens are taken, and when what was kept of one is gone.

use merchant_gateway::domain::checkout::attempt::{IntentStatus, Seen, Unknown};
use merchant_gateway::domain::checkout::command::Command;
use merchant_gateway::domain::checkout::effect::Effect;
use merchant_gateway::domain::checkout::session::{NoticeCode, Phase, State};
use merchant_gateway::domain::checkout::token::{TokenFacts, TokenProblem};
use merchant_gateway::domain::ids::Mode;
use merchant_gateway::domain::merchant::{RiskPolicy, TokenPolicy};
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::time::{Span, Timestamp};

use crate::support::bench::Bench;
use crate::support::shop;

use super::{Named, declined, nothing_known, succeeded};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn dollars(minor: i64) -> Money {
    Money::new(minor, shop::usd())
}

/// A token that is good for so much.
fn good_for(remaining: Money) -> TokenFacts {
    TokenFacts {
        livemode: false,
        deactivated: None,
        expires: None,
        remaining: Some(remaining),
        block_recommended: false,
    }
}

#[test]
fn a_token_is_good_for_the_exact_total_and_for_a_larger_one_only_where_that_is_allowed() {
    let total = dollars(4361);
    let amount = |token: Money| Err(TokenProblem::Amount { token, total });
    let euros = Money::new(4361, "eur".parse().unwrap());
    let more_euros = Money::new(9999, "eur".parse().unwrap());
    for (token, exact, larger) in [
        (dollars(0), amount(dollars(0)), amount(dollars(0))),
        (dollars(4360), amount(dollars(4360)), amount(dollars(4360))),
        (dollars(4361), Ok(()), Ok(())),
        (dollars(4362), amount(dollars(4362)), Ok(())),
        (dollars(436_100), amount(dollars(436_100)), Ok(())),
        (euros, amount(euros), amount(euros)),
        (more_euros, amount(more_euros), amount(more_euros)),
    ] {
        for (allow_larger, expected) in [(false, exact), (true, larger)] {
            let policy = TokenPolicy { allow_larger, risk: RiskPolicy::BlockOnRecommendation };
            let checked = good_for(token).check(Mode::Test, policy, total, NOW);
            assert_eq!(checked, expected, "{token}, larger allowed: {allow_larger}");
        }
    }
}

#[test]
fn a_token_that_is_advised_against_pays_only_where_advice_is_not_asked_for() {
    for allow_larger in [false, true] {
        for (risk, block_recommended, expected) in [
            (RiskPolicy::BlockOnRecommendation, true, Err(TokenProblem::Risk)),
            (RiskPolicy::BlockOnRecommendation, false, Ok(())),
            (RiskPolicy::Off, true, Ok(())),
            (RiskPolicy::Off, false, Ok(())),
        ] {
            let facts = TokenFacts { block_recommended, ..good_for(dollars(4361)) };
            let policy = TokenPolicy { allow_larger, risk };
            let checked = facts.check(Mode::Test, policy, dollars(4361), NOW);
            assert_eq!(checked, expected, "{risk:?}, advised against: {block_recommended}");
        }
    }
    // The policy of a shop that says nothing about it.
    let mut bench = Bench::ready();
    let paying = bench.pay("spt_first0001");
    bench.tell_token(Ok(TokenFacts { block_recommended: true, ..bench.good_facts() }));
    assert_eq!(bench.answer(paying).unwrap().notice.unwrap().code, NoticeCode::PaymentDeclined);
    assert!(bench.effects.is_empty() && bench.attempts.is_empty());

    let mut bench = Bench::new();
    bench.view.checkout.tokens.risk = RiskPolicy::Off;
    bench.ask(Command::Create(shop::two_mugs()));
    bench.pay("spt_first0001");
    bench.tell_token(Ok(TokenFacts { block_recommended: true, ..bench.good_facts() }));
    assert_eq!(bench.attempts.len(), 1, "there the advice is not asked for");
}

fn unknown(unknown: Unknown) -> Seen {
    Seen::Unknown(unknown)
}

/// How the sending of an attempt ends without its being decided.
const ENDS: [Named<fn(&mut Bench)>; 8] = [
    ("it cannot be repeated", |bench| {
        bench.see(unknown(Unknown { cannot_repeat: true, ..Unknown::default() }));
    }),
    ("Stripe asks for no repeat", |bench| {
        bench.see(unknown(Unknown { should_retry: Some(false), ..Unknown::default() }));
    }),
    ("a server error is stored", |bench| {
        bench.see(unknown(Unknown { replayed_error: true, ..Unknown::default() }));
    }),
    ("the last moment to send has come", |bench| {
        bench.see(nothing_known());
        bench.now = bench.charging_state().repeat_until;
        bench.wake();
    }),
    ("the payment is under way", |bench| bench.see(Seen::Intent(bench.intent(IntentStatus::Processing)))),
    ("the token may be used up", |bench| {
        bench.see(Seen::TokenRefused { maybe_consumed: true, detail: String::new() });
    }),
    ("the bank wants a confirmation", |bench| {
        bench.see(Seen::Intent(bench.intent(IntentStatus::RequiresAction)));
    }),
    ("the payment waits to be captured", |bench| {
        bench.see(Seen::Intent(bench.intent(IntentStatus::RequiresCapture)));
    }),
];

#[test]
fn the_sealed_token_is_gone_as_soon_as_its_attempt_is_only_read_or_canceled() {
    for (name, end) in ENDS {
        let (mut bench, _) = Bench::charging();
        assert!(bench.erased.is_empty());
        end(&mut bench);
        assert_ne!(bench.charging_state().phase, Phase::Sending, "{name}");
        assert!(bench.erased.contains(&1), "{name}");
    }
    let (mut bench, _) = Bench::charging();
    bench.see(Seen::IdempotencyConflict);
    assert!(matches!(bench.session().state, State::Frozen { .. }) && bench.erased.contains(&1));
}

#[test]
fn the_sealed_token_is_kept_as_long_as_its_request_may_be_sent_again() {
    for seen in [
        nothing_known(),
        Seen::KeyRefused,
        Seen::OtherAccount,
        unknown(Unknown { not_sent: true, ..Unknown::default() }),
        unknown(Unknown { limited: true, ..Unknown::default() }),
    ] {
        let (mut bench, _) = Bench::charging();
        bench.see(seen.clone());
        assert!(bench.erased.is_empty(), "{seen:?}");
        bench.wait_and_wake();
        assert!(matches!(bench.effects[..], [Effect::Charge(_)]), "{seen:?}");
    }
}

#[test]
fn a_request_is_sent_no_more_once_its_attempt_is_only_read_or_canceled() {
    for (name, end) in ENDS {
        let (mut bench, _) = Bench::charging();
        end(&mut bench);
        for _ in 0..20 {
            bench.effects.clear();
            bench.pass(Span::minutes(2));
            bench.crash();
            let sent = bench.effects.iter().any(|effect| matches!(effect, Effect::Charge(_)));
            assert!(!sent && bench.effects.len() == 1, "{name}: {:?}", bench.effects);
        }
    }
}

#[test]
fn a_token_that_may_be_used_up_is_never_called_dead_before_a_reading_also_of_a_repeat() {
    let refused = |maybe_consumed| Seen::TokenRefused { maybe_consumed, detail: String::new() };
    for repeats in 0..3 {
        let (mut bench, paying) = Bench::charging();
        for _ in 0..repeats {
            bench.see(nothing_known());
            bench.wait_and_wake();
        }
        while matches!(bench.effects[..], [Effect::Charge(_)]) {
            bench.see(refused(true));
            assert!(bench.waits(paying), "{repeats} repeats");
            if bench.effects.is_empty() {
                bench.wait_and_wake();
            }
        }
        assert!(matches!(bench.effects[..], [Effect::Read { .. }]), "{repeats}: {:?}", bench.effects);
        bench.see(succeeded(&bench));
        assert!(bench.answer(paying).unwrap().order.is_some(), "{repeats} repeats");
    }
}

#[test]
fn an_answer_to_the_first_attempt_decides_nothing_of_the_second() {
    let (mut bench, _) = Bench::charging();
    let first = bench.attempts[0].number;
    let success_of_the_first = succeeded(&bench);
    bench.see(declined());
    let second = bench.pay("spt_second002");
    bench.tell_token(Ok(bench.good_facts()));
    let before = bench.charging_state().clone();
    for seen in [
        declined(),
        nothing_known(),
        unknown(Unknown { cannot_repeat: true, ..Unknown::default() }),
        Seen::IdempotencyConflict,
        Seen::RequestRefused { detail: String::new() },
        Seen::RefusedForGood { detail: String::new() },
        Seen::TokenRefused { maybe_consumed: true, detail: String::new() },
        Seen::KeyRefused,
        Seen::Unread,
        Seen::Absent { asked: bench.now },
    ] {
        bench.hears(first, seen.clone());
        assert_eq!(*bench.charging_state(), before, "{seen:?}");
        assert!(bench.waits(second), "{seen:?}");
    }
    bench.hears(first, success_of_the_first);
    assert_eq!(bench.charging_state().attempt, bench.attempts[1].number);
    assert_eq!(bench.flags.len(), 1, "what the first one has paid is an operator's");
    bench.see(succeeded(&bench));
    assert_eq!(bench.answer(second).unwrap().order.unwrap().order.payment_intent.as_str(), "pi_2");
}

#[test]
fn an_answer_to_the_first_attempt_decides_nothing_of_a_page() {
    let (mut bench, _) = Bench::charging();
    let first = bench.attempts[0].number;
    bench.see(declined());
    super::pages::open_page(&mut bench);
    let before = bench.session().state.clone();
    assert!(matches!(before, State::OpeningHosted(_)));
    for seen in [declined(), Seen::IdempotencyConflict, Seen::RequestRefused { detail: String::new() }] {
        bench.hears(first, seen.clone());
        assert_eq!(bench.session().state, before, "{seen:?}");
    }
}
