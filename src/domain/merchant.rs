//! A merchant as its readers see it at one moment: plain data, swapped whole when anything changes.
//!
//! Holds no secret: keys live with the merchant actor.

use serde::{Deserialize, Serialize};

use super::address::{Buyer, CountryCode};
use super::cart::Cart;
use super::catalog::Catalog;
use super::channels::ChatGptSettings;
use super::ids::{AccountId, MerchantId, Mode, NetworkId, Tenant};
use super::language::Language;
use super::money::{Currency, Money};
use super::shipping::ShippingRule;
use super::tax::TaxRule;
use super::time::{Span, Timestamp};

/// Everything that a reader may know of a merchant; immutable.
#[derive(Clone, Debug)]
pub struct MerchantView {
    /// Who it is.
    pub id: MerchantId,
    /// Test or live.
    pub mode: Mode,
    /// The number of this configuration; every applied change makes a new one.
    pub generation: u64,
    /// The shop's name.
    pub name: String,
    /// The language of its shoppers, where nothing says another.
    pub language: Language,
    /// The host names that choose this merchant; the first is used in links.
    pub hosts: Vec<String>,
    /// The one currency of the shop.
    pub currency: Currency,
    /// What it sells.
    pub catalog: Catalog,
    /// How checkouts are run.
    pub checkout: CheckoutPolicy,
    /// How parcels are sent, in the order shown.
    pub shipping: Vec<ShippingRule>,
    /// How tax is found.
    pub tax: TaxRule,
    /// The shop's Network ID.
    pub network_id: NetworkId,
    /// The Stripe account, once it is given or learned; nothing is charged before.
    pub account: Option<AccountId>,
    /// Why no new payment is begun, where the shop's Stripe account is the reason.
    pub payments_off: Option<PaymentsOff>,
    /// What the payment sheet may offer.
    pub payment_methods: Vec<PaymentMethod>,
    /// The shop's own pages.
    pub links: Links,
    /// How it presents itself in ChatGPT.
    pub chatgpt: ChatGptSettings,
    /// How many calls it takes.
    pub limits: Limits,
    /// Whether it sells now.
    pub status: MerchantStatus,
    /// Whether what is kept of its checkouts can be relied on.
    pub records: Reconciliation,
}

impl MerchantView {
    /// The key of all its rows in the store.
    #[must_use]
    pub fn tenant(&self) -> Tenant {
        Tenant { merchant: self.id.clone(), mode: self.mode }
    }
}

/// Whether a merchant sells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MerchantStatus {
    /// It does.
    Serving,
    /// It shows its goods and sells nothing.
    Suspended,
}

/// Why a merchant cannot take payments, where its Stripe account or its key is the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PaymentsOff {
    /// Which account its present key opens is not known yet.
    #[error("its Stripe account is not verified yet")]
    Unverified,
    /// Stripe refuses the key.
    #[error("Stripe refuses its key")]
    KeyRefused,
    /// The key may not do what a payment needs.
    #[error("its key lacks a permission{}", named(.permission.as_deref()))]
    NotPermitted {
        /// The permission as Stripe names it, where it does.
        permission: Option<String>,
    },
    /// The key opens another account than the merchant was paid into before.
    #[error("its key opens another Stripe account")]
    OtherAccount,
    /// The key opens another account than the merchant's file names.
    #[error("its key opens another Stripe account than its file names")]
    AccountMisnamed,
    /// Another merchant is paid into the account that the key opens.
    #[error("another merchant is paid into its Stripe account")]
    AccountTaken,
    /// The database was restored, and what was paid since is not accounted for yet.
    #[error("what was paid since the restored backup is being read from Stripe")]
    Unreconciled,
    /// Stripe's clock is far from this machine's.
    #[error("the clock of this machine differs from Stripe's")]
    ClockDiffers,
}

fn named(permission: Option<&str>) -> String {
    permission.map(|permission| format!(": {permission}")).unwrap_or_default()
}

/// Whether what is kept of a merchant's checkouts can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconciliation {
    /// It can.
    NotRestored,
    /// They were restored from a backup, and what happened at Stripe since is not accounted for: what looks unpaid may be
    /// paid. Nothing of a checkout changes by its shopper or by time until it is.
    Pending {
        /// Before this moment it will not be.
        until: Timestamp,
    },
    /// It can again: what happened since is accounted for.
    Done {
        /// When they were last put back. Of a checkout from before, revisions may have been shown that are not in them.
        restored: Timestamp,
    },
}

impl Reconciliation {
    /// Whether checkouts go on.
    #[must_use]
    pub const fn are_reliable(self) -> bool {
        match self {
            Self::NotRestored | Self::Done { .. } => true,
            Self::Pending { .. } => false,
        }
    }
}

/// How a merchant's checkouts are run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckoutPolicy {
    /// How it can be paid.
    pub method: CheckoutMethod,
    /// The most that one checkout may come to.
    pub max_total: Option<Money>,
    /// Where it sells.
    pub countries: Vec<CountryCode>,
    /// Which tokens are taken.
    pub tokens: TokenPolicy,
    /// Whether Stripe sends the buyer a receipt.
    pub receipt_email: bool,
    /// How long a quote is honoured.
    pub quote_ttl: Span,
    /// How long an unpaid session lives.
    pub session_ttl: Span,
}

impl CheckoutPolicy {
    /// Where Stripe is to send its receipt: where the merchant wants that, to the buyer.
    #[must_use]
    pub fn receipt_email_of(&self, buyer: &Buyer) -> Option<String> {
        buyer.email.clone().filter(|_| self.receipt_email)
    }
}

/// Ways in which a merchant's checkouts can be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckoutMethod {
    /// On the host's payment sheet, with a token.
    PaymentSheet,
    /// On a page at Stripe.
    StripeCheckout,
    /// On the payment sheet where the host has one, else on the page.
    Auto,
}

impl CheckoutMethod {
    /// Whether tokens are taken.
    #[must_use]
    pub const fn takes_tokens(self) -> bool {
        matches!(self, Self::PaymentSheet | Self::Auto)
    }

    /// Whether pages at Stripe are opened.
    #[must_use]
    pub const fn opens_stripe_checkouts(self) -> bool {
        matches!(self, Self::StripeCheckout | Self::Auto)
    }
}

/// Which payment tokens a merchant takes. A session keeps the policy that it began with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenPolicy {
    /// Whether a token that is good for more than the total may be charged the total.
    pub allow_larger: bool,
    /// Whether a token that Stripe advises against is refused.
    pub risk: RiskPolicy,
}

/// What Stripe's risk advice on a token means to a merchant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RiskPolicy {
    /// The advice is ignored.
    Off,
    /// A token with a `block` recommendation is refused.
    BlockOnRecommendation,
}

/// A way to pay that the payment sheet may offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentMethod {
    /// Cards.
    Card,
    /// Apple Pay.
    ApplePay,
    /// Google Pay.
    GooglePay,
    /// Link; accepted in configuration, not sent to hosts until its wire value is known.
    Link,
}

/// The shop's own pages, absolute `https` addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// Terms of use.
    pub terms_of_use: Option<String>,
    /// Privacy policy.
    pub privacy_policy: Option<String>,
    /// Where to ask for help.
    pub support: Option<String>,
}

/// How many calls a merchant takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls per second, in the long run: browsing, and as many again to checkouts that callers hold.
    pub requests_per_second: u32,
    /// How many calls may come at once.
    pub burst: u32,
    /// New checkouts per minute.
    pub checkouts_per_minute: u32,
    /// Payments per minute whose token Stripe knows; as many pages at Stripe are opened besides. Repeats do not count.
    pub payments_per_minute: u32,
    /// Calls per minute of one shopper, as the host names them.
    pub per_shopper_per_minute: u32,
}

impl MerchantView {
    /// Whether everything in a cart is sold here.
    #[must_use]
    pub fn sells_all_of(&self, cart: &Cart) -> bool {
        cart.lines().iter().all(|line| self.catalog.item(&line.id).is_some())
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_per_second: 50,
            burst: 100,
            checkouts_per_minute: 120,
            payments_per_minute: 120,
            per_shopper_per_minute: 60,
        }
    }
}
