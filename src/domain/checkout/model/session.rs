//! A checkout session as it is stored: its inputs, its quote, its state.

use super::notice::Notice;
use super::notification::UnmatchedPayment;
use super::state::State;
use super::unconfirmed::Unconfirmed;
use crate::domain::address::{Address, Buyer};
use crate::domain::cart::Cart;
use crate::domain::ids::{
    AccountId, AttemptNumber, PaymentIntentId, RefundNumber, Revision, SessionId, SessionRef, ShippingId,
};
use crate::domain::merchant::TokenPolicy;
use crate::domain::order::OrderActivity;
use crate::domain::origin::Host;
use crate::domain::pricing::Quote;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The number of a session row's writes; a commit names the version it read and fails when another came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub i64);

/// The most payment sheet attempts that one session may start; the failure of the last one cancels it (card testing).
pub const MAX_ATTEMPTS: u32 = 5;

/// The most Stripe Checkouts that one session may create. Each of them is an attempt with its own row.
pub const MAX_STRIPE_CHECKOUTS: u32 = 20;

/// The most Stripe Checkouts that it may begin to create, including those whose request was not sent.
pub const MAX_OPENINGS: u32 = 200;

/// One checkout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its id; unguessable.
    pub id: SessionId,
    /// When it was made.
    pub created: Timestamp,
    /// The host in which it began, where that named itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Host>,
    /// When it ends unpaid.
    pub expires: Timestamp,
    /// The number of its present quote.
    pub revision: Revision,
    pub inputs: CheckoutInputs,
    /// How many attempts were started.
    pub attempts: u32,
    /// How many of them created a Stripe Checkout; these do not count towards [`MAX_ATTEMPTS`].
    #[serde(default)]
    pub stripe_checkouts: u32,
    /// For how many of these no request reached Stripe; these do not count towards [`MAX_STRIPE_CHECKOUTS`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stripe_checkouts_not_asked: u32,
    /// Which tokens it accepts, by the merchant's policy when the session began.
    pub tokens: TokenPolicy,
    /// The Stripe account, pinned by the first attempt.
    pub account: Option<AccountId>,
    /// The last notice for the shopper, such as a decline; cleared by the next edit or attempt.
    pub notice: Option<Notice>,
    pub state: State,
    /// The activity of its order, once it is paid.
    #[serde(default)]
    pub activity: OrderActivity,
    /// Payments that notifications named and that it cannot account for; they are read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmatched_payments: Vec<UnmatchedPayment>,
    /// Whether a notification arrived and no reading has completed since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub notified: bool,
    /// Whether a payment of it was flagged while it was unpaid. From then on no message may say that nothing was
    /// charged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paid_late: bool,
    /// When it ended unpaid. Sessions that ended under older versions do not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// An attempt that an operator decided without a reading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unconfirmed: Option<Unconfirmed>,
    /// Attempts called unpaid because no reading showed a payment; each is read once more when nothing of it can
    /// arrive any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last_polls: Vec<Unconfirmed>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Work in progress that callers of a session wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingWork {
    Attempt(AttemptNumber),
    Refund(RefundNumber),
}

impl Session {
    /// The session's public id, with the revision that is shown.
    #[must_use]
    pub fn reference(&self) -> SessionRef {
        SessionRef { id: self.id.clone(), revision: Some(self.revision) }
    }

    /// Whether it may create no further Stripe Checkout.
    #[must_use]
    pub const fn has_opened_enough(&self) -> bool {
        self.stripe_checkouts.saturating_sub(self.stripe_checkouts_not_asked) >= MAX_STRIPE_CHECKOUTS
            || self.stripe_checkouts >= MAX_OPENINGS
    }

    /// Whether it has used up its attempts on the payment sheet.
    #[must_use]
    pub const fn is_spent(&self) -> bool {
        self.attempts.saturating_sub(self.stripe_checkouts) >= MAX_ATTEMPTS
    }

    /// The work in progress whose callers wait; a Stripe Checkout that waits for its shopper does not count.
    #[must_use]
    pub fn running(&self) -> Option<PendingWork> {
        if let State::AwaitingStripeCheckout { .. } = &self.state {
            return None;
        }
        let attempt = self.state.running().map(|attempt| PendingWork::Attempt(attempt.number));
        attempt.or_else(|| {
            let attempt = self.paid().and_then(|_| self.activity.refund_attempt());
            attempt.map(|(number, _)| PendingWork::Refund(number))
        })
    }

    /// The attempt that is not decided yet, frozen ones included.
    #[must_use]
    pub fn undecided_attempt(&self) -> Option<AttemptNumber> {
        self.state.attempt().map(|attempt| attempt.number)
    }

    /// Whether no read of it is pending: neither of a payment that a notification named, nor of one that an operator
    /// called unpaid, nor of an order that Stripe sent a notification about. A last reading of an unpaid attempt does
    /// not count, since it is no reason to expect a payment.
    #[must_use]
    pub const fn is_accounted_for(&self) -> bool {
        self.unmatched_payments.is_empty() && self.unconfirmed.is_none() && !self.activity.poll_requested
    }

    /// The notice that replaces all others when a payment may have arrived that the state does not account for.
    #[must_use]
    pub fn late_payment(&self) -> Option<Notice> {
        let unpaid = !matches!(self.state, State::Completed { .. });
        (self.paid_late && unpaid).then_some(Notice::PaymentLookedInto)
    }

    /// The quote and the payment of a paid session.
    #[must_use]
    pub const fn paid(&self) -> Option<(&Quote, &PaymentIntentId)> {
        self.state.paid()
    }

    /// The quote, in the states that have one.
    #[must_use]
    pub fn quote(&self) -> Option<&Quote> {
        if let State::Ready { quote } = &self.state {
            return Some(quote);
        }
        let paid = self.paid().map(|(quote, _)| quote);
        paid.or_else(|| self.state.attempt().map(|attempt| &attempt.quote))
    }
}

/// The shopper's inputs to a session; every edit replaces some of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckoutInputs {
    pub cart: Cart,
    pub buyer: Buyer,
    /// The shipping address.
    pub address: Option<Address>,
    pub option_id: Option<ShippingId>,
}
