//! Tasks that failed in the store, kept until they may be tried again.
//!
//! Invariant: waking the driver in the meantime does not shorten a task's pause.

use super::task::{Task, TaskKind};
use crate::domain::time::{Span, Timestamp};

/// How long a task waits when the store fails; doubled at each retry.
const STORE_PAUSE: Span = Span::millis(200);

/// How often the pause is doubled at most.
const DOUBLINGS: u32 = 6;

/// How long a task waits after this many tries.
const fn pause(tries: u32) -> Span {
    let doublings = if tries < DOUBLINGS { tries } else { DOUBLINGS };
    Span::millis(STORE_PAUSE.as_millis() << doublings)
}

/// The kept tasks, each with the moment before which it is not tried again.
#[derive(Debug)]
pub(super) struct RetryQueue(Vec<(Timestamp, Task)>);

impl RetryQueue {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Keeps a task for another try, and returns its pause. Of the tasks that check for due work, one is kept.
    pub(super) fn keep(&mut self, kind: TaskKind, tries: u32, now: Timestamp) -> Span {
        let pause = pause(tries);
        let known =
            matches!(kind, TaskKind::Due) && self.tasks().any(|task| matches!(task.kind, TaskKind::Due));
        if !known {
            self.0.push((now + pause, Task::again(kind, tries)));
        }
        pause
    }

    /// Removes and returns the tasks that may be tried again now.
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<Task> {
        // A moment further off than every pause was set before the clock was set back.
        let horizon = now + pause(DOUBLINGS);
        let (due, retries): (Vec<_>, Vec<_>) =
            self.0.drain(..).partition(|(not_before, _)| *not_before <= now || *not_before > horizon);
        self.0 = retries;
        due.into_iter().map(|(_, task)| task).collect()
    }

    /// How long the next task still waits.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::checkout::driver::RequestId;

    const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

    fn report(request: u64) -> TaskKind {
        TaskKind::Report { requests: vec![RequestId(request)], notice: None }
    }

    #[test]
    fn the_pause_doubles_six_times() {
        let pauses: Vec<_> = (0..9).map(|tries| pause(tries).as_millis()).collect();
        assert_eq!(pauses, [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 12_800, 12_800]);
    }

    #[test]
    fn each_task_waits_for_its_own_pause_and_the_next_is_the_shortest() {
        let mut retries = RetryQueue::new();
        assert!(retries.is_empty() && retries.next(NOW).is_none());
        for (request, tries) in [(1, 6), (2, 0), (3, 2)] {
            assert_eq!(retries.keep(report(request), tries, NOW), pause(tries));
        }
        assert!(!retries.is_empty());
        for (tries, left) in [(0, 2), (2, 1), (6, 0)] {
            assert_eq!(retries.next(NOW), Some(pause(tries)));
            assert!(retries.due(NOW + pause(tries) - Span::millis(1)).is_empty(), "{tries} tries");
            let due = retries.due(NOW + pause(tries));
            assert_eq!(due.iter().map(|task| task.tries).collect::<Vec<_>>(), [tries + 1]);
            assert_eq!(retries.tasks().count(), left);
        }
        assert!(retries.is_empty());
    }

    #[test]
    fn only_a_clock_that_was_set_back_cuts_a_pause_short() {
        let mut retries = RetryQueue::new();
        retries.keep(report(1), DOUBLINGS, NOW);
        assert!(retries.due(NOW).is_empty());
        assert_eq!(retries.due(NOW - Span::millis(1)).len(), 1);
    }

    #[test]
    fn the_retry_queue_keeps_one_due_task_and_every_other_task() {
        let mut retries = RetryQueue::new();
        for kind in [report(1), TaskKind::Due, report(2), TaskKind::Due, TaskKind::Due] {
            retries.keep(kind, 0, NOW);
        }
        let due = retries.tasks().filter(|task| matches!(task.kind, TaskKind::Due)).count();
        assert_eq!((due, retries.tasks().count()), (1, 3));
    }
}
