//! A merchant at one moment, for readers: plain data, replaced as a whole when anything changes.
//!
//! It contains no secret: the merchant actor keeps the keys.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use super::address::{Buyer, CountryCode};
use super::cart::Cart;
use super::catalog::Catalog;
use super::channels::ChatGptSettings;
use super::ids::{AccountId, MerchantId, Mode, NetworkId, Tenant};
use super::language::Language;
use super::money::{Currency, Money};
use super::origin::{AgentRules, TokenDoor};
use super::shipping::ShippingRule;
use super::tax::TaxRule;
use super::time::{Span, Timestamp};

/// The data of a merchant that any reader may see; immutable.
#[derive(Clone, Debug)]
pub struct MerchantView {
    pub id: MerchantId,
    /// Test or live.
    pub mode: Mode,
    /// The number of this configuration; every applied change makes a new one.
    pub generation: u64,
    /// The shop's name.
    pub name: String,
    /// The shoppers' language, unless the request names another.
    pub language: Language,
    /// The host names that select this merchant; the first is used in links.
    pub hosts: Vec<String>,
    /// The one currency of the shop.
    pub currency: Currency,
    /// The goods, shared by every copy of the view.
    pub catalog: Arc<Catalog>,
    pub checkout: CheckoutPolicy,
    /// The shipping rules, in the order shown.
    pub shipping: Vec<ShippingRule>,
    pub tax: TaxRule,
    /// The shop's Network ID.
    pub network_id: NetworkId,
    /// The Stripe account, once it is configured or verified; nothing is charged before.
    pub account: Option<AccountId>,
    /// Why no new payment is begun, if the shop's Stripe account or key is the reason.
    pub payments_off: Option<PaymentsOff>,
    /// The methods that the payment sheet may offer.
    pub payment_methods: Vec<PaymentMethod>,
    /// The shop's own pages.
    pub links: Links,
    pub chatgpt: ChatGptSettings,
    pub limits: Limits,
    /// Whether it sells now.
    pub status: MerchantStatus,
    /// Whether the stored records of its checkouts are reliable.
    pub records: Reconciliation,
}

impl MerchantView {
    /// The tenant that owns its rows in the store.
    #[must_use]
    pub fn tenant(&self) -> Tenant {
        Tenant { merchant: self.id.clone(), mode: self.mode }
    }
}

/// Whether a merchant sells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum MerchantStatus {
    /// It sells.
    Active,
    /// It shows its catalog and sells nothing.
    Suspended,
}

/// Why a merchant cannot take payments, if its Stripe account or its key is the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PaymentsOff {
    /// The account of its present key is not known yet.
    #[error("its Stripe account is not verified yet")]
    Unverified,
    #[error("Stripe refuses its key")]
    KeyRefused,
    /// The key lacks a permission that payments need.
    #[error("its key lacks a permission{}", named(.permission.as_deref()))]
    NotPermitted {
        /// The permission's name at Stripe, if Stripe gave it.
        permission: Option<String>,
    },
    /// The key belongs to another account than the one that received earlier payments.
    #[error("its key opens another Stripe account")]
    OtherAccount,
    /// The key belongs to another account than the merchant's file names.
    #[error("its key opens another Stripe account than its file names")]
    AccountMisnamed,
    /// Another merchant receives its payments in the account of this key.
    #[error("another merchant is paid into its Stripe account")]
    AccountTaken,
    /// The database was restored, and payments since the backup are not accounted for yet.
    #[error("what was paid since the restored backup is being read from Stripe")]
    Unreconciled,
    /// Stripe's clock differs much from this machine's.
    #[error("the clock of this machine differs from Stripe's")]
    ClockDiffers,
}

fn named(permission: Option<&str>) -> String {
    permission.map(|permission| format!(": {permission}")).unwrap_or_default()
}

/// Whether the stored records of a merchant's checkouts are reliable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconciliation {
    /// The records were not restored from a backup, so they are reliable.
    NotRestored,
    /// The records were restored from a backup, and events at Stripe since then are not accounted for: a session that
    /// seems unpaid may be paid. Until they are, neither a shopper nor time changes a checkout.
    Pending {
        /// The earliest moment at which this can end.
        until: Timestamp,
    },
    /// The records were restored and are reliable again: events since the backup are accounted for.
    Done {
        /// When they were last restored. An older checkout may have shown revisions that the records lack.
        restored: Timestamp,
    },
}

impl Reconciliation {
    /// Whether checkouts continue.
    #[must_use]
    pub const fn are_reliable(self) -> bool {
        match self {
            Self::NotRestored | Self::Done { .. } => true,
            Self::Pending { .. } => false,
        }
    }
}

/// The rules of a merchant's checkouts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckoutPolicy {
    pub method: CheckoutMethod,
    /// Whether an agent's wallet may pay, over HTTP 402.
    pub wallet: bool,
    /// Whether it may pay inside MCP as well, by the tool that pays.
    pub mcp_payment: bool,
    /// Whose payments by token are taken.
    pub agents: AgentRules,
    /// The highest total of one checkout.
    pub max_total: Option<Money>,
    /// The countries that it sells to.
    pub countries: Vec<CountryCode>,
    /// Which tokens are accepted.
    pub tokens: TokenPolicy,
    /// Whether Stripe sends the buyer a receipt.
    pub receipt_email: bool,
    /// How long a quote is honoured.
    pub quote_ttl: Span,
    /// How long an unpaid session lives.
    pub session_ttl: Span,
}

impl CheckoutPolicy {
    /// Whether tokens that come through this door are accepted.
    #[must_use]
    pub const fn takes_tokens(&self, door: TokenDoor) -> bool {
        match door {
            TokenDoor::PaymentSheet => self.method.takes_tokens(),
            TokenDoor::Wallet => self.wallet,
        }
    }

    /// The address for Stripe's receipt: the buyer's, if the merchant wants receipts.
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
    StripeCheckout,
    /// On the payment sheet if the host has one, else on a Stripe Checkout.
    Auto,
}

impl CheckoutMethod {
    /// Whether tokens are accepted.
    #[must_use]
    pub const fn takes_tokens(self) -> bool {
        matches!(self, Self::PaymentSheet | Self::Auto)
    }

    /// Whether Stripe Checkouts are created.
    #[must_use]
    pub const fn opens_stripe_checkouts(self) -> bool {
        matches!(self, Self::StripeCheckout | Self::Auto)
    }
}

/// Which payment tokens a merchant accepts. A session keeps the policy of its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenPolicy {
    /// Whether a token for more than the total may be charged the total.
    pub allow_larger: bool,
    /// Whether a token is refused if Stripe recommends to block it.
    pub risk: RiskPolicy,
}

/// The effect of Stripe's risk recommendation about a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RiskPolicy {
    /// The recommendation is ignored.
    Off,
    /// A token with a `block` recommendation is refused.
    BlockOnRecommendation,
}

/// A way to pay that the payment sheet may offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentMethod {
    Card,
    ApplePay,
    GooglePay,
    /// Link; accepted in configuration, and not sent to hosts until its wire value is known.
    Link,
}

/// The shop's own pages, absolute `https` addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    pub terms_of_use: Option<String>,
    pub privacy_policy: Option<String>,
    /// Where to ask for help.
    pub support: Option<String>,
}

/// The limits on a merchant's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls per second on average, for browsing; calls to existing checkouts have a second budget of the same size.
    pub requests_per_second: u32,
    /// The most calls at once.
    pub burst: u32,
    pub checkouts_per_minute: u32,
    /// Payments per minute with a token that Stripe knows; Stripe Checkouts have a second budget of the same size.
    /// Repeats do not count.
    pub payments_per_minute: u32,
    /// Calls per minute of one shopper, by the host's id of the shopper.
    pub per_shopper_per_minute: u32,
}

impl MerchantView {
    /// Whether the catalog has everything in a cart.
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
