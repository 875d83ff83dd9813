//! How an agent's wallet pays a checkout, as tools tell it.
//!
//! Invariants: it names no address and no buyer; it states facts and orders nothing.

use serde::Serialize;

use super::METHOD;
use super::terms::{goods, payable};
use crate::domain::checkout::model::Answer;
use crate::domain::ids::Mode;
use crate::domain::merchant::MerchantView;
use crate::domain::pricing::Quote;
use crate::protocol::rendering::Rendering;

/// The name of the protocol.
const PROTOCOL: &str = "Machine Payments Protocol (HTTP 402)";

/// What a wallet needs.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct WalletPayment {
    url: String,
    protocol: &'static str,
    method: &'static str,
    network_id: String,
    /// Minor units.
    amount: i64,
    currency: &'static str,
    /// Whether no real money moves.
    test: bool,
    /// What is paid, for the person who approves: more than the hundred characters that Stripe's Link asks for.
    purchase_context: String,
}

impl WalletPayment {
    /// Of a checkout that can be paid now.
    pub(crate) fn of(answer: &Answer, rendering: Rendering<'_>) -> Option<Self> {
        let session = &answer.session;
        let view = rendering.view;
        let quote = payable(session, view, rendering.now).ok()?;
        Some(Self {
            url: answer.wallet_address.clone()?,
            protocol: PROTOCOL,
            method: METHOD,
            network_id: view.network_id.as_str().to_owned(),
            amount: quote.total.minor,
            currency: quote.total.currency.code(),
            test: view.mode == Mode::Test,
            purchase_context: purchase_context(quote, view),
        })
    }

    /// The same in a sentence.
    pub(crate) fn sentence(&self) -> String {
        format!(
            "An agent's wallet, such as Stripe's Link, can pay it too: {} answers HTTP 402 with a payment challenge, and \
             the shopper approves in the wallet. get_checkout returns whether it is paid.",
            self.url
        )
    }
}

fn purchase_context(quote: &Quote, view: &MerchantView) -> String {
    let shipping = quote.chosen().map_or_else(String::new, |option| format!(" Shipping: {}.", option.title));
    format!(
        "One order from the shop {}: {}.{shipping} The total with tax and shipping is {}. The shop charges it once and \
         confirms the order with its number.",
        view.name,
        goods(quote),
        quote.total
    )
}
