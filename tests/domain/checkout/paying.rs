//! A token on the payment sheet: what is looked at before anything is asked, what comes of a payment, and of its repeats.

use merchant_gateway::domain::checkout::model::{
    AttemptObservation, CancelReason, Command, Deactivation, Effect, FlagReason, HostRejection, Inconclusive,
    Notice, NoticeCode, Observation, Patch, PaymentIntentStatus, Rejection, ShopRejection, ShopperRejection,
    State, StripeAnswer, TimelineEntry, TokenFacts, TokenReadError,
};
use merchant_gateway::domain::ids::Revision;
use merchant_gateway::domain::merchant::MerchantStatus;
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::time::{Span, Timestamp};

use test_support::driver_harness::{DriverHarness, token_used_elsewhere};
use test_support::shop;

use super::{Named, Refusal, declined, succeeded};

#[test]
fn a_payment_ends_in_one_order_that_every_repeat_hears() {
    let (mut harness, paying) = DriverHarness::charging();
    assert!(harness.waits(paying), "the caller waits for Stripe");
    harness.see(succeeded(&harness));
    let first = harness.answer(paying).unwrap();
    let order = first.order.unwrap();
    assert_eq!(order.order.quote.total.minor, 4361);

    for (token, revision) in [("spt_first0001", Some(1)), ("spt_second002", Some(7)), ("spt_third0003", None)]
    {
        let again = harness.pay_revision(token, revision.map(Revision));
        let answer = harness.answer(again).unwrap();
        assert_eq!(answer.order.unwrap(), order, "{token}");
        assert_eq!(answer.repeats_payment, token == "spt_first0001", "only this token has paid: {token}");
    }
    assert!(harness.effects.is_empty() && harness.gathers.is_empty(), "Stripe is not asked again");
    assert_eq!(harness.attempts.len(), 1);
}

#[test]
fn a_declined_card_leaves_the_session_payable() {
    let (mut harness, paying) = DriverHarness::charging();
    harness.see(declined());
    let answer = harness.answer(paying).unwrap();
    assert_eq!(answer.notice.unwrap().code(), NoticeCode::PaymentDeclined);
    assert!(matches!(harness.session().state, State::Ready { .. }));

    let again = harness.pay("spt_second002");
    harness.tell_token(Ok(harness.good_facts()));
    assert_eq!(harness.session().notice, None, "the decline is of the attempt before");
    harness.see(succeeded(&harness));
    assert!(harness.answer(again).unwrap().order.is_some());
    assert_ne!(harness.attempts[0].idempotency_key, harness.attempts[1].idempotency_key);
}

#[test]
fn a_declined_token_hears_its_own_decline_again() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(declined());
    let again = harness.pay("spt_first0001");
    let answer = harness.answer(again).unwrap();
    assert_eq!(answer.notice, Some(Notice::DECLINED));
    assert!(harness.gathers.is_empty() && harness.effects.is_empty());

    // Also while the next attempt is under way, and after it has paid.
    let second = harness.pay("spt_second002");
    harness.tell_token(Ok(harness.good_facts()));
    let meanwhile = harness.pay("spt_first0001");
    assert_eq!(harness.answer(meanwhile).unwrap().notice, Some(Notice::DECLINED));
    harness.see(succeeded(&harness));
    assert!(harness.answer(second).unwrap().order.is_some());
}

#[test]
fn the_same_token_joins_its_attempt_and_another_is_kept_out() {
    let (mut harness, first) = DriverHarness::charging();
    let same = harness.pay("spt_first0001");
    let other = harness.pay("spt_second002");
    assert!(harness.waits(same));
    let told = harness.answer(other).unwrap();
    assert!(matches!(told.session.state, State::Charging(_)));
    assert_eq!(told.notice.unwrap().code(), NoticeCode::Conflict);
    assert!(harness.gathers.is_empty(), "the second token is not even looked at");

    harness.see(succeeded(&harness));
    assert_eq!(harness.answer(first).unwrap().order, harness.answer(same).unwrap().order);
    assert_eq!(harness.attempts.len(), 1);
}

#[test]
fn a_payment_that_must_not_be_made_never_reaches_the_network() {
    let refusals: [Named<Refusal>; 6] = [
        ("stale revision", |harness| {
            harness.update(Patch::default());
            let paying = harness.pay_revision("spt_first0001", Some(Revision(1)));
            harness.answer(paying).unwrap_err()
        }),
        ("no revision", |harness| {
            let paying = harness.pay_revision("spt_first0001", None);
            harness.answer(paying).unwrap_err()
        }),
        ("expired quote", |harness| {
            harness.pass(Span::minutes(15));
            let paying = harness.pay("spt_first0001");
            harness.answer(paying).unwrap_err()
        }),
        ("suspended", |harness| {
            harness.view.status = MerchantStatus::Suspended;
            let paying = harness.pay("spt_first0001");
            harness.answer(paying).unwrap_err()
        }),
        ("unknown account", |harness| {
            harness.view.account = None;
            let paying = harness.pay("spt_first0001");
            harness.answer(paying).unwrap_err()
        }),
        ("token of another checkout", |harness| {
            token_used_elsewhere(harness, "spt_first0001");
            let paying = harness.pay("spt_first0001");
            harness.answer(paying).unwrap_err()
        }),
    ];
    let mut seen = Vec::new();
    for (name, refuse) in refusals {
        let mut harness = DriverHarness::ready();
        let rejection = refuse(&mut harness);
        assert!(harness.gathers.is_empty() && harness.effects.is_empty(), "{name}");
        assert!(harness.attempts.is_empty(), "{name}");
        seen.push(rejection);
    }
    assert_eq!(
        seen,
        [
            Rejection::Host(HostRejection::StaleRevision { current: Revision(2) }),
            Rejection::Host(HostRejection::RevisionMissing),
            Rejection::Shopper(ShopperRejection::QuoteExpired),
            Rejection::Shop(ShopRejection::Suspended),
            Rejection::Shop(ShopRejection::AccountUnknown),
            Rejection::Shopper(ShopperRejection::TokenUsedElsewhere),
        ]
    );
}

#[test]
fn an_unusable_token_is_declined_and_may_be_sent_again() {
    let change: [Named<fn(&mut TokenFacts)>; 9] = [
        ("live", |facts| facts.livemode = true),
        ("consumed", |facts| facts.deactivated = Some(Deactivation::Consumed)),
        ("expired", |facts| facts.deactivated = Some(Deactivation::Expired)),
        ("revoked", |facts| facts.deactivated = Some(Deactivation::Revoked)),
        ("expires now", |facts| facts.expires = Some(Timestamp::from_seconds(1_800_000_000))),
        ("no limit", |facts| facts.remaining = None),
        ("too small", |facts| facts.remaining = Some(Money::new(4360, shop::usd()))),
        ("too large", |facts| facts.remaining = Some(Money::new(4362, shop::usd()))),
        ("other currency", |facts| facts.remaining = Some(Money::new(4361, "eur".parse().unwrap()))),
    ];
    let mut harness = DriverHarness::ready();
    for (name, spoil) in change {
        let paying = harness.pay("spt_first0001");
        let mut facts = harness.good_facts();
        spoil(&mut facts);
        harness.tell_token(Ok(facts));
        let answer = harness.answer(paying).unwrap();
        assert_eq!(answer.notice.unwrap().code(), NoticeCode::PaymentDeclined, "{name}");
        assert!(harness.effects.is_empty() && harness.attempts.is_empty(), "{name}");
    }
    let foreign = harness.pay("spt_first0001");
    harness.tell_token(Err(TokenReadError::Foreign));
    assert_eq!(harness.answer(foreign).unwrap().notice.unwrap().code(), NoticeCode::PaymentDeclined);
    let unread = harness.pay("spt_first0001");
    harness.tell_token(Err(TokenReadError::ReadFailed));
    assert_eq!(harness.answer(unread).unwrap_err(), Rejection::Shop(ShopRejection::TokenUnread));

    let paying = harness.pay("spt_first0001");
    harness.tell_token(Ok(harness.good_facts()));
    harness.see(succeeded(&harness));
    assert!(harness.answer(paying).unwrap().order.is_some());
}

#[test]
fn an_item_that_is_gone_when_it_is_paid_reopens_the_session() {
    let mut harness = DriverHarness::ready();
    harness.view.catalog = shop::catalog(false).into();
    let paying = harness.pay("spt_first0001");
    let answer = harness.answer(paying).unwrap();
    assert_eq!(answer.notice.unwrap().code(), NoticeCode::OutOfStock);
    assert!(matches!(harness.session().state, State::Open { .. }));
    assert!(harness.gathers.is_empty() && harness.attempts.is_empty());
}

#[test]
fn the_fifth_dead_attempt_cancels_the_session() {
    let mut harness = DriverHarness::ready();
    for number in 1..=5 {
        let paying = harness.pay(&format!("spt_number000{number}"));
        harness.tell_token(Ok(harness.good_facts()));
        harness.see(declined());
        assert_eq!(harness.answer(paying).unwrap().notice.unwrap().code(), NoticeCode::PaymentDeclined);
    }
    assert_eq!(harness.session().state, State::Canceled { reason: CancelReason::TooManyAttempts });
    let sixth = harness.pay("spt_number0006");
    assert_eq!(harness.answer(sixth).unwrap_err(), Rejection::Shopper(ShopperRejection::Ended("canceled")));
}

#[test]
fn nothing_changes_under_a_running_payment() {
    let (mut harness, paying) = DriverHarness::charging();
    for command in [Command::Cancel, Command::Update { revision: None, patch: Patch::default() }] {
        let asked = harness.ask(command);
        assert_eq!(harness.answer(asked).unwrap().notice.unwrap().code(), NoticeCode::Conflict);
    }
    harness.pass(Span::hours(3));
    harness.wake();
    assert!(matches!(harness.session().state, State::Charging(_)), "no expiry over an undecided attempt");
    harness.see(succeeded(&harness));
    assert!(harness.answer(paying).unwrap().order.is_some());
}

#[test]
fn a_late_success_of_a_failed_attempt_is_only_flagged() {
    let (mut harness, _) = DriverHarness::charging();
    let late = succeeded(&harness);
    harness.see(declined());
    let attempt = harness.attempts[0].number;
    harness.feed(merchant_gateway::domain::checkout::driver::Input::AttemptObserved {
        attempt,
        seen: Box::new(late.into()),
        answer: StripeAnswer::default(),
    });
    assert_eq!(harness.flags.len(), 1);
    assert_eq!(harness.flags[0].reason, FlagReason::PaidByFailedAttempt);
    assert!(matches!(harness.session().state, State::Ready { .. }));
}

#[test]
fn a_fifth_attempt_that_never_happened_cancels_as_well() {
    let mut harness = DriverHarness::ready();
    for number in 1..=4 {
        harness.pay(&format!("spt_number000{number}"));
        harness.tell_token(Ok(harness.good_facts()));
        harness.see(declined());
    }
    let fifth = harness.pay("spt_number0005");
    harness.tell_token(Ok(harness.good_facts()));
    harness.see(Observation::Inconclusive(Inconclusive { cannot_repeat: true, ..Inconclusive::default() }));
    harness.pass(Span::minutes(23));
    harness.see_nothing();
    harness.wait_and_wake();
    harness.see_nothing();
    assert_eq!(harness.session().state, State::Canceled { reason: CancelReason::TooManyAttempts });
    assert!(!harness.waits(fifth));
}

#[test]
fn a_session_keeps_the_token_policy_that_it_began_with() {
    let mut harness = DriverHarness::ready();
    harness.view.checkout.tokens.allow_larger = true;
    let paying = harness.pay("spt_first0001");
    let larger = TokenFacts { remaining: Some(Money::new(9_999, shop::usd())), ..harness.good_facts() };
    harness.tell_token(Ok(larger));
    assert_eq!(harness.answer(paying).unwrap().notice.unwrap().code(), NoticeCode::PaymentDeclined);

    let mut harness = DriverHarness::default();
    harness.view.checkout.tokens.allow_larger = true;
    harness.ask(shop::create(shop::two_mugs()));
    let paying = harness.pay("spt_first0001");
    let larger = TokenFacts { remaining: Some(Money::new(9_999, shop::usd())), ..harness.good_facts() };
    harness.tell_token(Ok(larger));
    harness.see(succeeded(&harness));
    assert_eq!(
        harness.answer(paying).unwrap().order.unwrap().order.quote.total.minor,
        4361,
        "the quote is charged"
    );
}

#[test]
fn a_cancel_that_meets_a_payment_under_way_keeps_what_it_is_for() {
    let (mut harness, paying) = DriverHarness::charging();
    harness.see(Observation::PaymentIntent(harness.intent(PaymentIntentStatus::RequiresAction)));
    harness.see(Observation::PaymentIntent(harness.intent(PaymentIntentStatus::Processing)));
    harness.wait_and_wake();
    assert!(matches!(harness.effects[..], [Effect::Cancel { .. }]));
    harness.see(Observation::PaymentIntent(harness.intent(PaymentIntentStatus::Canceled)));
    assert_eq!(harness.answer(paying).unwrap().notice.unwrap().code(), NoticeCode::Requires3ds);
}

#[test]
fn every_succeeded_payment_is_on_the_order_or_flagged() {
    let (mut harness, paying) = DriverHarness::charging();
    let other: merchant_gateway::domain::ids::PaymentIntentId = "pi_other".parse().unwrap();
    let primary = succeeded(&harness);
    harness.see(AttemptObservation { primary, other_payments: vec![other.clone()] });
    assert!(harness.answer(paying).unwrap().order.is_some());
    let flagged: Vec<_> = harness.flags.iter().map(|flag| (flag.intent.clone(), flag.reason)).collect();
    assert_eq!(flagged, [(other.clone(), FlagReason::PaidTwice)]);

    let (mut harness, _) = DriverHarness::charging();
    harness.see(Observation::Inconclusive(Inconclusive { cannot_repeat: true, ..Inconclusive::default() }));
    let primary = Observation::Absent { asked: harness.now };
    harness.see(AttemptObservation { primary, other_payments: vec![other] });
    assert_eq!(harness.flags[0].reason, FlagReason::PaidByFailedAttempt);

    let (mut harness, _) = DriverHarness::charging();
    let mut intent = harness.intent(PaymentIntentStatus::Succeeded);
    intent.amount = Money::new(1, shop::usd());
    harness.see(Observation::PaymentIntent(intent.clone()));
    let flagged: Vec<_> = harness.flags.iter().map(|flag| (flag.intent.clone(), flag.reason)).collect();
    assert_eq!(flagged, [(intent.id, FlagReason::PaymentDisagrees)]);
}

#[test]
fn a_limit_leaves_a_repeat_undecided_and_rejects_other_payments() {
    let mut harness = DriverHarness::ready();
    let alone = harness.pay("spt_first0001");
    harness.tell_token(Err(TokenReadError::TooMany));
    assert_eq!(harness.answer(alone).unwrap_err(), Rejection::Shop(ShopRejection::TooManyPayments));

    let (first, repeat) = (harness.pay("spt_first0001"), harness.pay("spt_first0001"));
    harness.gathers.swap(0, 1);
    harness.tell_token(Err(TokenReadError::TooMany));
    assert_eq!(
        harness.answer(repeat).unwrap_err(),
        Rejection::Shopper(ShopperRejection::Undecided),
        "the first may be charged yet"
    );
    harness.tell_token(Ok(harness.good_facts()));
    let later = harness.pay("spt_first0001");
    assert!(harness.gathers.is_empty(), "a repeat of what is under way asks nothing");
    harness.see(succeeded(&harness));
    for request in [first, later] {
        assert!(harness.answer(request).unwrap().order.is_some());
    }
}

#[test]
fn an_inconclusive_answer_is_in_the_timeline_with_a_short_cause() {
    let (mut harness, _) = DriverHarness::charging();
    harness.answered = StripeAnswer {
        status: Some(502),
        code: Some("api_error".to_owned()),
        address: Some("stripe.example:443".to_owned()),
        cause: Some("x".repeat(5000)),
        request_id: None,
    };
    harness.see(Observation::Inconclusive(Inconclusive::default()));
    let told: Vec<serde_json::Value> =
        harness.timeline.iter().map(|entry| serde_json::to_value(entry).unwrap()).collect();
    let entry = told.iter().find(|entry| entry["event"] == "stripe").unwrap();
    assert_eq!(
        [&entry["seen"], &entry["status"], &entry["code"], &entry["address"]],
        [
            &serde_json::json!("no certain answer"),
            &serde_json::json!(502),
            &serde_json::json!("api_error"),
            &serde_json::json!("stripe.example:443")
        ]
    );
    assert_eq!(entry["cause"].as_str().unwrap().len(), 200);
    for entry in &harness.timeline {
        let kept = serde_json::to_string(entry).unwrap();
        assert_eq!(serde_json::from_str::<TimelineEntry>(&kept).unwrap(), *entry, "it is read again");
    }

    harness.wait_and_wake();
    harness.see(succeeded(&harness));
    let shown = harness.timeline.iter().map(|entry| serde_json::to_value(entry).unwrap());
    let shown: Vec<_> = shown.filter(|entry| entry["seen"] == "payment succeeded").collect();
    assert!(shown.len() == 1 && shown[0].get("cause").is_none(), "a success has no cause: {shown:?}");

    let old = r#"{"at":1700000000000,"event":"stripe","attempt":1,"seen":"not read","request_id":"req_1","times":2}"#;
    let at = serde_json::to_value(harness.now).unwrap();
    let mut old: serde_json::Value = serde_json::from_str(old).unwrap();
    old["at"] = at;
    let read: TimelineEntry = serde_json::from_value(old.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), old, "what was written before stays readable");
}
