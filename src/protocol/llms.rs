//! `/llms.txt`: what a shop is and how an agent without a widget buys in it, in plain text.
//!
//! Invariants: it states facts and orders nothing; it names no product, no price and no shopper. Source: llmstxt.org.

use crate::domain::address::CountryCode;
use crate::domain::ids::Mode;
use crate::domain::merchant::{CheckoutMethod, MerchantStatus, MerchantView};
use crate::protocol::mcp::{Version, categories};

/// The text of a shop whose pages begin with `base`.
#[must_use]
pub fn llms_txt(view: &MerchantView, base: &str) -> String {
    let parts = [title(view), find(base), check_out(), pay(view), links(view)];
    parts.join("\n")
}

/// The name, on one line whatever it holds, and a summary.
fn title(view: &MerchantView) -> String {
    let categories = categories(view);
    let sells =
        if categories.is_empty() { String::new() } else { format!(" It sells {}.", categories.join(", ")) };
    let mode = match view.mode {
        Mode::Test => " It is a test shop: no real money moves.",
        Mode::Live => "",
    };
    let status = match view.status {
        MerchantStatus::Active => "",
        MerchantStatus::Suspended => " It takes no orders at the moment.",
    };
    let countries: Vec<&str> = view.checkout.countries.iter().map(CountryCode::as_str).collect();
    format!(
        "# {}\n\n> A shop for AI assistants and agents.{sells} Prices are in {}, before tax and shipping. It sells to \
         {}.{mode}{status}\n",
        view.name,
        view.currency.upper(),
        countries.join(", "),
    )
}

fn find(base: &str) -> String {
    format!(
        "## Find products\n\n- [MCP endpoint]({base}/mcp): Streamable HTTP, without login, in the revisions {}.\n\
         - The tool `search_products` returns products with their ids, prices and variants.\n",
        Version::names().join(", "),
    )
}

fn check_out() -> String {
    "## Check out\n\n\
     - `checkout_session` begins a checkout with ids and quantities, and returns its id.\n\
     - `update_checkout` takes the buyer's email, the shipping address and the shipping option, and returns tax and total.\n\
     - `get_checkout` returns the state and, once it is paid, the order.\n"
        .to_owned()
}

/// The ways to pay that the shop has.
fn pay(view: &MerchantView) -> String {
    let checkout = &view.checkout;
    let mut ways = vec!["## Pay\n\nA checkout is charged once, whichever way it is paid.\n".to_owned()];
    if checkout.method != CheckoutMethod::PaymentSheet {
        ways.push("- On a page: `checkout_url` of a checkout, for the shopper's browser.".to_owned());
    }
    if checkout.method.takes_tokens() {
        ways.push("- In the payment sheet of a host that has one, such as ChatGPT.".to_owned());
    }
    if checkout.wallet {
        ways.push(
            "- With an agent's wallet, such as Stripe's Link: `wallet_payment.url` of a checkout answers HTTP 402 with a \
             challenge of the Machine Payments Protocol (method `stripe`, intent `charge`). The wallet's owner approves \
             the amount, and the same request with the credential pays. `wallet_payment.purchase_context` says what is \
             paid. However often the request is repeated, the checkout is charged once."
                .to_owned(),
        );
    }
    ways.join("\n") + "\n"
}

fn links(view: &MerchantView) -> String {
    let links = [
        ("Terms of use", &view.links.terms_of_use),
        ("Privacy policy", &view.links.privacy_policy),
        ("Help", &view.links.support),
    ];
    let written: Vec<String> =
        links.iter().filter_map(|(name, link)| Some(format!("- [{name}]({})\n", link.as_ref()?))).collect();
    if written.is_empty() { String::new() } else { format!("## More\n\n{}", written.concat()) }
}
