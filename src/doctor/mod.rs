//! `doctor`: asks Stripe and the internet whether merchants can sell, as far as a program can find out.
//!
//! - [`finding`]: what was found, and what to do; the report.
//! - [`stripe_account`]: the account, its key's permissions, its webhook endpoint.
//! - [`address`]: the shop at its public address: name, certificate, answers.
//! - [`pages`]: pictures, the shop's own pages, the receiver of order events.
//! - [`machine`]: the gateway's own files, keys and backups. [`checklist`]: what only a person can do.
//! - [`web`]: HTTP as browsers and assistants use it; [`webhook_secret`]: where a new secret is kept.
//!
//! Must not import `payments`, `actors`, `tenants` or `http`: it looks from outside. Invariants: it moves no money and
//! shows no secret; one merchant's fault says nothing of another's; every finding that is not good says what to do.

mod address;
pub mod checklist;
pub mod finding;
mod machine;
mod pages;
mod stripe_account;
mod web;
mod webhook_secret;

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream;

use crate::config::gateway::GatewayConfig;
use crate::config::master_keys::MasterKeyError;
use crate::config::tenant::{TenantConfig, TenantSecrets};
use crate::config::usable::UsableMerchant;
use crate::delivery::HttpWebhookSender;
use crate::domain::ids::MerchantId;
use crate::domain::merchant::{MerchantStatus, MerchantView};
use crate::keyring::Keyring;
use crate::ports::{Clock, Ids};
use crate::protocol::links;
use crate::stripe::StripeTransport;
use finding::{Finding, Report};
pub use web::NoClient;
use web::Web;

/// How many merchants are checked together.
const AT_ONCE: usize = 4;

/// What the doctor works with.
pub struct Doctor {
    pub config: Arc<GatewayConfig>,
    pub keyring: Result<Keyring, Vec<MasterKeyError>>,
    pub stripe: StripeTransport,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    /// Whether what can be put right at Stripe is put right.
    pub fix: bool,
    /// Whether there are merchants that are not examined, since their files or secrets are not right.
    pub has_others: bool,
    /// The address that shops are reached at, in place of the one that their names lead to.
    pub via: Option<SocketAddr>,
}

/// The merchant that is checked, with what its checks need.
struct Subject<'a> {
    doctor: &'a Doctor,
    tenant: &'a TenantConfig,
    secrets: &'a TenantSecrets,
    view: MerchantView,
    /// The base of its public addresses, without a slash at the end.
    base: String,
    /// Finds the merchant's host where `--via` says.
    web: Web,
    sender: &'a HttpWebhookSender,
}

impl Doctor {
    /// Checks the gateway and these merchants. `seen` is called when a merchant is finished.
    pub async fn examine(
        &self,
        merchants: &[UsableMerchant],
        seen: impl Fn(&MerchantId),
    ) -> Result<Report, NoClient> {
        let mut report = Report::default();
        report.findings.extend(machine::examine(&self.config, self.keyring.as_ref(), self.clock.as_ref()));
        if merchants.is_empty() && !self.has_others {
            let found = format!("{} holds no merchant that can be served", self.config.tenants.dir.display());
            report.findings.push(Finding::warn("merchants", found, "add one with tenant new"));
        }
        let allow_loopback = self.config.order_events.allow_loopback;
        let sender = HttpWebhookSender::new(allow_loopback, Arc::clone(&self.clock));
        let sender = &sender.map_err(|error| NoClient(error.to_string()))?;
        let examined = stream::iter(merchants).map(|merchant| async {
            let findings = self.examine_one(merchant, sender).await;
            seen(merchant.tenant.id());
            findings
        });
        let examined: Vec<Result<Vec<Finding>, NoClient>> = examined.buffered(AT_ONCE).collect().await;
        for findings in examined {
            report.findings.extend(findings?);
        }
        Ok(report)
    }

    async fn examine_one(
        &self,
        UsableMerchant { tenant, secrets }: &UsableMerchant,
        sender: &HttpWebhookSender,
    ) -> Result<Vec<Finding>, NoClient> {
        let view = tenant.view(1, None);
        let base = links::base(&view, self.config.public.link_base.as_deref());
        let host = view.hosts.first().map(String::as_str);
        let web = Web::new(host.zip(self.via))?;
        let subject = Subject { doctor: self, tenant, secrets, view, base, web, sender };
        let mut found = Vec::new();
        if subject.view.status == MerchantStatus::Suspended {
            let remedy = "remove status, or write \"active\", when the shop is to sell again";
            found.push(Finding::warn("status", "the shop is suspended, so it sells nothing", remedy));
        }
        found.extend(stripe_account::examine(&subject).await);
        found.extend(address::examine(&subject).await);
        found.extend(pages::examine(&subject).await);
        let of_tenant = |finding| Finding { merchant: Some(tenant.id().to_string()), ..finding };
        Ok(found.into_iter().map(of_tenant).collect())
    }
}
