//! Turns a change of the checkout into a commit of the store: the request is encoded, its token encrypted, and the
//! order's reply rendered, so that all of it becomes durable at once.

use super::dependencies::Dependencies;
use super::merchant_state::MerchantState;
use super::sealed_token::seal;
use crate::domain::checkout::model::{
    AttemptIntent, AttemptMove, Change, NewOrder, PaymentSource, RefundIntent,
};
use crate::domain::ids::{MerchantId, OrderEventId};
use crate::domain::merchant::MerchantView;
use crate::domain::order::Order;
use crate::domain::order_event::OrderEvent;
use crate::protocol::apps::completion::completion;
use crate::protocol::order_events::{self, OrderEventParts};
use crate::protocol::rendering::Rendering;
use crate::store::{AttemptChange, AttemptRow, Commit, RefundRow, StoreError};
use crate::stripe::{ReturnUrls, StripeCheckoutOffer, encode_charge, encode_refund, encode_stripe_checkout};

/// The commit that makes a change durable.
pub(crate) fn prepare(
    deps: &Dependencies,
    merchant: &MerchantState,
    change: Change,
) -> Result<Commit, StoreError> {
    let view = merchant.view.load_full();
    let Change { expected, session, due_at, attempt, order, refund, order_changes, placed, flags, timeline } =
        change;
    let attempt = match attempt {
        Some(AttemptMove::Start(intent)) => {
            let row = attempt_row(deps, merchant, &view, &intent)?;
            Some(AttemptChange::Start(Box::new(row)))
        }
        Some(AttemptMove::Update { number, end, erase_token }) => {
            Some(AttemptChange::Update { number, end, erase_token })
        }
        None => None,
    };
    let order = order.map(|order| new_order(deps, &view, order));
    let mut events: Vec<OrderEvent> =
        order.iter().map(|placed| order_placed(deps, merchant, placed)).collect();
    if !order_changes.is_empty() {
        let what = || format!("the order of session {} of {}", session.id, merchant.tenant.merchant);
        let missing = || StoreError::Corrupt { what: what(), why: "it is not there".to_owned() };
        let placed = placed.ok_or_else(missing)?;
        let now = deps.clock.now();
        events.extend(order_changes.iter().filter_map(|change| {
            let id = OrderEventId::from_random(deps.ids.random_id());
            let wanted = merchant.receiver.is_some();
            order_events::of_change(
                change,
                &placed,
                &session.activity,
                OrderEventParts { id, at: now, wanted },
            )
        }));
    }
    let refund = refund.map(|intent| refund_row(merchant, &view, &intent)).transpose()?.map(Box::new);
    let tenant = merchant.tenant.clone();
    Ok(Commit { tenant, expected, session, due_at, attempt, order, refund, flags, timeline, events })
}

fn attempt_row(
    deps: &Dependencies,
    merchant: &MerchantState,
    view: &MerchantView,
    intent: &AttemptIntent,
) -> Result<AttemptRow, StoreError> {
    let session = &intent.expected.session;
    let (body, sealed_token) = match &intent.source {
        PaymentSource::Token(token) => {
            let sealed = seal(deps, &merchant.tenant, (session, intent.number), token);
            let body = encode_charge(intent, view, merchant.key.stripe.token_parameter());
            (body.map_err(|error| unencodable(&error))?, Some(sealed))
        }
        PaymentSource::StripeCheckout { quote, expires, email } => {
            let links = ReturnUrls {
                success: deps.links.checkout_return(view, session),
                cancel: deps.links.checkout(view, session),
            };
            let offer =
                StripeCheckoutOffer { quote, expires: *expires, email: email.as_deref(), links: &links };
            (encode_stripe_checkout(intent, &offer, view).map_err(|error| unencodable(&error))?, None)
        }
    };
    Ok(AttemptRow {
        session: session.clone(),
        number: intent.number,
        spt_hash: intent.spt_hash().cloned(),
        expected: intent.expected.clone(),
        idempotency_key: intent.idempotency_key.clone(),
        body,
        sealed_token,
        stripe_version: merchant.key.stripe.version().to_owned(),
        account: intent.account.clone(),
        started: intent.started,
        repeat_until: intent.repeat_until,
        end: None,
    })
}

fn unencodable(error: &dyn std::fmt::Display) -> StoreError {
    StoreError::NotWritten(format!("the request to Stripe cannot be encoded: {error}"))
}

fn refund_row(
    merchant: &MerchantState,
    view: &MerchantView,
    intent: &RefundIntent,
) -> Result<RefundRow, StoreError> {
    Ok(RefundRow {
        session: intent.session.clone(),
        number: intent.origin.number,
        amount: intent.amount,
        idempotency_key: intent.idempotency_key.clone(),
        body: encode_refund(intent, view).map_err(|error| unencodable(&error))?,
        stripe_version: merchant.key.stripe.version().to_owned(),
        account: intent.account.clone(),
        started: intent.started,
        repeat_until: intent.repeat_until,
    })
}

fn new_order(deps: &Dependencies, view: &MerchantView, order: Order) -> NewOrder {
    let permalink = deps.links.order(view, &order.id);
    let completion = rendered(deps, view, (&order, &permalink));
    NewOrder { order, permalink, completion }
}

/// The reply that every repeat of an order's payment gets.
pub(crate) fn rendered(
    deps: &Dependencies,
    view: &MerchantView,
    (order, permalink): (&Order, &str),
) -> String {
    let rendering = Rendering {
        view,
        capabilities: deps.links.capabilities(),
        language: view.language,
        now: order.created,
    };
    completion(order, permalink, rendering)
}

/// Logs a new order, and where it comes from.
pub(crate) fn log_placed(merchant: &MerchantId, order: &Order) {
    let (host, agent) = (order.host.as_ref(), order.agent.as_ref());
    tracing::info!(
        %merchant,
        session = %order.session,
        order = %order.id,
        door = order.door.map(|door| door.into_str()),
        client = host.map(|host| host.name.as_str()),
        client_version = host.and_then(|host| host.version.as_deref()),
        user_agent = agent.and_then(|agent| agent.user_agent.as_deref()),
        agent_profile = agent.and_then(|agent| agent.profile.as_deref()),
        "order_placed"
    );
}

/// The notification to the merchant of a new order.
fn order_placed(deps: &Dependencies, merchant: &MerchantState, placed: &NewOrder) -> OrderEvent {
    let id = OrderEventId::from_random(deps.ids.random_id());
    order_events::created(id, &placed.order, &placed.permalink, merchant.receiver.is_some())
}
