//! What must come back with a payment unchanged, each thing varied alone; and pages that cannot be read or are refused.

use merchant_gateway::domain::checkout::due::due_at;
use merchant_gateway::domain::checkout::model::{
    Effect, FlagReason, FreezeReason, Inconclusive, Observation, Patch, PaymentIntentSnapshot,
    PaymentIntentStatus, State, StripeCheckoutSnapshot, StripeCheckoutStatus,
};
use merchant_gateway::domain::ids::{AttemptNumber, PaymentIntentId, Revision, SessionId};
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::time::Span;

use test_support::driver_harness::DriverHarness;
use test_support::shop;

use super::pages::{awaiting, open_stripe_checkout, page};
use super::{Named, nothing_known, succeeded};

/// What a payment and a page bring back alike.
struct Brought<'a> {
    amount: &'a mut Money,
    livemode: &'a mut bool,
    session: &'a mut Option<SessionId>,
    revision: &'a mut Option<Revision>,
    attempt: &'a mut Option<AttemptNumber>,
}

const SPOILT: [Named<fn(Brought<'_>)>; 11] = [
    ("one less", |brought| *brought.amount = Money::new(4360, shop::usd())),
    ("one more", |brought| *brought.amount = Money::new(4362, shop::usd())),
    ("nothing", |brought| *brought.amount = Money::new(0, shop::usd())),
    ("another currency", |brought| *brought.amount = Money::new(4361, "eur".parse().unwrap())),
    ("the other mode", |brought| *brought.livemode = true),
    ("another session", |brought| *brought.session = Some(SessionId::from_random(99))),
    ("no session", |brought| *brought.session = None),
    ("another revision", |brought| *brought.revision = Some(Revision(2))),
    ("no revision", |brought| *brought.revision = None),
    ("another attempt", |brought| *brought.attempt = Some(AttemptNumber(2))),
    ("no attempt", |brought| *brought.attempt = None),
];

fn of_intent(intent: &mut PaymentIntentSnapshot) -> Brought<'_> {
    let PaymentIntentSnapshot { amount, livemode, session, revision, attempt, .. } = intent;
    Brought { amount, livemode, session, revision, attempt }
}

fn of_stripe_checkout(page: &mut StripeCheckoutSnapshot) -> Brought<'_> {
    let StripeCheckoutSnapshot { amount, livemode, session, revision, attempt, .. } = page;
    Brought { amount, livemode, session, revision, attempt }
}

/// No order was placed; an operator is asked, and the payment is flagged.
fn waits_for_an_operator(harness: &DriverHarness, payment: &str, what: &str) {
    let State::Frozen { attempt, reason: FreezeReason::PaymentDisagrees } = &harness.session().state else {
        panic!("{what}: {}", harness.session().state.into_str())
    };
    let payment: PaymentIntentId = payment.parse().unwrap();
    assert_eq!(attempt.intent.as_ref(), Some(&payment), "{what}: an operator decides about it");
    let flagged: Vec<_> = harness.flags.iter().map(|flag| (&flag.intent, flag.reason)).collect();
    assert_eq!(flagged, [(&payment, FlagReason::PaymentDisagrees)], "{what}");
    assert!(harness.effects.is_empty(), "{what}");
}

#[test]
fn a_payment_that_disagrees_in_any_one_thing_is_never_an_order() {
    let ways: [Named<fn(&mut DriverHarness)>; 3] = [
        ("answered", |_| {}),
        ("read", |harness| {
            harness.see(Observation::Inconclusive(Inconclusive {
                cannot_repeat: true,
                ..Inconclusive::default()
            }));
        }),
        ("met by a cancel", |harness| {
            harness.see(Observation::PaymentIntent(harness.intent(PaymentIntentStatus::RequiresAction)));
        }),
    ];
    for (way, lead) in ways {
        for (name, spoil) in SPOILT {
            let (mut harness, paying) = DriverHarness::charging();
            lead(&mut harness);
            let mut intent = harness.intent(PaymentIntentStatus::Succeeded);
            spoil(of_intent(&mut intent));
            harness.see(Observation::PaymentIntent(intent));
            let what = format!("{way}: {name}");
            waits_for_an_operator(&harness, "pi_1", &what);
            assert!(harness.answer(paying).unwrap().order.is_none(), "{what}");
        }
        let (mut harness, paying) = DriverHarness::charging();
        lead(&mut harness);
        harness.see(succeeded(&harness));
        assert!(harness.answer(paying).unwrap().order.is_some(), "{way}: one that agrees is");
    }
}

#[test]
fn a_paid_stripe_checkout_with_any_mismatch_is_never_an_order() {
    let statuses = [
        (StripeCheckoutStatus::Paid, None),
        (StripeCheckoutStatus::Unpaid, Some(PaymentIntentStatus::Succeeded)),
    ];
    for closing in [false, true] {
        for (status, intent) in statuses {
            let paid = |harness: &DriverHarness| StripeCheckoutSnapshot {
                intent: Some(("pi_1".parse().unwrap(), intent)),
                ..page(harness, status)
            };
            for (name, spoil) in SPOILT {
                let mut harness = looked_at(closing);
                let mut seen = paid(&harness);
                spoil(of_stripe_checkout(&mut seen));
                harness.see(Observation::StripeCheckout(seen));
                waits_for_an_operator(&harness, "pi_1", &format!("{status:?}, closing {closing}: {name}"));
            }
            let mut harness = looked_at(closing);
            let seen = Observation::StripeCheckout(paid(&harness));
            harness.see(seen);
            assert!(matches!(harness.session().state, State::Completed { .. }), "{status:?}");
        }
    }
}

/// A page that is looked at, or that is being closed for an edit.
fn looked_at(closing: bool) -> DriverHarness {
    let mut harness = awaiting();
    if closing {
        harness.update(Patch::default());
        assert!(matches!(harness.effects[..], [Effect::ExpireStripeCheckout { .. }]));
    } else {
        harness.pass(Span::minutes(1));
        harness.wake();
        assert!(matches!(harness.effects[..], [Effect::ReadStripeCheckout { .. }]));
    }
    harness
}

#[test]
fn a_page_on_which_nothing_was_to_be_paid_is_never_an_order() {
    let mut harness = looked_at(false);
    let free = StripeCheckoutSnapshot { intent: None, ..page(&harness, StripeCheckoutStatus::Free) };
    harness.see(Observation::StripeCheckout(free));
    assert!(matches!(harness.session().state, State::Frozen { reason: FreezeReason::PaymentDisagrees, .. }));
    let mut harness = looked_at(false);
    let without = StripeCheckoutSnapshot { intent: None, ..page(&harness, StripeCheckoutStatus::Paid) };
    harness.see(Observation::StripeCheckout(without));
    assert!(matches!(harness.session().state, State::Frozen { reason: FreezeReason::PaymentDisagrees, .. }));
}

#[test]
fn no_caller_gets_the_address_of_a_mismatched_stripe_checkout() {
    let no_url: Named<fn(&mut StripeCheckoutSnapshot)> = ("no address", |page| page.url = None);
    for at in 0..=SPOILT.len() {
        let mut harness = DriverHarness::ready();
        let asked = open_stripe_checkout(&mut harness);
        let mut seen = page(&harness, StripeCheckoutStatus::Open);
        let name = if let Some((name, spoil)) = SPOILT.get(at) {
            spoil(of_stripe_checkout(&mut seen));
            name
        } else {
            no_url.1(&mut seen);
            no_url.0
        };
        harness.see(Observation::StripeCheckout(seen));
        assert!(matches!(harness.session().state, State::Ready { .. }), "{name}");
        assert!(matches!(harness.answer(asked).unwrap().session.state, State::Ready { .. }), "{name}");
        assert!(harness.erased.contains(&1), "{name}: it is decided");
    }
}

#[test]
fn a_refused_stripe_checkout_ends_and_an_open_one_is_repolled() {
    let refusals = [
        Observation::RequestRefused { detail: String::new() },
        Observation::RefusedForGood { detail: String::new() },
        Observation::IdempotencyConflict,
    ];
    for refusal in &refusals {
        for repeated in [false, true] {
            let mut harness = DriverHarness::ready();
            let asked = open_stripe_checkout(&mut harness);
            if repeated {
                harness.see(nothing_known());
                harness.wait_and_wake();
                assert!(matches!(harness.effects[..], [Effect::CreateStripeCheckout(_)]));
            }
            harness.see(refusal.clone());
            assert!(matches!(harness.session().state, State::Ready { .. }), "{refusal:?}");
            assert!(!harness.waits(asked) && harness.effects.is_empty(), "{refusal:?}");
            harness.pass(Span::minutes(2));
            harness.wake();
            assert!(harness.effects.is_empty(), "{refusal:?}: it is asked for no more");
        }
        for closing in [false, true] {
            let mut harness = looked_at(closing);
            let before = harness.session().state.into_str();
            harness.see(refusal.clone());
            assert_eq!(harness.session().state.into_str(), before, "{refusal:?}: the address is out");
            assert!(harness.flags.is_empty() && harness.session().attempts == 1);
            harness.pass(Span::minutes(10));
            harness.wake();
            assert_eq!(harness.effects.len(), 1, "{refusal:?}: it is looked at again");
        }
    }
}

fn until_it_is_looked_at(harness: &mut DriverHarness) {
    if harness.effects.is_empty() {
        harness.now = harness.now.max(due_at(harness.session()).expect("it is looked at again"));
        harness.wake();
    }
    assert_eq!(harness.effects.len(), 1, "{:?}", harness.effects);
}

/// Looks for so long, every look with this end, each of them nine minutes under way.
fn looks_for(harness: &mut DriverHarness, span: Span, seen: &Observation) {
    until_it_is_looked_at(harness);
    let end = harness.now + span;
    loop {
        harness.see(seen.clone());
        if harness.now >= end || unreadable(harness) {
            return;
        }
        until_it_is_looked_at(harness);
        harness.pass(Span::minutes(9));
    }
}

fn unreadable(harness: &DriverHarness) -> bool {
    matches!(harness.session().state, State::Frozen { reason: FreezeReason::Unreadable, .. })
}

/// A charge that is only read by now.
fn reading() -> DriverHarness {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(Observation::Inconclusive(Inconclusive { cannot_repeat: true, ..Inconclusive::default() }));
    harness
}

/// A charge whose payment is being canceled.
fn canceling() -> DriverHarness {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(Observation::PaymentIntent(harness.intent(PaymentIntentStatus::RequiresAction)));
    harness
}

const READ: [Named<fn() -> DriverHarness>; 4] = [
    ("reading", reading),
    ("canceling", canceling),
    ("awaiting the shopper", || looked_at(false)),
    ("closing", || looked_at(true)),
];

/// A reading that comes to its end and decides nothing.
fn undecided(harness: &DriverHarness) -> Observation {
    if matches!(harness.session().state, State::Charging(_)) {
        Observation::PaymentIntent(harness.intent(PaymentIntentStatus::Processing))
    } else {
        Observation::StripeCheckout(page(harness, StripeCheckoutStatus::Open))
    }
}

#[test]
fn what_cannot_be_read_for_a_day_is_an_operators_and_not_before() {
    for (name, make) in READ {
        for seen in [Observation::ReadFailed, Observation::KeyRefused, Observation::OtherAccount] {
            let mut harness = make();
            looks_for(&mut harness, Span::minutes(23 * 60 + 40), &seen);
            assert!(!unreadable(&harness), "{name}: {seen:?}");
            looks_for(&mut harness, Span::minutes(20), &seen);
            assert!(unreadable(&harness), "{name}: {seen:?}: {}", harness.session().state.into_str());
        }
    }
}

#[test]
fn a_completed_poll_restarts_the_count_of_failed_polls() {
    for (name, make) in READ {
        let mut harness = make();
        looks_for(&mut harness, Span::hours(23), &Observation::ReadFailed);
        until_it_is_looked_at(&mut harness);
        let good = undecided(&harness);
        harness.see(good);
        looks_for(&mut harness, Span::hours(23), &Observation::ReadFailed);
        assert!(!unreadable(&harness), "{name}: {}", harness.session().state.into_str());
        // One that was not made for want of room is neither good nor bad.
        until_it_is_looked_at(&mut harness);
        harness.see(Observation::PutOff { after: Span::seconds(1) });
        looks_for(&mut harness, Span::minutes(30), &Observation::ReadFailed);
        assert!(!unreadable(&harness), "{name}: {}", harness.session().state.into_str());
        looks_for(&mut harness, Span::minutes(40), &Observation::ReadFailed);
        assert!(unreadable(&harness), "{name}: {}", harness.session().state.into_str());
    }
    // One that finds nothing is good, too.
    let mut harness = reading();
    looks_for(&mut harness, Span::hours(23), &Observation::ReadFailed);
    until_it_is_looked_at(&mut harness);
    harness.see_nothing();
    assert!(matches!(harness.session().state, State::Charging(_)));
    looks_for(&mut harness, Span::hours(23), &Observation::ReadFailed);
    assert!(!unreadable(&harness));
}
