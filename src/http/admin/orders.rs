//! `/admin/v1/orders`: orders, refunds, shipped goods.
//!
//! A single order includes its buyer and address, so that a shop without a receiver of order events can ship the
//! goods; a list includes neither.

use std::fmt;
use std::num::NonZeroU32;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use strum::VariantNames;
use url::Url;

use super::body::{optional, read_body, read_nothing};
use super::operator::Operator;
use super::problem::Problem;
use super::reply::{page_limit, reply};
use super::routes;
use crate::actors::MerchantHandle;
use crate::domain::checkout::model::{Answer, Command, PlacedOrder, RefundRequest};
use crate::domain::ids::{ItemId, OrderNumber, Reference};
use crate::domain::order::{Fulfilled, Fulfillment, OrderState, RefundReason, RefundState};
use crate::protocol::order_events::{dispute_json, fulfillment_json, order_json, refund_json};
use crate::protocol::texts::operator;
use crate::store::{DeliveriesQuery, DeliveryState, OrdersQuery};

/// The value that means all that is left.
const ALL: &str = "all";

/// The longest carrier, tracking number and tracking address.
const LONGEST: usize = 200;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(routes::read("/orders", list))
        .service(routes::read("/orders/{id}", show))
        .service(routes::act("/orders/{id}/refunds", refund))
        .service(routes::act("/orders/{id}/fulfillments", fulfill))
        .service(routes::act("/orders/{id}/erase", erase));
}

/// A merchant's orders, newest first; `state` and `number` are filters. `next` is the `before` of the next page,
/// `null` on the last.
async fn list(operator: Operator, request: HttpRequest) -> Result<HttpResponse, Problem> {
    #[derive(Deserialize)]
    struct ListOrdersQuery {
        number: Option<u32>,
        state: Option<String>,
        before: Option<u32>,
        limit: Option<u32>,
    }
    let merchant = operator.merchant(&request, &["number", "state", "before", "limit"])?;
    let asked = web::Query::<ListOrdersQuery>::from_query(request.query_string())
        .map_err(|_| Problem::invalid("number, before and limit are numbers"))?
        .into_inner();
    let which = OrdersQuery {
        number: asked.number.map(OrderNumber),
        state: asked.state.as_deref().map(order_state).transpose()?,
        before: asked.before.map(OrderNumber),
        limit: page_limit(asked.limit)?,
    };
    let page = merchant.records().orders(which).await?;
    let orders: Vec<Value> = page.orders.iter().map(|listed| head(&listed.placed, listed.state)).collect();
    Ok(reply(&json!({ "orders": orders, "next": page.next })))
}

fn order_state(text: &str) -> Result<OrderState, Problem> {
    text.parse().map_err(|_| Problem::invalid(format!("state is one of {}", OrderState::VARIANTS.join(", "))))
}

/// One order, by its id or its number, with its refunds, disputes and shipments.
async fn show(
    operator: Operator,
    path: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let merchant = operator.merchant(&request, &[])?;
    let placed = find(&merchant, &path).await?;
    let answer = merchant.ask(&placed.order.session, Command::Read).await?;
    Ok(reply(&whole(&placed, &answer)))
}

/// Requests a refund: `{"amount": 1200, "reason": "requested_by_customer"}`, the reason optional; `"amount": "all"`
/// means all that is left. The `Idempotency-Key` header names the refund: the same key again means the same refund.
async fn refund(
    operator: Operator,
    path: web::Path<String>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct RefundBody {
        amount: HowMuch,
        #[serde(default, deserialize_with = "optional")]
        reason: Option<RefundReason>,
    }
    let merchant = operator.merchant(&request, &[])?;
    let reference = reference(&request)?;
    let RefundBody { amount, reason } = read_body(
        &body,
        "{\"amount\": 1200, \"reason\": \"requested_by_customer\"}, with the amount in minor units of the order's currency, or \
         {\"amount\": \"all\"} for all that is left",
    )?;
    let amount = match amount {
        HowMuch::All => None,
        HowMuch::Minor(amount) => Some(amount),
    };
    let placed = find(&merchant, &path).await?;
    let (tenant, order) = (&merchant.tenant().merchant, &placed.order.id);
    let refund = RefundRequest { reference: reference.clone(), amount, reason };
    let (session, because) = (&placed.order.session, reason.map(|reason| reason.into_str()));
    tracing::warn!(
        merchant = %tenant, %session, %order, %reference, amount_minor = amount, reason = because, "refund_wanted"
    );
    let answer = merchant.ask(&placed.order.session, Command::Refund(refund)).await.inspect_err(|rejection| {
        let code = rejection.code();
        tracing::warn!(merchant = %tenant, %session, %order, %reference, code, cause = operator::rejection(rejection), "refund_not_begun");
    })?;
    let known = answer.session.activity.refund_of(&reference);
    let Some(known) = known else {
        return Err(Problem::unavailable(
            "the refund is not begun yet; send it again with the same Idempotency-Key",
        ));
    };
    let body = json!({ "refund": refund_json(known), "order": whole(&placed, &answer) });
    match &known.state {
        RefundState::Made { .. } => Ok(reply(&body)),
        RefundState::Requested(_) => {
            Ok(HttpResponse::Accepted().insert_header(("cache-control", "no-store")).json(body))
        }
        RefundState::Refused { reason } => Err(Problem::new(
            StatusCode::CONFLICT,
            "refund_refused",
            format!(
                "Stripe did not make this refund: {}; another try needs another Idempotency-Key",
                operator::refund_refusal(reason)
            ),
        )),
    }
}

/// Records shipped goods: `{"items": [{"item": "mug", "quantity": 1}], "carrier": "UPS", "tracking_number": "1Z…",
/// "tracking_url": "https://…"}`, all optional except the items; `"items": "all"` means all that is left. The
/// `Idempotency-Key` header names the shipment: the same key again changes nothing.
async fn fulfill(
    operator: Operator,
    path: web::Path<String>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct FulfillmentBody {
        items: Items,
        #[serde(default, deserialize_with = "optional")]
        carrier: Option<String>,
        #[serde(default, deserialize_with = "optional")]
        tracking_number: Option<String>,
        #[serde(default, deserialize_with = "optional")]
        tracking_url: Option<String>,
    }
    let merchant = operator.merchant(&request, &[])?;
    let reference = reference(&request)?;
    let asked: FulfillmentBody = read_body(
        &body,
        "{\"items\": [{\"item\": \"…\", \"quantity\": 1}], \"carrier\": \"…\", \"tracking_number\": \"…\", \"tracking_url\": \
         \"https://…\"}, or \"items\": \"all\" for all that is left",
    )?;
    let items = match asked.items {
        Items::All => Vec::new(),
        Items::Named(items) if items.is_empty() => {
            return Err(Problem::invalid("items: is empty; name what was sent, or write \"all\""));
        }
        Items::Named(items) => items,
    };
    let tracking_url = asked.tracking_url.map(|text| secure(&text)).transpose()?;
    let fulfillment = Fulfillment {
        reference: reference.clone(),
        items,
        rest: false,
        carrier: asked.carrier.map(|text| line("carrier", &text)).transpose()?,
        tracking_number: asked.tracking_number.map(|text| line("tracking_number", &text)).transpose()?,
        tracking_url,
        created: merchant.now(),
    };
    let placed = find(&merchant, &path).await?;
    let answer = merchant.ask(&placed.order.session, Command::Fulfill(fulfillment)).await?;
    let (tenant, order) = (&merchant.tenant().merchant, &placed.order.id);
    let session = &placed.order.session;
    tracing::info!(merchant = %tenant, %session, %order, %reference, "order_fulfilled");
    Ok(reply(&whole(&placed, &answer)))
}

/// Erases the personal data of an order's buyer; amounts, lines and Stripe's ids remain. A second call changes
/// nothing. Events of the order that are still to be sent keep the buyer until then.
async fn erase(
    operator: Operator,
    path: web::Path<String>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let merchant = operator.merchant(&request, &[])?;
    read_nothing(&body)?;
    let placed = find(&merchant, &path).await?;
    let Some(erased) = merchant.erase_buyer(&placed).await? else {
        return Err(Problem::not_found("this merchant has no such order"));
    };
    let waiting = DeliveriesQuery {
        state: Some(DeliveryState::Pending),
        order: Some(placed.order.id.clone()),
        limit: 100,
        ..DeliveriesQuery::default()
    };
    let pending: Vec<_> =
        merchant.records().deliveries(waiting).await?.into_iter().map(|event| event.id).collect();
    let (tenant, order) = (&merchant.tenant().merchant, &placed.order.id);
    let session = &placed.order.session;
    tracing::warn!(merchant = %tenant, %session, %order, erased, pending = pending.len(), "buyer_erased");
    Ok(reply(&json!({ "order": order, "erased": erased, "pending_deliveries": pending })))
}

/// The amount of a refund. The whole amount needs an explicit word, so that an empty body refunds nothing.
#[derive(Clone, Copy)]
enum HowMuch {
    All,
    Minor(i64),
}

impl<'de> Deserialize<'de> for HowMuch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = HowMuch;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number of minor units from 1, or \"all\"")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<HowMuch, E> {
                let fits = i64::try_from(number).ok().filter(|minor| *minor > 0).map(HowMuch::Minor);
                fits.ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(number), &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<HowMuch, E> {
                if text == ALL {
                    Ok(HowMuch::All)
                } else {
                    Err(E::invalid_value(de::Unexpected::Str(text), &self))
                }
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// The shipped items; all items need an explicit word, too.
enum Items {
    All,
    Named(Vec<Fulfilled>),
}

impl<'de> Deserialize<'de> for Items {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Item {
            item: ItemId,
            quantity: NonZeroU32,
        }
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Items;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of items with their quantities, or \"all\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Items, E> {
                if text == ALL {
                    Ok(Items::All)
                } else {
                    Err(E::invalid_value(de::Unexpected::Str(text), &self))
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Items, A::Error> {
                let mut items = Vec::new();
                while let Some(Item { item, quantity }) = list.next_element()? {
                    items.push(Fulfilled { item, quantity: quantity.get() });
                }
                Ok(Items::Named(items))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// The requester's name for a refund or a shipment.
fn reference(request: &HttpRequest) -> Result<Reference, Problem> {
    let wrong = || {
        Problem::invalid(
            "send an Idempotency-Key header of your own for this request, 1 to 100 letters, digits, '-', '_', '.' and ':'; \
             sent again, the same key never does the same thing twice",
        )
    };
    let mut keys = request.headers().get_all("idempotency-key");
    let key = keys.next().filter(|_| keys.next().is_none()).and_then(|value| value.to_str().ok());
    key.and_then(|text| text.parse().ok()).ok_or_else(wrong)
}

fn line(key: &str, text: &str) -> Result<String, Problem> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > LONGEST || text.chars().any(char::is_control) {
        return Err(Problem::invalid(format!("{key} is one line of 1 to {LONGEST} characters")));
    }
    Ok(text.to_owned())
}

/// An address that is safe to show to a shopper as a link.
fn secure(text: &str) -> Result<String, Problem> {
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "https" && text.len() <= LONGEST);
    let wrong =
        || Problem::invalid(format!("tracking_url is an https address of at most {LONGEST} characters"));
    url.map(|url| url.to_string()).ok_or_else(wrong)
}

async fn find(merchant: &MerchantHandle, path: &str) -> Result<PlacedOrder, Problem> {
    let unknown = || Problem::not_found("this merchant has no such order; give its id (ord_…) or its number");
    let found = match path.parse::<u32>() {
        Ok(number) => {
            let which = OrdersQuery { number: Some(OrderNumber(number)), limit: 1, ..OrdersQuery::default() };
            merchant.records().orders(which).await?.orders.pop().map(|listed| listed.placed)
        }
        Err(_) => merchant.records().order(&path.parse().map_err(|_| unknown())?).await?,
    };
    found.ok_or_else(unknown)
}

/// The summary of an order in a list.
fn head(placed: &PlacedOrder, state: OrderState) -> Value {
    let order = &placed.order;
    json!({
        "id": order.id, "number": placed.number, "session": order.session, "payment_intent": order.payment_intent,
        "created": order.created.to_string(), "permalink_url": placed.permalink, "state": state.into_str(),
        "total": order.quote.total.minor, "currency": order.quote.total.currency.code(), "door": order.door,
        "host": order.host, "agent": order.agent,
    })
}

/// The summary, the data of order events, and the order's activity.
fn whole(placed: &PlacedOrder, answer: &Answer) -> Value {
    let activity = &answer.session.activity;
    let mut whole = head(placed, OrderState::of(activity, &placed.order.quote));
    if let (Value::Object(members), Value::Object(facts)) =
        (&mut whole, order_json(&placed.order, &placed.permalink))
    {
        members.extend(facts);
        let more = [
            ("refunded_total", json!(activity.refunded())),
            ("refunds", activity.refunds.iter().map(refund_json).collect()),
            ("disputes", activity.disputes.iter().map(dispute_json).collect()),
            ("fulfillments", activity.fulfillments.iter().map(fulfillment_json).collect()),
        ];
        members.extend(more.map(|(key, value)| (key.to_owned(), value)));
    }
    whole
}
