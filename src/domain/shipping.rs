//! The shipping options of a merchant and which of them fit a cart and an address.

use serde::{Deserialize, Serialize};

use super::address::{Address, CountryCode};
use super::ids::ShippingId;
use super::money::Money;
use super::places::covers;
use super::time::{Span, Timestamp};

/// One shipping option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShippingRule {
    /// Its id within the shop.
    pub id: ShippingId,
    /// The title shown to the shopper.
    pub title: String,
    /// The carrier; may be empty.
    pub carrier: String,
    /// Its price, before tax.
    pub price: Money,
    /// The countries that it covers; empty means every country that the shop sells to.
    pub countries: Vec<CountryCode>,
    /// The value of the goods from which it is free.
    pub free_over: Option<Money>,
    /// Earliest and latest delivery, in days from the order.
    pub days: Option<(u16, u16)>,
}

impl ShippingRule {
    /// Whether it covers an address.
    #[must_use]
    pub fn serves(&self, address: &Address) -> bool {
        self.countries.is_empty() || covers(&self.countries, address.country, &address.state)
    }

    /// Its price for goods of this value.
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

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

    fn rule(countries: &[&str]) -> ShippingRule {
        let usd = "usd".parse().unwrap();
        ShippingRule {
            id: "standard".parse().unwrap(),
            title: "Standard".to_owned(),
            carrier: String::new(),
            price: Money::new(500, usd),
            countries: countries.iter().map(|country| country.parse().unwrap()).collect(),
            free_over: Some(Money::new(5_000, usd)),
            days: Some((3, 5)),
        }
    }

    fn address(country: &str) -> Address {
        Address {
            name: "Ada Lovelace".to_owned(),
            line_one: "12 Mill Lane".to_owned(),
            line_two: None,
            city: "Springfield".to_owned(),
            state: "CA".to_owned(),
            country: country.parse().unwrap(),
            postal_code: "90001".to_owned(),
            phone_number: None,
        }
    }

    #[test]
    fn a_shipping_option_serves_its_countries_or_all_if_it_has_none() {
        assert!(rule(&["US"]).serves(&address("US")) && !rule(&["US"]).serves(&address("CA")));
        assert!(rule(&[]).serves(&address("US")) && rule(&[]).serves(&address("CA")));
    }

    #[test]
    fn an_option_costs_nothing_from_its_threshold_on() {
        for (goods, price) in [(4_999, 500), (5_000, 0), (5_001, 0)] {
            assert_eq!(
                rule(&[]).price_for(Money::new(goods, "usd".parse().unwrap())).minor,
                price,
                "{goods}"
            );
        }
    }

    #[test]
    fn goods_arrive_between_the_earliest_and_the_latest_day() {
        let days = |count: i64| Timestamp::from_seconds(NOW.as_seconds() + count * 86_400);
        assert_eq!(rule(&[]).delivery(NOW), Some((days(3), days(5))));
        assert_eq!(ShippingRule { days: None, ..rule(&[]) }.delivery(NOW), None);
    }
}
