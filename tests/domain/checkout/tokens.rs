//! Which tokens are taken, and when what was kept of one is gone.

use merchant_gateway::domain::checkout::model::{
    Effect, Inconclusive, NoticeCode, Observation, PaymentIntentStatus, Phase, State, TokenFacts,
    TokenProblem,
};
use merchant_gateway::domain::ids::Mode;
use merchant_gateway::domain::merchant::{RiskPolicy, TokenPolicy};
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::time::{Span, Timestamp};

use test_support::driver_harness::DriverHarness;
use test_support::shop;

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
        agent_profile: None,
    }
}

#[test]
fn a_token_must_match_the_total_unless_a_larger_one_is_allowed() {
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
fn a_token_stripe_recommends_blocking_pays_only_with_risk_off() {
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
    let mut harness = DriverHarness::ready();
    let paying = harness.pay("spt_first0001");
    harness.tell_token(Ok(TokenFacts { block_recommended: true, ..harness.good_facts() }));
    assert_eq!(harness.answer(paying).unwrap().notice.unwrap().code(), NoticeCode::PaymentDeclined);
    assert!(harness.effects.is_empty() && harness.attempts.is_empty());

    let mut harness = DriverHarness::default();
    harness.view.checkout.tokens.risk = RiskPolicy::Off;
    harness.ask(shop::create(shop::two_mugs()));
    harness.pay("spt_first0001");
    harness.tell_token(Ok(TokenFacts { block_recommended: true, ..harness.good_facts() }));
    assert_eq!(harness.attempts.len(), 1, "there the advice is not asked for");
}

fn unknown(unknown: Inconclusive) -> Observation {
    Observation::Inconclusive(unknown)
}

/// How the sending of an attempt ends without its being decided.
const ENDS: [Named<fn(&mut DriverHarness)>; 8] = [
    ("it cannot be repeated", |harness| {
        harness.see(unknown(Inconclusive { cannot_repeat: true, ..Inconclusive::default() }));
    }),
    ("Stripe asks for no repeat", |harness| {
        harness.see(unknown(Inconclusive { should_retry: Some(false), ..Inconclusive::default() }));
    }),
    ("a server error is stored", |harness| {
        harness.see(unknown(Inconclusive { replayed_error: true, ..Inconclusive::default() }));
    }),
    ("the last moment to send has come", |harness| {
        harness.see(nothing_known());
        harness.now = harness.charging_state().attempt.repeat_until;
        harness.wake();
    }),
    ("the payment is under way", |harness| {
        harness.see(Observation::PaymentIntent(harness.intent(PaymentIntentStatus::Processing)));
    }),
    ("the token may be used up", |harness| {
        harness.see(Observation::TokenRefused { maybe_consumed: true, detail: String::new() });
    }),
    ("the bank wants a confirmation", |harness| {
        harness.see(Observation::PaymentIntent(harness.intent(PaymentIntentStatus::RequiresAction)));
    }),
    ("the payment waits to be captured", |harness| {
        harness.see(Observation::PaymentIntent(harness.intent(PaymentIntentStatus::RequiresCapture)));
    }),
];

#[test]
fn the_sealed_token_is_erased_once_its_attempt_is_sent_no_more() {
    for (name, end) in ENDS {
        let (mut harness, _) = DriverHarness::charging();
        assert!(harness.erased.is_empty());
        end(&mut harness);
        assert_ne!(harness.charging_state().phase, Phase::Sending, "{name}");
        assert!(harness.erased.contains(&1), "{name}");
    }
    let (mut harness, _) = DriverHarness::charging();
    harness.see(Observation::IdempotencyConflict);
    assert!(matches!(harness.session().state, State::Frozen { .. }) && harness.erased.contains(&1));
}

#[test]
fn the_sealed_token_is_kept_while_its_request_may_be_retried() {
    for seen in [
        nothing_known(),
        Observation::KeyRefused,
        Observation::OtherAccount,
        unknown(Inconclusive { not_sent: true, ..Inconclusive::default() }),
        unknown(Inconclusive { limited: true, ..Inconclusive::default() }),
    ] {
        let (mut harness, _) = DriverHarness::charging();
        harness.see(seen.clone());
        assert!(harness.erased.is_empty(), "{seen:?}");
        harness.wait_and_wake();
        assert!(matches!(harness.effects[..], [Effect::Charge(_)]), "{seen:?}");
    }
}

#[test]
fn an_attempt_being_polled_or_canceled_is_never_sent_again() {
    for (name, end) in ENDS {
        let (mut harness, _) = DriverHarness::charging();
        end(&mut harness);
        for _ in 0..20 {
            harness.effects.clear();
            harness.pass(Span::minutes(2));
            harness.crash();
            let sent = harness.effects.iter().any(|effect| matches!(effect, Effect::Charge(_)));
            assert!(!sent && harness.effects.len() == 1, "{name}: {:?}", harness.effects);
        }
    }
}

#[test]
fn a_possibly_consumed_token_never_fails_before_a_poll() {
    let refused = |maybe_consumed| Observation::TokenRefused { maybe_consumed, detail: String::new() };
    for repeats in 0..3 {
        let (mut harness, paying) = DriverHarness::charging();
        for _ in 0..repeats {
            harness.see(nothing_known());
            harness.wait_and_wake();
        }
        while matches!(harness.effects[..], [Effect::Charge(_)]) {
            harness.see(refused(true));
            assert!(harness.waits(paying), "{repeats} repeats");
            if harness.effects.is_empty() {
                harness.wait_and_wake();
            }
        }
        assert!(matches!(harness.effects[..], [Effect::Read { .. }]), "{repeats}: {:?}", harness.effects);
        harness.see(succeeded(&harness));
        assert!(harness.answer(paying).unwrap().order.is_some(), "{repeats} repeats");
    }
}

#[test]
fn an_answer_to_the_first_attempt_decides_nothing_of_the_second() {
    let (mut harness, _) = DriverHarness::charging();
    let first = harness.attempts[0].number;
    let success_of_the_first = succeeded(&harness);
    harness.see(declined());
    let second = harness.pay("spt_second002");
    harness.tell_token(Ok(harness.good_facts()));
    let before = harness.charging_state().clone();
    for seen in [
        declined(),
        nothing_known(),
        unknown(Inconclusive { cannot_repeat: true, ..Inconclusive::default() }),
        Observation::IdempotencyConflict,
        Observation::RequestRefused { detail: String::new() },
        Observation::RefusedForGood { detail: String::new() },
        Observation::TokenRefused { maybe_consumed: true, detail: String::new() },
        Observation::KeyRefused,
        Observation::ReadFailed,
        Observation::Absent { asked: harness.now },
    ] {
        harness.hears(first, seen.clone());
        assert_eq!(*harness.charging_state(), before, "{seen:?}");
        assert!(harness.waits(second), "{seen:?}");
    }
    harness.hears(first, success_of_the_first);
    assert_eq!(harness.charging_state().attempt.number, harness.attempts[1].number);
    assert_eq!(harness.flags.len(), 1, "what the first one has paid is an operator's");
    harness.see(succeeded(&harness));
    assert_eq!(harness.answer(second).unwrap().order.unwrap().order.payment_intent.as_str(), "pi_2");
}

#[test]
fn an_answer_to_the_first_attempt_decides_nothing_of_a_page() {
    let (mut harness, _) = DriverHarness::charging();
    let first = harness.attempts[0].number;
    harness.see(declined());
    super::pages::open_stripe_checkout(&mut harness);
    let before = harness.session().state.clone();
    assert!(matches!(before, State::OpeningStripeCheckout(_)));
    for seen in
        [declined(), Observation::IdempotencyConflict, Observation::RequestRefused { detail: String::new() }]
    {
        harness.hears(first, seen.clone());
        assert_eq!(harness.session().state, before, "{seen:?}");
    }
}
