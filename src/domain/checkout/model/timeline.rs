//! The events of a session, in order: an operator reads them to understand the history of one checkout.
//!
//! Every commit writes the entries for its changes and their causes, in the same transaction. Entries contain no
//! token and no personal data of the shopper.

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

/// How many of a session's first edits its timeline keeps, and how many of its last. Endless edits therefore write no
/// more than these; entries about money are never left out. The revision numbers show the gap.
pub const EDITS_KEPT: u32 = 50;

/// One entry of a timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// When it was written.
    pub at: Timestamp,
    #[serde(flatten)]
    pub event: TimelineEvent,
}

/// An event of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum TimelineEvent {
    /// The session has a new state, or a new revision in the same state.
    State {
        /// The state's name.
        state: String,
        revision: Revision,
        /// Why it is frozen, if it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<FreezeReason>,
    },
    AttemptStarted {
        attempt: AttemptNumber,
        /// The amount to charge.
        amount: Money,
        account: AccountId,
    },
    /// Stripe answered, or was read.
    Stripe {
        attempt: AttemptNumber,
        /// The result, in a word or two.
        seen: String,
        /// The PaymentIntent, where there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        payment_intent: Option<PaymentIntentId>,
        /// The details of the answer, or why there is none.
        #[serde(flatten)]
        answer: StripeAnswer,
        /// The position among equal results in a row; of many, only every doubling is written.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        times: Option<u32>,
    },
    /// Payments that were not begun, for one reason.
    PaymentNotBegun(NotBegun),
    AttemptEnded {
        attempt: AttemptNumber,
        #[serde(flatten)]
        end: AttemptEnd,
    },
    /// A payment was flagged for an operator.
    Flagged { payment_intent: PaymentIntentId, reason: FlagReason },
    /// An operator decided a frozen session.
    Decided { decision: Decision },
    /// The status of a refund changed.
    Refund {
        /// Its number, if it was requested here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refund: Option<RefundNumber>,
        /// Stripe's id, once there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<RefundId>,
        amount: Money,
        status: String,
        /// Stripe's `Request-Id`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
    },
    /// The status of a dispute changed.
    Dispute {
        /// Stripe's id.
        id: DisputeId,
        amount: Money,
        status: String,
        /// Stripe's `Request-Id`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
    },
    /// Goods were sent.
    Fulfilled {
        /// The operator's reference for it.
        reference: Reference,
    },
    /// The buyer's name and address were erased.
    PersonalDataErased,
}

/// The details of Stripe's answer, or why there is none; for operators.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StripeAnswer {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Host and port that did not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Why there is no result, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

impl StripeAnswer {
    /// How many characters of each text are kept.
    const LONGEST: usize = 200;

    /// The same details, with each text shortened to be kept.
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

    /// The details of an answer that had the requested data: only its request id is useful.
    pub(crate) fn of_success(self) -> Self {
        Self { request_id: self.request_id, ..Self::default() }
    }
}

/// Payments that were not begun, for one reason. They share one entry, however many they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotBegun {
    /// The reason's name.
    pub reason: String,
    /// The cause in words, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    pub last: Timestamp,
    /// How often it occurred, at least.
    pub times: u32,
}

impl NotBegun {
    /// The least time between two writes of the entry, in minutes.
    pub const PAUSE_MINUTES: u64 = 1;

    const PAUSE: Span = Span::minutes(Self::PAUSE_MINUTES.cast_signed());
}

impl TimelineEntry {
    /// The entry for payments that were not begun.
    #[must_use]
    pub const fn not_begun(note: NotBegun) -> Self {
        Self { at: note.last, event: TimelineEvent::PaymentNotBegun(note) }
    }

    /// Adds further occurrences to the entry: `None` if it is about something else, else whether it is to be written
    /// again.
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
    /// Whether it only says that a shopper may continue, as after an edit.
    #[must_use]
    pub fn is_edit(&self) -> bool {
        matches!(self, Self::State { state, .. } if state == "open" || state == "ready")
    }

    /// The entry for a session that expired.
    #[must_use]
    pub fn expired(session: &Session) -> Self {
        Self::State { state: State::Expired.into_str().to_owned(), revision: session.revision, reason: None }
    }
}
