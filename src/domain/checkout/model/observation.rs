//! The result of one read or request at Stripe about an attempt.

use strum::{EnumString, IntoStaticStr};

use super::notice::DeclineReason;
use crate::domain::address::Buyer;
use crate::domain::ids::{AttemptNumber, PaymentIntentId, Revision, SessionId, StripeCheckoutId};
use crate::domain::money::Money;
use crate::domain::time::{Span, Timestamp};

/// The result of one read or request at Stripe about an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// A PaymentIntent of this attempt.
    PaymentIntent(PaymentIntentSnapshot),
    /// The Stripe Checkout of this attempt.
    StripeCheckout(StripeCheckoutSnapshot),
    /// 402: the payment was refused.
    Declined {
        /// The PaymentIntent nested in the error.
        intent: Option<PaymentIntentId>,
        /// Whether the bank wanted the shopper to confirm.
        requires_3ds: bool,
        /// The reason, if the shopper can act on it.
        reason: DeclineReason,
    },
    /// 400 or 404 on the token.
    TokenRefused {
        /// Whether a payment of our own may have used up the token. Then Stripe is read before anything is concluded.
        maybe_consumed: bool,
        /// Stripe's code and parameter, for the log; never its message, which quotes the token.
        detail: String,
    },
    /// Another 400: the request itself is wrong.
    RequestRefused {
        /// Stripe's code and parameter, for the log; never its message, which may quote an address.
        detail: String,
    },
    /// A refusal that Stripe has stored under the idempotency key: no send of this request has paid, and none will.
    RefusedForGood {
        /// Stripe's code and parameter, for the log.
        detail: String,
    },
    /// Stripe knows the idempotency key with another request.
    IdempotencyConflict,
    /// 401 or 403: nothing is sent, and no reading counts, until the key is right.
    KeyRefused,
    /// The key belongs to another account than the attempt's: nothing is sent, and no reading counts, until it is
    /// right.
    OtherAccount,
    /// 409, 429, 5xx, timeout, reset, unreadable: the outcome is not known.
    Inconclusive(Inconclusive),
    /// A complete reading of all pages of the list found no PaymentIntent of this attempt.
    Absent {
        /// When the reading began; its result is valid for that moment.
        asked: Timestamp,
    },
    /// A reading failed, or was not even begun.
    ReadFailed,
    /// The request was not sent: the merchant's budget of calls to Stripe had no room. This says nothing about the
    /// payment.
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
            Self::PaymentIntent(intent) => intent.status.into_str(),
            Self::StripeCheckout(_) => "stripe_checkout",
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

    /// The same observation, with an empty result reduced to one that proves nothing.
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
    pub primary: Observation,
    /// Other succeeded payments of the session. Each one is on the session's order, or is flagged.
    pub other_payments: Vec<PaymentIntentId>,
}

impl From<Observation> for AttemptObservation {
    fn from(primary: Observation) -> Self {
        Self { primary, other_payments: Vec::new() }
    }
}

impl AttemptObservation {
    /// The observation when no answer came.
    #[must_use]
    pub fn unanswered() -> Self {
        Observation::Inconclusive(Inconclusive::default()).into()
    }

    /// The same observation, with an empty result reduced to one that proves nothing.
    #[must_use]
    pub fn without_absence(self) -> Self {
        Self { primary: self.primary.without_absence(), ..self }
    }
}

/// An answer that does not show the payment's outcome.
#[expect(clippy::struct_excessive_bools, reason = "each answers a question of its own")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inconclusive {
    pub retry_after: Option<Span>,
    pub should_retry: Option<bool>,
    /// 429: Stripe answers, and accepts no further requests for now.
    pub limited: bool,
    /// Whether it was a server error that Stripe replays for this idempotency key.
    pub replayed_error: bool,
    /// The stored request could not be sent again: its token cannot be decrypted.
    pub cannot_repeat: bool,
    /// Nothing was sent: Stripe has not answered lately, or too many requests wait for it.
    pub not_sent: bool,
    /// The status and id of the answer, if there was one.
    pub answered: Option<AnsweredWith>,
}

/// An answer without any information but its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnsweredWith {
    /// The HTTP status.
    pub status: u16,
    /// Stripe's `Request-Id`.
    pub request_id: Option<String>,
}

impl Inconclusive {
    /// Whether the same request will never get another answer, so that only a reading can decide. Stripe stores the
    /// answer to a completed request, server errors included, and replays it for as long as it knows the key.
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
    pub id: PaymentIntentId,
    pub status: PaymentIntentStatus,
    /// `amount_received` once succeeded, else `amount`.
    pub amount: Money,
    /// Whether it moved real money.
    pub livemode: bool,
    /// The session that its metadata names; `None` if that is missing or unreadable.
    pub session: Option<SessionId>,
    pub revision: Option<Revision>,
    pub attempt: Option<AttemptNumber>,
}

/// Stripe's statuses of a PaymentIntent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, EnumString)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum PaymentIntentStatus {
    /// The payment failed.
    RequiresPaymentMethod,
    /// Not confirmed.
    RequiresConfirmation,
    /// The shopper must act.
    RequiresAction,
    Processing,
    /// Authorised only.
    RequiresCapture,
    /// Will never be paid.
    Canceled,
    /// Paid.
    Succeeded,
}

/// A Stripe Checkout as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StripeCheckoutSnapshot {
    pub id: StripeCheckoutId,
    /// The address where it is paid; Stripe gives it only for an open one.
    pub url: Option<String>,
    pub status: StripeCheckoutStatus,
    /// Its PaymentIntent, once there is one, with its status if that was read too.
    pub intent: Option<(PaymentIntentId, Option<PaymentIntentStatus>)>,
    /// The total that it charges.
    pub amount: Money,
    /// Whether it moves real money.
    pub livemode: bool,
    /// The buyer's data that the shopper gave there.
    pub buyer: Buyer,
    /// The session that its metadata names; `None` if that is missing or unreadable.
    pub session: Option<SessionId>,
    pub revision: Option<Revision>,
    pub attempt: Option<AttemptNumber>,
}

/// The status of a Stripe Checkout: Stripe's `status` and `payment_status` together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum StripeCheckoutStatus {
    /// It can be paid.
    Open,
    /// It will never be paid.
    Expired,
    /// It was completed, and the money has arrived.
    Paid,
    /// It was completed, and the money is on its way or will not arrive.
    #[strum(serialize = "used, unpaid")]
    Unpaid,
    /// It was completed with nothing to pay, which we never ask for.
    #[strum(serialize = "used, nothing to pay")]
    Free,
}
