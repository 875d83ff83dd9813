//! The session actor: runs the driver of one checkout. It makes no decisions.
//!
//! I/O for the driver runs in spawned tasks, and each result is the driver's next input, so the actor answers readers
//! while Stripe is slow. If the actor crashes, the sweeper finds the pending outcome again.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use actix::dev::channel::channel;
use actix::{
    Actor, ActorContext, ActorFutureExt, Addr, ArbiterHandle, AsyncContext, Context, Handler, Message,
    SpawnHandle, WrapFuture,
};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::live_sessions::LiveSessions;
use crate::domain::checkout::driver::{CommitFailed, Driver, Input, Output, RequestId, StoreFailed};
use crate::domain::checkout::model::{
    Answer, AttemptEnd, AttemptMove, AttemptObservation, Change, Command, Effect, FreezeReason, Moment,
    Observation, Rejection, State, StripeAnswer, TimelineEntry, TimelineEvent, TokenReadError,
};
use crate::domain::ids::{SessionId, Tenant};
use crate::limiter::{Budget, Source};
use crate::payments::call_log::{listed, millis_since};
use crate::payments::not_begun::{NotBegunNotes, NotBegunPayment, TokenLookup};
use crate::payments::{Dependencies, PresentMerchant, commit, order_effects, payment_effects};
use crate::store::{CommitError, StoreError};
use crate::stripe::{CallResult, in_words};

/// How many messages may wait; a further one is answered as busy.
const MAILBOX: usize = 64;

/// How often an actor checks whether it is still needed; after two checks without input it stops.
const REST: Duration = Duration::from_secs(15);

/// Where a caller gets its reply.
type ReplyTo = oneshot::Sender<Result<Box<Answer>, Rejection>>;

/// A caller's request.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct SessionRequest {
    pub(super) request: RequestId,
    pub(super) command: Command,
    pub(super) source: Source,
    pub(super) reply: ReplyTo,
}

/// A waiting caller.
struct Waiting {
    reply: ReplyTo,
    source: Source,
    /// Whether it requests a payment.
    pays: bool,
    /// The result of reading its token.
    lookup: TokenLookup,
}

/// The caller has gone.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct GiveUp(pub(super) RequestId);

/// Work may be due.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Wake {
    /// Dropped when no work is in progress any more.
    pub(super) resting: oneshot::Sender<()>,
}

pub(super) struct SessionActor {
    id: SessionId,
    tenant: Tenant,
    merchant: Arc<PresentMerchant>,
    deps: Arc<Dependencies>,
    live: Arc<LiveSessions<Self>>,
    driver: Driver,
    /// In the order of arrival; if the actor crashes, they are released in this order.
    callers: BTreeMap<RequestId, Waiting>,
    /// When the driver is woken next.
    timer: Option<(Instant, SpawnHandle)>,
    /// Callers that wait until no work is in progress.
    wakers: Vec<oneshot::Sender<()>>,
    /// A caller has come: more may follow, so the actor stays for a while.
    visited: bool,
    /// Checks since the last input.
    quiet: u32,
    /// The store has no such session.
    absent: bool,
    /// Payments that were not begun, for the log and the timeline.
    not_begun: NotBegunNotes,
}

impl SessionActor {
    pub(super) fn new(
        id: SessionId,
        merchant: Arc<PresentMerchant>,
        deps: Arc<Dependencies>,
        live: Arc<LiveSessions<Self>>,
    ) -> Self {
        let driver = Driver::new(id.clone());
        Self {
            id,
            tenant: merchant.load().tenant.clone(),
            merchant,
            deps,
            live,
            driver,
            callers: BTreeMap::new(),
            timer: None,
            wakers: Vec::new(),
            visited: false,
            quiet: 0,
            absent: false,
            not_begun: NotBegunNotes::default(),
        }
    }

    /// Starts it on a thread, with a bounded mailbox from the first message on.
    pub(super) fn start_on(self, thread: &ArbiterHandle) -> Addr<Self> {
        let (sender, receiver) = channel(MAILBOX);
        thread.spawn_fn(move || {
            actix::spawn(Context::with_receiver(receiver).into_future(self));
        });
        Addr::new(sender)
    }

    /// Passes an input to the driver and executes its outputs.
    fn handle_input(&mut self, input: Input, ctx: &mut Context<Self>) {
        self.quiet = 0;
        let (merchant, moment) = (self.merchant.load(), self.deps.moment());
        let moment = Moment { webhooks_arrive: merchant.webhooks.arrive(moment.now), ..moment };
        let view = merchant.view.load_full();
        for output in self.driver.on(input, moment, &view) {
            self.execute(output, ctx);
        }
        if self.driver.is_idle() {
            self.wakers.clear();
            // No caller waits for an actor that only the sweeper woke, and the sweeper wakes it again when more is
            // due.
            if self.absent || !self.visited {
                ctx.stop();
            }
        }
    }

    fn execute(&mut self, output: Output, ctx: &mut Context<Self>) {
        let deps = Arc::clone(&self.deps);
        let tenant = self.tenant.clone();
        let id = self.id.clone();
        match output {
            Output::Load(token) => {
                let work = async move { deps.store.load(&tenant, &id, token.as_ref()).await };
                self.spawn(work, ctx, |loaded, actor| match loaded {
                    Ok(loaded) => {
                        actor.absent = loaded.session.is_none();
                        Input::Loaded(Ok(Box::new(loaded)))
                    }
                    Err(error) => {
                        let (merchant, session) = (&actor.tenant.merchant, &actor.id);
                        tracing::error!(%merchant, %session, cause = in_words(&error), "session_load_failed");
                        Input::Loaded(Err(StoreFailed))
                    }
                });
            }
            Output::Gather { request, task, token } => {
                let merchant = self.merchant.load_full();
                let source = self.source_of(request);
                let permit = self.take(Budget::Token(self.id.as_str()), &source);
                let network = source.network;
                let began = Instant::now();
                let work = async move {
                    match permit {
                        Ok(()) => payment_effects::gather(&merchant, &token, network).await,
                        Err(error) => Err(error).into(),
                    }
                };
                self.spawn_io(work, ctx, move |gathered, actor| {
                    let lost = || CallResult::not_asked(Err(TokenReadError::ReadFailed), "the work was lost");
                    let CallResult { seen: facts, request_id, noted } = gathered.unwrap_or_else(lost);
                    if let Some(caller) = actor.callers.get_mut(&request) {
                        caller.lookup =
                            TokenLookup { noted, request_id, duration_ms: Some(millis_since(began)) };
                    }
                    // A token that Stripe does not know must not use up the budget of real payers.
                    let budget = Budget::Payment(actor.id.as_str());
                    let facts = facts.and_then(|facts| actor.take(budget, &source).map(|()| facts));
                    Input::Gathered { task, facts }
                });
            }
            Output::Commit(change) => self.commit(*change, ctx),
            Output::Run(Effect::Order(effect)) => {
                let merchant = self.merchant.load_full();
                let unanswered = effect.unanswered();
                let work = async move { order_effects::run(&deps, &merchant, &id, &effect).await };
                self.spawn_io(work, ctx, move |observed, _| {
                    let lost = || CallResult::from(unanswered);
                    let (seen, answer) = observed.unwrap_or_else(lost).split();
                    Input::OrderObserved { seen: Box::new(seen), answer }
                });
            }
            Output::Run(Effect::ReadPayment { payment, account }) => {
                let merchant = self.merchant.load_full();
                let asked = payment.clone();
                let work = async move {
                    payment_effects::read_payment(&merchant, &id, (&asked, account.as_ref())).await
                };
                self.spawn_io(work, ctx, move |observed, _| {
                    let lost = || CallResult::from(Observation::ReadFailed);
                    let (seen, answer) = observed.unwrap_or_else(lost).split();
                    Input::PaymentObserved { payment, seen: Box::new(seen), answer }
                });
            }
            Output::Run(effect) => {
                let Some(attempt) = effect.attempt() else { return };
                let merchant = self.merchant.load_full();
                let work =
                    async move { payment_effects::run(&deps, &merchant, &id, (attempt, &effect)).await };
                self.spawn_io(work, ctx, move |observed, _| {
                    let lost = AttemptObservation::unanswered;
                    let (seen, answer) = observed.unwrap_or_else(|| lost().into()).split();
                    Input::AttemptObserved { attempt, seen: Box::new(seen), answer }
                });
            }
            Output::Verify { task, verification } => {
                let merchant = self.merchant.load_full();
                let work = async move { payment_effects::verify(&deps, &merchant, &id, &verification).await };
                self.spawn_io(work, ctx, move |seen, _| Input::Verified {
                    task,
                    seen: Box::new(seen.unwrap_or_else(|| Observation::ReadFailed.into())),
                });
            }
            Output::Reply(request, answer) => self.answer(request, answer),
            Output::WakeAfter(span) => {
                self.wake_after(span.to_duration(), ctx);
            }
        }
    }

    /// Replies to a caller; a payment that was not begun is logged and added to the timeline.
    fn answer(&mut self, request: RequestId, answer: Result<Box<Answer>, Rejection>) {
        if let Some(caller) = self.callers.remove(&request) {
            if let Err(rejection) = &answer
                && caller.pays
                && !self.absent
                && rejection.keeps_from_paying()
            {
                let turned_away = NotBegunPayment { rejection, lookup: &caller.lookup };
                self.not_begun.note((&self.deps, &self.merchant.load(), &self.id), &turned_away);
            }
            // A caller that has gone can ask again: the reply is in the store.
            let _ = caller.reply.send(answer);
        }
    }

    /// The source of a call; unknown if the caller has gone.
    fn source_of(&self, request: RequestId) -> Source {
        self.callers.get(&request).map(|caller| caller.source.clone()).unwrap_or_default()
    }

    /// Takes from the payment limits. Only a request that was checked and is about to reach Stripe does so.
    fn take(&self, budget: Budget<'_>, source: &Source) -> Result<(), TokenReadError> {
        self.merchant.load().limiter.take(budget, source).map_err(|_| TokenReadError::TooMany)
    }

    /// Arms the timer, unless it is already set to an earlier time.
    fn wake_after(&mut self, pause: Duration, ctx: &mut Context<Self>) {
        let at = Instant::now() + pause;
        match self.timer {
            Some((armed, _)) if armed <= at => return,
            Some((_, later)) => {
                ctx.cancel_future(later);
            }
            None => {}
        }
        let handle = ctx.run_later(pause, |actor, ctx| {
            actor.timer = None;
            actor.handle_input(Input::Woken, ctx);
        });
        self.timer = Some((at, handle));
    }

    fn commit(&mut self, change: Change, ctx: &mut Context<Self>) {
        let state = change.session.state.into_str();
        let revision = change.session.revision.0;
        let frozen = frozen_because(&change.session.state);
        let flagged: Vec<String> = change.flags.iter().map(|flag| flag.intent.to_string()).collect();
        let unopened = page_not_opened(&change);
        let placed = change.order.clone();
        let next_try = change.session.undecided_attempt().and(change.due_at);
        let deps = Arc::clone(&self.deps);
        let merchant = self.merchant.load_full();
        let work = async move {
            let commit = commit::prepare(&deps, &merchant, change).map_err(StoreError::before_a_write)?;
            deps.store.commit(commit).await
        };
        self.spawn(work, ctx, move |committed, actor| {
            let (merchant, session) = (&actor.tenant.merchant, &actor.id);
            Input::Committed(match committed {
                Ok(version) => {
                    actor.absent = false;
                    let next_try = next_try.map(tracing::field::display);
                    tracing::info!(%merchant, %session, state, revision, next_try, "session_committed");
                    if let Some(order) = &placed {
                        commit::log_placed(merchant, order);
                    }
                    if let Some((reason, intent)) = &frozen {
                        let reason = reason.into_str();
                        tracing::error!(%merchant, %session, reason, intent, "session_waits_for_an_operator");
                    }
                    if let Some((attempt, answer)) = unopened {
                        let StripeAnswer { request_id, status, code, address, cause } = answer;
                        tracing::warn!(
                            %merchant, %session, attempt, request_id, status, code, address, cause, "stripe_checkout_not_opened"
                        );
                    }
                    if !flagged.is_empty() {
                        tracing::error!(%merchant, %session, intents = listed(&flagged), "payments_flagged");
                    }
                    Ok(version)
                }
                Err(CommitError::Conflict) => Err(CommitFailed::Conflict),
                Err(CommitError::TokenUsed) => Err(CommitFailed::TokenUsed),
                Err(CommitError::Store(error)) => {
                    tracing::error!(%merchant, %session, state, cause = in_words(&error), "session_commit_failed");
                    let nothing = error.nothing_was_written();
                    Err(if nothing { CommitFailed::NotDone } else { CommitFailed::Unheard })
                }
            })
        });
    }

    /// Runs `work` on the I/O runtime and passes its result to the driver; `None` if it was lost.
    fn spawn_io<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
        ctx: &mut Context<Self>,
        into_input: impl FnOnce(Option<T>, &mut Self) -> Input + 'static,
    ) {
        let running = self.deps.io.run(work);
        self.spawn(async move { running.await.ok() }, ctx, into_input);
    }

    /// Waits for work that runs elsewhere, as the store's does, and passes its result to the driver.
    fn spawn<T: 'static>(
        &self,
        work: impl Future<Output = T> + 'static,
        ctx: &mut Context<Self>,
        into_input: impl FnOnce(T, &mut Self) -> Input + 'static,
    ) {
        ctx.spawn(work.into_actor(self).map(move |result, actor, ctx| {
            let input = into_input(result, actor);
            actor.handle_input(input, ctx);
        }));
    }
}

/// The attempt whose Stripe Checkout could not be created, if this change says so, and Stripe's last answer.
fn page_not_opened(change: &Change) -> Option<(u32, StripeAnswer)> {
    let Some(AttemptMove::Update { number, end: Some(AttemptEnd::NotCreated), .. }) = &change.attempt else {
        return None;
    };
    let told = |entry: &TimelineEntry| {
        if let TimelineEvent::Stripe { answer, .. } = &entry.event { Some(answer.clone()) } else { None }
    };
    Some((number.0, change.timeline.iter().find_map(told).unwrap_or_default()))
}

/// Why a session is frozen, and with which payment, if it is.
fn frozen_because(state: &State) -> Option<(FreezeReason, Option<String>)> {
    if let State::Frozen { attempt, reason } = state {
        Some((*reason, attempt.intent.as_ref().map(ToString::to_string)))
    } else {
        None
    }
}

impl Actor for SessionActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(REST, |actor, ctx| {
            actor.quiet += 1;
            if actor.quiet >= 2 && actor.driver.is_idle() {
                ctx.stop();
            }
        });
    }

    fn stopped(&mut self, ctx: &mut Self::Context) {
        self.live.forget(&self.tenant, &self.id, &ctx.address());
    }
}

impl Handler<SessionRequest> for SessionActor {
    type Result = ();

    fn handle(
        &mut self,
        SessionRequest { request, command, source, reply }: SessionRequest,
        ctx: &mut Self::Context,
    ) {
        let pays = matches!(command, Command::Complete(_) | Command::OpenStripeCheckout { .. });
        self.callers.insert(request, Waiting { reply, source, pays, lookup: TokenLookup::default() });
        self.visited = true;
        self.handle_input(Input::Requested { request, command: Box::new(command) }, ctx);
    }
}

impl Handler<GiveUp> for SessionActor {
    type Result = ();

    fn handle(&mut self, GiveUp(request): GiveUp, ctx: &mut Self::Context) {
        self.callers.remove(&request);
        self.handle_input(Input::GivenUp(request), ctx);
    }
}

impl Handler<Wake> for SessionActor {
    type Result = ();

    fn handle(&mut self, Wake { resting }: Wake, ctx: &mut Self::Context) {
        // Work of a caller is not the sweeper's, and takes none of the room for the sweeper's sessions.
        if !self.visited {
            self.wakers.push(resting);
        }
        self.handle_input(Input::Woken, ctx);
    }
}
