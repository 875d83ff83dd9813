//! How often an open page at Stripe is looked at.
//!
//! A shopper who comes back, or a webhook, says that there is something to see. The looks beside that are for those who pay
//! and never come back. Invariant: an open page is always looked at again, and when its time is over at the latest.

use crate::domain::checkout::model::{Context, Session, State, StripeCheckoutPayment, Transition};
use crate::domain::retry::{LONGEST_PAUSE, doubling, pause};
use crate::domain::time::{Span, Timestamp};

/// The session in the state that it is in, with what changed of its page.
pub(crate) fn standing(session: &Session, payment: StripeCheckoutPayment) -> Transition {
    let mut next = session.clone();
    if let Some(standing) = next.state.stripe_checkout_payment_mut() {
        *standing = payment;
    }
    Transition::to(next)
}

/// The first and the longest pause between two looks at an open page that nobody has come back from. Nobody pays within the
/// first seconds; a shopper who pays and never comes back still gets the order within a few minutes.
const BACKOFF: (Span, Span) = (Span::seconds(2), Span::minutes(3));

/// The same where webhooks arrive: they tell of the payment, and the looks are for one that was lost.
const BACKOFF_WITH_WEBHOOKS: (Span, Span) = (Span::minutes(2), LONGEST_POLL_BACKOFF);

/// The longest pause of all between two looks at an open page.
pub(crate) const LONGEST_POLL_BACKOFF: Span = Span::minutes(10);

/// So many looks, in about two minutes, are made quickly once somebody waits for what a page shows.
const AWAITED_POLLS: u32 = 8;

/// So often a shopper who comes back has the page looked at at once. Anybody who holds the page can come back from it without
/// end: after that it is looked at soon.
const RETURNS: u32 = 3;

const SOON: Span = Span::seconds(10);

/// How long after its end an open page is looked at to see that it has ended.
const AFTER_END: Span = Span::seconds(2);

impl StripeCheckoutPayment {
    /// Somebody waits for what the page shows, or says that it was paid: it is looked at now, and often for a while.
    pub(crate) fn is_awaited(&mut self, now: Timestamp) {
        self.awaited = true;
        // Also when it is awaited already: an answer that is on its way may be from before what is waited for.
        self.attempt.retry.tries = 0;
        self.attempt.retry.by(now);
    }

    /// A shopper comes back from the page. Whether it is looked at at once.
    pub(crate) fn is_come_back_from(&mut self, now: Timestamp) -> bool {
        self.returns = self.returns.saturating_add(1);
        if self.returns <= RETURNS {
            self.is_awaited(now);
            return true;
        }
        self.attempt.retry.by(now + SOON);
        false
    }
}

/// An open page is looked at again, ever less often while nobody waits for it, and when its time is over.
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

/// How long an open page is not looked at.
pub(crate) fn poll_backoff(payment: &StripeCheckoutPayment, context: &Context<'_>) -> Span {
    if payment.awaited {
        return pause(payment.attempt.retry.tries, None, context.moment.jitter);
    }
    let pauses = if context.moment.webhooks_arrive { BACKOFF_WITH_WEBHOOKS } else { BACKOFF };
    doubling(pauses, payment.attempt.retry.tries, context.moment.jitter)
}

/// A look was not made for want of room: it is due a little later, and counts neither as a try nor as a failure.
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
