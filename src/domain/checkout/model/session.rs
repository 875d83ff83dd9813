//! A checkout session as it is kept: what is wanted, its quote, its state.

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
use crate::domain::pricing::Quote;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The number of a session row's writes; a commit names the version it read and fails when another came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub i64);

/// The most sheet attempts that one session may start; the last dead one cancels it (card testing).
pub const MAX_ATTEMPTS: u32 = 5;

/// The most pages at Stripe that one session may open, each of which is an attempt with its row.
pub const MAX_STRIPE_CHECKOUTS: u32 = 20;

/// The most that it may begin to open, those among them for which Stripe was not asked.
pub const MAX_OPENINGS: u32 = 200;

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
    pub stripe_checkouts: u32,
    /// For how many of these Stripe was never asked; these do not count towards [`MAX_STRIPE_CHECKOUTS`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stripe_checkouts_not_asked: u32,
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
        self.stripe_checkouts.saturating_sub(self.stripe_checkouts_not_asked) >= MAX_STRIPE_CHECKOUTS
            || self.stripe_checkouts >= MAX_OPENINGS
    }

    /// Whether all tries that it has on the payment sheet are used up.
    #[must_use]
    pub const fn is_spent(&self) -> bool {
        self.attempts.saturating_sub(self.stripe_checkouts) >= MAX_ATTEMPTS
    }

    /// What is undecided and worked on, and whose callers wait; a page that waits for its shopper is not.
    #[must_use]
    pub fn running(&self) -> Option<PendingWork> {
        if let State::AwaitingStripeCheckout { .. } = &self.state {
            return None;
        }
        let attempt = self.state.running().map(|attempt| PendingWork::Attempt(attempt.number));
        attempt.or_else(|| {
            let asking = self.paid().and_then(|_| self.activity.asking());
            asking.map(|(number, _)| PendingWork::Refund(number))
        })
    }

    /// The attempt that is not decided yet, frozen ones included.
    #[must_use]
    pub fn undecided_attempt(&self) -> Option<AttemptNumber> {
        self.state.attempt().map(|attempt| attempt.number)
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
        (self.paid_late && unpaid).then_some(Notice::PaymentLookedInto)
    }

    /// What it was paid with and for, once it is.
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
