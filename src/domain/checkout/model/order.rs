//! What is asked of Stripe about a paid order, and what Stripe shows of it.
//!
//! Source: Stripe API `2026-09-30.preview`, Refunds and Disputes.

use super::idempotency_key::IdempotencyKey;
use super::observation::Inconclusive;
use crate::domain::ids::{
    AccountId, DisputeId, PaymentIntentId, Reference, RefundId, RefundNumber, SessionId,
};
use crate::domain::money::Money;
use crate::domain::order::{Dispute, RefundOrigin, RefundReason, RefundStatus};
use crate::domain::time::{Span, Timestamp};

/// Something that a merchant is told of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderChange {
    /// A refund stands elsewhere than before.
    Refunded(RefundId),
    /// A dispute does.
    Disputed(DisputeId),
    /// Goods were sent.
    Fulfilled(Reference),
}

/// What one look at Stripe showed of a paid order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderObservation {
    /// The answer to the request for a refund.
    RefundAnswered {
        /// Which.
        number: RefundNumber,
        /// What was answered.
        answer: RefundAnswer,
    },
    /// The refunds and disputes of the payment.
    Read {
        /// The refunds.
        refunds: Vec<RefundSnapshot>,
        /// The disputes; `None` when they could not be read.
        disputes: Option<Vec<Dispute>>,
        /// When the looking began: what it says is no younger.
        asked: Timestamp,
        /// Whether a refund that it does not show was not made until then.
        complete: bool,
    },
    /// A look that did not come to its end.
    ReadFailed,
    /// Stripe was not asked: this merchant's calls to it have a budget, and there was no room.
    PutOff {
        /// When there may be room.
        after: Span,
    },
}

/// A refund that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundRequest {
    /// What its asker calls it: the same reference asks for the same refund.
    pub reference: Reference,
    /// How much, in minor units; `None`: all that is left.
    pub amount: Option<i64>,
    /// Why.
    pub reason: Option<RefundReason>,
}

/// A refund that is about to be committed: everything that its request is made of.
#[derive(Clone, Debug)]
pub struct RefundIntent {
    /// How it was asked for; written into its metadata.
    pub origin: RefundOrigin,
    /// The session.
    pub session: SessionId,
    /// The payment that it is of.
    pub payment: PaymentIntentId,
    /// How much.
    pub amount: Money,
    /// Why.
    pub reason: Option<RefundReason>,
    /// The Stripe account.
    pub account: AccountId,
    /// Makes repeats of the request one refund.
    pub idempotency_key: IdempotencyKey,
    /// When it was committed.
    pub started: Timestamp,
    /// Until when the request may be sent.
    pub repeat_until: Timestamp,
}

/// What the request for a refund was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundAnswer {
    /// It is made.
    Made(RefundSnapshot),
    /// Stripe will not make it.
    Refused {
        /// Stripe's code and parameter.
        why: String,
        /// Whether it is stored under the idempotency key: then no send of this request has made it, and none will.
        stored: bool,
    },
    /// The idempotency key is known with another request.
    Conflict,
    /// 401 or 403.
    KeyRefused,
    /// Not sent: which account the key opens is not verified yet.
    Unverified,
    /// Not sent: the key opens another account than the one that was paid.
    OtherAccount,
    /// 409, 429, 5xx, timeout, reset, unreadable: nothing is known.
    Inconclusive(Inconclusive),
}

/// A refund as Stripe shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundSnapshot {
    /// Its id.
    pub id: RefundId,
    /// Where it stands.
    pub status: RefundStatus,
    /// How much.
    pub amount: Money,
    /// When it was made.
    pub created: Timestamp,
    /// Why.
    pub reason: Option<RefundReason>,
    /// The session that its metadata names.
    pub session: Option<SessionId>,
    /// How it was asked for here, as its metadata tells.
    pub origin: Option<RefundOrigin>,
}
