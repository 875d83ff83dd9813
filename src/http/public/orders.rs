//! `GET /orders/{order}?key=…`: what was bought, for whoever holds the link. No script, no foreign content.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::Public;
use super::html::{self, PageKind, escape};
use super::tenant_request::{self, TenantRequest, not_found};
use crate::actors::MerchantHandle;
use crate::domain::checkout::model::{Command, PlacedOrder};
use crate::domain::ids::{ItemId, OrderId};
use crate::domain::merchant::MerchantView;
use crate::domain::order::{Order, OrderActivity, Refund, RefundState, RefundStatus};
use crate::domain::time::Timestamp;
use crate::limiter::Budget;

/// The page's query.
#[derive(Deserialize)]
pub(super) struct LinkQuery {
    key: String,
}

/// Shows an order; 404 for any wrong key, order or host alike.
pub(super) async fn page(
    request: HttpRequest,
    order: web::Path<OrderPath>,
    opening: Option<web::Query<LinkQuery>>,
    public: web::Data<Public>,
) -> HttpResponse {
    let (Ok(visitor), Some(opening), Ok(id)) =
        (TenantRequest::of(&request, &public), opening, order.order.parse::<OrderId>())
    else {
        return not_found();
    };
    if !visitor.merchant.opens_order(&id, &opening.key) {
        return not_found();
    }
    if let Err(too_many) = visitor.merchant.limiter().take(Budget::Held(id.as_str()), &visitor.source()) {
        return tenant_request::too_many(too_many);
    }
    let placed = match visitor.merchant.records().order(&id).await {
        Ok(Some(placed)) => placed,
        Ok(None) => return not_found(),
        Err(error) => return failed((&visitor.merchant, &id), &error),
    };
    match visitor.merchant.ask(&placed.order.session, Command::Read).await {
        Ok(answer) => {
            let view = visitor.merchant.view();
            let page = render(&placed, &answer.session.activity, &view);
            html::answer(StatusCode::OK, PageKind::Text, &view).body(page)
        }
        Err(rejection) => failed((&visitor.merchant, &id), &rejection),
    }
}

fn failed((merchant, order): (&MerchantHandle, &OrderId), error: &dyn std::fmt::Display) -> HttpResponse {
    let merchant = &merchant.tenant().merchant;
    tracing::error!(%merchant, %order, cause = %error, "order_page_failed");
    HttpResponse::ServiceUnavailable()
        .content_type("text/plain; charset=utf-8")
        .body("The order cannot be shown just now. Please try again in a moment.\n")
}

/// The path's parts; the tenant prefix may stand before the order.
#[derive(Deserialize)]
pub(super) struct OrderPath {
    order: String,
}

fn render(placed: &PlacedOrder, activity: &OrderActivity, view: &MerchantView) -> String {
    let order = &placed.order;
    let address = order.address.as_ref().map_or_else(String::new, |address| {
        let lines = [
            address.name.as_str(),
            address.line_one.as_str(),
            address.line_two.as_deref().unwrap_or_default(),
            address.city.as_str(),
            address.state.as_str(),
            address.postal_code.as_str(),
            address.country.as_str(),
        ];
        let shown: Vec<String> =
            lines.iter().filter(|line| !line.is_empty()).map(|line| escape(line)).collect();
        format!("<h2>Delivery</h2><p>{}</p>", shown.join("<br>"))
    });
    let body = format!(
        "<p>Order <strong>{number}</strong>, paid on {paid}.</p>{sent}<table>{rows}{refunds}</table>{address}\
         <p>Reference: {id}</p>{links}",
        number = placed.number,
        paid = day(order.created),
        sent = sent(order, activity),
        rows = html::rows(&order.quote),
        refunds = html::each(&activity.refunds, refund),
        id = order.id,
        links = html::links(view),
    );
    html::page(view, &format!("Order {} at {}", placed.number, view.name), "", &body)
}

/// A moment's day, in UTC.
fn day(moment: Timestamp) -> String {
    moment.to_string().split('T').next().unwrap_or_default().to_owned()
}

/// A refund as a row; one that Stripe has not made is the shop's own affair.
fn refund(refund: &Refund) -> String {
    let RefundState::Made { status, .. } = &refund.state else { return String::new() };
    let said = match status {
        RefundStatus::Pending => "on its way",
        RefundStatus::RequiresAction => "waits for you: see the message of your bank or the shop",
        RefundStatus::Succeeded => "sent back; a bank may take some days to show it",
        RefundStatus::Failed | RefundStatus::Canceled => "did not arrive; please ask the shop",
    };
    let at = day(refund.created);
    if !refund.has_left() {
        return format!("<tr><td>Refund of {at} over {}: {said}</td><td></td></tr>", refund.amount);
    }
    format!("<tr><td>Refund of {at}: {said}</td><td>−{amount}</td></tr>", amount = refund.amount)
}

/// What was sent, and how its way can be followed.
fn sent(order: &Order, activity: &OrderActivity) -> String {
    if activity.fulfillments.is_empty() {
        return String::new();
    }
    let title = |item: &ItemId| {
        let line = order.quote.lines.iter().find(|line| line.item == *item);
        line.map_or_else(|| escape(item.as_str()), |line| escape(&line.title))
    };
    let parcels = html::each(&activity.fulfillments, |sent| {
        let items: Vec<String> =
            sent.items.iter().map(|sent| format!("{} × {}", sent.quantity, title(&sent.item))).collect();
        let by =
            sent.carrier.as_ref().map_or_else(String::new, |carrier| format!(", by {}", escape(carrier)));
        let number = sent.tracking_number.as_deref().map(escape);
        let tracking = match (&sent.tracking_url, number) {
            (Some(url), number) => {
                let shown = number.unwrap_or_else(|| "follow its way".to_owned());
                format!(", <a href=\"{}\" rel=noreferrer>{shown}</a>", escape(url))
            }
            (None, Some(number)) => format!(", number {number}"),
            (None, None) => String::new(),
        };
        format!("<li>Sent on {}{by}{tracking}: {}</li>", day(sent.created), items.join(", "))
    });
    format!("<h2>Sent</h2><ul>{parcels}</ul>")
}
