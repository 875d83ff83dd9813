//! How often an open page at Stripe is looked at.
//!
//! A shopper who comes back, or a webhook, says that there is something to see. The looks beside that are for those who pay
//! and never come back. Invariant: an open page is always looked at again, and when its time is over at the latest.

use crate::domain::checkout::model::{
    Context, LONGEST_PAUSE, Session, State, StripeCheckoutAttempt, Transition, doubling, pause,
};
use crate::domain::time::{Span, Timestamp};

/// The session in the state that it is in, with what changed of its page.
pub(crate) fn standing(session: &Session, hosted: StripeCheckoutAttempt) -> Transition {
    let mut next = session.clone();
    next.state = match &session.state {
        State::AwaitingHosted { page, .. } => State::AwaitingHosted { hosted, page: page.clone() },
        State::ClosingHosted { page, reason, .. } => {
            State::ClosingHosted { hosted, page: page.clone(), reason: *reason }
        }
        State::OpeningHosted(_)
        | State::Open { .. }
        | State::Ready { .. }
        | State::Charging(_)
        | State::Frozen { .. }
        | State::Completed { .. }
        | State::Canceled { .. }
        | State::Expired => State::OpeningHosted(hosted),
    };
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

impl StripeCheckoutAttempt {
    /// Somebody waits for what the page shows, or says that it was paid: it is looked at now, and often for a while.
    pub(crate) fn is_awaited(&mut self, now: Timestamp) {
        self.awaited = true;
        // Also when it is awaited already: an answer that is on its way may be from before what is waited for.
        self.tries = 0;
        self.next_try = now.min(self.next_try);
    }

    /// A shopper comes back from the page. Whether it is looked at at once.
    pub(crate) fn is_come_back_from(&mut self, now: Timestamp) -> bool {
        self.returns = self.returns.saturating_add(1);
        if self.returns <= RETURNS {
            self.is_awaited(now);
            return true;
        }
        self.next_try = (now + SOON).min(self.next_try);
        false
    }
}

/// An open page is looked at again, ever less often while nobody waits for it, and when its time is over.
pub(crate) fn poll_again(
    session: &Session,
    hosted: &StripeCheckoutAttempt,
    context: &Context<'_>,
) -> Transition {
    let now = context.moment.now;
    let mut hosted = hosted.clone();
    hosted.awaited &= hosted.tries < AWAITED_POLLS;
    let at = now + poll_backoff(&hosted, context);
    let end = hosted.expires + AFTER_END;
    hosted.next_try =
        if now < end { at.min(end) } else { now + pause(hosted.tries, None, context.moment.jitter) };
    hosted.tries = hosted.tries.saturating_add(1);
    standing(session, hosted)
}

/// How long an open page is not looked at.
pub(crate) fn poll_backoff(hosted: &StripeCheckoutAttempt, context: &Context<'_>) -> Span {
    if hosted.awaited {
        return pause(hosted.tries, None, context.moment.jitter);
    }
    let pauses = if context.moment.webhooks_arrive { BACKOFF_WITH_WEBHOOKS } else { BACKOFF };
    doubling(pauses, hosted.tries, context.moment.jitter)
}

/// A look was not made for want of room: it is due a little later, and counts neither as a try nor as a failure.
pub(crate) fn put_off(
    session: &Session,
    hosted: &StripeCheckoutAttempt,
    after: Span,
    context: &Context<'_>,
) -> Transition {
    let mut hosted = hosted.clone();
    let longest = if matches!(session.state, State::AwaitingHosted { .. }) {
        LONGEST_POLL_BACKOFF
    } else {
        LONGEST_PAUSE
    };
    hosted.next_try = context.moment.now + after.min(longest);
    standing(session, hosted)
}
