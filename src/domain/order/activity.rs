//! What became of an order since it was paid: money that went back, disputes, goods that were sent.
//!
//! Invariants: refunds that were asked for here never come to more than the order; one is asked for at a time; what
//! Stripe tells of a refund or a dispute is kept as told.

use serde::{Deserialize, Serialize};

use crate::domain::ids::{DisputeId, ItemId, Reference, RefundId, RefundNumber};
use crate::domain::money::Money;
use crate::domain::retry::Retry;
use crate::domain::sends::Sends;
use crate::domain::time::Timestamp;

/// An order's book.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderActivity {
    /// Refunds, those made elsewhere among them, in the order in which they became known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refunds: Vec<Refund>,
    /// Disputes, likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disputes: Vec<Dispute>,
    /// What was sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fulfillments: Vec<Fulfillment>,
    /// What was paid, where an operator has taken a payment of another amount than the order's total.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid: Option<Money>,
    /// When Stripe is looked at next, for what happened there without us; `None` when no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_poll_at: Option<Timestamp>,
    /// How many looks there were since something was last new.
    #[serde(default)]
    pub polls: u32,
    /// Whether Stripe has told of something that no look has borne out yet, and one still may.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub poll_requested: bool,
}

impl OrderActivity {
    /// The refund that is being asked for.
    #[must_use]
    pub fn asking(&self) -> Option<(RefundNumber, &Asking)> {
        self.refunds.iter().find_map(|refund| match (&refund.origin, &refund.state) {
            (Some(origin), RefundState::Asking(asking)) => Some((origin.number, asking)),
            _ => None,
        })
    }

    /// Whether the request for this refund may still be sent.
    #[must_use]
    pub fn sends(&self, number: RefundNumber) -> bool {
        self.asking().is_some_and(|(asked, asking)| asked == number && !asking.looking)
    }

    /// The refund that was asked for under this reference.
    #[must_use]
    pub fn refund_of(&self, reference: &Reference) -> Option<&Refund> {
        self.refunds
            .iter()
            .find(|refund| refund.origin.as_ref().is_some_and(|origin| origin.reference == *reference))
    }

    /// The number of the next refund that is asked for here.
    #[must_use]
    pub fn next_refund(&self) -> RefundNumber {
        let numbers = self.refunds.iter().filter_map(|refund| refund.origin.as_ref());
        RefundNumber(numbers.map(|origin| origin.number.0).max().unwrap_or(0).saturating_add(1))
    }

    /// Stripe has told of something: it is looked at now.
    pub fn notify(&mut self, now: Timestamp) {
        self.poll_requested = true;
        self.poll_now(now);
    }

    /// Stripe is looked at now, because there may be something to see.
    pub fn poll_now(&mut self, now: Timestamp) {
        // Also where one is due already: that one may be under way, and miss it.
        self.next_poll_at = Some(now);
        self.polls = 0;
    }

    /// How much Stripe has shown as gone back or on its way, in minor units of the order's currency. This is what is told.
    #[must_use]
    pub fn refunded(&self) -> i64 {
        let counted = self.refunds.iter().filter(|refund| refund.has_left());
        counted.fold(0_i64, |sum, refund| sum.saturating_add(refund.amount.minor))
    }

    /// The same, with what is asked for and may have been made: no more may be asked for than this leaves.
    #[must_use]
    pub fn reserved(&self) -> i64 {
        let counted = self.refunds.iter().filter(|refund| refund.state.counts());
        counted.fold(0_i64, |sum, refund| sum.saturating_add(refund.amount.minor))
    }

    /// Whether Stripe has still to say how something ends that began after this moment.
    #[must_use]
    pub fn is_unsettled_since(&self, since: Timestamp) -> bool {
        let refunds = self.refunds.iter().filter(|refund| refund.state.is_unsettled());
        let disputes = self.disputes.iter().filter(|dispute| dispute.status.is_open());
        let mut begun = refunds.map(|refund| refund.created).chain(disputes.map(|dispute| dispute.created));
        begun.any(|created| created > since)
    }

    /// How many of an item were sent.
    #[must_use]
    pub fn sent(&self, item: &ItemId) -> u32 {
        let items = self.fulfillments.iter().flat_map(|fulfillment| &fulfillment.items);
        items.filter(|sent| sent.item == *item).fold(0, |sum, sent| sum.saturating_add(sent.quantity))
    }
}

/// Money that goes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// Who asked for it here; `None` of one that was made elsewhere, such as in Stripe's dashboard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<RefundOrigin>,
    /// How much.
    pub amount: Money,
    /// Why, in Stripe's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<RefundReason>,
    /// When it was asked for, or made.
    pub created: Timestamp,
    /// Where it stands.
    pub state: RefundState,
}

impl Refund {
    /// Whether nobody knows yet what became of it.
    #[must_use]
    pub const fn is_asked_for(&self) -> bool {
        matches!(self.state, RefundState::Asking(_))
    }

    /// Whether Stripe has made it and it has not come back.
    #[must_use]
    pub const fn has_left(&self) -> bool {
        matches!(&self.state, RefundState::Made { status, .. } if status.counts())
    }
}

/// How a refund was asked for here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundOrigin {
    /// Its number among those of its order; written into its metadata at Stripe.
    pub number: RefundNumber,
    /// What its asker calls it.
    pub reference: Reference,
    /// Whether all that was left was asked for, and no amount named.
    #[serde(default)]
    pub whole: bool,
}

/// Where a refund stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RefundState {
    /// Nobody knows yet whether Stripe has made it.
    Asking(Asking),
    /// Stripe has made it.
    Made {
        /// Stripe's id of it.
        id: RefundId,
        /// What Stripe says of it.
        status: RefundStatus,
    },
    /// Stripe has not made it, and will not.
    Refused {
        /// Why.
        reason: RefundRefusal,
    },
}

/// Why Stripe has not made a refund.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "because", rename_all = "snake_case")]
pub enum RefundRefusal {
    /// Stripe refuses it.
    Refused {
        /// Stripe's code and parameter.
        detail: String,
    },
    /// Stripe shows no such refund, so nothing went back.
    NotShown {
        /// What its request was answered last.
        last_answer: Option<LastAnswer>,
    },
}

/// What the request for a refund was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum LastAnswer {
    /// It is made.
    Made,
    /// Stripe refuses it.
    Refused {
        /// Stripe's code and parameter.
        detail: String,
    },
    /// Its idempotency key stands for another request.
    Conflict,
    /// The key is refused.
    KeyRefused,
    /// Not sent: the merchant's Stripe account is not verified yet.
    Unverified,
    /// Not sent: the key opens another account than the one that was paid.
    OtherAccount,
    /// An answer that says nothing but its status.
    Status {
        /// The HTTP status.
        status: u16,
        /// Stripe's `Request-Id`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
    },
    /// None came.
    None,
}

impl RefundState {
    /// Whether its amount must be taken for gone.
    #[must_use]
    pub const fn counts(&self) -> bool {
        match self {
            Self::Asking(_) => true,
            Self::Made { status, .. } => status.counts(),
            Self::Refused { .. } => false,
        }
    }

    const fn is_unsettled(&self) -> bool {
        matches!(
            self,
            Self::Asking(_) | Self::Made { status: RefundStatus::Pending | RefundStatus::RequiresAction, .. }
        )
    }

    /// The state as it is told: Stripe's word, or `asking` or `refused`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Asking(_) => "asking",
            Self::Made { status, .. } => status.as_str(),
            Self::Refused { .. } => "refused",
        }
    }
}

/// A refund on its way to Stripe. While `looking` is false its stored request is sent, the same each time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asking {
    /// Until when the request may be sent.
    pub repeat_until: Timestamp,
    /// Whether it is sent no more, and only looked for.
    pub looking: bool,
    /// When the present way is tried again.
    pub retry: Retry,
    /// The sends of its request.
    #[serde(default)]
    pub sends: Sends,
    /// What the last try was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_answer: Option<LastAnswer>,
}

/// Stripe's statuses of a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    /// On its way.
    Pending,
    /// The shopper must say where to.
    RequiresAction,
    /// It has left.
    Succeeded,
    /// It came back to the merchant.
    Failed,
    /// It was called back.
    Canceled,
}

impl RefundStatus {
    /// Every status.
    pub const ALL: [Self; 5] =
        [Self::Pending, Self::RequiresAction, Self::Succeeded, Self::Failed, Self::Canceled];

    /// Stripe's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::RequiresAction => "requires_action",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    const fn counts(self) -> bool {
        match self {
            Self::Pending | Self::RequiresAction | Self::Succeeded => true,
            Self::Failed | Self::Canceled => false,
        }
    }
}

/// Why money goes back, in the words that Stripe takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundReason {
    /// It was paid twice.
    Duplicate,
    /// Somebody else paid with the shopper's means.
    Fraudulent,
    /// The shopper wants it.
    RequestedByCustomer,
}

impl RefundReason {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::Duplicate, Self::Fraudulent, Self::RequestedByCustomer];

    /// Stripe's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Fraudulent => "fraudulent",
            Self::RequestedByCustomer => "requested_by_customer",
        }
    }
}

/// A payment that the buyer's bank calls into question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    /// Stripe's id of it.
    pub id: DisputeId,
    /// How much is disputed.
    pub amount: Money,
    /// Why, in Stripe's word, such as `fraudulent`.
    pub reason: String,
    /// Where it stands.
    pub status: DisputeStatus,
    /// When it was raised.
    pub created: Timestamp,
}

/// Where a dispute stands: Stripe's word, of which only those that end it mean something here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DisputeStatus(String);

impl DisputeStatus {
    /// A status in Stripe's word.
    #[must_use]
    pub fn new(word: String) -> Self {
        Self(word)
    }

    /// Stripe's word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it may still stand elsewhere later.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !matches!(self.0.as_str(), "won" | "lost" | "warning_closed" | "prevented")
    }
}

/// Goods that were sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fulfillment {
    /// What its teller calls it.
    pub reference: Reference,
    /// What was sent; as it is told to the machine, empty stands for all that was left.
    pub items: Vec<Fulfilled>,
    /// Whether it was told as all that was left.
    #[serde(default)]
    pub rest: bool,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// The carrier's number of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_number: Option<String>,
    /// Where its way can be followed, an `https` address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_url: Option<String>,
    /// When it was told.
    pub created: Timestamp,
}

/// So many of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fulfilled {
    /// Which.
    pub item: ItemId,
    /// How many.
    pub quantity: u32,
}
