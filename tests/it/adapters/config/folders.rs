//! Folders of merchants, and `check`.

use std::fs;
use std::path::PathBuf;

use merchant_gateway::config::check::{CheckReport, check};
use merchant_gateway::config::diagnostic::Diagnostic;
use merchant_gateway::config::gateway::GatewayConfig;
use merchant_gateway::config::tenants_dir::{
    TenantsRead, read_tenant, read_tenant_files, read_tenants, tenant_files,
};
use merchant_gateway::domain::ids::MerchantId;
use merchant_gateway::ports::FixedEnvironment;
use tempfile::TempDir;

use super::{SHOP, shown};

pub(super) fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

/// A right file for the merchant with this id and host.
pub(super) fn shop(id: &str, host: &str) -> String {
    let prefix = id.to_ascii_uppercase().replace('-', "_");
    SHOP.replace("shop.localhost", host).replace("MERCHANT_SHOP__", &format!("MERCHANT_{prefix}__"))
}

fn read(dir: &TempDir) -> (Vec<String>, String) {
    let TenantsRead { tenants, problems, .. } = read_tenants(dir.path(), &["localhost".to_owned()]);
    let root = format!("{}/", dir.path().display());
    (tenants.iter().map(|tenant| tenant.id().to_string()).collect(), shown(&problems).replace(&root, ""))
}

#[test]
fn a_bad_file_never_hides_a_good_one() {
    let dir = folder(&[
        ("a.toml", "name = "),
        ("b.toml", &shop("b", "b.localhost")),
        ("c.toml", "\u{feff}\0"),
        (".b.toml", "an editor's"),
        ("notes.txt", "not a merchant"),
    ]);
    fs::write(dir.path().join("d.toml"), [0xff]).unwrap();
    fs::create_dir(dir.path().join("e.toml")).unwrap();
    let utf16: Vec<u8> = "\u{feff}name = 1".encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(dir.path().join("f.toml"), utf16).unwrap();
    let (ids, problems) = read(&dir);
    assert_eq!(ids, ["b"]);
    for file in [
        "a.toml:1:",
        "c.toml:1:",
        "d.toml: is not UTF-8",
        "e.toml: is not a regular file",
        "f.toml: is UTF-16",
    ] {
        assert!(problems.contains(file), "{file}: {problems}");
    }
}

#[test]
fn the_gateways_own_hosts_belong_to_no_merchant() {
    let (ids, problems) = read(&folder(&[("a.toml", &shop("a", "localhost"))]));
    assert!(ids.is_empty() && problems.contains("one of the gateway's own hosts"), "{problems}");
}

#[test]
fn a_merchant_with_a_prefix_id_cannot_read_anothers_variables() {
    let good = shop("a-b", "b.localhost");
    for (others, served) in [(Some(good.as_str()), vec!["a-b"]), (Some("name = "), vec![]), (None, vec![])] {
        for name in ["MERCHANT_A_B__STRIPE_KEY", "MERCHANT_A_B_STRIPE_KEY"] {
            let thief = shop("a", "a.localhost").replace("MERCHANT_A__STRIPE_KEY", name);
            let mut files = vec![("a.toml", thief.as_str())];
            files.extend(others.map(|text| ("a-b.toml", text)));
            let (ids, problems) = read(&folder(&files));
            assert_eq!(ids, served, "{name}");
            assert!(problems.contains("a.toml:8:14: stripe.secret_key: refers to a variable"), "{problems}");
        }
    }
}

#[test]
fn an_uppercase_extension_is_reported_and_hides_no_other_file() {
    let dir = folder(&[("shop.toml", &shop("shop", "shop.localhost")), ("blue-door.TOML", "")]);
    let (ids, problems) = read(&dir);
    assert_eq!(ids, ["shop"]);
    assert!(
        problems.contains("blue-door.TOML: has a name that does not end with .toml in small letters"),
        "{problems}"
    );
    assert!(problems.contains("rename it to ") && problems.ends_with("blue-door.toml"), "{problems}");
}

#[test]
fn a_missing_folder_is_one_problem() {
    let dir = tempfile::tempdir().unwrap();
    let read = read_tenants(&dir.path().join("none"), &[]);
    assert_eq!((read.tenants.len(), read.problems.len()), (0, 1));
    assert!(read.problems[0].problem.contains("(there is no such folder)"), "{}", shown(&read.problems));
}

#[test]
fn a_file_that_is_removed_while_the_folder_is_read_is_as_if_it_never_was() {
    let dir = folder(&[
        ("gone.toml", &shop("gone", "gone.localhost")),
        ("shop.toml", &shop("shop", "shop.localhost")),
    ]);
    std::os::unix::fs::symlink(dir.path().join("nowhere"), dir.path().join("link.toml")).unwrap();
    let files = tenant_files(dir.path()).unwrap();
    fs::remove_file(dir.path().join("gone.toml")).unwrap();
    let read = read_tenant_files(&files, &[]);
    assert_eq!(
        read.problems.len(),
        2,
        "a file that somebody names has to be there: {}",
        shown(&read.problems)
    );
    let read = read.without_removed();
    assert_eq!(read.tenants.len(), 1);
    let unread: Vec<&str> = read.unread.keys().map(MerchantId::as_str).collect();
    assert_eq!(unread, ["link"], "a link that leads nowhere is there");
    assert!(shown(&read.problems).contains("link.toml: cannot be read"), "{}", shown(&read.problems));
}

#[test]
fn check_tells_a_person_and_a_machine_the_same() {
    let other = shop("b", "b.localhost").replace("profile_test_shop", "profile_test_other");
    let dir = folder(&[("a.toml", &shop("a", "a.localhost")), ("b.toml", &other)]);
    let gateway = GatewayConfig::load(None, &FixedEnvironment::default(), &[]).unwrap();
    let environment = FixedEnvironment::new([("MERCHANT_A__STRIPE_KEY", "sk_test_abc123")]);
    let report = check(&[dir.path().to_path_buf()], &gateway, &environment);
    let root = format!("{}/", dir.path().display());
    insta::assert_snapshot!(report.to_string().replace(&root, ""));
    let json = serde_json::to_string_pretty(&report).unwrap().replace(&root, "");
    insta::assert_snapshot!("check_json", json);
    let alone = check(&[dir.path().join("a.toml")], &gateway, &environment);
    assert!(alone.ok, "{alone}");
}

fn checked(text: &str) -> CheckReport {
    let dir = folder(&[("shop.toml", text)]);
    let gateway = GatewayConfig::load(None, &FixedEnvironment::default(), &[]).unwrap();
    let environment = FixedEnvironment::new([("MERCHANT_SHOP__STRIPE_KEY", "sk_test_abc123")]);
    check(&[dir.path().join("shop.toml")], &gateway, &environment)
}

fn warnings(text: &str) -> Vec<String> {
    let report = checked(text);
    assert!(report.ok, "warnings leave a file right: {report}");
    let told = |warning: &Diagnostic| format!("{}: {}; {}", warning.key, warning.problem, warning.remedy);
    report.warnings.iter().map(told).collect()
}

#[test]
fn check_warns_of_what_is_right_and_looks_wrong() {
    let with = |from: &str, to: &str| warnings(&SHOP.replace(from, to));
    let told = |warnings: Vec<String>, words: &str| {
        assert!(warnings.iter().any(|warning| warning.contains(words)), "{words}: {warnings:?}");
    };
    let plain = warnings(SHOP);
    assert_eq!(plain.len(), 1, "{plain:?}");
    told(plain, "webhook: is missing, so the gateway reports no orders to your systems");
    told(
        with("price = 1800", "price = 18"),
        "products[0].price: is 0.18 USD, which looks like 18.00 USD written without its decimals; write 1800 where",
    );
    let far = "price = 45000\nshippable = false\n[[products]]\nid = \"cup\"\ntitle = \"Cup\"\nprice = 450\nshippable = false\n\
               [[products]]\nid = \"pot\"\ntitle = \"Pot\"\nprice = 52000";
    told(
        with("price = 1800", far),
        "products: have prices far from the usual 450.00 USD: \"cup\" (4.50 USD); prices are in minor",
    );
    told(
        with("profile_test_shop", "profile_test_harborcoffee"),
        "stripe.network_id: is the Network ID of a sample",
    );
    let links = "[links]\nsupport = \"https://harbor-coffee.example/help\"\n[tax]";
    told(
        with("[tax]", links),
        "links.support: leads to \"harbor-coffee.example\", a host reserved for examples",
    );
    let tax = "provider = \"fixed\"\nshipping = false\nelsewhere = \"5\"\n[[shipping]]\nid = \"post\"\ntitle = \"Post\"\nprice = 700\n";
    told(with("provider = \"none\"\n", tax), "tax.shipping: is false, so shipping is taxed nowhere");
    told(with("provider = \"none\"\n", &tax.replace("700", "7")), "shipping[0].price: is 0.07 USD");
    let file = SHOP.replace("provider = \"none\"\n", tax);
    let places: Vec<(String, u32)> =
        checked(&file).warnings.into_iter().map(|warning| (warning.key, warning.line)).collect();
    let line = u32::try_from(file.lines().position(|line| line == "shipping = false").unwrap()).unwrap() + 1;
    assert_eq!(places, [("tax.shipping".to_owned(), line), ("webhook".to_owned(), 1)]);
    let taxed = with("provider = \"none\"\n", &tax.replace("false", "true"));
    assert_eq!(taxed.len(), 1, "{taxed:?}");
    let share = tax.replace("false", "true").replace("\"5\"", "\"0.0725\"");
    told(with("provider = \"none\"\n", &share), "tax.elsewhere: is 0.0725 %, less than one percent");
    let states = share.replace("elsewhere = \"0.0725\"\n", "")
        + "[tax.rates.US]\nCA = \"0.0725\"\nNY = \"1\"\nrest = \"0\"\n";
    let below: Vec<String> = with("provider = \"none\"\n", &states);
    assert_eq!(below.iter().filter(|warning| warning.contains("one percent")).count(), 1, "{below:?}");
    told(
        with("[tax]", "[checkout]\nmax_total = 500\n[tax]"),
        "checkout.max_total: is 5.00 USD, less than the price of \"mug\", so nobody can buy them; it is in minor units",
    );
    assert_eq!(with("[tax]", "[checkout]\nmax_total = 1800\n[tax]").len(), 1);
}

#[test]
fn check_warns_of_unsellable_countries_and_products() {
    let told = |file: &str, words: &str| {
        let warnings = warnings(file);
        assert!(warnings.iter().any(|warning| warning.contains(words)), "{words}: {warnings:?}");
    };
    let sold_to = "[checkout]\ncountries = [\"US\", \"DE\"]\n[tax]";
    let post = "[[shipping]]\nid = \"post\"\ntitle = \"Post\"\nprice = 700\ncountries = [\"US\"]\n";
    let sent = SHOP.replace("shippable = false", "shippable = true").replace("[tax]", sold_to) + post;
    told(&sent, "checkout.countries: names DE, which no [[shipping]] option covers");
    let rates = "provider = \"fixed\"\nshipping = true\n[tax.rates.US]\nrest = \"5\"\n";
    let taxed = SHOP.replace("provider = \"none\"\n", rates).replace("[tax]", sold_to);
    told(&taxed, "checkout.countries: names DE, whose tax is not known");
    told(
        &SHOP.replace("1800", "30"),
        "products: include goods that cannot be bought alone: \"mug\" come to less than 0.50 USD",
    );
    assert_eq!(warnings(&sent.replace(", \"DE\"", "")).len(), 1);
}

#[test]
fn check_says_what_the_shop_sells_where_to_and_with_which_tax() {
    let more = "price = 1850\n[[products]]\nid = \"pot\"\ntitle = \"Pot\"\nprice = 6200";
    let tax = "provider = \"fixed\"\nshipping = true\n[tax.rates.US]\nCA = \"7.25\"\nrest = \"4\"\n[[shipping]]\nid = \"post\"\n\
               title = \"Post\"\nprice = 700\n";
    let text = SHOP.replace("price = 1800", more).replace("provider = \"none\"\n", tax);
    let limited = checked(&text.replace("[tax]", "[checkout]\nmax_total = 50000\n[tax]")).to_string();
    assert!(
        limited.contains("  sells 2 products, 18.50 to 62.00 USD, to US, at most 500.00 USD a checkout\n")
    );
    let report = checked(&text);
    let told = report.to_string();
    for line in [
        "ok: Shop, test mode, shop.localhost\n",
        "  sells 2 products, 18.50 to 62.00 USD, to US\n",
        "  shipping: Post 7.00 USD\n",
        "  tax: 4 % to 7.25 % in US (2 rows); nothing is sold elsewhere; shipping is taxed\n",
        "1 file checked, no problem, 1 warning",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
}

#[test]
fn every_sample_is_known_as_one() {
    for file in tenant_files(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tenants")).unwrap() {
        let tenant = read_tenant(&file).unwrap();
        let keys: Vec<&str> = tenant.warnings().iter().map(|warning| warning.key.as_str()).collect();
        assert!(keys.contains(&"stripe.network_id") && keys.contains(&"links.support"), "{keys:?}");
        assert!(!keys.iter().any(|key| key.contains("price")), "{keys:?}");
    }
}

#[test]
fn check_fails_for_a_missing_path_or_an_empty_folder() {
    let gateway = GatewayConfig::load(None, &FixedEnvironment::default(), &[]).unwrap();
    let environment = FixedEnvironment::default();
    let missing = check(&[PathBuf::from("no-such-file.toml")], &gateway, &environment);
    assert!(!missing.ok);
    assert!(missing.problems[0].problem.contains("there is no such file"), "{missing}");
    assert!(!check(&[folder(&[]).path().to_path_buf()], &gateway, &environment).ok);
}

#[test]
fn every_merchant_in_the_repository_is_right() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tenants");
    let read = read_tenants(&dir, &["localhost".to_owned()]);
    assert!(read.problems.is_empty(), "{}", shown(&read.problems));
    assert!(!read.tenants.is_empty());
}
