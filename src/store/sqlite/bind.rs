//! Binding a tenant to a statement: its merchant and its mode, as two parameters.

use sqlx::Sqlite;
use sqlx::query::{Query, QueryAs, QueryScalar};
use sqlx::sqlite::SqliteArguments;

use crate::domain::ids::Tenant;

/// Statements about a tenant's rows.
pub(super) trait BindTenant {
    /// Binds the merchant and the mode as the next two parameters.
    fn tenant(self, tenant: &Tenant) -> Self;
}

impl BindTenant for Query<'_, Sqlite, SqliteArguments> {
    fn tenant(self, tenant: &Tenant) -> Self {
        self.bind(tenant.merchant.to_string()).bind(tenant.mode.into_str())
    }
}

impl<O> BindTenant for QueryAs<'_, Sqlite, O, SqliteArguments> {
    fn tenant(self, tenant: &Tenant) -> Self {
        self.bind(tenant.merchant.to_string()).bind(tenant.mode.into_str())
    }
}

impl<O> BindTenant for QueryScalar<'_, Sqlite, O, SqliteArguments> {
    fn tenant(self, tenant: &Tenant) -> Self {
        self.bind(tenant.merchant.to_string()).bind(tenant.mode.into_str())
    }
}
