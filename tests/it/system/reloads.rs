//! A folder whose files are edited, broken, renamed, removed and mended at random, as their keys are, while shoppers buy:
//! what is served is what a fresh start would serve, and each purchase is charged once, at the price that was shown.
//! `RELOADS_SEED` makes other choices.
//!
//! A process that runs remembers a key whose file is gone, and a process that starts then cannot serve its merchant.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use merchant_gateway::ports::{Environment, SystemEnvironment};
use serde_json::{Value, json};
use stripe_emulator::{AccountSeed, KeySeed};
use test_support::chance::Chance;

use crate::support::client::{Client, Speaks, total};
use crate::support::operator::Operator;
use crate::support::test_gateway::{Shop, TestGateway};

const STEPS: u64 = 500;

/// The process is started anew after so many steps.
const LIFE: u64 = 125;

/// So many merchants share so many hosts.
const MERCHANTS: usize = 3;
const HOSTS: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Config {
    price: i64,
    host: usize,
    suspended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum File {
    Gone,
    Broken,
    Valid(Config),
}

/// What should be served, worked out from what the files were.
#[derive(Clone, Default)]
struct Model {
    /// The last configuration that each merchant was served with.
    last_good: [Option<Config>; MERCHANTS],
    served: [Option<Config>; MERCHANTS],
    /// Who was served last on each host, and since which reading.
    owners: [Option<(usize, u64)>; HOSTS],
    readings: u64,
}

impl Model {
    /// The folder is read, where some keys are missing, by a process that has just been started or runs already.
    fn read(&mut self, files: &[File; MERCHANTS], has_key: [bool; MERCHANTS], is_start: bool) {
        // A merchant without its key keeps its hosts, even when it cannot be served.
        let can_serve: [bool; MERCHANTS] = std::array::from_fn(|merchant| {
            has_key[merchant] || (!is_start && self.served[merchant].is_some())
        });
        let mut wanted: [Option<Config>; MERCHANTS] = [None; MERCHANTS];
        let mut may_fall_back = [false; MERCHANTS];
        for (merchant, file) in files.iter().enumerate() {
            if *file == File::Gone {
                // What is removed holds nothing, and does not come back by a broken file.
                self.last_good[merchant] = None;
                for owner in
                    self.owners.iter_mut().filter(|owner| owner.is_some_and(|(owner, _)| owner == merchant))
                {
                    *owner = None;
                }
            }
            (wanted[merchant], may_fall_back[merchant]) = match file {
                File::Gone => (None, false),
                File::Broken => (self.last_good[merchant], false),
                File::Valid(config) => (Some(*config), true),
            };
        }
        self.readings += 1;
        // A merchant loses a host to the one that had it, or else to the one that has been served for longer.
        // One without its key loses what its file claims for the first time, but nobody else gets it.
        for attempt in 0.. {
            let is_unusable = |merchant: usize| {
                attempt == 0 && !has_key[merchant] && matches!(files[merchant], File::Valid(_))
            };
            let losers: Vec<usize> = (0..MERCHANTS)
                .filter(|merchant| is_unusable(*merchant) || self.loses(*merchant, &wanted))
                .collect();
            if losers.is_empty() {
                break;
            }
            for loser in losers {
                let falls_back = std::mem::take(&mut may_fall_back[loser]);
                wanted[loser] = if falls_back { self.last_good[loser] } else { None };
            }
        }
        for (merchant, config) in wanted.iter().enumerate() {
            let Some(config) = config else { continue };
            self.last_good[merchant] = Some(*config);
            for (host, owner) in self.owners.iter_mut().enumerate() {
                let is_own = owner.is_some_and(|(owner, _)| owner == merchant);
                if host == config.host && !is_own {
                    *owner = Some((merchant, self.readings));
                } else if host != config.host && is_own {
                    *owner = None;
                }
            }
        }
        self.served = std::array::from_fn(|merchant| wanted[merchant].filter(|_| can_serve[merchant]));
    }

    fn loses(&self, merchant: usize, wanted: &[Option<Config>; MERCHANTS]) -> bool {
        let Some(config) = wanted[merchant] else { return false };
        let rivals = (0..MERCHANTS).filter(|rival| *rival != merchant);
        let mut rivals = rivals.filter(|rival| wanted[*rival].is_some_and(|rival| rival.host == config.host));
        rivals.any(|rival| self.rank(rival, config.host) <= self.rank(merchant, config.host))
    }

    /// The smaller has the better right to a host.
    fn rank(&self, merchant: usize, host: usize) -> (bool, u64) {
        let of_merchant = |owner: &Option<(usize, u64)>| {
            owner.filter(|(owner, _)| *owner == merchant).map(|(_, since)| since)
        };
        let since = self.owners.iter().filter_map(of_merchant).min().unwrap_or(u64::MAX);
        (of_merchant(&self.owners[host]).is_none(), since)
    }
}

fn id(merchant: usize) -> String {
    format!("shop-{merchant}")
}

fn text(merchant: usize, config: Config) -> String {
    let Config { price, host, suspended } = config;
    let status = if suspended { "suspended" } else { "active" };
    format!(
        r#"
name = "Shop {merchant}"
mode = "test"
status = "{status}"
hosts = ["host-{host}.localhost"]
currency = "usd"
[limits]
requests_per_second = 10000
burst = 10000
checkouts_per_minute = 10000
payments_per_minute = 10000
per_shopper_per_minute = 10000
[stripe]
network_id = "profile_test_shop{merchant}"
secret_key = "file:key"
[tax]
provider = "none"
[[products]]
id = "gift-note"
title = "Gift Note"
price = {price}
shippable = false
"#
    )
}

fn first(merchant: usize) -> Config {
    Config { price: 1000 + i64::try_from(merchant).unwrap(), host: merchant, suspended: false }
}

/// Either key of a merchant.
fn key(merchant: usize, which: usize) -> String {
    format!("sk_test_shop{merchant}key{which}")
}

fn shop(merchant: usize) -> Shop {
    let keys = [0, 1].map(|which| KeySeed { key: key(merchant, which), may_read_account: true });
    let account = AccountSeed {
        account_id: format!("acct_shop{merchant}"),
        secret_keys: keys.to_vec(),
        network_id: format!("profile_test_shop{merchant}"),
    };
    Shop {
        id: id(merchant),
        file: text(merchant, first(merchant)),
        variable: format!("MERCHANT_SHOP_{merchant}__STRIPE_KEY"),
        webhook_variable: None,
        account,
    }
}

struct Fuzz {
    world: TestGateway,
    chance: Chance,
    files: [File; MERCHANTS],
    has_key: [bool; MERCHANTS],
    model: Model,
    /// The checkouts that were shown and not paid, each with its merchant.
    shown: Vec<(usize, Value)>,
    /// The totals that were paid.
    paid: Vec<i64>,
}

impl Fuzz {
    fn path(&self, merchant: usize) -> PathBuf {
        self.world.folder.path().join("tenants").join(format!("{}.toml", id(merchant)))
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.chance.below(end as u64)).unwrap()
    }

    fn client(&self, merchant: usize) -> Client {
        self.world.client_of(&id(merchant), Speaks::Modern)
    }

    /// Changes one file or its name, the hosts of two, or one merchant's key.
    fn edit(&mut self) {
        match self.below(12) {
            0 | 1 => {
                let (merchant, which) = (self.below(MERCHANTS), self.below(2));
                self.world.put_secret(&id(merchant), "key", &key(merchant, which));
                self.has_key[merchant] = true;
            }
            2 => {
                let merchant = self.below(MERCHANTS);
                drop(fs::remove_file(
                    self.world.folder.path().join("secrets").join(id(merchant)).join("key"),
                ));
                self.has_key[merchant] = false;
            }
            3 => self.swap_hosts(),
            4 => self.rename(),
            _ => self.edit_one(),
        }
    }

    /// One merchant's file becomes another's, in its place if there is one.
    fn rename(&mut self) {
        let (from, to) = (self.below(MERCHANTS), self.below(MERCHANTS));
        if from != to && self.files[from] != File::Gone {
            fs::rename(self.path(from), self.path(to)).unwrap();
            self.files[to] = std::mem::replace(&mut self.files[from], File::Gone);
        }
    }

    /// Two merchants take each other's host, in one reading.
    fn swap_hosts(&mut self) {
        let (one, other) = (self.below(MERCHANTS), self.below(MERCHANTS));
        if let (File::Valid(of_one), File::Valid(of_other)) = (self.files[one], self.files[other]) {
            let swapped = [
                (one, Config { host: of_other.host, ..of_one }),
                (other, Config { host: of_one.host, ..of_other }),
            ];
            for (merchant, config) in swapped {
                fs::write(self.path(merchant).with_extension("tmp"), text(merchant, config)).unwrap();
                self.files[merchant] = File::Valid(config);
            }
            for (merchant, _) in swapped {
                drop(fs::rename(self.path(merchant).with_extension("tmp"), self.path(merchant)));
            }
        }
    }

    fn edit_one(&mut self) {
        let merchant = self.below(MERCHANTS);
        let present = match self.files[merchant] {
            File::Valid(config) => config,
            File::Gone | File::Broken => self.model.last_good[merchant].unwrap_or(first(merchant)),
        };
        let file = match self.below(8) {
            0 => File::Gone,
            1 => File::Broken,
            2 => File::Valid(Config { suspended: !present.suspended, ..present }),
            3 | 4 => File::Valid(Config { host: self.below(HOSTS), ..present }),
            _ => File::Valid(Config { price: 1000 + i64::try_from(self.below(1000)).unwrap(), ..present }),
        };
        let (path, beside) = (self.path(merchant), self.path(merchant).with_extension("tmp"));
        match file {
            File::Gone => drop(fs::remove_file(path)),
            File::Broken => fs::write(path, &text(merchant, present)[..200]).unwrap(),
            File::Valid(config) => {
                fs::write(&beside, text(merchant, config)).unwrap();
                fs::rename(beside, path).unwrap();
            }
        }
        self.files[merchant] = file;
    }

    /// What is served: host, status and price of each merchant.
    async fn served(&self) -> BTreeMap<String, Config> {
        let (_, answer) = Operator::of(&self.world).get("tenants").await;
        let mut served = BTreeMap::new();
        for tenant in answer["tenants"].as_array().unwrap() {
            let id = tenant["id"].as_str().unwrap();
            let host = tenant["hosts"][0].as_str().unwrap();
            let found = self.world.client_of(id, Speaks::Modern).works("search_products", json!({})).await;
            let config = Config {
                price: found["products"][0]["price"]["amount"].as_i64().unwrap_or_else(|| panic!("{found}")),
                host: host["host-".len()..][..1].parse().unwrap(),
                suspended: tenant["status"] == "suspended",
            };
            served.insert(id.to_owned(), config);
        }
        served
    }

    async fn agrees(&self, step: u64) {
        let expected: BTreeMap<String, Config> = (0..MERCHANTS)
            .filter_map(|merchant| Some((id(merchant), self.model.served[merchant]?)))
            .collect();
        assert_eq!(self.served().await, expected, "step {step}: {:?}", self.files);
        let http = &self.client(0).http;
        for host in 0..HOSTS {
            let is_served = self.model.served.iter().flatten().any(|config| config.host == host);
            let request = http.get(self.world.url("/mcp")).header("host", format!("host-{host}.localhost"));
            let status = request.send().await.unwrap().status().as_u16();
            assert_eq!(status, if is_served { 405 } else { 404 }, "step {step}: host {host}");
        }
    }

    async fn shop(&mut self) {
        let merchant = self.below(MERCHANTS);
        let Some(config) = self.model.served[merchant].filter(|config| !config.suspended) else { return };
        let order = json!({ "items": [{ "id": "gift-note", "quantity": 1 }] });
        let made = self.client(merchant).works("create_checkout", order).await;
        assert_eq!(total(&made["checkout_session"]), config.price);
        self.shown.push((merchant, made["checkout_session"].clone()));
    }

    async fn pay(&mut self) {
        if self.shown.is_empty() {
            return;
        }
        let next = self.below(self.shown.len());
        let (merchant, sheet) = self.shown[next].clone();
        let Some(config) = self.model.served[merchant] else { return };
        self.is_payable(merchant).await;
        self.shown.remove(next);
        let token =
            self.world.token_of(&format!("acct_shop{merchant}"), "pm_card_visa", "usd", total(&sheet));
        let answer = self.client(merchant).complete(&sheet["id"], &token).await;
        if config.suspended {
            assert_eq!(answer["isError"], true, "{answer}");
        } else {
            assert_eq!(answer["structuredContent"]["status"], "completed", "{answer}");
            self.paid.push(total(&sheet));
        }
    }

    /// Waits until the merchant's account is verified, which follows a new file.
    async fn is_payable(&self, merchant: usize) {
        for _ in 0..1000 {
            let (_, answer) = Operator::of(&self.world).get("tenants").await;
            let tenants = answer["tenants"].as_array().unwrap();
            let tenant = tenants.iter().find(|tenant| tenant["id"] == id(merchant).as_str()).unwrap();
            if tenant["payments_off"].is_null() {
                return;
            }
        }
        panic!("{} takes no payments: {}", id(merchant), self.world.log());
    }
}

#[tokio::test]
async fn each_purchase_is_charged_as_shown_whatever_happens_to_files() {
    let seed = SystemEnvironment.var("RELOADS_SEED").and_then(|text| text.parse().ok()).unwrap_or(1);
    let mut world = TestGateway::closed((0..MERCHANTS).map(shop).collect());
    for merchant in 0..MERCHANTS {
        world.put_secret(&id(merchant), "key", &key(merchant, 0));
    }
    world.start_gateway();
    let files: [File; MERCHANTS] = std::array::from_fn(|merchant| File::Valid(first(merchant)));
    let mut fuzz = Fuzz {
        world,
        chance: Chance::new(seed),
        files,
        has_key: [true; MERCHANTS],
        model: Model::default(),
        shown: Vec::new(),
        paid: Vec::new(),
    };
    fuzz.model.read(&files, fuzz.has_key, true);
    for step in 0..STEPS {
        fuzz.edit();
        // A process that could serve nobody would not start.
        let mut started = fuzz.model.clone();
        started.read(&fuzz.files, fuzz.has_key, true);
        let is_start = step % LIFE == LIFE - 1 && started.served.iter().any(Option::is_some);
        if is_start {
            assert_eq!(fuzz.world.terminate(), Some(0));
            fuzz.world.start_until("\"tenant_opened\"", 1);
        } else {
            Operator::of(&fuzz.world).post("reload", json!({})).await;
        }
        let files = fuzz.files;
        fuzz.model.read(&files, fuzz.has_key, is_start);
        fuzz.agrees(step).await;
        match fuzz.below(3) {
            0 => fuzz.shop().await,
            1 => fuzz.pay().await,
            _ => {}
        }
    }
    let mut charged: Vec<i64> = fuzz.world.ledger().iter().map(|entry| entry.amount_received).collect();
    charged.sort_unstable();
    fuzz.paid.sort_unstable();
    assert_eq!(charged, fuzz.paid);
    assert!(fuzz.paid.len() > 30, "{} purchases", fuzz.paid.len());
}
