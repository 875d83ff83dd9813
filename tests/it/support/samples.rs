//! The sample merchants of `tenants/`, with what a test needs to buy from each.

use std::path::Path;

use merchant_gateway::emulator::{AccountSeed, KeySeed};
use serde_json::{Value, json};

/// One sample merchant.
pub struct Sample {
    pub id: &'static str,
    pub name: &'static str,
    pub account: &'static str,
    pub network: &'static str,
    /// A canary, and the environment variable that holds it.
    pub key: &'static str,
    pub variable: &'static str,
    /// As Stripe writes it.
    pub currency: &'static str,
    /// Variants and quantities of a cart that can be bought.
    pub cart: &'static [(&'static str, u32)],
    /// City, state, country and postal code of an address that is delivered to.
    place: (&'static str, &'static str, &'static str, &'static str),
    /// What the cart comes to at that address, worked out by hand.
    pub total: i64,
}

pub const SAMPLES: [Sample; 3] = [
    Sample {
        id: "fern-and-thread",
        name: "Fern & Thread",
        account: "acct_fern",
        network: "profile_test_fernandthread",
        key: "sk_test_canaryFernAndThread",
        variable: "MERCHANT_FERN_AND_THREAD_STRIPE_KEY",
        currency: "usd",
        cart: &[("harvest-overshirt-ink-m", 1), ("creek-socks-41-45", 1)],
        place: ("New York", "NY", "US", "10001"),
        // 98.00 + 14.50; shipped free from 100.00; 4 % of each line: 3.92 + 0.58.
        total: 11_700,
    },
    Sample {
        id: "harbor-coffee",
        name: "Harbor Coffee Roasters",
        account: "acct_harbor",
        network: "profile_test_harborcoffee",
        key: "sk_test_canaryHarborCoffee",
        variable: "MERCHANT_HARBOR_COFFEE_STRIPE_KEY",
        currency: "usd",
        cart: &[("huila-washed-250-beans", 2)],
        place: ("Los Angeles", "CA", "US", "90001"),
        // 2 × 18.50; shipping 5.99, untaxed; 7.25 % of 37.00 is 2.6825.
        total: 4567,
    },
    Sample {
        id: "kumo-prints",
        name: "Kumo Print Studio",
        account: "acct_kumo",
        network: "profile_test_kumoprints",
        key: "sk_test_canaryKumoPrints",
        variable: "MERCHANT_KUMO_PRINTS_STRIPE_KEY",
        currency: "jpy",
        cart: &[("cloud-study-no-4", 1), ("rain-over-kamo-a4-oak", 1)],
        place: ("Kyoto", "Kyoto", "JP", "604-8005"),
        // ¥3,501 + ¥19,500; shipped free from ¥15,000; 10 % of each line: ¥350.1 and ¥1,950.
        total: 25_301,
    },
];

impl Sample {
    /// The arguments of a `create_checkout` that can be paid at once.
    pub fn order(&self) -> Value {
        let items: Vec<Value> =
            self.cart.iter().map(|(id, quantity)| json!({ "id": id, "quantity": quantity })).collect();
        let (city, state, country, postal_code) = self.place;
        let address = json!({
            "name": "Ada Lovelace", "line_one": "12 Mill Lane", "city": city, "state": state,
            "country": country, "postal_code": postal_code,
        });
        json!({ "items": items, "fulfillment_address": address })
    }

    /// Its account, as the emulated Stripe knows it.
    pub fn account_seed(&self) -> AccountSeed {
        AccountSeed {
            account_id: self.account.to_owned(),
            secret_keys: vec![KeySeed { key: self.key.to_owned(), may_read_account: true }],
            network_id: self.network.to_owned(),
        }
    }
}

/// Where their files are.
pub fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tenants")
}

#[test]
fn every_sample_merchant_is_bought_from() {
    let mut files: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    files.sort();
    assert_eq!(files, SAMPLES.map(|sample| sample.id));
}
