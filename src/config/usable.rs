//! Which merchants of those that were read can be served: their secrets are there, and no two are paid into one account
//! by accident.
//!
//! Invariants: `check` and `serve` judge alike, because both ask here; a merchant is never left out because of what is
//! wrong with another one's file or secrets.

use secrecy::ExposeSecret as _;

use super::diagnostic::Diagnostic;
use super::gateway::GatewayConfig;
use super::tenant::{TenantConfig, TenantSecrets};
use super::tenants_dir::already_paid;
use crate::ports::Environment;

/// A merchant that can be served.
#[derive(Debug)]
pub struct UsableMerchant {
    /// Its file.
    pub tenant: TenantConfig,
    /// Its secrets.
    pub secrets: TenantSecrets,
}

/// Follows every merchant's secrets; what keeps one from being served is a problem.
#[must_use]
pub fn usable(
    tenants: Vec<TenantConfig>,
    gateway: &GatewayConfig,
    environment: &dyn Environment,
) -> (Vec<UsableMerchant>, Vec<Diagnostic>) {
    let (mut merchants, mut problems) = (Vec::<UsableMerchant>::new(), Vec::new());
    for tenant in tenants {
        if !gateway.order_events.allow_loopback
            && let Some(problem) = tenant.plain_webhook()
        {
            problems.push(problem);
            continue;
        }
        let secrets = match tenant.resolve_secrets(environment, &gateway.secrets.dir) {
            Ok(secrets) => secrets,
            Err(found) => {
                problems.extend(found);
                continue;
            }
        };
        let key = secrets.stripe_key.expose_secret();
        let same = |other: &&UsableMerchant| {
            other.secrets.stripe_key.expose_secret() == key
                && !(other.tenant.shared_account() && tenant.shared_account())
        };
        match merchants.iter().find(same) {
            Some(first) => {
                problems.push(already_paid(
                    &tenant,
                    "the account of its Stripe key",
                    first.tenant.account_place(),
                ));
            }
            None => merchants.push(UsableMerchant { tenant, secrets }),
        }
    }
    (merchants, problems)
}
