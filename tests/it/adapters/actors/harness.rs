//! Everything that actors need, on one thread whose time is paused: real merchants, sessions and sweeper, and around them a
//! store and a Stripe that the weather spoils.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use merchant_gateway::actors::{Arbiters, Directory, MerchantHandle};
use merchant_gateway::config::gateway::RetentionConfig;
use merchant_gateway::config::gateway_secret::GatewaySecretRef;
use merchant_gateway::config::master_keys::read_keyring;
use merchant_gateway::domain::address::Buyer;
use merchant_gateway::domain::checkout::model::{Answer, Command, Flag, Payment, Session};
use merchant_gateway::domain::ids::{Revision, SessionId, Tenant};
use merchant_gateway::domain::merchant::MerchantView;
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::origin::TokenDoor;
use merchant_gateway::domain::time::{Span, Timestamp};
use merchant_gateway::payments::StripePlaces;
use merchant_gateway::payments::{Dependencies, MerchantSetup, Payees};
use merchant_gateway::ports::{Clock, FixedEnvironment};
use merchant_gateway::protocol::links::PublicLinks;
use merchant_gateway::runtime::{DiskSpace, Io, Kept, retain, sweep};
use merchant_gateway::store::{Loaded, Store};
use secrecy::SecretString;
use test_support::memory_store::MemoryStore;
use tokio::sync::watch;

use super::faults::{FatalIds, FaultSchedule, Life, PausedClock};
use super::seller::ModelSellers;
use super::store::FlakyStore;
use super::strays::CountedInbox;
use test_support::model_stripe::{Card, Payment as Charged, Token};
use test_support::shop;

/// Runs `work` on this thread alone. Time stands still while anything can be done, and then jumps.
pub fn on_one_thread<T>(work: impl Future<Output = T>) -> T {
    let paused = || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    actix::System::with_tokio_rt(|| paused().unwrap()).block_on(work)
}

pub struct ActorHarness {
    pub faults: Arc<FaultSchedule>,
    pub store: Arc<FlakyStore>,
    pub inbox: Arc<CountedInbox>,
    pub stripe: ModelSellers,
    pub merchants: Vec<MerchantHandle>,
    pub disk: Arc<DiskSpace>,
    pub life: Life,
    pub directory: Arc<Directory>,
    deps: Arc<Dependencies>,
    /// How many hold the services while no session is live.
    holders: usize,
    _sweeping: watch::Sender<bool>,
}

/// What is around a process and outlives it.
pub struct Outside {
    pub faults: Arc<FaultSchedule>,
    pub clock: Arc<dyn Clock>,
    pub stripe: ModelSellers,
    pub seed: u64,
}

impl Outside {
    pub fn new(faults: FaultSchedule, seed: u64) -> Self {
        let faults = Arc::new(faults);
        let clock: Arc<dyn Clock> = Arc::new(PausedClock::new());
        let stripe = ModelSellers::new(Arc::clone(&faults), Arc::clone(&clock));
        Self { faults, clock, stripe, seed }
    }
}

/// What a process finds, and what of it goes away; `None` where nothing does.
#[derive(Default)]
pub struct Rows {
    pub rows: MemoryStore,
    pub retention: Option<RetentionConfig>,
}

impl ActorHarness {
    /// A house with one shop, in which nothing happens but what the test wants.
    pub async fn calm() -> Self {
        let harness = Self::open(FaultSchedule::calm(), 1, &[shop::view()]);
        tokio::time::sleep(Duration::from_secs(1)).await;
        harness
    }

    pub fn open(faults: FaultSchedule, seed: u64, views: &[MerchantView]) -> Self {
        Self::open_on(&Arbiters::on_this_thread(), (faults, seed), views)
    }

    /// The same with its actors on other threads.
    pub fn open_on(
        arbiters: &Arbiters,
        (faults, seed): (FaultSchedule, u64),
        views: &[MerchantView],
    ) -> Self {
        Self::start(arbiters, Outside::new(faults, seed), views, Rows::default())
    }

    /// Starts a process on some rows.
    pub fn start(arbiters: &Arbiters, outside: Outside, views: &[MerchantView], rows: Rows) -> Self {
        let Outside { faults, clock, stripe, seed } = outside;
        let life = Life::begin();
        let stripe = stripe.of_process(life.clone());
        let store = FlakyStore::new(Arc::clone(&faults), rows.rows, life.clone(), rows.retention.is_some());
        let store = Arc::new(store);
        let environment = FixedEnvironment::new([("MASTER", "8f3c1d0a5b7e9624".repeat(4))]);
        let reference = GatewaySecretRef::Env("MASTER".to_owned());
        let keyring = Arc::new(read_keyring(&reference, &[], &environment).unwrap());
        let disk = Arc::new(DiskSpace::default());
        let rest = Arc::clone(&store.rows);
        let inbox = Arc::new(CountedInbox::new(rest.clone()));
        let deps = Arc::new(Dependencies {
            store: store.clone(),
            outbox: rest.clone(),
            reconciliation: rest.clone(),
            drain: Span::seconds(150),
            inbox: inbox.clone(),
            retention: rest.clone(),
            disk: Arc::clone(&disk),
            stripe: Arc::new(stripe.clone()),
            places: Arc::new(StripePlaces::within(None)),
            payees: Payees::default(),
            io: Io::new(tokio::runtime::Handle::current()),
            clock: Arc::clone(&clock),
            ids: Arc::new(FatalIds::new(seed, Arc::clone(&faults))),
            links: PublicLinks::new(Arc::clone(&keyring), None),
            keyring,
            requests: AtomicU64::new(1),
        });
        deps.places.begin_verifications();
        let directory = Arc::new(Directory::new(Arc::clone(&deps), arbiters));
        for view in views {
            directory.open(&setup(view));
        }
        let merchants: Vec<MerchantHandle> =
            views.iter().map(|view| directory.by_id(&view.id).unwrap()).collect();
        // The directory, and of every merchant its actor, its handles here and there.
        let holders = Arc::strong_count(&deps);
        let (sweeping, stopped) = watch::channel(false);
        let due = Arc::clone(&directory) as _;
        deps.io.start(sweep(store.clone(), Arc::clone(&clock), due, stopped.clone()));
        if let Some(rules) = rows.retention {
            let kept = Kept { retention: rest.clone(), inbox: rest.clone(), reconciliation: rest };
            deps.io.start(retain(kept, rules, clock, stopped));
        }
        Self {
            faults,
            store,
            inbox,
            stripe,
            merchants,
            disk,
            life,
            directory,
            deps,
            holders,
            _sweeping: sweeping,
        }
    }

    /// What is around the process, for one that follows it. Its ids are others.
    pub fn outside(&self, seed: u64) -> Outside {
        let (faults, clock) = (Arc::clone(&self.faults), Arc::clone(&self.deps.clock));
        Outside { faults, clock, stripe: self.stripe.clone(), seed }
    }

    pub fn merchant(&self, tenant: &Tenant) -> &MerchantHandle {
        self.merchants
            .iter()
            .find(|merchant| merchant.tenant() == tenant)
            .expect("a merchant of this process")
    }

    pub fn now(&self) -> Timestamp {
        self.deps.clock.now()
    }

    /// How many session actors live, under whatever address, and pieces of work that they have begun.
    pub fn at_work(&self) -> usize {
        Arc::strong_count(&self.deps) - self.holders
    }

    /// Has a payment flagged as one of this session.
    pub async fn flag(&self, tenant: &Tenant, flag: Flag) {
        self.deps.reconciliation.flag(tenant, flag).await.unwrap();
    }

    /// A session as the store has it.
    pub async fn row(&self, tenant: &Tenant, id: &SessionId) -> Loaded {
        self.store.rows.load(tenant, id, None).await.unwrap()
    }

    /// What was paid for a session.
    pub fn paid(&self, tenant: &Tenant, id: &SessionId) -> Vec<Charged> {
        self.stripe.with(&key(tenant), |account, now| {
            account.advance(now);
            account.succeeded(id).cloned().collect()
        })
    }

    /// A token of this shop, good for so much.
    pub fn grant(&self, tenant: &Tenant, token: &str, (card, limit): (Card, Money)) {
        self.stripe.with(&key(tenant), |account, now| {
            let expires = now + Span::hours(2);
            let new = || Token { card, limit, used: 0, expires, revoked: false };
            account.tokens.entry(token.to_owned()).or_insert_with(new);
        });
    }

    /// A ready session of the first shop.
    pub async fn ready(&self) -> Session {
        let Answer { session, .. } = *self.merchants[0].create(shop::two_mugs(), None).await.unwrap();
        session
    }

    /// The command that pays a session of the first shop with a good token.
    pub fn payment(&self, session: &Session, token: &str) -> Command {
        let total = session.quote().unwrap().total;
        self.grant(self.merchants[0].tenant(), token, (Card::Pays, total));
        pay(token, session.revision)
    }
}

/// What opens or changes a shop.
pub fn setup(view: &MerchantView) -> MerchantSetup {
    MerchantSetup {
        view: view.clone(),
        given_account: None,
        shares_account: false,
        key: SecretString::from(key(&view.tenant())),
        next_key: None,
        receiver: None,
        webhook_secrets: Vec::new(),
        is_removed: false,
    }
}

/// The secret key of a shop.
pub fn key(tenant: &Tenant) -> String {
    format!("sk_test_{}", tenant.merchant.as_str().replace('-', ""))
}

pub fn pay(token: &str, revision: Revision) -> Command {
    let (revision, buyer) = (Some(revision), Buyer::default());
    Command::Complete(Payment {
        door: TokenDoor::PaymentSheet,
        user_agent: None,
        challenge: None,
        revision,
        token: token.parse().unwrap(),
        buyer,
    })
}
