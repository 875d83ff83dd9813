//! The timeline of a session: each step once, repetitions counted.

use merchant_gateway::domain::checkout::due::due_at;
use merchant_gateway::domain::checkout::model::Affected;
use merchant_gateway::domain::checkout::model::{
    AttemptObservation, Command, FlagReason, Inconclusive, NotBegun, Observation, OrderObservation,
    RefundAnswer, RefundSnapshot, StripeNotification, TimelineEntry, TimelineEvent,
};
use merchant_gateway::domain::ids::ItemId;
use merchant_gateway::domain::order::{Fulfillment, RefundState, RefundStatus};
use merchant_gateway::domain::time::Span;

use test_support::driver_harness::DriverHarness;

use super::answers::paid;
use super::pages::awaiting;
use super::refund_limits::wants_back;
use super::refunds::{answered, refund_snapshot};
use super::{dispute, succeeded};

#[test]
fn blocked_payments_are_recorded_once_a_minute_and_counted() {
    let now = DriverHarness::default().now;
    let note = |reason: &str, last, times| NotBegun { reason: reason.to_owned(), cause: None, last, times };
    let mut entry = TimelineEntry::not_begun(note("suspended", now, 1));
    assert_eq!(entry.count(&note("payments_off", now, 1)), None, "that is another entry");
    assert_eq!(entry.count(&note("suspended", now + Span::seconds(59), 1)), Some(false));
    assert_eq!(entry.count(&note("suspended", now + Span::minutes(1), 4)), Some(true));
    let TimelineEvent::PaymentNotBegun(kept) = entry.event else { panic!("it is the same entry") };
    assert_eq!(kept, note("suspended", now + Span::minutes(1), 5));
}

/// What the timeline has told of an order since, in short.
fn told(harness: &mut DriverHarness) -> Vec<String> {
    let entries = std::mem::take(&mut harness.timeline);
    entries
        .into_iter()
        .filter_map(|entry| match entry.event {
            TimelineEvent::Refund { id, status, .. } => {
                Some(format!("refund {} {status}", id.map_or_else(String::new, |id| id.to_string())))
            }
            TimelineEvent::Dispute { id, status, .. } => Some(format!("dispute {id} {status}")),
            TimelineEvent::Fulfilled { reference } => Some(format!("sent {reference}")),
            TimelineEvent::State { .. }
            | TimelineEvent::AttemptStarted { .. }
            | TimelineEvent::Stripe { .. }
            | TimelineEvent::PaymentNotBegun(_)
            | TimelineEvent::AttemptEnded { .. }
            | TimelineEvent::Flagged { .. }
            | TimelineEvent::Decided { .. }
            | TimelineEvent::PersonalDataErased => None,
        })
        .collect()
}

#[test]
fn a_timeline_lists_each_refund_dispute_and_shipment_step_once() {
    let mut harness = paid();
    told(&mut harness);
    wants_back(&mut harness, "r", Some(100));
    assert_eq!(told(&mut harness), ["refund  requested"]);
    let pending = refund_snapshot("re_1", RefundStatus::Pending, harness.now);
    answered(&mut harness, RefundAnswer::Made(pending.clone()));
    assert_eq!(told(&mut harness), ["refund re_1 pending"]);

    for (refund, status, expected) in [
        (RefundStatus::Pending, "needs_response", &["dispute du_1 needs_response"][..]),
        (RefundStatus::Pending, "needs_response", &[]),
        (RefundStatus::Succeeded, "under_review", &["refund re_1 succeeded", "dispute du_1 under_review"]),
        (RefundStatus::Succeeded, "lost", &["dispute du_1 lost"]),
        (RefundStatus::Succeeded, "lost", &[]),
    ] {
        harness.ask(Command::CheckStripe(StripeNotification { affected: Affected::Order, payment: None }));
        harness.pass(Span::millis(1));
        let refunds = vec![RefundSnapshot { status: refund, ..pending.clone() }];
        let (asked, disputes) = (harness.now, Some(vec![dispute(status)]));
        harness.see_order(OrderObservation::Read { refunds, disputes, asked, complete: true });
        assert_eq!(told(&mut harness), expected, "{refund:?}, {status}");
    }
    assert!(matches!(harness.session().activity.refunds[0].state, RefundState::Made { .. }));

    let mug: ItemId = harness.session().quote().unwrap().lines[0].item.clone();
    for reference in ["first", "second"] {
        let items = vec![merchant_gateway::domain::order::Fulfilled { item: mug.clone(), quantity: 1 }];
        harness.ask(Command::Fulfill(Fulfillment {
            reference: reference.parse().unwrap(),
            items,
            rest: false,
            carrier: None,
            tracking_number: None,
            tracking_url: None,
            created: harness.now,
        }));
        assert_eq!(told(&mut harness), [format!("sent {reference}")]);
    }
}

#[test]
fn a_timeline_counts_repeated_observations_from_the_second_on() {
    let (mut harness, _) = DriverHarness::charging();
    let mut times = Vec::new();
    for _ in 0..9 {
        harness.timeline.clear();
        harness.see(Observation::Inconclusive(Inconclusive::default()));
        times.push(harness.timeline.iter().find_map(|entry| {
            if let TimelineEvent::Stripe { times, .. } = &entry.event { Some(*times) } else { None }
        }));
        harness.wait_and_wake();
    }
    let (told, once) = (Some, Some(None));
    let expected = [once, told(Some(2)), None, told(Some(4)), None, None, None, told(Some(8)), None];
    assert_eq!(times, expected);
}

#[test]
fn a_timeline_tells_of_a_flag_and_counts_the_looks_at_a_page() {
    let mut harness = awaiting();
    let mut times = Vec::new();
    for _ in 0..5 {
        harness.timeline.clear();
        harness.now = due_at(harness.session()).unwrap();
        harness.wake();
        harness.see(Observation::ReadFailed);
        times.push(harness.timeline.iter().find_map(|entry| {
            if let TimelineEvent::Stripe { times, .. } = &entry.event { Some(*times) } else { None }
        }));
    }
    assert_eq!(times, [Some(None), Some(Some(2)), None, Some(Some(4)), None]);

    let (mut harness, _) = DriverHarness::charging();
    let other_payments = vec!["pi_x".parse().unwrap()];
    harness.see(AttemptObservation { primary: succeeded(&harness), other_payments });
    let flagged = harness.timeline.iter().find_map(|entry| {
        if let TimelineEvent::Flagged { payment_intent, reason } = &entry.event {
            Some((payment_intent.to_string(), *reason))
        } else {
            None
        }
    });
    assert_eq!(flagged, Some(("pi_x".to_owned(), FlagReason::PaidTwice)));
}
