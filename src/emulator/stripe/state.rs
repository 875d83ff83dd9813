//! The emulator's whole state, and the one place where commands change it.
//!
//! Must not import the HTTP server. Invariant: what one account did in one mode cannot be seen from another account
//! or mode, because each has [`Ledger`] of its own.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value;

use super::faults::FaultChooser;
use super::ledger::Ledger;
use super::webhooks::{DeliveryAttempt, WebhookEndpoint, Webhooks};
use crate::clock::unix_seconds;
use crate::stripe::change::{ChangeContext, TimeAndCause};
use crate::stripe::commands::Command;
use crate::stripe::error::StripeError;
use crate::stripe::hold::{Gate, Hold, HoldPoint};
use crate::stripe::idempotency::IdempotencyKeys;
use crate::stripe::ids::IdSource;
use crate::stripe::objects::accounts::{AccountSeed, Caller, Keyring, Mode, Scope};
use crate::stripe::objects::granted_token::{Grant, MintToken, TOKEN_PARAM};
use crate::stripe::objects::payment_intent::Status;
use crate::stripe::records::{Exchange, LedgerEntry};
use crate::stripe::refusal::Refusal;

/// Older exchanges are removed, so that a long-lived emulator does not grow without bound.
const EXCHANGES_KEPT: usize = 10_000;

/// The state.
#[derive(Debug)]
pub(crate) struct StripeState {
    /// The accounts and their keys.
    pub(crate) keyring: Keyring,
    /// The stored answers.
    pub(crate) idempotency: IdempotencyKeys,
    /// The source of ids.
    pub(crate) ids: IdSource,
    /// The faults.
    pub(crate) faults: FaultChooser,
    /// The webhook endpoints and their deliveries.
    pub(crate) webhooks: Webhooks,
    /// The hold that was set over HTTP.
    pub(crate) remote_hold: Option<Hold>,
    origin: String,
    ledgers: BTreeMap<Scope, Ledger>,
    exchanges: VecDeque<Exchange>,
    gates: VecDeque<Arc<Gate>>,
}

impl StripeState {
    /// A state without accounts, served at an origin such as `http://127.0.0.1:40123`.
    pub(crate) fn new(ids: IdSource, origin: String) -> Self {
        Self {
            keyring: Keyring::default(),
            idempotency: IdempotencyKeys::default(),
            ids,
            faults: FaultChooser::default(),
            webhooks: Webhooks::default(),
            remote_hold: None,
            origin,
            ledgers: BTreeMap::new(),
            exchanges: VecDeque::new(),
            gates: VecDeque::new(),
        }
    }

    /// Adds an account or changes its keys.
    pub(crate) fn add_account(&mut self, seed: &AccountSeed, now: SystemTime) -> Result<(), Refusal> {
        self.keyring.seed(seed, unix_seconds(now))
    }

    /// Executes a command.
    pub(crate) fn execute(
        &mut self,
        caller: &Caller,
        command: Command,
        moment: TimeAndCause,
    ) -> Result<Value, StripeError> {
        let scope = caller.scope();
        match command {
            Command::ReadAccount => self.keyring.read_account(caller),
            Command::CreateIntent(request) => {
                if let Some(token) = &request.token {
                    self.refuse_token_of_other_mode(caller, token)?;
                }
                self.change(&scope, moment, |ledger, context| ledger.create(&request, context))
            }
            Command::MintToken(grant) => {
                self.change(&scope, moment, |ledger, context| Ok(ledger.mint(grant, context).1))
            }
            Command::RevokeToken(id) => {
                self.change(&scope, moment, |ledger, context| ledger.revoke_token(&id, context.now))
            }
            Command::ReadToken(id) => {
                self.change(&scope, moment, |ledger, context| ledger.read_token(&id, context.now))
            }
            Command::ReadIntent { id, expand_charge } => {
                self.change(&scope, moment, |ledger, _| ledger.read(&id, expand_charge))
            }
            Command::ListIntents(list) => self.change(&scope, moment, |ledger, _| ledger.list(&list)),
            Command::CancelIntent { id, reason, expand_charge } => {
                self.change(&scope, moment, |ledger, context| {
                    ledger.cancel(&id, reason.as_deref(), expand_charge, context)
                })
            }
            Command::Session(command) => {
                let origin = self.origin.clone();
                self.change(&scope, moment, |ledger, context| ledger.do_session(command, &origin, context))
            }
            Command::Refund(command) => {
                self.change(&scope, moment, |ledger, context| ledger.do_refund(command, context))
            }
            Command::Dispute(command) => self.change(&scope, moment, |ledger, _| ledger.do_dispute(&command)),
            Command::Event(command) => {
                self.change(&scope, moment, |ledger, context| ledger.do_event(&command, context.now))
            }
            Command::ReadCharge(id) => self.change(&scope, moment, |ledger, _| ledger.read_charge(&id)),
            Command::WebhookEndpoint(command) => {
                let ids = &mut self.ids;
                self.webhooks.execute(&scope, command, (ids, unix_seconds(moment.now)))
            }
        }
    }

    /// Changes or reads the ledger of one account and mode, after everything due by the clock was executed.
    pub(crate) fn change<R>(
        &mut self,
        scope: &Scope,
        moment: impl Into<TimeAndCause>,
        act: impl FnOnce(&mut Ledger, &mut ChangeContext<'_>) -> R,
    ) -> R {
        let TimeAndCause { now, cause } = moment.into();
        let ledger = self.ledgers.entry(scope.clone()).or_insert_with(|| Ledger::new(scope.1));
        let mut context = ChangeContext { now: unix_seconds(now), cause: &cause, ids: &mut self.ids };
        ledger.expire_due(&mut context);
        let done = act(ledger, &mut context);
        let new_events = ledger.take_new_events();
        if !new_events.is_empty() {
            self.webhooks.dispatch(scope, new_events);
        }
        done
    }

    /// Executes everything that is due by the clock.
    pub(crate) fn catch_up(&mut self, now: SystemTime) {
        let nothing: Option<()> = self.find_map(now, |_, _| None);
        debug_assert!(nothing.is_none(), "every account is looked at");
    }

    /// Adds a webhook endpoint of an account.
    pub(crate) fn add_webhook_endpoint(&mut self, endpoint: &WebhookEndpoint) -> Result<String, Refusal> {
        if !self.keyring.knows(&endpoint.account_id) {
            return Err(Refusal::UnknownAccount { account: endpoint.account_id.clone() });
        }
        let added = self.webhooks.add(endpoint, &mut self.ids);
        added.ok_or_else(|| Refusal::NotOnLoopback { url: endpoint.url.clone() })
    }

    /// Records the result of an attempt to deliver an event.
    pub(crate) fn record_delivery(&mut self, (number, endpoint): (u64, &str), attempt: DeliveryAttempt) {
        let Some((scope, event)) = self.webhooks.record((number, endpoint), attempt) else { return };
        if let Some(ledger) = self.ledgers.get_mut(&scope) {
            ledger.confirm(&event);
        }
    }

    /// The present ledger of one account and mode.
    pub(crate) fn ledger_of(&self, scope: &Scope) -> Option<&Ledger> {
        self.ledgers.get(scope)
    }

    /// The owner of this session.
    pub(crate) fn owner_of_session(&self, id: &str) -> Option<Scope> {
        let owned = self.ledgers.iter().find(|(_, ledger)| ledger.session(id).is_some());
        owned.map(|(scope, _)| scope.clone())
    }

    /// Whether a request is a payment with a card whose issuer is slow.
    pub(crate) fn is_slow(&self, caller: &Caller, command: &Command) -> bool {
        let Command::CreateIntent(request) = command else { return false };
        let ledger = self.ledgers.get(&caller.scope());
        let card = request.token.as_deref().and_then(|token| ledger?.card_of(token));
        request.confirm && card.is_some_and(|card| card.slow)
    }

    /// Grants a token as an agent would.
    pub(crate) fn mint(&mut self, token: &MintToken, mode: Mode, now: SystemTime) -> Result<String, Refusal> {
        if !self.keyring.knows(&token.account_id) {
            return Err(Refusal::UnknownAccount { account: token.account_id.clone() });
        }
        let expires_at = token.expires_at;
        let (method, currency) = (&token.payment_method, &token.currency);
        let grant = Grant::new(method, currency, token.max_amount, expires_at, unix_seconds(now))
            .map_err(|error| Refusal::InvalidToken { message: error.message().to_owned() })?;
        let scope = (token.account_id.clone(), mode);
        Ok(self.change(&scope, now, |ledger, context| ledger.mint(grant, context).0))
    }

    /// Decides a payment that was processing.
    pub(crate) fn finish_processing(
        &mut self,
        id: &str,
        succeeds: bool,
        now: SystemTime,
    ) -> Result<(), Refusal> {
        let settled = self
            .find_map(now, |ledger, context| ledger.finish_processing(id, succeeds, context).then_some(()));
        settled.ok_or_else(|| Refusal::NotProcessing { payment_intent: id.to_owned() })
    }

    /// Decides a refund.
    pub(crate) fn finish_refund(&mut self, id: &str, succeeds: bool, now: SystemTime) -> Result<(), Refusal> {
        let finished =
            self.find_map(now, |ledger, context| ledger.finish_refund(id, succeeds, context).then_some(()));
        finished.ok_or_else(|| Refusal::RefundIsDecided { refund: id.to_owned() })
    }

    /// The shopper's bank disputes a payment.
    pub(crate) fn dispute(&mut self, intent: &str, now: SystemTime) -> Result<String, Refusal> {
        let raised = self.find_map(now, |ledger, context| ledger.dispute(intent, context));
        raised.ok_or_else(|| Refusal::NotDisputable { payment_intent: intent.to_owned() })
    }

    /// Decides a dispute.
    pub(crate) fn close_dispute(&mut self, id: &str, won: bool, now: SystemTime) -> Result<(), Refusal> {
        let closed =
            self.find_map(now, |ledger, context| ledger.close_dispute(id, won, context).then_some(()));
        closed.ok_or_else(|| Refusal::DisputeIsClosed { dispute: id.to_owned() })
    }

    /// Asks the ledgers one after another until one has a result.
    fn find_map<R>(
        &mut self,
        now: SystemTime,
        mut ask: impl FnMut(&mut Ledger, &mut ChangeContext<'_>) -> Option<R>,
    ) -> Option<R> {
        let scopes: Vec<Scope> = self.ledgers.keys().cloned().collect();
        scopes.into_iter().find_map(|scope| self.change(&scope, now, &mut ask))
    }

    /// All payments that succeeded, by account and mode, then oldest first.
    pub(crate) fn ledger(&self) -> Vec<LedgerEntry> {
        let mut entries = Vec::new();
        for ((account, _), ledger) in &self.ledgers {
            for intent in ledger.intents().iter().filter(|intent| intent.status == Status::Succeeded) {
                entries.push(LedgerEntry {
                    account: account.clone(),
                    payment_intent: intent.id.clone(),
                    amount: intent.amount,
                    currency: intent.currency.clone(),
                    livemode: intent.livemode,
                    shared_payment_granted_token: Ledger::token_of(intent).map(str::to_owned),
                    metadata: intent.particulars.metadata.clone(),
                    created: intent.created,
                    status: intent.status.name().to_owned(),
                    amount_received: intent.amount_received(),
                });
            }
        }
        entries
    }

    /// All payments of an account, test mode first, then oldest first.
    pub(crate) fn payment_intents(&self, account: &str) -> Vec<Value> {
        self.ledgers
            .iter()
            .filter(|((owner, _), _)| owner == account)
            .flat_map(|(_, ledger)| ledger.intents().iter().map(|intent| intent.to_json(false)))
            .collect()
    }

    /// All sessions of an account, test mode first, then oldest first.
    pub(crate) fn checkout_sessions(&mut self, account: &str, now: SystemTime) -> Vec<Value> {
        let of_mode = |mode| {
            let scope = (account.to_owned(), mode);
            self.change(&scope, now, |ledger, _| ledger.sessions().collect::<Vec<_>>())
        };
        [Mode::Test, Mode::Live].into_iter().flat_map(of_mode).collect()
    }

    /// All refunds of an account, test mode first, then oldest first.
    pub(crate) fn refunds(&self, account: &str) -> Vec<Value> {
        let owned = self.ledgers.iter().filter(|((owner, _), _)| owner == account);
        owned.flat_map(|(_, ledger)| ledger.refunds()).collect()
    }

    /// All disputes of an account, test mode first, then oldest first.
    pub(crate) fn disputes(&self, account: &str) -> Vec<Value> {
        let owned = self.ledgers.iter().filter(|((owner, _), _)| owner == account);
        owned.flat_map(|(_, ledger)| ledger.disputes()).collect()
    }

    /// Records an exchange.
    pub(crate) fn record(&mut self, exchange: Exchange) {
        if self.exchanges.len() >= EXCHANGES_KEPT {
            self.exchanges.pop_front();
        }
        self.exchanges.push_back(exchange);
    }

    /// The exchanges, in the order of the answers.
    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        self.exchanges.iter().cloned().collect()
    }

    /// Sets a hold for a future payment.
    pub(crate) fn hold_next_payment(&mut self, point: HoldPoint) -> Hold {
        let (hold, gate) = Hold::new(point);
        self.gates.push_back(gate);
        hold
    }

    /// The gate of the payment that now begins; released holds do not count.
    pub(crate) fn next_gate(&mut self) -> Option<Arc<Gate>> {
        while let Some(gate) = self.gates.pop_front() {
            if !gate.is_released() {
                return Some(gate);
            }
        }
        None
    }

    fn refuse_token_of_other_mode(&self, caller: &Caller, token: &str) -> Result<(), StripeError> {
        let other = self.ledgers.get(&(caller.account.clone(), caller.mode.other()));
        if !other.is_some_and(|ledger| ledger.has_token(token)) {
            return Ok(());
        }
        let (similar, used) = match caller.mode {
            Mode::Test => ("live", "test"),
            Mode::Live => ("test", "live"),
        };
        Err(StripeError::invalid_request(format!(
            "No such shared_payment_granted_token: '{token}'; a similar object exists in {similar} mode, but a \
             {used} mode key was used to make this request."
        ))
        .with_code("resource_missing")
        .with_param(TOKEN_PARAM))
    }
}
