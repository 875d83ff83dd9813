//! The activity of an order since its payment: refunds, disputes, shipped goods.
//!
//! Invariants: refunds requested here never exceed the order; one is requested at a time; the data that Stripe gives
//! of a refund or a dispute is kept as given.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};

use crate::domain::ids::{DisputeId, ItemId, Reference, RefundId, RefundNumber};
use crate::domain::money::Money;
use crate::domain::retry::Retry;
use crate::domain::sends::Sends;
use crate::domain::time::Timestamp;

/// The refunds, disputes and shipments of an order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderActivity {
    /// Refunds, including those made elsewhere, in the order in which they became known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refunds: Vec<Refund>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disputes: Vec<Dispute>,
    /// Shipped goods.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fulfillments: Vec<Fulfillment>,
    /// The amount paid, if an operator has accepted a payment that differs from the order's total.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid: Option<Money>,
    /// When Stripe is polled next for events that did not start here; `None` if it is no longer polled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_poll_at: Option<Timestamp>,
    /// How many polls there were since the last change.
    #[serde(default)]
    pub polls: u32,
    /// Whether a notification arrived that no reading has confirmed yet, and one still may.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub poll_requested: bool,
}

impl OrderActivity {
    /// The refund whose request is undecided.
    #[must_use]
    pub fn refund_attempt(&self) -> Option<(RefundNumber, &RefundAttempt)> {
        self.refunds.iter().find_map(|refund| match (&refund.origin, &refund.state) {
            (Some(origin), RefundState::Requested(attempt)) => Some((origin.number, attempt)),
            _ => None,
        })
    }

    /// Whether the request for this refund may still be sent.
    #[must_use]
    pub fn sends(&self, number: RefundNumber) -> bool {
        self.refund_attempt().is_some_and(|(asked, attempt)| asked == number && !attempt.searching)
    }

    /// The refund that was requested under this reference.
    #[must_use]
    pub fn refund_of(&self, reference: &Reference) -> Option<&Refund> {
        self.refunds
            .iter()
            .find(|refund| refund.origin.as_ref().is_some_and(|origin| origin.reference == *reference))
    }

    /// The number of the next refund requested here.
    #[must_use]
    pub fn next_refund(&self) -> RefundNumber {
        let numbers = self.refunds.iter().filter_map(|refund| refund.origin.as_ref());
        RefundNumber(numbers.map(|origin| origin.number.0).max().unwrap_or(0).saturating_add(1))
    }

    /// A notification arrived: Stripe is polled now.
    pub fn notify(&mut self, now: Timestamp) {
        self.poll_requested = true;
        self.poll_now(now);
    }

    /// Makes a poll due now, because something may have changed.
    pub fn poll_now(&mut self, now: Timestamp) {
        // Also if a poll is due already: that one may be in progress, and miss the change.
        self.next_poll_at = Some(now);
        self.polls = 0;
    }

    /// The amount that Stripe has shown as refunded or on its way, in minor units of the order's currency; for
    /// replies.
    #[must_use]
    pub fn refunded(&self) -> i64 {
        let counted = self.refunds.iter().filter(|refund| refund.has_left());
        counted.fold(0_i64, |sum, refund| sum.saturating_add(refund.amount.minor))
    }

    /// The same, with requested refunds that may have been made. Only the rest of the payment can still be refunded.
    #[must_use]
    pub fn reserved(&self) -> i64 {
        let counted = self.refunds.iter().filter(|refund| refund.state.counts());
        counted.fold(0_i64, |sum, refund| sum.saturating_add(refund.amount.minor))
    }

    /// Whether something that began after this moment is still undecided at Stripe.
    #[must_use]
    pub fn is_unsettled_since(&self, since: Timestamp) -> bool {
        let refunds = self.refunds.iter().filter(|refund| refund.state.is_unsettled());
        let disputes = self.disputes.iter().filter(|dispute| dispute.status.is_open());
        let mut begun = refunds.map(|refund| refund.created).chain(disputes.map(|dispute| dispute.created));
        begun.any(|created| created > since)
    }

    /// How many pieces of an item were sent.
    #[must_use]
    pub fn sent(&self, item: &ItemId) -> u32 {
        let items = self.fulfillments.iter().flat_map(|fulfillment| &fulfillment.items);
        items.filter(|sent| sent.item == *item).fold(0, |sum, sent| sum.saturating_add(sent.quantity))
    }
}

/// A refund.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// Its request here; `None` if it was made elsewhere, such as in Stripe's dashboard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<RefundOrigin>,
    pub amount: Money,
    /// The reason, as Stripe names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<RefundReason>,
    /// When it was requested, or made.
    pub created: Timestamp,
    pub state: RefundState,
}

impl Refund {
    /// Whether its outcome is not known yet.
    #[must_use]
    pub const fn is_asked_for(&self) -> bool {
        matches!(self.state, RefundState::Requested(_))
    }

    /// Whether Stripe has made it and it was not returned.
    #[must_use]
    pub const fn has_left(&self) -> bool {
        matches!(&self.state, RefundState::Made { status, .. } if status.counts())
    }
}

/// The request of a refund that was made here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundOrigin {
    /// Its number among those of its order; written into its metadata at Stripe.
    pub number: RefundNumber,
    /// The requester's name for it.
    pub reference: Reference,
    /// Whether all that was left was requested, without an amount.
    #[serde(default)]
    pub whole: bool,
}

/// The state of a refund.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RefundState {
    /// It is not known yet whether Stripe has made it.
    Requested(RefundAttempt),
    Made {
        /// Stripe's id.
        id: RefundId,
        /// Stripe's status.
        status: RefundStatus,
    },
    /// Stripe has not made it, and will not.
    Refused { reason: RefundRefusal },
}

/// Why Stripe has not made a refund.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "because", rename_all = "snake_case")]
pub enum RefundRefusal {
    Refused {
        /// Stripe's code and parameter.
        detail: String,
    },
    /// Stripe shows no such refund, so nothing went back.
    NotShown { last_answer: Option<LastAnswer> },
}

/// The answer to the request for a refund.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum LastAnswer {
    Made,
    Refused {
        /// Stripe's code and parameter.
        detail: String,
    },
    /// Its idempotency key was used with another request.
    Conflict,
    KeyRefused,
    /// Not sent: the merchant's Stripe account is not verified yet.
    Unverified,
    /// Not sent: the key belongs to another account than the one that was paid.
    OtherAccount,
    /// An answer without any information but its status.
    Status {
        /// The HTTP status.
        status: u16,
        /// Stripe's `Request-Id`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
    },
    /// No answer came.
    None,
}

impl RefundState {
    /// Whether its amount must count as refunded.
    #[must_use]
    pub const fn counts(&self) -> bool {
        match self {
            Self::Requested(_) => true,
            Self::Made { status, .. } => status.counts(),
            Self::Refused { .. } => false,
        }
    }

    const fn is_unsettled(&self) -> bool {
        matches!(
            self,
            Self::Requested(_)
                | Self::Made { status: RefundStatus::Pending | RefundStatus::RequiresAction, .. }
        )
    }

    /// The state's name in replies: Stripe's status, or `attempt` or `refused`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Requested(_) => "requested",
            Self::Made { status, .. } => status.into_str(),
            Self::Refused { .. } => "refused",
        }
    }
}

/// An undecided refund. While `searching` is false its stored request is sent, the same each time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundAttempt {
    /// Until when the request may be sent.
    pub repeat_until: Timestamp,
    /// Whether it is no longer sent, and only searched for.
    pub searching: bool,
    /// When the present step is tried again.
    pub retry: Retry,
    #[serde(default)]
    pub sends: Sends,
    /// The answer to the last try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_answer: Option<LastAnswer>,
}

/// Stripe's statuses of a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, EnumString)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum RefundStatus {
    Pending,
    /// The shopper must say where the money goes.
    RequiresAction,
    /// The money was sent.
    Succeeded,
    /// The money came back to the merchant.
    Failed,
    Canceled,
}

impl RefundStatus {
    const fn counts(self) -> bool {
        match self {
            Self::Pending | Self::RequiresAction | Self::Succeeded => true,
            Self::Failed | Self::Canceled => false,
        }
    }
}

/// The reason for a refund, in Stripe's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, EnumString)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum RefundReason {
    /// It was paid twice.
    Duplicate,
    Fraudulent,
    /// The shopper wants it.
    RequestedByCustomer,
}

/// A payment that the buyer's bank disputes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    /// Stripe's id.
    pub id: DisputeId,
    pub amount: Money,
    /// Stripe's name of the reason, such as `fraudulent`.
    pub reason: String,
    pub status: DisputeStatus,
    /// When it was raised.
    pub created: Timestamp,
}

/// The status of a dispute: Stripe's name, of which only those that end it have a meaning here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DisputeStatus(String);

impl DisputeStatus {
    /// A status with Stripe's name.
    #[must_use]
    pub fn new(word: String) -> Self {
        Self(word)
    }

    /// Stripe's name of the status.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the status may still change.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !matches!(self.0.as_str(), "won" | "lost" | "warning_closed" | "prevented")
    }
}

/// Goods that were sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fulfillment {
    /// The operator's reference for it.
    pub reference: Reference,
    /// The items sent; in a command, an empty list means all that was left.
    pub items: Vec<Fulfilled>,
    /// Whether the command meant all that was left.
    #[serde(default)]
    pub rest: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// The carrier's tracking number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_number: Option<String>,
    /// The tracking page, an `https` address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_url: Option<String>,
    pub created: Timestamp,
}

/// A quantity of one item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fulfilled {
    pub item: ItemId,
    pub quantity: u32,
}
