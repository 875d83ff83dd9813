//! What one reading or answer of Stripe showed of an attempt.

use super::notice::DeclineReason;
use crate::domain::address::Buyer;
use crate::domain::ids::{AttemptNumber, PaymentIntentId, Revision, SessionId, StripeCheckoutId};
use crate::domain::money::Money;
use crate::domain::time::{Span, Timestamp};

/// What one look at Stripe showed of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// A PaymentIntent of this attempt.
    PaymentIntent(PaymentIntentSnapshot),
    /// The page of this attempt.
    StripeCheckout(StripeCheckoutSnapshot),
    /// 402: the payment was refused.
    Declined {
        /// The PaymentIntent nested in the error.
        intent: Option<PaymentIntentId>,
        /// Whether the bank wanted the shopper to confirm.
        requires_3ds: bool,
        /// Why, as far as a shopper can do something about it.
        reason: DeclineReason,
    },
    /// 400 or 404 on the token.
    TokenRefused {
        /// Whether the token may have been used up by a payment of our own: then Stripe is read before anything is said.
        maybe_consumed: bool,
        /// Stripe's code and parameter, for the log; never its sentence, which quotes the token.
        detail: String,
    },
    /// Another 400: the request itself is wrong.
    RequestRefused {
        /// Stripe's code and parameter, for the log; never its sentence, which may quote an address.
        detail: String,
    },
    /// A refusal that Stripe has stored under the idempotency key: no send of this request has paid, and none will.
    RefusedForGood {
        /// Stripe's code and parameter, for the log.
        detail: String,
    },
    /// The idempotency key is known with another request.
    IdempotencyConflict,
    /// 401 or 403: nothing is sent or believed until it is right.
    KeyRefused,
    /// The key opens another account than the attempt's: nothing is sent or believed until it is right.
    OtherAccount,
    /// 409, 429, 5xx, timeout, reset, unreadable: nothing is known.
    Inconclusive(Inconclusive),
    /// A complete reading, all pages, that found no PaymentIntent of this attempt.
    Absent {
        /// When the reading began: what it says is no younger.
        asked: Timestamp,
    },
    /// A reading that did not come to its end, or was not even begun.
    ReadFailed,
    /// Stripe was not asked: this merchant's calls to it have a budget, and there was no room. It says nothing of Stripe.
    PutOff {
        /// When there may be room.
        after: Span,
    },
}

impl Observation {
    /// Its kind, for the log.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::PaymentIntent(intent) => intent.status.as_str(),
            Self::StripeCheckout(_) => "page",
            Self::Declined { .. } => "declined",
            Self::TokenRefused { .. } => "token_refused",
            Self::RequestRefused { .. } => "request_refused",
            Self::RefusedForGood { .. } => "refused_for_good",
            Self::IdempotencyConflict => "idempotency_conflict",
            Self::KeyRefused => "key_refused",
            Self::OtherAccount => "other_account",
            Self::Inconclusive(unknown) => unknown.as_str(),
            Self::Absent { .. } => "absent",
            Self::PutOff { .. } => "put_off",
            Self::ReadFailed => "unread",
        }
    }

    /// The same, where finding nothing proves nothing.
    #[must_use]
    pub fn without_absence(self) -> Self {
        match self {
            Self::Absent { .. } => Self::ReadFailed,
            Self::PaymentIntent(_)
            | Self::StripeCheckout(_)
            | Self::Declined { .. }
            | Self::TokenRefused { .. }
            | Self::RequestRefused { .. }
            | Self::RefusedForGood { .. }
            | Self::IdempotencyConflict
            | Self::KeyRefused
            | Self::OtherAccount
            | Self::Inconclusive(_)
            | Self::ReadFailed
            | Self::PutOff { .. } => self,
        }
    }
}

/// What was observed of an attempt, and further payments of its session that the same reading showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptObservation {
    /// What was observed of the attempt.
    pub primary: Observation,
    /// Other payments of the session that have succeeded: each is on the session's order, or is flagged.
    pub other_payments: Vec<PaymentIntentId>,
}

impl From<Observation> for AttemptObservation {
    fn from(primary: Observation) -> Self {
        Self { primary, other_payments: Vec::new() }
    }
}

impl AttemptObservation {
    /// What is known when no answer came.
    #[must_use]
    pub fn unanswered() -> Self {
        Observation::Inconclusive(Inconclusive::default()).into()
    }

    /// The same, where finding nothing proves nothing.
    #[must_use]
    pub fn without_absence(self) -> Self {
        Self { primary: self.primary.without_absence(), ..self }
    }
}

/// An answer that tells nothing about the payment.
#[expect(clippy::struct_excessive_bools, reason = "each is told apart from the others")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inconclusive {
    /// `Retry-After`.
    pub retry_after: Option<Span>,
    /// `Stripe-Should-Retry`.
    pub should_retry: Option<bool>,
    /// 429: Stripe answers, and takes no more requests for now.
    pub limited: bool,
    /// Whether it was a server error that Stripe replays for this idempotency key.
    pub replayed_error: bool,
    /// The stored request could not be sent again: its token cannot be opened.
    pub cannot_repeat: bool,
    /// Nothing was sent at all: Stripe has not answered lately, or too much waits for it.
    pub not_sent: bool,
    /// The answer, where there was one.
    pub answered: Option<AnsweredWith>,
}

/// An answer that says nothing but its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnsweredWith {
    /// The HTTP status.
    pub status: u16,
    /// Stripe's `Request-Id`.
    pub request_id: Option<String>,
}

impl Inconclusive {
    /// Whether the same request will never get another answer, so that only a reading can tell. Stripe stores the answer to a
    /// request that has ended, server errors too, and replays it for as long as it knows the key.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.cannot_repeat || self.replayed_error || self.should_retry == Some(false)
    }

    /// Its kind, for the log.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self { not_sent: true, .. } => "not_sent",
            Self { cannot_repeat: true, .. } => "cannot_be_sent_again",
            Self { replayed_error: true, .. } => "replayed_server_error",
            _ => "no_certain_answer",
        }
    }
}

/// A PaymentIntent as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentIntentSnapshot {
    /// Its id.
    pub id: PaymentIntentId,
    /// Its status.
    pub status: PaymentIntentStatus,
    /// `amount_received` once succeeded, else `amount`.
    pub amount: Money,
    /// Whether it moved real money.
    pub livemode: bool,
    /// What its metadata names; `None` where a part is missing or unreadable.
    pub session: Option<SessionId>,
    /// Likewise.
    pub revision: Option<Revision>,
    /// Likewise.
    pub attempt: Option<AttemptNumber>,
}

/// Stripe's statuses of a PaymentIntent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentIntentStatus {
    /// The payment failed.
    RequiresPaymentMethod,
    /// Not confirmed.
    RequiresConfirmation,
    /// The shopper must do something.
    RequiresAction,
    /// Under way.
    Processing,
    /// Authorised only.
    RequiresCapture,
    /// Will never be paid.
    Canceled,
    /// Paid.
    Succeeded,
}

impl PaymentIntentStatus {
    /// Stripe's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RequiresPaymentMethod => "requires_payment_method",
            Self::RequiresConfirmation => "requires_confirmation",
            Self::RequiresAction => "requires_action",
            Self::Processing => "processing",
            Self::RequiresCapture => "requires_capture",
            Self::Canceled => "canceled",
            Self::Succeeded => "succeeded",
        }
    }
}

/// A page as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StripeCheckoutSnapshot {
    /// Its id.
    pub id: StripeCheckoutId,
    /// Where it is paid; Stripe tells it of open pages only.
    pub url: Option<String>,
    /// Where it stands.
    pub status: StripeCheckoutStatus,
    /// Its PaymentIntent, once there is one, and that one's status where it was read too.
    pub intent: Option<(PaymentIntentId, Option<PaymentIntentStatus>)>,
    /// The total that it asks for.
    pub amount: Money,
    /// Whether it moves real money.
    pub livemode: bool,
    /// Who used it, as the page was told.
    pub buyer: Buyer,
    /// What its metadata names; `None` where a part is missing or unreadable.
    pub session: Option<SessionId>,
    /// Likewise.
    pub revision: Option<Revision>,
    /// Likewise.
    pub attempt: Option<AttemptNumber>,
}

/// Where a page stands: Stripe's `status` and `payment_status` together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StripeCheckoutStatus {
    /// It can be paid.
    Open,
    /// It will never be paid.
    Expired,
    /// It was used, and the money has come.
    Paid,
    /// It was used, and the money is on its way or will not come.
    Unpaid,
    /// It was used, and nothing was to be paid: never asked for.
    Free,
}

impl StripeCheckoutStatus {
    /// The status as timelines and logs write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Expired => "expired",
            Self::Paid => "paid",
            Self::Unpaid => "used, unpaid",
            Self::Free => "used, nothing to pay",
        }
    }
}
