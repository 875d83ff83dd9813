//! The events of a session: callers' requests, due times, observations of Stripe.

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

/// An event of a session.
#[derive(Clone, Debug)]
pub enum Event {
    /// The shopper changed something.
    Edited {
        /// The revision that the shopper saw.
        revision: Option<Revision>,
        patch: Patch,
    },
    /// A line of the quote can no longer be sold.
    LineGone(ItemId),
    /// The shopper pays with a token that was read at Stripe.
    Paid {
        payment: Payment,
        /// The facts that Stripe gave about the token.
        facts: TokenFacts,
    },
    /// The shopper wants to pay on a Stripe Checkout.
    StripeCheckoutRequested {
        /// The revision that the shopper saw.
        revision: Option<Revision>,
    },
    /// A caller wants something else of a session whose Stripe Checkout is open.
    CloseRequested(CloseReason),
    /// The shopper gave up.
    Canceled,
    /// The session has expired.
    TimeOut,
    /// The time for sending the attempt's request is over.
    RepeatingEnded,
    /// An operator decided a frozen session.
    Decided {
        decision: Decision,
        /// The observation of the payment just before.
        seen: AttemptObservation,
    },
    /// Stripe was read, or has answered, about an attempt.
    AttemptObserved {
        /// The attempt that the request was about.
        attempt: AttemptNumber,
        seen: AttemptObservation,
    },
    /// The process that sent an attempt's request ended before it learned the answer.
    SendInterrupted(AttemptNumber),
    RefundRequested(RefundRequest),
    /// Goods were sent.
    Fulfilled(Fulfillment),
    /// Stripe was read, or has answered, about a paid order.
    OrderObserved(OrderObservation),
    /// A notification says that something has happened at Stripe.
    Notified(StripeNotification),
    /// An unmatched payment was read.
    PaymentObserved {
        payment: PaymentIntentId,
        seen: Observation,
    },
    /// Stripe shows evidence that a restored database may lack.
    Reconciled(Box<RestoreEvidence>),
}

impl Event {
    /// Whether it must wait while the records of the session may be older than the events at Stripe: true for every
    /// request of a caller and for every due time. Observations of Stripe are applied at any time.
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
    Rejected(Rejection),
    /// A Stripe Checkout is open that could still be paid. The event is possible once that is closed.
    StripeCheckoutOpen,
}

impl From<Rejection> for StepError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}
