//! The form of order events: our own, documented in `docs/ORDER_EVENTS.md`.
//!
//! Invariant: members may be added, and never changed or removed, since receivers are other people's programs.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::texts::operator::{last_answer, refund_refusal};
use crate::domain::address::{Address, Buyer};
use crate::domain::checkout::model::{OrderChange, PlacedOrder};
use crate::domain::ids::{OrderEventId, SessionRef};
use crate::domain::money::Money;
use crate::domain::order::{Dispute, Fulfillment, Order, OrderActivity, Refund, RefundState};
use crate::domain::order_event::{EventKind, OrderEvent};
use crate::domain::origin::{Agent, Door, Host};
use crate::domain::pricing::{Quote, QuoteLine, QuoteOption};
use crate::domain::time::Timestamp;

/// The event of a new order. Events of other kinds begin with the same order and add a member of their own.
#[must_use]
pub fn created(id: OrderEventId, order: &Order, permalink: &str, wanted: bool) -> OrderEvent {
    OrderEvent {
        id,
        kind: EventKind::Created,
        order: order.id.clone(),
        at: order.created,
        facts: order_facts(order, permalink),
        wanted,
    }
}

/// The data of an event that is not part of its order.
#[derive(Debug)]
pub struct OrderEventParts {
    pub id: OrderEventId,
    pub at: Timestamp,
    /// Whether it is to be sent.
    pub wanted: bool,
}

/// The event of a change in an order's activity, in its state after the change; `None` if the activity does not have
/// it.
#[must_use]
pub fn of_change(
    change: &OrderChange,
    placed: &PlacedOrder,
    activity: &OrderActivity,
    parts: OrderEventParts,
) -> Option<OrderEvent> {
    let (kind, member, object) = match change {
        OrderChange::Refunded(id) => {
            let of =
                |refund: &&Refund| matches!(&refund.state, RefundState::Made { id: made, .. } if made == id);
            (EventKind::Refunded, "refund", refund_json(activity.refunds.iter().find(of)?))
        }
        OrderChange::Disputed(id) => {
            let dispute = activity.disputes.iter().find(|dispute| dispute.id == *id)?;
            (EventKind::Disputed, "dispute", dispute_json(dispute))
        }
        OrderChange::Fulfilled(reference) => {
            let sent = activity.fulfillments.iter().find(|sent| sent.reference == *reference)?;
            (EventKind::Fulfilled, "fulfillment", fulfillment_json(sent))
        }
    };
    let mut facts = order_facts(&placed.order, &placed.permalink);
    facts.insert(member.to_owned(), object);
    if kind == EventKind::Refunded {
        facts.insert("refunded_total".to_owned(), activity.refunded().into());
    }
    let OrderEventParts { id, at, wanted } = parts;
    Some(OrderEvent { id, kind, order: placed.order.id.clone(), at, facts, wanted })
}

/// A refund in an event. `id` is Stripe's, `null` while it is not known; `reference` is the requester's.
#[must_use]
pub fn refund_json(refund: &Refund) -> Value {
    let (id, why, last) = match &refund.state {
        RefundState::Made { id, .. } => (Some(id), None, None),
        RefundState::Refused { reason } => (None, Some(refund_refusal(reason)), None),
        RefundState::Requested(attempt) => (None, None, attempt.last_answer.as_ref()),
    };
    let mut object = json!({
        "id": id, "reference": refund.origin.as_ref().map(|origin| &origin.reference),
        "amount": refund.amount.minor, "currency": refund.amount.currency.code(),
        "status": refund.state.as_str(), "reason": refund.reason, "created": refund.created.to_string(),
        "refused_because": why,
    });
    if let (Some(last), Some(members)) = (last, object.as_object_mut()) {
        members.insert("last_answer".to_owned(), last_answer(last).into());
    }
    object
}

/// A dispute in an event, with Stripe's names.
#[must_use]
pub fn dispute_json(dispute: &Dispute) -> Value {
    json!({
        "id": dispute.id, "amount": dispute.amount.minor, "currency": dispute.amount.currency.code(),
        "status": dispute.status.as_str(), "reason": dispute.reason, "created": dispute.created.to_string(),
    })
}

/// Shipped goods in an event.
#[must_use]
pub fn fulfillment_json(sent: &Fulfillment) -> Value {
    json!({
        "reference": sent.reference, "items": sent.items, "carrier": sent.carrier,
        "tracking_number": sent.tracking_number, "tracking_url": sent.tracking_url,
        "created": sent.created.to_string(),
    })
}

/// An order in an event: with lines, shipping, totals, buyer and address.
#[must_use]
pub fn order_json(order: &Order, permalink: &str) -> Value {
    // Texts and numbers only, whose serialisation cannot fail.
    serde_json::to_value(ToldOrder::of(order, permalink)).unwrap_or_default()
}

/// The part of every event: the order, as `data.order`.
#[must_use]
pub fn order_facts(order: &Order, permalink: &str) -> Map<String, Value> {
    std::iter::once(("order".to_owned(), order_json(order, permalink))).collect()
}

/// An order. Amounts are minor units of `currency`; moments are RFC 3339 in UTC.
#[derive(Serialize)]
struct ToldOrder<'a> {
    id: &'a str,
    checkout_session_id: String,
    payment_intent: &'a str,
    /// `sheet`, `page` or `wallet`; `null` for an order of an older version.
    door: Option<Door>,
    /// The program in which its checkout began; `null` if that did not name itself.
    host: Option<&'a Host>,
    /// Who sent the token that paid it; `null` if nothing is known of it, and for a payment on Stripe's page.
    agent: Option<&'a Agent>,
    permalink_url: &'a str,
    created: String,
    /// ISO 4217 in lower case, as Stripe writes it.
    currency: &'a str,
    lines: Vec<ToldLine<'a>>,
    /// `null` if nothing is shipped.
    shipping: Option<ToldShipping<'a>>,
    totals: ToldTotals,
    buyer: &'a Buyer,
    /// `null` if nothing is shipped and none was given.
    address: Option<&'a Address>,
}

#[derive(Serialize)]
struct ToldLine<'a> {
    item: &'a str,
    title: &'a str,
    quantity: u32,
    unit_price: i64,
    base_amount: i64,
    discount: i64,
    subtotal: i64,
    tax: i64,
    total: i64,
}

#[derive(Serialize)]
struct ToldShipping<'a> {
    option: &'a str,
    title: &'a str,
    carrier: &'a str,
    earliest: Option<String>,
    latest: Option<String>,
    subtotal: i64,
    tax: i64,
    total: i64,
}

/// `subtotal + shipping + tax = total`, where `shipping` includes its own tax and `tax` is that of the lines.
#[derive(Serialize)]
struct ToldTotals {
    items: i64,
    discount: i64,
    subtotal: i64,
    shipping: i64,
    tax: i64,
    total: i64,
}

impl<'a> ToldOrder<'a> {
    fn of(order: &'a Order, permalink: &'a str) -> Self {
        let paid = SessionRef { id: order.session.clone(), revision: Some(order.revision) };
        Self {
            id: order.id.as_str(),
            checkout_session_id: paid.to_string(),
            payment_intent: order.payment_intent.as_str(),
            door: order.door,
            host: order.host.as_ref(),
            agent: order.agent.as_ref(),
            permalink_url: permalink,
            created: order.created.to_string(),
            currency: order.quote.total.currency.code(),
            lines: order.quote.lines.iter().map(ToldLine::of).collect(),
            shipping: ToldShipping::of(&order.quote),
            totals: ToldTotals::of(&order.quote),
            buyer: &order.buyer,
            address: order.address.as_ref(),
        }
    }
}

impl<'a> ToldLine<'a> {
    fn of(line: &'a QuoteLine) -> Self {
        Self {
            item: line.item.as_str(),
            title: &line.title,
            quantity: line.quantity,
            unit_price: line.unit_price.minor,
            base_amount: line.base_amount.minor,
            discount: line.discount.minor,
            subtotal: line.subtotal.minor,
            tax: line.tax.minor,
            total: line.total.minor,
        }
    }
}

impl<'a> ToldShipping<'a> {
    fn of(quote: &'a Quote) -> Option<Self> {
        let option: &QuoteOption = quote.chosen()?;
        let day = |pick: fn((Timestamp, Timestamp)) -> Timestamp| {
            option.delivery.map(|window| pick(window).to_string())
        };
        Some(Self {
            option: option.id.as_str(),
            title: &option.title,
            carrier: &option.carrier,
            earliest: day(|(earliest, _)| earliest),
            latest: day(|(_, latest)| latest),
            subtotal: option.subtotal.minor,
            tax: option.tax.minor,
            total: option.total.minor,
        })
    }
}

impl ToldTotals {
    fn of(quote: &Quote) -> Self {
        let minor = |money: Money| money.minor;
        Self {
            items: minor(quote.items_base),
            discount: minor(quote.items_discount),
            subtotal: minor(quote.subtotal),
            shipping: minor(quote.fulfillment),
            tax: minor(quote.tax),
            total: minor(quote.total),
        }
    }
}
