//! A model of Stripe, on the level of what our client makes of its answers.
//!
//! It keeps Stripe's promises: a stored outcome is replayed under its key for a day, a token pays up to its limit, a
//! succeeded payment stays. All else may go wrong.

use std::collections::HashMap;

use merchant_gateway::domain::checkout::model::{
    AttemptIntent, AttemptObservation, Deactivation, DeclineReason, ExpectedPayment, Inconclusive,
    Observation, PaymentIntentSnapshot, PaymentIntentStatus, PaymentSource, TokenFacts, TokenReadError,
};
use merchant_gateway::domain::ids::{AttemptNumber, PaymentIntentId, SessionId};
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::time::{Span, Timestamp};

use super::model_pages::ModelPage;
use super::model_refunds::{KeptRefund, ModelDispute, ModelRefund};
use crate::chance::Chance;

/// How long a key is remembered.
const MEMORY: Span = Span::hours(24);

/// What the card behind a token does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Card {
    Pays,
    Declines,
    Demands3ds,
    /// Says so later, and then pays or does not.
    Dawdles,
    /// Pays, and answers with a stored 500.
    PaysWith500,
    /// Does not pay, and answers with a stored 500.
    Fails500,
    /// Pays half, which nobody asked for.
    PaysHalf,
}

pub const CARDS: [Card; 6] =
    [Card::Pays, Card::Declines, Card::Demands3ds, Card::Dawdles, Card::PaysWith500, Card::Fails500];

/// Of a Stripe that does what it never should.
pub const ODD_CARDS: [Card; 4] = [Card::PaysHalf, Card::PaysHalf, Card::Fails500, Card::Pays];

pub struct Token {
    pub card: Card,
    pub limit: Money,
    pub used: i64,
    pub expires: Timestamp,
    pub revoked: bool,
}

#[derive(Clone, Debug)]
pub struct Payment {
    pub id: PaymentIntentId,
    pub session: SessionId,
    pub seen: PaymentIntentSnapshot,
    pub created: Timestamp,
    /// When a dawdling one comes to its end, and how.
    pub settles: Option<(Timestamp, PaymentIntentStatus)>,
    /// Whether somebody else made it, under the session's name.
    pub strange: bool,
}

/// A charge as it arrives.
pub struct Sent<'a> {
    /// `Idempotency-Key`.
    pub key: &'a str,
    pub token: &'a str,
    pub charge: &'a ExpectedPayment,
}

impl<'a> From<&'a AttemptIntent> for Sent<'a> {
    fn from(attempt: &'a AttemptIntent) -> Self {
        let PaymentSource::Token(token) = &attempt.source else { panic!("a page is not charged") };
        Self { key: attempt.idempotency_key.as_str(), token: token.expose(), charge: &attempt.expected }
    }
}

/// What a key is remembered for.
struct Kept {
    body: String,
    answer: Observation,
    at: Timestamp,
}

#[derive(Default)]
pub struct ModelStripe {
    pub tokens: HashMap<String, Token>,
    pub payments: Vec<Payment>,
    pub(super) pages: Vec<ModelPage>,
    /// What was answered to each request for a page.
    pub(super) page_keys: HashMap<String, Observation>,
    pub refunds: Vec<ModelRefund>,
    pub disputes: Vec<ModelDispute>,
    /// What was answered to each request for a refund.
    pub(super) refund_keys: HashMap<String, KeptRefund>,
    keys: HashMap<String, Kept>,
    made: u64,
    /// A saboteur: every send is a request of its own.
    pub renews_keys: bool,
    /// A saboteur: a page is called closed, and stays open.
    pub leaves_pages_open: bool,
    /// Whether keys are taken and payments made that are not ours.
    pub odd: bool,
}

impl ModelStripe {
    /// Executes a charge and says what is answered, when the answer arrives.
    pub fn charge(&mut self, sent: &Sent<'_>, now: Timestamp, chance: &mut Chance) -> Observation {
        self.advance(now);
        let key = sent.key.to_owned();
        let key = if self.renews_keys { format!("{key}-{}", self.made) } else { key };
        let body = format!("{:?}", sent.charge);
        if let Some(kept) = self.keys.get(&key).filter(|kept| now < kept.at + MEMORY) {
            if kept.body != body {
                return Observation::IdempotencyConflict;
            }
            let replayed =
                Observation::Inconclusive(Inconclusive { replayed_error: true, ..Inconclusive::default() });
            return if matches!(kept.answer, Observation::Inconclusive(_)) {
                replayed
            } else {
                kept.answer.clone()
            };
        }
        if self.odd && chance.per_mille(150) {
            let body = "somebody else's".to_owned();
            self.keys.insert(key, Kept { body, answer: Observation::ReadFailed, at: now });
            return Observation::IdempotencyConflict;
        }
        if self.odd && chance.per_mille(300) {
            self.pay_strangely(sent, now);
        }
        let token = self.tokens.get_mut(sent.token).expect("tokens are minted here");
        let total = sent.charge.total;
        if token.used + total.minor > token.limit.minor {
            return Observation::TokenRefused { maybe_consumed: token.used > 0, detail: "limit".to_owned() };
        }
        if token.revoked {
            // Found out while it was carried out: that is stored, and told again as what it is.
            let detail = "revoked".to_owned();
            let answer = Observation::RefusedForGood { detail: detail.clone() };
            self.keys.insert(key, Kept { body, answer, at: now });
            return Observation::TokenRefused { maybe_consumed: false, detail };
        }
        if token.expires <= now {
            return Observation::TokenRefused { maybe_consumed: false, detail: "gone".to_owned() };
        }
        let card = token.card;
        let status = match card {
            Card::Pays | Card::PaysWith500 | Card::PaysHalf => PaymentIntentStatus::Succeeded,
            Card::Declines | Card::Fails500 => PaymentIntentStatus::RequiresPaymentMethod,
            Card::Demands3ds => PaymentIntentStatus::RequiresAction,
            Card::Dawdles => PaymentIntentStatus::Processing,
        };
        if matches!(card, Card::Pays | Card::PaysWith500 | Card::PaysHalf | Card::Dawdles) {
            token.used += total.minor;
        }
        let id = self.new_id();
        let settles = (card == Card::Dawdles).then(|| {
            let end = if chance.per_mille(500) {
                PaymentIntentStatus::Succeeded
            } else {
                PaymentIntentStatus::RequiresPaymentMethod
            };
            (now + Span::millis(chance.millis(1000, 600_000)), end)
        });
        let seen = PaymentIntentSnapshot {
            id: id.clone(),
            status,
            amount: if card == Card::PaysHalf { Money::new(total.minor / 2, total.currency) } else { total },
            livemode: false,
            session: Some(sent.charge.session.clone()),
            revision: Some(sent.charge.revision),
            attempt: Some(sent.charge.attempt),
        };
        let session = sent.charge.session.clone();
        self.payments.push(Payment {
            id: id.clone(),
            session,
            seen: seen.clone(),
            created: now,
            settles,
            strange: false,
        });
        let answer = match card {
            Card::Pays | Card::PaysHalf | Card::Demands3ds | Card::Dawdles => {
                Observation::PaymentIntent(seen)
            }
            Card::Declines => Observation::Declined {
                intent: Some(id),
                requires_3ds: false,
                reason: DeclineReason::Unknown,
            },
            Card::PaysWith500 | Card::Fails500 => Observation::Inconclusive(Inconclusive::default()),
        };
        self.keys.insert(key, Kept { body, answer: answer.clone(), at: now });
        answer
    }

    pub(super) fn new_id(&mut self) -> PaymentIntentId {
        self.made += 1;
        format!("pi_{}", self.made).parse().unwrap()
    }

    /// Somebody with the merchant's key, or Stripe itself, makes a payment that nobody here asked for.
    fn pay_strangely(&mut self, sent: &Sent<'_>, now: Timestamp) {
        let session = sent.charge.session.clone();
        let seen = PaymentIntentSnapshot {
            id: self.new_id(),
            status: PaymentIntentStatus::Succeeded,
            amount: sent.charge.total,
            livemode: false,
            session: Some(session.clone()),
            revision: Some(sent.charge.revision),
            attempt: None,
        };
        let id = seen.id.clone();
        self.payments.push(Payment { id, session, seen, created: now, settles: None, strange: true });
    }

    pub fn read(&mut self, id: &PaymentIntentId, now: Timestamp) -> Observation {
        self.advance(now);
        let found = self.payments.iter().find(|payment| payment.id == *id);
        found.map_or(Observation::ReadFailed, |payment| Observation::PaymentIntent(payment.seen.clone()))
    }

    /// A complete listing, as our client reads it.
    pub fn find(
        &mut self,
        session: &SessionId,
        attempt: AttemptNumber,
        started: Timestamp,
        now: Timestamp,
    ) -> AttemptObservation {
        self.advance(now);
        let from = started - Span::minutes(10);
        let mut found: Vec<&Payment> = self
            .payments
            .iter()
            .filter(|payment| payment.session == *session && payment.created >= from)
            .collect();
        let rank = |status| match status {
            PaymentIntentStatus::Succeeded => 0,
            PaymentIntentStatus::RequiresPaymentMethod | PaymentIntentStatus::Canceled => 2,
            PaymentIntentStatus::Processing
            | PaymentIntentStatus::RequiresAction
            | PaymentIntentStatus::RequiresCapture
            | PaymentIntentStatus::RequiresConfirmation => 1,
        };
        found.sort_by_key(|payment| {
            (payment.seen.attempt != Some(attempt), rank(payment.seen.status), payment.created)
        });
        let decisive = found.first().filter(|payment| payment.seen.attempt == Some(attempt));
        let primary = decisive.map_or(Observation::Absent { asked: now }, |payment| {
            Observation::PaymentIntent(payment.seen.clone())
        });
        let others = found.iter().skip(usize::from(decisive.is_some()));
        let other_payments = others
            .filter(|payment| payment.seen.status == PaymentIntentStatus::Succeeded)
            .map(|payment| payment.id.clone())
            .collect();
        AttemptObservation { primary, other_payments }
    }

    /// The payments that were made within a time.
    pub fn payments_within(
        &mut self,
        from: Timestamp,
        to: Timestamp,
        now: Timestamp,
    ) -> Vec<PaymentIntentSnapshot> {
        self.advance(now);
        let within = self.payments.iter().filter(|payment| (from..=to).contains(&payment.created));
        within.map(|payment| payment.seen.clone()).collect()
    }

    pub fn cancel(&mut self, id: &PaymentIntentId, now: Timestamp) -> Observation {
        self.advance(now);
        if let Some(payment) = self.payments.iter_mut().find(|payment| payment.id == *id)
            && !matches!(
                payment.seen.status,
                PaymentIntentStatus::Succeeded | PaymentIntentStatus::Processing
            )
        {
            payment.seen.status = PaymentIntentStatus::Canceled;
        }
        self.read(id, now)
    }

    pub fn facts(&mut self, token: &str, now: Timestamp) -> Result<TokenFacts, TokenReadError> {
        let token = self.tokens.get(token).ok_or(TokenReadError::Foreign)?;
        let left = token.limit.minor - token.used;
        let deactivated = if left == 0 {
            Some(Deactivation::Consumed)
        } else if token.revoked {
            Some(Deactivation::Revoked)
        } else {
            (token.expires <= now).then_some(Deactivation::Expired)
        };
        Ok(TokenFacts {
            livemode: false,
            deactivated,
            expires: Some(token.expires),
            remaining: Some(Money::new(left, token.limit.currency)),
            block_recommended: false,
            agent_profile: None,
        })
    }

    /// Lets dawdling payments come to their ends.
    pub fn advance(&mut self, now: Timestamp) {
        for payment in &mut self.payments {
            if let Some((at, status)) = payment.settles
                && at <= now
            {
                payment.settles = None;
                payment.seen.status = status;
            }
        }
    }

    /// The last payment that names a session and has succeeded, whoever asked for it.
    pub fn newest_success(&self, session: &SessionId) -> Option<PaymentIntentId> {
        let paid = |payment: &&Payment| {
            payment.session == *session && payment.seen.status == PaymentIntentStatus::Succeeded
        };
        self.payments.iter().rev().find(paid).map(|payment| payment.id.clone())
    }

    /// What was paid of what we asked for.
    pub fn succeeded<'a>(&'a self, session: &'a SessionId) -> impl Iterator<Item = &'a Payment> {
        self.payments.iter().filter(move |payment| {
            payment.session == *session
                && payment.seen.status == PaymentIntentStatus::Succeeded
                && !payment.strange
        })
    }
}
