//! The shipping options of a merchant and which of them fit a cart and an address.

use serde::{Deserialize, Serialize};

use super::address::{Address, CountryCode};
use super::ids::ShippingId;
use super::money::Money;
use super::places::covers;
use super::time::{Span, Timestamp};

/// One way to send a parcel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShippingRule {
    /// Its id within the shop.
    pub id: ShippingId,
    /// What the shopper reads.
    pub title: String,
    /// Who carries it; may be empty.
    pub carrier: String,
    /// What it costs, before tax.
    pub price: Money,
    /// Where it goes; empty means wherever the shop sells.
    pub countries: Vec<CountryCode>,
    /// From this value of the goods on it costs nothing.
    pub free_over: Option<Money>,
    /// Earliest and latest delivery, in days from the order.
    pub days: Option<(u16, u16)>,
}

impl ShippingRule {
    /// Whether it goes to an address.
    #[must_use]
    pub fn serves(&self, address: &Address) -> bool {
        self.countries.is_empty() || covers(&self.countries, address.country, &address.state)
    }

    /// What it costs for goods of this value.
    #[must_use]
    pub fn price_for(&self, goods: Money) -> Money {
        match self.free_over {
            Some(threshold) if goods.minor >= threshold.minor => Money::zero(self.price.currency),
            Some(_) | None => self.price,
        }
    }

    /// Earliest and latest delivery of an order placed now.
    #[must_use]
    pub fn delivery(&self, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let (earliest, latest) = self.days?;
        let day = |count: u16| now + Span::hours(24 * i64::from(count));
        Some((day(earliest), day(latest)))
    }
}
