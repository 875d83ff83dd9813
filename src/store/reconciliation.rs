//! Databases that were restored from a backup, and whether they are reconciled with Stripe.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::domain::checkout::model::Flag;
use crate::domain::ids::{PaymentIntentId, SessionId, Tenant};
use crate::domain::time::Timestamp;

/// A restore: Stripe may have events from between the backup and the restore that the database lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreMarker {
    /// Its id, unguessable and unique.
    pub id: String,
    /// A moment before the backup was taken.
    pub taken: Timestamp,
    /// When the backup was restored; no process served from the database at that moment.
    pub restored: Timestamp,
}

/// The store's functions for deciding whether a merchant of a restored database may take payments, in addition to
/// [`super::Store`].
#[async_trait]
pub trait RestoreMarkers: Send + Sync + 'static {
    /// The restores that are not reconciled yet for this tenant, the oldest first. Needs no query.
    fn unreconciled(&self, tenant: &Tenant) -> Vec<RestoreMarker>;

    /// When the database was last restored from a backup, if it ever was. Needs no query.
    fn last_restore(&self) -> Option<Timestamp>;

    /// Records that a restore is reconciled.
    async fn reconciled(&self, tenant: &Tenant, marker: &RestoreMarker) -> Result<(), StoreError>;

    /// Records how many order numbers may have been given that this database does not know: from now on every order
    /// gets a number after them. For the same restore the larger count applies.
    async fn numbers_given(
        &self,
        tenant: &Tenant,
        marker: &RestoreMarker,
        count: u32,
    ) -> Result<(), StoreError>;

    /// Whether the tenant has a checkout that began before a moment.
    async fn began_before(&self, tenant: &Tenant, moment: Timestamp) -> Result<bool, StoreError>;

    /// The session whose order this payment has paid.
    async fn session_paid_by(
        &self,
        tenant: &Tenant,
        payment: &PaymentIntentId,
    ) -> Result<Option<SessionId>, StoreError>;

    /// Flags a payment of a session that the database does not have. An existing flag is not changed; then `false`.
    async fn flag(&self, tenant: &Tenant, flag: Flag) -> Result<bool, StoreError>;
}
