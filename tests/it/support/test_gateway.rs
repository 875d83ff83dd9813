//! A whole world in one place: the real binary on a real SQLite file, an emulated Stripe in this process, its shops.
//!
//! The emulator lives in the test, so that it survives when the gateway is killed. At the end of a world every request
//! that reached Stripe is held against Stripe's schema, and the gateway's log is searched for secrets.

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use merchant_gateway::ports::{Environment, SystemClock, SystemEnvironment};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use stripe_emulator::{AccountSeed, Emulator, EmulatorOptions, KeySeed, LedgerEntry, MintToken};
use tempfile::TempDir;

use super::client::{Client, Speaks};
use super::samples::Sample;
use super::stripe_schema::StripeSchema;

use crate::support::stripe_clock::stripe_clock;

/// The shop that most tests buy from, and another one beside it.
pub const SHOP: &str = "harbor-coffee";
pub const OTHER_SHOP: &str = "kiln-works";

/// Canaries: each key must appear nowhere but in the requests to Stripe.
pub const SHOP_KEY: &str = "sk_test_canaryHarborCoffee";
pub const OTHER_KEY: &str = "rk_test_canaryKilnWorks";
pub const ADMIN_TOKEN: &str = "canary-admin-token-0123456789abcdef";
/// Canaries too: `whsec_` and base64 of `canary-webhook-secret-…`.
pub const WEBHOOK_SECRET: &str = "whsec_Y2FuYXJ5LXdlYmhvb2stc2VjcmV0LW5ld2VzdA==";
pub const OLD_WEBHOOK_SECRET: &str = "whsec_Y2FuYXJ5LXdlYmhvb2stc2VjcmV0LW9sZC0x";
pub const MASTER_KEY: &str = "8f3c1d0a5b7e9624c1d3f5a7b9e0d2c4f6a8b0c2d4e6f8091a3b5c7d9eaf0b12";

pub const SHOP_ACCOUNT: &str = "acct_harbor";
pub const OTHER_ACCOUNT: &str = "acct_kiln";

/// How long a started gateway may take until it can take payments.
const START_DEADLINE: Duration = Duration::from_mins(1);

/// A merchant of a world: its file, and its account at the emulated Stripe.
pub struct Shop {
    pub id: String,
    /// The text of its file.
    pub file: String,
    /// The variable that its file refers to for its key.
    pub variable: String,
    /// The variable that its file refers to for the secret of its Stripe webhooks, if it takes any; they are signed with
    /// [`WEBHOOK_SECRET`].
    pub webhook_variable: Option<String>,
    /// The account, with that key.
    pub account: AccountSeed,
}

impl Shop {
    pub fn key(&self) -> &str {
        &self.account.secret_keys[0].key
    }

    /// Gives its file these limits instead of others.
    pub fn limit(&mut self, limits: &str) {
        let at = self.file.find("[limits]").unwrap_or(self.file.len());
        let end = self.file[at..].find("\n\n").map_or(self.file.len(), |length| at + length);
        self.file.replace_range(at..end, &format!("[limits]\n{limits}\n"));
    }
}

pub struct TestGateway {
    pub emulator: Emulator,
    pub folder: TempDir,
    pub shops: Vec<Shop>,
    /// More variables of the gateway's environment; a later one of a name wins.
    pub settings: Vec<(&'static str, &'static str)>,
    /// A command that runs the binary, as its last words: where it has another world around it.
    pub wrapper: Vec<String>,
    /// Payment tokens besides those that Stripe was asked about here; none must appear anywhere in clear.
    pub canaries: Vec<String>,
    process: Option<Child>,
    address: String,
    starts: u32,
}

impl TestGateway {
    /// The usual two shops open, and both Stripe accounts known.
    pub fn start() -> Self {
        Self::make(usual_shops(), |_| {}, &[])
    }

    /// Every sample merchant's shop open instead.
    pub fn of_samples(samples: &[Sample]) -> Self {
        Self::of_shops(samples.iter().map(Sample::shop).collect())
    }

    /// These shops open instead.
    pub fn of_shops(shops: Vec<Shop>) -> Self {
        Self::make(shops, |_| {}, &[])
    }

    /// The same, with more settings, as variables of the environment.
    pub fn with_settings(settings: &[(&'static str, &'static str)]) -> Self {
        Self::make(usual_shops(), |_| {}, settings)
    }

    /// The same, after a test has had its way with the tenant files.
    pub fn with_files(change: impl FnOnce(&Path)) -> Self {
        Self::make(usual_shops(), change, &[])
    }

    fn make(shops: Vec<Shop>, change: impl FnOnce(&Path), settings: &[(&'static str, &'static str)]) -> Self {
        let mut world = Self::closed(shops);
        change(&world.folder.path().join("tenants"));
        world.settings.extend(settings);
        world.start_gateway();
        world
    }

    /// A world whose gateway has not been started yet.
    pub fn closed(shops: Vec<Shop>) -> Self {
        let mut options = EmulatorOptions::new(stripe_clock(Arc::new(SystemClock)));
        options.accounts = shops.iter().map(|shop| shop.account.clone()).collect();
        let emulator = Emulator::start(options).unwrap();
        let folder = TempDir::new().unwrap();
        let tenants = folder.path().join("tenants");
        fs::create_dir(&tenants).unwrap();
        for shop in &shops {
            fs::write(tenants.join(format!("{}.toml", shop.id)), &shop.file).unwrap();
        }
        let (settings, wrapper, canaries) = (Vec::new(), Vec::new(), Vec::new());
        let (process, address, starts) = (None, String::new(), 0);
        Self { emulator, folder, shops, settings, wrapper, canaries, process, address, starts }
    }

    /// Starts the binary and waits until it listens and every account is known.
    pub fn start_gateway(&mut self) {
        self.start_until("stripe_account_known", self.shops.len());
    }

    /// Starts the binary and waits until it listens and has logged an event so many times.
    pub fn start_until(&mut self, event: &str, times: usize) {
        let log = fs::File::create(self.log_file(self.starts + 1)).unwrap();
        self.start_telling(log);
        self.wait_for(event, times);
    }

    /// Starts the binary with another standard error than the file that is looked into, and waits until it listens.
    pub fn start_telling(&mut self, errors: impl Into<Stdio>) {
        self.starts += 1;
        let mut process = self.command("serve").stdout(Stdio::piped()).stderr(errors).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let said =
            lines.next().unwrap_or_else(|| panic!("the gateway said nothing: {}", self.log())).unwrap();
        said.strip_prefix("listening on http://").expect("an address").clone_into(&mut self.address);
        self.process = Some(process);
    }

    /// Writes a merchant's file, as an agency does while the gateway runs.
    pub fn put_tenant(&self, merchant: &str, content: &str) {
        put(&self.tenant_file(merchant), content);
    }

    pub fn tenant_file(&self, merchant: &str) -> std::path::PathBuf {
        self.folder.path().join("tenants").join(format!("{merchant}.toml"))
    }

    /// Writes a file of a merchant's secrets.
    pub fn put_secret(&self, merchant: &str, name: &str, secret: &str) {
        let folder = self.folder.path().join("secrets").join(merchant);
        fs::create_dir_all(&folder).unwrap();
        put(&folder.join(name), secret);
    }

    /// The process's number.
    pub fn process_id(&self) -> u32 {
        self.process.as_ref().expect("the gateway runs").id()
    }

    /// The binary with this world's configuration and secrets, and nothing else of the environment.
    pub fn command(&self, name: &str) -> Command {
        let folder = self.folder.path();
        let binary = env!("CARGO_BIN_EXE_merchant-gateway");
        let mut words = self.wrapper.iter().map(String::as_str).chain([binary, name]);
        let mut command = Command::new(words.next().expect("there is one"));
        command
            .args(words)
            .current_dir(folder)
            .env_clear()
            .env("GATEWAY_MASTER_KEY", MASTER_KEY)
            .envs(self.shops.iter().map(|shop| (&shop.variable, shop.key())))
            .envs(
                self.shops.iter().filter_map(|shop| Some((shop.webhook_variable.as_ref()?, WEBHOOK_SECRET))),
            )
            .env("GATEWAY__PUBLIC__LISTEN", "127.0.0.1:0")
            .env("GATEWAY_ADMIN_TOKEN", ADMIN_TOKEN)
            .env("GATEWAY__ADMIN__TOKEN", "env:GATEWAY_ADMIN_TOKEN")
            .env("GATEWAY__ADMIN__LISTEN", "127.0.0.1:0")
            .env("GATEWAY__PUBLIC__LINK_BASE", "https://links.example")
            .env("GATEWAY__STRIPE__API_BASE", self.emulator.base_url())
            .env("GATEWAY__LOG__FORMAT", "json")
            .env("GATEWAY__LOG__FILTER", "debug,sqlx=warn");
        command.envs(self.settings.iter().copied());
        if let Some(profile) = SystemEnvironment.var("LLVM_PROFILE_FILE") {
            command.env("LLVM_PROFILE_FILE", profile);
        }
        command
    }

    fn log_file(&self, start: u32) -> std::path::PathBuf {
        self.folder.path().join(format!("gateway-{start}.log"))
    }

    /// What the present process has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file(self.starts)).unwrap_or_default()
    }

    /// What each process so far has logged.
    pub fn logs(&self) -> impl Iterator<Item = String> {
        (1..=self.starts).map(|start| fs::read_to_string(self.log_file(start)).unwrap_or_default())
    }

    /// What the process has logged up to now. It writes its lines later than it does what they tell of, in their order, so
    /// it is asked for one more.
    pub fn log_so_far(&self) -> String {
        let before = self.log().matches("sighup_received").count();
        self.send("-HUP");
        self.wait_for("sighup_received", before + 1);
        self.log()
    }

    /// Follows the log until it has an event so many times.
    pub fn wait_for(&self, event: &str, times: usize) {
        let deadline = tokio::time::Instant::now() + START_DEADLINE;
        let log = Followed::new(&self.log_file(self.starts));
        while self.log().matches(event).count() < times {
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            assert!(!left.is_zero(), "no {event}: {}", self.log());
            log.wait_for_more(left);
        }
    }

    /// The most memory that the process has had resident, in bytes, as Linux counts it.
    pub fn most_memory(&self) -> u64 {
        let process = self.process.as_ref().expect("the gateway runs").id();
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a high-water mark");
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kibibytes * 1024
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let mut process = self.process.take().expect("the gateway runs");
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// `kill -TERM`; gives the exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        self.ask_to_stop();
        self.ended()
    }

    /// `kill -TERM`, without waiting for what it does.
    pub fn ask_to_stop(&self) {
        self.send("-TERM");
    }

    fn send(&self, signal: &str) {
        let sent = Command::new("kill").arg(signal).arg(self.process_id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for the process to end by itself; gives the exit code.
    pub fn ended(&mut self) -> Option<i32> {
        self.process.take().expect("the gateway runs").wait().unwrap().code()
    }

    /// Where the public listener is.
    pub fn socket(&self) -> std::net::SocketAddr {
        self.address.parse().unwrap()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Where the admin listener is, as the log has it.
    pub fn admin_address(&self) -> String {
        self.wait_for("admin_listening", 1);
        let log = self.log();
        let line = log.lines().find(|line| line.contains("admin_listening")).expect("the listener is logged");
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let fields = line["fields"]["address"].as_str();
        fields.or(line["address"].as_str()).expect("an address").to_owned()
    }

    /// A client of the usual shop.
    pub fn client(&self, speaks: Speaks) -> Client {
        self.client_of(SHOP, speaks)
    }

    /// A client that finds the gateway at a merchant's own host, over plain HTTP as behind a proxy. It follows no redirect.
    #[expect(clippy::disallowed_methods, reason = "a test's own client")]
    pub fn client_on(&self, host: &str, speaks: Speaks) -> Client {
        let address = self.socket();
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let http = http.resolve(host, address).build().unwrap();
        Client { http, url: format!("http://{host}:{}/mcp", address.port()), speaks }
    }

    pub fn client_of(&self, shop: &str, speaks: Speaks) -> Client {
        Client::new(self.url(&format!("/t/{shop}/mcp")), speaks)
    }

    /// A token of the usual shop's, good for `amount` cents.
    pub fn token(&self, payment_method: &str, amount: i64) -> String {
        self.token_of(SHOP_ACCOUNT, payment_method, "usd", amount)
    }

    /// A token of the shop with this id.
    pub fn token_at(&self, shop: &str, payment_method: &str, currency: &str, amount: i64) -> String {
        let shop = self.shops.iter().find(|known| known.id == shop).expect("a shop of this world");
        self.token_of(&shop.account.account_id, payment_method, currency, amount)
    }

    pub fn token_of(&self, account: &str, payment_method: &str, currency: &str, amount: i64) -> String {
        let token = MintToken {
            account_id: account.to_owned(),
            payment_method: payment_method.to_owned(),
            currency: currency.to_owned(),
            max_amount: amount,
            expires_at: None,
        };
        self.emulator.mint_token(&token).unwrap()
    }

    /// Takes a token of the usual shop's back, as its agent would.
    pub async fn revoke(&self, http: &reqwest::Client, token: &str) {
        let base = self.emulator.base_url();
        let request = http
            .post(format!("{base}/v1/test_helpers/shared_payment/granted_tokens/{token}/revoke"))
            .header("authorization", format!("Bearer {SHOP_KEY}"))
            .header("stripe-version", "2026-09-30.preview")
            .header("idempotency-key", format!("revoke-{}", token.len()));
        assert_eq!(request.send().await.unwrap().status(), 200);
    }

    pub fn ledger(&self) -> Vec<LedgerEntry> {
        self.emulator.ledger()
    }

    /// How many requests to charge reached Stripe.
    pub fn charge_requests(&self) -> usize {
        let charge = |exchange: &&stripe_emulator::Exchange| {
            exchange.method == "POST" && exchange.path == "/v1/payment_intents"
        };
        self.emulator.exchanges().iter().filter(charge).count()
    }

    fn check_exchanges(&self) {
        let Some(schema) = StripeSchema::load() else { return };
        if self.settings.iter().any(|(name, _)| *name == "GATEWAY__STRIPE__TOKEN_PARAMETER") {
            // It is a name of another version of Stripe.
            return;
        }
        // What an agent's wallet asks of Stripe's test helpers is not the gateway's.
        let exchanges = self.emulator.exchanges().into_iter();
        let exchanges: Vec<_> =
            exchanges.filter(|exchange| !exchange.path.starts_with("/v1/test_helpers/")).collect();
        let wrong: Vec<String> =
            exchanges.iter().flat_map(|exchange| schema.check_exchange(exchange)).collect();
        assert!(wrong.is_empty(), "not as Stripe's schema has it:\n{}", wrong.join("\n"));
    }

    /// Every token that Stripe was asked about.
    fn tokens_seen(&self) -> Vec<String> {
        const TOKENS: &str = "/v1/shared_payment/granted_tokens/";
        let exchanges = self.emulator.exchanges();
        let asked = exchanges.iter().filter_map(|exchange| exchange.path.strip_prefix(TOKENS));
        asked.filter(|token| token.starts_with("spt_")).map(str::to_owned).collect()
    }

    /// No secret in clear in any log or database file; tokens only in the one sealed form.
    fn check_secrets(&self) {
        let tokens: HashSet<String> = self.tokens_seen().into_iter().chain(self.canaries.clone()).collect();
        let tokens: HashSet<&[u8]> = tokens.iter().map(String::as_bytes).collect();
        let secrets = [MASTER_KEY, ADMIN_TOKEN, WEBHOOK_SECRET, OLD_WEBHOOK_SECRET].map(str::to_owned);
        let keys: Vec<&[u8]> = self.shops.iter().map(|shop| shop.key().as_bytes()).collect();
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if !path.is_file() {
                continue;
            }
            let bytes = fs::read(&path).unwrap();
            for shown in words_in(&bytes, b"spt_") {
                assert!(!tokens.contains(shown), "{} holds a payment token in clear", path.display());
            }
            for head in [&b"sk_test_"[..], b"rk_test_"] {
                for shown in words_in(&bytes, head) {
                    let key = keys.iter().find(|key| shown.starts_with(key));
                    assert!(key.is_none(), "{} holds a Stripe key in clear", path.display());
                }
            }
            for head in [&b"pi_"[..], b"cs_test_", b"cs_live_"] {
                let is_client_secret =
                    |shown: &[u8]| shown.windows(b"_secret_".len()).any(|part| part == b"_secret_");
                let found = words_in(&bytes, head).any(is_client_secret);
                assert!(!found, "{} holds a client secret in clear", path.display());
            }
            for secret in &secrets {
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "{} holds {secret} in clear", path.display());
            }
        }
    }
}

/// A file that somebody writes to.
struct Followed(OwnedFd);

impl Followed {
    fn new(file: &Path) -> Self {
        let changes = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).unwrap();
        inotify::add_watch(&changes, file, WatchFlags::MODIFY).unwrap();
        Self(changes)
    }

    /// Waits until it was written to since the last call, but only so long.
    fn wait_for_more(&self, limit: Duration) {
        let mut changed = [PollFd::new(&self.0, PollFlags::IN)];
        poll(&mut changed, Some(&Timespec::try_from(limit).unwrap())).unwrap();
        while rustix::io::read(&self.0, &mut [0; 4096]).is_ok_and(|read| read > 0) {}
    }
}

impl Drop for TestGateway {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
        if std::thread::panicking() {
            eprintln!("the gateway's log:\n{}", self.log());
        } else {
            self.check_exchanges();
            self.check_secrets();
        }
    }
}

/// Whatever looks like a token or key that begins like this.
fn words_in<'a>(bytes: &'a [u8], head: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let heads = bytes.windows(head.len()).enumerate().filter(move |(_, window)| *window == head);
    heads.map(|(start, _)| {
        let rest = &bytes[start..];
        let end = rest.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
        &rest[..end.unwrap_or(rest.len())]
    })
}

/// Writes a file beside its place and moves it there, as editors do.
pub fn put(path: &Path, content: &str) {
    let beside = path.with_extension("tmp");
    fs::write(&beside, content).unwrap();
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(beside, path).unwrap();
}

pub fn account(id: &str, key: &str, may_read_account: bool, network_id: &str) -> AccountSeed {
    AccountSeed {
        account_id: id.to_owned(),
        secret_keys: vec![KeySeed { key: key.to_owned(), may_read_account }],
        network_id: network_id.to_owned(),
    }
}

/// The first sample shop as it is shipped, and a second one whose restricted key may not read its account.
pub fn usual_shops() -> Vec<Shop> {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("tenants/harbor-coffee.toml");
    let shop = |id: &str, file: String, variable: &str, account| Shop {
        id: id.to_owned(),
        file,
        variable: variable.to_owned(),
        webhook_variable: None,
        account,
    };
    vec![
        shop(
            SHOP,
            fs::read_to_string(sample).unwrap(),
            "MERCHANT_HARBOR_COFFEE__STRIPE_KEY",
            account(SHOP_ACCOUNT, SHOP_KEY, true, "profile_test_harborcoffee"),
        ),
        shop(
            OTHER_SHOP,
            OTHER_TENANT.to_owned(),
            "MERCHANT_KILN_WORKS__STRIPE_KEY",
            account(OTHER_ACCOUNT, OTHER_KEY, false, "profile_test_kilnworks"),
        ),
    ]
}

const OTHER_TENANT: &str = r#"
name = "Kiln Works"
mode = "test"
hosts = ["kiln.localhost"]
currency = "usd"
[stripe]
network_id = "profile_test_kilnworks"
account_id = "acct_kiln"
secret_key = "env:MERCHANT_KILN_WORKS__STRIPE_KEY"
[tax]
provider = "none"
[[products]]
id = "bowl"
title = "Salad Bowl"
description = "Glazed by hand"
price = 4000
[[products]]
id = "gift-note"
title = "Gift Note"
price = 300
shippable = false
[[shipping]]
id = "post"
title = "Post"
price = 700
"#;
