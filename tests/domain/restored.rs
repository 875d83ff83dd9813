//! What a session of a restored database makes of what Stripe shows, in every state that it may be in; and what it does, and
//! does not do, before anybody has looked.

use merchant_gateway::domain::address::Buyer;
use merchant_gateway::domain::checkout::model::{
    AttemptEnd, AttemptMove, CancelReason, Command, Context, DeclineReason, Event, FlagReason, HostRejection,
    Moment, Observation, Patch, PaymentIntentSnapshot, PaymentIntentStatus, Rejection, RestoreEvidence,
    Session, ShownByStripe, State, StripeCheckoutSnapshot, StripeCheckoutStatus, Transition,
};
use merchant_gateway::domain::checkout::step::step;
use merchant_gateway::domain::ids::{AccountId, AttemptNumber, Revision};
use merchant_gateway::domain::merchant::Reconciliation;
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::time::{Span, Timestamp};
use merchant_gateway::protocol::texts::wording::Wording;

use test_support::driver_harness::DriverHarness;
use test_support::shop;

fn account() -> AccountId {
    "acct_shop".parse().unwrap()
}

/// A succeeded payment of the session's present revision by an attempt of this number.
fn paid(harness: &DriverHarness, attempt: u32) -> PaymentIntentSnapshot {
    let session = harness.session();
    PaymentIntentSnapshot {
        id: format!("pi_{attempt}").parse().unwrap(),
        status: PaymentIntentStatus::Succeeded,
        amount: Money::new(4361, shop::usd()),
        livemode: false,
        session: Some(session.id.clone()),
        revision: Some(session.revision),
        attempt: Some(AttemptNumber(attempt)),
    }
}

/// What becomes of the session as the harness's store has it.
fn shown(harness: &DriverHarness, shown: ShownByStripe) -> Transition {
    let evidence = RestoreEvidence { account: account(), shown };
    let mut view = harness.view.clone();
    (view.account, view.records) = (None, Reconciliation::Pending { until: Timestamp::from_seconds(0) });
    let moment = Moment { now: harness.now, jitter: 0.5, random: 77, webhooks_arrive: false };
    let context = Context { view: &view, moment };
    step(harness.session(), Event::Reconciled(Box::new(evidence)), &context).unwrap()
}

fn payment(harness: &DriverHarness, seen: &PaymentIntentSnapshot) -> Transition {
    shown(harness, ShownByStripe::Payment { seen: seen.clone(), buyer: Buyer::default() })
}

fn is_ordered(transition: &Transition, seen: &PaymentIntentSnapshot) {
    let State::Completed { intent, .. } = &transition.next.state else {
        panic!("{}", transition.next.state.into_str());
    };
    assert_eq!((intent, &transition.next.account), (&seen.id, &Some(account())));
    assert_eq!(transition.order.as_ref().map(|order| &order.payment_intent), Some(&seen.id));
    assert!(transition.flags.is_empty());
    assert!(transition.next.attempts >= seen.attempt.unwrap().0, "its number is taken");
}

fn is_given_up(transition: &Transition) {
    assert_eq!(transition.next.state, State::Canceled { reason: CancelReason::Restored });
    assert_eq!(reasons(transition), [FlagReason::LostByRestore]);
    assert!(transition.order.is_none());
}

fn reasons(transition: &Transition) -> Vec<FlagReason> {
    transition.flags.iter().map(|flag| flag.reason).collect()
}

/// How the attempt of the database ends, if it does.
fn ended(transition: &Transition) -> Option<(u32, bool)> {
    match transition.attempt.as_ref()? {
        AttemptMove::Update { number, end: Some(end), .. } => {
            Some((number.0, matches!(end, AttemptEnd::Succeeded { .. })))
        }
        AttemptMove::Update { end: None, .. } | AttemptMove::Start(_) => panic!("neither begun nor left"),
    }
}

/// Payments that do not agree with what the session shows.
fn others(harness: &DriverHarness, attempt: u32) -> Vec<PaymentIntentSnapshot> {
    let seen = paid(harness, attempt);
    vec![
        PaymentIntentSnapshot { amount: Money::new(4362, shop::usd()), ..seen.clone() },
        PaymentIntentSnapshot { livemode: true, ..seen.clone() },
        PaymentIntentSnapshot { revision: Some(Revision(2)), ..seen.clone() },
        PaymentIntentSnapshot { revision: None, ..seen },
    ]
}

fn completed() -> DriverHarness {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(Observation::PaymentIntent(harness.intent(PaymentIntentStatus::Succeeded)));
    harness
}

fn frozen() -> DriverHarness {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(Observation::IdempotencyConflict);
    assert_eq!(harness.session().state.into_str(), "frozen");
    harness
}

fn opening() -> DriverHarness {
    let mut harness = DriverHarness::ready();
    harness.ask(Command::OpenStripeCheckout { revision: Some(Revision(1)) });
    assert_eq!(harness.session().state.into_str(), "opening_stripe_checkout");
    harness
}

fn awaiting() -> DriverHarness {
    let mut harness = opening();
    let page = StripeCheckoutSnapshot {
        id: "cs_test_1".parse().unwrap(),
        url: Some("https://checkout.example/1".to_owned()),
        status: StripeCheckoutStatus::Open,
        intent: None,
        amount: Money::new(4361, shop::usd()),
        livemode: false,
        session: Some(harness.id.clone()),
        revision: Some(Revision(1)),
        attempt: Some(AttemptNumber(1)),
        buyer: Buyer::default(),
    };
    harness.see(Observation::StripeCheckout(page));
    assert_eq!(harness.session().state.into_str(), "awaiting_stripe_checkout");
    harness
}

fn closing() -> DriverHarness {
    let mut harness = awaiting();
    harness.ask(Command::Cancel);
    assert_eq!(harness.session().state.into_str(), "closing_stripe_checkout");
    harness
}

#[test]
fn a_restored_ready_session_becomes_the_order_that_was_paid() {
    let harness = DriverHarness::ready();
    let seen = paid(&harness, 3);
    let transition = payment(&harness, &seen);
    is_ordered(&transition, &seen);
    assert_eq!(ended(&transition), None, "the database has no such attempt");
    assert_eq!(transition.next.attempts, 3);

    let email = Some("ada@example.com".to_owned());
    let buyer = Buyer { email: email.clone(), ..Buyer::default() };
    let transition = shown(&harness, ShownByStripe::Payment { seen, buyer });
    assert_eq!(transition.order.unwrap().buyer.email, email, "its page asked for it");
}

#[test]
fn a_restored_order_prefers_buyer_details_from_stripe_checkout() {
    let mut harness = DriverHarness::ready();
    let said = |email: &str, phone: Option<&str>| Buyer {
        email: Some(email.to_owned()),
        phone_number: phone.map(str::to_owned),
        ..Buyer::default()
    };
    let here = said("here@example.com", Some("+1 555 0100"));
    harness.update(Patch { buyer: Some(here), ..Patch::default() });
    let (seen, buyer) = (paid(&harness, 1), said("there@example.com", None));
    let order = shown(&harness, ShownByStripe::Payment { seen, buyer }).order.unwrap();
    assert_eq!(order.buyer, said("there@example.com", Some("+1 555 0100")));
}

#[test]
fn a_restored_session_paid_for_something_else_is_canceled() {
    let harness = DriverHarness::ready();
    for seen in others(&harness, 1) {
        is_given_up(&payment(&harness, &seen));
    }
    let mut open = DriverHarness::default();
    open.ask(shop::create(merchant_gateway::domain::checkout::model::Patch {
        address: None,
        ..shop::two_mugs()
    }));
    assert_eq!(open.session().state.into_str(), "open");
    is_given_up(&payment(&open, &paid(&open, 1)));
}

#[test]
fn a_payment_of_a_session_that_has_ended_is_flagged_once() {
    let harness = completed();
    let own = PaymentIntentSnapshot { id: "pi_1".parse().unwrap(), ..paid(&harness, 1) };
    let transition = payment(&harness, &own);
    assert_eq!((transition.next, transition.flags.len()), (harness.session().clone(), 0));
    let other = payment(&harness, &paid(&harness, 2));
    assert_eq!(reasons(&other), [FlagReason::PaidTwice]);
    assert_eq!(other.next.state, harness.session().state);

    let mut canceled = DriverHarness::ready();
    canceled.ask(Command::Cancel);
    let mut expired = DriverHarness::ready();
    expired.pass(Span::hours(3));
    expired.wake();
    for harness in [canceled, expired] {
        let transition = payment(&harness, &paid(&harness, 1));
        assert_eq!(
            reasons(&transition),
            [FlagReason::PaidAfterEnd],
            "{}",
            harness.session().state.into_str()
        );
        assert_eq!(transition.next.state, harness.session().state);
    }
}

#[test]
fn a_restored_attempt_succeeds_by_its_own_payment_only() {
    let under_way: [fn() -> DriverHarness; 5] =
        [|| DriverHarness::charging().0, frozen, opening, awaiting, closing];
    for harness in under_way.map(|make| make()) {
        let state = harness.session().state.into_str();
        let (own, later) = (paid(&harness, 1), paid(&harness, 2));
        let transition = payment(&harness, &own);
        is_ordered(&transition, &own);
        assert_eq!(ended(&transition), Some((1, true)), "{state}");
        let transition = payment(&harness, &later);
        is_ordered(&transition, &later);
        assert_eq!(ended(&transition), Some((1, false)), "{state}");

        for seen in others(&harness, 1) {
            let transition = payment(&harness, &seen);
            assert_eq!(reasons(&transition), [FlagReason::PaymentDisagrees], "{state}");
            assert_eq!(transition.next.state, harness.session().state, "its own reading freezes it");
        }
        for seen in others(&harness, 2) {
            let transition = payment(&harness, &seen);
            is_given_up(&transition);
            assert_eq!(ended(&transition), Some((1, false)), "{state}");
        }
    }
}

#[test]
fn what_was_not_paid_only_takes_its_number_and_pins_the_account() {
    let harness = DriverHarness::ready();
    for status in [PaymentIntentStatus::Canceled, PaymentIntentStatus::RequiresPaymentMethod] {
        let transition = payment(&harness, &PaymentIntentSnapshot { status, ..paid(&harness, 2) });
        assert_eq!(transition.next.state, harness.session().state);
        assert_eq!((transition.next.attempts, transition.next.stripe_checkouts), (2, 0));
        assert_eq!(transition.next.account, Some(account()));
        assert!(transition.flags.is_empty() && transition.attempt.is_none());
    }
    let transition = shown(&harness, ShownByStripe::StripeCheckout(AttemptNumber(2)));
    assert_eq!((transition.next.attempts, transition.next.stripe_checkouts), (2, 2));
    let transition = shown(&completed(), ShownByStripe::StripeCheckout(AttemptNumber(1)));
    assert_eq!((transition.next.attempts, transition.next.stripe_checkouts), (1, 0));
}

/// A session that has not changed, and no work that was begun for it.
fn rests(harness: &DriverHarness, as_it_was: &Session) {
    assert_eq!(harness.session(), as_it_was);
    assert!(harness.effects.is_empty() && harness.gathers.is_empty() && harness.verifications.is_empty());
    assert_eq!(harness.wake, None, "nobody is woken for nothing");
}

#[test]
fn an_unreconciled_session_stays_unchanged_and_readable() {
    let mut harness = DriverHarness::ready();
    let as_it_was = harness.session().clone();
    harness.pass(Span::hours(48));
    harness.view.records = Reconciliation::Pending { until: harness.now + Span::millis(150_001) };
    let commits = harness.commits;
    for _ in 0..3 {
        harness.wake();
        rests(&harness, &as_it_was);
    }
    let reading = harness.ask(Command::Read);
    assert_eq!(harness.answer(reading).unwrap().session, as_it_was);
    let asked = [
        harness.update(shop::two_mugs()),
        harness.ask(Command::Cancel),
        harness.pay("spt_first0001"),
        harness.ask(Command::OpenStripeCheckout { revision: Some(Revision(1)) }),
    ];
    for request in asked {
        let told = harness.answer(request).unwrap_err();
        assert_eq!(
            Wording::for_model().rejection(&told),
            "This shop takes no orders just now, and takes them again in about 3 min. Try again then."
        );
    }
    rests(&harness, &as_it_was);
    assert_eq!(harness.commits, commits);

    harness.view.records = Reconciliation::NotRestored;
    harness.wake();
    assert_eq!(harness.session().state, State::Expired, "its time counts again");
}

#[test]
fn an_unreconciled_session_sends_polls_and_closes_nothing() {
    let under_way: [fn() -> DriverHarness; 4] = [|| DriverHarness::charging().0, opening, awaiting, closing];
    for mut harness in under_way.map(|make| make()) {
        let as_it_was = harness.session().clone();
        harness.view.records = Reconciliation::Pending { until: harness.now };
        harness.pass(Span::seconds(5));
        harness.crash();
        rests(&harness, &as_it_was);
        harness.view.records = Reconciliation::NotRestored;
        harness.wake();
        let goes_on = !harness.effects.is_empty() || *harness.session() != as_it_was;
        assert!(goes_on, "{}", as_it_was.state.into_str());
    }
}

#[test]
fn an_edit_after_a_restore_reuses_no_revision_already_shown() {
    let mut harness = DriverHarness::ready();
    harness.view.records = Reconciliation::Done { restored: harness.now + Span::minutes(1) };
    harness.pass(Span::minutes(2));
    // As it was shown before the database was lost; the restored one is at the first.
    let stale = harness.pay_revision("spt_first0001", Some(Revision(2)));
    assert_eq!(
        harness.answer(stale).unwrap_err(),
        Rejection::Host(HostRejection::StaleRevision { current: Revision(1) })
    );
    let edited = harness.update(shop::two_mugs());
    assert_eq!(harness.answer(edited).unwrap().session.revision, Revision(1001));
    let stale = harness.pay_revision("spt_first0001", Some(Revision(2)));
    assert_eq!(
        harness.answer(stale).unwrap_err(),
        Rejection::Host(HostRejection::StaleRevision { current: Revision(1001) })
    );

    let mut since = DriverHarness::ready();
    since.view.records = Reconciliation::Done { restored: since.now };
    let edited = since.update(shop::two_mugs());
    assert_eq!(since.answer(edited).unwrap().session.revision, Revision(2));
}

#[test]
fn a_decline_of_before_is_not_told_of_what_proves_to_be_paid() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(Observation::Declined { intent: None, requires_3ds: false, reason: DeclineReason::Unknown });
    assert!(harness.session().notice.is_some());
    let seen = paid(&harness, 2);
    let transition = payment(&harness, &seen);
    is_ordered(&transition, &seen);
    assert_eq!(transition.next.notice, None);
}

#[test]
fn a_payment_lost_by_a_restore_clears_an_earlier_decline_notice() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(Observation::Declined { intent: None, requires_3ds: false, reason: DeclineReason::Unknown });
    let seen = PaymentIntentSnapshot { amount: Money::new(1, shop::usd()), ..paid(&harness, 2) };
    let transition = payment(&harness, &seen);
    is_given_up(&transition);
    assert_eq!(transition.next.notice, None);
}

#[test]
fn a_payment_without_an_attempts_number_takes_no_number() {
    let harness = DriverHarness::ready();
    let seen = PaymentIntentSnapshot { attempt: None, ..paid(&harness, 1) };
    assert_eq!(payment(&harness, &seen).next.attempts, harness.session().attempts);
}
