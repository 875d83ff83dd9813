//! The loop around `step`, without I/O: inputs in, outputs out. The session actor executes the outputs; a test can do
//! the same.
//!
//! One *lane* holds at most one load or commit at a time, so the driver is the single writer of its session. Tasks
//! that wait for Stripe's answer about a token are kept outside the lane, so a slow Stripe does not block readers.
//!
//! `exchange` has the inputs and outputs, `task` the work to do; `requests` handles callers' requests, `precheck`
//! decides what needs no network, `reply` makes the replies; `writing` commits, `retry_queue` holds tasks that wait
//! because the store failed.
//! Invariants: an effect leaves only after the commit that asked for it; an outcome is retried until it is written;
//! callers learn of a completed checkout from the store only; a request that an open Stripe Checkout blocks waits
//! until that is closed.

mod exchange;
mod precheck;
mod reply;
mod requests;
mod retry_queue;
mod task;
mod writing;

use std::collections::VecDeque;

use super::due::work;
use super::model::{
    Command, Context, Effect, Event, HostRejection, Loaded, Moment, PendingWork, PlacedOrder, Rejection,
    Session, ShopRejection, StepError, StripeAnswer, Version, Work,
};
use super::rules::timeline::Cause;
use super::step::step;
use crate::domain::ids::SessionId;
use crate::domain::merchant::MerchantView;
pub use exchange::{CommitFailed, Input, Output, RequestId, StoreFailed, TaskId};
use reply::{refuse, reply_with, report};
use retry_queue::RetryQueue;
use task::{CallerRequest, Lane, Task, TaskKind};
pub use writing::change_of;
use writing::{Begun, wake_for};

/// How often a caller's request is tried again when other commits change the session in between.
const CALLER_TRIES: u32 = 3;

/// The most callers that wait for one attempt; further callers get the reply that it is in progress.
const MAX_WAITING: usize = 64;

/// The most requests that wait for the lane or for Stripe; further requests are rejected.
const MAX_QUEUED: usize = 256;

/// Drives one session.
#[derive(Debug)]
pub struct Driver {
    id: SessionId,
    lane: Lane,
    queue: VecDeque<Task>,
    gathering: Vec<(TaskId, Task)>,
    retries: RetryQueue,
    /// How many effects are in progress.
    in_flight: u32,
    /// Callers that wait for the outcome of an attempt or a refund.
    waiting: Vec<(PendingWork, RequestId)>,
    /// Tasks that wait until an attempt's Stripe Checkout is closed.
    blocked_on_close: Vec<(PendingWork, Task)>,
    /// Work was due while an effect was in progress.
    postponed: bool,
    /// The caller of the task in the lane has gone.
    lane_given_up: bool,
    next_task: u64,
}

/// The handling of one input: what it may read, and the outputs so far.
struct Turn<'a> {
    context: Context<'a>,
    /// The order of the session that was read.
    placed: Option<&'a PlacedOrder>,
    out: &'a mut Vec<Output>,
}

impl Driver {
    /// A driver that has not read its session yet.
    #[must_use]
    pub const fn new(id: SessionId) -> Self {
        Self {
            id,
            lane: Lane::Free,
            queue: VecDeque::new(),
            gathering: Vec::new(),
            retries: RetryQueue::new(),
            in_flight: 0,
            waiting: Vec::new(),
            blocked_on_close: Vec::new(),
            postponed: false,
            lane_given_up: false,
            next_task: 0,
        }
    }

    /// Whether nothing is in progress. The driver may then be dropped, since the store has everything.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        matches!(self.lane, Lane::Free)
            && self.queue.is_empty()
            && self.gathering.is_empty()
            && self.retries.is_empty()
            && self.in_flight == 0
            && self.waiting.is_empty()
            && self.blocked_on_close.is_empty()
    }

    /// Handles one input and returns the outputs to execute now.
    pub fn on(&mut self, input: Input, moment: Moment, view: &MerchantView) -> Vec<Output> {
        let mut out = Vec::new();
        let mut turn = Turn { context: Context { view, moment }, placed: None, out: &mut out };
        match input {
            Input::Requested { request, command } => {
                let ask = Box::new(CallerRequest { request, command: *command, facts: None, verified: None });
                if self.queue.len() + self.gathering.len() + self.blocked_on_close.len() >= MAX_QUEUED {
                    refuse(request, ask.not_checked(Rejection::Shop(ShopRejection::Busy)), turn.out);
                } else {
                    self.queue.push_back(Task::new(TaskKind::Request(ask)));
                }
            }
            Input::GivenUp(request) => self.given_up(request),
            Input::Loaded(loaded) => self.loaded(loaded, &mut turn),
            Input::Gathered { task, facts } => self.gathered(task, |ask| ask.facts = Some(facts)),
            Input::Verified { task, seen } => self.gathered(task, |ask| ask.verified = Some(seen)),
            Input::Committed(result) => self.committed(&result, &mut turn),
            Input::AttemptObserved { attempt, seen, answer } => {
                self.saw(Event::AttemptObserved { attempt, seen: *seen }, answer);
            }
            Input::OrderObserved { seen, answer } => self.saw(Event::OrderObserved(*seen), answer),
            Input::PaymentObserved { payment, seen, answer } => {
                self.saw(Event::PaymentObserved { payment, seen: *seen }, answer);
            }
            Input::Woken => {
                self.queue.extend(self.retries.due(moment.now));
                if let Some(next) = self.retries.next(moment.now) {
                    turn.out.push(Output::WakeAfter(next));
                }
                self.queue_due_work();
            }
        }
        self.pump(&mut out);
        out
    }

    /// Queues a check for due work, once however often it is requested.
    fn queue_due_work(&mut self) {
        if !self.queue.iter().any(|task| matches!(task.kind, TaskKind::Due)) {
            self.queue.push_back(Task::new(TaskKind::Due));
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

    fn saw(&mut self, event: Event, answer: StripeAnswer) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.queue.push_back(Task::new(TaskKind::Outcome { event: Box::new(event), answer }));
        if std::mem::take(&mut self.postponed) {
            self.queue_due_work();
        }
    }

    fn given_up(&mut self, gone: RequestId) {
        self.queue.retain(|task| !task.is_of(gone));
        self.gathering.retain(|(_, task)| !task.is_of(gone));
        self.waiting.retain(|(_, request)| *request != gone);
        self.blocked_on_close.retain(|(_, task)| !task.is_of(gone));
        if let Lane::Loading(task) | Lane::Committing { task, .. } = &self.lane {
            self.lane_given_up |= task.is_of(gone);
        }
    }

    fn gathered(&mut self, id: TaskId, keep: impl FnOnce(&mut CallerRequest)) {
        let Some(at) = self.gathering.iter().position(|(known, _)| *known == id) else {
            return;
        };
        let (_, mut task) = self.gathering.swap_remove(at);
        if let TaskKind::Request(ask) = &mut task.kind {
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
            let rejection = task.not_checked(Rejection::Shop(ShopRejection::Unavailable));
            self.store_failed(task, rejection, turn);
            return;
        };
        if let Some((_, session)) = &loaded.session {
            self.release_waiting(session);
        }
        let turn = &mut Turn { context: turn.context, placed: loaded.order.as_ref(), out: turn.out };
        let Task { kind, tries } = task;
        match (kind, &loaded.session) {
            (TaskKind::Request(ask), None) if matches!(ask.command, Command::Create { .. }) => {
                self.create(ask, tries, turn);
            }
            (TaskKind::Request(ask), None) => {
                refuse(ask.request, Rejection::Host(HostRejection::NotFound), turn.out);
            }
            (TaskKind::Request(ask), Some((version, session))) => {
                self.ask(Task { kind: TaskKind::Request(ask), tries }, (*version, session), &loaded, turn);
            }
            (TaskKind::Outcome { event, answer }, Some((version, session))) => {
                let told = Event::clone(&event);
                let task = Task { kind: TaskKind::Outcome { event, answer }, tries };
                self.apply(task, (*version, session), told, turn);
            }
            (TaskKind::Due, Some((version, session))) => self.due((*version, session), tries, turn),
            (TaskKind::Report { requests, notice }, _) => report(requests, notice.as_ref(), &loaded, turn),
            (TaskKind::Outcome { .. } | TaskKind::Due, None) => {}
        }
    }

    fn due(&mut self, (version, session): (Version, &Session), tries: u32, turn: &mut Turn<'_>) {
        if turn.context.reliable_records().is_err() {
            // The sweeper wakes the driver again once the merchant's records are reliable.
            return;
        }
        // An observation that is not written yet may decide the attempt, so nothing new begins before it.
        let undecided_outcome = self.queue.iter().chain(self.retries.tasks()).any(Task::is_outcome);
        if self.in_flight > 0 || undecided_outcome {
            self.postponed = true;
            return;
        }
        match work(session, turn.context.moment.now) {
            Work::Wait(_) => wake_for(session, turn),
            Work::Run(effect) => self.run(effect, turn.out),
            Work::Step(event) => {
                self.apply(Task { kind: TaskKind::Due, tries }, (version, session), *event, turn);
            }
        }
    }

    fn run(&mut self, effect: Effect, out: &mut Vec<Output>) {
        self.in_flight += 1;
        out.push(Output::Run(effect));
    }

    /// Runs `step` and commits the transition.
    fn apply(
        &mut self,
        task: Task,
        (version, session): (Version, &Session),
        event: Event,
        turn: &mut Turn<'_>,
    ) {
        let cause = Cause::of(&event, task.answer());
        match (step(session, event, &turn.context), &task.kind) {
            (Ok(transition), _) if transition.changes(session) => {
                let begun =
                    Begun { before: Some((version, session)), placed: turn.placed, cause, transition };
                self.commit(task, begun, turn);
            }
            (Ok(_), TaskKind::Request(ask)) => {
                reply_with(ask.request, session, session.notice.clone(), turn.out);
            }
            (Err(StepError::StripeCheckoutOpen), TaskKind::Request(_)) => {
                self.close_stripe_checkout(task, (version, session), turn);
            }
            (Err(StepError::Rejected(rejection)), TaskKind::Request(ask)) => {
                reply::rejected(ask.request, session, rejection, turn.out);
            }
            (Ok(_) | Err(_), TaskKind::Outcome { .. } | TaskKind::Due | TaskKind::Report { .. }) => {}
        }
    }
}
