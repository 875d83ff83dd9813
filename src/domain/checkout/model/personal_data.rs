//! What a session, its order and its events hold of a person, and how it is erased.
//!
//! Invariant: amounts, lines, states and the ids of Stripe stay as they are.

use super::session::Session;
use crate::domain::address::Buyer;
use crate::domain::order::Order;
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

    /// When it ends unpaid, or did; `None` while a payment is undecided, once it is paid, and while Stripe has still to be
    /// asked about it. `touched` is the moment of the change that brought it here.
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
    /// Erases the buyer and the address.
    pub fn erase_personal_data(&mut self) {
        self.buyer = Buyer::default();
        self.address = None;
    }

    /// Whether it names a buyer or an address.
    #[must_use]
    pub fn holds_personal_data(&self) -> bool {
        self.buyer != Buyer::default() || self.address.is_some()
    }
}
