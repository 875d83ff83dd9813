//! A cart for each sample merchant, with a total that was worked out by hand.

use serde_json::{Value, json};

/// What is bought, where it goes, and what it comes to.
pub struct Order {
    pub merchant: &'static str,
    /// Part of what the shop says of itself.
    pub name: &'static str,
    /// As Stripe writes it.
    pub currency: &'static str,
    /// Variants and quantities.
    pub cart: &'static [(&'static str, u32)],
    /// City, state, country and postal code.
    place: (&'static str, &'static str, &'static str, &'static str),
    /// In minor units.
    pub total: i64,
}

pub const ORDERS: [Order; 3] = [
    Order {
        merchant: "fern-and-thread",
        name: "Fern & Thread",
        currency: "usd",
        cart: &[("harvest-overshirt-ink-m", 1), ("creek-socks-41-45", 1)],
        place: ("New York", "NY", "US", "10001"),
        // 98.00 + 14.50; shipped free from 100.00; 4 % of each line: 3.92 + 0.58.
        total: 11_700,
    },
    Order {
        merchant: "harbor-coffee",
        name: "Harbor Coffee Roasters",
        currency: "usd",
        cart: &[("huila-washed-250-beans", 2)],
        place: ("Los Angeles", "CA", "US", "90001"),
        // 2 × 18.50; shipping 5.99, untaxed; 7.25 % of 37.00 is 2.6825.
        total: 4567,
    },
    Order {
        merchant: "kumo-prints",
        name: "Kumo Print Studio",
        currency: "jpy",
        cart: &[("cloud-study-no-4", 1), ("rain-over-kamo-a4-oak", 1)],
        place: ("Kyoto", "Kyoto", "JP", "604-8005"),
        // ¥3,501 + ¥19,500; shipped free from ¥15,000; 10 % of each line: ¥350.1 and ¥1,950.
        total: 25_301,
    },
];

impl Order {
    /// The arguments of a `create_checkout` that can be paid at once.
    pub fn arguments(&self) -> Value {
        let items: Vec<Value> =
            self.cart.iter().map(|(id, quantity)| json!({ "id": id, "quantity": quantity })).collect();
        let (city, state, country, postal_code) = self.place;
        let address = json!({
            "name": "Ada Lovelace", "line_one": "12 Mill Lane", "city": city, "state": state,
            "country": country, "postal_code": postal_code,
        });
        json!({ "items": items, "fulfillment_address": address })
    }
}
