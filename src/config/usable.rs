//! Which merchants of those that were read can be served: their secrets are there, and what they claim is theirs.
//!
//! Invariants: `check` and `serve` decide alike, because both ask here, and differ in what they remember only; what is wrong
//! with a merchant's file or secrets gives to nobody else what that merchant had.

use super::claims::{Claimant, Holders, evaluate_claims};
use super::diagnostic::Diagnostic;
use super::gateway::GatewayConfig;
use super::tenant::{TenantConfig, TenantSecrets};
use super::tenants_dir::TenantsRead;
use crate::ports::Environment;

/// A merchant that can be served.
#[derive(Debug)]
pub struct UsableMerchant {
    /// Its file.
    pub tenant: TenantConfig,
    /// Its secrets.
    pub secrets: TenantSecrets,
}

/// Follows every merchant's secrets and judges what they claim; whatever keeps one from being served is a problem, and so is
/// everything that was found in reading.
#[must_use]
pub fn usable(
    read: TenantsRead,
    gateway: &GatewayConfig,
    environment: &dyn Environment,
    holders: &Holders,
) -> (Vec<UsableMerchant>, Vec<Diagnostic>) {
    let TenantsRead { tenants, mut problems, unread } = read;
    let secrets: Vec<_> = tenants.iter().map(|tenant| secrets(tenant, gateway, environment)).collect();
    let claimants: Vec<Claimant<'_>> = tenants
        .iter()
        .zip(&secrets)
        .map(|(tenant, secrets)| Claimant {
            tenant,
            key: secrets.as_ref().ok().map(|found| &found.stripe_key),
        })
        .collect();
    let evaluated = evaluate_claims(&claimants, &unread, holders);
    let mut merchants = Vec::new();
    for ((tenant, secrets), claims) in tenants.into_iter().zip(secrets).zip(evaluated) {
        match secrets {
            Ok(secrets) if claims.is_empty() => merchants.push(UsableMerchant { tenant, secrets }),
            Ok(_) => problems.extend(claims),
            Err(found) => problems.extend(claims.into_iter().chain(found)),
        }
    }
    (merchants, problems)
}

fn secrets(
    tenant: &TenantConfig,
    gateway: &GatewayConfig,
    environment: &dyn Environment,
) -> Result<TenantSecrets, Vec<Diagnostic>> {
    if !gateway.order_events.allow_loopback
        && let Some(problem) = tenant.plain_webhook()
    {
        return Err(vec![problem]);
    }
    tenant.resolve_secrets(environment, &gateway.secrets.dir)
}
