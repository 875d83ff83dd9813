//! What a challenge is about, taken from a checkout as it was shown.
//!
//! Invariant: an equal quote gives equal terms but for their expiry, however often it is computed again: a wallet whose
//! owner takes half an hour to approve finds the challenge unchanged.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::domain::address::Address;
use crate::domain::checkout::model::{NotOffered, NotPayable, Rejection, Session, ShopperRejection, State};
use crate::domain::checkout::{can_be_paid, needs_email};
use crate::domain::ids::{AccountId, ItemId, NetworkId, SessionId, ShippingId, Tenant};
use crate::domain::merchant::MerchantView;
use crate::domain::money::Money;
use crate::domain::origin::TokenDoor;
use crate::domain::pricing::Quote;
use crate::domain::time::Timestamp;

/// The longest description, in characters.
const MAX_DESCRIPTION: usize = 120;

/// The bytes of the digest that are kept.
const DIGEST_BYTES: usize = 18;

/// What is to be paid, for what, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    pub tenant: Tenant,
    /// The host of the merchant's pages, without a port.
    pub realm: String,
    pub amount: Money,
    /// A few words for the person who approves.
    pub description: String,
    pub network_id: NetworkId,
    pub session: SessionId,
    /// A digest of what was shown: an equal quote has an equal one.
    pub quote: String,
    pub expires: Timestamp,
}

/// What was shown of a checkout. When its goods arrive is left out, since it differs from day to day.
#[derive(Serialize)]
struct Shown<'a> {
    lines: Vec<(&'a ItemId, &'a str, u32, Money, Money)>,
    option: Option<(&'a ShippingId, &'a str, Money)>,
    address: Option<&'a Address>,
    /// Where goods go that are not sent.
    email: Option<&'a str>,
    tax: Money,
    total: Money,
    account: Option<&'a AccountId>,
    mode: &'a str,
}

impl Terms {
    /// The terms of a checkout with this quote, on pages with this base address.
    #[must_use]
    pub fn of(session: &Session, quote: &Quote, view: &MerchantView, base: &str) -> Self {
        let host = url::Url::parse(base).ok().and_then(|base| base.host_str().map(str::to_owned));
        Self {
            tenant: view.tenant(),
            realm: host.unwrap_or_default(),
            amount: quote.total,
            description: description(quote, view),
            network_id: view.network_id.clone(),
            session: session.id.clone(),
            quote: digest(session, quote, view),
            expires: quote.expires.min(session.expires),
        }
    }
}

/// The quote that a wallet can pay now; otherwise why a payment would be rejected, so that a shopper approves none in vain.
pub fn payable<'a>(
    session: &'a Session,
    view: &MerchantView,
    now: Timestamp,
) -> Result<&'a Quote, Rejection> {
    let quote = match &session.state {
        State::Ready { quote } => quote,
        // The page is closed before a token is charged.
        State::AwaitingStripeCheckout { payment, .. } => &payment.attempt.quote,
        State::Open { .. }
        | State::Charging(_)
        | State::OpeningStripeCheckout(_)
        | State::ClosingStripeCheckout { .. }
        | State::Frozen { .. }
        | State::Completed { .. }
        | State::Canceled { .. }
        | State::Expired => {
            let in_state = NotPayable::InState(session.state.into_str());
            return Err(Rejection::Shopper(ShopperRejection::NotPayable(in_state)));
        }
    };
    if !view.checkout.takes_tokens(TokenDoor::Wallet) {
        return Err(Rejection::Shopper(ShopperRejection::NotOffered(NotOffered::Wallet)));
    }
    can_be_paid(session, view, now)?;
    if needs_email(quote, &session.inputs.buyer) {
        return Err(Rejection::Shopper(ShopperRejection::EmailNeeded));
    }
    Ok(quote)
}

/// The goods in a few words.
pub(super) fn goods(quote: &Quote) -> String {
    let lines = quote.lines.iter().map(|line| format!("{} \u{d7} {}", line.quantity, line.title));
    lines.collect::<Vec<_>>().join(", ")
}

fn description(quote: &Quote, view: &MerchantView) -> String {
    let whole = format!("{}: {}", view.name, goods(quote));
    if whole.chars().count() <= MAX_DESCRIPTION {
        return whole;
    }
    whole.chars().take(MAX_DESCRIPTION - 1).chain(['\u{2026}']).collect()
}

fn digest(session: &Session, quote: &Quote, view: &MerchantView) -> String {
    let shown = Shown {
        lines: quote
            .lines
            .iter()
            .map(|line| (&line.item, line.title.as_str(), line.quantity, line.unit_price, line.total))
            .collect(),
        option: quote.chosen().map(|option| (&option.id, option.title.as_str(), option.total)),
        address: session.inputs.address.as_ref(),
        email: session.inputs.buyer.email.as_deref().filter(|_| !quote.is_sent()),
        tax: quote.tax,
        total: quote.total,
        account: view.account.as_ref(),
        mode: view.mode.into_str(),
    };
    let hash = Sha256::digest(serde_json::to_vec(&shown).unwrap_or_default());
    URL_SAFE_NO_PAD.encode(&hash[..DIGEST_BYTES])
}
