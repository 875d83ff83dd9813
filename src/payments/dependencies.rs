//! The shared services that every actor needs, given once at start.

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

/// The services of the process. Cheap to clone behind its `Arc`.
pub struct Dependencies {
    /// The store of sessions and orders.
    pub store: Arc<dyn Store>,
    /// The order events for merchants.
    pub outbox: Arc<dyn Outbox>,
    /// Restores of the database that are not reconciled yet.
    pub reconciliation: Arc<dyn RestoreMarkers>,
    /// How long after a restore requests of the previous process may still arrive at Stripe.
    pub drain: Span,
    /// Stripe's events.
    pub inbox: Arc<dyn Inbox>,
    /// Removes old rows.
    pub retention: Arc<dyn Retention>,
    /// The storage space that is left.
    pub disk: Arc<DiskSpace>,
    /// Stripe, shared by all merchants.
    pub stripe: Arc<dyn Stripe>,
    /// The limit on simultaneous requests to Stripe.
    pub places: Arc<StripePlaces>,
    /// The merchants that receive payments in each account.
    pub payees: Payees,
    /// The runtime for I/O.
    pub io: Io,
    pub clock: Arc<dyn Clock>,
    /// The source of random ids.
    pub ids: Arc<dyn Ids>,
    /// Encrypts tokens.
    pub keyring: Arc<Keyring>,
    pub links: PublicLinks,
    /// Numbers callers.
    pub requests: AtomicU64,
}

impl Dependencies {
    /// Time and randomness for one step, without information about webhooks.
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
