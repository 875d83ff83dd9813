//! What may happen to a session: what its callers want, what its clock says, what was seen at Stripe.

use super::command::{Patch, Payment};
use super::decision::Decision;
use super::notification::StripeNotification;
use super::observation::{AttemptObservation, Observation};
use super::order::{OrderObservation, RefundRequest};
use super::rejection::Rejection;
use super::restored::RestoreEvidence;
use super::stripe_checkout::CloseReason;
use super::token::TokenFacts;
use crate::domain::ids::{AttemptNumber, ItemId, PaymentIntentId, Revision};
use crate::domain::order::Fulfillment;

/// Something that happens to a session.
#[derive(Clone, Debug)]
pub enum Event {
    /// The shopper changed something.
    Edited {
        /// The revision that was seen.
        revision: Option<Revision>,
        /// The change.
        patch: Patch,
    },
    /// A line of the quote can no longer be sold.
    LineGone(ItemId),
    /// The shopper pays, with a token that Stripe has told about.
    Paid {
        /// The payment.
        payment: Payment,
        /// What the token is good for.
        facts: TokenFacts,
    },
    /// The shopper wants to pay on a page at Stripe.
    StripeCheckoutRequested {
        /// The revision that was seen.
        revision: Option<Revision>,
    },
    /// Something else is wanted of a session whose page is open.
    CloseRequested(CloseReason),
    /// The shopper gave up.
    Canceled,
    /// The session's time is over.
    TimeOut,
    /// The attempt's request may not be sent any more.
    RepeatingEnded,
    /// An operator decided a frozen session.
    Decided {
        /// What.
        decision: Decision,
        /// What was seen of the payment just before.
        seen: AttemptObservation,
    },
    /// Stripe was seen to say something of an attempt.
    AttemptObserved {
        /// Which attempt was asked about.
        attempt: AttemptNumber,
        /// What was seen.
        seen: AttemptObservation,
    },
    /// The process that sent an attempt's request ended before it learned the answer.
    SendInterrupted(AttemptNumber),
    /// Money is to go back.
    RefundRequested(RefundRequest),
    /// Goods were sent.
    Fulfilled(Fulfillment),
    /// Stripe was seen to say something of a paid order.
    OrderObserved(OrderObservation),
    /// Somebody says that something has happened at Stripe.
    Notified(StripeNotification),
    /// A payment that the session could not account for was looked at.
    PaymentObserved {
        /// Which.
        payment: PaymentIntentId,
        /// What was seen.
        seen: Observation,
    },
    /// Stripe shows something that a restored database may not know.
    Reconciled(Box<RestoreEvidence>),
}

impl Event {
    /// Whether it must wait while what is kept of the session may be older than what happened: everything that somebody
    /// wants of it, and what its clock says. What was seen at Stripe is taken at any time.
    pub(crate) const fn needs_reliable_records(&self) -> bool {
        match self {
            Self::Edited { .. }
            | Self::LineGone(_)
            | Self::Paid { .. }
            | Self::StripeCheckoutRequested { .. }
            | Self::CloseRequested(_)
            | Self::Canceled
            | Self::TimeOut
            | Self::RepeatingEnded
            | Self::Decided { .. }
            | Self::RefundRequested(_) => true,
            Self::AttemptObserved { .. }
            | Self::SendInterrupted(_)
            | Self::OrderObserved(_)
            | Self::PaymentObserved { .. }
            | Self::Fulfilled(_)
            | Self::Notified(_)
            | Self::Reconciled(_) => false,
        }
    }
}

/// Why an event changes nothing now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepError {
    /// The rules reject it.
    Rejected(Rejection),
    /// A Stripe Checkout is open that could still be paid. The event is possible once that is closed.
    StripeCheckoutOpen,
}

impl From<Rejection> for StepError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}
