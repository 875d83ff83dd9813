//! The gateway's own configuration.

use std::path::PathBuf;
use std::time::Duration;

use merchant_gateway::config::gateway::{GatewayConfig, LogFilter, LogFormat, StoreConfig};
use merchant_gateway::config::gateway_secret::{GatewaySecretRef, Unreachable};
use merchant_gateway::config::master_keys::{KeyProblem, MasterKeyError, read_keyring};
use merchant_gateway::domain::time::Span;
use merchant_gateway::ports::FixedEnvironment;

use super::shown;

/// Loads a file's text with variables and overrides; problems without the folder's path.
fn load(
    file: Option<&str>,
    variables: &[(&str, &str)],
    overrides: &[(&str, &str)],
) -> Result<GatewayConfig, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gateway.toml");
    if let Some(text) = file {
        std::fs::write(&path, text).unwrap();
    }
    let overrides: Vec<_> =
        overrides.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    GatewayConfig::load(
        file.map(|_| path.as_path()),
        &FixedEnvironment::new(variables.iter().copied()),
        &overrides,
    )
    .map_err(|problems| shown(&problems).replace(&format!("{}/", dir.path().display()), ""))
}

#[test]
fn the_default_alone_is_a_whole_configuration() {
    let config = load(None, &[], &[]).unwrap();
    assert_eq!(config.public.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(config.public.base_hosts, ["localhost", "127.0.0.1", "[::1]"]);
    assert_eq!(config.public.allowed_origins, ["https://chatgpt.com", "https://chat.openai.com"]);
    assert_eq!(
        config.public.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["127.0.0.0/8", "::1/128"]
    );
    assert_eq!((config.public.link_base, config.public.workers), (None, None));
    assert_eq!(config.public.max_body_bytes, 128 * 1024);
    assert_eq!(config.tenants.dir, PathBuf::from("tenants"));
    assert_eq!(config.store, StoreConfig::Sqlite("merchant-gateway.sqlite3".into()));
    assert_eq!(config.stripe.api_base.as_str(), "https://api.stripe.com/");
    assert_eq!(config.stripe.version, "2026-09-30.preview");
    assert_eq!(config.stripe.request_timeout, Duration::from_secs(30));
    assert_eq!(config.secrets.master_key, GatewaySecretRef::Env("GATEWAY_MASTER_KEY".to_owned()));
    assert_eq!((config.log.format, config.log.filter), (LogFormat::Text, LogFilter::default()));
}

#[test]
fn each_layer_goes_before_the_one_below_it() {
    let file = "[public]\nlisten = \"127.0.0.1:1\"\nworkers = 2\n[log]\nformat = \"json\"\n[tenants]\ndir = \"shops\"\n";
    let variables = [
        ("GATEWAY__PUBLIC__LISTEN", "127.0.0.1:2"),
        ("GATEWAY__PUBLIC__WORKERS", "3"),
        ("GATEWAY__TENANTS__DIR", "x"),
    ];
    let config = load(Some(file), &variables, &[("public.listen", "127.0.0.1:3")]).unwrap();
    assert_eq!(config.public.listen.to_string(), "127.0.0.1:3");
    assert_eq!(config.public.workers.map(std::num::NonZeroUsize::get), Some(3));
    assert_eq!(config.tenants.dir, PathBuf::from("x"));
    assert_eq!(config.log.format, LogFormat::Json);
}

#[test]
fn a_variable_holds_a_list_with_commas() {
    let variables = [
        ("GATEWAY__PUBLIC__BASE_HOSTS", "Gateway.example, [::1]"),
        ("GATEWAY__PUBLIC__ALLOWED_ORIGINS", ""),
        ("GATEWAY__PUBLIC__LINK_BASE", "http://localhost:9000/"),
    ];
    let config = load(None, &variables, &[]).unwrap();
    assert_eq!(config.public.base_hosts, ["gateway.example", "[::1]"]);
    assert!(config.public.allowed_origins.is_empty());
    assert_eq!(config.public.link_base.as_deref(), Some("http://localhost:9000"));
}

#[test]
fn every_mistake_is_told_with_the_layer_that_made_it() {
    let file =
        "[publik]\n[public]\nlisten = 8080\nmax_body_byte = 1\n[admin]\nlisten = \"8081\"\ntoken = \"x\"\n";
    let variables = [
        ("GATEWAY__PUBLIC__LISTN", "x"),
        ("GATEWAY__PUBLIC__WORKERS", "many"),
        ("GATEWAY__ADMIN__TOKEN", "x"),
    ];
    insta::assert_snapshot!(load(Some(file), &variables, &[("log.fromat", "json")]).unwrap_err());
}

#[test]
fn a_misspelled_setting_variable_is_refused_with_the_right_name() {
    for (name, meant) in [
        ("GATEWAY_PUBLIC_LISTEN", "GATEWAY__PUBLIC__LISTEN"),
        ("gateway__public__listen", "GATEWAY__PUBLIC__LISTEN"),
        ("Gateway_Secrets_Dir", "GATEWAY__SECRETS__DIR"),
        ("gateway__admin__token", "GATEWAY__ADMIN__TOKEN"),
    ] {
        let told = load(None, &[(name, "x")], &[]).unwrap_err();
        assert_eq!(told, format!("environment: {name}: is not read; write {meant}, or unset it"));
    }
    let other = [
        "GATEWAY_ADMIN_TOKEN",
        "GATEWAY_SECRETS_MASTER_KEY",
        "GATEWAY_MASTER_KEY",
        "GATEWAY_PORT",
        "PUBLIC_LISTEN",
    ];
    assert!(load(None, &other.map(|name| (name, "x")), &[]).is_ok());
}

#[test]
fn two_listeners_on_one_address_are_told_before_either_is_opened() {
    for (public, admin) in [
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("0.0.0.0:8080", "127.0.0.1:8080"),
        ("127.0.0.1:8080", "0.0.0.0:8080"),
        ("[::]:8080", "127.0.0.1:8080"),
    ] {
        let told = load(None, &[], &[("public.listen", public), ("admin.listen", admin)]).unwrap_err();
        assert!(told.contains("admin.listen: is taken by public.listen already"), "{public} {admin}: {told}");
    }
    for (public, admin) in
        [("127.0.0.1:0", "127.0.0.1:0"), ("10.0.0.1:80", "127.0.0.1:80"), ("0.0.0.0:80", "[::1]:80")]
    {
        assert!(
            load(None, &[], &[("public.listen", public), ("admin.listen", admin)]).is_ok(),
            "{public} {admin}"
        );
    }
}

#[test]
fn a_problem_of_one_section_hides_none_of_another() {
    let file = "[publik]\n[public]\nlisten = 8080\nworkers = 5000\n[store]\nurl = \"memory:\"\n[log]\nformat = \"xml\"\n";
    let told =
        load(Some(file), &[("GATEWAY__ADMIN__LISTEN", "8081")], &[("log.fromat", "json")]).unwrap_err();
    for problem in [
        "gateway.toml:1:2: publik: is not a known key",
        "gateway.toml:3:10: public.listen: must be a text",
        "gateway.toml:4:11: public.workers: is 5000",
        "gateway.toml:6:7: store.url: would lose every order",
        "gateway.toml:8:10: log.format: does not know \"xml\"",
        "environment: GATEWAY__ADMIN__LISTEN: is no address and port",
        "command line: log.fromat: is not a known setting",
    ] {
        assert!(told.contains(problem), "{problem}: {told}");
    }
    assert_eq!(told.lines().count(), 7, "each once: {told}");
    let section = load(Some("public = 5\n[log]\nformat = \"xml\"\n"), &[], &[]).unwrap_err();
    assert_eq!(section.lines().count(), 2, "{section}");
}

#[test]
fn values_that_cannot_work_are_told_where_they_were_set() {
    let file = r#"
[public]
listen = "8080"
base_hosts = ["localhost:8080"]
allowed_origins = ["https://chatgpt.com/app"]
link_base = "http://gateway.example"
trusted_proxies = ["10.0.0.0/40"]
max_body_bytes = 12
[store]
url = "postgres://user:do_not_show_me@db/gateway"
[stripe]
api_base = "http://stripe.example"
version = "latest"
connect_timeout_seconds = 0
[secrets]
master_key = "do_not_show_me"
previous_master_keys = ["file:relative"]
"#;
    let variables = [("GATEWAY__LOG__FORMAT", "xml")];
    insta::assert_snapshot!(load(Some(file), &variables, &[("log.filter", "info,=x=")]).unwrap_err());
}

#[test]
fn a_bad_retention_or_disk_limit_is_refused_with_place_and_fix() {
    let whole = |least: &str, most: &str| format!("write a whole number from {least} to {most}");
    let days = whole("1", "3650");
    let count = whole("1", "100000000");
    for (section, key, value, said, remedy) in [
        ("retention", "unpaid_sessions_days", "0", "is 0", &days),
        ("retention", "unpaid_buyers_days", "3651", "is 3651", &days),
        ("retention", "delivered_events_days", "-1", "is -1", &days),
        ("retention", "parked_events_days", "0", "is 0", &days),
        ("retention", "stripe_events_days", "3", "is 3", &whole("4", "3650")),
        ("retention", "open_checkouts", "0", "is 0", &count),
        ("retention", "open_checkouts_per_merchant", "100000001", "is 100000001", &count),
        ("retention", "unpaid_sessions_per_merchant", "0", "is 0", &count),
        ("store", "minimum_free_bytes", "-1", "is -1", &whole("0", "1000000000000000")),
        ("retention", "unpaid_buyers_days", "\"7\"", "", &"write a whole number".to_owned()),
        ("store", "minimum_free_bytes", "1.5", "", &"write a whole number".to_owned()),
    ] {
        let told = load(Some(&format!("[{section}]\n{key} = {value}\n")), &[], &[]).unwrap_err();
        let place = told.starts_with("gateway.toml:2:");
        let named = told.contains(&format!("{section}.{key}")) && told.contains(said);
        assert!(place && named && told.contains(remedy), "{key} = {value}: {told}");
    }
    let told = load(Some("[retention]\nunpaid_session_days = 3\n"), &[], &[]).unwrap_err();
    assert!(told.contains("gateway.toml:2:") && told.contains("unpaid_sessions_days"), "{told}");
    let told =
        load(Some("[retention]\nunpaid_sessions_days = 3\nunpaid_buyers_days = 5\n"), &[], &[]).unwrap_err();
    assert_eq!(
        told,
        "gateway.toml:3:22: retention.unpaid_buyers_days: is 5, but such a checkout is kept for 3 days only; set it to 3 or \
         less, or set retention.unpaid_sessions_days to 5 or more"
    );
    let told = load(None, &[("GATEWAY__FOO", "1")], &[]).unwrap_err();
    assert_eq!(
        told,
        "environment: GATEWAY__FOO: is not a known setting; remove it; all keys are in the default configuration"
    );
    let told = load(None, &[("GATEWAY__RETENTION__OPEN_CHECKOUTS", "many")], &[]).unwrap_err();
    assert!(told.contains("GATEWAY__RETENTION__OPEN_CHECKOUTS"), "{told}");
    let kept = load(Some("[retention]\nunpaid_buyers_days = 1\n[store]\nminimum_free_bytes = 0\n"), &[], &[]);
    let kept = kept.unwrap();
    assert_eq!((kept.retention.unpaid_buyers, kept.minimum_free), (Span::hours(24), 0));
}

#[test]
fn default_buyer_retention_never_exceeds_checkout_retention() {
    let kept = |days| {
        let config = load(Some(&format!("[retention]\nunpaid_sessions_days = {days}\n")), &[], &[]).unwrap();
        (config.retention.unpaid_sessions, config.retention.unpaid_buyers)
    };
    let days = |count: i64| Span::hours(24 * count);
    assert_eq!(kept(3), (days(3), days(3)));
    assert_eq!(kept(7), (days(7), days(7)));
    assert_eq!(kept(8), (days(8), days(7)));
    // Somebody asked for as many days as the default has.
    let file = "[retention]\nunpaid_sessions_days = 3\n";
    for (file, variables, flags, place) in [
        (format!("{file}unpaid_buyers_days = 7\n"), &[][..], &[][..], "gateway.toml:3:22"),
        (
            file.to_owned(),
            &[("GATEWAY__RETENTION__UNPAID_BUYERS_DAYS", "7")][..],
            &[][..],
            "environment: GATEWAY__RETENTION__UNPAID_BUYERS_DAYS",
        ),
        (file.to_owned(), &[][..], &[("retention.unpaid_buyers_days", "7")][..], "command line"),
    ] {
        let told = load(Some(&file), variables, flags).unwrap_err();
        assert!(
            told.starts_with(place) && told.contains("is 7, but such a checkout is kept for 3"),
            "{told}"
        );
    }
}

#[test]
fn only_a_file_is_a_store() {
    for (url, problem) in [
        ("memory:", "would lose every order"),
        ("sqlite::memory:", "would lose every order"),
        ("postgres://db/x", "not supported yet"),
        ("sqlite:", "no address of a store"),
        ("mysql://db", "no address of a store"),
    ] {
        let problems = load(None, &[("GATEWAY__STORE__URL", url)], &[]).unwrap_err();
        assert!(problems.contains(problem), "{problems}");
    }
    let config = load(None, &[("GATEWAY__STORE__URL", "sqlite:///var/lib/gateway.db")], &[]).unwrap();
    assert_eq!(config.store, StoreConfig::Sqlite("/var/lib/gateway.db".into()));
}

#[test]
fn plain_http_to_stripe_passes_only_towards_this_machine() {
    assert!(load(None, &[("GATEWAY__STRIPE__API_BASE", "http://127.0.0.1:12111")], &[]).is_ok());
    assert!(load(None, &[("GATEWAY__STRIPE__API_BASE", "http://10.0.0.1")], &[]).is_err());
}

#[test]
fn a_missing_master_key_error_asks_for_the_existing_key() {
    let config = load(None, &[], &[]).unwrap();
    let problems = config.secrets.keyring(&FixedEnvironment::default()).unwrap_err();
    assert_eq!(problems[0].problem, KeyProblem::Unreachable(Unreachable::Unset));
    assert_eq!(
        problems[0].to_string(),
        "the master key in the environment variable GATEWAY_MASTER_KEY is not there: the variable is not set; put the \
         secret there: the key that this gateway was served with. Only a gateway that has never served makes a new one: \
         openssl rand -hex 32"
    );
    let empty = FixedEnvironment::new([("GATEWAY_MASTER_KEY", " \n")]);
    let problems = config.secrets.keyring(&empty).unwrap_err();
    assert_eq!(problems[0].problem, KeyProblem::Unreachable(Unreachable::Empty));
}

#[test]
fn a_master_key_file_error_gives_a_cause_and_offers_no_new_key() {
    let dir = tempfile::tempdir().unwrap();
    let says = |path: &std::path::Path| {
        let reference = GatewaySecretRef::File(path.to_owned());
        let problems = read_keyring(&reference, &[], &FixedEnvironment::default()).unwrap_err();
        problems[0].to_string()
    };
    let absent = says(&dir.path().join("absent"));
    assert!(absent.contains("there is no such file") && absent.contains("correct its path"), "{absent}");
    let exposed = dir.path().join("exposed");
    std::fs::write(&exposed, "k").unwrap();
    std::fs::set_permissions(&exposed, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    for (path, remedy) in [
        (dir.path().to_owned(), "it is not a regular file"),
        (exposed.join("below"), "no folder"),
        (exposed, "chmod o-rwx"),
    ] {
        let said = says(&path);
        assert!(said.contains(remedy) && !said.contains("openssl"), "{said}");
    }
    let barred = MasterKeyError {
        reference: GatewaySecretRef::File("/k".into()),
        problem: Unreachable::Unreadable(std::io::ErrorKind::PermissionDenied).into(),
    };
    assert_eq!(
        barred.to_string(),
        "the master key in the file /k cannot be read (this program may not read it); let the user who runs the \
         gateway read the file and enter its folders"
    );
}
