//! One mistake at a time, and what `check` answers: where it is, what it is and what to do, so that somebody who does not
//! program can act on it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use merchant_gateway::config::check::check;
use merchant_gateway::config::gateway::GatewayConfig;
use merchant_gateway::ports::FixedEnvironment;

use super::SHOP;

/// What `check` says of a folder whose only merchant, or whose two merchants, have a mistake.
fn told(change: impl FnOnce(&Path)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let tenants = folder.path().join("tenants");
    fs::create_dir(&tenants).unwrap();
    change(&tenants);
    let environment = FixedEnvironment::new([
        ("MERCHANT_SHOP__STRIPE_KEY", "sk_test_abc123"),
        ("MERCHANT_OTHER__STRIPE_KEY", "sk_test_other1"),
        ("MERCHANT_SHOP__LIVE_KEY", "sk_live_abc123"),
    ]);
    let settings = [
        ("tenants.dir".to_owned(), tenants.display().to_string()),
        ("secrets.dir".to_owned(), folder.path().join("secrets").display().to_string()),
    ];
    let gateway = GatewayConfig::load(None, &environment, &settings).unwrap();
    let report = check(&[], &gateway, &environment);
    let lines: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
    lines.join("\n").replace(&format!("{}/", folder.path().display()), "")
}

fn of_text(text: &str) -> String {
    told(|tenants| fs::write(tenants.join("shop.toml"), text).unwrap())
}

/// The file with one of its parts written otherwise.
fn with(part: &str, other: &str) -> String {
    assert!(SHOP.contains(part), "{part}");
    of_text(&SHOP.replacen(part, other, 1))
}

fn of_secret(write: impl FnOnce(&Path)) -> String {
    told(|tenants| {
        let folder = tenants.parent().unwrap().join("secrets/shop");
        fs::create_dir_all(&folder).unwrap();
        write(&folder);
        fs::write(tenants.join("shop.toml"), SHOP.replace("env:MERCHANT_SHOP__STRIPE_KEY", "file:key"))
            .unwrap();
    })
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The file in live mode, with the key of test mode.
fn live() -> String {
    let links = "[links]\nterms_of_use = \"https://blue-door.shop/a\"\nprivacy_policy = \"https://blue-door.shop/b\"\n";
    SHOP.replace("\"test\"", "\"live\"")
        .replace("profile_test_shop", "profile_shop")
        .replace("shop.localhost", "shop.blue-door.shop")
        .replace("[stripe]", "[stripe]\nwebhook_secrets = [\"env:MERCHANT_SHOP__WEBHOOK\"]")
        .replace("[tax]", &format!("[checkout]\ncountries = [\"US\"]\n{links}[tax]"))
}

/// Each mistake by its name, with what is said of it.
fn mistakes() -> Vec<(&'static str, String)> {
    let product = "[[products]]\nid = \"mug\"\ntitle = \"Mug\"\nprice = 1800\nshippable = false\n";
    let image = |url: &str| with("price = 1800", &format!("price = 1800\nimage = \"{url}\""));
    vec![
        ("a syntax error", with("name = \"Shop\"", "name = \"Shop")),
        ("an unknown key", with("currency", "curency")),
        ("a wrong type", with("name = \"Shop\"", "name = 7")),
        ("a price with a point", with("1800", "18.50")),
        ("a price in quotes", with("1800", "\"18.50\"")),
        ("a price of nothing", with("1800", "0")),
        ("a negative price", with("1800", "-1800")),
        ("a price above the limit", with("1800", "100000000")),
        ("a missing section", with("[tax]\nprovider = \"none\"\n", "")),
        ("a missing key", with("name = \"Shop\"\n", "")),
        ("a key after file:", with("env:MERCHANT_SHOP__STRIPE_KEY", "file:sk_live_abc123")),
        ("a live key in test mode", with("SHOP__STRIPE_KEY", "SHOP__LIVE_KEY")),
        ("a test key in live mode", of_text(&live())),
        (
            "a new file's product with another id in live mode",
            of_text(
                &live().replace("SHOP__STRIPE_KEY", "SHOP__LIVE_KEY").replace("\"Mug\"", "\"First product\""),
            ),
        ),
        ("a secret in the file", with("env:MERCHANT_SHOP__STRIPE_KEY", "sk_test_abc123")),
        ("another merchant's secret", with("MERCHANT_SHOP__", "MERCHANT_OTHER__")),
        ("a secret that is not there", with("SHOP__STRIPE_KEY", "SHOP__GONE")),
        (
            "a secret that everyone may read",
            of_secret(|folder| {
                fs::write(folder.join("key"), "sk_test_abc123").unwrap();
                mode(&folder.join("key"), 0o644);
            }),
        ),
        (
            "a secret that leads out of its folder",
            of_secret(|folder| symlink("/etc/hostname", folder.join("key")).unwrap()),
        ),
        ("a secret that is a folder", of_secret(|folder| fs::create_dir(folder.join("key")).unwrap())),
        (
            "an empty secret",
            of_secret(|folder| {
                fs::write(folder.join("key"), "\n").unwrap();
                mode(&folder.join("key"), 0o600);
            }),
        ),
        (
            "a host of two merchants",
            told(|tenants| {
                fs::write(tenants.join("shop.toml"), SHOP).unwrap();
                fs::write(tenants.join("other.toml"), SHOP.replace("MERCHANT_SHOP__", "MERCHANT_OTHER__"))
                    .unwrap();
            }),
        ),
        ("a host named twice", with("[\"shop.localhost\"]", "[\"shop.localhost\", \"SHOP.localhost\"]")),
        ("an id used twice", of_text(&format!("{SHOP}{product}"))),
        ("a host with a port", with("shop.localhost", "shop.localhost:8080")),
        ("a host that is an address", with("shop.localhost", "https://shop.localhost/")),
        ("an unknown currency", with("\"usd\"", "\"dollars\"")),
        ("a price in a currency of its own", with("price = 1800", "price = 1800\ncurrency = \"eur\"")),
        ("an unknown country", with("[tax]", "[checkout]\ncountries = [\"Germany\", \"XX\"]\n[tax]")),
        ("a broken address", with("[tax]", "[links]\nterms_of_use = \"shop.example/terms\"\n[tax]")),
        ("a picture over plain http", image("http://shop.example/mug.jpg")),
        ("a picture without an address", image("/mug.jpg")),
        ("a file name that is no id", told(|tenants| fs::write(tenants.join("My Shop.toml"), SHOP).unwrap())),
        ("capitals in the ending", told(|tenants| fs::write(tenants.join("shop.TOML"), SHOP).unwrap())),
        ("an empty file", of_text("")),
        ("a file of ten megabytes", of_text(&format!("{SHOP}#{}", " ".repeat(10 * 1024 * 1024)))),
        (
            "a file that is no text",
            told(|tenants| fs::write(tenants.join("shop.toml"), [0, 159, 146, 150]).unwrap()),
        ),
        (
            "text in UTF-16",
            told(|tenants| {
                let text: Vec<u8> =
                    format!("\u{feff}{SHOP}").encode_utf16().flat_map(u16::to_le_bytes).collect();
                fs::write(tenants.join("shop.toml"), text).unwrap();
            }),
        ),
        ("a folder named like a file", told(|tenants| fs::create_dir(tenants.join("shop.toml")).unwrap())),
        (
            "a link to itself",
            told(|tenants| symlink(tenants.join("shop.toml"), tenants.join("shop.toml")).unwrap()),
        ),
        ("a link to nothing", told(|tenants| symlink("gone", tenants.join("shop.toml")).unwrap())),
        ("an empty folder", told(|_| {})),
    ]
}

#[test]
fn each_mistake_is_answered_with_its_place_and_its_remedy() {
    let said: Vec<String> = mistakes()
        .into_iter()
        .map(|(mistake, said)| {
            assert!(said.contains("; "), "{mistake}: {said}");
            assert!(
                !said.contains("sk_test_") || said.contains("sk_test_…"),
                "{mistake} shows a secret: {said}"
            );
            format!("{mistake}\n{said}\n")
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_no_mistake() {
    assert_eq!(of_text(SHOP), "");
    assert_eq!(of_text(&format!("\u{feff}{SHOP}")), "");
    assert_eq!(of_text(&SHOP.replace('\n', "\r\n")), "");
}

#[test]
fn a_file_that_may_not_be_read_is_told() {
    let said = told(|tenants| {
        fs::write(tenants.join("shop.toml"), SHOP).unwrap();
        mode(&tenants.join("shop.toml"), 0o000);
    });
    // Root may read everything.
    let is_root = fs::read("/proc/self/status")
        .is_ok_and(|status| String::from_utf8_lossy(&status).contains("\nUid:\t0\t"));
    assert!(is_root || said.contains("this program may not read it"), "{said}");
}
