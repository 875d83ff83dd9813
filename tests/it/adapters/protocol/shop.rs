//! A merchant and its sessions, made of plain data.

use std::sync::Arc;

use merchant_gateway::domain::address::{Address, Buyer};
use merchant_gateway::domain::cart::{Cart, CartLine};
use merchant_gateway::domain::catalog::{Catalog, Product, Variant};
use merchant_gateway::domain::channels::{Brand, ChatGptSettings, ContractVersion, MethodsForm};
use merchant_gateway::domain::checkout::model::{Answer, CheckoutInputs, PlacedOrder, Session, State};
use merchant_gateway::domain::ids::{AttemptNumber, Mode, OrderId, OrderNumber, Revision, SessionId};
use merchant_gateway::domain::language::Language;
use merchant_gateway::domain::merchant::{
    CheckoutMethod, CheckoutPolicy, Limits, Links, MerchantStatus, MerchantView, PaymentMethod,
    Reconciliation, RiskPolicy, TokenPolicy,
};
use merchant_gateway::domain::money::{Money, Rate};
use merchant_gateway::domain::order::{Order, OrderActivity};
use merchant_gateway::domain::origin::{Agent, AgentRules, Door, Host};
use merchant_gateway::domain::pricing::{self, PricingInput, PricingProblem, Quote};
use merchant_gateway::domain::shipping::ShippingRule;
use merchant_gateway::domain::tax::{FixedTax, RegionRate, TaxRule};
use merchant_gateway::domain::time::{Span, Timestamp};
use merchant_gateway::protocol::apps::completion;
use merchant_gateway::protocol::capability::Capability;
use merchant_gateway::protocol::rendering::Rendering;
pub(super) use test_support::shop::capabilities;

/// 2026-11-23T12:00:00Z.
pub(super) const NOW: Timestamp = Timestamp::from_seconds(1_795_435_200);

const TOKENS: TokenPolicy = TokenPolicy { allow_larger: false, risk: RiskPolicy::BlockOnRecommendation };

pub(super) fn usd(minor: i64) -> Money {
    Money::new(minor, "usd".parse().unwrap())
}

fn product(id: &str, title: &str, price: i64) -> Product {
    Product {
        id: id.parse().unwrap(),
        title: title.to_owned(),
        description: format!("{title}, from the harbor."),
        images: vec![format!("https://img.example.com/{id}.jpg")],
        category: "Coffee".to_owned(),
        shippable: true,
        price: usd(price),
        available: true,
        variants: vec![],
    }
}

fn products() -> Vec<Product> {
    let variant = |id: &str, title: &str, price| Variant {
        id: id.parse().unwrap(),
        title: title.to_owned(),
        options: vec![("Size".to_owned(), title.to_owned())],
        price: usd(price),
        available: true,
    };
    let mut huila = product("huila", "Huila Coffee", 1800);
    huila.variants = vec![variant("huila-250", "250 g", 1800), variant("huila-1kg", "1 kg", 5600)];
    let mut card = product("gift-card", "Gift card", 2500);
    card.shippable = false;
    "Gifts".clone_into(&mut card.category);
    let mut kettle = product("kettle", "Copper kettle", 12_900);
    kettle.available = false;
    vec![huila, product("mug", "Stoneware mug", 2400), card, kettle]
}

pub(super) fn view() -> MerchantView {
    let rule = |id: &str, title: &str, price, days| ShippingRule {
        id: id.parse().unwrap(),
        title: title.to_owned(),
        carrier: "USPS".to_owned(),
        price: usd(price),
        countries: vec![],
        free_over: None,
        days: Some(days),
    };
    let new_york = RegionRate {
        country: "US".parse().unwrap(),
        state: Some("NY".to_owned()),
        rate: Rate::from_percent("8.875").unwrap(),
    };
    MerchantView {
        id: "harbor-coffee".parse().unwrap(),
        mode: Mode::Test,
        generation: 1,
        name: "Harbor Coffee Roasters".to_owned(),
        language: Language::English,
        hosts: vec!["coffee.localhost".to_owned()],
        currency: "usd".parse().unwrap(),
        catalog: Catalog::new(products()).unwrap().into(),
        checkout: CheckoutPolicy {
            method: CheckoutMethod::PaymentSheet,
            wallet: false,
            mcp_payment: false,
            agents: AgentRules::default(),
            max_total: Some(usd(200_000)),
            countries: vec!["US".parse().unwrap()],
            tokens: TOKENS,
            receipt_email: false,
            quote_ttl: Span::minutes(15),
            session_ttl: Span::hours(2),
        },
        shipping: vec![rule("standard", "Standard", 500, (3, 5)), rule("express", "Express", 1500, (1, 2))],
        tax: TaxRule::Fixed(FixedTax {
            rates: vec![new_york],
            elsewhere: Some(Rate::ZERO),
            on_shipping: true,
        }),
        network_id: "profile_test_61TvHarbor".parse().unwrap(),
        account: None,
        payments_off: None,
        payment_methods: vec![
            PaymentMethod::Card,
            PaymentMethod::ApplePay,
            PaymentMethod::GooglePay,
            PaymentMethod::Link,
        ],
        links: Links {
            terms_of_use: Some("https://harbor.example.com/terms".to_owned()),
            privacy_policy: Some("https://harbor.example.com/privacy".to_owned()),
            support: None,
        },
        chatgpt: ChatGptSettings {
            challenge: None,
            widget_domain: Some("https://harbor.example.com".to_owned()),
            contract: ContractVersion::V1,
            methods_form: MethodsForm::Objects,
            legacy_mime: false,
            brand: Brand {
                color: Some("#0b5fff".to_owned()),
                logo: Some("https://cdn.example.net/logo.png".to_owned()),
            },
        },
        limits: Limits::default(),
        status: MerchantStatus::Active,
        records: Reconciliation::NotRestored,
    }
}

pub(super) fn shared() -> Arc<MerchantView> {
    Arc::new(view())
}

pub(super) fn address() -> Address {
    Address {
        name: "Ada Lovelace".to_owned(),
        line_one: "12 Analytical Way".to_owned(),
        line_two: None,
        city: "New York".to_owned(),
        state: "NY".to_owned(),
        country: "US".parse().unwrap(),
        postal_code: "10001".to_owned(),
        phone_number: None,
    }
}

pub(super) fn buyer() -> Buyer {
    Buyer {
        name: Some("Ada Lovelace".to_owned()),
        email: Some("ada@example.com".to_owned()),
        phone_number: None,
    }
}

pub(super) fn cart(lines: &[(&str, u32)]) -> Cart {
    Cart::new(lines.iter().map(|(id, quantity)| CartLine { id: id.parse().unwrap(), quantity: *quantity }))
        .unwrap()
}

fn quote(cart: &Cart) -> Quote {
    let input = PricingInput { cart, address: Some(&address()), option_id: None };
    pricing::quote(&view(), input, NOW).unwrap()
}

/// A session with two items, whatever its state.
pub(super) fn session(state: State) -> Session {
    Session {
        host: None,
        id: SessionId::from_random(0xfeed),
        created: NOW,
        expires: NOW + Span::hours(2),
        revision: Revision(3),
        inputs: CheckoutInputs {
            cart: cart(&[("huila-250", 2), ("mug", 1)]),
            buyer: buyer(),
            address: Some(address()),
            option_id: None,
        },
        attempts: 0,
        stripe_checkouts: 0,
        tokens: TOKENS,
        account: None,
        notice: None,
        state,
        activity: OrderActivity::default(),
        unmatched_payments: Vec::new(),
        unconfirmed: None,
        last_polls: Vec::new(),
        stripe_checkouts_not_asked: 0,
        notified: false,
        paid_late: false,
        ended: None,
    }
}

pub(super) fn ready() -> Session {
    session(State::Ready { quote: quote(&cart(&[("huila-250", 2), ("mug", 1)])) })
}

pub(super) fn without_address() -> Session {
    let mut open = session(State::Open { problem: Some(PricingProblem::AddressNeeded) });
    open.inputs.address = None;
    open.inputs.buyer = Buyer::default();
    open
}

pub(super) fn charging() -> Session {
    use merchant_gateway::domain::checkout::model::{Attempt, Charging, ExpectedPayment, Phase};
    use merchant_gateway::domain::retry::Retry;
    let ready = ready();
    let quote = ready.quote().unwrap().clone();
    let expected = ExpectedPayment {
        total: quote.total,
        session: ready.id.clone(),
        revision: ready.revision,
        attempt: AttemptNumber(1),
    };
    let attempt = Attempt {
        door: Some(Door::Sheet),
        agent: None,
        number: AttemptNumber(1),
        quote,
        expected,
        started: NOW,
        repeat_until: NOW + Span::minutes(20),
        intent: None,
        sends: merchant_gateway::domain::sends::Sends::default(),
        retry: Retry { tries: 1, ..Retry::at(NOW) },
    };
    session(State::Charging(Charging { attempt, phase: Phase::Sending }))
}

pub(super) fn rendering(view: &MerchantView) -> Rendering<'_> {
    test_support::shop::rendering(view, NOW)
}

/// What opens a session of the shop.
pub(super) fn capability(number: u128, revision: Option<u32>) -> Capability {
    capabilities().of(&view().tenant(), &SessionId::from_random(number), revision.map(Revision))
}

pub(super) fn answer(session: Session) -> Answer {
    Answer {
        notice: session.notice.clone(),
        session,
        order: None,
        repeats_payment: false,
        checkout_page: None,
        wallet_address: None,
    }
}

/// A paid session and its order, rendered as at its commit.
pub(super) fn paid() -> Answer {
    let ready = ready();
    let quote = ready.quote().unwrap().clone();
    let order = Order {
        door: Some(Door::Sheet),
        host: Host::of("openai-mcp", Some("1.0.0")),
        agent: Agent::of(Some("openai-mcp/1.0.0"), Some("profile_1")),
        id: OrderId::from_random(0x00c0_ffee),
        session: ready.id.clone(),
        revision: ready.revision,
        payment_intent: "pi_3Qtest".parse().unwrap(),
        quote: quote.clone(),
        buyer: buyer(),
        address: Some(address()),
        created: NOW,
    };
    let session =
        session(State::Completed { quote, order: order.id.clone(), intent: order.payment_intent.clone() });
    let permalink = "https://coffee.localhost/orders/ord_1?key=abc".to_owned();
    let completion = completion::completion(&order, &permalink, rendering(&view()));
    let order = Some(PlacedOrder { number: OrderNumber::FIRST, order, permalink, completion });
    Answer { session, order, notice: None, repeats_payment: false, checkout_page: None, wallet_address: None }
}
