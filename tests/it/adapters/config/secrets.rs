//! References to secrets, followed.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use merchant_gateway::config::secrets::{SecretError, SecretRef, SecretsDir};
use merchant_gateway::config::tenant::parse_tenant;
use merchant_gateway::domain::ids::MerchantId;
use merchant_gateway::ports::FixedEnvironment;
use proptest::prelude::*;
use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::SHOP;

struct Folder {
    root: TempDir,
}

impl Folder {
    /// The path of a secret.
    fn secret(&self, name: &str) -> PathBuf {
        self.root.path().join("secrets").join(name)
    }

    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("secrets/shop")).unwrap();
        fs::create_dir_all(root.path().join("secrets/other")).unwrap();
        Self { root }
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>, mode: u32) {
        let path = self.root.path().join(path);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn link(&self, target: &str, link: &str) {
        symlink(self.root.path().join(target), self.root.path().join(link)).unwrap();
    }

    fn resolve(&self, reference: &str) -> Result<String, SecretError> {
        let reference = SecretRef::parse(reference, &"shop".parse().unwrap()).unwrap();
        let dir = SecretsDir::new(self.root.path().join("secrets"));
        reference.resolve(&FixedEnvironment::default(), &dir).map(|secret| secret.expose_secret().to_owned())
    }
}

#[test]
fn a_file_secret_loses_its_trailing_newline() {
    let folder = Folder::new();
    folder.write("secrets/shop/key", "sk_test_abc\n", 0o600);
    assert_eq!(folder.resolve("file:key").unwrap(), "sk_test_abc");
    folder.write("secrets/shop/key", "sk_test_abc\r\n", 0o640);
    assert_eq!(folder.resolve("file:key").unwrap(), "sk_test_abc");
}

#[test]
fn a_symlink_is_followed_only_within_the_merchants_folder() {
    let folder = Folder::new();
    folder.write("secrets/shop/..data", "inside", 0o600);
    folder.link("secrets/shop/..data", "secrets/shop/key");
    assert_eq!(folder.resolve("file:key").unwrap(), "inside");
    folder.write("secrets/other/key", "foreign", 0o600);
    folder.link("secrets/other/key", "secrets/shop/stolen");
    assert_eq!(folder.resolve("file:stolen"), Err(SecretError::LeadsOut(folder.secret("shop/stolen"))));
    fs::remove_dir_all(folder.root.path().join("secrets/shop")).unwrap();
    folder.link("secrets/other", "secrets/shop");
    assert_eq!(folder.resolve("file:key"), Err(SecretError::LeadsOut(folder.secret("shop/key"))));
}

#[test]
fn a_file_that_everyone_may_read_or_write_is_refused() {
    let folder = Folder::new();
    for mode in [0o644, 0o604, 0o602] {
        folder.write("secrets/shop/key", "sk_test_abc", mode);
        assert_eq!(
            folder.resolve("file:key"),
            Err(SecretError::Exposed(folder.secret("shop/key"))),
            "{mode:o}"
        );
    }
}

#[test]
fn systemd_credentials_are_found_by_their_names_and_modes() {
    let folder = Folder::new();
    fs::remove_dir_all(folder.root.path().join("secrets")).unwrap();
    // Owned by the service's user, or by root with an access list, whose mask shows as the group's rights.
    for mode in [0o400, 0o440] {
        folder.write("secrets_shop_key", "sk_test_abc\n", mode);
        folder.write("secrets_shop_stripe_key", "sk_test_deep", mode);
        fs::set_permissions(folder.root.path(), fs::Permissions::from_mode(0o500)).unwrap();
        assert_eq!(folder.resolve("file:key").unwrap(), "sk_test_abc", "{mode:o}");
        assert_eq!(folder.resolve("file:stripe/key").unwrap(), "sk_test_deep", "{mode:o}");
        fs::set_permissions(folder.root.path(), fs::Permissions::from_mode(0o700)).unwrap();
        for name in ["secrets_shop_key", "secrets_shop_stripe_key"] {
            fs::remove_file(folder.root.path().join(name)).unwrap();
        }
    }
    // `shop-two` is another merchant, and master.key is nobody's.
    folder.write("secrets_shop-two_key", "foreign", 0o400);
    folder.write("master.key", "the master key", 0o400);
    folder.link("master.key", "secrets_shop_stolen");
    for name in ["key", "two_key", "-two_key", "stolen"] {
        let missing = SecretError::Missing(folder.secret(&format!("shop/{name}")));
        assert_eq!(folder.resolve(&format!("file:{name}")), Err(missing));
    }
    folder.write("secrets_shop_open", "sk_test_abc", 0o444);
    assert_eq!(folder.resolve("file:open"), Err(SecretError::Exposed(folder.secret("shop/open"))));
}

#[test]
fn what_is_no_secret_is_told_by_its_kind() {
    let folder = Folder::new();
    assert_eq!(folder.resolve("file:none"), Err(SecretError::Missing(folder.secret("shop/none"))));
    fs::create_dir(folder.root.path().join("secrets/shop/dir")).unwrap();
    assert_eq!(folder.resolve("file:dir"), Err(SecretError::NotAFile(folder.secret("shop/dir"))));
    folder.write("secrets/shop/key", "\n", 0o600);
    assert_eq!(folder.resolve("file:key"), Err(SecretError::Empty));
    folder.write("secrets/shop/key", "x".repeat(16 * 1024 + 1), 0o600);
    assert_eq!(folder.resolve("file:key"), Err(SecretError::TooLong));
    folder.write("secrets/shop/key", [0xff, 0xfe], 0o600);
    assert_eq!(folder.resolve("file:key"), Err(SecretError::NotText));
    assert_eq!(
        folder.resolve("env:MERCHANT_SHOP__STRIPE_KEY"),
        Err(SecretError::Unset("MERCHANT_SHOP__STRIPE_KEY".to_owned()))
    );
}

#[test]
fn a_key_of_the_wrong_kind_is_reported_in_place_and_not_shown() {
    let tenant = parse_tenant(Path::new("shop.toml"), SHOP).unwrap();
    let resolve = |value: &str| {
        let environment = FixedEnvironment::new([("MERCHANT_SHOP__STRIPE_KEY", value)]);
        tenant
            .resolve_secrets(&environment, &SecretsDir::new("secrets"))
            .map_err(|problems| problems[0].to_string())
    };
    assert_eq!(resolve("sk_test_abc123\n").unwrap().stripe_key.expose_secret(), "sk_test_abc123");
    assert_eq!(
        resolve("sk_live_abc123").unwrap_err(),
        "shop.toml:8:14: stripe.secret_key: the secret in env:MERCHANT_SHOP__STRIPE_KEY is a live key, though \
         the mode is \"test\"; use the account's key for test mode (sk_test_… or rk_test_…); a live key takes real \
         money and needs mode = \"live\""
    );
    assert!(resolve("pk_test_abc123").unwrap_err().contains("publishable key"));
    let padded = resolve(" sk_test_abc123").unwrap_err();
    assert!(
        padded.contains("the secret has white space before or after it; keep the secret alone"),
        "{padded}"
    );
    let unset = resolve("").unwrap_err();
    assert!(unset.contains("the environment variable MERCHANT_SHOP__STRIPE_KEY is empty; "), "{unset}");
    assert!(
        unset.ends_with(
            "set the environment variable MERCHANT_SHOP__STRIPE_KEY, e.g. MERCHANT_SHOP__STRIPE_KEY=sk_test_…"
        ),
        "{unset}"
    );
}

#[test]
fn every_webhook_secret_of_stripes_is_looked_at_and_none_is_shown() {
    let webhooks = "[stripe]\nwebhook_secrets = [\"env:MERCHANT_SHOP__NEW\", \"env:MERCHANT_SHOP__OLD\"]";
    let tenant = parse_tenant(Path::new("shop.toml"), &SHOP.replace("[stripe]", webhooks)).unwrap();
    let resolve = |new: &str, old: &str| {
        let variables = [
            ("MERCHANT_SHOP__STRIPE_KEY", "sk_test_abc123"),
            ("MERCHANT_SHOP__NEW", new),
            ("MERCHANT_SHOP__OLD", old),
        ];
        tenant
            .resolve_secrets(&FixedEnvironment::new(variables), &SecretsDir::new("secrets"))
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    };
    let (new, old) = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH");
    let secrets = resolve(new, old).unwrap().stripe_webhooks;
    let secrets: Vec<&str> = secrets.iter().map(ExposeSecret::expose_secret).collect();
    assert_eq!(secrets, [new, old]);
    for wrong in ["sk_test_do_not_show_me", "whsec_short", "whsec_with a space in the middle"] {
        let told = resolve(wrong, old).unwrap_err();
        assert_eq!(
            told,
            "shop.toml:7:20: stripe.webhook_secrets[0]: the secret in env:MERCHANT_SHOP__NEW is no signing secret of a \
             Stripe webhook endpoint; copy the endpoint's signing secret from Stripe's dashboard, whsec_…"
        );
    }
    let both = resolve("", "").unwrap_err();
    assert!(
        both.contains("MERCHANT_SHOP__NEW=whsec_…") && both.contains("MERCHANT_SHOP__OLD=whsec_…"),
        "{both}"
    );
}

/// Every id of up to five characters out of two letters, a digit and the hyphen.
fn short_ids() -> Vec<MerchantId> {
    let mut texts = vec![String::new()];
    let mut all = Vec::new();
    for _ in 0..5 {
        texts =
            texts.iter().flat_map(|text| ["a", "b", "1", "-"].map(|more| format!("{text}{more}"))).collect();
        all.extend(texts.iter().filter_map(|text| text.parse().ok()));
    }
    all
}

#[test]
fn no_merchants_variables_begin_as_another_ones_do() {
    let ids = short_ids();
    let mut prefixes: Vec<String> = ids.iter().map(SecretRef::variable_prefix).collect();
    prefixes.sort();
    // In this order a prefix stands directly before one that begins with it.
    for pair in prefixes.windows(2) {
        assert!(!pair[1].starts_with(&pair[0]), "{pair:?}");
    }
    assert!(prefixes.len() > 300, "{}", prefixes.len());
}

proptest! {
    #[test]
    fn no_variable_and_no_file_is_within_reach_of_two_merchants(
        one in "[a-c0-9]{1,4}(-[a-c0-9]{1,3}){0,4}",
        more in "(-?[a-c0-9]{1,3}){1,3}",
        ending in "[A-C0-9_]{1,12}",
        behind in "_{1,3}",
    ) {
        let (one, other): (MerchantId, MerchantId) = (one.parse().unwrap(), format!("{one}{more}").parse().unwrap());
        let id = |id: &MerchantId| id.as_str().to_ascii_uppercase().replace('-', "_");
        for owner in [&one, &other] {
            let name = format!("env:MERCHANT_{}{behind}{ending}", id(owner));
            let reach = [&one, &other].map(|id| SecretRef::parse(&name, id).is_ok());
            prop_assert!(reach != [true, true], "{}", name);
        }
        let folders = [&one, &other].map(|id| SecretRef::parse("file:key", id).unwrap());
        prop_assert_ne!(&folders[0], &folders[1]);
    }
}
