//! The other sides of the gateway on loopback: a Stripe below it, and a host above it ([`Host`]).
//!
//! The Stripe is stateful, deterministic, and the independent counterpart of the gateway's Stripe client. It speaks the part of the API by which a seller charges Shared Payment Tokens: `account`, the granted tokens and
//! their test helpers, and PaymentIntents; Checkout Sessions with their [`hosted`] page; refunds and
//! disputes; and the events of all that, by [`webhooks`] too; with Stripe's idempotency, errors, limits, modes and versions. What it does
//! not emulate it refuses in words instead of ignoring it. `demo` and the tests pay against it.
//!
//! The host is a page for people and browsers in which an assistant without a model shops, and the servers behind it: see
//! [`host`].
//!
//! Read the Stripe in this order: [`server`] takes the bytes, [`service`] checks them in Stripe's order (`accounts`, `version`,
//! `form`, `params`, `requests`, `idempotency`), [`world`] executes on the [`ledger`] of one account and mode
//! (`granted_token`, `payment_intent`, `charge`, `checkout_session`, `refund`, `dispute`, `event`, `payment_source`, `test_cards`, `currencies`, `paging`), [`records`] is what a test looks at afterwards,
//! [`hold`] stops a payment midway, and [`faults`] decides what goes wrong by plan: `service` acts on it at Stripe, [`wire`]
//! on the way back.
//!
//! Must import only `ports`, `domain::time` and outside crates: sharing code with the client would hide its mistakes.

mod accounts;
mod charge;
mod checkout_session;
mod control;
mod currencies;
mod dispute;
mod error;
mod event;
mod faults;
mod form;
mod granted_token;
mod hold;
mod host;
mod hosted;
mod idempotency;
mod ids;
mod ledger;
mod loopback;
mod paging;
mod params;
mod payment_intent;
mod payment_source;
mod records;
mod refund;
mod requests;
mod server;
mod service;
mod test_cards;
mod turn;
mod version;
mod webhooks;
mod wire;
mod world;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use serde_json::Value;

use crate::domain::time::{Span, Timestamp};
use crate::ports::Clock;

pub use accounts::{AccountSeed, KeySeed};
pub use faults::{FAULT_NAMES, Fault, FaultPlan, Odds, RandomFaults, RequestKind, Scripted};
pub use hold::{Hold, HoldPoint};
pub use host::{Host, HostMerchant, HostOptions};
pub use hosted::HostedOutcome;
pub use records::{Exchange, ExchangeHeaders, LedgerEntry};
pub use webhooks::{Delivery, DeliveryAttempt, DeliveryState, WebhookEndpoint, WebhookPlan};

use accounts::Mode;
use ids::IdSource;
use loopback::Loopback;
use service::EmulatorState;
use world::World;

/// How an emulator starts.
#[derive(Clone)]
pub struct EmulatorOptions {
    /// What time it is for tokens, payments and idempotency keys.
    pub clock: Arc<dyn Clock>,
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// The accounts that it knows from the start.
    pub accounts: Vec<AccountSeed>,
    /// How long a payment with the card `pm_emulator_slow` takes.
    pub slow_payment: Span,
}

impl EmulatorOptions {
    /// A free port, no accounts yet, and slow payments that outlast the patience of those who wait for them.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, port: 0, accounts: Vec::new(), slow_payment: Span::seconds(25) }
    }
}

/// A Shared Payment Token that an agent grants to a seller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MintToken {
    /// The seller.
    pub account_id: String,
    /// The shopper's test payment method, such as `pm_card_visa`; it decides what a payment comes to.
    pub payment_method: String,
    /// The currency that the token pays in.
    pub currency: String,
    /// The most that it pays in all, in minor units.
    pub max_amount: i64,
    /// When it ends, if not by its limit.
    pub expires_at: Option<Timestamp>,
}

/// Why the emulator's handle did not do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such account was seeded.
    #[error("the emulator has no account {account}; add it with `add_account`")]
    UnknownAccount {
        /// The account that was named.
        account: String,
    },
    /// A seeded key does not look like one.
    #[error("{key} is not a secret key: it must begin with sk_test_, rk_test_, sk_live_ or rk_live_")]
    NotASecretKey {
        /// The key, masked.
        key: String,
    },
    /// A seeded key is in use.
    #[error("the key {key} belongs to another account")]
    KeyOfAnotherAccount {
        /// The key, masked.
        key: String,
    },
    /// A token cannot be granted like this.
    #[error("the token cannot be granted: {message}")]
    InvalidToken {
        /// Stripe's words.
        message: String,
    },
    /// There is nothing to settle.
    #[error("there is no payment intent {payment_intent} that is processing")]
    NotProcessing {
        /// The intent that was named.
        payment_intent: String,
    },
    /// A webhook endpoint is somewhere else.
    #[error("webhooks go to http addresses on this machine only, and {url} is none")]
    NotOnLoopback {
        /// The address that was named.
        url: String,
    },
    /// There is no such webhook endpoint.
    #[error("the emulator has no webhook endpoint {endpoint}")]
    UnknownEndpoint {
        /// The endpoint that was named.
        endpoint: String,
    },
    /// There is nothing that a bank could take back.
    #[error("the payment intent {payment_intent} has no money left that a bank could take back")]
    NotDisputable {
        /// The intent that was named.
        payment_intent: String,
    },
    /// There is no dispute to decide.
    #[error("there is no dispute {dispute} that is open")]
    DisputeIsClosed {
        /// The dispute that was named.
        dispute: String,
    },
    /// There is no refund to decide.
    #[error("there is no refund {refund} that can be decided like this")]
    RefundIsDecided {
        /// The refund that was named.
        refund: String,
    },
    /// There is no such session.
    #[error("the emulator has no checkout session {session}")]
    UnknownSession {
        /// The session that was named.
        session: String,
    },
    /// Nobody can pay there any more.
    #[error("the checkout session {session} is {status}: nothing can be paid there")]
    SessionNotOpen {
        /// The session that was named.
        session: String,
        /// `complete` or `expired`.
        status: &'static str,
    },
    /// The page does not offer this.
    #[error("the page of the checkout session {session} does not offer to pay with {payment_method}")]
    NotOffered {
        /// The session that was named.
        session: String,
        /// What the shopper wanted to pay with.
        payment_method: String,
    },
    /// Nobody was asked to authenticate.
    #[error("at the checkout session {session} nobody is asked to authenticate")]
    NotAuthenticating {
        /// The session that was named.
        session: String,
    },
}

/// A running emulator. It stops when it is dropped.
pub struct Emulator {
    shared: Arc<EmulatorState>,
    server: Loopback,
}

impl Emulator {
    /// Starts on a thread of its own and returns once it accepts connections.
    pub fn start(options: EmulatorOptions) -> io::Result<Self> {
        let listener = loopback::bind(options.port)?;
        let now = options.clock.now();
        let address = listener.local_addr()?;
        let ids = IdSource::new(now.as_millis(), address.port());
        let mut world = World::new(ids, format!("http://{address}"));
        for seed in &options.accounts {
            world
                .add_account(seed, now)
                .map_err(|refusal| io::Error::new(io::ErrorKind::InvalidInput, refusal))?;
        }
        let shared = Arc::new(EmulatorState::new(options.clock, options.slow_payment, world));
        let serving = Arc::clone(&shared);
        let server =
            Loopback::start("stripe-emulator", listener, move |listener| server::serve(listener, serving))?;
        Ok(Self { shared, server })
    }

    /// Where it listens, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Adds an account. A known account gets these keys and profile: keys it had that are not listed expire, while its
    /// tokens and payments stay.
    pub fn add_account(&self, seed: &AccountSeed) -> Result<(), Refusal> {
        let now = self.shared.now();
        self.shared.world().add_account(seed, now)
    }

    /// Takes the permission for these requests from a key, as a restricted key may lack it; those of an earlier call are
    /// granted again.
    pub fn forbid(&self, key: &str, kinds: &[RequestKind]) {
        self.shared.world().keyring.forbid(key, kinds);
    }

    /// The account that agents know by this profile.
    #[must_use]
    pub fn account_of_network(&self, network_id: &str) -> Option<String> {
        self.shared.world().keyring.account_of_network(network_id)
    }

    /// Grants a token in test mode, as `POST /v1/test_helpers/shared_payment/granted_tokens` does; returns its id.
    pub fn mint_token(&self, token: &MintToken) -> Result<String, Refusal> {
        let now = self.shared.now();
        self.shared.world().mint(token, Mode::Test, now)
    }

    /// Grants a token in live mode, which no endpoint does.
    pub fn mint_live_token(&self, token: &MintToken) -> Result<String, Refusal> {
        let now = self.shared.now();
        self.shared.world().mint(token, Mode::Live, now)
    }

    /// Lets a payment that is `processing` succeed.
    pub fn finish_processing(&self, payment_intent: &str) -> Result<(), Refusal> {
        let now = self.shared.now();
        self.shared.world().finish_processing(payment_intent, true, now)
    }

    /// Lets a payment that is `processing` be declined.
    pub fn decline_processing(&self, payment_intent: &str) -> Result<(), Refusal> {
        let now = self.shared.now();
        self.shared.world().finish_processing(payment_intent, false, now)
    }

    /// Lets a refund that is pending succeed.
    pub fn finish_refund(&self, refund: &str) -> Result<(), Refusal> {
        let now = self.shared.now();
        self.shared.world().finish_refund(refund, true, now)
    }

    /// Lets a refund fail that is pending, or that succeeded at first: its money is back with the seller.
    pub fn fail_refund(&self, refund: &str) -> Result<(), Refusal> {
        let now = self.shared.now();
        self.shared.world().finish_refund(refund, false, now)
    }

    /// All refunds of an account as Stripe shows them, test mode first, then oldest first.
    #[must_use]
    pub fn refunds(&self, account: &str) -> Vec<Value> {
        self.shared.world().refunds(account)
    }

    /// The shopper's bank takes back what is left of a payment; the dispute's id.
    pub fn dispute(&self, payment_intent: &str) -> Result<String, Refusal> {
        let now = self.shared.now();
        self.shared.world().dispute(payment_intent, now)
    }

    /// Decides an open dispute for the seller, or against.
    pub fn close_dispute(&self, dispute: &str, won: bool) -> Result<(), Refusal> {
        let now = self.shared.now();
        self.shared.world().close_dispute(dispute, won, now)
    }

    /// All disputes of an account as Stripe shows them, test mode first, then oldest first.
    #[must_use]
    pub fn disputes(&self, account: &str) -> Vec<Value> {
        self.shared.world().disputes(account)
    }

    /// The shopper pays on the hosted page of a Checkout Session with a test payment method, such as `pm_card_visa` or
    /// `pm_emulator_bank_debit`. A card that needs it is answered by [`Self::authenticate_hosted`].
    pub fn pay_hosted(&self, session: &str, payment_method: &str) -> Result<HostedOutcome, Refusal> {
        self.shared.pay_hosted(session, payment_method, None)
    }

    /// The shopper, asked to authenticate on the hosted page, does so or does not.
    pub fn authenticate_hosted(&self, session: &str, succeeds: bool) -> Result<HostedOutcome, Refusal> {
        self.shared.authenticate_hosted(session, succeeds)
    }

    /// The shopper leaves the hosted page by its link back; where that leads, if the seller named a place. As at
    /// Stripe the session stays open until it expires.
    pub fn abandon_hosted(&self, session: &str) -> Result<Option<String>, Refusal> {
        self.shared.abandon_hosted(session)
    }

    /// All Checkout Sessions of an account as Stripe shows them, test mode first, then oldest first.
    #[must_use]
    pub fn checkout_sessions(&self, account: &str) -> Vec<Value> {
        let now = self.shared.now();
        self.shared.world().checkout_sessions(account, now)
    }

    /// Sends an account's events to an address on loopback from now on; the endpoint's id.
    pub fn add_webhook_endpoint(&self, endpoint: &WebhookEndpoint) -> Result<String, Refusal> {
        self.shared.world().add_webhook_endpoint(endpoint)
    }

    /// Lets these secrets sign an endpoint's webhooks from now on: two while one is rolled.
    pub fn set_webhook_secrets(&self, endpoint: &str, secrets: &[&str]) -> Result<(), Refusal> {
        let secrets = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        let known = self.shared.world().webhooks.set_secrets(endpoint, secrets);
        if known { Ok(()) } else { Err(Refusal::UnknownEndpoint { endpoint: endpoint.to_owned() }) }
    }

    /// Delivers webhooks by this plan from now on, and no longer by an earlier one.
    pub fn set_webhook_plan(&self, plan: WebhookPlan) {
        self.shared.world().webhooks.follow(plan);
    }

    /// All deliveries of webhooks, oldest first; only the latest ten thousand are kept.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.shared.world().webhooks.deliveries()
    }

    /// Lets a held delivery go, behind those that were released before it; whether it was held.
    #[must_use]
    pub fn release_delivery(&self, delivery: &str) -> bool {
        self.shared.world().webhooks.release(delivery)
    }

    /// Lets all held deliveries go, oldest first.
    pub fn release_deliveries(&self) {
        self.shared.world().webhooks.release_all();
    }

    /// Sends the event of a delivery once more, whatever became of it; the new delivery's name.
    #[must_use]
    pub fn resend_delivery(&self, delivery: &str) -> Option<String> {
        self.shared.world().webhooks.resend(delivery)
    }

    /// Waits until no webhook waits to be sent or is on its way; held ones do not count.
    pub async fn webhooks_settled(&self) {
        let mut changes = self.shared.world().webhooks.changes();
        while !self.shared.world().webhooks.is_quiet() {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Lets happen what is due by the clock, such as the end of sessions, without waiting for a request.
    pub fn catch_up(&self) {
        let now = self.shared.now();
        self.shared.world().catch_up(now);
    }

    /// Stops the next payment at a point, until the hold is released or dropped. Holds that are set one after another
    /// stop one payment each.
    pub fn hold_next_payment(&self, point: HoldPoint) -> Hold {
        self.shared.world().hold_next_payment(point)
    }

    /// Lets things go wrong by this plan from now on, and no longer by an earlier one.
    pub fn set_faults(&self, plan: FaultPlan) {
        self.shared.world().faults.follow(plan);
    }

    /// How often each kind of fault has happened, by its name.
    #[must_use]
    pub fn faults_hit(&self) -> BTreeMap<&'static str, u64> {
        self.shared.world().faults.hit().clone()
    }

    /// The money that moved.
    #[must_use]
    pub fn ledger(&self) -> Vec<LedgerEntry> {
        self.shared.world().ledger()
    }

    /// All payments of an account as Stripe shows them, test mode first, then oldest first.
    #[must_use]
    pub fn payment_intents(&self, account: &str) -> Vec<Value> {
        self.shared.world().payment_intents(account)
    }

    /// Every exchange under `/v1`, in the order of the answers; only the latest ten thousand are kept.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.shared.world().exchanges()
    }

    /// Stops serving and closes all connections. What it did can still be looked at.
    pub fn stop(&mut self) {
        self.server.stop();
    }
}
