//! What a caller's question comes to, once its session was read.

use super::look::{Look, look, look_for_page};
use super::reply::{answer, refuse};
use super::task::{Ask, Kind, Task};
use super::writing::Begun;
use super::{CALLER_TRIES, Driver, MAX_WAITING, Output, RequestId, TaskId, Turn};
use crate::domain::checkout::aftersales::refund::asked_before;
use crate::domain::checkout::attempt::Seen;
use crate::domain::checkout::command::{Command, Rejection};
use crate::domain::checkout::decision;
use crate::domain::checkout::event::Event;
use crate::domain::checkout::hosted::Closing;
use crate::domain::checkout::session::{Session, State, Undertaking, Version};
use crate::domain::checkout::snapshot::Loaded;
use crate::domain::checkout::step::{Transition, begin};
use crate::domain::checkout::timeline::Cause;

impl Driver {
    pub(super) fn create(&mut self, ask: Box<Ask>, tries: u32, turn: &mut Turn<'_>) {
        let Command::Create(patch) = &ask.command else { return };
        match begin(self.id.clone(), patch.clone(), &turn.context) {
            Err(rejection) => refuse(ask.request, rejection, turn.out),
            Ok(session) => {
                let begun = Begun { before: None, cause: Cause::Untold, transition: Transition::to(session) };
                self.commit(Task { kind: Kind::Ask(ask), tries }, begun, turn);
            }
        }
    }

    pub(super) fn ask(
        &mut self,
        task: Task,
        (version, session): (Version, &Session),
        loaded: &Loaded,
        turn: &mut Turn<'_>,
    ) {
        let Kind::Ask(ask) = &task.kind else { return };
        let request = ask.request;
        let timed_out = session.expires <= turn.context.moment.now
            && turn.context.reliable_records().is_ok()
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
            Command::Refund(wish) => match (asked_before(session, wish), session.running()) {
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
            Command::Hear(hint) => {
                let event = Event::Heard(hint.clone());
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
            // The same payment may be further than this repeat of it.
            Look::Reject(Rejection::TooManyPayments) if self.is_paying(&task) => {
                refuse(request, Rejection::Undecided, turn.out);
            }
            Look::Reject(rejection) => refuse(request, rejection, turn.out),
            Look::Join(attempt) => self.join(request, Undertaking::Attempt(attempt), loaded, turn),
            Look::Gather(token) => {
                let id = self.set_aside(task);
                turn.out.push(Output::Gather { request, task: id, token });
            }
            Look::Step(event) => self.apply(task, (*version, session), *event, turn),
        }
    }

    /// Whether another caller's payment with the same token is on its way.
    pub(super) fn is_paying(&self, task: &Task) -> bool {
        let gathering = self.gathering.iter().map(|(_, other)| other);
        let parked = self.parked.iter().map(|(_, other)| other);
        let mut others = gathering.chain(parked).chain(&self.queue).chain(self.stuck.tasks());
        others.any(|other| other.token().is_some() && other.token() == task.token())
    }

    /// Lets a caller's request wait until the page that stands in its way is closed.
    pub(super) fn close_page(
        &mut self,
        task: Task,
        (version, session): (Version, &Session),
        turn: &mut Turn<'_>,
    ) {
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
        if self.in_flight == 0 {
            self.queue.push_back(Task::new(Kind::Due));
        }
    }
}
