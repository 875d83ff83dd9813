//! What happened to a session, in order: what an operator reads to know in a minute what became of one checkout.
//!
//! Every commit writes the entries of what it changes and of what made it change, in the same transaction. They hold no
//! token and nothing of the shopper.

use super::attempt::AttemptEnd;
use super::decision::Decision;
use super::flag::FlagReason;
use super::session::Session;
use super::state::{FreezeReason, State};
use crate::domain::ids::{
    AccountId, AttemptNumber, DisputeId, PaymentIntentId, Reference, RefundId, RefundNumber, Revision,
};
use crate::domain::money::Money;
use crate::domain::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// How many of a session's first edits its timeline keeps, and how many of its last. Whoever edits without end writes no more
/// than these; what concerns money is never left out. The numbers of the revisions show the gap.
pub const EDITS_KEPT: u32 = 50;

/// One line of a timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// When it was written.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub event: TimelineEvent,
}

/// What may happen to a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum TimelineEvent {
    /// It came to another state, or to another revision of the same.
    State {
        /// The state's name.
        state: String,
        /// The revision.
        revision: Revision,
        /// Why it is frozen, if it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<FreezeReason>,
    },
    /// An attempt began.
    AttemptStarted {
        /// Which.
        attempt: AttemptNumber,
        /// What is charged.
        amount: Money,
        /// The Stripe account.
        account: AccountId,
    },
    /// Stripe was seen to say something.
    Stripe {
        /// Of which attempt.
        attempt: AttemptNumber,
        /// What, in a word or two.
        seen: String,
        /// The PaymentIntent, where there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        payment_intent: Option<PaymentIntentId>,
        /// What was answered, or why nothing was.
        #[serde(flatten)]
        answer: StripeAnswer,
        /// The how-manieth of its kind in a row this is; of many, only every doubling is written.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        times: Option<u32>,
    },
    /// Payments were not begun, for one reason.
    PaymentNotBegun(NotBegun),
    /// An attempt was decided.
    AttemptEnded {
        /// Which.
        attempt: AttemptNumber,
        /// How.
        #[serde(flatten)]
        end: AttemptEnd,
    },
    /// A payment was flagged for an operator.
    Flagged {
        /// The payment.
        payment_intent: PaymentIntentId,
        /// Why.
        reason: FlagReason,
    },
    /// An operator decided a frozen session.
    Decided {
        /// What.
        decision: Decision,
    },
    /// A refund stands elsewhere than before.
    Refund {
        /// Its number, where it was asked for here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refund: Option<RefundNumber>,
        /// Stripe's id of it, once there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<RefundId>,
        /// How much.
        amount: Money,
        /// Where it stands.
        status: String,
        /// Stripe's `Request-Id`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
    },
    /// A dispute stands elsewhere than before.
    Dispute {
        /// Stripe's id of it.
        id: DisputeId,
        /// How much.
        amount: Money,
        /// Where it stands.
        status: String,
        /// Stripe's `Request-Id`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
    },
    /// Goods were sent.
    Fulfilled {
        /// What its teller calls it.
        reference: Reference,
    },
    /// The buyer's name and address were erased.
    PersonalDataErased,
}

/// What an answer of Stripe's says of itself, or why there is none; for those who run the shop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StripeAnswer {
    /// Stripe's `Request-Id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Stripe's `code`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Host and port that gave no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Why nothing was learned, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

impl StripeAnswer {
    /// How many characters of each text are kept.
    const LONGEST: usize = 200;

    /// The same, short enough to be kept.
    pub(crate) fn cut(self) -> Self {
        let cut = |text: Option<String>| text.map(|text| text.chars().take(Self::LONGEST).collect());
        let Self { request_id, status, code, address, cause } = self;
        Self {
            request_id: cut(request_id),
            status,
            code: cut(code),
            address: cut(address),
            cause: cut(cause),
        }
    }

    /// The same of an answer that showed what was asked for: nothing but its name is of use.
    pub(crate) fn of_success(self) -> Self {
        Self { request_id: self.request_id, ..Self::default() }
    }
}

/// Payments that were not begun, for one reason. However many they are, they are one entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotBegun {
    /// The reason's name.
    pub reason: String,
    /// What lay behind it, in words, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// When it last came up.
    pub last: Timestamp,
    /// How often, at least.
    pub times: u32,
}

impl NotBegun {
    /// It is written once in so many minutes at most.
    pub const PAUSE_MINUTES: u64 = 1;

    const PAUSE: Span = Span::minutes(Self::PAUSE_MINUTES.cast_signed());
}

impl TimelineEntry {
    /// The entry of payments that were not begun.
    #[must_use]
    pub const fn not_begun(note: NotBegun) -> Self {
        Self { at: note.last, event: TimelineEvent::PaymentNotBegun(note) }
    }

    /// Counts more of what it tells of: `None` where it tells of something else, else whether it is to be written again.
    pub fn count(&mut self, note: &NotBegun) -> Option<bool> {
        let TimelineEvent::PaymentNotBegun(known) = &mut self.event else { return None };
        if known.reason != note.reason {
            return None;
        }
        if note.last < known.last + NotBegun::PAUSE {
            return Some(false);
        }
        let times = known.times.saturating_add(note.times);
        *known = NotBegun { times, ..note.clone() };
        Some(true)
    }
}

impl TimelineEvent {
    /// Whether it tells no more than that a shopper may go on, as after an edit.
    #[must_use]
    pub fn is_edit(&self) -> bool {
        matches!(self, Self::State { state, .. } if state == "open" || state == "ready")
    }

    /// A session came to its end by time.
    #[must_use]
    pub fn expired(session: &Session) -> Self {
        Self::State { state: State::Expired.name().to_owned(), revision: session.revision, reason: None }
    }
}
