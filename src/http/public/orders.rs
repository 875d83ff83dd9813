//! `GET /orders/{order}?key=…`: what was bought, for whoever holds the link. No script, no foreign content.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::Public;
use super::html::{self, Forms, escape};
use super::visit::{Visit, not_found};
use crate::domain::checkout::command::PlacedOrder;
use crate::domain::ids::OrderId;
use crate::domain::merchant::MerchantView;

/// The page's query.
#[derive(Deserialize)]
pub(super) struct Opening {
    key: String,
}

/// Shows an order; 404 for any wrong key, order or host alike.
pub(super) async fn page(
    request: HttpRequest,
    order: web::Path<OrderPath>,
    opening: Option<web::Query<Opening>>,
    public: web::Data<Public>,
) -> HttpResponse {
    let (Ok(visit), Some(opening), Ok(id)) =
        (Visit::of(&request, &public), opening, order.order.parse::<OrderId>())
    else {
        return not_found();
    };
    if !visit.merchant.opens_order(&id, &opening.key) {
        return not_found();
    }
    match visit.merchant.order(&id).await {
        Ok(Some(placed)) => {
            let view = visit.merchant.view();
            html::answer(StatusCode::OK, Forms::None, &view).body(render(&placed, &view))
        }
        Ok(None) => not_found(),
        Err(error) => {
            tracing::error!(order = %id, %error, "order_page_failed");
            HttpResponse::ServiceUnavailable()
                .content_type("text/plain; charset=utf-8")
                .body("The order cannot be shown just now. Please try again in a moment.\n")
        }
    }
}

/// The path's parts; the tenant prefix may stand before the order.
#[derive(Deserialize)]
pub(super) struct OrderPath {
    order: String,
}

fn render(placed: &PlacedOrder, view: &MerchantView) -> String {
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
        "<p>Order <strong>{id}</strong>, paid on {paid}.</p><table>{rows}</table>{address}",
        id = order.id,
        paid = order.created,
        rows = html::rows(&order.quote),
    );
    html::page(view, &format!("Order at {}", view.name), "", &body)
}
