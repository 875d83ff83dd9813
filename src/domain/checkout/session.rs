//! A checkout session as it is kept: its wishes, its quote, its state.

use serde::{Deserialize, Serialize};

use super::attempt::{AttemptEnd, ExpectedPayment};
use super::hosted::{CloseReason, StripeCheckout, StripeCheckoutAttempt};
use super::notification::UnmatchedPayment;
use super::unconfirmed::Unconfirmed;
use crate::domain::address::{Address, Buyer};
use crate::domain::cart::Cart;
use crate::domain::ids::{
    AccountId, AttemptNumber, OrderId, PaymentIntentId, RefundNumber, Revision, SessionId, SessionRef,
    ShippingId,
};
use crate::domain::merchant::TokenPolicy;
use crate::domain::order::OrderActivity;
use crate::domain::pricing::{PricingProblem, Quote};
use crate::domain::sends::Sends;
use crate::domain::time::{Span, Timestamp};

/// The number of a session row's writes; a commit names the version it read and fails when another came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub i64);

/// The most sheet attempts that one session may start; the last dead one cancels it (card testing).
pub const MAX_ATTEMPTS: u32 = 5;

/// The most pages at Stripe that one session may open, each of which is an attempt with its row.
pub const MAX_STRIPE_CHECKOUTS: u32 = 20;

/// The most that it may begin to open, those among them for which Stripe was not asked.
pub const MAX_OPENINGS: u32 = 200;

/// How long Stripe is read in vain, without a break, before an operator is asked.
const READING_LIMIT: Span = Span::hours(24);

/// How many readings must have failed before an operator is asked; a long outage of our own is no silence of Stripe's.
const READING_TRIES: u32 = 20;

/// When a try comes so much later than it was due, nobody was there to read meanwhile.
const BREAK: Span = Span::minutes(10);

/// What a shopper hears of a payment that the checkout does not account for.
pub const PAYMENT_LOOKED_INTO: &str =
    "A payment of this checkout is being looked into by the shop. Do not pay again; please ask the shop.";

/// One checkout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its id; unguessable.
    pub id: SessionId,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends unpaid.
    pub expires: Timestamp,
    /// The number of its present quote.
    pub revision: Revision,
    /// What is wanted.
    pub inputs: CheckoutInputs,
    /// How many attempts were started.
    pub attempts: u32,
    /// How many of them opened a page at Stripe; these do not count towards [`MAX_ATTEMPTS`].
    #[serde(default)]
    pub pages: u32,
    /// For how many of these Stripe was never asked; these do not count towards [`MAX_STRIPE_CHECKOUTS`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub pages_not_asked: u32,
    /// Which tokens it takes, as the merchant had it when it began.
    pub tokens: TokenPolicy,
    /// The Stripe account, pinned by the first attempt.
    pub account: Option<AccountId>,
    /// What the shopper was last told, such as a decline; cleared by the next edit or attempt.
    pub notice: Option<Notice>,
    /// Where it stands.
    pub state: State,
    /// What became of its order, once it is paid.
    #[serde(default)]
    pub activity: OrderActivity,
    /// Payments that it was told of and cannot account for; they are read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmatched_payments: Vec<UnmatchedPayment>,
    /// Whether somebody has said that there is something to see, and no look has come to its end since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub notified: bool,
    /// Whether a payment of it was flagged while it was not paid: nobody is told any more that nothing was charged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paid_late: bool,
    /// When it ended unpaid. Sessions that ended under older versions do not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// An attempt that an operator decided without a reading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unconfirmed: Option<Unconfirmed>,
    /// Attempts that silence called unpaid; each is looked for once more when nothing of it can arrive any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last_polls: Vec<Unconfirmed>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// What callers of a session wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingWork {
    /// An attempt to be paid.
    Attempt(AttemptNumber),
    /// A refund.
    Refund(RefundNumber),
}

impl Session {
    /// The session as the outside names it, with the revision that is shown.
    #[must_use]
    pub fn reference(&self) -> SessionRef {
        SessionRef { id: self.id.clone(), revision: Some(self.revision) }
    }

    /// Whether it opens no more pages.
    #[must_use]
    pub const fn has_opened_enough(&self) -> bool {
        self.pages.saturating_sub(self.pages_not_asked) >= MAX_STRIPE_CHECKOUTS || self.pages >= MAX_OPENINGS
    }

    /// Whether all tries that it has on the payment sheet are used up.
    #[must_use]
    pub const fn is_spent(&self) -> bool {
        self.attempts.saturating_sub(self.pages) >= MAX_ATTEMPTS
    }

    /// What is undecided and worked on, and whose callers wait; a page that waits for its shopper is not.
    #[must_use]
    pub fn running(&self) -> Option<PendingWork> {
        match &self.state {
            State::Charging(charging) => Some(PendingWork::Attempt(charging.attempt)),
            State::OpeningHosted(hosted) | State::ClosingHosted { hosted, .. } => {
                Some(PendingWork::Attempt(hosted.attempt))
            }
            State::Completed { .. } => self.activity.asking().map(|(number, _)| PendingWork::Refund(number)),
            State::AwaitingHosted { .. }
            | State::Open { .. }
            | State::Ready { .. }
            | State::Frozen { .. }
            | State::Canceled { .. }
            | State::Expired => None,
        }
    }

    /// The attempt that is not decided yet, frozen ones included.
    #[must_use]
    pub const fn undecided_attempt(&self) -> Option<AttemptNumber> {
        match &self.state {
            State::Charging(charging) | State::Frozen { charging, .. } => Some(charging.attempt),
            State::OpeningHosted(hosted)
            | State::AwaitingHosted { hosted, .. }
            | State::ClosingHosted { hosted, .. } => Some(hosted.attempt),
            State::Open { .. }
            | State::Ready { .. }
            | State::Completed { .. }
            | State::Canceled { .. }
            | State::Expired => None,
        }
    }

    /// Whether nothing of it is still to be read: neither a payment that it was told of, nor one that an operator called unpaid,
    /// nor an order of which Stripe has told something. A last look is no reason to believe that there is one.
    #[must_use]
    pub const fn is_accounted_for(&self) -> bool {
        self.unmatched_payments.is_empty() && self.unconfirmed.is_none() && !self.activity.poll_requested
    }

    /// What its shopper is told in the place of all else, where money may have come that its state does not know of.
    #[must_use]
    pub fn late_payment(&self) -> Option<Notice> {
        let unpaid = !matches!(self.state, State::Completed { .. });
        (self.paid_late && unpaid)
            .then(|| Notice { code: NoticeCode::Conflict, text: PAYMENT_LOOKED_INTO.to_owned() })
    }

    /// The quote, in the states that have one.
    #[must_use]
    pub fn quote(&self) -> Option<&Quote> {
        match &self.state {
            State::Ready { quote } | State::Completed { quote, .. } => Some(quote),
            State::Charging(charging) | State::Frozen { charging, .. } => Some(&charging.quote),
            State::OpeningHosted(hosted)
            | State::AwaitingHosted { hosted, .. }
            | State::ClosingHosted { hosted, .. } => Some(&hosted.quote),
            State::Open { .. } | State::Canceled { .. } | State::Expired => None,
        }
    }
}

/// What a shopper wants of a session; every edit replaces some of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckoutInputs {
    /// The goods.
    pub cart: Cart,
    /// Who buys.
    pub buyer: Buyer,
    /// Where the goods go.
    pub address: Option<Address>,
    /// The shipping option asked for.
    pub option_id: Option<ShippingId>,
}

/// Where a session stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// It cannot be paid yet.
    Open {
        /// What is missing; `None` after an attempt that proved never to have happened, when a new revision must
        /// be shown before another payment.
        problem: Option<PricingProblem>,
    },
    /// It has a quote and can be paid until the quote expires.
    Ready {
        /// The quote.
        quote: Quote,
    },
    /// An attempt is undecided.
    Charging(Charging),
    /// A page at Stripe is being opened; nobody knows its address yet.
    OpeningHosted(StripeCheckoutAttempt),
    /// The shopper may pay on a page at Stripe.
    AwaitingHosted {
        /// What is asked for.
        hosted: StripeCheckoutAttempt,
        /// The page.
        page: StripeCheckout,
    },
    /// The page is being closed, because something else is wanted.
    ClosingHosted {
        /// What is asked for.
        hosted: StripeCheckoutAttempt,
        /// The page.
        page: StripeCheckout,
        /// What it is closed for.
        reason: CloseReason,
    },
    /// The charge cannot be known by any reading; an operator decides.
    Frozen {
        /// What was under way.
        charging: Charging,
        /// Why.
        reason: FreezeReason,
    },
    /// Paid.
    Completed {
        /// The quote that was paid.
        quote: Quote,
        /// The order made of it.
        order: OrderId,
        /// The PaymentIntent that paid it.
        intent: PaymentIntentId,
    },
    /// Ended unpaid on purpose.
    Canceled {
        /// By whom or what.
        reason: CancelReason,
    },
    /// Ended unpaid by time.
    Expired,
}

impl State {
    /// The state's name, as the store and the logs write it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Open { .. } => "open",
            Self::Ready { .. } => "ready",
            Self::Charging(_) => "charging",
            Self::OpeningHosted(_) => "opening_hosted",
            Self::AwaitingHosted { .. } => "awaiting_hosted",
            Self::ClosingHosted { .. } => "closing_hosted",
            Self::Frozen { .. } => "frozen",
            Self::Completed { .. } => "completed",
            Self::Canceled { .. } => "canceled",
            Self::Expired => "expired",
        }
    }

    /// Whether it stays as it is. What becomes of a paid one's order is in its book.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        matches!(self, Self::Completed { .. } | Self::Canceled { .. } | Self::Expired)
    }
}

/// An attempt under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charging {
    /// The quote being paid.
    pub quote: Quote,
    /// The attempt's number.
    pub attempt: AttemptNumber,
    /// When the attempt was committed.
    pub started: Timestamp,
    /// Until when its request may be sent.
    pub repeat_until: Timestamp,
    /// The amount that is asked for, and what must come back with it.
    pub charge: ExpectedPayment,
    /// The PaymentIntent, once one was seen.
    pub intent: Option<PaymentIntentId>,
    /// What is being done to decide it.
    pub phase: Phase,
    /// How often the present phase has been tried without an end. While the request is sent, zero means that no
    /// send of it has an unknown outcome.
    pub tries: u32,
    /// The sends of its request.
    #[serde(default)]
    pub sends: Sends,
    /// The readings in a row that did not come to their end.
    #[serde(default)]
    pub failed_reads: FailedReads,
    /// When the next try is due.
    pub next_try: Timestamp,
}

/// Readings in a row that did not come to their end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedReads {
    /// When the first of them was made.
    pub since: Option<Timestamp>,
    /// How many there were.
    pub count: u32,
}

impl FailedReads {
    /// Counts one that failed; whether Stripe has now been silent for so long that an operator must be asked. When it
    /// came much later than it was due, nobody was there to read meanwhile, and the count begins anew.
    pub(super) fn failed(&mut self, due: Timestamp, now: Timestamp) -> bool {
        if now > due + BREAK {
            *self = Self::default();
        }
        let since = self.since.unwrap_or(now);
        *self = Self { since: Some(since), count: self.count.saturating_add(1) };
        now >= since + READING_LIMIT && self.count >= READING_TRIES
    }
}

/// What is being done to decide an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// The stored request is sent, the same each time.
    Sending,
    /// The request is not sent any more; Stripe is read until it says what happened.
    Reading {
        /// When the first of two complete readings found nothing.
        absent_since: Option<Timestamp>,
    },
    /// The PaymentIntent stopped where only a shopper could go on; it is canceled at Stripe.
    Canceling {
        /// How the attempt ends once that is confirmed.
        end: AttemptEnd,
    },
}

/// Why nobody but an operator can tell what became of a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FreezeReason {
    /// A succeeded payment differs from what was asked for.
    PaymentDisagrees,
    /// Stripe knows the idempotency key with another request.
    IdempotencyConflict,
    /// No complete reading came about within a day.
    Unreadable,
}

impl FreezeReason {
    /// The reason as it is told.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PaymentDisagrees => "payment_disagrees",
            Self::IdempotencyConflict => "idempotency_conflict",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Why a session ended unpaid on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// The shopper canceled it.
    Shopper,
    /// [`MAX_ATTEMPTS`] attempts died.
    TooManyAttempts,
    /// An operator found that nothing was charged.
    Operator,
    /// It was paid for something that a restored database does not know; the payment is flagged.
    Restored,
}

/// What a shopper is told about a session: an error on the payment sheet (ACP 2025-09-29 `MessageError`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The kind.
    pub code: NoticeCode,
    /// Plain text.
    pub text: String,
}

/// The kinds of notice. `payment_declined` and `requires_3ds` are shown on the payment sheet, the rest in the widget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeCode {
    /// Something is still to be given.
    Missing,
    /// Something given cannot be used.
    Invalid,
    /// An item cannot be bought now.
    OutOfStock,
    /// The payment was refused.
    PaymentDeclined,
    /// The bank wants the shopper to confirm, which cannot be done here.
    #[serde(rename = "requires_3ds")]
    Requires3ds,
    /// The quote or the session is too old.
    Expired,
    /// Another payment is under way.
    Conflict,
}

impl NoticeCode {
    /// The code as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Invalid => "invalid",
            Self::OutOfStock => "out_of_stock",
            Self::PaymentDeclined => "payment_declined",
            Self::Requires3ds => "requires_3ds",
            Self::Expired => "expired",
            Self::Conflict => "conflict",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

    /// Fails to read so often, so far apart, each as much later than it was due; whether an operator is asked at last.
    fn fails(times: u32, apart: Span, late: Span) -> (bool, FailedReads) {
        let (mut unread, mut asked, mut now) = (FailedReads::default(), false, NOW);
        for _ in 0..times {
            asked = unread.failed(now - late, now);
            now = now + apart;
        }
        (asked, unread)
    }

    #[test]
    fn an_operator_is_asked_after_a_day_and_twenty_readings_in_vain() {
        let hour = Span::hours(1);
        assert!(!fails(24, hour, Span::millis(0)).0, "not for 23 hours");
        assert!(fails(25, hour, Span::millis(0)).0);
        assert!(!fails(19, Span::hours(2), Span::millis(0)).0, "not for 19 readings");
        assert!(fails(20, Span::hours(2), Span::millis(0)).0);
    }

    #[test]
    fn readings_are_counted_anew_when_nobody_was_there_for_more_than_ten_minutes() {
        let (_, counted) = fails(5, Span::hours(1), BREAK);
        assert_eq!(counted, FailedReads { since: Some(NOW), count: 5 });
        let (_, counted) = fails(5, Span::hours(1), Span::millis(BREAK.as_millis() + 1));
        assert_eq!(counted, FailedReads { since: Some(NOW + Span::hours(4)), count: 1 });
    }
}
