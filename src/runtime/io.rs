//! The one multi-thread runtime that owns database, HTTP client and timers.
//!
//! Actors and HTTP workers each run on a single-threaded runtime of their own; connections must never migrate between
//! runtimes, so everything that opens one runs here and only its result leaves.

use std::future::Future;

use tokio::runtime::Handle;

/// A handle of the I/O runtime.
#[derive(Clone, Debug)]
pub struct Io(Handle);

/// The work was lost: it panicked, or the runtime is shutting down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the work was lost in a panic or a shutdown")]
pub struct IoLost;

impl Io {
    /// The runtime behind `handle`.
    #[must_use]
    pub const fn new(handle: Handle) -> Self {
        Self(handle)
    }

    /// Starts a future there; the returned one waits for its result. The work continues if the wait is dropped.
    pub fn run<F>(&self, work: F) -> impl Future<Output = Result<F::Output, IoLost>> + use<F>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let running = self.0.spawn(work);
        async move { running.await.map_err(|_| IoLost) }
    }

    /// Starts a future there and does not wait.
    pub fn start<F>(&self, work: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.0.spawn(work);
    }
}
