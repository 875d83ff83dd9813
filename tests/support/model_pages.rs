//! The model Stripe's Checkout Sessions: pages that are opened, paid by a shopper who has the address, closed, or left.

use merchant_gateway::domain::address::Buyer;
use merchant_gateway::domain::checkout::model::{
    ExpectedPayment, Observation, PaymentIntentSnapshot, PaymentIntentStatus, StripeCheckoutSnapshot,
    StripeCheckoutStatus,
};
use merchant_gateway::domain::ids::{PaymentIntentId, SessionId, StripeCheckoutId};
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::time::{Span, Timestamp};

use super::chance::Chance;
use super::model_stripe::{Card, ModelStripe, Payment};

/// Stripe's least life of a page, from when the request arrives.
const LEAST: Span = Span::minutes(30);

/// A page.
pub struct ModelPage {
    id: StripeCheckoutId,
    charge: ExpectedPayment,
    /// What it asks for.
    amount: Money,
    created: Timestamp,
    expires: Timestamp,
    closed: bool,
    /// The payment that it was used for.
    payment: Option<PaymentIntentId>,
}

impl ModelStripe {
    /// Opens a page and says what is answered, when the answer arrives.
    pub fn open_stripe_checkout(
        &mut self,
        key: &str,
        charge: &ExpectedPayment,
        expires: Timestamp,
        now: Timestamp,
    ) -> Observation {
        let known = self.page_keys.get(key).cloned();
        if let Some(stored) = known {
            return stored;
        }
        if expires < now + LEAST {
            let refused = Observation::RequestRefused { detail: "expires_at".to_owned() };
            self.page_keys.insert(key.to_owned(), refused.clone());
            return refused;
        }
        let id: StripeCheckoutId = format!("cs_{}", self.pages.len() + 1).parse().unwrap();
        let amount = charge.total;
        let (charge, closed, payment) = (charge.clone(), false, None);
        let page = ModelPage { id, charge, amount, created: now, expires, closed, payment };
        let seen = Observation::StripeCheckout(self.page_seen(&page, now));
        self.pages.push(page);
        self.page_keys.insert(key.to_owned(), seen.clone());
        seen
    }

    /// The session that a page is for.
    pub fn session_of(&self, page: &StripeCheckoutId) -> Option<SessionId> {
        self.pages.iter().find(|known| known.id == *page).map(|page| page.charge.session.clone())
    }

    fn page_seen(&self, page: &ModelPage, now: Timestamp) -> StripeCheckoutSnapshot {
        let paying = self.payments.iter().find(|payment| Some(&payment.id) == page.payment.as_ref());
        let status = match paying.map(|payment| payment.seen.status) {
            Some(PaymentIntentStatus::Succeeded) => StripeCheckoutStatus::Paid,
            Some(_) => StripeCheckoutStatus::Unpaid,
            None if page.closed || page.expires <= now => StripeCheckoutStatus::Expired,
            None => StripeCheckoutStatus::Open,
        };
        StripeCheckoutSnapshot {
            id: page.id.clone(),
            url: (status == StripeCheckoutStatus::Open)
                .then(|| format!("https://checkout.example/{}", page.id)),
            status,
            intent: paying.map(|payment| (payment.id.clone(), Some(payment.seen.status))),
            amount: page.amount,
            livemode: false,
            buyer: Buyer::default(),
            session: Some(page.charge.session.clone()),
            revision: Some(page.charge.revision),
            attempt: Some(page.charge.attempt),
        }
    }

    /// The pages that were opened within a time.
    pub fn stripe_checkouts_within(
        &mut self,
        from: Timestamp,
        to: Timestamp,
        now: Timestamp,
    ) -> Vec<StripeCheckoutSnapshot> {
        self.advance(now);
        let within = self.pages.iter().filter(|page| (from..=to).contains(&page.created));
        within.map(|page| self.page_seen(page, now)).collect()
    }

    pub fn read_stripe_checkout(&mut self, id: &StripeCheckoutId, now: Timestamp) -> Observation {
        self.advance(now);
        let found = self.pages.iter().find(|page| page.id == *id);
        found.map_or(Observation::ReadFailed, |page| Observation::StripeCheckout(self.page_seen(page, now)))
    }

    pub fn close_stripe_checkout(&mut self, id: &StripeCheckoutId, now: Timestamp) -> Observation {
        self.advance(now);
        let open = |page: &&mut ModelPage| page.id == *id && page.payment.is_none();
        if let Some(page) = self.pages.iter_mut().find(open) {
            page.closed = true;
        }
        let seen = self.read_stripe_checkout(id, now);
        if self.leaves_pages_open
            && let Some(page) = self.pages.iter_mut().find(|page| page.id == *id)
        {
            page.closed = false;
        }
        seen
    }

    pub fn was_paid_on_a_page(&self, intent: &PaymentIntentId) -> bool {
        self.pages.iter().any(|page| page.payment.as_ref() == Some(intent))
    }

    /// A shopper who has the address pays there; whether the page was used by it.
    pub fn pay_on_page(
        &mut self,
        id: &StripeCheckoutId,
        card: Card,
        now: Timestamp,
        chance: &mut Chance,
    ) -> bool {
        let fresh = self.new_id();
        let settles = (card == Card::Dawdles).then(|| {
            let end = if chance.per_mille(500) {
                PaymentIntentStatus::Succeeded
            } else {
                PaymentIntentStatus::RequiresPaymentMethod
            };
            (now + Span::millis(chance.millis(1000, 600_000)), end)
        });
        let open = |page: &&mut ModelPage| page.id == *id && !page.closed && page.payment.is_none();
        let Some(page) = self.pages.iter_mut().find(open).filter(|page| page.expires > now) else {
            return false;
        };
        let status = match card {
            Card::Pays | Card::PaysWith500 | Card::PaysHalf => PaymentIntentStatus::Succeeded,
            Card::Dawdles => PaymentIntentStatus::Processing,
            // The page says so, and the shopper may try another card there.
            Card::Declines | Card::Demands3ds | Card::Fails500 => return false,
        };
        if card == Card::PaysHalf {
            page.amount = Money::new(page.amount.minor / 2, page.amount.currency);
        }
        page.payment = Some(fresh.clone());
        let seen = PaymentIntentSnapshot {
            id: fresh.clone(),
            status,
            amount: page.amount,
            livemode: false,
            session: Some(page.charge.session.clone()),
            revision: Some(page.charge.revision),
            attempt: Some(page.charge.attempt),
        };
        let session = page.charge.session.clone();
        self.payments.push(Payment { id: fresh, session, seen, created: now, settles, strange: false });
        true
    }
}
