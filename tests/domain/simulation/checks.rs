//! The invariants, as far as they can be seen from outside the drivers.

use std::collections::HashSet;

use merchant_gateway::domain::checkout::driver::RequestId;
use merchant_gateway::domain::checkout::model::{
    Answer, CancelReason, Command, FlagReason, NoticeCode, OrderChange, PaymentSource, Rejection, State,
};
use merchant_gateway::domain::ids::{OrderId, PaymentIntentId, SessionId};
use merchant_gateway::domain::order::{RefundOrigin, RefundState, RefundStatus};
use merchant_gateway::domain::origin::Door;

use super::world::Simulation;
use test_support::model_refunds::{ModelDispute, ModelRefund};
use test_support::model_stripe::Payment;

/// What a caller asked, and what it was told.
pub struct Told {
    request: RequestId,
    session: SessionId,
    token: Option<String>,
    declined: bool,
    order: Option<OrderId>,
}

impl Told {
    pub fn asked(request: RequestId, session: &SessionId, command: &Command) -> Self {
        let token = match command {
            Command::Complete(payment) => Some(payment.token.expose().to_owned()),
            Command::Create { .. }
            | Command::Update { .. }
            | Command::Cancel
            | Command::Read
            | Command::OpenStripeCheckout { .. }
            | Command::Refund(_)
            | Command::Fulfill(_)
            | Command::CheckStripe(_)
            | Command::Decide(_) => None,
        };
        Self { request, session: session.clone(), token, declined: false, order: None }
    }
}

/// An answer is held against what is durable at that moment.
pub fn broken_by_answer(
    world: &mut Simulation,
    request: RequestId,
    answer: &Result<Box<Answer>, Rejection>,
) -> Result<(), String> {
    let told =
        world.told.iter_mut().find(|told| told.request == request).expect("whoever is answered has asked");
    let Ok(answer) = answer else { return Ok(()) };
    told.declined = answer.notice.as_ref().is_some_and(|notice| notice.code() == NoticeCode::PaymentDeclined);
    told.order = answer.order.as_ref().map(|placed| placed.order.id.clone());
    let session = &answer.session.id;
    let Some(placed) = &answer.order else { return Ok(()) };
    let durable = world.store.orders.get(session);
    if durable.map(|durable| &durable.order.id) != Some(&placed.order.id) {
        return Err(format!("I4: {session} was told to be paid, and its order is not durable"));
    }
    let paid = world.stripe.succeeded(session).any(|payment| payment.id == placed.order.payment_intent);
    if paid {
        Ok(())
    } else {
        Err(format!("I4: {session} was told to be paid, and Stripe shows no such payment"))
    }
}

/// What must be true once everything is settled.
pub fn broken_at_the_end(world: &mut Simulation) -> Result<(), String> {
    world.stripe.advance(world.now);
    let sessions: Vec<SessionId> = world.store.rows.keys().cloned().collect();
    for session in &sessions {
        of_session(world, session)?;
    }
    for flag in world.store.flags.clone() {
        world.count(match flag.reason {
            FlagReason::PaidAfterEnd => "flag: paid after the end",
            FlagReason::PaidByFailedAttempt => "flag: paid by a dead attempt",
            FlagReason::PaidTwice => "flag: paid twice",
            FlagReason::PaymentDisagrees => "flag: payment disagrees",
            FlagReason::LostByRestore => "flag: lost by a restore",
            FlagReason::NoCheckout => "flag: no checkout",
            FlagReason::NotShown => "flag: not shown",
        });
    }
    for told in &world.told {
        let orders: HashSet<&OrderId> = world
            .told
            .iter()
            .filter(|other| other.session == told.session)
            .filter_map(|other| other.order.as_ref())
            .collect();
        if orders.len() > 1 {
            return Err(format!("I7: {} was told of several orders", told.session));
        }
        let Some(token) = told.token.as_ref().filter(|_| told.declined) else { continue };
        let of_token = world.store.attempts.values().filter(
            |attempt| matches!(&attempt.intent.source, PaymentSource::Token(known) if known.expose() == *token),
        );
        for attempt in of_token {
            let charge = &attempt.intent.expected;
            let mut paid = world
                .stripe
                .succeeded(&charge.session)
                .filter(|payment| payment.seen.attempt == Some(charge.attempt));
            if charge.session == told.session && paid.any(|payment| !is_flagged(world, payment)) {
                return Err(format!(
                    "honesty: caller {} heard of a decline, and was charged",
                    told.request.0
                ));
            }
        }
    }
    Ok(())
}

fn is_flagged(world: &Simulation, payment: &Payment) -> bool {
    world.store.flags.iter().any(|flag| flag.intent == payment.id)
}

/// Whether an order's book says of refunds and disputes what Stripe says, and the merchant was told of each.
pub fn book_agrees(world: &Simulation, session: &SessionId, payment: &PaymentIntentId) -> Result<(), String> {
    let (_, row, _) = &world.store.rows[session];
    let activity = &row.activity;
    let told = |change: &OrderChange| world.store.order_changes.contains(&(session.clone(), change.clone()));
    let refunds = world.stripe.refunds.iter().filter(|refund| refund.payment == *payment);
    let mut shown = 0;
    for ModelRefund { seen, .. } in refunds {
        let made = RefundState::Made { id: seen.id.clone(), status: seen.status };
        let kept =
            activity.refunds.iter().find(|refund| refund.state == made && refund.amount == seen.amount);
        let number = |request: Option<&RefundOrigin>| request.map(|request| request.number);
        let asked = number(kept.and_then(|kept| kept.origin.as_ref()));
        if kept.is_none() || asked != number(seen.origin.as_ref()) {
            return Err(format!(
                "{session}: refund {} ({:?}) is not in the book: {activity:?}",
                seen.id, seen.status
            ));
        }
        if !told(&OrderChange::Refunded(seen.id.clone())) {
            return Err(format!("{session}: nobody was told of refund {}", seen.id));
        }
        shown += 1;
    }
    let made =
        activity.refunds.iter().filter(|refund| matches!(refund.state, RefundState::Made { .. })).count();
    if made != shown || activity.refund_attempt().is_some() {
        return Err(format!("{session}: the book has refunds that Stripe has not: {activity:?}"));
    }
    for ModelDispute { dispute, .. } in world.stripe.disputes.iter().filter(|known| known.payment == *payment)
    {
        if !activity.disputes.contains(dispute) || !told(&OrderChange::Disputed(dispute.id.clone())) {
            return Err(format!(
                "{session}: dispute {} is not in the book, or not told: {activity:?}",
                dispute.id
            ));
        }
    }
    for sent in &activity.fulfillments {
        let change = (session.clone(), OrderChange::Fulfilled(sent.reference.clone()));
        if world.store.order_changes.iter().filter(|known| **known == change).count() != 1 {
            return Err(format!("{session}: {} was not told once", sent.reference));
        }
    }
    Ok(())
}

/// Nothing was asked back twice, and never more than was paid.
fn refunds_of(world: &mut Simulation, session: &SessionId) -> Result<(), String> {
    let ours = world.stripe.refunds.iter().filter(|refund| refund.seen.session.as_ref() == Some(session));
    let numbers: Vec<_> =
        ours.map(|refund| refund.seen.origin.as_ref().map(|request| request.number)).collect();
    let different: HashSet<_> = numbers.iter().collect();
    if different.len() != numbers.len() {
        return Err(format!("I1: a refund of {session} was made twice"));
    }
    let (_, row, _) = &world.store.rows[session];
    let paid = row.quote().map_or(0, |quote| quote.total.minor);
    if row.activity.reserved() > paid {
        return Err(format!("{session}: more goes back than was paid: {:?}", row.activity));
    }
    let State::Completed { intent, .. } = row.state.clone() else { return Ok(()) };
    for refund in row.activity.refunds.clone() {
        world.count(match (&refund.origin, &refund.state) {
            (None, _) => "refund: made elsewhere",
            (Some(_), RefundState::Made { status: RefundStatus::Failed, .. }) => "refund: failed",
            (Some(_), RefundState::Made { .. }) => "refund: made",
            (Some(_), RefundState::Refused { .. }) => "refund: refused",
            (Some(_), RefundState::Requested(_)) => "refund: undecided",
        });
    }
    book_agrees(world, session, &intent)
}

fn of_session(world: &mut Simulation, session: &SessionId) -> Result<(), String> {
    refunds_of(world, session)?;
    let (_, row, _) = &world.store.rows[session];
    let state = row.state.clone();
    let paid: Vec<_> = world.stripe.succeeded(session).cloned().collect();
    if paid.len() > 1 {
        return Err(format!("I1: {session} was charged {} times", paid.len()));
    }
    let order = world.store.orders.get(session).map(|placed| placed.order.clone());
    for payment in &paid {
        let on_order = order.as_ref().is_some_and(|order| order.payment_intent == payment.id);
        if !on_order && !is_flagged(world, payment) {
            return Err(format!("I5: payment {} of {session} is on no order and not flagged", payment.id));
        }
        let quoted = order.as_ref().map(|order| order.quote.total);
        if on_order && quoted != Some(payment.seen.amount) && !is_flagged(world, payment) {
            return Err(format!("I2: {session} was charged another amount than its order says"));
        }
    }
    for told in world.inbox.payments(session) {
        let ours = order.as_ref().is_some_and(|order| order.payment_intent == *told);
        if !ours && !world.store.flags.iter().any(|flag| flag.intent == *told) {
            return Err(format!(
                "I5: {session} was told of payment {told}, which is on no order and not flagged"
            ));
        }
    }
    let mut means: Vec<bool> = world
        .store
        .attempts
        .iter()
        .filter(|((of, _), _)| of == session)
        .map(|(_, attempt)| matches!(attempt.intent.source, PaymentSource::StripeCheckout { .. }))
        .collect();
    means.sort_unstable();
    means.dedup();
    if means.len() == 2 {
        world.count("both ways tried");
    }
    if order.as_ref().is_some_and(|order| world.stripe.was_paid_on_a_page(&order.payment_intent)) {
        world.count("paid on a page");
    }
    match order.as_ref().and_then(|order| order.door) {
        Some(Door::Sheet) => world.count("paid in the sheet"),
        Some(Door::Wallet) => world.count("paid with a wallet"),
        Some(Door::Page) | None => {}
    }
    if order.is_some() && paid.is_empty() {
        return Err(format!("I4: {session} has an order and no payment"));
    }
    if order.is_some() != matches!(state, State::Completed { .. }) {
        return Err(format!(
            "I4: {session} is {} and {} an order",
            state.into_str(),
            if order.is_some() { "has" } else { "lacks" }
        ));
    }
    world.count(match state {
        State::Open { .. } => "ends open",
        State::Ready { .. } => "ends ready",
        State::Charging(_)
        | State::OpeningStripeCheckout(_)
        | State::AwaitingStripeCheckout { .. }
        | State::ClosingStripeCheckout { .. }
        | State::Frozen { .. } => {
            return Err(format!("liveness: {session} ends {}", state.into_str()));
        }
        State::Completed { .. } => "ends completed",
        State::Canceled { reason: CancelReason::Shopper } => "ends canceled",
        State::Canceled { reason: CancelReason::TooManyAttempts } => "ends after too many attempts",
        State::Canceled { reason: CancelReason::Operator } => "ends by an operator's word",
        State::Canceled { reason: CancelReason::Restored } => "ends by a restore",
        State::Expired => "ends expired",
    });
    Ok(())
}
