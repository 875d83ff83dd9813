//! What belongs to one of three shops, one of them in live mode, is of no use at another one. Who asks with an id or a key
//! that is not its own gets the same bytes, whatever is behind it.

mod admin;
mod pages;
mod tools;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use stripe_emulator::LedgerEntry;

use super::webhooks::{event, signature};
use crate::support::client::{Client, Speaks, california, total};
use crate::support::live;
use crate::support::test_gateway::{
    OLD_WEBHOOK_SECRET, OTHER_ACCOUNT, OTHER_SHOP, SHOP, SHOP_ACCOUNT, Shop, TestGateway, WEBHOOK_SECRET,
    usual_shops,
};

const VARIABLES: [&str; 2] =
    ["MERCHANT_HARBOR_COFFEE__STRIPE_WEBHOOK_SECRET", "MERCHANT_KILN_WORKS__STRIPE_WEBHOOK_SECRET"];

/// Signs the webhooks of the second shop.
const OTHER_WEBHOOK_SECRET: &str = "whsec_Y2FuYXJ5LXdlYmhvb2stc2VjcmV0LWtpbG4=";

/// A shop, as its own shopper reaches it.
struct Tenant {
    id: &'static str,
    account: &'static str,
    webhook_secret: &'static str,
    /// What it sells.
    item: &'static str,
    is_live: bool,
    client: Client,
}

/// What a shopper holds of a shop: a checkout that can be paid, and an order.
struct Held {
    /// The checkout's name, its MAC, and the key of its page.
    session: String,
    mac: String,
    page_key: String,
    /// The key of the address at which a wallet pays it.
    wallet_key: String,
    order: String,
    order_key: String,
    /// What opens the checkout that became the order.
    paid: Value,
}

impl Held {
    /// What opens the checkout.
    fn opening(&self) -> Value {
        json!(format!("{}_{}_r1", self.session, self.mac))
    }
}

impl Tenant {
    async fn ready(&self) -> Value {
        let items = json!([{ "id": self.item, "quantity": 2 }]);
        let arguments = json!({ "items": items, "fulfillment_address": california() });
        let shown = self.client.works("create_checkout", arguments).await;
        assert_eq!(shown["checkout_session"]["status"], "ready_for_payment", "{shown}");
        shown["checkout_session"].clone()
    }

    /// A token of this shop's mode, granted to a shop's account.
    fn token(&self, world: &TestGateway, granted_to: &Self, amount: i64) -> String {
        if self.is_live {
            live::token_of(world, granted_to.account, amount)
        } else {
            world.token_of(granted_to.account, "pm_card_visa", "usd", amount)
        }
    }

    /// Buys once, and begins another checkout.
    async fn held(&self, world: &TestGateway) -> Held {
        let bought = self.ready().await;
        let token = self.token(world, self, total(&bought));
        let paid = self.client.complete(&bought["id"], &token).await["structuredContent"].clone();
        let permalink = paid["order"]["permalink_url"].as_str().unwrap_or_else(|| panic!("no order: {paid}"));
        let (order, order_key) = parts(permalink, "/orders/");
        let sheet = self.ready().await;
        let asked = json!({ "checkout_session_id": sheet["id"] });
        let shown = self.client.works("get_checkout", asked.clone()).await;
        let wallet = shown["wallet_payment"]["url"].as_str().unwrap_or_else(|| panic!("no wallet: {shown}"));
        let wallet_key = wallet.rsplit_once('/').unwrap().1.to_owned();
        let started = self.client.works("start_hosted_checkout", asked).await;
        let (session, page_key) = parts(started["checkout_url"].as_str().unwrap(), "/checkout/");
        let opening = sheet["id"].as_str().unwrap().strip_suffix("_r1").unwrap();
        let mac = opening.strip_prefix(&format!("{session}_")).expect("the same checkout").to_owned();
        Held { session, mac, page_key, wallet_key, order, order_key, paid: bought["id"].clone() }
    }

    /// Its checkouts, as their holder sees them.
    async fn shown(&self, held: &Held) -> Vec<Value> {
        let mut shown = Vec::new();
        for id in [&held.opening(), &held.paid] {
            shown.push(self.client.works("get_checkout", json!({ "checkout_session_id": id })).await);
        }
        shown
    }
}

/// The id and the key in a link.
fn parts(link: &str, before: &str) -> (String, String) {
    let (_, rest) = link.split_once(before).unwrap_or_else(|| panic!("no link to {before}: {link}"));
    let (id, key) = rest.split_once("?key=").unwrap_or_else(|| panic!("no key: {link}"));
    (id.to_owned(), key.to_owned())
}

/// The usual shops, each with a secret of its own for Stripe's webhooks, and taking payments from wallets.
fn shops() -> Vec<Shop> {
    let mut shops = usual_shops();
    for (shop, variable) in shops.iter_mut().zip(VARIABLES) {
        let line = format!("[stripe]\nwebhook_secrets = [\"env:{variable}\"]\n");
        shop.file = shop.file.replacen("[stripe]\n", &line, 1);
    }
    shops
}

/// The three shops, open.
fn open(shops: Vec<Shop>, settings: &[(&'static str, &'static str)]) -> (TestGateway, [Tenant; 3]) {
    let mut world = TestGateway::closed(shops);
    world.settings.extend([
        live::ALLOWED,
        (VARIABLES[0], OLD_WEBHOOK_SECRET),
        (VARIABLES[1], OTHER_WEBHOOK_SECRET),
    ]);
    world.settings.extend(settings);
    live::add_account(&world);
    world.start_gateway();
    live::open(&world);
    let coffee = "huila-washed-250-beans";
    let tenants = [
        Tenant {
            id: SHOP,
            account: SHOP_ACCOUNT,
            webhook_secret: OLD_WEBHOOK_SECRET,
            item: coffee,
            is_live: false,
            client: world.client(Speaks::Modern),
        },
        Tenant {
            id: OTHER_SHOP,
            account: OTHER_ACCOUNT,
            webhook_secret: OTHER_WEBHOOK_SECRET,
            item: "bowl",
            is_live: false,
            client: world.client_of(OTHER_SHOP, Speaks::Modern),
        },
        Tenant {
            id: live::SHOP,
            account: live::ACCOUNT,
            webhook_secret: WEBHOOK_SECRET,
            item: coffee,
            is_live: true,
            client: world.client_on(live::HOST, Speaks::Modern),
        },
    ];
    (world, tenants)
}

/// What each shop's shopper holds.
async fn all_held(world: &TestGateway, tenants: &[Tenant; 3]) -> Vec<Held> {
    let mut held = Vec::new();
    for tenant in tenants {
        held.push(tenant.held(world).await);
    }
    held
}

/// All that a refused request must leave as it is.
#[derive(Debug, PartialEq)]
struct Standing {
    checkouts: Vec<Vec<Value>>,
    ledger: Vec<LedgerEntry>,
    charges: usize,
    /// How many pages at Stripe each account has.
    pages: Vec<usize>,
}

async fn standing(world: &TestGateway, tenants: &[Tenant; 3], held: &[Held]) -> Standing {
    let mut checkouts = Vec::new();
    for (tenant, held) in tenants.iter().zip(held) {
        checkouts.push(tenant.shown(held).await);
    }
    let pages = tenants.iter().map(|tenant| world.emulator.checkout_sessions(tenant.account).len()).collect();
    Standing { checkouts, ledger: world.ledger(), charges: world.charge_requests(), pages }
}

/// An answer as its reader compares it with another one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reply {
    status: u16,
    /// All but the date.
    headers: BTreeMap<String, String>,
    body: String,
}

impl Reply {
    fn new(status: u16, headers: &reqwest::header::HeaderMap, body: String) -> Self {
        let headers = headers.iter().filter(|(name, _)| *name != "date");
        let text = |value: &reqwest::header::HeaderValue| value.to_str().unwrap().to_owned();
        let headers = headers.map(|(name, value)| (name.to_string(), text(value))).collect();
        Self { status, headers, body }
    }

    async fn to(request: reqwest::RequestBuilder) -> Self {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Self::new(status, &headers, answer.text().await.unwrap())
    }

    /// The same without what was asked for.
    fn without(mut self, asked: &str) -> Self {
        self.body = self.body.replace(asked, "…");
        self
    }
}

/// The one answer to everything that is refused.
#[derive(Default)]
struct Uniform(Option<Reply>);

impl Uniform {
    fn is(&mut self, reply: &Reply, case: &str) {
        let first = self.0.get_or_insert_with(|| reply.clone());
        assert_eq!(reply, first, "{case}");
    }
}

/// The addresses with one of these parts, as a folder's files register them.
fn registered(folder: &str, names: &[&str]) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let (mut folders, mut found) = (vec![root], BTreeSet::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            // However its lines are broken.
            let text: String = fs::read_to_string(path).unwrap().split_whitespace().collect();
            let calls = ["read(\"/", "act(\"/", "resource(\"/", "route(\"/", "scope(\"/"];
            let addresses = calls.into_iter().flat_map(|call| {
                text.split(call).skip(1).map(|rest| format!("/{}", rest.split('"').next().unwrap()))
            });
            found.extend(addresses.filter(|address| names.iter().any(|name| address.contains(name))));
        }
    }
    found
}

#[tokio::test]
async fn a_token_granted_to_another_merchant_pays_nowhere_else() {
    let (world, tenants) = open(shops(), &[]);
    for shop in &tenants {
        let sheet = shop.ready().await;
        let mut refused = Uniform::default();
        let foreign = tenants.iter().filter(|other| other.id != shop.id);
        let tokens = foreign.map(|other| shop.token(&world, other, total(&sheet)));
        for token in tokens.chain(["spt_neverGranted01".to_owned()]) {
            let before = (world.ledger(), world.charge_requests());
            let told = shop.client.complete(&sheet["id"], &token).await;
            assert_eq!(told["structuredContent"]["status"], "ready_for_payment", "{told}");
            let said = told["structuredContent"]["messages"][0]["content"].as_str().unwrap();
            assert!(said.contains("cannot use the payment"), "{said}");
            assert_eq!(
                (world.ledger(), world.charge_requests()),
                before,
                "nothing is charged at {}",
                shop.id
            );
            refused.is(&Reply { status: 0, headers: BTreeMap::new(), body: told.to_string() }, shop.id);
        }
        let paid = shop.client.complete(&sheet["id"], &shop.token(&world, shop, total(&sheet))).await;
        assert_eq!(paid["structuredContent"]["status"], "completed", "{paid}");
    }
    let mut paid: Vec<(String, bool)> =
        world.ledger().into_iter().map(|paid| (paid.account, paid.livemode)).collect();
    let mut expected: Vec<(String, bool)> =
        tenants.iter().map(|shop| (shop.account.to_owned(), shop.is_live)).collect();
    paid.sort();
    expected.sort();
    assert_eq!(paid, expected, "each shop was paid once, in its own mode");
}

#[tokio::test]
async fn a_webhook_signed_for_another_merchant_is_refused() {
    let (_world, tenants) = open(shops(), &[]);
    let object = json!({ "id": "pi_1", "object": "payment_intent" });
    for shop in &tenants {
        let url = shop.client.url.replace("/mcp", "/webhooks/stripe");
        let mut refused = Uniform::default();
        let own = (shop.id, shop.webhook_secret);
        let foreign = tenants.iter().filter(|other| other.id != shop.id);
        let foreign = foreign.map(|other| (other.id, other.webhook_secret));
        let made_up = ("nobody", "whsec_bWFkZS11cA==");
        for (signer, secret) in foreign.chain([made_up, own]) {
            let mut happened = event("evt_1", "payment_intent.succeeded", &object);
            happened["livemode"] = shop.is_live.into();
            let body = happened.to_string();
            let request = shop.client.http.post(&url).header("stripe-signature", signature(secret, &body, 0));
            let reply = Reply::to(request.body(body)).await;
            if signer == shop.id {
                assert_eq!(reply.status, 200, "{reply:?}");
            } else {
                assert_eq!(reply.status, 400, "{signer} at {}: {reply:?}", shop.id);
                refused.is(&reply, signer);
            }
        }
    }
}
