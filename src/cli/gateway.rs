//! A whole gateway in this process: every part is made here, once, and given to the parts that need it.
//!
//! Order of a start: keys, store, HTTP clients, actors, listeners, merchants, sweeper, waiting events of Stripe,
//! retention, order events, and only then the verification of the merchants' accounts at Stripe. Order of a stop:
//! public listener (open requests finish within the grace time), sweeper, order events, actors, admin listener,
//! store.

use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use anyhow::Context as _;
use tokio::runtime::Runtime;
use tokio::sync::{Notify, oneshot, watch};

use super::master_key;
use crate::actors::{Arbiters, Directory};
use crate::config::admin_token::AdminToken;
#[cfg(feature = "emulator")]
use crate::config::diagnostic::Diagnostic;
use crate::config::gateway::{GatewayConfig, StoreConfig};
use crate::config::tenant::TenantConfig;
use crate::delivery::{Dispatcher, HttpWebhookSender};
use crate::domain::time::Span;
use crate::http::admin::{self, Admin, Probes};
use crate::http::public::{self, PublicSettings};
use crate::payments::StripePlaces;
use crate::payments::{Dependencies, Payees};
use crate::ports::{Clock, Environment, SystemClock, SystemIds, descriptor_limit};
use crate::protocol::links::PublicLinks;
use crate::runtime::{DiskSpace, Io, Kept, follow_up, retain, sweep, watch_disk};
use crate::store::SqliteStore;
use crate::stripe::{StripeTransport, TransportConfig, in_words};
use crate::tenants::{Folder, FolderStatus, FolderWatch, Places, watch_folder};

/// How long open requests may continue after a stop. A checkout that takes longer continues at the next start.
const GRACE: Duration = Duration::from_secs(25);

/// How long order events that are being sent may take after a stop. Those that take longer are sent again at the next
/// start.
const LAST_EVENTS: Duration = Duration::from_secs(5);

/// How long reading a granted token or a PaymentIntent may take.
const READ_TIMEOUT: Span = Span::seconds(8);

/// The inputs of a gateway besides its configuration.
pub(super) struct Needs {
    /// The bound public listener.
    pub(super) listener: TcpListener,
    /// The bound admin listener.
    pub(super) admin: TcpListener,
    /// The environment for secrets named `env:`.
    pub(super) environment: Arc<dyn Environment>,
    /// Whether SIGHUP reloads the merchants' files; otherwise it stops the process.
    pub(super) reloads_on_hangup: bool,
    /// Whether the master key that the database was served with is permanently lost.
    pub(super) master_key_lost: bool,
}

/// A running gateway.
pub(super) struct Gateway {
    address: SocketAddr,
    opened: Arc<FolderStatus>,
    #[cfg_attr(not(feature = "emulator"), expect(dead_code, reason = "only the demo asks who can be paid"))]
    directory: Arc<Directory>,
    io: Runtime,
    store: Arc<SqliteStore>,
    server: ServerHandle,
    admin: ServerHandle,
    probes: Probes,
    stop: watch::Sender<bool>,
    /// Resolves when a stop is requested, from the start on.
    stop_signal: Pin<Box<dyn Future<Output = &'static str> + Send>>,
    /// Resolves when the listener has ended.
    ended: oneshot::Receiver<()>,
    actors: JoinHandle<()>,
}

impl Gateway {
    /// Starts everything and returns once the listener serves.
    pub(super) fn start(config: GatewayConfig, needs: Needs) -> anyhow::Result<Self> {
        let address = needs.listener.local_addr()?;
        let io = tokio::runtime::Builder::new_multi_thread().thread_name("io").enable_all().build()?;
        let reload = Arc::new(Notify::new());
        // Registered before the gateway reports that it serves, so that an early signal counts.
        let hangup = needs.reloads_on_hangup.then(|| Arc::clone(&reload));
        let stop_signal = Box::pin(io.block_on(async { signal(hangup) })?);
        let token = config.admin.token.as_ref();
        let token = token.map(|token| AdminToken::load(token, needs.environment.as_ref())).transpose()?;
        let store = io.block_on(open_store(&config.store))?;
        let deps = Arc::new(deps(&config, needs.environment.as_ref(), Io::new(io.handle().clone()), &store)?);
        io.block_on(master_key::check(&config, &deps.keyring, &store, needs.master_key_lost))?;
        let sender = HttpWebhookSender::new(config.order_events.allow_loopback, Arc::clone(&deps.clock))?;
        let (stop, stopped) = watch::channel(false);
        let (started, starting) = mpsc::channel();
        let on_thread = move || {
            let inputs = Inputs { config: Arc::new(config), needs, token, sender, reload };
            serve_on_this_thread(inputs, &deps, (&started, stopped));
        };
        let actors = std::thread::Builder::new().name("actors".to_owned()).spawn(on_thread)?;
        let started = starting.recv().context("the gateway's threads could not be started")??;
        let Started { server, admin, probes, directory, opened, ended } = started;
        Ok(Self {
            address,
            opened,
            directory,
            io,
            store,
            server,
            admin,
            probes,
            stop,
            stop_signal,
            ended,
            actors,
        })
    }

    /// The address of its public listener.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The merchants that it served first.
    pub(super) fn merchants(&self) -> &[Arc<TenantConfig>] {
        &self.opened.merchants
    }

    /// The merchants that were not served at first although they have a file.
    pub(super) fn left_out(&self) -> Vec<String> {
        self.opened.left_out()
    }

    /// The problems of these merchants.
    #[cfg(feature = "emulator")]
    pub(super) fn problems(&self) -> &[Diagnostic] {
        &self.opened.problems
    }

    /// Waits until every merchant's Stripe account is verified, so that it can be paid; `false` if it takes too long.
    #[cfg(feature = "emulator")]
    pub(super) fn wait_until_payable(&self, limit: Duration) -> bool {
        let payable = |merchant: &Arc<TenantConfig>| {
            self.directory.by_id(merchant.id()).is_some_and(|handle| handle.view().payments_off.is_none())
        };
        let waiting = async {
            while !self.opened.merchants.iter().all(payable) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        self.io.block_on(async { tokio::time::timeout(limit, waiting).await.is_ok() })
    }

    /// Serves until SIGTERM or SIGINT, then stops in order. A listener or a store that ends by itself is a failure,
    /// after which a new process may succeed.
    pub(super) fn run_until_signal(mut self) -> anyhow::Result<()> {
        let (stop_signal, ended, store) = (&mut self.stop_signal, &mut self.ended, Arc::clone(&self.store));
        let why: Result<_, &str> = self.io.block_on(async {
            tokio::select! {
                signal = stop_signal => Ok(signal),
                _ = ended => Err("the listener ended by itself; the log says why"),
                () = store.stopped() => Err("the store stopped by itself; the log says why"),
            }
        });
        match why {
            Ok(signal) => tracing::info!(signal, "stopping"),
            Err(cause) => tracing::error!(cause, "stopping"),
        }
        self.stop()?;
        why.map(|_| ()).map_err(anyhow::Error::msg)
    }

    /// Stops in order: work in progress finishes or is durable.
    pub(super) fn stop(self) -> anyhow::Result<()> {
        self.probes.stopping();
        self.io.block_on(self.server.stop(true));
        // Before the tasks: their stop ends the thread that the admin listener needs to stop.
        self.io.block_on(self.admin.stop(false));
        let _ = self.stop.send(true);
        // Tasks with a stop receiver have ended when no receiver is left.
        let _ = self.io.block_on(async { tokio::time::timeout(LAST_EVENTS, self.stop.closed()).await });
        self.actors.join().map_err(|_| anyhow::anyhow!("the actors' thread panicked"))?;
        self.io.block_on(self.store.close());
        self.io.shutdown_timeout(Duration::from_secs(1));
        Ok(())
    }
}

/// The result of the start on the actors' thread.
struct Started {
    server: ServerHandle,
    admin: ServerHandle,
    probes: Probes,
    directory: Arc<Directory>,
    opened: Arc<FolderStatus>,
    ended: oneshot::Receiver<()>,
}

/// The inputs of the actors' thread.
struct Inputs {
    config: Arc<GatewayConfig>,
    needs: Needs,
    token: Option<AdminToken>,
    sender: HttpWebhookSender,
    /// Asks for a reload of the merchants.
    reload: Arc<Notify>,
}

/// The thread of the actix system, which actors and listener run on.
fn serve_on_this_thread(
    Inputs { config, needs, token, sender, reload }: Inputs,
    deps: &Arc<Dependencies>,
    (started, mut stopped): (&mpsc::Sender<anyhow::Result<Started>>, watch::Receiver<bool>),
) {
    let system = actix_web::rt::System::new();
    system.block_on(async {
        let arbiters = Arbiters::start(cores());
        let directory = Arc::new(Directory::new(Arc::clone(deps), &arbiters));
        let settings = PublicSettings {
            base_hosts: config.public.base_hosts.clone(),
            allowed_origins: config.public.allowed_origins.clone(),
            trusted_proxies: config.public.trusted_proxies.clone(),
            max_body: config.public.max_body_bytes,
            workers: config.public.workers.map_or_else(cores, std::num::NonZeroUsize::get),
            grace_seconds: GRACE.as_secs(),
        };
        // No request is served and Stripe is not asked yet: both wait until all parts are ready.
        let merchants = (Arc::clone(&directory), Arc::clone(deps));
        let folder = Arc::new(Folder::new(Arc::clone(&config), needs.environment, merchants));
        let places =
            Places { tenants: config.tenants.dir.clone(), secrets: config.secrets.dir.path().to_path_buf() };
        let watch = FolderWatch::begin(places).await;
        let opened = match folder.reload().await {
            Ok(opened) => opened,
            Err(error) => {
                let _ = started.send(Err(error.into()));
                return;
            }
        };
        if opened.merchants.is_empty() && !directory.has_removed() {
            let _ = started.send(Err(no_merchant(&config, &opened)));
            return;
        }
        let clock = Arc::clone(&deps.clock);
        let operators = Admin {
            directory: Arc::clone(&directory),
            folder: Arc::clone(&folder),
            token,
            clock: Arc::clone(&deps.clock),
        };
        let of_folder = (Arc::clone(&folder), config.tenants.require_all);
        let probes = Probes::new(deps, Arc::clone(&directory), of_folder);
        let serving = public::serve(needs.listener, Arc::clone(&directory), settings, clock)
            .and_then(|server| Ok((server, admin::serve(needs.admin, operators, probes.clone())?)));
        let (server, admin) = match serving {
            Ok(serving) => serving,
            Err(error) => {
                let _ = started.send(Err(error.into()));
                return;
            }
        };
        let dispatcher = dispatcher(sender, deps, &directory);
        let (store, clock) = (Arc::clone(&deps.store), Arc::clone(&deps.clock));
        deps.io.start(sweep(store, clock, Arc::clone(&directory) as _, stopped.clone()));
        let (inbox, clock) = (Arc::clone(&deps.inbox), Arc::clone(&deps.clock));
        let recipients = Arc::clone(&directory);
        let follow = move |waiting| {
            let recipients = Arc::clone(&recipients);
            async move { recipients.follow(waiting).await }
        };
        deps.io.start(follow_up(inbox, clock, follow, stopped.clone()));
        let kept = Kept {
            retention: Arc::clone(&deps.retention),
            inbox: Arc::clone(&deps.inbox),
            reconciliation: Arc::clone(&deps.reconciliation),
        };
        let clock = Arc::clone(&deps.clock);
        let StoreConfig::Sqlite(path) = &config.store;
        let room = (path.clone(), config.minimum_free);
        deps.io.start(watch_disk(Arc::clone(&deps.disk), room, stopped.clone()));
        deps.io.start(retain(kept, config.retention, clock, stopped.clone()));
        deps.io.start(dispatcher.run(stopped.clone()));
        deps.io.start(watch_folder(folder, (watch, reload), stopped.clone()));
        let (end, ended) = oneshot::channel();
        let (handle, admin_handle) = (server.handle(), admin.handle());
        let started_well = Started { server: handle, admin: admin_handle, probes, directory, opened, ended };
        let _ = started.send(Ok(started_well));
        deps.places.begin_verifications();
        actix_web::rt::spawn(admin);
        if let Err(error) = server.await {
            tracing::error!(cause = in_words(&error), "listener_failed");
        }
        let _ = end.send(());
        let _ = stopped.wait_for(|stop| *stop).await;
        arbiters.stop();
    });
}

/// Why a gateway without a merchant does not start: it would seem healthy and sell nothing. One that has to finish what
/// removed merchants have begun does.
fn no_merchant(config: &GatewayConfig, opened: &FolderStatus) -> anyhow::Error {
    let dir = config.tenants.dir.display();
    if opened.problems.is_empty() {
        return anyhow::anyhow!(
            "the folder {dir} holds no merchant; add a file such as harbor-coffee.toml, or set tenants.dir to the folder \
             that holds some"
        );
    }
    let lines: Vec<String> = opened.problems.iter().map(ToString::to_string).collect();
    anyhow::anyhow!("no merchant of the folder {dir} can be served:\n{}", lines.join("\n"))
}

/// The dispatcher of order events.
fn dispatcher(sender: HttpWebhookSender, deps: &Dependencies, directory: &Arc<Directory>) -> Arc<Dispatcher> {
    let directory = Arc::clone(directory);
    Arc::new(Dispatcher::new(
        Arc::clone(&deps.outbox),
        Arc::new(sender),
        Arc::new(move |tenant| directory.receiver(tenant)),
        (Arc::clone(&deps.clock), Arc::clone(&deps.ids)),
    ))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}

async fn open_store(config: &StoreConfig) -> anyhow::Result<Arc<SqliteStore>> {
    match config {
        StoreConfig::Sqlite(path) => Ok(Arc::new(SqliteStore::open(path).await?)),
    }
}

/// The disk space, checked before the first request.
fn disk(config: &GatewayConfig) -> Arc<DiskSpace> {
    let (space, StoreConfig::Sqlite(path)) = (DiskSpace::default(), &config.store);
    if let Err(error) = space.check(path, config.minimum_free) {
        tracing::warn!(cause = in_words(&error), path = %path.display(), "disk_space_unknown");
    }
    Arc::new(space)
}

fn deps(
    config: &GatewayConfig,
    environment: &dyn Environment,
    io: Io,
    store: &Arc<SqliteStore>,
) -> anyhow::Result<Dependencies> {
    let keyring = config.secrets.keyring(environment).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{}", lines.join("\n"))
    })?;
    let keyring = Arc::new(keyring);
    let span = |duration: Duration| Span::millis(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX));
    let charge_timeout = span(config.stripe.request_timeout);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let transport = TransportConfig {
        api_base: config.stripe.api_base.clone(),
        version: config.stripe.version.clone(),
        token_parameter: config.stripe.token_parameter.clone(),
        connect_timeout: span(config.stripe.connect_timeout),
        charge_timeout,
        read_timeout: READ_TIMEOUT.min(charge_timeout),
    };
    let stripe = StripeTransport::new(transport, Arc::clone(&clock))?;
    Ok(Dependencies {
        store: Arc::clone(store) as _,
        outbox: Arc::clone(store) as _,
        reconciliation: Arc::clone(store) as _,
        drain: span(config.restore.drain),
        inbox: Arc::clone(store) as _,
        retention: Arc::clone(store) as _,
        disk: disk(config),
        stripe: Arc::new(stripe),
        places: Arc::new(StripePlaces::within(descriptor_limit())),
        payees: Payees::default(),
        io,
        clock,
        ids: Arc::new(SystemIds),
        links: PublicLinks::new(Arc::clone(&keyring), config.public.link_base.clone()),
        keyring,
        requests: AtomicU64::new(1),
    })
}

/// Waits for a signal to stop and returns its name. SIGHUP notifies `hangup`, and stops where there is none. Signals
/// count from the call on, not from the first poll.
pub(super) fn signal(hangup: Option<Arc<Notify>>) -> std::io::Result<impl Future<Output = &'static str>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hung_up = signal(SignalKind::hangup())?;
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => return "SIGTERM",
                _ = interrupt.recv() => return "SIGINT",
                _ = hung_up.recv() => match &hangup {
                    Some(reload) => {
                        tracing::info!("sighup_received");
                        reload.notify_one();
                    }
                    None => return "SIGHUP",
                },
            }
        }
    })
}
