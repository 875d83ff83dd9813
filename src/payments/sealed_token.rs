//! The stored token of an attempt: encrypted, and bound to tenant, session and attempt.

use super::dependencies::Dependencies;
use crate::domain::checkout::model::SharedPaymentToken;
use crate::domain::ids::{AttemptNumber, SessionId, Tenant};
use crate::store::AttemptRow;

/// The context that an encrypted token is bound to.
fn token_context<'a>(tenant: &'a Tenant, session: &'a SessionId, attempt: &'a str) -> [&'a str; 5] {
    ["spt", tenant.merchant.as_str(), tenant.mode.into_str(), session.as_str(), attempt]
}

/// The encrypted form of an attempt's token.
pub(super) fn seal(
    deps: &Dependencies,
    tenant: &Tenant,
    (session, attempt): (&SessionId, AttemptNumber),
    token: &SharedPaymentToken,
) -> String {
    let number = attempt.0.to_string();
    let context = token_context(tenant, session, &number);
    deps.keyring.seal(&context, token.expose().as_bytes(), deps.ids.as_ref())
}

/// The token of an attempt's row; `None` if it is erased, or if it cannot be decrypted, which is logged.
pub(super) fn unseal(deps: &Dependencies, tenant: &Tenant, row: &AttemptRow) -> Option<SharedPaymentToken> {
    let sealed = row.sealed_token.as_ref()?;
    let number = row.number.0.to_string();
    match deps.keyring.open(&token_context(tenant, &row.session, &number), sealed) {
        Ok(token) => std::str::from_utf8(&token).ok()?.parse().ok(),
        Err(error) => {
            let (merchant, session) = (&tenant.merchant, &row.session);
            tracing::error!(%merchant, %session, cause = %error, "sealed_token_cannot_be_opened");
            None
        }
    }
}
