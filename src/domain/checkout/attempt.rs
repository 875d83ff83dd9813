//! One try to charge a session: what is asked of Stripe, what Stripe was seen to say, how it ended.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::hosted::StripeCheckoutSnapshot;
use super::session::Notice;
use super::token::SharedPaymentToken;
use crate::domain::address::Address;
use crate::domain::ids::{AccountId, AttemptNumber, PaymentIntentId, Revision, SessionId, SptHash, Tenant};
use crate::domain::money::Money;
use crate::domain::pricing::Quote;
use crate::domain::time::{Span, Timestamp};

/// What Stripe is asked to charge, and what must come back unchanged with the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectedPayment {
    /// Amount and currency: the quote's total.
    pub total: Money,
    /// The session, written into the PaymentIntent's metadata.
    pub session: SessionId,
    /// The revision, likewise.
    pub revision: Revision,
    /// The attempt, likewise.
    pub attempt: AttemptNumber,
}

/// An attempt that is about to be committed: everything that its request is made of.
#[derive(Clone, Debug)]
pub struct AttemptIntent {
    /// Its number within the session.
    pub number: AttemptNumber,
    /// What is charged.
    pub charge: ExpectedPayment,
    /// With what.
    pub means: PaymentSource,
    /// The Stripe account that is paid.
    pub account: AccountId,
    /// Where Stripe sends its receipt, if it is to send one.
    pub receipt_email: Option<String>,
    /// Where the goods go; Stripe's risk engine reads it.
    pub shipping: Option<Address>,
    /// Who carries them, where the chosen shipping option says it.
    pub carrier: Option<String>,
    /// Makes repeats of the request one payment.
    pub idempotency_key: IdempotencyKey,
    /// When it was committed.
    pub started: Timestamp,
    /// Until when the request may be sent.
    pub repeat_until: Timestamp,
}

/// What an attempt is paid with.
#[derive(Clone, Debug)]
pub enum PaymentSource {
    /// A Shared Payment Token, charged at once.
    Token(SharedPaymentToken),
    /// A page at Stripe, on which the shopper chooses.
    StripeCheckout {
        /// What the page shows.
        quote: Box<Quote>,
        /// Until when it can be paid.
        expires: Timestamp,
        /// Filled in on the page for the shopper.
        email: Option<String>,
    },
}

impl AttemptIntent {
    /// The hash of its token; `None` of a page.
    #[must_use]
    pub fn spt_hash(&self) -> Option<&SptHash> {
        match &self.means {
            PaymentSource::Token(token) => Some(token.hash()),
            PaymentSource::StripeCheckout { .. } => None,
        }
    }
}

/// Stripe's `Idempotency-Key` of an attempt: recomputable, different for every attempt, without a secret in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// `mg1-` and the SHA-256 of the length-prefixed parts of an attempt.
    #[must_use]
    pub fn of(tenant: &Tenant, account: &AccountId, spt: &SptHash, charge: &ExpectedPayment) -> Self {
        Self::over(tenant, account, charge, &[spt.as_str()])
    }

    /// The same of an attempt that opens a page: `hosted` and the revision stand in the place of the token.
    #[must_use]
    pub fn of_stripe_checkout(tenant: &Tenant, account: &AccountId, charge: &ExpectedPayment) -> Self {
        Self::over(tenant, account, charge, &["hosted", &charge.revision.0.to_string()])
    }

    fn over(tenant: &Tenant, account: &AccountId, charge: &ExpectedPayment, means: &[&str]) -> Self {
        let number = charge.attempt.0.to_string();
        let minor = charge.total.minor.to_string();
        let whose = [
            tenant.merchant.as_str(),
            account.as_str(),
            tenant.mode.as_str(),
            charge.session.as_str(),
            &number,
        ];
        let amount = [&minor, charge.total.currency.code()];
        Self::of_parts(whose.iter().chain(means).chain(&amount).copied())
    }

    /// The key over length-prefixed parts, so that no two lists of parts are the same text.
    pub(super) fn of_parts<'a>(parts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part.as_bytes());
        }
        Self(format!("mg1-{}", hex::encode(hash.finalize())))
    }

    /// A key read back from the store.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The key's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How an attempt ended. Kept with its token's hash for good, so that the same token hears the same answer again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum AttemptEnd {
    /// It was paid.
    Succeeded {
        /// By this PaymentIntent.
        intent: PaymentIntentId,
    },
    /// It was to be paid on a page at Stripe, and the page could not be opened. Nobody was asked to pay.
    NotCreated,
    /// It will never be paid.
    Failed {
        /// What the shopper is told.
        notice: Notice,
    },
}

/// What one look at Stripe showed of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// A PaymentIntent of this attempt.
    PaymentIntent(PaymentIntentSnapshot),
    /// The page of this attempt.
    StripeCheckout(StripeCheckoutSnapshot),
    /// 402: the payment was refused.
    Declined {
        /// The PaymentIntent nested in the error.
        intent: Option<PaymentIntentId>,
        /// Whether the bank wanted the shopper to confirm.
        requires_3ds: bool,
        /// Stripe's sentence for shoppers.
        text: String,
    },
    /// 400 or 404 on the token.
    TokenRefused {
        /// Whether the token may have been used up by a payment of our own: then Stripe is read before anything is said.
        maybe_consumed: bool,
        /// Stripe's code and parameter, for the log; never its sentence, which quotes the token.
        detail: String,
    },
    /// Another 400: the request itself is wrong.
    RequestRefused {
        /// Stripe's code and parameter, for the log; never its sentence, which may quote an address.
        detail: String,
    },
    /// A refusal that Stripe has stored under the idempotency key: no send of this request has paid, and none will.
    RefusedForGood {
        /// Stripe's code and parameter, for the log.
        detail: String,
    },
    /// The idempotency key is known with another request.
    IdempotencyConflict,
    /// 401 or 403: nothing is sent or believed until it is right.
    KeyRefused,
    /// The key opens another account than the attempt's: nothing is sent or believed until it is right.
    OtherAccount,
    /// 409, 429, 5xx, timeout, reset, unreadable: nothing is known.
    Inconclusive(Inconclusive),
    /// A complete reading, all pages, that found no PaymentIntent of this attempt.
    Absent {
        /// When the reading began: what it says is no younger.
        asked: Timestamp,
    },
    /// A reading that did not come to its end, or was not even begun.
    ReadFailed,
    /// Stripe was not asked: this merchant's calls to it have a budget, and there was no room. It says nothing of Stripe.
    PutOff {
        /// When there may be room.
        after: Span,
    },
    /// Something was seen, and beside it further payments of the same session that have succeeded.
    Beside {
        /// What was seen of the attempt.
        seen: Box<Observation>,
        /// The other payments: each is on the session's order, or is flagged.
        paid: Vec<PaymentIntentId>,
    },
}

impl Observation {
    /// Its kind, for the log.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::PaymentIntent(intent) => intent.status.as_str(),
            Self::StripeCheckout(_) => "page",
            Self::Declined { .. } => "declined",
            Self::TokenRefused { .. } => "token_refused",
            Self::RequestRefused { .. } => "request_refused",
            Self::RefusedForGood { .. } => "refused_for_good",
            Self::IdempotencyConflict => "idempotency_conflict",
            Self::KeyRefused => "key_refused",
            Self::OtherAccount => "other_account",
            Self::Inconclusive(unknown) => unknown.as_str(),
            Self::Absent { .. } => "absent",
            Self::PutOff { .. } => "put_off",
            Self::ReadFailed => "unread",
            Self::Beside { .. } => "further_payments",
        }
    }

    /// What was seen of the attempt, and the further payments beside it.
    #[must_use]
    pub fn split(self) -> (Self, Vec<PaymentIntentId>) {
        if let Self::Beside { seen, paid } = self { (*seen, paid) } else { (self, Vec::new()) }
    }

    /// The same, with further payments beside it.
    #[must_use]
    pub fn beside(self, paid: Vec<PaymentIntentId>) -> Self {
        if paid.is_empty() { self } else { Self::Beside { seen: Box::new(self), paid } }
    }

    /// The same, where finding nothing proves nothing.
    #[must_use]
    pub fn without_absence(self) -> Self {
        match self {
            Self::Absent { .. } => Self::ReadFailed,
            Self::Beside { seen, paid } => Self::Beside { seen: Box::new(seen.without_absence()), paid },
            Self::PaymentIntent(_)
            | Self::StripeCheckout(_)
            | Self::Declined { .. }
            | Self::TokenRefused { .. }
            | Self::RequestRefused { .. }
            | Self::RefusedForGood { .. }
            | Self::IdempotencyConflict
            | Self::KeyRefused
            | Self::OtherAccount
            | Self::Inconclusive(_)
            | Self::ReadFailed
            | Self::PutOff { .. } => self,
        }
    }
}

/// An answer that tells nothing about the payment.
#[expect(clippy::struct_excessive_bools, reason = "each is told apart from the others")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inconclusive {
    /// `Retry-After`.
    pub retry_after: Option<Span>,
    /// `Stripe-Should-Retry`.
    pub should_retry: Option<bool>,
    /// 429: Stripe answers, and takes no more requests for now.
    pub limited: bool,
    /// Whether it was a server error that Stripe replays for this idempotency key.
    pub replayed_error: bool,
    /// The stored request could not be sent again: its token cannot be opened.
    pub cannot_repeat: bool,
    /// Nothing was sent at all: Stripe has not answered lately, or too much waits for it.
    pub not_sent: bool,
    /// The answer, where there was one.
    pub answered: Option<AnsweredWith>,
}

/// An answer that says nothing but its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnsweredWith {
    /// The HTTP status.
    pub status: u16,
    /// Stripe's `Request-Id`.
    pub request_id: Option<String>,
}

impl Inconclusive {
    /// Whether the same request will never get another answer, so that only a reading can tell. Stripe stores the answer to a
    /// request that has ended, server errors too, and replays it for as long as it knows the key.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.cannot_repeat || self.replayed_error || self.should_retry == Some(false)
    }

    /// Its kind, for the log.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self { not_sent: true, .. } => "not_sent",
            Self { cannot_repeat: true, .. } => "cannot_be_sent_again",
            Self { replayed_error: true, .. } => "replayed_server_error",
            _ => "no_certain_answer",
        }
    }
}

/// A PaymentIntent as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentIntentSnapshot {
    /// Its id.
    pub id: PaymentIntentId,
    /// Its status.
    pub status: PaymentIntentStatus,
    /// `amount_received` once succeeded, else `amount`.
    pub amount: Money,
    /// Whether it moved real money.
    pub livemode: bool,
    /// What its metadata names; `None` where a part is missing or unreadable.
    pub session: Option<SessionId>,
    /// Likewise.
    pub revision: Option<Revision>,
    /// Likewise.
    pub attempt: Option<AttemptNumber>,
}

/// Stripe's statuses of a PaymentIntent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentIntentStatus {
    /// The payment failed.
    RequiresPaymentMethod,
    /// Not confirmed.
    RequiresConfirmation,
    /// The shopper must do something.
    RequiresAction,
    /// Under way.
    Processing,
    /// Authorised only.
    RequiresCapture,
    /// Will never be paid.
    Canceled,
    /// Paid.
    Succeeded,
}

impl PaymentIntentStatus {
    /// Stripe's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RequiresPaymentMethod => "requires_payment_method",
            Self::RequiresConfirmation => "requires_confirmation",
            Self::RequiresAction => "requires_action",
            Self::Processing => "processing",
            Self::RequiresCapture => "requires_capture",
            Self::Canceled => "canceled",
            Self::Succeeded => "succeeded",
        }
    }
}

/// A reading of Stripe that may find a second or late payment: what an operator must look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flag {
    /// The flag's id.
    pub id: crate::domain::ids::FlagId,
    /// The session that the payment names.
    pub session: SessionId,
    /// The payment.
    pub intent: PaymentIntentId,
    /// Why it is flagged.
    pub reason: FlagReason,
    /// When it was seen.
    pub seen: Timestamp,
}

/// Why a payment needs an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlagReason {
    /// The session had ended unpaid.
    PaidAfterEnd,
    /// The session is unpaid and its attempt was taken for dead.
    PaidByFailedAttempt,
    /// The session was paid by another payment.
    PaidTwice,
    /// The payment differs from what was asked for, and the session waits for an operator.
    PaymentDisagrees,
    /// A restored database does not know what was paid.
    LostByRestore,
    /// The database does not have the session.
    NoCheckout,
    /// It was told of, and Stripe has not shown its end in a month.
    NotShown,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::Mode;

    #[test]
    fn a_key_keeps_its_parts_apart() {
        let lists: [&[&str]; 9] = [
            &["ab", "c"],
            &["a", "bc"],
            &["abc"],
            &["a", "b", "c"],
            &["", "abc"],
            &["abc", ""],
            &["c", "ab"],
            &["ab", "c", ""],
            &[],
        ];
        for (at, list) in lists.iter().enumerate() {
            let key = IdempotencyKey::of_parts(list.iter().copied());
            assert_eq!(key, IdempotencyKey::of_parts(list.iter().copied()), "{list:?}");
            for other in &lists[at + 1..] {
                assert_ne!(key, IdempotencyKey::of_parts(other.iter().copied()), "{list:?} and {other:?}");
            }
        }
    }

    /// Everything that a charge's key is made of.
    #[derive(Clone)]
    struct Parts {
        tenant: Tenant,
        account: AccountId,
        token: &'static str,
        charge: ExpectedPayment,
    }

    #[test]
    fn each_part_of_an_attempt_alone_makes_another_key() {
        let parts = Parts {
            tenant: Tenant { merchant: "shop".parse().unwrap(), mode: Mode::Test },
            account: "acct_1".parse().unwrap(),
            token: "spt_first0001",
            charge: ExpectedPayment {
                total: Money::new(4361, "usd".parse().unwrap()),
                session: SessionId::from_random(1),
                revision: Revision(1),
                attempt: AttemptNumber(1),
            },
        };
        // The revision is that of a page: a token pays the amount, whatever it was shown under.
        let changes: [fn(&mut Parts); 9] = [
            |_| {},
            |parts| parts.tenant.merchant = "other".parse().unwrap(),
            |parts| parts.tenant.mode = Mode::Live,
            |parts| parts.account = "acct_2".parse().unwrap(),
            |parts| parts.charge.session = SessionId::from_random(2),
            |parts| parts.charge.attempt = AttemptNumber(2),
            |parts| parts.charge.total.minor = 4362,
            |parts| parts.charge.total.currency = "eur".parse().unwrap(),
            |parts| (parts.token, parts.charge.revision) = ("spt_second002", Revision(2)),
        ];
        let mut keys = Vec::new();
        for change in changes {
            let mut parts = parts.clone();
            change(&mut parts);
            let Parts { tenant, account, token, charge } = &parts;
            keys.push(IdempotencyKey::of(tenant, account, &SptHash::of(token), charge));
            keys.push(IdempotencyKey::of_stripe_checkout(tenant, account, charge));
        }
        let different: std::collections::HashSet<&str> = keys.iter().map(IdempotencyKey::as_str).collect();
        assert_eq!(different.len(), keys.len());
    }
}
