//! Requests to Stripe about a paid order, and their results.
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

/// A change of an order that the merchant is notified of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderChange {
    /// The status of a refund changed.
    Refunded(RefundId),
    /// The status of a dispute changed.
    Disputed(DisputeId),
    /// Goods were sent.
    Fulfilled(Reference),
}

/// The result of one read or request at Stripe about a paid order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderObservation {
    /// The answer to the request for a refund.
    RefundAnswered {
        number: RefundNumber,
        /// Stripe's answer.
        answer: RefundAnswer,
    },
    /// The refunds and disputes of the payment.
    Read {
        refunds: Vec<RefundSnapshot>,
        /// The disputes; `None` when they could not be read.
        disputes: Option<Vec<Dispute>>,
        /// When the reading began; its result is valid for that moment.
        asked: Timestamp,
        /// Whether the list is complete: a refund that is not in it did not exist at that moment.
        complete: bool,
    },
    ReadFailed,
    /// The request was not sent: the merchant's budget of calls to Stripe had no room.
    PutOff {
        /// When there may be room.
        after: Span,
    },
}

/// A request for a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundRequest {
    /// The requester's name for it; the same reference means the same refund.
    pub reference: Reference,
    /// How much, in minor units; `None` means all that is left.
    pub amount: Option<i64>,
    pub reason: Option<RefundReason>,
}

/// A refund that is about to be committed: everything that its request is built from.
#[derive(Clone, Debug)]
pub struct RefundIntent {
    /// How it was asked for; written into its metadata.
    pub origin: RefundOrigin,
    pub session: SessionId,
    pub payment: PaymentIntentId,
    pub amount: Money,
    pub reason: Option<RefundReason>,
    pub account: AccountId,
    /// Makes all sends of the request one refund.
    pub idempotency_key: IdempotencyKey,
    /// When it was committed.
    pub started: Timestamp,
    /// Until when the request may be sent.
    pub repeat_until: Timestamp,
}

/// Stripe's answer to the request for a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundAnswer {
    Made(RefundSnapshot),
    Refused {
        /// Stripe's code and parameter.
        why: String,
        /// Whether Stripe has stored the refusal under the idempotency key: then no send of this request has made the
        /// refund, and none will.
        stored: bool,
    },
    /// Stripe knows the idempotency key with another request.
    Conflict,
    /// 401 or 403.
    KeyRefused,
    /// Not sent: the account of the key is not verified yet.
    Unverified,
    /// Not sent: the key belongs to another account than the one that was paid.
    OtherAccount,
    /// 409, 429, 5xx, timeout, reset, unreadable: the outcome is not known.
    Inconclusive(Inconclusive),
}

/// A refund as Stripe shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundSnapshot {
    pub id: RefundId,
    pub status: RefundStatus,
    pub amount: Money,
    /// When it was made.
    pub created: Timestamp,
    pub reason: Option<RefundReason>,
    /// The session that its metadata names.
    pub session: Option<SessionId>,
    /// Its origin at this gateway, if its metadata names one.
    pub origin: Option<RefundOrigin>,
}
