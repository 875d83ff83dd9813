//! Merchants whose files claim the same host, Stripe account or Stripe key.

use std::fs;
use std::sync::Arc;

use merchant_gateway::config::check::check;
use merchant_gateway::config::claims::{HeldAccount, Holders};
use merchant_gateway::config::gateway::GatewayConfig;
use merchant_gateway::config::gateway_secret::GatewaySecretRef;
use merchant_gateway::config::master_keys::read_keyring;
use merchant_gateway::config::tenants_dir::read_tenants;
use merchant_gateway::config::usable::usable;
use merchant_gateway::domain::ids::{Mode, Tenant};
use merchant_gateway::domain::time::Timestamp;
use merchant_gateway::ports::FixedEnvironment;
use secrecy::SecretString;
use tempfile::TempDir;

use super::folders::{folder, shop};
use super::shown;

fn tenant(id: &str) -> Tenant {
    Tenant { merchant: id.parse().unwrap(), mode: Mode::Test }
}

/// Merchants that were served on these hosts since these moments.
fn served(hosts: &[(&str, &str, i64)]) -> Holders {
    let host = |(host, id, since): &(&str, &str, i64)| {
        ((*host).to_owned(), (id.parse().unwrap(), Timestamp::from_seconds(*since)))
    };
    Holders { hosts: hosts.iter().map(host).collect(), ..Holders::default() }
}

/// The merchants of a folder that can be served, each with a key of its own unless one is given, and what is wrong.
fn judged(dir: &TempDir, holders: &Holders, keys: &[(&str, &str)]) -> (String, String) {
    let own = ["A", "B", "C"].map(|id| (format!("MERCHANT_{id}__STRIPE_KEY"), format!("sk_test_of{id}")));
    let given = keys.iter().map(|(id, key)| (format!("MERCHANT_{id}__STRIPE_KEY"), (*key).to_owned()));
    let environment = FixedEnvironment::new(own.into_iter().chain(given));
    let gateway = GatewayConfig::load(None, &FixedEnvironment::default(), &[]).unwrap();
    let (merchants, problems) = usable(read_tenants(dir.path(), &[]), &gateway, &environment, holders);
    let ids: Vec<&str> = merchants.iter().map(|merchant| merchant.tenant.id().as_str()).collect();
    (ids.join(" "), shown(&problems).replace(&format!("{}/", dir.path().display()), ""))
}

fn on_one_host() -> TempDir {
    folder(&[("a.toml", &shop("a", "One.localhost")), ("b.toml", &shop("b", "one.localhost"))])
}

#[test]
fn a_contested_host_stays_with_the_merchant_served_on_it() {
    for (holder, other) in [("a", "b"), ("b", "a")] {
        let holders = served(&[("one.localhost", holder, 5)]);
        let (ids, problems) = judged(&on_one_host(), &holders, &[]);
        assert_eq!(ids, holder);
        assert_eq!(
            problems,
            format!(
                "{other}.toml:4:10: hosts[0]: \"one.localhost\" already belongs to {holder}.toml:4:10; give each merchant \
                 hosts of its own"
            )
        );
    }
}

#[test]
fn a_host_claimed_by_two_new_merchants_is_refused_to_both() {
    let (ids, problems) = judged(&on_one_host(), &Holders::default(), &[]);
    assert_eq!(ids, "");
    for (file, other) in [("a", "b"), ("b", "a")] {
        let told =
            format!("{file}.toml:4:10: hosts[0]: \"one.localhost\" is claimed by {other}.toml:4:10 too");
        assert!(problems.contains(&told), "{told}: {problems}");
    }
}

#[test]
fn a_host_is_free_once_its_former_merchant_no_longer_names_it() {
    let holders = served(&[("one.localhost", "gone", 1), ("two.localhost", "a", 1)]);
    let dir = folder(&[("a.toml", &shop("a", "one.localhost")), ("b.toml", &shop("b", "two.localhost"))]);
    assert_eq!(judged(&dir, &holders, &[]), ("a b".to_owned(), String::new()));
}

#[test]
fn an_existing_merchant_wins_an_unheld_host_over_a_new_one() {
    let holders = served(&[("old.localhost", "b", 1)]);
    let (ids, _) = judged(&on_one_host(), &holders, &[]);
    assert_eq!(ids, "b", "a file that is copied with an edit of the older one");
    let holders = served(&[("old.localhost", "b", 1), ("other.localhost", "a", 1)]);
    assert_eq!(judged(&on_one_host(), &holders, &[]).0, "", "both are here for as long");
}

#[test]
fn a_file_with_a_mistake_gives_its_host_to_nobody() {
    let dir = folder(&[("a.toml", &shop("a", "one.localhost")), ("b.toml", "name = ")]);
    let (ids, problems) = judged(&dir, &served(&[("one.localhost", "b", 1)]), &[]);
    assert_eq!(ids, "");
    assert!(
        problems.contains("\"one.localhost\" already belongs to b.toml, in which something"),
        "{problems}"
    );
    assert_eq!(judged(&dir, &Holders::default(), &[]).0, "a");
}

#[test]
fn a_merchant_that_is_left_out_takes_nothing_from_a_third() {
    let c = shop("c", "two.localhost").replace("hosts = [\"", "hosts = [\"one.localhost\", \"");
    let dir = folder(&[
        ("a.toml", &shop("a", "one.localhost")),
        ("b.toml", &shop("b", "two.localhost")),
        ("c.toml", &c),
    ]);
    let (ids, problems) = judged(&dir, &served(&[("one.localhost", "a", 1)]), &[]);
    assert_eq!(ids, "a b");
    assert!(!problems.contains("b.toml:4:10: hosts"), "{problems}");
}

fn on_one_account(first: bool, second: bool) -> TempDir {
    let file = |id: &str, shared: bool| {
        let more = format!("[stripe]\naccount_id = \"acct_1One\"\nshared_account = {shared}");
        shop(id, &format!("{id}.localhost")).replace("[stripe]", &more)
    };
    folder(&[("a.toml", &file("a", first)), ("b.toml", &file("b", second))])
}

fn paid_into(id: &str, account: &str, fingerprint: Option<String>) -> Holders {
    let held = HeldAccount {
        account: account.parse().unwrap(),
        key_fingerprint: fingerprint,
        verified_by_stripe: true,
    };
    Holders { accounts: [(tenant(id), held)].into(), ..Holders::default() }
}

#[test]
fn a_shared_stripe_account_needs_both_merchants_to_declare_it() {
    for (first, second) in [(false, false), (true, false), (false, true)] {
        let dir = on_one_account(first, second);
        let (ids, problems) = judged(&dir, &paid_into("b", "acct_1One", None), &[]);
        assert_eq!(ids, "b");
        assert_eq!(
            problems,
            "a.toml:7:14: stripe.account_id: the Stripe account acct_1One already belongs to b.toml:7:14; give each \
             merchant an account of its own, or write shared_account = true below [stripe] in both files"
        );
        let (ids, problems) = judged(&dir, &Holders::default(), &[]);
        assert_eq!((ids.as_str(), problems.lines().count()), ("", 2), "{problems}");
    }
    assert_eq!(
        judged(&on_one_account(true, true), &Holders::default(), &[]),
        ("a b".to_owned(), String::new())
    );
}

#[test]
fn a_shared_stripe_key_stays_with_its_verified_merchant() {
    let dir = folder(&[("a.toml", &shop("a", "a.localhost")), ("b.toml", &shop("b", "b.localhost"))]);
    let environment = FixedEnvironment::new([("MASTER", "8f3c1d0a5b7e9624".repeat(4))]);
    let keyring = read_keyring(&GatewaySecretRef::Env("MASTER".to_owned()), &[], &environment).unwrap();
    let fingerprint = keyring.key_fingerprint(&tenant("b"), &SecretString::from("sk_test_one"));
    let mut holders = paid_into("b", "acct_1", Some(fingerprint));
    holders.keyring = Some(Arc::new(keyring));
    let one = [("A", "sk_test_one"), ("B", "sk_test_one")];
    let (ids, problems) = judged(&dir, &holders, &one);
    assert_eq!(ids, "b");
    assert!(problems.contains("a.toml:6:1: stripe: the account of its Stripe key already belongs to b.toml"));

    // What is wrong with the other one's secrets gives its key to nobody.
    let (ids, problems) = judged(&dir, &holders, &[("A", "sk_test_one"), ("B", "not a key")]);
    assert_eq!(ids, "", "{problems}");

    let (ids, problems) = judged(&dir, &Holders::default(), &one);
    assert_eq!((ids.as_str(), problems.lines().count()), ("", 2), "{problems}");
    assert!(!problems.contains("sk_test"), "{problems}");
}

#[test]
fn check_reports_every_file_of_a_host_or_stripe_key_conflict() {
    let dir = on_one_host();
    let gateway = GatewayConfig::load(None, &FixedEnvironment::default(), &[]).unwrap();
    let both = [("MERCHANT_A__STRIPE_KEY", "sk_test_abc"), ("MERCHANT_B__STRIPE_KEY", "sk_test_abc")];
    let report = check(&[dir.path().to_path_buf()], &gateway, &FixedEnvironment::new(both));
    let told = report.to_string();
    assert!(!report.ok && report.merchants.is_empty(), "{told}");
    for file in ["a.toml:4:10: hosts[0]", "b.toml:4:10: hosts[0]", "a.toml:6:1: stripe", "b.toml:6:1: stripe"]
    {
        assert!(told.contains(file), "{file}: {told}");
    }
    assert!(!told.contains("sk_test"), "{told}");
}

#[test]
fn check_warns_of_a_network_id_on_two_stripe_accounts() {
    let warned = |dir: &TempDir| {
        let gateway = GatewayConfig::load(None, &FixedEnvironment::default(), &[]).unwrap();
        let keys = [("MERCHANT_A__STRIPE_KEY", "sk_test_a"), ("MERCHANT_B__STRIPE_KEY", "sk_test_b")];
        let report = check(&[dir.path().to_path_buf()], &gateway, &FixedEnvironment::new(keys));
        assert!(report.ok, "{report}");
        let warned: Vec<_> = report
            .warnings
            .iter()
            .filter(|warning| warning.problem.contains("is also the Network ID in"))
            .collect();
        assert!(
            warned.iter().all(|warning| warning.line > 1 && warning.column > 1),
            "each has its place: {report}"
        );
        warned.len()
    };
    let split = folder(&[("a.toml", &shop("a", "a.localhost")), ("b.toml", &shop("b", "b.localhost"))]);
    assert_eq!(warned(&split), 2, "both files are named");
    let text = fs::read_to_string(split.path().join("b.toml")).unwrap();
    fs::write(split.path().join("b.toml"), text.replace("profile_test_shop", "profile_test_other")).unwrap();
    assert_eq!(warned(&split), 0);
    assert_eq!(warned(&on_one_account(true, true)), 0);
}
