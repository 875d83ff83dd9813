//! When a payment or a refund that Stripe does not show is taken for one that was never made.

use merchant_gateway::domain::checkout::model::Affected;
use merchant_gateway::domain::checkout::model::{
    Command, Effect, Inconclusive, Observation, OrderObservation, PaymentIntentStatus, Phase, RefundAnswer,
    State, StripeNotification,
};
use merchant_gateway::domain::order::RefundState;
use merchant_gateway::domain::time::{Span, Timestamp};

use test_support::driver_harness::DriverHarness;

use super::refunds;
use super::{Named, nothing_known};

/// Something whose request may or may not have had its effect, and which is only looked for by now.
struct Sought {
    harness: DriverHarness,
    /// When the last send ended, or could have ended.
    last: Timestamp,
}

/// A charge that is read before the last moment at which it might have been sent.
fn charge_before_the_last_moment() -> Sought {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(Observation::Inconclusive(Inconclusive {
        should_retry: Some(false),
        ..Inconclusive::default()
    }));
    let last = harness.now;
    assert!(last < harness.charging_state().attempt.repeat_until);
    Sought { harness, last }
}

/// A charge that is read after that moment.
fn charge_after_the_last_moment() -> Sought {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(nothing_known());
    let last = harness.charging_state().attempt.repeat_until;
    harness.now = last;
    harness.wake();
    Sought { harness, last }
}

fn refund_before_the_last_moment() -> Sought {
    let (mut harness, _) = refunds::undecided_refund();
    let unknown = Inconclusive { should_retry: Some(false), ..Inconclusive::default() };
    refunds::answered(&mut harness, RefundAnswer::Inconclusive(unknown));
    let last = harness.now;
    assert!(last < harness.session().activity.refund_attempt().unwrap().1.repeat_until);
    Sought { harness, last }
}

fn refund_after_the_last_moment() -> Sought {
    let (mut harness, _) = refunds::undecided_refund();
    refunds::answered(&mut harness, refunds::nothing_known());
    let last = harness.session().activity.refund_attempt().unwrap().1.repeat_until;
    harness.now = last;
    harness.wake();
    Sought { harness, last }
}

const SOUGHT: [Named<fn() -> Sought>; 4] = [
    ("a charge, before the last moment to send", charge_before_the_last_moment),
    ("a charge, after the last moment to send", charge_after_the_last_moment),
    ("a refund, before the last moment to send", refund_before_the_last_moment),
    ("a refund, after the last moment to send", refund_after_the_last_moment),
];

impl Sought {
    fn is_refund(&self) -> bool {
        matches!(self.harness.session().state, State::Completed { .. })
    }

    /// When the first reading that counts began.
    fn absent_since(&self) -> Option<Timestamp> {
        let session = self.harness.session();
        if let State::Charging(charging) = &session.state {
            return match charging.phase {
                Phase::Reading => charging.attempt.retry.absent_since,
                Phase::Sending | Phase::Canceling { .. } => None,
            };
        }
        session.activity.refund_attempt().and_then(|(_, asking)| asking.retry.absent_since)
    }

    fn is_undecided(&self) -> bool {
        let session = self.harness.session();
        let is_refunding = || matches!(session.activity.refunds[0].state, RefundState::Requested(_));
        matches!(session.state, State::Charging(_))
            || (matches!(session.state, State::Completed { .. }) && is_refunding())
    }

    fn is_looked_for(&self) -> bool {
        matches!(self.harness.effects[..], [Effect::Read { .. } | Effect::Order(_)])
            && !refunds::sends(&self.harness)
    }

    /// The look that is under way shows nothing; it began at this moment.
    fn shows_nothing_since(&mut self, asked: Timestamp) {
        assert!(self.is_looked_for(), "{:?}", self.harness.effects);
        if self.is_refund() {
            let (refunds, disputes) = (vec![], Some(vec![]));
            self.harness.see_order(OrderObservation::Read { refunds, disputes, asked, complete: true });
        } else {
            self.harness.see(Observation::Absent { asked });
        }
    }

    fn looked_at(&mut self, at: Timestamp) {
        self.harness.now = at;
        if self.harness.effects.is_empty() {
            self.harness.wake();
        }
    }

    /// A webhook says that there is something to see.
    fn poll_requested(&mut self) {
        let affected = if self.is_refund() { Affected::Order } else { Affected::Payment };
        self.harness.ask(Command::CheckStripe(StripeNotification { affected, payment: None }));
    }

    /// The first reading that counts has just been made.
    fn missed_once(make: fn() -> Sought) -> (Self, Timestamp) {
        let mut sought = make();
        let first = sought.last + Span::minutes(2);
        sought.looked_at(first);
        sought.shows_nothing_since(first);
        assert_eq!(sought.absent_since(), Some(first));
        (sought, first)
    }
}

#[test]
fn an_empty_poll_counts_from_two_minutes_after_the_last_send() {
    for (name, make) in SOUGHT {
        for (early, counts) in [(Span::millis(1), false), (Span::millis(0), true)] {
            let mut sought = make();
            let counted = sought.last + Span::minutes(2);
            // It is written later than it began: what it says is no younger.
            sought.looked_at(counted + Span::minutes(1));
            sought.shows_nothing_since(counted - early);
            assert!(sought.is_undecided(), "{name}");
            assert_eq!(sought.absent_since().is_some(), counts, "{name}: {early:?}");
        }
    }
}

#[test]
fn a_second_empty_poll_within_thirty_seconds_proves_nothing() {
    for (name, make) in SOUGHT {
        let (mut sought, first) = Sought::missed_once(make);
        sought.looked_at(first + Span::seconds(30));
        for split in [Span::millis(0), Span::millis(1), Span::seconds(15), Span::millis(29_999)] {
            sought.shows_nothing_since(first + split);
            assert!(sought.is_undecided(), "{name}: {split:?}");
            assert_eq!(sought.absent_since(), Some(first), "{name}: the first one still counts");
            sought.harness.pass(Span::minutes(2));
            sought.harness.wake();
        }
        sought.shows_nothing_since(first + Span::seconds(30));
        assert!(!sought.is_undecided(), "{name}: two readings that are far enough apart prove it");
    }
}

#[test]
fn a_poll_hastened_by_a_webhook_proves_no_more_than_another() {
    for (name, make) in SOUGHT {
        let (mut sought, first) = Sought::missed_once(make);
        sought.harness.now = first + Span::millis(29_998);
        sought.poll_requested();
        assert!(sought.is_looked_for(), "{name}: it is looked at now");
        sought.harness.pass(Span::millis(1));
        let asked = sought.harness.now;
        sought.shows_nothing_since(asked);
        assert!(sought.is_undecided(), "{name}");
        assert_eq!(sought.absent_since(), Some(first), "{name}");
    }
}

#[test]
fn webhook_after_webhook_does_not_make_a_first_reading_the_second() {
    for (name, make) in SOUGHT {
        let (mut sought, first) = Sought::missed_once(make);
        for second in 1..30 {
            sought.harness.now = first + Span::seconds(second);
            sought.poll_requested();
            if sought.is_looked_for() {
                sought.harness.pass(Span::millis(1));
                let asked = sought.harness.now;
                sought.shows_nothing_since(asked);
            }
            assert!(sought.is_undecided(), "{name}: after {second} seconds");
        }
    }
}

#[test]
fn a_payment_seen_between_two_empty_polls_discards_the_first() {
    let (mut sought, first) = Sought::missed_once(charge_before_the_last_moment);
    sought.looked_at(first + Span::seconds(30));
    let processing = Observation::PaymentIntent(sought.harness.intent(PaymentIntentStatus::Processing));
    sought.harness.see(processing);
    sought.looked_at(first + Span::minutes(1));
    sought.shows_nothing_since(first + Span::minutes(1));
    assert!(sought.is_undecided());
    assert_eq!(sought.absent_since(), Some(first + Span::minutes(1)));
}

#[test]
fn an_incomplete_poll_never_proves_that_a_refund_is_missing() {
    for make in [refund_before_the_last_moment, refund_after_the_last_moment] {
        let (mut sought, first) = Sought::missed_once(make);
        for after in [1, 2, 3] {
            let asked = first + Span::minutes(after);
            sought.looked_at(asked);
            assert!(sought.is_looked_for());
            let (refunds, disputes) = (vec![], Some(vec![]));
            sought.harness.see_order(OrderObservation::Read { refunds, disputes, asked, complete: false });
            assert!(sought.is_undecided());
        }
    }
}
