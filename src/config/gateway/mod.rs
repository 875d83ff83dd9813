//! The gateway's own configuration: four layers merged, then checked once.
//!
//! Invariant: a valid value is used unchanged; every problem names the layer that set the value.

mod keys;
mod layers;
mod log_filter;
mod retention;

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use super::diagnostic::{Diagnostic, quoted};
use super::gateway_secret::GatewaySecretRef;
use super::master_keys::{MasterKeyError, read_keyring};
use super::secrets::SecretsDir;
use super::web;
use crate::keyring::Keyring;
use crate::ports::Environment;

use layers::Layers;

pub use log_filter::{LogFilter, LogFilterError};
pub use retention::RetentionConfig;

/// The built-in default, which is also the documentation of every key.
pub const DEFAULT: &str = include_str!("../gateway.default.toml");

/// The longest time for one request to Stripe, in seconds: two minutes after the last one was sent, a payment that
/// Stripe does not show counts as never made.
const LONGEST_REQUEST: i64 = 60;

/// The prefix of the variables that set a key.
const PREFIX: &str = "GATEWAY__";

/// The gateway's whole configuration.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// The public listener.
    pub public: PublicConfig,
    /// The operators' listener.
    pub admin: AdminConfig,
    /// The source of merchants.
    pub tenants: TenantsConfig,
    /// The database.
    pub store: StoreConfig,
    /// The free disk space, in bytes, that new checkouts require.
    pub minimum_free: u64,
    /// How long data is kept.
    pub retention: RetentionConfig,
    /// The behaviour after a restore.
    pub restore: RestoreConfig,
    /// The connection to Stripe.
    pub stripe: StripeConfig,
    /// The delivery of order events.
    pub order_events: OrderEventsConfig,
    /// The places of secrets.
    pub secrets: SecretsConfig,
    pub log: LogConfig,
}

/// `[public]`.
#[derive(Clone, Debug)]
pub struct PublicConfig {
    /// Address and port.
    pub listen: SocketAddr,
    /// Hosts on which the path selects the merchant, lower case, without port.
    pub base_hosts: Vec<String>,
    /// Origins that may call any merchant, as browsers write them.
    pub allowed_origins: Vec<String>,
    /// The base of links of merchants in test mode, without a slash at the end.
    pub link_base: Option<String>,
    /// Proxies whose forwarding header is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// The largest request body.
    pub max_body_bytes: usize,
    /// Threads that answer requests; `None` means one per core.
    pub workers: Option<NonZeroUsize>,
}

/// `[admin]`.
#[derive(Clone, Debug)]
pub struct AdminConfig {
    /// Address and port.
    pub listen: SocketAddr,
    /// The token of its API; without one the API is disabled.
    pub token: Option<GatewaySecretRef>,
}

/// `[tenants]`.
#[derive(Clone, Debug)]
pub struct TenantsConfig {
    /// The folder with one file per merchant.
    pub dir: PathBuf,
    /// Whether the gateway is ready only while all merchants of the folder are served.
    pub require_all: bool,
}

/// `[store]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreConfig {
    /// A SQLite file.
    Sqlite(PathBuf),
}

/// `[restore]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestoreConfig {
    /// How long after a restore requests of the previous process may still arrive at Stripe.
    pub drain: Duration,
}

/// `[stripe]`.
#[derive(Clone, Debug)]
pub struct StripeConfig {
    /// Scheme, host and port of the API.
    pub api_base: Url,
    /// Whether merchants in live mode may be served though the API is on this machine.
    pub allow_live_on_loopback: bool,
    pub version: String,
    /// The name of the parameter of a charge that carries the Shared Payment Token.
    pub token_parameter: String,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long one request may take.
    pub request_timeout: Duration,
}

impl StripeConfig {
    /// Whether the API is an emulator on this machine and not Stripe: only there plain `http` is allowed.
    #[must_use]
    pub fn is_emulated(&self) -> bool {
        self.api_base.scheme() == "http"
    }
}

/// `[order_events]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderEventsConfig {
    /// Whether receivers may be on this machine, where they are reached without TLS.
    pub allow_loopback: bool,
}

/// `[secrets]`.
#[derive(Clone, Debug)]
pub struct SecretsConfig {
    /// The folder with one folder per merchant.
    pub dir: SecretsDir,
    pub master_key: GatewaySecretRef,
    pub previous_master_keys: Vec<GatewaySecretRef>,
}

impl SecretsConfig {
    /// Reads the master keys.
    pub fn keyring(&self, environment: &dyn Environment) -> Result<Keyring, Vec<MasterKeyError>> {
        read_keyring(&self.master_key, &self.previous_master_keys, environment)
    }
}

/// `[log]`.
#[derive(Clone, Debug)]
pub struct LogConfig {
    pub format: LogFormat,
    /// The events that are written.
    pub filter: LogFilter,
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// JSON for machines.
    Json,
}

impl GatewayConfig {
    /// Merges the layers: the default, the file if there is one, `GATEWAY__…` variables, and `overrides` from the
    /// command line as dotted keys with values written as in a variable. Every problem of every layer is reported.
    pub fn load(
        file: Option<&Path>,
        environment: &dyn Environment,
        overrides: &[(String, String)],
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut layers = Layers::merge(file, environment, overrides)?;
        let config = Self::read(&mut layers);
        let problems = layers.into_problems();
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            Some(_) | None => Err(problems),
        }
    }

    fn read(layers: &mut Layers) -> Option<Self> {
        let public = read_public(layers);
        let public_listen = public.as_ref().map(|public| public.listen);
        let admin = layers.read("admin.listen", |text: String| {
            let listen = address_and_port(&text, "127.0.0.1:8081")?;
            match public_listen.filter(|other| exclude_each_other(*other, listen)) {
                Some(other) => no(
                    format!("is taken by public.listen already, which is {other}"),
                    "give each of the two a port of its own, such as 127.0.0.1:8081",
                ),
                None => Ok(listen),
            }
        });
        let token = layers.read_optional("admin.token", |text: String| secret_reference(&text));
        let tenants = layers.read("tenants.dir", |text: String| folder(&text));
        let require_all = layers.read("tenants.require_all", Ok::<bool, _>);
        let store = layers.read("store.url", |url: String| store(&url));
        let minimum_free =
            layers.read("store.minimum_free_bytes", |number: i64| within(number, 0, 1_000_000_000_000_000));
        let retention = retention::read(layers);
        let drain = layers.read("restore.drain_seconds", |number: i64| within(number, 0, 3600));
        let stripe = read_stripe(layers);
        let allow_loopback = layers.read("order_events.allow_loopback", Ok::<bool, _>);
        let secrets = read_secrets(layers);
        let format = layers.read("log.format", |text: String| match text.as_str() {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            _ => no(format!("does not know {}", quoted(&text)), "write \"text\" or \"json\""),
        });
        let filter = layers.read("log.filter", |text: String| {
            text.parse().map_err(|LogFilterError { problem, remedy }| (problem, remedy))
        });
        Some(Self {
            public: public?,
            admin: AdminConfig { listen: admin?, token },
            tenants: TenantsConfig { dir: tenants?, require_all: require_all? },
            store: store?,
            minimum_free: minimum_free?,
            retention: retention?,
            restore: RestoreConfig { drain: Duration::from_secs(drain?) },
            stripe: stripe?,
            order_events: OrderEventsConfig { allow_loopback: allow_loopback? },
            secrets: secrets?,
            log: LogConfig { format: format?, filter: filter? },
        })
    }
}

/// A value, or its problem and the remedy.
type Read<T> = Result<T, (String, String)>;

fn no<T>(problem: impl Into<String>, remedy: impl Into<String>) -> Read<T> {
    Err((problem.into(), remedy.into()))
}

fn web_error(wrong: &web::Wrong) -> (String, String) {
    (wrong.problem.to_owned(), wrong.remedy.to_owned())
}

fn read_public(layers: &mut Layers) -> Option<PublicConfig> {
    let listen = layers.read("public.listen", |text: String| address_and_port(&text, "0.0.0.0:8080"));
    let base_hosts = layers.read("public.base_hosts", |hosts: Vec<String>| each(&hosts, web::base_host));
    let origins = layers.read("public.allowed_origins", |origins: Vec<String>| each(&origins, web::origin));
    let link_base = layers.read_optional("public.link_base", |text: String| {
        let url = web::address(&text).map_err(|wrong| web_error(&wrong))?;
        if url.query().is_some() || url.fragment().is_some() {
            return no(
                "carries a query or a fragment",
                "write scheme, host and port, such as http://localhost:8080",
            );
        }
        Ok(url.as_str().trim_end_matches('/').to_owned())
    });
    let proxies = layers.read("public.trusted_proxies", |networks: Vec<String>| {
        networks.iter().map(|text| network(text)).collect::<Read<Vec<_>>>()
    });
    let max_body = layers.read("public.max_body_bytes", |number: i64| within(number, 1024, 16 * 1024 * 1024));
    let workers = layers.read("public.workers", |number: i64| within(number, 0, 1024));
    Some(PublicConfig {
        listen: listen?,
        base_hosts: base_hosts?,
        allowed_origins: origins?,
        link_base,
        trusted_proxies: proxies?,
        max_body_bytes: usize::try_from(max_body?).ok()?,
        workers: NonZeroUsize::new(usize::try_from(workers?).ok()?),
    })
}

/// The names that Stripe's versions have had for a token's parameter, the present one first.
const TOKEN_PARAMETERS: [&str; 2] =
    ["payment_method_data[shared_payment_granted_token]", "shared_payment_granted_token"];

fn read_stripe(layers: &mut Layers) -> Option<StripeConfig> {
    let api_base = layers.read("stripe.api_base", |text: String| {
        let origin = web::origin(&text).map_err(|wrong| web_error(&wrong))?;
        Url::parse(&origin).or_else(|_| no("is not an address", "write \"https://api.stripe.com\""))
    });
    let allow_live_on_loopback = layers.read("stripe.allow_live_on_loopback", Ok::<bool, _>);
    let version = layers.read("stripe.version", |text: String| {
        if is_version(&text) {
            Ok(text)
        } else {
            no(format!("is no Stripe version: {}", quoted(&text)), "write one such as \"2026-09-30.preview\"")
        }
    });
    let token_parameter = layers.read("stripe.token_parameter", |text: String| {
        if TOKEN_PARAMETERS.contains(&text.as_str()) {
            Ok(text)
        } else {
            let names = TOKEN_PARAMETERS.map(quoted).join(" or ");
            no(format!("is no parameter of a token: {}", quoted(&text)), format!("write {names}"))
        }
    });
    let mut seconds = |key, most| layers.read(key, |number: i64| within(number, 1, most));
    let connect = seconds("stripe.connect_timeout_seconds", LONGEST_REQUEST);
    let request = seconds("stripe.request_timeout_seconds", LONGEST_REQUEST);
    Some(StripeConfig {
        api_base: api_base?,
        allow_live_on_loopback: allow_live_on_loopback?,
        version: version?,
        token_parameter: token_parameter?,
        connect_timeout: Duration::from_secs(connect?),
        request_timeout: Duration::from_secs(request?),
    })
}

fn read_secrets(layers: &mut Layers) -> Option<SecretsConfig> {
    let dir = layers.read("secrets.dir", |text: String| folder(&text));
    let master_key = layers.read("secrets.master_key", |text: String| secret_reference(&text));
    let previous = layers.read("secrets.previous_master_keys", |texts: Vec<String>| {
        texts.iter().map(|text| secret_reference(text)).collect::<Read<Vec<_>>>()
    });
    Some(SecretsConfig {
        dir: SecretsDir::new(dir?),
        master_key: master_key?,
        previous_master_keys: previous?,
    })
}

fn secret_reference(text: &str) -> Read<GatewaySecretRef> {
    GatewaySecretRef::parse(text).map_err(|error| (error.to_string(), error.remedy().to_owned()))
}

fn address_and_port(text: &str, example: &str) -> Read<SocketAddr> {
    text.parse()
        .or_else(|_| no(format!("is no address and port: {}", quoted(text)), format!("write \"{example}\"")))
}

/// Whether two listeners cannot both have these: one port, on the same address or on all addresses.
fn exclude_each_other(one: SocketAddr, other: SocketAddr) -> bool {
    let takes_in = |wide: IpAddr, ip: IpAddr| wide.is_unspecified() && (wide.is_ipv6() || ip.is_ipv4());
    let (ip, other_ip) = (one.ip(), other.ip());
    one.port() != 0
        && one.port() == other.port()
        && (ip == other_ip || takes_in(ip, other_ip) || takes_in(other_ip, ip))
}

/// An address, or a network such as `10.0.0.0/8`.
fn network(text: &str) -> Read<IpNet> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address.or_else(|_| text.parse::<IpNet>()).or_else(|_| {
        no(
            format!("is no address and no network: {}", quoted(text)),
            "write an address such as \"10.0.0.5\", or a network such as \"10.0.0.0/8\"",
        )
    })
}

fn each(texts: &[String], read: impl Fn(&str) -> Result<String, web::Wrong>) -> Read<Vec<String>> {
    let one = |text: &String| {
        read(text).map_err(|wrong| (format!("{}: {}", wrong.problem, quoted(text)), wrong.remedy.to_owned()))
    };
    texts.iter().map(one).collect()
}

fn within(number: i64, least: i64, most: i64) -> Read<u64> {
    match u64::try_from(number) {
        Ok(whole) if (least..=most).contains(&number) => Ok(whole),
        Ok(_) | Err(_) => no(format!("is {number}"), format!("write a whole number from {least} to {most}")),
    }
}

fn folder(text: &str) -> Read<PathBuf> {
    if text.trim().is_empty() { no("is empty", "write a folder's path") } else { Ok(PathBuf::from(text)) }
}

fn store(url: &str) -> Read<StoreConfig> {
    const REMEDY: &str = "write \"sqlite:\" and a file's path, such as \"sqlite:merchant-gateway.sqlite3\"";
    if url.starts_with("postgres:") || url.starts_with("postgresql:") {
        return no("is not supported yet: PostgreSQL", REMEDY);
    }
    if url.starts_with("memory:") || url.contains(":memory:") {
        return no("would lose every order when the gateway stops", REMEDY);
    }
    let path = url.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
    match path {
        Some(path) if !path.is_empty() && !path.contains(['?', '#', '\0']) => {
            Ok(StoreConfig::Sqlite(PathBuf::from(path)))
        }
        // The address is not quoted: one of another database may contain a password.
        Some(_) | None => no("is no address of a store", REMEDY),
    }
}

/// `2026-09-30.preview`: a date, and the name of a release.
fn is_version(text: &str) -> bool {
    let Some((date, release)) = text.split_once('.') else { return false };
    let digits =
        |part: &str, length: usize| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = date.split('-').collect();
    let dated = matches!(parts.as_slice(), [year, month, day]
        if digits(year, 4) && digits(month, 2) && digits(day, 2));
    dated
        && !release.is_empty()
        && release.len() <= 30
        && release.bytes().all(|byte| byte.is_ascii_lowercase())
}
