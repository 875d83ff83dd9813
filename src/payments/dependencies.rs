//! What every actor needs of the world around it, given once at start.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::payees::Payees;
use super::stripe_budget::StripePlaces;
use crate::domain::checkout::driver::RequestId;
use crate::domain::checkout::model::Moment;
use crate::domain::time::Span;
use crate::keyring::Keyring;
use crate::ports::{Clock, Ids};
use crate::protocol::links::PublicLinks;
use crate::runtime::{DiskSpace, Io};
use crate::store::{Inbox, Outbox, RestoreMarkers, Retention, Store};
use crate::stripe::Stripe;

/// The process's shared means. Cheap to clone behind its `Arc`.
pub struct Dependencies {
    /// What is durable.
    pub store: Arc<dyn Store>,
    /// What merchants are told of their orders.
    pub outbox: Arc<dyn Outbox>,
    /// Whether the database was restored, and what is not accounted for since.
    pub reconciliation: Arc<dyn RestoreMarkers>,
    /// How long from a restore on what the process before has sent may still arrive at Stripe.
    pub drain: Span,
    /// What Stripe has told.
    pub inbox: Arc<dyn Inbox>,
    /// What goes away.
    pub retention: Arc<dyn Retention>,
    /// How much room is left for all of it.
    pub disk: Arc<DiskSpace>,
    /// Stripe, shared by all merchants.
    pub stripe: Arc<dyn Stripe>,
    /// How many requests are at Stripe at once.
    pub places: Arc<StripePlaces>,
    /// Who is paid into which account.
    pub payees: Payees,
    /// Where I/O runs.
    pub io: Io,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What is random.
    pub ids: Arc<dyn Ids>,
    /// Seals tokens.
    pub keyring: Arc<Keyring>,
    /// Makes links.
    pub links: PublicLinks,
    /// Numbers callers.
    pub requests: AtomicU64,
}

impl Dependencies {
    /// Time and chance for one step of a machine; nothing is said of webhooks.
    #[must_use]
    pub fn moment(&self) -> Moment {
        Moment {
            now: self.clock.now(),
            jitter: self.ids.fraction(),
            random: self.ids.random_id(),
            webhooks_arrive: false,
        }
    }

    /// A number for a caller.
    #[must_use]
    pub fn next_request(&self) -> RequestId {
        RequestId(self.requests.fetch_add(1, Ordering::Relaxed))
    }
}
