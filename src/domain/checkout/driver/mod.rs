//! The loop around `step`, without I/O: inputs in, outputs out. The session actor runs its outputs; so does any test.
//!
//! One *lane* holds at most one load or commit at a time, which makes the driver the single writer of its session;
//! tasks that wait for Stripe to tell about a token stand beside it, so a slow Stripe never keeps a reader waiting.
//!
//! `task` holds what is to be done, `look` what is decided before the network is asked, `reply` what callers hear,
//! `stuck` what waits for a store that failed.
//! Invariants: an effect leaves only after the commit that asked for it; an outcome is never given up; nobody hears
//! of a completed checkout but from the store; what a page at Stripe stands in the way of waits until it is closed.

mod look;
mod reply;
mod stuck;
mod task;

use std::collections::VecDeque;

use super::aftersales::{self, OrderSeen};
use super::attempt::Seen;
use super::command::{Answer, Command, Rejection};
use super::decision::{self, Verification};
use super::hosted::Closing;
use super::session::{Session, State, Undertaking, Version};
use super::settle::LONGEST_PAUSE;
use super::snapshot::{AttemptMove, Change, Loaded};
use super::step::{Context, Effect, Event, Moment, Transition, Work, begin, due_at, look_now, step, work};
use super::timeline::{self, Cause};
use super::token::{SharedPaymentToken, TokenFacts};
use crate::domain::ids::{AttemptNumber, SessionId, SptHash};
use crate::domain::merchant::MerchantView;
use crate::domain::stripe_event::Concern;
use crate::domain::time::Span;
use look::{Look, look, look_for_page};
use reply::{answer, refuse, report, tell};
use stuck::Stuck;
use task::{Ask, Committed, Follow, Kind, Lane, Task};

/// How often a caller's request is tried again when others change the session under it.
const CALLER_TRIES: u32 = 3;

/// The most callers that wait for one attempt; more are answered at once that it is under way.
const MAX_WAITING: usize = 64;

/// The most questions that wait for their turn or for Stripe; more are turned away.
const MAX_QUEUED: usize = 256;

/// Who asked, as the actor numbers its callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// A task that waits for facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TaskId(u64);

/// What happens to a driver.
#[derive(Debug)]
pub enum Input {
    /// A caller asks.
    Asked {
        /// Who.
        request: RequestId,
        /// For what.
        command: Box<Command>,
    },
    /// A caller has gone; what is not committed for it is dropped.
    GivenUp(RequestId),
    /// The load came back; `Err` when the store failed.
    Loaded(Result<Box<Loaded>, StoreFailed>),
    /// The facts about a token came back.
    Gathered {
        /// For which task.
        task: TaskId,
        /// What Stripe told.
        facts: Result<TokenFacts, GatherError>,
    },
    /// The commit came back.
    Committed(Result<Version, CommitFailed>),
    /// An effect came to its end.
    Saw {
        /// The attempt that it was for.
        attempt: AttemptNumber,
        /// What was seen.
        seen: Box<Seen>,
        /// Stripe's `Request-Id`, where it answered.
        request_id: Option<String>,
    },
    /// An effect for a paid order came to its end.
    SawOrder {
        /// What was seen.
        seen: Box<OrderSeen>,
        /// Stripe's `Request-Id`, where it answered.
        request_id: Option<String>,
    },
    /// What a decision is about was looked at.
    Verified {
        /// For which task.
        task: TaskId,
        /// What was seen.
        seen: Box<Seen>,
    },
    /// The armed timer, the sweeper or a start asks to go on.
    Woken,
    /// Somebody says that there is something to see at Stripe.
    Hinted(Concern),
}

/// The store failed; nothing is known of the write that it was asked for, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreFailed;

/// Why a commit did not come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitFailed {
    /// Another commit came first.
    Conflict,
    /// The token has started an attempt already.
    TokenUsed,
    /// The store failed; the commit may or may not have been done.
    Store,
}

/// Why a token could not be told about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatherError {
    /// Stripe knows no such token for this merchant.
    Foreign,
    /// Stripe did not answer.
    Unread,
    /// Stripe's clock is far from ours, so that no time of a payment could be relied on.
    ClockDiffers,
}

/// What a driver wants done.
#[derive(Debug)]
pub enum Output {
    /// Read the session, and what is known of this token.
    Load(Option<SptHash>),
    /// Ask Stripe about a token.
    Gather {
        /// For which task.
        task: TaskId,
        /// The token.
        token: SharedPaymentToken,
    },
    /// Look at the payment that a decision is about.
    Verify {
        /// For which task.
        task: TaskId,
        /// What to look at.
        verification: Verification,
    },
    /// Write a change.
    Commit(Box<Change>),
    /// Do something at Stripe.
    Run(Effect),
    /// Answer a caller.
    Reply(RequestId, Result<Box<Answer>, Rejection>),
    /// Wake the driver after this span at the latest; the earliest of several wishes counts.
    WakeAfter(Span),
}

/// Drives one session.
#[derive(Debug)]
pub struct Driver {
    id: SessionId,
    lane: Lane,
    queue: VecDeque<Task>,
    gathering: Vec<(TaskId, Task)>,
    stuck: Stuck,
    /// Whether an effect is under way.
    in_flight: bool,
    /// Callers that wait for an attempt or a refund to be decided.
    waiting: Vec<(Undertaking, RequestId)>,
    /// What waits for an attempt's page to be closed.
    parked: Vec<(Undertaking, Task)>,
    /// What a hint was about after which Stripe was not looked at yet.
    hinted: Option<Concern>,
    /// The caller of the task in the lane has gone.
    lane_given_up: bool,
    next_task: u64,
}

/// A change that is to be committed, and what it was made from.
struct Begun<'a> {
    before: Option<(Version, &'a Session)>,
    cause: Cause,
    transition: Transition,
}

impl Begun<'_> {
    /// The change as data.
    fn change(self, context: &Context<'_>) -> Change {
        let Begun { before, cause, transition } = self;
        let before_session = before.map(|(_, session)| session);
        let timeline = timeline::entries(before_session, &cause, &transition, context.moment.now);
        let Transition { next, attempt, order, refund, news, flags, effect: _ } = transition;
        let (expected, due_at) = (before.map(|(version, _)| version), due_at(&next));
        Change { expected, session: next, due_at, attempt, order, refund, news, flags, timeline }
    }
}

/// The change that an event makes of a session as it was read, for whoever commits it without a driver; `None` when there
/// is nothing to change. What it would have done at Stripe is found to be due afterwards.
#[must_use]
pub fn change_of(
    (version, session): (Version, &Session),
    event: Event,
    context: &Context<'_>,
) -> Option<Change> {
    let cause = Cause::of(&event, None);
    let transition = step(session, event, context).ok().filter(|transition| transition.changes(session))?;
    Some(Begun { before: Some((version, session)), cause, transition }.change(context))
}

/// One input being worked on: what may be known, and what is wanted.
struct Turn<'a> {
    context: Context<'a>,
    out: &'a mut Vec<Output>,
}

impl Driver {
    /// A driver of a session that knows nothing of it yet.
    #[must_use]
    pub const fn new(id: SessionId) -> Self {
        Self {
            id,
            lane: Lane::Free,
            queue: VecDeque::new(),
            gathering: Vec::new(),
            stuck: Stuck::new(),
            in_flight: false,
            waiting: Vec::new(),
            parked: Vec::new(),
            hinted: None,
            lane_given_up: false,
            next_task: 0,
        }
    }

    /// Whether nothing is under way, so that the driver may be dropped: the store has everything.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        matches!(self.lane, Lane::Free)
            && self.queue.is_empty()
            && self.gathering.is_empty()
            && self.stuck.is_empty()
            && !self.in_flight
            && self.waiting.is_empty()
            && self.parked.is_empty()
    }

    /// Takes one input and says what is to be done now.
    pub fn on(&mut self, input: Input, moment: Moment, view: &MerchantView) -> Vec<Output> {
        let mut out = Vec::new();
        let mut turn = Turn { context: Context { view, moment }, out: &mut out };
        match input {
            Input::Asked { request, command } => {
                let ask = Box::new(Ask { request, command: *command, facts: None, verified: None });
                if self.queue.len() + self.gathering.len() + self.parked.len() >= MAX_QUEUED {
                    refuse(request, ask.not_looked_at(Rejection::Busy), turn.out);
                } else {
                    self.queue.push_back(Task::new(Kind::Ask(ask)));
                }
            }
            Input::GivenUp(request) => self.given_up(request),
            Input::Loaded(loaded) => self.loaded(loaded, &mut turn),
            Input::Gathered { task, facts } => self.gathered(task, |ask| ask.facts = Some(facts)),
            Input::Verified { task, seen } => self.gathered(task, |ask| ask.verified = Some(seen)),
            Input::Committed(result) => self.committed(&result, &mut turn),
            Input::Saw { attempt, seen, request_id } => {
                self.saw(Kind::Outcome { attempt, seen, request_id });
            }
            Input::SawOrder { seen, request_id } => self.saw(Kind::OrderOutcome { seen, request_id }),
            Input::Hinted(concern) => {
                // What is looked at for an order's sake tells of its payment as well.
                self.hinted = self.hinted.max(Some(concern));
                self.look_when_free();
            }
            Input::Woken => {
                self.queue.extend(self.stuck.ripe(moment.now));
                if let Some(next) = self.stuck.next(moment.now) {
                    turn.out.push(Output::WakeAfter(next));
                }
                self.look_when_free();
            }
        }
        self.pump(&mut out);
        out
    }

    /// Queues a look at what is to be done, once however often it is asked for.
    fn look_when_free(&mut self) {
        if !self.queue.iter().any(|task| matches!(task.kind, Kind::Due)) {
            self.queue.push_back(Task::new(Kind::Due));
        }
    }

    /// Puts the next task into the lane when it is free.
    fn pump(&mut self, out: &mut Vec<Output>) {
        if matches!(self.lane, Lane::Free)
            && let Some(task) = self.queue.pop_front()
        {
            out.push(Output::Load(task.token()));
            self.lane_given_up = false;
            self.lane = Lane::Loading(task);
        }
    }

    fn saw(&mut self, outcome: Kind) {
        self.in_flight = false;
        self.queue.push_back(Task::new(outcome));
        if self.hinted.is_some() {
            self.queue.push_back(Task::new(Kind::Due));
        }
    }

    fn given_up(&mut self, gone: RequestId) {
        self.queue.retain(|task| !task.is_of(gone));
        self.stuck.retain(|task| !task.is_of(gone));
        self.gathering.retain(|(_, task)| !task.is_of(gone));
        self.waiting.retain(|(_, request)| *request != gone);
        self.parked.retain(|(_, task)| !task.is_of(gone));
        if let Lane::Loading(task) | Lane::Committing { task, .. } = &self.lane {
            self.lane_given_up |= task.is_of(gone);
        }
    }

    fn gathered(&mut self, id: TaskId, keep: impl FnOnce(&mut Ask)) {
        let Some(at) = self.gathering.iter().position(|(known, _)| *known == id) else {
            return;
        };
        let (_, mut task) = self.gathering.swap_remove(at);
        if let Kind::Ask(ask) = &mut task.kind {
            keep(ask);
        }
        self.queue.push_back(task);
    }

    fn loaded(&mut self, loaded: Result<Box<Loaded>, StoreFailed>, turn: &mut Turn<'_>) {
        let Lane::Loading(task) = std::mem::replace(&mut self.lane, Lane::Free) else {
            return;
        };
        if std::mem::take(&mut self.lane_given_up) {
            return;
        }
        let Ok(loaded) = loaded else {
            self.store_failed(task, Rejection::Unavailable, turn);
            return;
        };
        if let Some((_, session)) = &loaded.session {
            self.release_waiting(session);
        }
        let Task { kind, tries } = task;
        match (kind, &loaded.session) {
            (Kind::Ask(ask), None) if matches!(ask.command, Command::Create(_)) => {
                self.create(ask, tries, turn);
            }
            (Kind::Ask(ask), None) => refuse(ask.request, Rejection::NotFound, turn.out),
            (Kind::Ask(ask), Some((version, session))) => {
                self.ask(Task { kind: Kind::Ask(ask), tries }, (*version, session), &loaded, turn);
            }
            (Kind::Outcome { attempt, seen, request_id }, Some((version, session))) => {
                let event = Event::Saw { attempt, seen: Seen::clone(&seen) };
                let task = Task { kind: Kind::Outcome { attempt, seen, request_id }, tries };
                self.apply(task, (*version, session), event, turn);
            }
            (Kind::OrderOutcome { seen, request_id }, Some((version, session))) => {
                let event = Event::SawOrder(OrderSeen::clone(&seen));
                let task = Task { kind: Kind::OrderOutcome { seen, request_id }, tries };
                self.apply(task, (*version, session), event, turn);
            }
            (Kind::Due, Some((version, session))) => self.due((*version, session), tries, turn),
            (Kind::Report { requests, notice }, _) => report(requests, notice.as_ref(), &loaded, turn),
            (Kind::Outcome { .. } | Kind::OrderOutcome { .. } | Kind::Due, None) => {}
        }
    }

    fn create(&mut self, ask: Box<Ask>, tries: u32, turn: &mut Turn<'_>) {
        let Command::Create(patch) = &ask.command else { return };
        match begin(self.id.clone(), patch.clone(), &turn.context) {
            Err(rejection) => refuse(ask.request, rejection, turn.out),
            Ok(session) => {
                let begun = Begun { before: None, cause: Cause::Untold, transition: Transition::to(session) };
                self.commit(Task { kind: Kind::Ask(ask), tries }, begun, turn);
            }
        }
    }

    fn ask(
        &mut self,
        task: Task,
        (version, session): (Version, &Session),
        loaded: &Loaded,
        turn: &mut Turn<'_>,
    ) {
        let Kind::Ask(ask) = &task.kind else { return };
        let request = ask.request;
        let timed_out = session.expires <= turn.context.moment.now
            && matches!(session.state, State::Open { .. } | State::Ready { .. });
        if timed_out {
            // The caller is to see the session as time has made it: that is written first, then the caller's turn comes.
            if task.tries >= CALLER_TRIES {
                refuse(request, ask.not_looked_at(Rejection::Unavailable), turn.out);
                return;
            }
            self.queue.push_front(Task { tries: task.tries + 1, ..task });
            self.apply(Task::new(Kind::Due), (version, session), Event::TimeOut, turn);
            return;
        }
        match &ask.command {
            Command::Read => answer(request, loaded, None, turn),
            Command::Cancel if matches!(session.state, State::Canceled { .. }) => {
                answer(request, loaded, None, turn);
            }
            Command::Cancel => self.apply(task, (version, session), Event::Canceled, turn),
            Command::Update { revision, patch } => {
                let event = Event::Edited { revision: *revision, patch: patch.clone() };
                self.apply(task, (version, session), event, turn);
            }
            Command::Create(_) => refuse(request, Rejection::Busy, turn.out),
            Command::Decide(decision) if decision::was_made(session, decision) => {
                answer(request, loaded, None, turn);
            }
            Command::Decide(decision) => match (&ask.verified, decision::verification(session, decision)) {
                (_, Err(rejection)) => refuse(request, rejection, turn.out),
                (None, Ok(verification)) => {
                    let id = self.set_aside(task);
                    turn.out.push(Output::Verify { task: id, verification });
                }
                (Some(seen), Ok(_)) => {
                    let event = Event::Decided { decision: decision.clone(), seen: Seen::clone(seen) };
                    self.apply(task, (version, session), event, turn);
                }
            },
            Command::Complete(payment) => {
                let token_use = loaded.token_use.as_ref();
                let looked = look(session, payment, token_use, ask.facts.as_ref(), &turn.context);
                self.looked(task, looked, loaded, turn);
            }
            Command::Refund(wish) => match (aftersales::asked_before(session, wish), session.running()) {
                (Err(rejection), _) => refuse(request, rejection, turn.out),
                (Ok(None), _) => {
                    let event = Event::RefundWanted(wish.clone());
                    self.apply(task, (version, session), event, turn);
                }
                (Ok(Some(known)), Some(running)) if known.is_asked_for() => {
                    self.join(request, running, loaded, turn);
                }
                (Ok(Some(_)), _) => answer(request, loaded, None, turn),
            },
            Command::Fulfill(fulfillment) => {
                let event = Event::Fulfilled(fulfillment.clone());
                self.apply(task, (version, session), event, turn);
            }
            Command::OpenPage { revision } => {
                let looked = look_for_page(session, *revision, &turn.context);
                self.looked(task, looked, loaded, turn);
            }
        }
    }

    /// Goes on with a caller who wants to pay.
    fn looked(&mut self, task: Task, looked: Look, loaded: &Loaded, turn: &mut Turn<'_>) {
        let (Some(request), Some((version, session))) = (task.caller(), &loaded.session) else { return };
        match looked {
            Look::Answer(notice) => answer(request, loaded, notice, turn),
            Look::Reject(Rejection::PageOpen) => self.close_page(task, (*version, session), turn),
            Look::Reject(rejection) => refuse(request, rejection, turn.out),
            Look::Join(attempt) => self.join(request, Undertaking::Attempt(attempt), loaded, turn),
            Look::Gather(token) => {
                let id = self.set_aside(task);
                turn.out.push(Output::Gather { task: id, token });
            }
            Look::Step(event) => self.apply(task, (*version, session), *event, turn),
        }
    }

    /// Lets a caller's request wait until the page that stands in its way is closed.
    fn close_page(&mut self, task: Task, (version, session): (Version, &Session), turn: &mut Turn<'_>) {
        let Kind::Ask(ask) = &task.kind else { return };
        if task.tries >= CALLER_TRIES {
            refuse(ask.request, Rejection::Busy, turn.out);
            return;
        }
        let wish = if matches!(ask.command, Command::Cancel) { Closing::Cancel } else { Closing::Reopen };
        self.apply(task, (version, session), Event::PageUnwanted(wish), turn);
    }

    /// Lets a task wait for what must be asked of Stripe first.
    fn set_aside(&mut self, task: Task) -> TaskId {
        let id = TaskId(self.next_task);
        self.next_task += 1;
        self.gathering.push((id, task));
        id
    }

    /// Lets a caller wait for what is under way.
    fn join(&mut self, request: RequestId, running: Undertaking, loaded: &Loaded, turn: &mut Turn<'_>) {
        if self.waiting.len() >= MAX_WAITING {
            answer(request, loaded, None, turn);
            return;
        }
        self.waiting.push((running, request));
        if !self.in_flight {
            self.queue.push_back(Task::new(Kind::Due));
        }
    }

    fn due(&mut self, (version, session): (Version, &Session), tries: u32, turn: &mut Turn<'_>) {
        // What was seen but is not written yet may decide the attempt: nothing is begun before.
        let undecided_outcome = self.queue.iter().chain(self.stuck.tasks()).any(Task::is_outcome);
        if self.in_flight || undecided_outcome {
            return;
        }
        let hinted = std::mem::take(&mut self.hinted);
        match work(session, turn.context.moment.now) {
            Work::Wait(_) => match hinted.and_then(|concern| look_now(session, concern)) {
                Some(effect) => self.run(effect, turn.out),
                None => wake_for(session, turn),
            },
            Work::Run(effect) => self.run(effect, turn.out),
            Work::Step(event) => {
                self.apply(Task { kind: Kind::Due, tries }, (version, session), *event, turn);
            }
        }
    }

    fn run(&mut self, effect: Effect, out: &mut Vec<Output>) {
        self.in_flight = true;
        out.push(Output::Run(effect));
    }

    /// Steps, and commits what comes of it.
    fn apply(
        &mut self,
        task: Task,
        (version, session): (Version, &Session),
        event: Event,
        turn: &mut Turn<'_>,
    ) {
        let cause = Cause::of(&event, task.request_id());
        match (step(session, event, &turn.context), &task.kind) {
            (Ok(transition), _) if transition.changes(session) => {
                let begun = Begun { before: Some((version, session)), cause, transition };
                self.commit(task, begun, turn);
            }
            (Ok(_), Kind::Ask(ask)) => tell(ask.request, session, session.notice.clone(), turn.out),
            (Err(Rejection::PageOpen), Kind::Ask(_)) => self.close_page(task, (version, session), turn),
            (Err(rejection), Kind::Ask(ask)) => reply::rejected(ask.request, session, rejection, turn.out),
            (
                Ok(_) | Err(_),
                Kind::Outcome { .. } | Kind::OrderOutcome { .. } | Kind::Due | Kind::Report { .. },
            ) => {}
        }
    }

    fn commit(&mut self, task: Task, begun: Begun<'_>, turn: &mut Turn<'_>) {
        let effect = begun.transition.effect.clone();
        let change = begun.change(&turn.context);
        let (attempt, next) = (&change.attempt, &change.session);
        let follow = match (attempt, &next.state) {
            (Some(AttemptMove::Start(_)), _) => Follow::Wait,
            (_, State::ClosingHosted { .. }) => Follow::Retry,
            (_, State::Completed { .. }) if task.caller().is_some() => Follow::Report,
            _ => Follow::Tell,
        };
        let committed = Box::new(Committed { session: next.clone(), effect, follow });
        turn.out.push(Output::Commit(Box::new(change)));
        self.lane = Lane::Committing { task, committed };
    }

    fn committed(&mut self, result: &Result<Version, CommitFailed>, turn: &mut Turn<'_>) {
        let Lane::Committing { task, committed } = std::mem::replace(&mut self.lane, Lane::Free) else {
            return;
        };
        let given_up = std::mem::take(&mut self.lane_given_up);
        match result {
            Ok(_) => self.durable(task, *committed, turn),
            Err(CommitFailed::Conflict | CommitFailed::TokenUsed) if given_up => {}
            Err(CommitFailed::Conflict | CommitFailed::TokenUsed) => self.conflicted(task, turn),
            // Whether an attempt was begun is not known: nobody may be told that nothing was charged.
            Err(CommitFailed::Store) if committed.follow == Follow::Wait => {
                self.store_failed(task, Rejection::Undecided, turn);
            }
            Err(CommitFailed::Store) => self.store_failed(task, Rejection::Unavailable, turn),
        }
    }

    fn durable(&mut self, task: Task, committed: Committed, turn: &mut Turn<'_>) {
        let Committed { session, effect, follow } = committed;
        self.release_waiting(&session);
        if let Some(request) = task.caller() {
            match (follow, session.running()) {
                (Follow::Wait | Follow::Report, Some(running)) => self.waiting.push((running, request)),
                (Follow::Report, None) => {
                    let notice = session.notice.clone();
                    self.queue.push_back(Task::new(Kind::Report { requests: vec![request], notice }));
                }
                (Follow::Retry, Some(running)) => {
                    self.parked.push((running, Task { tries: task.tries + 1, ..task }));
                }
                (Follow::Wait | Follow::Retry | Follow::Tell, _) => {
                    tell(request, &session, session.notice.clone(), turn.out);
                }
            }
        }
        match effect {
            Some(effect) => self.run(effect, turn.out),
            None => wake_for(&session, turn),
        }
    }

    /// Callers that wait for something which is not under way any more are answered from the store, where its order
    /// now is: also when the commit that decided it was not known to be done.
    fn release_waiting(&mut self, session: &Session) {
        let running = session.running();
        let (parked, free): (Vec<_>, Vec<_>) =
            self.parked.drain(..).partition(|(awaited, _)| Some(*awaited) == running);
        self.parked = parked;
        self.queue.extend(free.into_iter().map(|(_, task)| task));
        let (waiting, told): (Vec<_>, Vec<_>) =
            self.waiting.drain(..).partition(|(awaited, _)| Some(*awaited) == running);
        self.waiting = waiting;
        if !told.is_empty() {
            let requests = told.into_iter().map(|(_, request)| request).collect();
            self.queue.push_back(Task::new(Kind::Report { requests, notice: session.notice.clone() }));
        }
    }

    /// Another commit came first: a caller's request is tried a few times, everything else until it is done.
    fn conflicted(&mut self, task: Task, turn: &mut Turn<'_>) {
        let Task { kind, tries } = task;
        match kind {
            Kind::Ask(ask) if tries + 1 >= CALLER_TRIES => refuse(ask.request, Rejection::Busy, turn.out),
            Kind::Ask(mut ask) => {
                ask.facts = None;
                ask.verified = None;
                self.queue.push_front(Task::again(Kind::Ask(ask), tries));
            }
            Kind::Outcome { .. } | Kind::OrderOutcome { .. } | Kind::Due | Kind::Report { .. } => {
                self.queue.push_front(Task::again(kind, tries));
            }
        }
    }

    /// The store failed: a caller is told so, an outcome is kept until the store is back.
    fn store_failed(&mut self, task: Task, rejection: Rejection, turn: &mut Turn<'_>) {
        let Task { kind, tries } = task;
        let kept = match kind {
            Kind::Ask(ask) => {
                refuse(ask.request, ask.not_looked_at(rejection), turn.out);
                // If the write was done after all, its effect is due now.
                Kind::Due
            }
            Kind::Outcome { .. } | Kind::OrderOutcome { .. } | Kind::Due | Kind::Report { .. } => kind,
        };
        let pause = self.stuck.keep(kept, tries, turn.context.moment.now);
        turn.out.push(Output::WakeAfter(pause));
    }
}

/// Arms the timer for the next try of an attempt that is worked on. Other states leave their due times to the sweeper.
fn wake_for(session: &Session, turn: &mut Turn<'_>) {
    if let (Some(_), Some(next)) = (session.running(), due_at(session)) {
        let pause = next.since(turn.context.moment.now);
        turn.out.push(Output::WakeAfter(pause.min(LONGEST_PAUSE)));
    }
}
