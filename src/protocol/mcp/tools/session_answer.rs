//! The result of session tools: the present payment sheet, with further data for the widget.
//!
//! Invariant: the part for a model names neither the buyer nor the address; the whole sheet is then in the result's
//! `_meta`, which hosts give to the widget alone.

use std::fmt::Write as _;

use serde::Serialize;

use super::result::ToolResult;
use super::sentences;
use crate::domain::checkout::model::{Answer, PlacedOrder, State};
use crate::domain::ids::OrderNumber;
use crate::domain::merchant::MerchantView;
use crate::domain::order::OrderActivity;
use crate::protocol::apps::completion::OrderLink;
use crate::protocol::apps::payment_sheet::{PaymentSheet, SheetStatus};
use crate::protocol::apps::product_card::ShopCard;
use crate::protocol::mpp::wallet_payment::WalletPayment;
use crate::protocol::rendering::Rendering;

/// The key in a result's `_meta` for the whole payment sheet, for the widget.
pub(super) const FULL_SHEET: &str = "merchant-gateway/checkout_session";

/// The key in a result's `_meta` for the shop's data, for the widget.
pub(super) const SHOP: &str = "merchant-gateway/shop";

/// The key in a result's `_meta` for the ids of the order's lines that cannot be bought, for the widget.
const UNAVAILABLE_ITEMS: &str = "merchant-gateway/unavailable_items";

/// The key in a result's `_meta` for the order number, for the widget.
pub(super) const ORDER_NUMBER: &str = "merchant-gateway/order_number";

/// `structuredContent` of a session tool.
#[derive(Clone, Debug, Serialize)]
pub(super) struct SessionContent {
    checkout_session: PaymentSheet,
    revision: u32,
    /// Until when it can be paid or edited in its present state, RFC 3339; absent once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// The payment methods of the shop.
    payment_methods_offered: Vec<&'static str>,
    /// The shop's own page for paying this checkout; absent if the shop has none, or if there is nothing to pay.
    #[serde(skip_serializing_if = "Option::is_none")]
    checkout_url: Option<String>,
    /// How an agent's wallet pays it; absent if the shop takes no such payment, or if there is nothing to pay.
    #[serde(skip_serializing_if = "Option::is_none")]
    wallet_payment: Option<WalletPayment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<OrderStanding>,
}

/// An order in its present state; the stored result of `complete_checkout` does not change.
#[derive(Clone, Debug, Serialize)]
struct OrderStanding {
    #[serde(flatten)]
    link: OrderLink,
    /// The order number, for the sentence and the widget.
    #[serde(skip)]
    number: OrderNumber,
    /// The refunds (ACP 2025-09-29 `Refund`); absent while there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refunds: Vec<RefundTold>,
}

/// A refund to the payment method that was used.
#[derive(Clone, Debug, Serialize)]
struct RefundTold {
    r#type: &'static str,
    /// Minor units of the order's currency.
    amount: i64,
}

impl OrderStanding {
    fn of(placed: &PlacedOrder, activity: &OrderActivity, link: OrderLink) -> Self {
        let gone = activity.refunds.iter().filter(|refund| refund.has_left());
        Self {
            link,
            number: placed.number,
            refunds: gone
                .map(|refund| RefundTold { r#type: "original_payment", amount: refund.amount.minor })
                .collect(),
        }
    }
}

impl SessionContent {
    fn of(answer: &Answer, rendering: Rendering<'_>) -> Self {
        let session = &answer.session;
        let closed = answer.is_closed(rendering.now);
        let expires = if let State::Ready { quote } = &session.state {
            Some(quote.expires.min(session.expires))
        } else if let State::AwaitingStripeCheckout { payment, .. } = &session.state {
            Some(payment.expires)
        } else {
            session.state.is_the_shoppers().then_some(session.expires)
        };
        let order = answer.order.as_ref().map(|placed| {
            let permalink = (!closed).then_some(placed.permalink.as_str());
            OrderStanding::of(placed, &session.activity, OrderLink::of(&placed.order, permalink, rendering))
        });
        let sheet = PaymentSheet::of(session, answer.notice.as_ref(), rendering);
        Self {
            checkout_session: if closed { sheet.without_person() } else { sheet },
            revision: session.revision.0,
            expires_at: expires.map(|moment| moment.to_string()),
            payment_methods_offered: offered(rendering.view),
            checkout_url: answer
                .checkout_page
                .clone()
                .filter(|_| !session.state.is_terminal() && session.late_payment().is_none()),
            wallet_payment: WalletPayment::of(answer, rendering),
            order,
        }
    }

    /// The same for a model, which may have a wallet.
    fn sentence_for_model(&self) -> String {
        let sentence = self.sentence();
        match &self.wallet_payment {
            Some(wallet) => format!("{sentence} {}", wallet.sentence()),
            None => sentence,
        }
    }

    /// One sentence for the text block.
    fn sentence(&self) -> String {
        let sheet = &self.checkout_session;
        match sheet.status {
            SheetStatus::Completed => match &self.order {
                Some(OrderStanding { link, number, refunds }) => {
                    let back = match (refunds.is_empty(), &link.permalink_url) {
                        (true, _) => "",
                        (false, Some(_)) => " Money has gone back; the page shows how much.",
                        (false, None) => " Money has gone back.",
                    };
                    let page =
                        link.permalink_url.as_ref().map_or(String::from("."), |page| format!(": {page}"));
                    format!("Paid. Order {number}{page}{back}")
                }
                None => "Paid.".to_owned(),
            },
            SheetStatus::ReadyForPayment => match &self.checkout_url {
                Some(page) => {
                    format!("This checkout can be paid in the widget, or on the shop's page: {page}")
                }
                None => "This checkout can be paid in the widget.".to_owned(),
            },
            SheetStatus::NotReadyForPayment | SheetStatus::InProgress | SheetStatus::Canceled => {
                let state = sheet.status.into_str().replace('_', " ");
                let said = sentences(&sheet.messages);
                let mut sentence = format!("This checkout is {state}. {said}").trim_end().to_owned();
                if let Some(page) = &self.checkout_url {
                    let _ =
                        write!(sentence, " It can be completed in the widget, or on the shop's page: {page}");
                }
                sentence
            }
        }
    }
}

/// The payment methods that the shop offers.
fn offered(view: &MerchantView) -> Vec<&'static str> {
    let method = view.checkout.method;
    let ways = [
        ("payment_sheet", method.takes_tokens()),
        ("hosted", method.opens_stripe_checkouts()),
        ("wallet", view.checkout.wallet),
    ];
    ways.into_iter().filter(|(_, taken)| *taken).map(|(way, _)| way).collect()
}

/// The result for tools that only the widget calls, with all data.
pub(super) fn for_widget(answer: &Answer, rendering: Rendering<'_>) -> Option<ToolResult> {
    let content = SessionContent::of(answer, rendering);
    Some(with_unavailable(ToolResult::data(content.sentence(), &content)?, &content))
}

/// Adds the lines of the order that cannot be bought, for the widget.
fn with_unavailable(result: ToolResult, content: &SessionContent) -> ToolResult {
    let items: Vec<_> =
        content.checkout_session.messages.iter().filter_map(|message| message.item.as_ref()).collect();
    if items.is_empty() { result } else { result.with_meta(UNAVAILABLE_ITEMS, &items) }
}

/// The result for tools that the model sees: without buyer and address, which are in `_meta`.
pub(super) fn for_model(answer: &Answer, rendering: Rendering<'_>) -> Option<ToolResult> {
    let mut content = SessionContent::of(answer, rendering);
    let full = content.checkout_session.clone();
    content.checkout_session = content.checkout_session.without_person();
    let result = ToolResult::data(content.sentence_for_model(), &content)?;
    let result = result.with_meta(FULL_SHEET, &full).with_meta(SHOP, &ShopCard::of(rendering.view));
    let result = with_unavailable(result, &content);
    Some(match &content.order {
        Some(order) => result.with_meta(ORDER_NUMBER, &order.number.to_string()),
        None => result,
    })
}
