//! The pages of a checkout and of an order, at every host: they open for their own id with their own key, and for nothing
//! else.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use reqwest::Method;

use super::{Held, Reply, Tenant, Uniform, all_held, open, registered, shops, standing};
use crate::support::live;
use crate::support::test_gateway::{OTHER_SHOP, SHOP, TestGateway};

const EDIT: &str = "revision=1&email=ada%40example.com&name=Ada+Lovelace&line_one=13+Mill+Lane&city=Los+Angeles\
                    &state=CA&country=US&postal_code=90001";

/// Where a wallet pays; its key is part of the path.
const WALLET: &str = "/checkout/{session}/wallet/{key}";

/// A way to ask for a page.
struct Way {
    method: Method,
    path: &'static str,
    form: Option<&'static str>,
    /// The status for who holds the key.
    works: u16,
}

const fn reads(method: Method, path: &'static str, works: u16) -> Way {
    Way { method, path, form: None, works }
}

const fn posts(path: &'static str, form: &'static str) -> Way {
    Way { method: Method::POST, path, form: Some(form), works: 303 }
}

/// Every way, in an order in which each works for the holder of one unpaid checkout and one order.
const WAYS: [Way; 10] = [
    reads(Method::GET, "/orders/{order}", 200),
    reads(Method::HEAD, "/orders/{order}", 200),
    reads(Method::GET, "/checkout/{session}", 200),
    reads(Method::HEAD, "/checkout/{session}", 200),
    reads(Method::GET, "/checkout/{session}/return", 303),
    reads(Method::HEAD, "/checkout/{session}/return", 303),
    reads(Method::GET, WALLET, 402),
    reads(Method::POST, WALLET, 402),
    posts("/checkout/{session}/edit", EDIT),
    posts("/checkout/{session}/pay", "revision=2"),
];

impl Way {
    fn is_of_order(&self) -> bool {
        self.path.contains("{order}")
    }

    /// What a holder has for it: the id and the key.
    fn of<'a>(&self, held: &'a Held) -> (&'a str, &'a str) {
        match self.path {
            WALLET => (&held.session, &held.wallet_key),
            _ if self.is_of_order() => (&held.order, &held.order_key),
            _ => (&held.session, &held.page_key),
        }
    }

    async fn asked(&self, http: &reqwest::Client, base: &str, id: &str, query: &str) -> Reply {
        let path = self.path.replace("{order}", id).replace("{session}", id);
        let (path, query) = match path.strip_suffix("{key}") {
            Some(path) => (format!("{path}{}", query.strip_prefix("?key=").unwrap_or_default()), ""),
            None => (path, query),
        };
        let mut request = http.request(self.method.clone(), format!("{base}{path}{query}"));
        if let Some(form) = self.form {
            request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        }
        Reply::to(request).await
    }
}

/// A place where pages may be asked for, and whose they are there.
struct Door {
    base: String,
    owner: Option<&'static str>,
}

/// Every host, each as itself and with the prefix of a merchant.
fn doors(address: SocketAddr) -> Vec<Door> {
    let port = address.port();
    let mut doors = Vec::new();
    let own = [("coffee.localhost", SHOP), ("kiln.localhost", OTHER_SHOP), (live::HOST, live::SHOP)];
    for (host, id) in own {
        doors.push(Door { base: format!("http://{host}:{port}"), owner: Some(id) });
        // A merchant in live mode has no preview.
        let preview = Some(id).filter(|id| *id != live::SHOP);
        doors.push(Door { base: format!("http://{address}/t/{id}"), owner: preview });
    }
    for (base, _) in own {
        for (_, id) in own {
            doors.push(Door { base: format!("http://{base}:{port}/t/{id}"), owner: None });
        }
    }
    doors.push(Door { base: format!("http://{address}"), owner: None });
    doors
}

/// A browser that finds every host here, and follows no redirection.
#[expect(clippy::disallowed_methods, reason = "a test's own client")]
fn browser(address: SocketAddr) -> reqwest::Client {
    let hosts = ["coffee.localhost", "kiln.localhost", live::HOST];
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    hosts.into_iter().fold(http, |http, host| http.resolve(host, address)).build().unwrap()
}

fn address(world: &TestGateway) -> SocketAddr {
    world.url("").strip_prefix("http://").unwrap().parse().unwrap()
}

#[test]
fn every_page_of_a_checkout_or_an_order_is_tried() {
    let tried: BTreeSet<String> = WAYS.iter().map(|way| way.path.to_owned()).collect();
    assert_eq!(registered("src/http/public", &["{session}", "{order}"]), tried);
}

#[tokio::test]
async fn a_page_opens_for_its_own_id_and_key_at_its_own_host() {
    let (world, tenants) = open(shops(), &[]);
    let held = all_held(&world, &tenants).await;
    let (http, doors) = (browser(address(&world)), doors(address(&world)));
    let before = standing(&world, &tenants, &held).await;
    for door in &doors {
        for way in &WAYS {
            refuses_all_but_the_owner(&http, door, way, (&tenants, &held)).await;
        }
    }
    assert_eq!(standing(&world, &tenants, &held).await, before, "nothing has changed");

    for door in &doors {
        let Some(owner) = tenants.iter().find(|tenant| Some(tenant.id) == door.owner) else { continue };
        let held = owner.held(&world).await;
        for way in &WAYS {
            let (id, key) = way.of(&held);
            let reply = way.asked(&http, &door.base, id, &format!("?key={key}")).await;
            assert_eq!(reply.status, way.works, "{} {} at {}: {reply:?}", way.method, way.path, door.base);
        }
    }
}

/// Asks with every id and every key at a door; only what is the owner's opens, and is left out.
async fn refuses_all_but_the_owner(
    http: &reqwest::Client,
    door: &Door,
    way: &Way,
    (tenants, held): (&[Tenant; 3], &[Held]),
) {
    let unknown = if way.is_of_order() { "ord_" } else { "chk_" };
    let unknown = format!("{unknown}{}", "0".repeat(32));
    let theirs = || tenants.iter().zip(held).map(|(tenant, held)| (tenant.id, way.of(held)));
    let ids: Vec<(&str, &str)> =
        theirs().map(|(whose, (id, _))| (whose, id)).chain([("nobody", unknown.as_str())]).collect();
    let mut keys: Vec<(&str, String)> =
        theirs().map(|(whose, (_, key))| (whose, format!("?key={key}"))).collect();
    let wrong = "0".repeat(way.of(&held[0]).1.len());
    keys.push(("nobody", format!("?key={wrong}")));
    keys.push(("nobody", "?key=".to_owned()));
    keys.push(("nobody", String::new()));
    let mut refused = Uniform::default();
    for (whose_id, id) in ids {
        for (whose_key, query) in &keys {
            if door.owner == Some(whose_id) && whose_id == *whose_key {
                continue;
            }
            let reply = way.asked(http, &door.base, id, query).await;
            let case = format!(
                "{} {} of {whose_id} with the key of {whose_key} at {}",
                way.method, way.path, door.base
            );
            assert_eq!(reply.status, 404, "{case}: {reply:?}");
            refused.is(&reply, &case);
        }
    }
}
