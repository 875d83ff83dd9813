//! Refunds and disputes of the model of Stripe.

use merchant_gateway::domain::checkout::model::{
    Inconclusive, OrderObservation, RefundAnswer, RefundIntent, RefundSnapshot,
};
use merchant_gateway::domain::ids::{PaymentIntentId, SessionId};
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::order::{Dispute, DisputeStatus, RefundOrigin, RefundReason, RefundStatus};
use merchant_gateway::domain::time::{Span, Timestamp};

use super::chance::Chance;
use super::model_stripe::ModelStripe;

/// How long a key is remembered.
const MEMORY: Span = Span::hours(24);

/// A refund as it is kept there.
pub struct ModelRefund {
    pub payment: PaymentIntentId,
    pub seen: RefundSnapshot,
    settles: Option<(Timestamp, RefundStatus)>,
}

/// A dispute as it is kept there.
pub struct ModelDispute {
    pub payment: PaymentIntentId,
    pub dispute: Dispute,
    settles: Timestamp,
    won: bool,
}

/// What a key is remembered for.
pub(super) struct KeptRefund {
    amount: Money,
    answer: RefundAnswer,
    at: Timestamp,
}

/// The request for a refund as it arrives.
pub struct AskedBack {
    pub key: String,
    pub payment: PaymentIntentId,
    pub amount: Money,
    pub session: SessionId,
    pub origin: RefundOrigin,
    pub reason: Option<RefundReason>,
}

impl From<&RefundIntent> for AskedBack {
    fn from(intent: &RefundIntent) -> Self {
        Self {
            key: intent.idempotency_key.as_str().to_owned(),
            payment: intent.payment.clone(),
            amount: intent.amount,
            session: intent.session.clone(),
            origin: intent.origin.clone(),
            reason: intent.reason,
        }
    }
}

impl ModelStripe {
    /// Makes a refund, or does not, and says what is answered.
    pub fn refund(&mut self, asked: &AskedBack, now: Timestamp, chance: &mut Chance) -> RefundAnswer {
        self.settle_refunds(now);
        let key = if self.renews_keys {
            format!("{}-{}", asked.key, self.refunds.len())
        } else {
            asked.key.clone()
        };
        if let Some(kept) = self.refund_keys.get(&key).filter(|kept| now < kept.at + MEMORY) {
            if kept.amount != asked.amount {
                return RefundAnswer::Conflict;
            }
            let replayed =
                RefundAnswer::Inconclusive(Inconclusive { replayed_error: true, ..Inconclusive::default() });
            return match &kept.answer {
                RefundAnswer::Inconclusive(_) => replayed,
                RefundAnswer::Refused { why, .. } => RefundAnswer::Refused { why: why.clone(), stored: true },
                RefundAnswer::Made(_)
                | RefundAnswer::Conflict
                | RefundAnswer::KeyRefused
                | RefundAnswer::Unverified
                | RefundAnswer::OtherAccount => kept.answer.clone(),
            };
        }
        let disputed = self.disputes.iter().any(|dispute| dispute.payment == asked.payment);
        let answer = if disputed || asked.amount.minor > self.refundable(&asked.payment) {
            RefundAnswer::Refused {
                why: "code charge_already_refunded, parameter none".to_owned(),
                stored: false,
            }
        } else {
            self.make(asked, now, chance)
        };
        self.refund_keys.insert(key, KeptRefund { amount: asked.amount, answer: answer.clone(), at: now });
        answer
    }

    fn make(&mut self, asked: &AskedBack, now: Timestamp, chance: &mut Chance) -> RefundAnswer {
        let kind = chance.below(10);
        if kind == 0 {
            return RefundAnswer::Refused { why: "code none, parameter none".to_owned(), stored: false };
        }
        if kind == 1 {
            return RefundAnswer::Inconclusive(Inconclusive::default());
        }
        let settles = (kind == 2).then(|| {
            let end = if chance.per_mille(500) { RefundStatus::Succeeded } else { RefundStatus::Failed };
            (now + Span::millis(chance.millis(1000, 7_200_000)), end)
        });
        let status = if settles.is_some() { RefundStatus::Pending } else { RefundStatus::Succeeded };
        let seen = RefundSnapshot {
            id: format!("re_{}", self.refunds.len() + 1).parse().unwrap(),
            status,
            amount: asked.amount,
            created: now,
            reason: asked.reason,
            session: Some(asked.session.clone()),
            origin: Some(asked.origin.clone()),
        };
        self.refunds.push(ModelRefund { payment: asked.payment.clone(), seen: seen.clone(), settles });
        if kind == 3 { RefundAnswer::Inconclusive(Inconclusive::default()) } else { RefundAnswer::Made(seen) }
    }

    /// What of a payment has not gone back.
    fn refundable(&self, payment: &PaymentIntentId) -> i64 {
        let paid = self
            .payments
            .iter()
            .find(|known| known.id == *payment)
            .map_or(0, |known| known.seen.amount.minor);
        let gone: i64 = self
            .refunds
            .iter()
            .filter(|refund| refund.payment == *payment && refund.seen.status != RefundStatus::Failed)
            .map(|refund| refund.seen.amount.minor)
            .sum();
        paid - gone
    }

    /// Somebody refunds a little in the dashboard.
    pub fn refund_elsewhere(&mut self, payment: &PaymentIntentId, now: Timestamp) {
        let left = self.refundable(payment);
        let Some(known) = self.payments.iter().find(|known| known.id == *payment) else { return };
        if left < 100 {
            return;
        }
        let seen = RefundSnapshot {
            id: format!("re_{}", self.refunds.len() + 1).parse().unwrap(),
            status: RefundStatus::Succeeded,
            amount: Money::new(100, known.seen.amount.currency),
            created: now,
            reason: None,
            session: None,
            origin: None,
        };
        self.refunds.push(ModelRefund { payment: payment.clone(), seen, settles: None });
    }

    /// The buyer's bank calls a payment into question.
    pub fn dispute(&mut self, payment: &PaymentIntentId, now: Timestamp, chance: &mut Chance) {
        let Some(known) = self.payments.iter().find(|known| known.id == *payment) else { return };
        if self.disputes.iter().any(|dispute| dispute.payment == *payment) {
            return;
        }
        let dispute = Dispute {
            id: format!("du_{}", self.disputes.len() + 1).parse().unwrap(),
            amount: known.seen.amount,
            reason: "fraudulent".to_owned(),
            status: DisputeStatus::new("needs_response".to_owned()),
            created: now,
        };
        let settles = now + Span::millis(chance.millis(1000, 7_200_000));
        let won = chance.per_mille(500);
        self.disputes.push(ModelDispute { payment: payment.clone(), dispute, settles, won });
    }

    /// Everything of a payment.
    pub fn read_order(&mut self, payment: &PaymentIntentId, now: Timestamp) -> OrderObservation {
        self.settle_refunds(now);
        let refunds = self.refunds.iter().filter(|refund| refund.payment == *payment);
        let disputes = self.disputes.iter().filter(|dispute| dispute.payment == *payment);
        OrderObservation::Read {
            refunds: refunds.map(|refund| refund.seen.clone()).collect(),
            disputes: Some(disputes.map(|dispute| dispute.dispute.clone()).collect()),
            asked: now,
            complete: true,
        }
    }

    /// Lets pending refunds and open disputes come to their ends.
    pub fn settle_refunds(&mut self, now: Timestamp) {
        for refund in &mut self.refunds {
            if let Some((at, status)) = refund.settles
                && at <= now
            {
                refund.settles = None;
                refund.seen.status = status;
            }
        }
        for dispute in self.disputes.iter_mut().filter(|dispute| dispute.settles <= now) {
            let word = if dispute.won { "won" } else { "lost" };
            dispute.dispute.status = DisputeStatus::new(word.to_owned());
        }
    }
}
