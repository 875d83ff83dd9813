//! Databases that were restored from a backup, and whether what happened since is accounted for.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::domain::checkout::attempt::Flag;
use crate::domain::ids::Tenant;
use crate::domain::time::Timestamp;

/// A restore: since its backup was taken, things may have happened at Stripe that the database does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epoch {
    /// Its id, unguessable and never the same.
    pub id: String,
    /// Before the backup was taken.
    pub taken: Timestamp,
}

/// What a store does for telling whether a merchant of a restored database may take payments, beside [`super::Store`].
#[async_trait]
pub trait Reconciliation: Send + Sync + 'static {
    /// The restores that are not accounted for yet for this tenant.
    async fn unreconciled(&self, tenant: &Tenant) -> Result<Vec<Epoch>, StoreError>;

    /// Keeps that a restore is accounted for.
    async fn reconciled(&self, tenant: &Tenant, epoch: &Epoch) -> Result<(), StoreError>;

    /// Flags a payment of a session that the database does not have. One already flagged stays as it is.
    async fn flag(&self, tenant: &Tenant, flag: Flag) -> Result<(), StoreError>;
}
