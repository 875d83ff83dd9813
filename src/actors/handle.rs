//! The handle of a merchant for all other code: async functions with typed errors and deadlines.

use std::sync::Arc;
use std::time::Duration;

use actix::dev::SendError;
use actix::{Addr, ArbiterHandle};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::live_sessions::LiveSessions;
use super::merchant::{Apply, MerchantAddress, VerifyNow};
use super::session::{GiveUp, SessionActor, SessionRequest, Wake};
use crate::delivery::Receiver;
use crate::domain::checkout::driver::RequestId;
use crate::domain::checkout::model::{
    Answer, Command, Patch, PlacedOrder, Rejection, ShopRejection, ShopperRejection, State,
};
use crate::domain::ids::{AccountId, FlagId, OrderEventId, OrderId, SessionId, Tenant};
use crate::domain::merchant::MerchantView;
use crate::domain::origin::{Host, TokenDoor};
use crate::domain::time::Timestamp;
use crate::limiter::{MerchantLimiter, Source};
use crate::payments::cart_expiry::{ExpiredCarts, expire_carts};
use crate::payments::commit::rendered;
use crate::payments::{Dependencies, MerchantSetup, MerchantState, PresentMerchant, Records};
use crate::protocol::capability::{Capabilities, Capability};
use crate::protocol::links::PublicLinks;
use crate::store::{Delivery, Erasure, Forgetting, KeptFlag, Resolution, StoreError};

/// How long a caller waits for a session; after that it gets the stored state.
const DEADLINE: Duration = Duration::from_secs(20);

/// How long a caller whose deadline has passed waits for the store.
const LAST_READ: Duration = Duration::from_secs(2);

/// How long one merchant's actor may take to apply a configuration, while the changes of others wait.
const APPLY_WITHIN: Duration = Duration::from_secs(2);

/// How often a request is sent in total when the session's actor crashes during it.
const TRIES: u32 = 3;

/// A merchant, for the HTTP layer and the sweeper.
#[derive(Clone)]
pub struct MerchantHandle {
    /// Keeps the actor alive.
    actor: MerchantAddress,
    tenant: Tenant,
    merchant: Arc<PresentMerchant>,
    pub(super) deps: Arc<Dependencies>,
    sessions: Arc<LiveSessions<SessionActor>>,
    thread: ArbiterHandle,
}

impl MerchantHandle {
    pub(super) fn new(
        actor: MerchantAddress,
        merchant: Arc<PresentMerchant>,
        deps: Arc<Dependencies>,
        (sessions, thread): (Arc<LiveSessions<SessionActor>>, ArbiterHandle),
    ) -> Self {
        Self { actor, tenant: merchant.load().tenant.clone(), merchant, deps, sessions, thread }
    }

    /// Replaces the merchant's configuration by its next generation, which is of the same tenant. Returns whether it
    /// is in use.
    pub(super) async fn apply(&self, setup: &MerchantSetup) -> bool {
        // An actor that crashed has a successor.
        for _ in 0..TRIES {
            let Some(actor) = self.actor.load_full() else { return false };
            let (applied, in_use) = oneshot::channel();
            actor.do_send(Apply { setup: Box::new(setup.clone()), applied });
            match tokio::time::timeout(APPLY_WITHIN, in_use).await {
                Ok(Ok(())) => return true,
                Ok(Err(_)) => {}
                Err(_) => return false,
            }
        }
        false
    }

    /// The present generation.
    pub(super) fn present(&self) -> Arc<MerchantState> {
        self.merchant.load_full()
    }

    /// The tenant that owns its rows.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// The present view of the merchant.
    #[must_use]
    pub fn view(&self) -> Arc<MerchantView> {
        self.merchant.load().view.load_full()
    }

    /// The limits on its calls.
    #[must_use]
    pub fn limiter(&self) -> Arc<MerchantLimiter> {
        Arc::clone(&self.merchant.load().limiter)
    }

    /// Its stored data, read without an actor.
    #[must_use]
    pub fn records(&self) -> Records<'_> {
        Records::of(&self.tenant, &self.deps)
    }

    /// Begins a checkout, if there is room for one.
    pub async fn create(&self, patch: Patch, host: Option<Host>) -> Result<Box<Answer>, Rejection> {
        if self.deps.disk.is_low() {
            return Err(Rejection::Shop(ShopRejection::NoRoom));
        }
        let id = SessionId::from_random(self.deps.ids.random_id());
        self.ask(&id, Command::Create { patch, host }).await
    }

    /// Sends a command to a checkout and waits for the reply, at most 20 seconds. After that a payment continues, and
    /// the caller gets the stored session.
    pub async fn ask(&self, id: &SessionId, command: Command) -> Result<Box<Answer>, Rejection> {
        self.ask_from(id, command, Source::default()).await
    }

    /// The same, with the source of the call.
    pub async fn ask_from(
        &self,
        id: &SessionId,
        command: Command,
        source: Source,
    ) -> Result<Box<Answer>, Rejection> {
        let mut answer = self.answered(id, command, source).await?;
        answer.checkout_page = self.checkout_page(id);
        answer.wallet_address = self.wallet_address(id);
        Ok(answer)
    }

    async fn answered(
        &self,
        id: &SessionId,
        command: Command,
        source: Source,
    ) -> Result<Box<Answer>, Rejection> {
        let deadline = Instant::now() + DEADLINE;
        let mut died = false;
        for _ in 0..TRIES {
            let session = self.session(id);
            let request = self.deps.next_request();
            let (reply, answer) = oneshot::channel();
            match session.try_send(SessionRequest {
                request,
                command: command.clone(),
                source: source.clone(),
                reply,
            }) {
                Ok(()) => {}
                Err(SendError::Full(_)) => return Err(late(&command)),
                Err(SendError::Closed(_)) => continue,
            }
            let mut caller = Caller { session, request, gone: true };
            match tokio::time::timeout_at(deadline, answer).await {
                Ok(Ok(answer)) => {
                    caller.gone = false;
                    return answer.map_err(|rejection| {
                        if died { after_actor_failure(&command, rejection) } else { rejection }
                    });
                }
                // The actor crashed during the request: the store has its progress, so the request can be sent again.
                Ok(Err(_)) => (caller.gone, died) = (false, true),
                Err(_) => {
                    caller.gone = !matches!(command, Command::Complete(_));
                    return self.as_it_stands(id, &command).await;
                }
            }
        }
        Err(late(&command))
    }

    /// Starts a session's due work when this is called; the future ends when the session has no more work in
    /// progress.
    pub fn wake(&self, id: &SessionId) -> impl Future<Output = ()> + Send + use<> {
        let (resting, rests) = oneshot::channel();
        // A full mailbox means that callers keep it awake: there is nothing to wait for.
        if let Err(SendError::Closed(wake)) = self.session(id).try_send(Wake { resting }) {
            self.session(id).do_send(wake);
        }
        // Whether it rests or crashed, it is no longer awake.
        async move {
            let _ = rests.await;
        }
    }

    /// Expires the carts that are due; returns how many.
    pub(super) async fn expire_carts(&self, carts: Vec<SessionId>) -> usize {
        let ExpiredCarts { count, to_wake } = expire_carts(&self.deps, &self.present(), carts).await;
        for id in to_wake {
            drop(self.wake(&id));
        }
        count
    }

    /// Erases the personal data of an order's buyer; returns whether there was any, or `None` if there is no such
    /// order.
    pub async fn erase_buyer(&self, placed: &PlacedOrder) -> Result<Option<bool>, StoreError> {
        let mut order = placed.order.clone();
        order.erase_personal_data();
        let completion = rendered(&self.deps, &self.view(), (&order, &placed.permalink));
        let erasure = Erasure { id: order.id.clone(), order, completion, at: self.now() };
        self.deps.retention.erase_buyer(self.tenant(), erasure).await
    }

    /// Resolves a flag, once; returns the flag afterwards.
    pub async fn resolve_flag(
        &self,
        id: &FlagId,
        resolution: Resolution,
    ) -> Result<Option<KeptFlag>, StoreError> {
        self.deps.store.resolve_flag(self.tenant(), id, resolution).await
    }

    /// Forgets the account that received this merchant's earlier payments, and verifies the account of its key.
    pub async fn forget_account(&self, account: &AccountId) -> Result<Forgetting, StoreError> {
        let forgotten = self.deps.store.forget_account(self.tenant(), account).await?;
        if forgotten == Forgetting::Forgotten {
            self.deps.payees.release(&self.tenant, account);
            if let Some(actor) = self.actor.load_full() {
                actor.do_send(VerifyNow);
            }
        }
        Ok(forgotten)
    }

    /// The endpoint for this merchant's order events.
    #[must_use]
    pub fn receiver(&self) -> Option<Receiver> {
        self.merchant.load().receiver.clone()
    }

    /// Makes an order event due as if it had never been sent; returns the event afterwards.
    pub async fn retry_delivery(&self, id: &OrderEventId) -> Result<Option<Delivery>, StoreError> {
        self.deps.outbox.retry_event(self.tenant(), id, self.now()).await
    }

    /// Whether `key` opens the status page of this order.
    #[must_use]
    pub fn opens_order(&self, id: &OrderId, key: &str) -> bool {
        self.deps.links.opens_order(&self.tenant, id, key)
    }

    /// The checkout page of a session, if the shop takes payments there.
    fn checkout_page(&self, id: &SessionId) -> Option<String> {
        let view = self.view();
        view.checkout.method.opens_stripe_checkouts().then(|| self.deps.links.checkout(&view, id))
    }

    fn wallet_address(&self, id: &SessionId) -> Option<String> {
        let view = self.view();
        view.checkout.takes_tokens(TokenDoor::Wallet).then(|| self.deps.links.wallet(&view, id))
    }

    /// Makes and checks capabilities of this merchant's sessions.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        self.deps.links.capabilities()
    }

    /// The session of a capability; neither the store nor an actor is asked.
    #[must_use]
    pub fn opened<'a>(&self, claimed: &'a Capability) -> Option<&'a SessionId> {
        self.capabilities().opened(&self.tenant, claimed)
    }

    /// Whether `key` opens this session's checkout page.
    #[must_use]
    pub fn opens_checkout(&self, id: &SessionId, key: &str) -> bool {
        self.deps.links.opens_checkout(&self.tenant, id, key)
    }

    /// Makes and checks the addresses of its own pages.
    #[must_use]
    pub fn links(&self) -> &PublicLinks {
        &self.deps.links
    }

    /// The present moment, as its sessions use it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.deps.clock.now()
    }

    /// The base address of this merchant's own pages.
    #[must_use]
    pub fn link_base(&self) -> String {
        self.deps.links.base(&self.view())
    }

    fn session(&self, id: &SessionId) -> Arc<Addr<SessionActor>> {
        self.sessions.get(&self.tenant, id, || {
            let actor = SessionActor::new(
                id.clone(),
                Arc::clone(&self.merchant),
                Arc::clone(&self.deps),
                Arc::clone(&self.sessions),
            );
            actor.start_on(&self.thread)
        })
    }

    /// Whether the process is stopping: the thread of this merchant's actors has ended.
    pub(super) fn is_stopping(&self) -> bool {
        !self.thread.spawn_fn(|| {})
    }

    /// The reply to a caller whose deadline has passed. For a read, or for a payment that was begun, it is the stored
    /// session; an edit or a cancellation may still be done, so the reply says nothing about it.
    async fn as_it_stands(&self, id: &SessionId, command: &Command) -> Result<Box<Answer>, Rejection> {
        let paying = match command {
            Command::Complete(_) | Command::OpenStripeCheckout { .. } => true,
            // A request about an order continues, or can be repeated under its reference.
            Command::Read | Command::Refund(_) | Command::Fulfill(_) => false,
            Command::Update { .. } | Command::Cancel | Command::Decide(_) => {
                return Err(Rejection::Shopper(ShopperRejection::Undecided));
            }
            Command::Create { .. } | Command::CheckStripe(_) => return Err(late(command)),
        };
        let reading = tokio::time::timeout(LAST_READ, self.deps.store.load(self.tenant(), id, None));
        let Ok(Ok(loaded)) = reading.await else {
            return Err(late(command));
        };
        let pays_a_token = matches!(command, Command::Complete(_));
        match loaded.session {
            // A page that is open may be closed for the token at this moment.
            Some((_, session))
                if pays_a_token && matches!(session.state, State::AwaitingStripeCheckout { .. }) =>
            {
                Err(late(command))
            }
            Some((_, session))
                if !paying || !matches!(session.state, State::Open { .. } | State::Ready { .. }) =>
            {
                let notice = session.notice.clone();
                let order = loaded.order;
                Ok(Box::new(Answer {
                    session,
                    order,
                    notice,
                    repeats_payment: false,
                    checkout_page: None,
                    wallet_address: None,
                }))
            }
            Some(_) | None => Err(late(command)),
        }
    }
}

/// The rejection of a request whose processing is not known; of a payment it may only say that its outcome is not
/// known.
const fn late(command: &Command) -> Rejection {
    let pays = matches!(command, Command::Complete(_) | Command::OpenStripeCheckout { .. });
    if pays { Rejection::Shopper(ShopperRejection::Undecided) } else { Rejection::Shop(ShopRejection::Busy) }
}

/// The rejection of a request during which an actor crashed. That actor's last commit may come after its successor's
/// read, so the rejection must not say that a payment was not begun.
fn after_actor_failure(command: &Command, rejection: Rejection) -> Rejection {
    match command {
        Command::Complete(_) | Command::OpenStripeCheckout { .. } => {
            Rejection::Shopper(ShopperRejection::Undecided)
        }
        Command::Create { .. }
        | Command::Update { .. }
        | Command::Cancel
        | Command::Read
        | Command::Decide(_)
        | Command::CheckStripe(_)
        | Command::Refund(_)
        | Command::Fulfill(_) => rejection,
    }
}

/// A waiting caller. If it goes before the reply, its session is notified, and drops its uncommitted request.
struct Caller {
    session: Arc<Addr<SessionActor>>,
    request: RequestId,
    gone: bool,
}

impl Drop for Caller {
    fn drop(&mut self) {
        if self.gone {
            self.session.do_send(GiveUp(self.request));
        }
    }
}
