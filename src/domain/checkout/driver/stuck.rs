//! Tasks that the store failed, kept until they may be tried again.
//!
//! Invariant: whoever wakes the driver meanwhile does not shorten a task's pause.

use super::task::{Kind, Task};
use crate::domain::time::{Span, Timestamp};

/// How long a task waits when the store fails; doubled from try to try.
const STORE_PAUSE: Span = Span::millis(200);

/// How often the pause is doubled at most.
const DOUBLINGS: u32 = 6;

/// How long a task waits that has been tried so often before.
const fn pause(tries: u32) -> Span {
    let doublings = if tries < DOUBLINGS { tries } else { DOUBLINGS };
    Span::millis(STORE_PAUSE.as_millis() << doublings)
}

/// The kept tasks, each with the moment before which it is not tried again.
#[derive(Debug)]
pub(super) struct Stuck(Vec<(Timestamp, Task)>);

impl Stuck {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Keeps a task for another try, and says how long. One task that asks what is due is enough.
    pub(super) fn keep(&mut self, kind: Kind, tries: u32, now: Timestamp) -> Span {
        let pause = pause(tries);
        let known = matches!(kind, Kind::Due) && self.tasks().any(|task| matches!(task.kind, Kind::Due));
        if !known {
            self.0.push((now + pause, Task::again(kind, tries)));
        }
        pause
    }

    /// Takes out what may be tried again now.
    pub(super) fn ripe(&mut self, now: Timestamp) -> Vec<Task> {
        // A moment beyond every pause was written before the clock was set back.
        let horizon = now + pause(DOUBLINGS);
        let (ripe, stuck): (Vec<_>, Vec<_>) =
            self.0.drain(..).partition(|(not_before, _)| *not_before <= now || *not_before > horizon);
        self.0 = stuck;
        ripe.into_iter().map(|(_, task)| task).collect()
    }

    /// How long the next of them still waits.
    pub(super) fn next(&self, now: Timestamp) -> Option<Span> {
        self.0.iter().map(|(not_before, _)| *not_before).min().map(|not_before| not_before.since(now))
    }

    pub(super) fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.0.iter().map(|(_, task)| task)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
