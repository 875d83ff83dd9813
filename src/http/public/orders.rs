//! `GET /orders/{order}?key=…`: what was bought, for whoever holds the link. No script, no foreign content.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::Public;
use super::visit::{Visit, not_found};
use crate::domain::checkout::command::PlacedOrder;
use crate::domain::ids::OrderId;
use crate::domain::merchant::MerchantView;
use crate::domain::pricing::Quote;

/// The page's query.
#[derive(Deserialize)]
pub(super) struct Opening {
    key: String,
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}\
table{border-collapse:collapse;width:100%}td,th{padding:.4rem 0;text-align:left;border-bottom:1px solid #ddd}\
td:last-child,th:last-child{text-align:right}.test{background:#fff3cd;padding:.5rem 1rem}";

/// The SHA-256 of [`STYLE`] is not written down: the policy admits inline style and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
frame-ancestors 'none'";

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
        Ok(Some(placed)) => HttpResponse::Ok()
            .content_type("text/html; charset=utf-8")
            .insert_header((CONTENT_SECURITY_POLICY, POLICY))
            .insert_header((REFERRER_POLICY, "no-referrer"))
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((HeaderName::from_static("x-robots-tag"), "noindex"))
            .insert_header((HeaderName::from_static("x-content-type-options"), "nosniff"))
            .body(render(&placed, &visit.merchant.view())),
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
    let test = if view.mode.livemode() {
        ""
    } else {
        "<p class=test>Test mode: no money moved and nothing will be sent.</p>"
    };
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
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <meta name=robots content=noindex><title>Order at {shop}</title><style>{STYLE}</style>\
         <h1>{shop}</h1>{test}<p>Order <strong>{id}</strong>, paid on {paid}.</p>\
         <table>{rows}</table>{address}</html>\n",
        shop = escape(&view.name),
        id = order.id,
        paid = order.created,
        rows = rows(&order.quote),
    )
}

fn rows(quote: &Quote) -> String {
    let row = |title: &str, amount: &dyn std::fmt::Display| {
        format!("<tr><td>{}</td><td>{amount}</td></tr>", escape(title))
    };
    let lines =
        quote.lines.iter().map(|line| row(&format!("{} × {}", line.quantity, line.title), &line.subtotal));
    let chosen = quote.options.iter().find(|option| Some(&option.id) == quote.option_id.as_ref());
    let shipping = chosen.map(|option| row(&option.title, &option.total));
    let sums = [row("Tax", &quote.tax), format!("<tr><th>Total</th><th>{}</th></tr>", quote.total)];
    lines.chain(shipping).chain(sums).collect()
}

/// Text as HTML text.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
