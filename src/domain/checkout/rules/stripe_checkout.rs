//! Paying on a Stripe Checkout: how it is created, polled and closed, and what each observation of it means.
//!
//! A Stripe Checkout is an attempt of its own. Invariants: its address is not given out before the session awaits
//! payment there, so it cannot be paid if its creation was never answered; once the address is out, the session
//! cannot be paid elsewhere, edited or canceled until Stripe has confirmed that the Stripe Checkout is closed; a
//! Stripe Checkout that was paid becomes an order, whatever else was requested meanwhile. Source: Stripe API
//! `2026-09-30.preview`, Checkout Sessions.

use super::completion::{completed_by, ended};
use super::flags::flag;
use super::payable::payable;
use super::stripe_checkout_polling::{poll_again, poll_backoff, put_off, standing};
use crate::domain::checkout::model::{
    Attempt, AttemptEnd, AttemptIntent, AttemptMove, CancelReason, CloseReason, Context, Effect, Event,
    ExpectedPayment, FlagReason, FreezeReason, IdempotencyKey, NotOffered, Notice, Observation,
    PaymentIntentStatus, PaymentSource, RefusedField, Rejection, Session, ShopRejection, ShopperRejection,
    State, StepError, StripeCheckout, StripeCheckoutPayment, StripeCheckoutSnapshot, StripeCheckoutStatus,
    Transition, Work,
};
use crate::domain::ids::{AttemptNumber, PaymentIntentId, Revision};
use crate::domain::origin::Door;
use crate::domain::pricing::Quote;
use crate::domain::retry::{LONGEST_PAUSE, Retry};
use crate::domain::time::{Span, Timestamp};

/// How long it can be paid. Stripe's minimum is 30 minutes from the arrival of the request.
const LIFETIME: Span = Span::minutes(31);

/// How long the request to create it is repeated: later, less than Stripe's minimum of its lifetime would be left.
const REPEAT: Span = Span::seconds(60);

/// Begins a payment on a Stripe Checkout.
pub(crate) fn open(
    session: &Session,
    seen: Option<Revision>,
    context: &Context<'_>,
) -> Result<Transition, StepError> {
    payable(session, seen, context)?;
    if !context.view.checkout.method.opens_stripe_checkouts() {
        return Err(Rejection::Shopper(ShopperRejection::NotOffered(NotOffered::StripeCheckout)).into());
    }
    if session.has_opened_enough() {
        return Err(
            Rejection::Shopper(ShopperRejection::NotOffered(NotOffered::AnotherStripeCheckout)).into()
        );
    }
    let (State::Ready { quote }, Some(account)) = (&session.state, &context.view.account) else {
        return Err(Rejection::Shop(ShopRejection::AccountUnknown).into());
    };
    let now = context.moment.now;
    let number = AttemptNumber(session.attempts).next();
    let expected = ExpectedPayment {
        total: quote.total,
        session: session.id.clone(),
        revision: session.revision,
        attempt: number,
    };
    let expires = now + LIFETIME;
    // The quote shown there is honoured as long as it can be paid there, whatever payment source is used in the end.
    let quote = Quote { expires: quote.expires.max(expires), ..quote.clone() };
    let intent = AttemptIntent {
        number,
        door: Door::Page,
        agent: None,
        challenge: None,
        idempotency_key: IdempotencyKey::of_stripe_checkout(&context.view.tenant(), account, &expected),
        expected,
        source: PaymentSource::StripeCheckout {
            quote: Box::new(quote.clone()),
            expires,
            email: session.inputs.buyer.email.clone(),
        },
        account: account.clone(),
        receipt_email: context.view.checkout.receipt_email_of(&session.inputs.buyer),
        shipping: session.inputs.address.clone(),
        carrier: quote.carrier(),
        started: now,
        repeat_until: now + REPEAT,
    };
    let payment =
        StripeCheckoutPayment { attempt: Attempt::of(&intent, quote), expires, awaited: false, returns: 0 };
    let mut next = session.clone();
    next.attempts = number.0;
    next.stripe_checkouts += 1;
    next.account = Some(account.clone());
    next.notice = None;
    next.expires = session.expires.max(payment.expires);
    next.state = State::OpeningStripeCheckout(payment);
    Ok(Transition {
        attempt: Some(AttemptMove::Start(Box::new(intent))),
        effect: Some(Effect::CreateStripeCheckout(number)),
        ..Transition::to(next)
    })
}

/// The work for a Stripe Checkout that is being created, and due.
pub(crate) fn opening(payment: &StripeCheckoutPayment, now: Timestamp) -> Work {
    let attempt = payment.attempt.number;
    if now >= payment.attempt.repeat_until {
        Work::Step(Box::new(Event::RepeatingEnded))
    } else if payment.attempt.retry.tries == 0 {
        // Due although no answer to the first request was recorded.
        Work::Step(Box::new(Event::SendInterrupted(attempt)))
    } else {
        Work::Run(Effect::CreateStripeCheckout(attempt))
    }
}

/// A caller wants something else of a session whose Stripe Checkout is open: it is closed first.
pub(crate) fn close(
    session: &Session,
    reason: CloseReason,
    context: &Context<'_>,
) -> Result<Transition, Rejection> {
    let State::AwaitingStripeCheckout { payment, checkout } = &session.state else {
        return Err(Rejection::Shopper(ShopperRejection::Undecided));
    };
    let mut payment = payment.clone();
    enter(&mut payment, context.moment.now);
    let effect = Effect::ExpireStripeCheckout {
        attempt: payment.attempt.number,
        checkout: checkout.id.clone(),
        tries: 0,
    };
    let mut next = session.clone();
    next.state = State::ClosingStripeCheckout { payment, checkout: checkout.clone(), reason };
    Ok(Transition { effect: Some(effect), ..Transition::to(next) })
}

/// Applies an observation of the Stripe Checkout of a session while it is created, open or being closed.
pub(crate) fn apply_observation(
    session: &Session,
    payment: &StripeCheckoutPayment,
    seen: Observation,
    context: &Context<'_>,
) -> Transition {
    let opening = matches!(session.state, State::OpeningStripeCheckout(_));
    match seen {
        Observation::StripeCheckout(checkout) => stripe_checkout_seen(session, payment, &checkout, context),
        // The address was not given out, so a Stripe Checkout that may exist all the same will not be paid.
        Observation::RequestRefused { detail } | Observation::RefusedForGood { detail } if opening => {
            let mut transition = unopened(session, payment, context);
            transition.next.notice =
                RefusedField::named_in(&detail).map(|field| Notice::RequestRefused { field: Some(field) });
            transition
        }
        Observation::IdempotencyConflict if opening => unopened(session, payment, context),
        Observation::Inconclusive(unknown) if opening && unknown.not_sent => {
            not_asked_for(session, payment, context)
        }
        Observation::Inconclusive(unknown) if opening && unknown.is_final() => {
            unopened(session, payment, context)
        }
        Observation::Inconclusive(unknown) if opening => {
            again(session, payment, unknown.retry_after, context)
        }
        Observation::KeyRefused | Observation::OtherAccount if opening => {
            again(session, payment, None, context)
        }
        Observation::KeyRefused
        | Observation::OtherAccount
        | Observation::Inconclusive(_)
        | Observation::ReadFailed
        | Observation::Absent { .. }
        | Observation::RequestRefused { .. }
        | Observation::RefusedForGood { .. }
        | Observation::IdempotencyConflict => read_failed(session, payment, context),
        Observation::PutOff { after } => put_off(session, payment, after, context),
        // Answers to requests that are not made for a Stripe Checkout.
        Observation::PaymentIntent(_) | Observation::Declined { .. } | Observation::TokenRefused { .. } => {
            again(session, payment, None, context)
        }
    }
}

fn stripe_checkout_seen(
    session: &Session,
    payment: &StripeCheckoutPayment,
    checkout: &StripeCheckoutSnapshot,
    context: &Context<'_>,
) -> Transition {
    let mut payment = payment.clone();
    payment.attempt.retry.was_read();
    let payment = &payment;
    match checkout.status {
        StripeCheckoutStatus::Open => still_open(session, payment, checkout, context),
        StripeCheckoutStatus::Expired => closed(session, payment, context),
        StripeCheckoutStatus::Paid => paid(session, payment, checkout, context),
        StripeCheckoutStatus::Free => disagrees(session, payment, checkout, context),
        StripeCheckoutStatus::Unpaid => match checkout.intent.as_ref().and_then(|(_, status)| *status) {
            Some(PaymentIntentStatus::Succeeded) => paid(session, payment, checkout, context),
            Some(PaymentIntentStatus::RequiresPaymentMethod | PaymentIntentStatus::Canceled) => {
                failed(session, payment, Notice::DECLINED, context)
            }
            Some(
                PaymentIntentStatus::RequiresConfirmation
                | PaymentIntentStatus::RequiresAction
                | PaymentIntentStatus::Processing
                | PaymentIntentStatus::RequiresCapture,
            )
            | None => {
                // The shopper has paid there, and the payment is under way.
                let mut payment = payment.clone();
                let intent = checkout.intent.as_ref().map(|(intent, _)| intent.clone());
                payment.attempt.intent = intent.or(payment.attempt.intent);
                again(session, &payment, None, context)
            }
        },
    }
}

fn still_open(
    session: &Session,
    payment: &StripeCheckoutPayment,
    seen: &StripeCheckoutSnapshot,
    context: &Context<'_>,
) -> Transition {
    if matches!(session.state, State::AwaitingStripeCheckout { .. }) {
        return poll_again(session, payment, context);
    }
    if !matches!(session.state, State::OpeningStripeCheckout(_)) {
        return again(session, payment, None, context);
    }
    let Some(url) = seen.url.clone().filter(|_| agrees(payment, seen, context)) else {
        // Not the one that was asked for, or one without an address: its address is not given out.
        return unopened(session, payment, context);
    };
    let mut payment = payment.clone();
    enter(&mut payment, context.moment.now);
    payment.attempt.retry.next_try = context.moment.now + poll_backoff(&payment, context);
    let mut next = session.clone();
    next.state =
        State::AwaitingStripeCheckout { payment, checkout: StripeCheckout { id: seen.id.clone(), url } };
    Transition::to(next)
}

fn paid(
    session: &Session,
    payment: &StripeCheckoutPayment,
    checkout: &StripeCheckoutSnapshot,
    context: &Context<'_>,
) -> Transition {
    match &checkout.intent {
        Some((intent, _)) if agrees(payment, checkout, context) => {
            let mut session = session.clone();
            // The payer's data from the Stripe Checkout overrides data given earlier.
            session.inputs.buyer = checkout.buyer.clone().or(session.inputs.buyer);
            completed_by(&session, payment.attempt.number, &payment.attempt.quote, intent, context)
        }
        Some(_) | None => disagrees(session, payment, checkout, context),
    }
}

/// Its result is not one that was asked for: an operator decides, and its payment is flagged.
fn disagrees(
    session: &Session,
    payment: &StripeCheckoutPayment,
    checkout: &StripeCheckoutSnapshot,
    context: &Context<'_>,
) -> Transition {
    let intent = checkout.intent.as_ref().map(|(intent, _)| intent.clone());
    let mut transition = frozen(session, payment, intent.clone(), FreezeReason::PaymentDisagrees);
    if let Some(intent) = intent {
        flag(&mut transition, &intent, FlagReason::PaymentDisagrees, context);
    }
    transition
}

fn frozen(
    session: &Session,
    payment: &StripeCheckoutPayment,
    intent: Option<PaymentIntentId>,
    reason: FreezeReason,
) -> Transition {
    let mut next = session.clone();
    // While it can be paid, an empty reading proves nothing.
    let attempt = Attempt { intent, repeat_until: payment.expires, ..payment.attempt.clone() };
    next.state = State::Frozen { attempt, reason };
    Transition::to(next)
}

fn agrees(payment: &StripeCheckoutPayment, checkout: &StripeCheckoutSnapshot, context: &Context<'_>) -> bool {
    let charge = &payment.attempt.expected;
    checkout.amount == charge.total
        && checkout.livemode == context.view.mode.livemode()
        && checkout.session.as_ref() == Some(&charge.session)
        && checkout.revision == Some(charge.revision)
        && checkout.attempt == Some(charge.attempt)
}

/// The Stripe Checkout was never created.
pub(crate) fn unopened(
    session: &Session,
    payment: &StripeCheckoutPayment,
    context: &Context<'_>,
) -> Transition {
    over(session, payment, AttemptEnd::NotCreated, context)
}

/// The request was not sent this time. If it was not sent before either, the Stripe Checkout is not counted.
fn not_asked_for(session: &Session, payment: &StripeCheckoutPayment, context: &Context<'_>) -> Transition {
    let mut transition = unopened(session, payment, context);
    transition.next.stripe_checkouts_not_asked += u32::from(payment.attempt.retry.tries == 0);
    transition
}

/// Stripe confirms that it is closed and unpaid.
fn closed(session: &Session, payment: &StripeCheckoutPayment, context: &Context<'_>) -> Transition {
    over(session, payment, AttemptEnd::Failed { notice: Notice::StripeCheckoutClosed }, context)
}

/// The payment on it was refused.
fn failed(
    session: &Session,
    payment: &StripeCheckoutPayment,
    notice: Notice,
    context: &Context<'_>,
) -> Transition {
    let end = AttemptEnd::Failed { notice: notice.clone() };
    let mut transition = over(session, payment, end, context);
    transition.next.notice = Some(notice);
    transition
}

/// The attempt is over and unpaid: the session is payable again, if it was not canceled and there is time left.
fn over(
    session: &Session,
    payment: &StripeCheckoutPayment,
    end: AttemptEnd,
    context: &Context<'_>,
) -> Transition {
    let mut next = session.clone();
    next.notice = None;
    next.state = if matches!(session.state, State::ClosingStripeCheckout { reason: CloseReason::Cancel, .. })
    {
        State::Canceled { reason: CancelReason::Shopper }
    } else if session.expires <= context.moment.now {
        State::Expired
    } else {
        State::Ready { quote: payment.attempt.quote.clone() }
    };
    Transition { attempt: Some(ended(payment.attempt.number, end)), ..Transition::to(next) }
}

pub(crate) fn read_failed(
    session: &Session,
    payment: &StripeCheckoutPayment,
    context: &Context<'_>,
) -> Transition {
    let mut payment = payment.clone();
    if payment.attempt.retry.read_failed(context.moment.now) {
        return frozen(session, &payment, None, FreezeReason::Unreadable);
    }
    again(session, &payment, None, context)
}

/// Tries the same again after a pause.
fn again(
    session: &Session,
    payment: &StripeCheckoutPayment,
    at_least: Option<Span>,
    context: &Context<'_>,
) -> Transition {
    let mut payment = payment.clone();
    let (attempt, now) = (&mut payment.attempt, context.moment.now);
    attempt.retry.again(at_least.map(|least| least.min(LONGEST_PAUSE)), now, context.moment.jitter);
    if matches!(session.state, State::OpeningStripeCheckout(_)) {
        // No pause lasts beyond the last moment for sending.
        attempt.retry.by(attempt.repeat_until.max(now));
    }
    standing(session, payment)
}

/// Begins another state, in which tries are counted from zero.
fn enter(payment: &mut StripeCheckoutPayment, next_try: Timestamp) {
    payment.attempt.retry = Retry::at(next_try);
    payment.awaited = false;
}
