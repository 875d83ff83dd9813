//! `GET /orders/{order}?key=…`: the items of an order, for the holder of the link. No script, no foreign content.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::Public;
use super::html::{self, PageKind, ShopPage, escape};
use super::language;
use super::tenant_request::{self, TenantRequest, not_found};
use crate::actors::MerchantHandle;
use crate::domain::checkout::model::{Command, PlacedOrder};
use crate::domain::ids::{ItemId, OrderId};
use crate::domain::language::Language;
use crate::domain::order::{Order, OrderActivity, Refund, RefundState, RefundStatus};
use crate::domain::time::Timestamp;
use crate::limiter::Budget;
use crate::protocol::texts::catalogue::{self, fill};

/// The page's query.
#[derive(Deserialize)]
pub(super) struct LinkQuery {
    key: String,
}

/// Shows an order; 404 for a wrong key, order or host, without distinction.
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
    let language = language::of(&request, &visitor.merchant.view());
    let placed = match visitor.merchant.records().order(&id).await {
        Ok(Some(placed)) => placed,
        Ok(None) => return not_found(),
        Err(error) => return failed((&visitor.merchant, &id), language, &error),
    };
    match visitor.merchant.ask(&placed.order.session, Command::Read).await {
        Ok(answer) => {
            let view = visitor.merchant.view();
            let shop = ShopPage { view: &view, language };
            let page = render(&placed, &answer.session.activity, shop);
            html::answer(StatusCode::OK, PageKind::Text, &view).body(page)
        }
        Err(rejection) => failed((&visitor.merchant, &id), language, &rejection),
    }
}

fn failed(
    (merchant, order): (&MerchantHandle, &OrderId),
    language: Language,
    error: &dyn std::fmt::Display,
) -> HttpResponse {
    let merchant = &merchant.tenant().merchant;
    tracing::error!(%merchant, %order, cause = %error, "order_page_failed");
    HttpResponse::ServiceUnavailable()
        .content_type("text/plain; charset=utf-8")
        .body(format!("{}\n", catalogue::of(language).page.order_unavailable))
}

/// The path's parts; the tenant prefix may precede the order.
#[derive(Deserialize)]
pub(super) struct OrderPath {
    order: String,
}

fn render(placed: &PlacedOrder, activity: &OrderActivity, shop: ShopPage<'_>) -> String {
    let texts = shop.texts();
    let order = &placed.order;
    let address = order.address.as_ref().map_or_else(String::new, |address| {
        let lines = [
            address.name.as_str(),
            address.line_one.as_str(),
            address.line_two.as_deref().unwrap_or_default(),
            address.city.as_str(),
            address.state.as_str(),
            address.postal_code.as_str(),
            address.country.name_in(shop.language).unwrap_or(address.country.as_str()),
        ];
        let shown: Vec<String> =
            lines.iter().filter(|line| !line.is_empty()).map(|line| escape(line)).collect();
        format!("<h2>{}</h2><p>{}</p>", escape(&texts.delivery), shown.join("<br>"))
    });
    let number = placed.number.to_string();
    let body = format!(
        "<p><strong>{paid}</strong></p>{sent}<table>{rows}{refunds}</table>{address}<p>{reference}</p>{links}",
        paid = escape(&fill(&texts.order_paid_on, &[("number", &number), ("day", &day(order.created))])),
        sent = sent(order, activity, shop),
        rows = html::rows(shop, &order.quote),
        refunds = html::each(&activity.refunds, |made| refund(made, shop)),
        reference = escape(&fill(&texts.reference, &[("id", order.id.as_str())])),
        links = html::links(shop),
    );
    let title = fill(&texts.order_title, &[("number", &number), ("shop", &shop.view.name)]);
    html::page(shop, &title, "", &body)
}

/// A moment's day, in UTC.
fn day(moment: Timestamp) -> String {
    moment.to_string().split('T').next().unwrap_or_default().to_owned()
}

/// A refund as a row; one that Stripe has not made is not shown to the shopper.
fn refund(refund: &Refund, shop: ShopPage<'_>) -> String {
    let texts = shop.texts();
    let RefundState::Made { status, .. } = &refund.state else { return String::new() };
    let said = match status {
        RefundStatus::Pending => &texts.refund_pending,
        RefundStatus::RequiresAction => &texts.refund_requires_action,
        RefundStatus::Succeeded => &texts.refund_succeeded,
        RefundStatus::Failed | RefundStatus::Canceled => &texts.refund_failed,
    };
    let at = day(refund.created);
    let amount = shop.money(refund.amount);
    if !refund.has_left() {
        let told = fill(&texts.refund_returned, &[("day", &at), ("amount", &amount), ("status", said)]);
        return format!("<tr><td>{}</td><td></td></tr>", escape(&told));
    }
    let told = fill(&texts.refund, &[("day", &at), ("status", said)]);
    format!("<tr><td>{}</td><td>−{amount}</td></tr>", escape(&told))
}

/// The shipped goods, with their tracking links.
fn sent(order: &Order, activity: &OrderActivity, shop: ShopPage<'_>) -> String {
    let texts = shop.texts();
    if activity.fulfillments.is_empty() {
        return String::new();
    }
    let title = |item: &ItemId| {
        let line = order.quote.lines.iter().find(|line| line.item == *item);
        line.map_or_else(String::new, |line| escape(&line.title))
    };
    let parcels = html::each(&activity.fulfillments, |sent| {
        let items: Vec<String> =
            sent.items.iter().map(|sent| format!("{} × {}", sent.quantity, title(&sent.item))).collect();
        let by = sent.carrier.as_ref().map_or_else(String::new, |carrier| {
            format!(", {}", escape(&fill(&texts.sent_by, &[("carrier", carrier)])))
        });
        let number = sent.tracking_number.as_deref().map(escape);
        let tracking = match (&sent.tracking_url, number) {
            (Some(url), number) => {
                let shown = number.unwrap_or_else(|| escape(&texts.follow));
                format!(", <a href=\"{}\" rel=noreferrer>{shown}</a>", escape(url))
            }
            (None, Some(number)) => {
                format!(", {}", fill(&escape(&texts.tracking_number), &[("number", &number)]))
            }
            (None, None) => String::new(),
        };
        let on = escape(&fill(&texts.sent_on, &[("day", &day(sent.created))]));
        format!("<li>{on}{by}{tracking}: {}</li>", items.join(", "))
    });
    format!("<h2>{}</h2><ul>{parcels}</ul>", escape(&texts.sent))
}
