//! The tax rule of a shop. An unknown tax fails the quote; it never counts as zero.

use serde::{Deserialize, Serialize};

use super::address::{Address, CountryCode};
use super::money::Rate;
use super::places::taxed;

/// How a shop's tax is computed. Prices are before tax.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaxRule {
    /// The shop charges no tax.
    None,
    /// The merchant's own table.
    Fixed(FixedTax),
}

/// One rate per region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedTax {
    /// The table; at most one row per region, with a state's row before its country's.
    pub rates: Vec<RegionRate>,
    /// The rate of every other region; without it, the shop sells nothing there.
    pub elsewhere: Option<Rate>,
    /// Whether shipping is taxed like the goods.
    pub on_shipping: bool,
}

/// The rate of one region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionRate {
    pub country: CountryCode,
    /// The state within it; `None` for the rest of the country.
    pub state: Option<String>,
    pub rate: Rate,
}

/// The rates that apply to one quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaxRates {
    pub goods: Rate,
    pub shipping: Rate,
}

/// Why there is no rate for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownTax {
    /// The table has no rate for it.
    #[error("the tax for this address is not known, so nothing can be sold to it")]
    Place,
    /// The country's rates differ by region, and the address has no known one.
    #[error("the tax for this address depends on its region, which is not known")]
    Region,
}

impl TaxRule {
    /// The rates for an address; without an address, a shop with a table has none.
    pub fn rates(&self, address: Option<&Address>) -> Result<TaxRates, UnknownTax> {
        match self {
            Self::None => Ok(TaxRates { goods: Rate::ZERO, shipping: Rate::ZERO }),
            Self::Fixed(table) => {
                let rate = table.rate(address.ok_or(UnknownTax::Place)?)?;
                Ok(TaxRates { goods: rate, shipping: if table.on_shipping { rate } else { Rate::ZERO } })
            }
        }
    }
}

impl FixedTax {
    fn rate(&self, address: &Address) -> Result<Rate, UnknownTax> {
        let (country, region) = taxed(address.country, &address.state);
        let in_country = || self.rates.iter().filter(|row| row.country == country);
        let of_state = in_country().find(|row| row.state.is_some() && row.state.as_deref() == region);
        if of_state.is_none() && region.is_none() && in_country().any(|row| row.state.is_some()) {
            return Err(UnknownTax::Region);
        }
        let of_country = || in_country().find(|row| row.state.is_none());
        of_state.or_else(of_country).map(|row| row.rate).or(self.elsewhere).ok_or(UnknownTax::Place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_territory_given_as_a_country_is_taxed_as_its_state() {
        let row = |state: Option<&str>, percent| RegionRate {
            country: "US".parse().unwrap(),
            state: state.map(str::to_owned),
            rate: Rate::from_percent(percent).unwrap(),
        };
        let rates = vec![row(Some("PR"), "11.5"), row(Some("CA"), "7.25"), row(None, "0")];
        let table = FixedTax { rates, elsewhere: Some(Rate::ZERO), on_shipping: false };
        let address = |country: &str, state: &str| Address {
            name: "Ada".to_owned(),
            line_one: "1 Calle Fortaleza".to_owned(),
            line_two: None,
            city: "San Juan".to_owned(),
            state: state.to_owned(),
            country: country.parse().unwrap(),
            postal_code: "00901".to_owned(),
            phone_number: None,
        };
        for (country, state) in [("US", "PR"), ("PR", ""), ("PR", "San Juan")] {
            let rate = table.rate(&address(country, state));
            assert_eq!(rate, Ok(Rate::from_percent("11.5").unwrap()), "{country} {state}");
        }
    }

    #[test]
    fn a_state_rate_precedes_its_countrys_and_may_require_a_region() {
        let row = |country: &str, state: Option<&str>, percent| RegionRate {
            country: country.parse().unwrap(),
            state: state.map(str::to_owned),
            rate: Rate::from_percent(percent).unwrap(),
        };
        let rates = vec![row("US", None, "1"), row("US", Some("CA"), "7.25"), row("DE", None, "19")];
        let table = FixedTax { rates, elsewhere: None, on_shipping: false };
        let address = |country: &str, state: &str| Address {
            name: "Ada".to_owned(),
            line_one: "1 Mill Lane".to_owned(),
            line_two: None,
            city: "Springfield".to_owned(),
            state: state.to_owned(),
            country: country.parse().unwrap(),
            postal_code: "90001".to_owned(),
            phone_number: None,
        };
        let percent = |percent| Ok(Rate::from_percent(percent).unwrap());
        for (country, state, expected) in [
            ("US", "CA", percent("7.25")),
            ("US", "OR", percent("1")),
            ("US", "Narnia", Err(UnknownTax::Region)),
            ("US", "", Err(UnknownTax::Region)),
            ("DE", "", percent("19")),
            ("FR", "", Err(UnknownTax::Place)),
        ] {
            assert_eq!(table.rate(&address(country, state)), expected, "{country} {state}");
        }
    }
}
