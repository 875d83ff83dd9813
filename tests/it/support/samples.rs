//! The sample merchants of `tenants/`, whichever they are: what every shop can do is asked of each of them.
//!
//! Nothing here names a merchant: products are found by its own tools, and addresses by its own file.

use std::path::Path;
use std::sync::Arc;

use merchant_gateway::config::secrets::SecretRef;
use merchant_gateway::config::tenant::TenantConfig;
use merchant_gateway::config::tenants_dir::read_tenants;
use merchant_gateway::domain::address::{Address, CountryCode};
use merchant_gateway::domain::merchant::MerchantView;
use merchant_gateway::domain::places::example;
use merchant_gateway::domain::tax::TaxRule;
use serde_json::{Value, json};

use super::test_gateway::{Shop, account};

/// A merchant of `tenants/`.
pub struct Sample(Arc<TenantConfig>);

impl Sample {
    /// All of them; there is at least one, and none has a problem.
    pub fn all() -> Vec<Self> {
        let read = read_tenants(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tenants"), &[]);
        assert!(read.problems.is_empty(), "{:?}", read.problems);
        assert!(!read.tenants.is_empty(), "there are no sample merchants");
        read.tenants.into_iter().map(Self).collect()
    }

    pub fn id(&self) -> &str {
        self.0.id().as_str()
    }

    /// Where its tools are called, under a gateway's base host.
    pub fn endpoint(&self) -> String {
        format!("/t/{}/mcp", self.id())
    }

    /// The merchant as its readers see it.
    pub fn view(&self) -> MerchantView {
        self.0.view(1, None)
    }

    /// A canary key of its account at the emulator.
    pub fn key(&self) -> String {
        format!("sk_test_canary{}", self.id().replace('-', ""))
    }

    /// Its shop in a world, open to as many calls as a suite makes within a second.
    pub fn shop(&self) -> Shop {
        let mut file: toml::Table = self.0.source().parse().unwrap();
        let limits = ["requests_per_second", "burst", "checkouts_per_minute", "payments_per_minute"];
        let limits = limits.map(|limit| (limit.to_owned(), toml::Value::Integer(10_000)));
        file.insert("limits".to_owned(), toml::Value::Table(limits.into_iter().collect()));
        let Some(SecretRef::Env(variable)) = self.0.stripe_keys().next() else {
            panic!("the samples' keys are in the environment, and {}'s is not", self.id());
        };
        let webhook_variable = format!("{}STRIPE_WEBHOOK_SECRET", SecretRef::variable_prefix(self.0.id()));
        let stripe = file["stripe"].as_table_mut().unwrap();
        stripe.insert("webhook_secrets".to_owned(), vec![format!("env:{webhook_variable}")].into());
        let made_up = format!("acct_{}", self.id().replace('-', ""));
        let id = self.0.account().map_or(made_up, |account| account.as_str().to_owned());
        Shop {
            id: self.id().to_owned(),
            file: file.to_string(),
            variable: variable.clone(),
            webhook_variable: Some(webhook_variable),
            account: account(&id, &self.key(), true, self.view().network_id.as_str()),
        }
    }

    /// An address that the merchant sells to: it knows the tax there, and sends parcels there if it sends any.
    pub fn address(&self) -> Value {
        let view = self.view();
        let table = match &view.tax {
            TaxRule::Fixed(table) => table.rates.clone(),
            TaxRule::None => Vec::new(),
        };
        let regions = table.into_iter().map(|row| (row.country, row.state.unwrap_or_default()));
        let anywhere = view.checkout.countries.iter().map(|country| (*country, String::new()));
        let sent_to = |country: &CountryCode| {
            let mut rules = view.shipping.iter();
            view.shipping.is_empty()
                || rules.any(|rule| rule.countries.is_empty() || rule.countries.contains(country))
        };
        let places =
            regions.chain(anywhere).map(|(country, state)| (country, example(country, Some(&state))));
        let mut addresses = places.map(|(country, (state, postal_code))| Address {
            name: "Ada Lovelace".to_owned(),
            line_one: "12 Mill Lane".to_owned(),
            line_two: None,
            city: "Springfield".to_owned(),
            state,
            country,
            postal_code,
            phone_number: None,
        });
        let address = addresses
            .find(|address| sent_to(&address.country) && view.tax.rates(Some(address)).is_ok())
            .unwrap_or_else(|| panic!("{} sells to nobody", self.id()));
        json!({
            "name": address.name, "line_one": address.line_one, "city": address.city, "state": address.state,
            "country": address.country, "postal_code": address.postal_code,
        })
    }
}
