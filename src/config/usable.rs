//! Selects the merchants that can be served: their secrets are readable, and their claims are their own.
//!
//! Invariants: `check` and `serve` decide in the same way, because both use this function, and differ only in the
//! stored history; an invalid file or secret of a merchant gives none of its hosts and accounts to others.

use std::sync::Arc;

use super::claims::{Claimant, Holders, evaluate_claims};
use super::diagnostic::Diagnostic;
use super::gateway::GatewayConfig;
use super::parallel::in_parallel;
use super::tenant::{TenantConfig, TenantSecrets};
use super::tenants_dir::TenantsRead;
use crate::domain::ids::Mode;
use crate::ports::Environment;

/// A merchant that can be served.
#[derive(Debug)]
pub struct UsableMerchant {
    /// Its file.
    pub tenant: Arc<TenantConfig>,
    pub secrets: TenantSecrets,
}

/// Reads every merchant's secrets and checks its claims; everything that prevents one from being served is a problem,
/// as is everything that was found in reading.
#[must_use]
pub fn usable(
    read: TenantsRead,
    gateway: &GatewayConfig,
    environment: &dyn Environment,
    holders: &Holders,
) -> (Vec<UsableMerchant>, Vec<Diagnostic>) {
    let TenantsRead { tenants, mut problems, unread, flawed } = read;
    // All of a merchant's problems are reported at once.
    let of_flawed = flawed.iter().filter_map(|tenant| secrets(tenant, gateway, environment).err());
    problems.extend(of_flawed.flatten());
    let secrets = in_parallel(&tenants, |tenant| secrets(tenant, gateway, environment));
    let claimants: Vec<Claimant<'_>> = tenants
        .iter()
        .zip(&secrets)
        .map(|(tenant, secrets)| Claimant { tenant, secrets: secrets.as_ref().ok() })
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
    let mut problems = Vec::new();
    if tenant.mode() == Mode::Live && gateway.stripe.is_emulated() && !gateway.stripe.allow_live_on_loopback {
        problems.push(tenant.place("mode").problem(
            format!(
                "is \"live\", and stripe.api_base of this gateway is {}, which is not Stripe",
                gateway.stripe.api_base.origin().ascii_serialization()
            ),
            "write \"test\", or serve the merchant by a gateway without that setting",
        ));
    }
    if !gateway.order_events.allow_loopback {
        problems.extend(tenant.plain_webhook());
    }
    match tenant.resolve_secrets(environment, &gateway.secrets.dir) {
        Ok(secrets) if problems.is_empty() => Ok(secrets),
        Ok(_) => Err(problems),
        Err(found) => Err(problems.into_iter().chain(found).collect()),
    }
}
