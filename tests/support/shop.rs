//! A small shop as its readers see it: a mug, two coffees of one kind, two ways to ship, tax in two states.

use std::sync::{Arc, LazyLock};

use merchant_gateway::domain::address::Address;
use merchant_gateway::domain::cart::{Cart, CartLine};
use merchant_gateway::domain::catalog::{Catalog, Product, Variant};
use merchant_gateway::domain::channels::{Brand, ChatGptSettings, ContractVersion, MethodsForm};
use merchant_gateway::domain::checkout::model::{Command, Patch};
use merchant_gateway::domain::language::Language;
use merchant_gateway::domain::merchant::{
    CheckoutMethod, CheckoutPolicy, Limits, Links, MerchantStatus, MerchantView, PaymentMethod,
    Reconciliation, RiskPolicy, TokenPolicy,
};
use merchant_gateway::domain::money::{Currency, Money, Rate};
use merchant_gateway::domain::origin::AgentRules;
use merchant_gateway::domain::shipping::ShippingRule;
use merchant_gateway::domain::tax::{FixedTax, RegionRate, TaxRule};
use merchant_gateway::domain::time::{Span, Timestamp};
use merchant_gateway::keyring::Keyring;
use merchant_gateway::protocol::capability::Capabilities;
use merchant_gateway::protocol::rendering::Rendering;
use secrecy::SecretString;

pub fn usd() -> Currency {
    "usd".parse().unwrap()
}

fn dollars(minor: i64) -> Money {
    Money::new(minor, usd())
}

/// The shop. A mug costs 18.00, a bag of coffee 16.50; shipping 5.00 or 12.00; California taxes 7.25 %.
pub fn view() -> MerchantView {
    MerchantView {
        id: "test-shop".parse().unwrap(),
        mode: merchant_gateway::domain::ids::Mode::Test,
        generation: 1,
        name: "Test Shop".to_owned(),
        language: Language::English,
        hosts: vec!["shop.localhost".to_owned()],
        currency: usd(),
        catalog: catalog(true).into(),
        checkout: CheckoutPolicy {
            method: CheckoutMethod::Auto,
            wallet: true,
            mcp_payment: false,
            agents: AgentRules::default(),
            max_total: Some(dollars(200_000)),
            countries: vec!["US".parse().unwrap()],
            tokens: TokenPolicy { allow_larger: false, risk: RiskPolicy::BlockOnRecommendation },
            receipt_email: false,
            quote_ttl: Span::minutes(15),
            session_ttl: Span::minutes(120),
        },
        shipping: vec![shipping("standard", 500), shipping("express", 1200)],
        tax: TaxRule::Fixed(FixedTax {
            rates: vec![rate("CA", "7.25"), rate("OR", "0")],
            elsewhere: None,
            on_shipping: false,
        }),
        network_id: "profile_test_shop".parse().unwrap(),
        payments_off: None,
        account: Some("acct_shop".parse().unwrap()),
        payment_methods: vec![PaymentMethod::Card, PaymentMethod::Link],
        links: Links::default(),
        chatgpt: ChatGptSettings {
            challenge: None,
            widget_domain: None,
            contract: ContractVersion::V1,
            methods_form: MethodsForm::Objects,
            legacy_mime: false,
            brand: Brand::default(),
        },
        limits: Limits::default(),
        status: MerchantStatus::Active,
        records: Reconciliation::NotRestored,
    }
}

/// The shop's goods; the mug can be made unavailable.
pub fn catalog(mug_available: bool) -> Catalog {
    let mug = product("mug", "Stoneware mug", 1800, mug_available, vec![]);
    let variants = ["coffee-whole", "coffee-ground"].map(|id| Variant {
        id: id.parse().unwrap(),
        title: id.to_owned(),
        options: vec![],
        price: dollars(1650),
        available: true,
    });
    Catalog::new(vec![mug, product("coffee", "Coffee", 1650, true, variants.to_vec())]).unwrap()
}

fn product(id: &str, title: &str, minor: i64, available: bool, variants: Vec<Variant>) -> Product {
    Product {
        id: id.parse().unwrap(),
        title: title.to_owned(),
        description: String::new(),
        images: vec![],
        category: String::new(),
        shippable: true,
        price: dollars(minor),
        available,
        variants,
    }
}

pub fn shipping(id: &str, minor: i64) -> ShippingRule {
    ShippingRule {
        id: id.parse().unwrap(),
        title: id.to_owned(),
        carrier: String::new(),
        price: dollars(minor),
        countries: vec![],
        free_over: None,
        days: Some((3, 5)),
    }
}

fn rate(state: &str, percent: &str) -> RegionRate {
    RegionRate {
        country: "US".parse().unwrap(),
        state: Some(state.to_owned()),
        rate: Rate::from_percent(percent).unwrap(),
    }
}

pub fn address(state: &str) -> Address {
    Address {
        name: "Ada Lovelace".to_owned(),
        line_one: "12 Mill Lane".to_owned(),
        line_two: None,
        city: "Springfield".to_owned(),
        state: state.to_owned(),
        country: "US".parse().unwrap(),
        postal_code: "90001".to_owned(),
        phone_number: None,
    }
}

/// Two mugs to California: 36.00 + 2.61 tax + 5.00 shipping = 43.61.
pub fn two_mugs() -> Patch {
    Patch { cart: Some(cart("mug", 2)), address: Some(address("CA")), ..Patch::default() }
}

/// Begins a checkout, in a host that does not name itself.
pub fn create(patch: Patch) -> Command {
    Command::Create { patch, host: None }
}

pub fn cart(item: &str, quantity: u32) -> Cart {
    Cart::new([CartLine { id: item.parse().unwrap(), quantity }]).unwrap()
}

/// What makes the shop's capabilities.
pub fn capabilities() -> &'static Capabilities {
    static CAPABILITIES: LazyLock<Capabilities> = LazyLock::new(|| {
        let key = SecretString::from("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
        Capabilities::new(Arc::new(Keyring::of(&key).unwrap()))
    });
    &CAPABILITIES
}

/// What answers about the shop's sessions are rendered with.
pub fn rendering(view: &MerchantView, now: Timestamp) -> Rendering<'_> {
    Rendering { view, capabilities: capabilities(), language: view.language, now }
}
