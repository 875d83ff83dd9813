//! What happened to a session, in order: what an operator reads to know in a minute what became of one checkout.
//!
//! Every commit writes the entries of what it changes and of what made it change, in the same transaction. They hold no
//! token and nothing of the shopper.

use serde::{Deserialize, Serialize};

use super::attempt::{AttemptEnd, FlagReason, Inconclusive, Observation, PaymentIntentSnapshot};
use super::decision::Decision;
use super::event::Event;
use super::session::{FreezeReason, Session, State};
use super::snapshot::AttemptMove;
use super::step::Transition;
use super::unconfirmed;
use crate::domain::ids::{
    AccountId, AttemptNumber, DisputeId, PaymentIntentId, Reference, RefundId, RefundNumber, Revision,
};
use crate::domain::money::Money;
use crate::domain::order::{OrderActivity, RefundState};
use crate::domain::time::{Span, Timestamp};

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
    fn cut(self) -> Self {
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
    fn of_success(self) -> Self {
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

/// What made a session change, as far as a timeline tells it.
#[derive(Clone, Debug)]
pub(super) enum Cause {
    /// Something that its new state tells.
    Untold,
    /// Stripe was seen.
    AttemptObserved { attempt: AttemptNumber, seen: Box<Observation>, answer: Box<StripeAnswer> },
    /// An operator decided.
    Decided(Decision),
    /// A paid order was seen; the book tells what is new.
    OrderObserved { request_id: Option<String> },
}

impl Cause {
    /// The cause that an event is; `answer` is that to the look at Stripe which it tells of.
    pub(super) fn of(event: &Event, answer: Option<&StripeAnswer>) -> Self {
        let answer = || answer.cloned().unwrap_or_default().cut();
        match event {
            // Of which attempt a payment is that was not asked about, only it can tell.
            Event::AttemptObserved { attempt, seen }
            | Event::PaymentObserved {
                seen: seen @ Observation::PaymentIntent(PaymentIntentSnapshot { attempt: Some(attempt), .. }),
                ..
            } => Self::AttemptObserved {
                attempt: *attempt,
                seen: Box::new(seen.clone()),
                answer: Box::new(answer()),
            },
            Event::Decided { decision, .. } => Self::Decided(decision.clone()),
            Event::OrderObserved(_) => Self::OrderObserved { request_id: answer().request_id },
            Event::PaymentObserved { .. }
            | Event::Notified(_)
            | Event::Edited { .. }
            | Event::LineGone(_)
            | Event::StripeCheckoutRequested { .. }
            | Event::CloseRequested(_)
            | Event::Paid { .. }
            | Event::Canceled
            | Event::RefundRequested(_)
            | Event::Fulfilled(_)
            | Event::Reconciled(_)
            | Event::TimeOut
            | Event::RepeatingEnded => Self::Untold,
        }
    }
}

/// The entries of one change.
pub(super) fn entries(
    before: Option<&Session>,
    cause: &Cause,
    transition: &Transition,
    now: Timestamp,
) -> Vec<TimelineEntry> {
    let next = &transition.next;
    let mut happened = Vec::new();
    match cause {
        Cause::Untold | Cause::OrderObserved { .. } => {}
        Cause::AttemptObserved { attempt, seen, answer } => {
            let tries = unconfirmed::tries(next, *attempt).or_else(|| tries(next));
            happened.extend(stripe(*attempt, seen, StripeAnswer::clone(answer), tries));
        }
        Cause::Decided(decision) => happened.push(TimelineEvent::Decided { decision: decision.clone() }),
    }
    match &transition.attempt {
        Some(AttemptMove::Start(intent)) => happened.push(TimelineEvent::AttemptStarted {
            attempt: intent.number,
            amount: intent.charge.total,
            account: intent.account.clone(),
        }),
        Some(AttemptMove::Update { number, end: Some(end), .. }) => {
            happened.push(TimelineEvent::AttemptEnded { attempt: *number, end: end.clone() });
        }
        Some(AttemptMove::Update { end: None, .. }) | None => {}
    }
    happened.extend(aftersales(before.map(|session| &session.activity), &next.activity, cause));
    let told = |session: &Session| (session.state.name(), session.revision);
    if before.map(told) != Some(told(next)) {
        happened.push(TimelineEvent::State {
            state: next.state.name().to_owned(),
            revision: next.revision,
            reason: freeze_reason(&next.state),
        });
    }
    happened.extend(
        transition
            .flags
            .iter()
            .map(|flag| TimelineEvent::Flagged { payment_intent: flag.intent.clone(), reason: flag.reason }),
    );
    happened.into_iter().map(|event| TimelineEntry { at: now, event }).collect()
}

/// What is new in an order's book.
fn aftersales(before: Option<&OrderActivity>, next: &OrderActivity, cause: &Cause) -> Vec<TimelineEvent> {
    let request_id = match cause {
        Cause::OrderObserved { request_id } => request_id.clone(),
        Cause::Untold | Cause::AttemptObserved { .. } | Cause::Decided(_) => None,
    };
    let none = OrderActivity::default();
    let before = before.unwrap_or(&none);
    let mut happened = Vec::new();
    for (at, refund) in next.refunds.iter().enumerate() {
        let known = before.refunds.get(at).map(|known| known.state.as_str());
        if known != Some(refund.state.as_str()) {
            let id = if let RefundState::Made { id, .. } = &refund.state { Some(id.clone()) } else { None };
            happened.push(TimelineEvent::Refund {
                refund: refund.origin.as_ref().map(|request| request.number),
                id,
                amount: refund.amount,
                status: refund.state.as_str().to_owned(),
                request_id: request_id.clone(),
            });
        }
    }
    for (at, dispute) in next.disputes.iter().enumerate() {
        if before.disputes.get(at).map(|known| &known.status) != Some(&dispute.status) {
            happened.push(TimelineEvent::Dispute {
                id: dispute.id.clone(),
                amount: dispute.amount,
                status: dispute.status.as_str().to_owned(),
                request_id: request_id.clone(),
            });
        }
    }
    let sent = next.fulfillments.iter().skip(before.fulfillments.len());
    happened.extend(sent.map(|sent| TimelineEvent::Fulfilled { reference: sent.reference.clone() }));
    happened
}

fn freeze_reason(state: &State) -> Option<FreezeReason> {
    match state {
        State::Frozen { reason, .. } => Some(*reason),
        State::Open { .. }
        | State::Ready { .. }
        | State::Charging(_)
        | State::OpeningHosted(_)
        | State::AwaitingHosted { .. }
        | State::ClosingHosted { .. }
        | State::Completed { .. }
        | State::Canceled { .. }
        | State::Expired => None,
    }
}

/// How often the present phase of a running attempt has been tried.
fn tries(session: &Session) -> Option<u32> {
    match &session.state {
        State::Charging(charging) => Some(charging.tries),
        State::OpeningHosted(hosted)
        | State::AwaitingHosted { hosted, .. }
        | State::ClosingHosted { hosted, .. } => Some(hosted.tries),
        State::Open { .. }
        | State::Ready { .. }
        | State::Frozen { .. }
        | State::Completed { .. }
        | State::Canceled { .. }
        | State::Expired => None,
    }
}

/// What was seen, in a word. What changes nothing is told at every doubling only.
fn stripe(
    attempt: AttemptNumber,
    seen: &Observation,
    answer: StripeAnswer,
    tries: Option<u32>,
) -> Option<TimelineEvent> {
    if tries.is_some_and(|tries| tries > 1 && !tries.is_power_of_two()) {
        return None;
    }
    let (word, payment_intent) = match seen {
        Observation::PaymentIntent(PaymentIntentSnapshot { id, status, .. }) => {
            (format!("payment {}", status.as_str()), Some(id.clone()))
        }
        Observation::StripeCheckout(page) => {
            (format!("page {}", page.status.as_str()), page.intent.as_ref().map(|(intent, _)| intent.clone()))
        }
        Observation::Declined { intent, requires_3ds: true, .. } => {
            ("3D Secure demanded".to_owned(), intent.clone())
        }
        Observation::Declined { intent, .. } => ("declined".to_owned(), intent.clone()),
        Observation::TokenRefused { detail, .. } => (format!("token refused: {detail}"), None),
        Observation::RequestRefused { detail } => (format!("request refused: {detail}"), None),
        Observation::RefusedForGood { detail } => (format!("refused for good: {detail}"), None),
        Observation::IdempotencyConflict => ("idempotency conflict".to_owned(), None),
        Observation::KeyRefused => ("key refused".to_owned(), None),
        Observation::OtherAccount => ("the key opens another account".to_owned(), None),
        Observation::Inconclusive(Inconclusive { cannot_repeat: true, .. }) => {
            ("cannot be sent again".to_owned(), None)
        }
        Observation::Inconclusive(Inconclusive { replayed_error: true, .. }) => {
            ("replayed server error".to_owned(), None)
        }
        Observation::Inconclusive(_) => ("no certain answer".to_owned(), None),
        Observation::Absent { .. } => ("no payment found".to_owned(), None),
        Observation::ReadFailed => ("not read".to_owned(), None),
        // Nothing was asked, so nothing is told.
        Observation::PutOff { .. } => return None,
        Observation::Beside { seen, .. } => return stripe(attempt, seen, answer, tries),
    };
    let shown = matches!(
        seen,
        Observation::PaymentIntent(_) | Observation::StripeCheckout(_) | Observation::Absent { .. }
    );
    let answer = if shown { answer.of_success() } else { answer };
    Some(TimelineEvent::Stripe {
        attempt,
        seen: word,
        payment_intent,
        answer,
        times: tries.filter(|tries| *tries > 1),
    })
}
