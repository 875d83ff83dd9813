//! The handle of a running emulator, for tests: its actions and its records.
//!
//! Must not import a request handler. Invariant: over the API only the effects of these actions are visible.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::clock::{Clock, unix_millis};
use crate::loopback::{self, Loopback};

use super::checkout_page::HostedOutcome;
use super::faults::FaultPlan;
use super::hold::{Hold, HoldPoint};
use super::ids::IdSource;
use super::objects::accounts::{AccountSeed, Mode};
use super::objects::granted_token::MintToken;
use super::records::{Exchange, LedgerEntry};
use super::refusal::Refusal;
use super::request_kind::RequestKind;
use super::server;
use super::service::StripeService;
use super::state::StripeState;
use super::webhooks::{Delivery, WebhookEndpoint, WebhookPlan};

/// The options of an emulator's start.
#[derive(Clone)]
pub struct EmulatorOptions {
    /// The clock for tokens, payments and idempotency keys.
    pub clock: Clock,
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// The initial accounts.
    pub accounts: Vec<AccountSeed>,
    /// How long a payment with the card `pm_emulator_slow` takes.
    pub slow_payment: Duration,
}

impl EmulatorOptions {
    /// A free port, no accounts yet, and slow payments that take longer than callers wait.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, port: 0, accounts: Vec::new(), slow_payment: Duration::from_secs(25) }
    }
}

/// A running emulator. It stops when it is dropped.
pub struct Emulator {
    /// What the server and this handle share.
    pub(crate) service: Arc<StripeService>,
    server: Loopback,
}

impl Emulator {
    /// Starts on a thread of its own and returns once it accepts connections.
    pub fn start(options: EmulatorOptions) -> io::Result<Self> {
        let listener = loopback::bind(options.port)?;
        let now = (options.clock)();
        let address = listener.local_addr()?;
        let ids = IdSource::new(unix_millis(now), address.port());
        let mut state = StripeState::new(ids, format!("http://{address}"));
        for seed in &options.accounts {
            state
                .add_account(seed, now)
                .map_err(|refusal| io::Error::new(io::ErrorKind::InvalidInput, refusal))?;
        }
        let service = Arc::new(StripeService::new(options.clock, options.slow_payment, state));
        let serving = Arc::clone(&service);
        let server =
            Loopback::start("stripe-emulator", listener, move |listener| server::serve(listener, serving))?;
        Ok(Self { service, server })
    }

    /// The address of the server, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Adds an account. A known account gets these keys and profile: keys it had that are not listed expire, while its
    /// tokens and payments stay.
    pub fn add_account(&self, seed: &AccountSeed) -> Result<(), Refusal> {
        let now = self.service.now();
        self.service.state().add_account(seed, now)
    }

    /// Takes the permission for these requests from a key, as a restricted key may lack it; those of an earlier call are
    /// granted again.
    pub fn forbid(&self, key: &str, kinds: &[RequestKind]) {
        self.service.state().keyring.forbid(key, kinds);
    }

    /// Makes an account one that Stripe has not activated: it makes test payments only.
    pub fn deactivate(&self, account: &str) -> Result<(), Refusal> {
        self.service.state().keyring.deactivate(account)
    }

    /// The account with this profile.
    #[must_use]
    pub fn account_of_network(&self, network_id: &str) -> Option<String> {
        self.service.state().keyring.account_of_network(network_id)
    }

    /// Grants a token in test mode, as `POST /v1/test_helpers/shared_payment/granted_tokens` does; returns its id.
    pub fn mint_token(&self, token: &MintToken) -> Result<String, Refusal> {
        let now = self.service.now();
        self.service.state().mint(token, Mode::Test, now)
    }

    /// Grants a token in live mode, which no endpoint does.
    pub fn mint_live_token(&self, token: &MintToken) -> Result<String, Refusal> {
        let now = self.service.now();
        self.service.state().mint(token, Mode::Live, now)
    }

    /// Lets a payment that is `processing` succeed.
    pub fn finish_processing(&self, payment_intent: &str) -> Result<(), Refusal> {
        let now = self.service.now();
        self.service.state().finish_processing(payment_intent, true, now)
    }

    /// Lets a payment that is `processing` be declined.
    pub fn decline_processing(&self, payment_intent: &str) -> Result<(), Refusal> {
        let now = self.service.now();
        self.service.state().finish_processing(payment_intent, false, now)
    }

    /// Lets a refund that is pending succeed.
    pub fn finish_refund(&self, refund: &str) -> Result<(), Refusal> {
        let now = self.service.now();
        self.service.state().finish_refund(refund, true, now)
    }

    /// Lets a refund fail that is pending, or that succeeded at first: its money is back with the seller.
    pub fn fail_refund(&self, refund: &str) -> Result<(), Refusal> {
        let now = self.service.now();
        self.service.state().finish_refund(refund, false, now)
    }

    /// All refunds of an account as Stripe shows them, test mode first, then oldest first.
    #[must_use]
    pub fn refunds(&self, account: &str) -> Vec<Value> {
        self.service.state().refunds(account)
    }

    /// The shopper's bank takes back what is left of a payment; the dispute's id.
    pub fn dispute(&self, payment_intent: &str) -> Result<String, Refusal> {
        let now = self.service.now();
        self.service.state().dispute(payment_intent, now)
    }

    /// Decides an open dispute for the seller, or against.
    pub fn close_dispute(&self, dispute: &str, won: bool) -> Result<(), Refusal> {
        let now = self.service.now();
        self.service.state().close_dispute(dispute, won, now)
    }

    /// All disputes of an account as Stripe shows them, test mode first, then oldest first.
    #[must_use]
    pub fn disputes(&self, account: &str) -> Vec<Value> {
        self.service.state().disputes(account)
    }

    /// The shopper pays on the hosted page of a Checkout Session with a test payment method, such as `pm_card_visa` or
    /// `pm_emulator_bank_debit`. A card that needs it is answered by [`Self::authenticate_hosted`].
    pub fn pay_hosted(&self, session: &str, payment_method: &str) -> Result<HostedOutcome, Refusal> {
        self.service.pay_hosted(session, payment_method, None)
    }

    /// The shopper, asked to authenticate on the hosted page, does so or does not.
    pub fn authenticate_hosted(&self, session: &str, succeeds: bool) -> Result<HostedOutcome, Refusal> {
        self.service.authenticate_hosted(session, succeeds)
    }

    /// The shopper leaves the hosted page by its link back; where that leads, if the seller named a place. As at
    /// Stripe the session stays open until it expires.
    pub fn abandon_hosted(&self, session: &str) -> Result<Option<String>, Refusal> {
        self.service.abandon_hosted(session)
    }

    /// All Checkout Sessions of an account as Stripe shows them, test mode first, then oldest first.
    #[must_use]
    pub fn checkout_sessions(&self, account: &str) -> Vec<Value> {
        let now = self.service.now();
        self.service.state().checkout_sessions(account, now)
    }

    /// Sends an account's events to an address on loopback from now on; the endpoint's id.
    pub fn add_webhook_endpoint(&self, endpoint: &WebhookEndpoint) -> Result<String, Refusal> {
        self.service.state().add_webhook_endpoint(endpoint)
    }

    /// Lets these secrets sign an endpoint's webhooks from now on: two while one is rolled.
    pub fn set_webhook_secrets(&self, endpoint: &str, secrets: &[&str]) -> Result<(), Refusal> {
        let secrets = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        let known = self.service.state().webhooks.set_secrets(endpoint, secrets);
        if known { Ok(()) } else { Err(Refusal::UnknownEndpoint { endpoint: endpoint.to_owned() }) }
    }

    /// Delivers webhooks by this plan from now on, and no longer by an earlier one.
    pub fn set_webhook_plan(&self, plan: WebhookPlan) {
        self.service.state().webhooks.follow(plan);
    }

    /// All deliveries of webhooks, oldest first; only the latest ten thousand are kept.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.service.state().webhooks.deliveries()
    }

    /// Releases a held delivery, after those that were released before it; returns whether it was held.
    #[must_use]
    pub fn release_delivery(&self, delivery: &str) -> bool {
        self.service.state().webhooks.release(delivery)
    }

    /// Releases all held deliveries, oldest first.
    pub fn release_deliveries(&self) {
        self.service.state().webhooks.release_all();
    }

    /// Sends the event of a delivery once more, whatever became of it; the new delivery's name.
    #[must_use]
    pub fn resend_delivery(&self, delivery: &str) -> Option<String> {
        self.service.state().webhooks.resend(delivery)
    }

    /// Waits until no webhook waits to be sent or is on its way; held ones do not count.
    pub async fn webhooks_settled(&self) {
        let mut changes = self.service.state().webhooks.changes();
        while !self.service.state().webhooks.is_quiet() {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Executes everything that is due by the clock, such as the expiry of sessions, without waiting for a request.
    pub fn catch_up(&self) {
        let now = self.service.now();
        self.service.state().catch_up(now);
    }

    /// Stops the next payment at a point, until the hold is released or dropped. Holds that are set one after another
    /// stop one payment each.
    pub fn hold_next_payment(&self, point: HoldPoint) -> Hold {
        self.service.state().hold_next_payment(point)
    }

    /// Applies this fault plan from now on, in place of an earlier one.
    pub fn set_faults(&self, plan: FaultPlan) {
        self.service.state().faults.follow(plan);
    }

    /// How often each kind of fault has happened, by its name.
    #[must_use]
    pub fn faults_hit(&self) -> BTreeMap<&'static str, u64> {
        self.service.state().faults.hit().clone()
    }

    /// The money that moved.
    #[must_use]
    pub fn ledger(&self) -> Vec<LedgerEntry> {
        self.service.state().ledger()
    }

    /// All payments of an account as Stripe shows them, test mode first, then oldest first.
    #[must_use]
    pub fn payment_intents(&self, account: &str) -> Vec<Value> {
        self.service.state().payment_intents(account)
    }

    /// Every exchange under `/v1`, in the order of the answers; only the latest ten thousand are kept.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.service.state().exchanges()
    }

    /// Stops serving and closes all connections. Its records remain readable.
    pub fn stop(&mut self) {
        self.server.stop();
    }
}
