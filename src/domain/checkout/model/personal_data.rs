//! The personal data in a session, its order and its events, and its erasure.
//!
//! Invariant: amounts, lines, states and Stripe's ids are not changed.

use super::session::Session;
use crate::domain::address::Buyer;
use crate::domain::order::Order;
use crate::domain::origin::Agent;
use crate::domain::time::Timestamp;

impl Session {
    /// Whether it names a buyer or an address.
    #[must_use]
    pub fn holds_personal_data(&self) -> bool {
        self.inputs.buyer != Buyer::default() || self.inputs.address.is_some()
    }

    /// Erases the buyer and the address.
    pub fn erase_personal_data(&mut self) {
        self.inputs.buyer = Buyer::default();
        self.inputs.address = None;
    }

    /// When it ended or will end unpaid; `None` while a payment is undecided, once it is paid, and while a read of
    /// Stripe about it is still to be made. `touched` is the moment of the change that led to its present state.
    #[must_use]
    pub fn unpaid_end(&self, touched: Option<Timestamp>) -> Option<Timestamp> {
        if !self.unmatched_payments.is_empty() || !self.last_polls.is_empty() {
            return None;
        }
        if self.state.is_unpaid_end() {
            return Some(touched.unwrap_or(self.expires));
        }
        self.state.is_the_shoppers().then_some(self.expires)
    }
}

impl Order {
    /// Erases the buyer, the address and what the payer's program said of itself, which is free text.
    pub fn erase_personal_data(&mut self) {
        self.buyer = Buyer::default();
        self.address = None;
        self.agent = self.agent.take().and_then(|agent| Agent::of(None, agent.profile.as_deref()));
    }

    /// Whether it names a buyer or an address.
    #[must_use]
    pub fn holds_personal_data(&self) -> bool {
        self.buyer != Buyer::default() || self.address.is_some()
    }
}
