//! How often an open Stripe Checkout is polled.
//!
//! A returning shopper, or a webhook, reports that it may have changed. The other polls are for shoppers who pay and
//! never return. Invariant: an open Stripe Checkout always has a next poll, at the latest when it expires.

use crate::domain::checkout::model::{Context, Session, State, StripeCheckoutPayment, Transition};
use crate::domain::retry::{LONGEST_PAUSE, doubling, pause};
use crate::domain::time::{Span, Timestamp};

/// The session in its present state, with a changed payment.
pub(crate) fn standing(session: &Session, payment: StripeCheckoutPayment) -> Transition {
    let mut next = session.clone();
    if let Some(standing) = next.state.stripe_checkout_payment_mut() {
        *standing = payment;
    }
    Transition::to(next)
}

/// The first and the longest pause between two polls of an open Stripe Checkout from which no shopper has returned. A
/// payment takes more than the first seconds; a shopper who pays and never returns still gets the order within a few
/// minutes.
const BACKOFF: (Span, Span) = (Span::seconds(2), Span::minutes(3));

/// The same where webhooks arrive: they report the payment, and polling only replaces a lost webhook.
const BACKOFF_WITH_WEBHOOKS: (Span, Span) = (Span::minutes(2), LONGEST_POLL_BACKOFF);

/// The longest pause between two polls of an open Stripe Checkout in any case.
pub(crate) const LONGEST_POLL_BACKOFF: Span = Span::minutes(10);

/// This many polls, in about two minutes, are made quickly once a caller waits for its result.
const AWAITED_POLLS: u32 = 8;

/// How many returns of a shopper make a poll due at once. Anyone with the address can return again and again, so
/// after that the poll is due soon.
const RETURNS: u32 = 3;

const SOON: Span = Span::seconds(10);

/// How long after its expiry an open Stripe Checkout is polled to confirm that it has ended.
const AFTER_END: Span = Span::seconds(2);

impl StripeCheckoutPayment {
    /// A caller waits for its result, or a notification said that it was paid: it is polled now, and often for a
    /// while.
    pub(crate) fn poll_soon(&mut self, now: Timestamp) {
        self.awaited = true;
        // Also if it is awaited already: an answer that is on its way may be older than the awaited change.
        self.attempt.retry.tries = 0;
        self.attempt.retry.by(now);
    }

    /// A shopper returns from it. Returns whether it is polled at once.
    pub(crate) fn record_return(&mut self, now: Timestamp) -> bool {
        self.returns = self.returns.saturating_add(1);
        if self.returns <= RETURNS {
            self.poll_soon(now);
            return true;
        }
        self.attempt.retry.by(now + SOON);
        false
    }
}

/// Schedules the next poll: at growing intervals while no caller waits for it, and at its expiry.
pub(crate) fn poll_again(
    session: &Session,
    payment: &StripeCheckoutPayment,
    context: &Context<'_>,
) -> Transition {
    let now = context.moment.now;
    let mut payment = payment.clone();
    payment.awaited &= payment.attempt.retry.tries < AWAITED_POLLS;
    let (backoff, end) = (poll_backoff(&payment, context), payment.expires + AFTER_END);
    let retry = &mut payment.attempt.retry;
    if now < end {
        retry.again_after(backoff, now);
        retry.by(end);
    } else {
        retry.again(None, now, context.moment.jitter);
    }
    standing(session, payment)
}

/// The pause before an open Stripe Checkout is polled again.
pub(crate) fn poll_backoff(payment: &StripeCheckoutPayment, context: &Context<'_>) -> Span {
    if payment.awaited {
        return pause(payment.attempt.retry.tries, None, context.moment.jitter);
    }
    let pauses = if context.moment.webhooks_arrive { BACKOFF_WITH_WEBHOOKS } else { BACKOFF };
    doubling(pauses, payment.attempt.retry.tries, context.moment.jitter)
}

/// A poll was not made because the budget had no room: it is due a little later, and counts neither as a try nor as a
/// failure.
pub(crate) fn put_off(
    session: &Session,
    payment: &StripeCheckoutPayment,
    after: Span,
    context: &Context<'_>,
) -> Transition {
    let mut payment = payment.clone();
    let longest = if matches!(session.state, State::AwaitingStripeCheckout { .. }) {
        LONGEST_POLL_BACKOFF
    } else {
        LONGEST_PAUSE
    };
    payment.attempt.retry.put_off(after, longest, context.moment.now);
    standing(session, payment)
}
