//! Whether writes reach the disk: by the writer's last transaction, or by a trial if that is too old.
//!
//! Invariant: a trial is written at most once a second, however often callers ask.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::SqliteConnection;
use tokio::time::Instant;

use super::failure::Failure;
use crate::store::StoreError;

/// For how long a successful write counts.
const GOOD_FOR: Duration = Duration::from_secs(5);

/// How long after a failed write no trial is made.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a caller waits while another one makes the trial.
const PATIENCE: Duration = Duration::from_secs(2);

/// The results of the writer's transactions.
#[derive(Debug, Default)]
pub(super) struct Writing {
    last: Mutex<Option<(Instant, Result<(), String>)>>,
    /// Held by the caller that makes the trial.
    trying: tokio::sync::Mutex<()>,
}

impl Writing {
    /// Records the result of a transaction.
    pub(super) fn note(&self, written: Result<(), &sqlx::Error>) {
        let outcome = written.map_err(ToString::to_string);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), outcome));
    }

    /// The result of the last transaction, as long as it counts.
    fn recent(&self) -> Option<Result<(), StoreError>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, outcome) = last.as_ref()?;
        let counts = if outcome.is_ok() { GOOD_FOR } else { PAUSE };
        (at.elapsed() < counts).then(|| outcome.clone().map_err(StoreError::Unavailable))
    }

    /// Whether writes succeed: by the last one, or by a trial.
    pub(super) async fn check(
        &self,
        trial: impl Future<Output = Result<(), StoreError>>,
    ) -> Result<(), StoreError> {
        let turn = tokio::time::timeout(PATIENCE, self.trying.lock()).await;
        let _turn =
            turn.map_err(|_| StoreError::Unavailable("a write does not come to its end".to_owned()))?;
        match self.recent() {
            Some(outcome) => outcome,
            None => trial.await,
        }
    }
}

/// Writes as much as a commit does, so that space for the trial means space for a commit.
pub(super) async fn trial(connection: &mut SqliteConnection) -> Result<(), Failure<StoreError>> {
    let write = "INSERT INTO write_trials (id, content) VALUES (1, randomblob(16384))
                 ON CONFLICT (id) DO UPDATE SET content = excluded.content";
    sqlx::query(write).execute(connection).await.map_err(Failure::Database)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_trial_write_runs_only_in_doubt_and_at_most_once_a_second() {
        let (writing, tries) = (Writing::default(), AtomicU32::new(0));
        let ask = async |works: bool| {
            let trial = async {
                tries.fetch_add(1, Ordering::Relaxed);
                let written = if works { Ok(()) } else { Err(sqlx::Error::WorkerCrashed) };
                writing.note(written.as_ref().copied());
                written.map_err(|error| StoreError::Unavailable(error.to_string()))
            };
            (writing.check(trial).await.is_ok(), tries.load(Ordering::Relaxed))
        };
        assert_eq!(ask(true).await, (true, 1), "nothing was written yet");
        assert_eq!(ask(false).await, (true, 1));
        tokio::time::advance(GOOD_FOR).await;
        assert_eq!(ask(false).await, (false, 2), "a success does not speak for ever");
        assert_eq!(ask(true).await, (false, 2));
        tokio::time::advance(PAUSE).await;
        assert_eq!(ask(true).await, (true, 3), "it recovers by itself");
        writing.note(Err(&sqlx::Error::WorkerCrashed));
        assert_eq!(ask(true).await, (false, 3), "a write of somebody's that failed counts");
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_hangs_is_waited_for_by_few_and_not_for_long() {
        let writing = Writing::default();
        let hanging = writing.check(std::future::pending());
        let other = async { writing.check(async { unreachable!("it is not its turn") }).await.is_ok() };
        tokio::select! {
            biased;
            _ = hanging => panic!("it hangs"),
            answered = other => assert!(!answered),
        }
    }
}
