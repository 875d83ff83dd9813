//! What `step` keeps whatever happens to a session, in whatever order: random histories of one session.
//!
//! A history that fails is written to `tests/domain/properties.regressions`, and is tried first from then on: commit it.

use merchant_gateway::domain::address::Buyer;
use merchant_gateway::domain::checkout::due::due_at;
use merchant_gateway::domain::checkout::model::Affected;
use merchant_gateway::domain::checkout::model::{
    AttemptEnd, AttemptMove, AttemptObservation, CloseReason, Context, Decision, DeclineReason, Event,
    Inconclusive, MAX_ATTEMPTS, Moment, Observation, Patch, Payment, PaymentIntentSnapshot,
    PaymentIntentStatus, PaymentSource, Session, State, StripeCheckoutSnapshot, StripeCheckoutStatus,
    StripeNotification, TokenFacts,
};
use merchant_gateway::domain::checkout::step::begin;
use merchant_gateway::domain::checkout::step::step;
use merchant_gateway::domain::ids::{AttemptNumber, Revision, SessionId};
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::origin::TokenDoor;
use merchant_gateway::domain::time::{Span, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use test_support::shop;

/// Something that may happen; what it says of the session is filled in when it does.
#[derive(Clone, Debug)]
enum CallerEvent {
    Edit,
    EditStale,
    LineGone,
    Pay { token: u8, revision: u32, short: bool },
    Cancel,
    TimeOut,
    RepeatingEnded,
    Saw { attempt: u32, kind: ObservationKind },
    Decide { charged: bool, kind: ObservationKind },
    OpenPage { stale: bool },
    ClosePage { gives_up: bool },
    Notified(Option<u32>),
    SeePayment { payment: u32, kind: ObservationKind },
}

#[derive(Clone, Copy, Debug)]
enum ObservationKind {
    Payment(PaymentIntentStatus, bool),
    Declined,
    TokenRefused(bool),
    RequestRefused,
    Conflict,
    KeyRefused,
    Unknown { replayed: bool, cannot_repeat: bool },
    Absent,
    ReadFailed,
    OtherPayment,
    Page(StripeCheckoutStatus, bool),
}

fn kind() -> impl Strategy<Value = ObservationKind> {
    use PaymentIntentStatus::{
        Canceled, Processing, RequiresAction, RequiresCapture, RequiresConfirmation, RequiresPaymentMethod,
        Succeeded,
    };
    let statuses = [
        Succeeded,
        Processing,
        RequiresAction,
        RequiresCapture,
        RequiresConfirmation,
        RequiresPaymentMethod,
        Canceled,
    ];
    prop_oneof![
        (prop::sample::select(statuses.to_vec()), prop::bool::weighted(0.8))
            .prop_map(|(status, agrees)| ObservationKind::Payment(status, agrees)),
        Just(ObservationKind::Declined),
        any::<bool>().prop_map(ObservationKind::TokenRefused),
        Just(ObservationKind::RequestRefused),
        Just(ObservationKind::Conflict),
        Just(ObservationKind::KeyRefused),
        (any::<bool>(), any::<bool>())
            .prop_map(|(replayed, cannot_repeat)| ObservationKind::Unknown { replayed, cannot_repeat }),
        Just(ObservationKind::Absent),
        Just(ObservationKind::ReadFailed),
        Just(ObservationKind::OtherPayment),
        (prop::sample::select(PAGES.to_vec()), prop::bool::weighted(0.8))
            .prop_map(|(status, agrees)| ObservationKind::Page(status, agrees)),
        (prop::sample::select(PAGES.to_vec()), prop::bool::weighted(0.8))
            .prop_map(|(status, agrees)| ObservationKind::Page(status, agrees)),
    ]
}

const PAGES: [StripeCheckoutStatus; 5] = [
    StripeCheckoutStatus::Open,
    StripeCheckoutStatus::Expired,
    StripeCheckoutStatus::Paid,
    StripeCheckoutStatus::Unpaid,
    StripeCheckoutStatus::Free,
];

fn caller_event() -> impl Strategy<Value = CallerEvent> {
    prop_oneof![
        2 => Just(CallerEvent::Edit),
        1 => Just(CallerEvent::EditStale),
        1 => Just(CallerEvent::LineGone),
        6 => (0..6_u8, 0..4_u32, prop::bool::weighted(0.1))
            .prop_map(|(token, revision, short)| CallerEvent::Pay { token, revision, short }),
        1 => Just(CallerEvent::Cancel),
        1 => Just(CallerEvent::TimeOut),
        1 => Just(CallerEvent::RepeatingEnded),
        10 => (1..7_u32, kind()).prop_map(|(attempt, kind)| CallerEvent::Saw { attempt, kind }),
        1 => (any::<bool>(), kind()).prop_map(|(charged, kind)| CallerEvent::Decide { charged, kind }),
        4 => prop::bool::weighted(0.1).prop_map(|stale| CallerEvent::OpenPage { stale }),
        2 => any::<bool>().prop_map(|gives_up| CallerEvent::ClosePage { gives_up }),
        2 => prop::option::of(0..7_u32).prop_map(CallerEvent::Notified),
        2 => (0..7_u32, kind()).prop_map(|(payment, kind)| CallerEvent::SeePayment { payment, kind }),
    ]
}

fn seen(kind: ObservationKind, session: &Session, attempt: AttemptNumber, now: Timestamp) -> Observation {
    let total = session.quote().map_or(Money::new(4361, shop::usd()), |quote| quote.total);
    let payment = |status, agrees: bool| {
        Observation::PaymentIntent(PaymentIntentSnapshot {
            id: format!("pi_{}", attempt.0).parse().unwrap(),
            status,
            amount: if agrees { total } else { Money::new(1, total.currency) },
            livemode: false,
            session: Some(session.id.clone()),
            revision: Some(session.revision),
            attempt: Some(attempt),
        })
    };
    match kind {
        ObservationKind::Payment(status, agrees) => payment(status, agrees),
        ObservationKind::Page(status, agrees) => Observation::StripeCheckout(StripeCheckoutSnapshot {
            id: format!("cs_{}", attempt.0).parse().unwrap(),
            url: (status == StripeCheckoutStatus::Open).then(|| "https://checkout.example/pay".to_owned()),
            status,
            intent: matches!(status, StripeCheckoutStatus::Paid | StripeCheckoutStatus::Unpaid)
                .then(|| (format!("pi_{}", attempt.0).parse().unwrap(), None)),
            amount: if agrees { total } else { Money::new(1, total.currency) },
            livemode: false,
            buyer: Buyer::default(),
            session: Some(session.id.clone()),
            revision: Some(session.revision),
            attempt: Some(attempt),
        }),
        ObservationKind::Declined => {
            Observation::Declined { intent: None, requires_3ds: false, reason: DeclineReason::Unknown }
        }
        ObservationKind::TokenRefused(maybe_consumed) => {
            Observation::TokenRefused { maybe_consumed, detail: String::new() }
        }
        ObservationKind::RequestRefused => Observation::RequestRefused { detail: String::new() },
        ObservationKind::Conflict => Observation::IdempotencyConflict,
        ObservationKind::KeyRefused => Observation::KeyRefused,
        ObservationKind::Unknown { replayed, cannot_repeat } => Observation::Inconclusive(Inconclusive {
            replayed_error: replayed,
            cannot_repeat,
            ..Inconclusive::default()
        }),
        ObservationKind::Absent | ObservationKind::OtherPayment => Observation::Absent { asked: now },
        ObservationKind::ReadFailed => Observation::ReadFailed,
    }
}

fn event(caller_event: &CallerEvent, session: &Session, now: Timestamp) -> Event {
    let total = session.quote().map_or(Money::new(4361, shop::usd()), |quote| quote.total);
    match caller_event {
        CallerEvent::Edit => Event::Edited { revision: None, patch: Patch::default() },
        CallerEvent::EditStale => Event::Edited { revision: Some(Revision(99)), patch: Patch::default() },
        CallerEvent::LineGone => Event::LineGone("mug".parse().unwrap()),
        CallerEvent::Pay { token, revision, short } => {
            let minor = if *short { total.minor - 1 } else { total.minor };
            // Mostly the present revision, sometimes another.
            let revision = if *revision == 0 { Revision(session.revision.0 + 1) } else { session.revision };
            let facts = TokenFacts {
                livemode: false,
                deactivated: None,
                expires: None,
                remaining: Some(Money::new(minor, total.currency)),
                block_recommended: false,
                agent_profile: None,
            };
            let token = format!("spt_token000{token}").parse().unwrap();
            let buyer = Buyer::default();
            Event::Paid {
                payment: Payment {
                    door: TokenDoor::PaymentSheet,
                    user_agent: None,
                    challenge: None,
                    revision: Some(revision),
                    token,
                    buyer,
                },
                facts,
            }
        }
        CallerEvent::Cancel => Event::Canceled,
        CallerEvent::TimeOut => Event::TimeOut,
        CallerEvent::RepeatingEnded => Event::RepeatingEnded,
        CallerEvent::Saw { attempt, kind } => {
            let attempt = AttemptNumber(if *attempt == 6 { session.attempts } else { *attempt });
            let primary = seen(*kind, session, attempt, now);
            let other = matches!(kind, ObservationKind::OtherPayment).then(|| "pi_other".parse().unwrap());
            let seen = AttemptObservation { primary, other_payments: other.into_iter().collect() };
            Event::AttemptObserved { attempt, seen }
        }
        CallerEvent::Decide { charged, kind } => {
            let attempt = AttemptNumber(session.attempts);
            let payment_intent = format!("pi_{}", attempt.0).parse().unwrap();
            let decision = if *charged {
                Decision::Charged { payment_intent }
            } else {
                Decision::NotCharged { override_unread: false }
            };
            Event::Decided { decision, seen: seen(*kind, session, attempt, now).into() }
        }
        CallerEvent::OpenPage { stale } => {
            let revision = if *stale { Revision(session.revision.0 + 1) } else { session.revision };
            Event::StripeCheckoutRequested { revision: Some(revision) }
        }
        CallerEvent::ClosePage { gives_up } => {
            Event::CloseRequested(if *gives_up { CloseReason::Cancel } else { CloseReason::Reopen })
        }
        CallerEvent::Notified(payment) => {
            let payment = payment.map(|number| format!("pi_{number}").parse().unwrap());
            Event::Notified(StripeNotification { affected: Affected::Payment, payment })
        }
        CallerEvent::SeePayment { payment, kind } => {
            let attempt = AttemptNumber(*payment);
            let payment = format!("pi_{payment}").parse().unwrap();
            Event::PaymentObserved { payment, seen: seen(*kind, session, attempt, now) }
        }
    }
}

/// What a history has written so far.
#[derive(Default)]
struct Written {
    started: u32,
    undecided: bool,
    succeeded: u32,
    orders: u32,
    pages: u32,
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_to_a_session_it_is_paid_once_or_not_at_all(
        inputs in prop::collection::vec((caller_event(), 0..600_i64), 1..60)
    ) {
        let view = shop::view();
        let mut now = Timestamp::from_seconds(1_800_000_000);
        let moment = |now, random| Moment { now, jitter: 0.5, random, webhooks_arrive: false };
        let context = Context { view: &view, moment: moment(now, 0) };
        let mut session = begin(SessionId::from_random(1), shop::two_mugs(), None, &context).unwrap();
        let mut written = Written::default();
        for (number, (caller_event, seconds)) in inputs.iter().enumerate() {
            now = now + Span::seconds(*seconds);
            let context = Context { view: &view, moment: moment(now, number as u128 + 1) };
            let happens = event(caller_event, &session, now);
            let paid_by = match &happens {
                Event::AttemptObserved { seen: AttemptObservation { primary: Observation::PaymentIntent(intent), .. }, .. }
                | Event::Decided { seen: AttemptObservation { primary: Observation::PaymentIntent(intent), .. }, .. }
                    if intent.status == PaymentIntentStatus::Succeeded =>
                {
                    Some(intent.id.clone())
                }
                Event::AttemptObserved { seen: AttemptObservation { primary: Observation::StripeCheckout(page), .. }, .. } if page.status == StripeCheckoutStatus::Paid => {
                    page.intent.as_ref().map(|(intent, _)| intent.clone())
                }
                Event::Edited { .. }
                | Event::LineGone(_)
                | Event::Paid { .. }
                | Event::StripeCheckoutRequested { .. }
                | Event::CloseRequested(_)
                | Event::Canceled
                | Event::TimeOut
                | Event::RepeatingEnded
                | Event::Decided { .. }
                | Event::AttemptObserved { .. }
                | Event::SendInterrupted(_)
                | Event::RefundRequested(_)
                | Event::Fulfilled(_)
                | Event::OrderObserved(_)
                | Event::Notified(_)
                | Event::PaymentObserved { .. }
                | Event::Reconciled(_) => None,
            };
            let told = if let Event::PaymentObserved { payment, seen: Observation::PaymentIntent(seen) } = &happens {
                (seen.status == PaymentIntentStatus::Succeeded).then(|| (payment.clone(), seen.attempt))
            } else {
                None
            };
            let Ok(transition) = step(&session, happens, &context) else { continue };
            let next = &transition.next;
            if session.state.is_terminal() {
                prop_assert_eq!(&session.state, &next.state, "a session that has ended stays as it ended");
            }
            prop_assert!(next.revision >= session.revision && next.attempts >= session.attempts);
            match &transition.attempt {
                Some(AttemptMove::Start(intent)) => {
                    prop_assert!(!written.undecided, "an attempt begins only after the last one has ended");
                    written.started += 1;
                    written.undecided = true;
                    prop_assert_eq!(intent.number, AttemptNumber(written.started));
                    let shown = session.quote().map(|quote| quote.total);
                    prop_assert_eq!(Some(intent.expected.total), shown, "what is charged is what was shown");
                    prop_assert_eq!(intent.expected.revision, session.revision);
                    written.pages += u32::from(matches!(intent.source, PaymentSource::StripeCheckout { .. }));
                }
                Some(AttemptMove::Update { end: Some(end), .. }) => {
                    prop_assert!(written.undecided, "an attempt ends once");
                    written.undecided = false;
                    written.succeeded += u32::from(matches!(end, AttemptEnd::Succeeded { .. }));
                }
                Some(AttemptMove::Update { end: None, .. }) | None => {}
            }
            prop_assert!(written.started - written.pages <= MAX_ATTEMPTS, "card testing is bounded");
            if let Some(order) = &transition.order {
                written.orders += 1;
                let by = paid_by.expect("an order is made by a payment that was seen");
                prop_assert_eq!(&order.payment_intent, &by);
            }
            if let Some((payment, attempt)) = told {
                let flagged = transition.flags.iter().any(|flag| flag.intent == payment);
                let ordered = matches!(&next.state, State::Completed { intent, .. } if *intent == payment);
                let expected = written.undecided && attempt == Some(AttemptNumber(written.started));
                prop_assert!(flagged || ordered || expected, "a success is on the order, flagged, or awaited");
                prop_assert!(next.unmatched_payments.iter().all(|waiting| waiting.payment != payment));
            }
            let undecided = matches!(
                next.state,
                State::Charging(_)
                    | State::Frozen { .. }
                    | State::OpeningStripeCheckout(_)
                    | State::AwaitingStripeCheckout { .. }
                    | State::ClosingStripeCheckout { .. }
            );
            prop_assert_eq!(undecided, written.undecided, "the state says whether an attempt is undecided");
            let completed = matches!(next.state, State::Completed { .. });
            prop_assert_eq!(completed, written.orders == 1);
            prop_assert!(written.orders <= 1 && written.succeeded == written.orders);
            let waits = !next.state.is_terminal() && !matches!(next.state, State::Frozen { .. });
            let waits = waits || !next.unmatched_payments.is_empty() && !matches!(next.state, State::Charging(_));
            prop_assert!(!waits || due_at(next).is_some(), "whatever waits for something is woken for it");
            session = transition.next;
        }
    }
}
