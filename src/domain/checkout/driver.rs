//! The loop around `step`, without I/O: inputs in, outputs out. The session actor runs its outputs; so does any test.
//!
//! One *lane* holds at most one load or commit at a time, which makes the driver the single writer of its session;
//! tasks that wait for Stripe to tell about a token stand beside it, so a slow Stripe never keeps a reader waiting.
//! Invariants: an effect leaves only after the commit that asked for it; an outcome is never given up; nobody hears
//! of a completed checkout but from the store.

use std::collections::VecDeque;

use super::attempt::Seen;
use super::command::{Answer, Command, Payment, Rejection};
use super::session::{Notice, NoticeCode, Session, State, Version};
use super::snapshot::{AttemptMove, Change, Loaded, TokenUse};
use super::step::{Context, Effect, Event, Moment, Transition, Work, begin, due_at, payable, step, work};
use super::token::{SharedPaymentToken, TokenFacts, TokenProblem};
use crate::domain::ids::{AttemptNumber, SessionId, SptHash};
use crate::domain::merchant::MerchantView;
use crate::domain::pricing::no_longer_sellable;
use crate::domain::time::Span;

/// How often a caller's request is tried again when others change the session under it.
const CALLER_TRIES: u32 = 3;

/// The most callers that wait for one attempt; more are answered at once that it is under way.
const MAX_WAITING: usize = 64;

/// How long a task waits when the store fails; doubled from try to try.
const STORE_PAUSE: Span = Span::millis(200);

/// Who asked, as the actor numbers its callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
        command: Command,
    },
    /// A caller has gone; what is not committed for it is dropped.
    GivenUp(RequestId),
    /// The load came back; `Err` when the store failed.
    Loaded(Result<Loaded, StoreFailed>),
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
        seen: Seen,
    },
    /// The armed timer, the sweeper or a start asks to go on.
    Woken,
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
    /// Write a change.
    Commit(Box<Change>),
    /// Do something at Stripe.
    Run(Effect),
    /// Answer a caller.
    Reply(RequestId, Result<Box<Answer>, Rejection>),
    /// Wake the driver after this span; replaces an earlier wish.
    WakeAfter(Span),
}

/// Something to be worked on in the lane.
#[derive(Debug)]
struct Task {
    kind: Kind,
    tries: u32,
}

#[derive(Debug)]
enum Kind {
    Ask { request: RequestId, command: Command, facts: Option<Result<TokenFacts, GatherError>> },
    Outcome { attempt: AttemptNumber, seen: Seen },
    Due,
    /// Tell callers what the store says.
    Report { requests: Vec<RequestId>, notice: Option<Notice> },
}

impl Task {
    const fn new(kind: Kind) -> Self {
        Self { kind, tries: 0 }
    }

    const fn again(kind: Kind, tries: u32) -> Self {
        Self { kind, tries: tries + 1 }
    }

    fn token(&self) -> Option<SptHash> {
        match &self.kind {
            Kind::Ask { command: Command::Complete(payment), .. } => Some(payment.token.hash().clone()),
            Kind::Ask { .. } | Kind::Outcome { .. } | Kind::Due | Kind::Report { .. } => None,
        }
    }
}

#[derive(Debug)]
enum Lane {
    Free,
    Loading(Task),
    Committing { task: Task, committed: Box<Committed> },
}

/// What follows once a commit is durable.
#[derive(Debug)]
struct Committed {
    session: Session,
    effect: Option<Effect>,
    starts: bool,
    decides: Option<AttemptNumber>,
}

/// Drives one session.
#[derive(Debug)]
pub struct Driver {
    id: SessionId,
    lane: Lane,
    queue: VecDeque<Task>,
    gathering: Vec<(TaskId, Task)>,
    /// Tasks that the store failed; tried again when woken.
    stuck: VecDeque<Task>,
    /// The attempt for which an effect is under way.
    in_flight: Option<AttemptNumber>,
    /// Callers that wait for an attempt to be decided.
    waiting: Vec<(AttemptNumber, RequestId)>,
    /// The caller of the task in the lane has gone.
    lane_given_up: bool,
    next_task: u64,
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
            stuck: VecDeque::new(),
            in_flight: None,
            waiting: Vec::new(),
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
            && self.in_flight.is_none()
            && self.waiting.is_empty()
    }

    /// Takes one input and says what is to be done now.
    pub fn on(&mut self, input: Input, moment: Moment, view: &MerchantView) -> Vec<Output> {
        let mut out = Vec::new();
        let context = Context { view, moment };
        match input {
            Input::Asked { request, command } => {
                self.queue.push_back(Task::new(Kind::Ask { request, command, facts: None }));
            }
            Input::GivenUp(request) => self.given_up(request),
            Input::Loaded(loaded) => self.loaded(loaded, &context, &mut out),
            Input::Gathered { task, facts } => self.gathered(task, facts),
            Input::Committed(result) => self.committed(result, &context, &mut out),
            Input::Saw { attempt, seen } => {
                self.in_flight = None;
                self.queue.push_back(Task::new(Kind::Outcome { attempt, seen }));
            }
            Input::Woken => {
                self.queue.extend(self.stuck.drain(..));
                if !self.queue.iter().any(|task| matches!(task.kind, Kind::Due)) {
                    self.queue.push_back(Task::new(Kind::Due));
                }
            }
        }
        self.pump(&mut out);
        out
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

    fn given_up(&mut self, gone: RequestId) {
        let is_gone = |task: &Task| matches!(task.kind, Kind::Ask { request, .. } if request == gone);
        self.queue.retain(|task| !is_gone(task));
        self.stuck.retain(|task| !is_gone(task));
        self.gathering.retain(|(_, task)| !is_gone(task));
        self.waiting.retain(|(_, request)| *request != gone);
        if let Lane::Loading(task) = &self.lane {
            self.lane_given_up = is_gone(task);
        }
    }

    fn gathered(&mut self, id: TaskId, gathered: Result<TokenFacts, GatherError>) {
        let Some(at) = self.gathering.iter().position(|(known, _)| *known == id) else {
            return;
        };
        let (_, mut task) = self.gathering.swap_remove(at);
        if let Kind::Ask { facts, .. } = &mut task.kind {
            *facts = Some(gathered);
        }
        self.queue.push_back(task);
    }

    fn loaded(&mut self, loaded: Result<Loaded, StoreFailed>, context: &Context<'_>, out: &mut Vec<Output>) {
        let Lane::Loading(task) = std::mem::replace(&mut self.lane, Lane::Free) else {
            return;
        };
        if std::mem::take(&mut self.lane_given_up) {
            return;
        }
        let Ok(loaded) = loaded else {
            return self.store_failed(task, Rejection::Unavailable, out);
        };
        let Task { kind, tries } = task;
        match kind {
            Kind::Ask { request, command: Command::Create(patch), facts } => {
                self.create(loaded, (request, patch, facts), tries, context, out);
            }
            Kind::Ask { request, command, facts } => match loaded.session.clone() {
                None => out.push(Output::Reply(request, Err(Rejection::NotFound))),
                Some(current) => self.ask(Ask { request, command, facts, tries }, current, loaded, context, out),
            },
            Kind::Outcome { attempt, seen } => {
                if let Some((version, session)) = loaded.session {
                    let event = Event::Saw { attempt, seen: seen.clone() };
                    let task = Task { kind: Kind::Outcome { attempt, seen }, tries };
                    self.apply(task, version, &session, event, context, out);
                }
            }
            Kind::Due => {
                if let Some((version, session)) = loaded.session {
                    self.due(version, &session, tries, context, out);
                }
            }
            Kind::Report { requests, notice } => report(requests, notice.as_ref(), &loaded, context, out),
        }
    }

    fn create(
        &mut self,
        loaded: Loaded,
        (request, patch, facts): (RequestId, super::command::Patch, Option<Result<TokenFacts, GatherError>>),
        tries: u32,
        context: &Context<'_>,
        out: &mut Vec<Output>,
    ) {
        if loaded.session.is_some() {
            return out.push(Output::Reply(request, Err(Rejection::Busy)));
        }
        match begin(self.id.clone(), patch.clone(), context) {
            Err(rejection) => out.push(Output::Reply(request, Err(rejection))),
            Ok(session) => {
                let kind = Kind::Ask { request, command: Command::Create(patch), facts };
                self.commit(Task { kind, tries }, None, Transition::to(session), out);
            }
        }
    }

    fn ask(
        &mut self,
        ask: Ask,
        (version, session): (Version, Session),
        loaded: Loaded,
        context: &Context<'_>,
        out: &mut Vec<Output>,
    ) {
        let timed_out = session.expires <= context.moment.now
            && matches!(session.state, State::Open { .. } | State::Ready { .. });
        if timed_out {
            // The caller is to see the session as time has made it: that is written first, then the caller's turn comes.
            self.queue.push_front(ask.into_task());
            return self.apply(Task::new(Kind::Due), version, &session, Event::TimeOut, context, out);
        }
        match &ask.command {
            Command::Read => answer(ask.request, &loaded, None, context, out),
            Command::Cancel if matches!(session.state, State::Canceled { .. }) => {
                answer(ask.request, &loaded, None, context, out);
            }
            Command::Cancel => self.apply(ask.into_task(), version, &session, Event::Canceled, context, out),
            Command::Update { revision, patch } => {
                let event = Event::Edited { revision: *revision, patch: patch.clone() };
                self.apply(ask.into_task(), version, &session, event, context, out);
            }
            Command::Create(_) => out.push(Output::Reply(ask.request, Err(Rejection::Busy))),
            Command::Complete(payment) => {
                match look(&session, payment, loaded.token_use.as_ref(), ask.facts.as_ref(), context) {
                    Look::Answer(notice) => answer(ask.request, &loaded, notice, context, out),
                    Look::Reject(rejection) => out.push(Output::Reply(ask.request, Err(rejection))),
                    Look::Join(attempt) => self.join(ask.request, attempt, &loaded, context, out),
                    Look::Gather(token) => {
                        let task = TaskId(self.next_task);
                        self.next_task += 1;
                        self.gathering.push((task, ask.into_task()));
                        out.push(Output::Gather { task, token });
                    }
                    Look::Step(event) => self.apply(ask.into_task(), version, &session, event, context, out),
                }
            }
        }
    }

    /// Lets a caller wait for an attempt that is under way.
    fn join(
        &mut self,
        request: RequestId,
        attempt: AttemptNumber,
        loaded: &Loaded,
        context: &Context<'_>,
        out: &mut Vec<Output>,
    ) {
        if self.waiting.len() >= MAX_WAITING {
            return answer(request, loaded, None, context, out);
        }
        self.waiting.push((attempt, request));
        if self.in_flight.is_none() {
            self.queue.push_back(Task::new(Kind::Due));
        }
    }

    fn due(
        &mut self,
        version: Version,
        session: &Session,
        tries: u32,
        context: &Context<'_>,
        out: &mut Vec<Output>,
    ) {
        let undecided_outcome =
            self.queue.iter().chain(&self.stuck).any(|task| matches!(task.kind, Kind::Outcome { .. }));
        if self.in_flight.is_some() || undecided_outcome {
            return;
        }
        match work(session, context.moment.now) {
            Work::Wait(until) => {
                if let (Some(until), State::Charging(_)) = (until, &session.state) {
                    out.push(Output::WakeAfter(until.since(context.moment.now)));
                }
            }
            Work::Run(effect) => self.run(effect, out),
            Work::Step(event) => {
                self.apply(Task { kind: Kind::Due, tries }, version, session, event, context, out);
            }
        }
    }

    fn run(&mut self, effect: Effect, out: &mut Vec<Output>) {
        self.in_flight = Some(effect.attempt());
        out.push(Output::Run(effect));
    }

    /// Steps, and commits what comes of it.
    fn apply(
        &mut self,
        task: Task,
        version: Version,
        session: &Session,
        event: Event,
        context: &Context<'_>,
        out: &mut Vec<Output>,
    ) {
        match step(session, event, context) {
            Ok(transition) => {
                let nothing_new = transition.next == *session
                    && transition.attempt.is_none()
                    && transition.flag.is_none()
                    && transition.effect.is_none();
                if !nothing_new {
                    self.commit(task, Some(version), transition, out);
                }
            }
            Err(rejection) => {
                if let Kind::Ask { request, .. } = task.kind {
                    self.rejected(request, session, rejection, out);
                }
            }
        }
    }

    /// Some refusals are no mistake of the caller's: they are told as a notice beside the unchanged session.
    #[expect(clippy::unused_self, reason = "kept beside the other replies")]
    fn rejected(&self, request: RequestId, session: &Session, rejection: Rejection, out: &mut Vec<Output>) {
        let notice = match &rejection {
            Rejection::Undecided => Some(Notice { code: NoticeCode::Conflict, text: rejection.to_string() }),
            Rejection::Token(problem) => Some(token_notice(problem)),
            Rejection::NotFound
            | Rejection::StaleRevision { .. }
            | Rejection::RevisionMissing
            | Rejection::NotPayable(_)
            | Rejection::QuoteExpired
            | Rejection::Ended(_)
            | Rejection::UnknownItem(_)
            | Rejection::TokenUsedElsewhere
            | Rejection::Suspended
            | Rejection::AccountUnknown
            | Rejection::TokenUnread
            | Rejection::Busy
            | Rejection::Unavailable => None,
        };
        let reply = match notice {
            Some(_) => Ok(Box::new(Answer { session: session.clone(), order: None, notice })),
            None => Err(rejection),
        };
        out.push(Output::Reply(request, reply));
    }

    fn commit(&mut self, task: Task, expected: Option<Version>, transition: Transition, out: &mut Vec<Output>) {
        let Transition { next, attempt, order, flag, effect } = transition;
        let decides = match &attempt {
            Some(AttemptMove::Update { number, end: Some(_), .. }) => Some(*number),
            Some(AttemptMove::Update { .. } | AttemptMove::Start(_)) | None => None,
        };
        let starts = matches!(attempt, Some(AttemptMove::Start(_)));
        let due_at = due_at(&next);
        let committed = Box::new(Committed { session: next.clone(), effect, starts, decides });
        out.push(Output::Commit(Box::new(Change { expected, session: next, due_at, attempt, order, flag })));
        self.lane = Lane::Committing { task, committed };
    }

    fn committed(
        &mut self,
        result: Result<Version, CommitFailed>,
        context: &Context<'_>,
        out: &mut Vec<Output>,
    ) {
        let Lane::Committing { task, committed } = std::mem::replace(&mut self.lane, Lane::Free) else {
            return;
        };
        match result {
            Ok(_) => self.durable(task, *committed, context, out),
            Err(CommitFailed::Conflict | CommitFailed::TokenUsed) => self.conflicted(task, out),
            // Whether an attempt was begun is not known: nobody may be told that nothing was charged.
            Err(CommitFailed::Store) if committed.starts => self.store_failed(task, Rejection::Undecided, out),
            Err(CommitFailed::Store) => self.store_failed(task, Rejection::Unavailable, out),
        }
    }

    fn durable(&mut self, task: Task, committed: Committed, context: &Context<'_>, out: &mut Vec<Output>) {
        let Committed { session, effect, starts, decides } = committed;
        if let Some(decided) = decides {
            let notice = session.notice.clone();
            let (told, kept) = self.waiting.drain(..).partition(|(attempt, _)| *attempt == decided);
            self.waiting = kept;
            let told: Vec<(AttemptNumber, RequestId)> = told;
            self.report_later(told.into_iter().map(|(_, request)| request).collect(), notice);
        } else if matches!(session.state, State::Frozen { .. }) {
            let told = self.waiting.drain(..).map(|(_, request)| request).collect();
            self.report_later(told, None);
        }
        if let Kind::Ask { request, .. } = task.kind {
            if starts {
                self.waiting.push((AttemptNumber(session.attempts), request));
            } else {
                let notice = session.notice.clone();
                out.push(Output::Reply(request, Ok(Box::new(Answer { session: session.clone(), order: None, notice }))));
            }
        }
        match effect {
            Some(effect) => self.run(effect, out),
            None => {
                if let State::Charging(charging) = &session.state {
                    out.push(Output::WakeAfter(charging.next_try.since(context.moment.now)));
                }
            }
        }
    }

    fn report_later(&mut self, requests: Vec<RequestId>, notice: Option<Notice>) {
        if !requests.is_empty() {
            self.queue.push_back(Task::new(Kind::Report { requests, notice }));
        }
    }

    /// Another commit came first: a caller's request is tried a few times, everything else until it is done.
    fn conflicted(&mut self, task: Task, out: &mut Vec<Output>) {
        let Task { kind, tries } = task;
        match kind {
            Kind::Ask { request, .. } if tries + 1 >= CALLER_TRIES => {
                out.push(Output::Reply(request, Err(Rejection::Busy)));
            }
            Kind::Ask { request, command, .. } => {
                self.queue.push_front(Task::again(Kind::Ask { request, command, facts: None }, tries));
            }
            Kind::Outcome { .. } | Kind::Due | Kind::Report { .. } => {
                self.queue.push_front(Task::again(kind, tries));
            }
        }
    }

    /// The store failed: a caller is told so, an outcome is kept until the store is back.
    fn store_failed(&mut self, task: Task, rejection: Rejection, out: &mut Vec<Output>) {
        let Task { kind, tries } = task;
        match kind {
            Kind::Ask { request, .. } => {
                out.push(Output::Reply(request, Err(rejection)));
                // If the write was done after all, its effect is due now.
                self.stuck.push_back(Task::again(Kind::Due, tries));
            }
            Kind::Outcome { .. } | Kind::Due | Kind::Report { .. } => self.stuck.push_back(Task::again(kind, tries)),
        }
        let pause = STORE_PAUSE.as_millis().saturating_mul(1 << tries.min(6));
        out.push(Output::WakeAfter(Span::millis(pause)));
    }
}

/// A caller's task taken apart.
#[derive(Debug)]
struct Ask {
    request: RequestId,
    command: Command,
    facts: Option<Result<TokenFacts, GatherError>>,
    tries: u32,
}

impl Ask {
    fn into_task(self) -> Task {
        let Self { request, command, facts, tries } = self;
        Task { kind: Kind::Ask { request, command, facts }, tries }
    }
}

/// What a payment meets before anything is asked of the network.
enum Look {
    /// It is answered from what is known.
    Answer(Option<Notice>),
    /// It is refused.
    Reject(Rejection),
    /// Its attempt is under way already.
    Join(AttemptNumber),
    /// Stripe must tell about the token first.
    Gather(SharedPaymentToken),
    /// The machine decides.
    Step(Event),
}

/// Looks before asking: a finished, running, foreign or stale payment never reaches the network.
fn look(
    session: &Session,
    payment: &Payment,
    token_use: Option<&TokenUse>,
    facts: Option<&Result<TokenFacts, GatherError>>,
    context: &Context<'_>,
) -> Look {
    if matches!(session.state, State::Completed { .. }) {
        return Look::Answer(None);
    }
    if let Some(used) = token_use {
        if used.session != session.id {
            return Look::Reject(Rejection::TokenUsedElsewhere);
        }
        return match (&used.end, &session.state) {
            (Some(super::attempt::AttemptEnd::Dead { notice }), _) => Look::Answer(Some(notice.clone())),
            (Some(super::attempt::AttemptEnd::Succeeded { .. }), _) | (None, State::Frozen { .. }) => Look::Answer(None),
            (None, _) => Look::Join(used.attempt),
        };
    }
    match payable(session, payment, context) {
        Err(Rejection::Undecided) => {
            let text = Rejection::Undecided.to_string();
            return Look::Answer(Some(Notice { code: NoticeCode::Conflict, text }));
        }
        Err(rejection) => return Look::Reject(rejection),
        Ok(()) => {}
    }
    if let State::Ready { quote } = &session.state
        && let Some(item) = no_longer_sellable(context.view, quote)
    {
        return Look::Step(Event::LineGone(item));
    }
    match facts {
        None => Look::Gather(payment.token.clone()),
        Some(Ok(facts)) => Look::Step(Event::Paid { payment: payment.clone(), facts: facts.clone() }),
        Some(Err(GatherError::Foreign)) => Look::Answer(Some(token_notice(&TokenProblem::Foreign))),
        Some(Err(GatherError::Unread)) => Look::Reject(Rejection::TokenUnread),
    }
}

/// A token that cannot pay is told on the payment sheet, where another way to pay can be chosen.
fn token_notice(problem: &TokenProblem) -> Notice {
    Notice { code: NoticeCode::PaymentDeclined, text: format!("{problem}; nothing was charged") }
}

fn report(
    requests: Vec<RequestId>,
    notice: Option<&Notice>,
    loaded: &Loaded,
    context: &Context<'_>,
    out: &mut Vec<Output>,
) {
    for request in requests {
        answer(request, loaded, notice.cloned(), context, out);
    }
}

/// Answers a caller with the session as it was read.
fn answer(
    request: RequestId,
    loaded: &Loaded,
    notice: Option<Notice>,
    context: &Context<'_>,
    out: &mut Vec<Output>,
) {
    let reply = match &loaded.session {
        None => Err(Rejection::NotFound),
        Some((_, session)) => Ok(Box::new(Answer {
            session: session.clone(),
            order: loaded.order.clone(),
            notice: notice.or_else(|| standing_notice(session, context)),
        })),
    };
    out.push(Output::Reply(request, reply));
}

/// What there is to say of a session at any time: its last notice, or that its prices are too old.
fn standing_notice(session: &Session, context: &Context<'_>) -> Option<Notice> {
    match &session.state {
        State::Ready { quote } if quote.expires <= context.moment.now => {
            Some(Notice { code: NoticeCode::Expired, text: Rejection::QuoteExpired.to_string() })
        }
        State::Ready { .. }
        | State::Open { .. }
        | State::Charging(_)
        | State::Frozen { .. }
        | State::Completed { .. }
        | State::Canceled { .. }
        | State::Expired => session.notice.clone(),
    }
}
