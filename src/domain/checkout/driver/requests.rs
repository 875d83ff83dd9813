//! Handles a caller's request, once its session was read.

use super::precheck::{Precheck, precheck, precheck_stripe_checkout};
use super::reply::{answer, refuse};
use super::task::{CallerRequest, Task, TaskKind};
use super::writing::Begun;
use super::{CALLER_TRIES, Driver, MAX_WAITING, Output, RequestId, TaskId, Turn};
use crate::domain::checkout::model::{
    AttemptObservation, CloseReason, Command, Event, Loaded, PendingWork, Rejection, Session, ShopRejection,
    ShopperRejection, State, Transition, Version,
};
use crate::domain::checkout::rules::decision;
use crate::domain::checkout::rules::edit::begin;
use crate::domain::checkout::rules::order::refund::asked_before;
use crate::domain::checkout::rules::timeline::Cause;

impl Driver {
    pub(super) fn create(&mut self, ask: Box<CallerRequest>, tries: u32, turn: &mut Turn<'_>) {
        let Command::Create { patch, host } = &ask.command else { return };
        match begin(self.id.clone(), patch.clone(), host.clone(), &turn.context) {
            Err(rejection) => refuse(ask.request, rejection, turn.out),
            Ok(session) => {
                let begun = Begun {
                    before: None,
                    placed: None,
                    cause: Cause::Unstated,
                    transition: Transition::to(session),
                };
                self.commit(Task { kind: TaskKind::Request(ask), tries }, begun, turn);
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
        let TaskKind::Request(ask) = &task.kind else { return };
        let request = ask.request;
        let timed_out = session.expires <= turn.context.moment.now
            && turn.context.reliable_records().is_ok()
            && matches!(session.state, State::Open { .. } | State::Ready { .. });
        if timed_out {
            // A due change of the session is committed first, so that the caller sees the present state; then the
            // request continues.
            if task.tries >= CALLER_TRIES {
                refuse(request, ask.not_checked(Rejection::Shop(ShopRejection::Unavailable)), turn.out);
                return;
            }
            self.queue.push_front(Task { tries: task.tries + 1, ..task });
            self.apply(Task::new(TaskKind::Due), (version, session), Event::TimeOut, turn);
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
            Command::Create { .. } => refuse(request, Rejection::Shop(ShopRejection::Busy), turn.out),
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
                    let event =
                        Event::Decided { decision: decision.clone(), seen: AttemptObservation::clone(seen) };
                    self.apply(task, (version, session), event, turn);
                }
            },
            Command::Complete(payment) => {
                let token_use = loaded.token_use.as_ref();
                let prechecked = precheck(session, payment, token_use, ask.facts.as_ref(), &turn.context);
                self.prechecked(task, prechecked, loaded, turn);
            }
            Command::Refund(wanted) => match (asked_before(session, wanted), session.running()) {
                (Err(rejection), _) => refuse(request, rejection, turn.out),
                (Ok(None), _) => {
                    let event = Event::RefundRequested(wanted.clone());
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
            Command::CheckStripe(notification) => {
                let event = Event::Notified(notification.clone());
                self.apply(task, (version, session), event, turn);
            }
            Command::OpenStripeCheckout { revision } => {
                let prechecked = precheck_stripe_checkout(session, *revision, &turn.context);
                self.prechecked(task, prechecked, loaded, turn);
            }
        }
    }

    /// Continues a request for payment after its precheck.
    fn prechecked(&mut self, task: Task, prechecked: Precheck, loaded: &Loaded, turn: &mut Turn<'_>) {
        let (Some(request), Some((version, session))) = (task.caller(), &loaded.session) else { return };
        match prechecked {
            Precheck::Answer(notice) => answer(request, loaded, notice, turn),
            Precheck::CloseFirst => {
                self.close_stripe_checkout(task, (*version, session), turn);
            }
            // The payment that this request repeats may have progressed further.
            Precheck::Reject(Rejection::Shop(ShopRejection::TooManyPayments)) if self.is_paying(&task) => {
                refuse(request, Rejection::Shopper(ShopperRejection::Undecided), turn.out);
            }
            Precheck::Reject(rejection) => refuse(request, rejection, turn.out),
            Precheck::Join(attempt) => self.join(request, PendingWork::Attempt(attempt), loaded, turn),
            Precheck::Gather(token) => {
                let id = self.set_aside(task);
                turn.out.push(Output::Gather { request, task: id, token });
            }
            Precheck::Step(event) => self.apply(task, (*version, session), *event, turn),
        }
    }

    /// Whether another caller's payment with the same token is in progress.
    pub(super) fn is_paying(&self, task: &Task) -> bool {
        let gathering = self.gathering.iter().map(|(_, other)| other);
        let blocked_on_close = self.blocked_on_close.iter().map(|(_, other)| other);
        let mut others = gathering.chain(blocked_on_close).chain(&self.queue).chain(self.retries.tasks());
        others.any(|other| other.token().is_some() && other.token() == task.token())
    }

    /// Lets a caller's request wait until the Stripe Checkout that blocks it is closed.
    pub(super) fn close_stripe_checkout(
        &mut self,
        task: Task,
        (version, session): (Version, &Session),
        turn: &mut Turn<'_>,
    ) {
        let TaskKind::Request(ask) = &task.kind else { return };
        if task.tries >= CALLER_TRIES {
            refuse(ask.request, Rejection::Shop(ShopRejection::Busy), turn.out);
            return;
        }
        let request =
            if matches!(ask.command, Command::Cancel) { CloseReason::Cancel } else { CloseReason::Reopen };
        self.apply(task, (version, session), Event::CloseRequested(request), turn);
    }

    /// Lets a task wait for an answer that Stripe must give first.
    fn set_aside(&mut self, task: Task) -> TaskId {
        let id = TaskId(self.next_task);
        self.next_task += 1;
        self.gathering.push((id, task));
        id
    }

    /// Lets a caller wait for work that is in progress.
    fn join(&mut self, request: RequestId, running: PendingWork, loaded: &Loaded, turn: &mut Turn<'_>) {
        if self.waiting.len() >= MAX_WAITING {
            answer(request, loaded, None, turn);
            return;
        }
        self.waiting.push((running, request));
        if self.in_flight == 0 {
            self.queue.push_back(Task::new(TaskKind::Due));
        }
    }
}
