//! Commits a change, and handles the success or failure of the commit.
//!
//! Invariants: an effect leaves only after the commit that asked for it; an outcome is retried until it is written.

use super::reply::{refuse, reply_with};
use super::task::{Committed, Follow, Lane, Task, TaskKind};
use super::{CALLER_TRIES, CommitFailed, Driver, Output, Turn};
use crate::domain::checkout::due::due_at;
use crate::domain::checkout::model::{
    AttemptMove, Change, Context, Effect, Event, Loaded, PlacedOrder, Rejection, Session, ShopRejection,
    ShopperRejection, State, Transition, Version,
};
use crate::domain::checkout::rules::timeline::{self, Cause};
use crate::domain::checkout::step::step;
use crate::domain::retry::LONGEST_PAUSE;

/// A change to commit, and the session that it was made from.
pub(super) struct Begun<'a> {
    pub(super) before: Option<(Version, &'a Session)>,
    /// The session's order.
    pub(super) placed: Option<&'a PlacedOrder>,
    pub(super) cause: Cause,
    pub(super) transition: Transition,
}

impl Begun<'_> {
    /// The change as data.
    fn change(self, context: &Context<'_>) -> Change {
        let Begun { before, placed, cause, transition } = self;
        let before_session = before.map(|(_, session)| session);
        let timeline = timeline::entries(before_session, &cause, &transition, context.moment.now);
        let Transition { mut next, attempt, order, refund, order_changes, flags, effect: _ } = transition;
        if matches!(next.state, State::Canceled { .. } | State::Expired) {
            next.ended = next.ended.or(Some(context.moment.now));
        }
        let (expected, due_at) = (before.map(|(version, _)| version), due_at(&next));
        let placed = placed.filter(|_| !order_changes.is_empty()).cloned();
        Change {
            expected,
            session: next,
            due_at,
            attempt,
            order,
            refund,
            order_changes,
            placed,
            flags,
            timeline,
        }
    }
}

/// The change that an event makes of a session as it was read, for a caller that commits without a driver; `None`
/// when nothing changes. The transition's effect is not run: it becomes due work later.
#[must_use]
pub fn change_of(loaded: &Loaded, event: Event, context: &Context<'_>) -> Option<Change> {
    let (version, session) = loaded.session.as_ref()?;
    let cause = Cause::of(&event, None);
    let transition = step(session, event, context).ok().filter(|transition| transition.changes(session))?;
    let (before, placed) = (Some((*version, session)), loaded.order.as_ref());
    Some(Begun { before, placed, cause, transition }.change(context))
}

impl Driver {
    pub(super) fn commit(&mut self, task: Task, begun: Begun<'_>, turn: &mut Turn<'_>) {
        let effect = begun.transition.effect.clone();
        let change = begun.change(&turn.context);
        let next = &change.session;
        let closes = matches!(effect, Some(Effect::ExpireStripeCheckout { .. }));
        let begins = matches!(change.attempt, Some(AttemptMove::Start(_))) || change.refund.is_some();
        let follow = if begins {
            Follow::Wait
        } else if closes && matches!(next.state, State::ClosingStripeCheckout { .. }) {
            Follow::Retry
        } else if next.paid().is_some() {
            Follow::Report
        } else {
            Follow::Tell
        };
        let committed = Box::new(Committed { session: next.clone(), effect, follow });
        turn.out.push(Output::Commit(Box::new(change)));
        self.lane = Lane::Committing { task, committed };
    }

    pub(super) fn committed(&mut self, result: &Result<Version, CommitFailed>, turn: &mut Turn<'_>) {
        let Lane::Committing { task, committed } = std::mem::replace(&mut self.lane, Lane::Free) else {
            return;
        };
        let given_up = std::mem::take(&mut self.lane_given_up);
        match result {
            Ok(_) => self.durable(task, *committed, given_up, turn),
            Err(CommitFailed::Conflict | CommitFailed::TokenUsed) if given_up => {}
            Err(CommitFailed::Conflict | CommitFailed::TokenUsed) => self.conflicted(task, turn),
            // The payment was checked and has not begun, unless another caller sends the same one.
            Err(CommitFailed::NotDone) if committed.follow == Follow::Wait && task.pays() => {
                let rejection = if self.is_paying(&task) {
                    Rejection::Shopper(ShopperRejection::Undecided)
                } else {
                    Rejection::Shop(ShopRejection::NotWritten)
                };
                self.store_failed(task, rejection, turn);
            }
            // It is not known whether an attempt was begun, so the reply must not say that nothing was charged.
            Err(CommitFailed::Unheard) if committed.follow == Follow::Wait => {
                self.store_failed(task, Rejection::Shopper(ShopperRejection::Undecided), turn);
            }
            Err(CommitFailed::NotDone | CommitFailed::Unheard) => {
                let rejection = task.not_checked(Rejection::Shop(ShopRejection::Unavailable));
                self.store_failed(task, rejection, turn);
            }
        }
    }

    fn durable(&mut self, task: Task, committed: Committed, given_up: bool, turn: &mut Turn<'_>) {
        let Committed { session, effect, follow } = committed;
        self.release_waiting(&session);
        if let Some(request) = task.caller().filter(|_| !given_up) {
            match (follow, session.running()) {
                (Follow::Wait, Some(running)) => self.waiting.push((running, request)),
                (Follow::Report, _) => {
                    let notice = session.notice.clone();
                    self.queue.push_back(Task::new(TaskKind::Report { requests: vec![request], notice }));
                }
                (Follow::Retry, Some(running)) => self.blocked_on_close.push((running, task.afresh())),
                (Follow::Wait | Follow::Retry | Follow::Tell, _) => {
                    reply_with(request, &session, session.notice.clone(), turn.out);
                }
            }
        }
        let due = due_at(&session).is_some_and(|due| due <= turn.context.moment.now);
        match effect {
            Some(effect) => self.run(effect, turn.out),
            None if due => self.queue_due_work(),
            None => wake_for(&session, turn),
        }
    }

    /// Callers that wait for work that is no longer in progress are answered from the store, where its order now is.
    /// This also covers a commit whose success was not known.
    pub(super) fn release_waiting(&mut self, session: &Session) {
        let running = session.running();
        let (blocked_on_close, free): (Vec<_>, Vec<_>) =
            self.blocked_on_close.drain(..).partition(|(awaited, _)| Some(*awaited) == running);
        self.blocked_on_close = blocked_on_close;
        self.queue.extend(free.into_iter().map(|(_, task)| task));
        let (waiting, told): (Vec<_>, Vec<_>) =
            self.waiting.drain(..).partition(|(awaited, _)| Some(*awaited) == running);
        self.waiting = waiting;
        if !told.is_empty() {
            let requests = told.into_iter().map(|(_, request)| request).collect();
            self.queue.push_back(Task::new(TaskKind::Report { requests, notice: session.notice.clone() }));
        }
    }

    /// Another commit came first: a caller's request is retried a few times, every other task until it is done.
    fn conflicted(&mut self, task: Task, turn: &mut Turn<'_>) {
        let Task { kind, tries } = task;
        match kind {
            TaskKind::Request(ask) if tries + 1 >= CALLER_TRIES => {
                refuse(ask.request, Rejection::Shop(ShopRejection::Busy), turn.out);
            }
            TaskKind::Request(_) => self.queue.push_front(Task { kind, tries }.afresh()),
            TaskKind::Outcome { .. } | TaskKind::Due | TaskKind::Report { .. } => {
                self.queue.push_front(Task::again(kind, tries));
            }
        }
    }

    /// The store failed: a caller gets a rejection; an outcome is kept until the store is back.
    pub(super) fn store_failed(&mut self, task: Task, rejection: Rejection, turn: &mut Turn<'_>) {
        let Task { kind, tries } = task;
        let kept = match kind {
            TaskKind::Request(ask) => {
                refuse(ask.request, rejection, turn.out);
                // If the write was done after all, its effect is due now.
                TaskKind::Due
            }
            TaskKind::Outcome { .. } | TaskKind::Due | TaskKind::Report { .. } => kind,
        };
        let pause = self.retries.keep(kept, tries, turn.context.moment.now);
        turn.out.push(Output::WakeAfter(pause));
    }
}

/// Arms the timer for the next try of an attempt in progress. In other states the sweeper handles due times.
pub(super) fn wake_for(session: &Session, turn: &mut Turn<'_>) {
    if let (Some(_), Some(next)) = (session.running(), due_at(session)) {
        let pause = next.since(turn.context.moment.now);
        turn.out.push(Output::WakeAfter(pause.min(LONGEST_PAUSE)));
    }
}
