//! Absolute addresses of a merchant's own pages: built from configuration only, never from a request.

use std::sync::Arc;

use crate::domain::ids::{Mode, OrderId, SessionId, Tenant};
use crate::domain::merchant::MerchantView;
use crate::keyring::Keyring;
use crate::protocol::capability::Capabilities;

/// The key purpose of order pages.
const ORDER: &str = "order";

/// The key purpose of the address at which a wallet pays a checkout.
const WALLET: &str = "wallet";

/// The key purpose of checkout pages.
const CHECKOUT: &str = "checkout";

/// Makes and checks links.
#[derive(Clone, Debug)]
pub struct PublicLinks {
    keyring: Arc<Keyring>,
    capabilities: Capabilities,
    /// In test mode, `{link_base}/t/{tenant}` replaces the merchant's own host.
    link_base: Option<String>,
}

impl PublicLinks {
    /// Makes and checks links with these keys.
    #[must_use]
    pub fn new(keyring: Arc<Keyring>, link_base: Option<String>) -> Self {
        Self { capabilities: Capabilities::new(Arc::clone(&keyring)), keyring, link_base }
    }

    /// Makes and checks capabilities of sessions.
    #[must_use]
    pub const fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The base address of the merchant's pages, without a slash at the end.
    #[must_use]
    pub fn base(&self, view: &MerchantView) -> String {
        base(view, self.link_base.as_deref())
    }

    /// The status page of an order: `permalink_url`.
    #[must_use]
    pub fn order(&self, view: &MerchantView, order: &OrderId) -> String {
        let key = self.keyring.link_key(ORDER, &view.tenant(), order.as_str());
        format!("{}/orders/{order}?key={key}", self.base(view))
    }

    /// The merchant's own page of a checkout, where hosted payment starts.
    #[must_use]
    pub fn checkout(&self, view: &MerchantView, session: &SessionId) -> String {
        let key = self.keyring.link_key(CHECKOUT, &view.tenant(), session.as_str());
        format!("{}/checkout/{session}?key={key}", self.base(view))
    }

    /// Where Stripe Checkout redirects a shopper who has paid.
    #[must_use]
    pub fn checkout_return(&self, view: &MerchantView, session: &SessionId) -> String {
        let key = self.keyring.link_key(CHECKOUT, &view.tenant(), session.as_str());
        format!("{}/checkout/{session}/return?key={key}", self.base(view))
    }

    /// Where an agent's wallet pays a checkout. The key is part of the path, since agents paste addresses into shells.
    #[must_use]
    pub fn wallet(&self, view: &MerchantView, session: &SessionId) -> String {
        let key = self.keyring.link_key(WALLET, &view.tenant(), session.as_str());
        format!("{}/checkout/{session}/wallet/{key}", self.base(view))
    }

    /// Whether `key` is that of a wallet's address of this checkout of this tenant. Takes the same time for every wrong
    /// key.
    #[must_use]
    pub fn opens_wallet(&self, tenant: &Tenant, session: &SessionId, key: &str) -> bool {
        self.keyring.verify_link_key(WALLET, tenant, session.as_str(), key)
    }

    /// The keys that bind payment challenges.
    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Whether `key` opens the page of this checkout of this tenant. Takes the same time for every wrong key.
    #[must_use]
    pub fn opens_checkout(&self, tenant: &Tenant, session: &SessionId, key: &str) -> bool {
        self.keyring.verify_link_key(CHECKOUT, tenant, session.as_str(), key)
    }

    /// Whether `key` opens the status page of this order of this tenant. Takes the same time for every wrong key.
    #[must_use]
    pub fn opens_order(&self, tenant: &Tenant, order: &OrderId, key: &str) -> bool {
        self.keyring.verify_link_key(ORDER, tenant, order.as_str(), key)
    }
}

/// The base address of the merchant's pages, without a slash at the end; in test mode `{link_base}/t/{tenant}`, if there
/// is one.
#[must_use]
pub fn base(view: &MerchantView, link_base: Option<&str>) -> String {
    match (link_base, view.mode, view.hosts.first()) {
        (Some(base), Mode::Test, _) => format!("{}/t/{}", base.trim_end_matches('/'), view.id),
        (_, _, Some(host)) => format!("https://{host}"),
        (_, _, None) => format!("https://{}.invalid", view.id),
    }
}
