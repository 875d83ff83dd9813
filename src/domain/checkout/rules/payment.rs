//! Begins a payment with a token.

use super::payable::{admitted, needs_email, payable, takes_tokens};
use crate::domain::checkout::model::{
    Attempt, AttemptIntent, AttemptMove, Charging, Context, Effect, ExpectedPayment, IdempotencyKey, Payment,
    PaymentSource, Phase, Rejection, Session, ShopRejection, ShopperRejection, State, StepError, TokenFacts,
    Transition,
};
use crate::domain::ids::AttemptNumber;
use crate::domain::time::Span;

/// How long after the quote's expiry a request may still be repeated: its shopper paid in time.
const REPEAT_AFTER_EXPIRY: Span = Span::minutes(5);

/// Stripe forgets idempotency keys after 24 hours; an hour before, repeating ends in any case.
const REPEAT_LIMIT: Span = Span::hours(23);

pub(crate) fn pay(
    session: &Session,
    payment: &Payment,
    facts: &TokenFacts,
    context: &Context<'_>,
) -> Result<Transition, StepError> {
    payable(session, payment.revision, context)?;
    takes_tokens(payment.door, context)?;
    let (State::Ready { quote }, Some(account)) = (&session.state, &context.view.account) else {
        return Err(Rejection::Shop(ShopRejection::AccountUnknown).into());
    };
    let now = context.moment.now;
    facts.check(context.view.mode, session.tokens, quote.total, now).map_err(Rejection::from)?;
    let agent = admitted(payment, facts, context)?;
    // The payer's data overrides data given earlier.
    let buyer = payment.buyer.clone().or(session.inputs.buyer.clone());
    if needs_email(quote, &buyer) {
        return Err(Rejection::Shopper(ShopperRejection::EmailNeeded).into());
    }

    let number = AttemptNumber(session.attempts).next();
    let expected = ExpectedPayment {
        total: quote.total,
        session: session.id.clone(),
        revision: session.revision,
        attempt: number,
    };
    let intent = AttemptIntent {
        number,
        door: payment.door.into(),
        agent,
        challenge: payment.challenge.clone(),
        idempotency_key: IdempotencyKey::of(&context.view.tenant(), account, payment.token.hash(), &expected),
        expected,
        source: PaymentSource::Token(payment.token.clone()),
        account: account.clone(),
        receipt_email: context.view.checkout.receipt_email_of(&buyer),
        shipping: session.inputs.address.clone(),
        carrier: quote.carrier(),
        started: now,
        repeat_until: (quote.expires + REPEAT_AFTER_EXPIRY).min(now + REPEAT_LIMIT),
    };
    let mut next = session.clone();
    next.inputs.buyer = buyer;
    next.attempts = number.0;
    next.account = Some(account.clone());
    next.notice = None;
    let attempt = Attempt::of(&intent, quote.clone());
    next.state = State::Charging(Charging { attempt, phase: Phase::Sending });
    Ok(Transition {
        attempt: Some(AttemptMove::Start(Box::new(intent))),
        effect: Some(Effect::Charge(number)),
        ..Transition::to(next)
    })
}
