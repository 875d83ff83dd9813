//! The events of a paid session: refunds, disputes, shipped goods.
//!
//! Events at Stripe that did not start here are found by reading: soon after a notification or while something is
//! undecided, and at set times in any case. [`refund`] handles refunds requested here, [`fulfillment`] handles
//! shipped goods. Source: Stripe API `2026-09-30.preview`, Refunds and Disputes.

pub(crate) mod fulfillment;
pub(crate) mod polling;
pub(crate) mod refund;

use crate::domain::checkout::model::{
    Context, Effect, OperatorRejection, OrderChange, OrderEffect, OrderObservation, RefundAnswer,
    RefundSnapshot, Rejection, Session, Transition, Work,
};
use crate::domain::ids::PaymentIntentId;
use crate::domain::order::{Dispute, OrderActivity};
use crate::domain::pricing::Quote;
use crate::domain::retry::LONGEST_PAUSE;
use crate::domain::time::Timestamp;
use polling::{poll_again, schedule};
use refund::Freshness;

fn paid(session: &Session) -> Result<(&Quote, &PaymentIntentId), Rejection> {
    session.paid().ok_or(Rejection::Operator(OperatorRejection::NotPaid(session.state.into_str())))
}

/// When a paid session's next work is due.
pub(crate) fn due(activity: &OrderActivity) -> Option<Timestamp> {
    let attempt = activity.refund_attempt().map(|(_, attempt)| attempt.retry.next_try);
    [attempt, activity.next_poll_at].into_iter().flatten().min()
}

/// The work of a paid session that is due.
pub(crate) fn work(session: &Session, payment: &PaymentIntentId, now: Timestamp) -> Work {
    refund::work(&session.activity, now).unwrap_or_else(|| Work::Run(poll(session, payment)))
}

/// The reading that shows the state of an order.
fn poll(session: &Session, payment: &PaymentIntentId) -> Effect {
    let account = session.account.clone();
    let undecided = session.activity.refund_attempt().is_some();
    Effect::Order(OrderEffect::Read { payment: payment.clone(), account, undecided })
}

/// Applies an observation of a paid order.
pub(crate) fn apply_observation(
    session: &Session,
    seen: OrderObservation,
    context: &Context<'_>,
) -> Transition {
    let mut next = session.clone();
    let mut order_changes = Vec::new();
    if paid(session).is_err() {
        return Transition::to(next);
    }
    match seen {
        OrderObservation::RefundAnswered { number, answer: RefundAnswer::Made(seen) } => {
            let freshness = refund::made(&mut next.activity, number, &seen);
            if freshness != Freshness::Known {
                order_changes.push(OrderChange::Refunded(seen.id));
                // A reading that is due anyway stays due.
                let due = next.activity.next_poll_at;
                schedule(&mut next, true, context);
                next.activity.next_poll_at = [due, next.activity.next_poll_at].into_iter().flatten().min();
            }
            if freshness == Freshness::Stored {
                next.activity.poll_now(context.moment.now);
            }
        }
        OrderObservation::RefundAnswered { number, answer } => {
            if refund::answered(&mut next.activity, number, answer, context) {
                // Stripe may know of refunds that did not start here.
                next.activity.poll_now(context.moment.now);
            }
        }
        OrderObservation::Read { refunds, disputes, asked, complete } => {
            let all = disputes.is_some();
            take_refunds(&mut next, refunds, &mut order_changes);
            for seen in disputes.into_iter().flatten() {
                take_dispute(&mut next.activity, seen, &mut order_changes);
            }
            refund::missed(&mut next.activity, complete.then_some(asked), context);
            let hinted_since =
                next.activity.next_poll_at.is_some_and(|due| due >= asked && due <= context.moment.now);
            if hinted_since {
                // This reading may have missed a notification that arrived while it was in progress.
            } else if all {
                next.activity.poll_requested = false;
                schedule(&mut next, !order_changes.is_empty(), context);
            } else {
                poll_again(&mut next, context);
            }
        }
        OrderObservation::ReadFailed => {
            refund::unread(&mut next.activity, context);
            poll_again(&mut next, context);
        }
        OrderObservation::PutOff { after } => {
            let (now, later) = (context.moment.now, context.moment.now + after.min(LONGEST_PAUSE));
            refund::put_off(&mut next.activity, later, now);
            next.activity.next_poll_at =
                next.activity.next_poll_at.map(|due| if due <= now { later } else { due });
        }
    }
    Transition { order_changes, ..Transition::to(next) }
}

fn take_refunds(session: &mut Session, seen: Vec<RefundSnapshot>, order_changes: &mut Vec<OrderChange>) {
    for seen in seen {
        if refund::take(&mut session.activity, &session.id, &seen) {
            order_changes.push(OrderChange::Refunded(seen.id));
        }
    }
}

fn take_dispute(activity: &mut OrderActivity, seen: Dispute, order_changes: &mut Vec<OrderChange>) {
    let id = seen.id.clone();
    match activity.disputes.iter_mut().find(|known| known.id == seen.id) {
        Some(known) if *known == seen => return,
        Some(known) => *known = seen,
        None => activity.disputes.push(seen),
    }
    order_changes.push(OrderChange::Disputed(id));
}
