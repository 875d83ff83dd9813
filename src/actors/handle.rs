//! What everyone else holds of a merchant: async functions with typed errors and deadlines.

use std::sync::Arc;
use std::time::Duration;

use actix::dev::SendError;
use actix::{Addr, ArbiterHandle};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::live_sessions::LiveSessions;
use super::merchant::{MerchantAddress, VerifyNow};
use super::session::{GiveUp, SessionActor, SessionRequest, Wake};
use crate::delivery::Receiver;
use crate::domain::checkout::driver::RequestId;
use crate::domain::checkout::model::{
    Answer, Command, Patch, PlacedOrder, Rejection, ShopRejection, ShopperRejection, State,
};
use crate::domain::ids::{AccountId, FlagId, OrderEventId, OrderId, SessionId, Tenant};
use crate::domain::merchant::MerchantView;
use crate::domain::time::Timestamp;
use crate::limiter::{MerchantLimiter, Source};
use crate::payments::cart_expiry::{ExpiredCarts, expire_carts};
use crate::payments::commit::rendered;
use crate::payments::{Dependencies, MerchantState, Records};
use crate::protocol::capability::{Capabilities, Capability};
use crate::runtime::IoLost;
use crate::store::{Delivery, Erasure, Forgetting, KeptFlag, Resolution, StoreError};

/// How long a caller waits for a session; after that it hears how things stand.
const DEADLINE: Duration = Duration::from_secs(20);

/// How long a caller whose deadline has passed waits for the store to say how things stand.
const LAST_LOOK: Duration = Duration::from_secs(2);

/// How often a question is put anew when the session's actor dies under it.
const TRIES: u32 = 3;

/// A merchant, as the HTTP layer and the sweeper know it.
#[derive(Clone)]
pub struct MerchantHandle {
    /// Keeps the actor alive.
    actor: MerchantAddress,
    pub(super) shared: Arc<MerchantState>,
    pub(super) deps: Arc<Dependencies>,
    sessions: Arc<LiveSessions<SessionActor>>,
    thread: ArbiterHandle,
}

impl MerchantHandle {
    pub(super) fn new(
        actor: MerchantAddress,
        shared: Arc<MerchantState>,
        deps: Arc<Dependencies>,
        (sessions, thread): (Arc<LiveSessions<SessionActor>>, ArbiterHandle),
    ) -> Self {
        Self { actor, shared, deps, sessions, thread }
    }

    /// The key of all its rows.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.shared.tenant
    }

    /// The merchant as it is now.
    #[must_use]
    pub fn view(&self) -> Arc<MerchantView> {
        self.shared.view.load_full()
    }

    /// How often it may be called.
    #[must_use]
    pub fn limiter(&self) -> &MerchantLimiter {
        &self.shared.limiter
    }

    /// What the store has of it: read without an actor.
    #[must_use]
    pub fn records(&self) -> Records<'_> {
        Records::of(&self.shared.tenant, &self.deps)
    }

    /// Begins a checkout, where there is room for one.
    pub async fn create(&self, patch: Patch) -> Result<Box<Answer>, Rejection> {
        if self.deps.disk.is_low() {
            return Err(Rejection::Shop(ShopRejection::NoRoom));
        }
        let id = SessionId::from_random(self.deps.ids.random_id());
        self.ask(&id, Command::Create(patch)).await
    }

    /// Asks something of a checkout and waits for the answer, at most 20 seconds. After that a payment goes on by
    /// itself and the caller hears how the session stands.
    pub async fn ask(&self, id: &SessionId, command: Command) -> Result<Box<Answer>, Rejection> {
        self.ask_from(id, command, Source::default()).await
    }

    /// The same in a call from somewhere.
    pub async fn ask_from(
        &self,
        id: &SessionId,
        command: Command,
        source: Source,
    ) -> Result<Box<Answer>, Rejection> {
        let mut answer = self.answered(id, command, source).await?;
        answer.checkout_page = self.checkout_page(id);
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
                    return answer.map_err(
                        |rejection| if died { after_a_death(&command, rejection) } else { rejection },
                    );
                }
                // The actor died with the question: the store knows how far it got, so it can be put again.
                Ok(Err(_)) => (caller.gone, died) = (false, true),
                Err(_) => {
                    caller.gone = !matches!(command, Command::Complete(_));
                    return self.as_it_stands(id, &command).await;
                }
            }
        }
        Err(late(&command))
    }

    /// Lets a session do what is due, from this call on; the future ends when it has nothing under way any more.
    pub fn wake(&self, id: &SessionId) -> impl Future<Output = ()> + Send + use<> {
        let (resting, rests) = oneshot::channel();
        // A full mailbox means that it is awake, and not for the sweeper alone: nothing is waited for.
        if let Err(SendError::Closed(wake)) = self.session(id).try_send(Wake { resting }) {
            self.session(id).do_send(wake);
        }
        // Whether it rests or died: it is not awake any more.
        async move {
            let _ = rests.await;
        }
    }

    /// Ends the carts that are due; how many.
    pub(super) async fn expire_carts(&self, carts: Vec<SessionId>) -> usize {
        let ExpiredCarts { count, to_wake } = expire_carts(&self.deps, &self.shared, carts).await;
        for id in to_wake {
            drop(self.wake(&id));
        }
        count
    }

    /// Erases what is kept of an order's buyer; whether there was anything, or `None` when there is no such order.
    pub async fn erase_buyer(&self, placed: &PlacedOrder) -> Result<Option<bool>, StoreError> {
        let (deps, tenant) = (Arc::clone(&self.deps), self.shared.tenant.clone());
        let mut order = placed.order.clone();
        order.erase_personal_data();
        let completion = rendered(&deps, &self.view(), (&order, &placed.permalink));
        let erasure = Erasure { id: order.id.clone(), order, completion, at: deps.clock.now() };
        self.stored(async move { deps.retention.erase_buyer(&tenant, erasure).await }).await
    }

    /// Resolves a flag, once; the flag as it then stands.
    pub async fn resolve_flag(
        &self,
        id: &FlagId,
        resolution: Resolution,
    ) -> Result<Option<KeptFlag>, StoreError> {
        let (deps, tenant, id) = (Arc::clone(&self.deps), self.shared.tenant.clone(), id.clone());
        self.stored(async move { deps.store.resolve_flag(&tenant, &id, resolution).await }).await
    }

    /// Forgets the account that this merchant was paid into before, and verifies the one that its key opens.
    pub async fn forget_account(&self, account: &AccountId) -> Result<Forgetting, StoreError> {
        let (deps, tenant) = (Arc::clone(&self.deps), self.shared.tenant.clone());
        let former = account.clone();
        let forgotten = self.stored(async move { deps.store.forget_account(&tenant, &former).await }).await?;
        if forgotten == Forgetting::Forgotten {
            self.deps.payees.release(&self.shared.tenant.merchant, account);
            if let Some(actor) = self.actor.load_full() {
                actor.do_send(VerifyNow);
            }
        }
        Ok(forgotten)
    }

    /// Where this merchant's order events go.
    #[must_use]
    pub fn receiver(&self) -> Option<Receiver> {
        self.shared.receiver.clone()
    }

    /// Has an order event sent as if it had never been tried; the event as it then stands.
    pub async fn retry_delivery(&self, id: &OrderEventId) -> Result<Option<Delivery>, StoreError> {
        let (deps, tenant, id) = (Arc::clone(&self.deps), self.shared.tenant.clone(), id.clone());
        let now = deps.clock.now();
        self.stored(async move { deps.outbox.retry_event(&tenant, &id, now).await }).await
    }

    /// Has the store change something, on the I/O runtime: it is done although the caller goes away.
    pub(super) async fn stored<T: Send + 'static>(
        &self,
        asking: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        match self.deps.io.run(asking).await {
            Ok(answer) => answer,
            Err(IoLost) => Err(StoreError::Unavailable(IoLost.to_string())),
        }
    }

    /// Whether `key` opens the status page of this order.
    #[must_use]
    pub fn opens_order(&self, id: &OrderId, key: &str) -> bool {
        self.deps.links.opens_order(&self.shared.tenant, id, key)
    }

    /// The page of a checkout, where the shop takes payments there.
    fn checkout_page(&self, id: &SessionId) -> Option<String> {
        let view = self.view();
        view.checkout.method.opens_stripe_checkouts().then(|| self.deps.links.checkout(&view, id))
    }

    /// Makes capabilities of this merchant's sessions.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        self.deps.links.capabilities()
    }

    /// The session that a capability opens here; nothing is asked of the store or of an actor.
    #[must_use]
    pub fn opened<'a>(&self, claimed: &'a Capability) -> Option<&'a SessionId> {
        self.capabilities().opened(&self.shared.tenant, claimed)
    }

    /// Whether `key` opens the page of this checkout.
    #[must_use]
    pub fn opens_checkout(&self, id: &SessionId, key: &str) -> bool {
        self.deps.links.opens_checkout(&self.shared.tenant, id, key)
    }

    /// The present, as its sessions see it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.deps.clock.now()
    }

    /// Where this merchant's own pages begin.
    #[must_use]
    pub fn link_base(&self) -> String {
        self.deps.links.base(&self.view())
    }

    fn session(&self, id: &SessionId) -> Arc<Addr<SessionActor>> {
        self.sessions.get(&self.shared.tenant, id, || {
            let actor = SessionActor::new(
                id.clone(),
                Arc::clone(&self.shared),
                Arc::clone(&self.deps),
                Arc::clone(&self.sessions),
            );
            actor.start_on(&self.thread)
        })
    }

    /// Whether the process stops: the thread of this merchant's actors has ended.
    pub(super) fn is_stopping(&self) -> bool {
        !self.thread.spawn_fn(|| {})
    }

    /// What a caller hears whose deadline has passed. A reader, or a payer whose payment got somewhere, hears the
    /// session as the store has it; an edit or a cancel may still come about, so nothing is said of it.
    async fn as_it_stands(&self, id: &SessionId, command: &Command) -> Result<Box<Answer>, Rejection> {
        let paying = match command {
            Command::Complete(_) | Command::OpenStripeCheckout { .. } => true,
            // What was asked of an order goes on by itself, or can be asked for again under its reference.
            Command::Read | Command::Refund(_) | Command::Fulfill(_) => false,
            Command::Update { .. } | Command::Cancel | Command::Decide(_) => {
                return Err(Rejection::Shopper(ShopperRejection::Undecided));
            }
            Command::Create(_) | Command::CheckStripe(_) => return Err(late(command)),
        };
        let (deps, tenant, id) = (Arc::clone(&self.deps), self.shared.tenant.clone(), id.clone());
        let reading = async move { deps.store.load(&tenant, &id, None).await };
        let reading = tokio::time::timeout(LAST_LOOK, self.deps.io.run(reading));
        let Ok(Ok(Ok(loaded))) = reading.await else {
            return Err(late(command));
        };
        match loaded.session {
            Some((_, session))
                if !paying || !matches!(session.state, State::Open { .. } | State::Ready { .. }) =>
            {
                let notice = session.notice.clone();
                let order = loaded.order;
                Ok(Box::new(Answer { session, order, notice, repeats_payment: false, checkout_page: None }))
            }
            Some(_) | None => Err(late(command)),
        }
    }
}

/// What a caller hears that nobody got to: of a payment, nothing may be said but that it is not known.
const fn late(command: &Command) -> Rejection {
    let pays = matches!(command, Command::Complete(_) | Command::OpenStripeCheckout { .. });
    if pays { Rejection::Shopper(ShopperRejection::Undecided) } else { Rejection::Shop(ShopRejection::Busy) }
}

/// What a caller hears of a question that an actor has died with. Its last commit may still come about behind what its successor
/// has read, so that no payment is called not begun.
fn after_a_death(command: &Command, rejection: Rejection) -> Rejection {
    match command {
        Command::Complete(_) | Command::OpenStripeCheckout { .. } => {
            Rejection::Shopper(ShopperRejection::Undecided)
        }
        Command::Create(_)
        | Command::Update { .. }
        | Command::Cancel
        | Command::Read
        | Command::Decide(_)
        | Command::CheckStripe(_)
        | Command::Refund(_)
        | Command::Fulfill(_) => rejection,
    }
}

/// A caller that waits. When it goes before it was answered, its session is told, and drops what is not committed.
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
