//! Databases that were restored from a backup, and whether what happened since is accounted for.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::domain::checkout::model::Flag;
use crate::domain::ids::{PaymentIntentId, SessionId, Tenant};
use crate::domain::time::Timestamp;

/// A restore: between its backup and itself, things may have happened at Stripe that the database does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreMarker {
    /// Its id, unguessable and never the same.
    pub id: String,
    /// Before the backup was taken.
    pub taken: Timestamp,
    /// When the backup was put back: nobody served from the database then.
    pub restored: Timestamp,
}

/// What a store does for telling whether a merchant of a restored database may take payments, beside [`super::Store`].
#[async_trait]
pub trait RestoreMarkers: Send + Sync + 'static {
    /// The restores that are not accounted for yet for this tenant, the oldest first. Asks nobody.
    fn unreconciled(&self, tenant: &Tenant) -> Vec<RestoreMarker>;

    /// When the database was last put back from a backup, if it ever was. Asks nobody.
    fn last_restore(&self) -> Option<Timestamp>;

    /// Keeps that a restore is accounted for.
    async fn reconciled(&self, tenant: &Tenant, marker: &RestoreMarker) -> Result<(), StoreError>;

    /// Keeps that orders may have been given so many numbers that this database does not know: from now on every order is
    /// numbered behind them. Said again of the same restore, the larger count stands.
    async fn numbers_given(
        &self,
        tenant: &Tenant,
        marker: &RestoreMarker,
        count: u32,
    ) -> Result<(), StoreError>;

    /// Whether the tenant has a checkout from before a moment.
    async fn began_before(&self, tenant: &Tenant, moment: Timestamp) -> Result<bool, StoreError>;

    /// The session whose order this payment has paid.
    async fn session_paid_by(
        &self,
        tenant: &Tenant,
        payment: &PaymentIntentId,
    ) -> Result<Option<SessionId>, StoreError>;

    /// Flags a payment of a session that the database does not have. One already flagged stays as it is; then `false`.
    async fn flag(&self, tenant: &Tenant, flag: Flag) -> Result<bool, StoreError>;
}
