//! A token on the payment sheet: what is looked at before anything is asked, what comes of a payment, and of its repeats.

use merchant_gateway::domain::checkout::attempt::{FlagReason, IntentStatus, Seen, Unknown};
use merchant_gateway::domain::checkout::command::{Command, Patch, Rejection};
use merchant_gateway::domain::checkout::driver::GatherError;
use merchant_gateway::domain::checkout::effect::Effect;
use merchant_gateway::domain::checkout::session::{CancelReason, NoticeCode, State};
use merchant_gateway::domain::checkout::timeline::{Entry, StripeAnswer};
use merchant_gateway::domain::checkout::token::{Deactivation, TokenFacts};
use merchant_gateway::domain::ids::Revision;
use merchant_gateway::domain::merchant::MerchantStatus;
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::time::{Span, Timestamp};

use crate::support::bench::{Bench, token_used_elsewhere};
use crate::support::shop;

use super::{Named, Refusal, declined, succeeded};

#[test]
fn a_payment_ends_in_one_order_that_every_repeat_hears() {
    let (mut bench, paying) = Bench::charging();
    assert!(bench.waits(paying), "the caller waits for Stripe");
    bench.see(succeeded(&bench));
    let first = bench.answer(paying).unwrap();
    let order = first.order.unwrap();
    assert_eq!(order.order.quote.total.minor, 4361);

    for (token, revision) in [("spt_first0001", Some(1)), ("spt_second002", Some(7)), ("spt_third0003", None)]
    {
        let again = bench.pay_revision(token, revision.map(Revision));
        let answer = bench.answer(again).unwrap();
        assert_eq!(answer.order.unwrap(), order, "{token}");
        assert_eq!(answer.repeats_payment, token == "spt_first0001", "only this token has paid: {token}");
    }
    assert!(bench.effects.is_empty() && bench.gathers.is_empty(), "Stripe is not asked again");
    assert_eq!(bench.attempts.len(), 1);
}

#[test]
fn a_declined_card_leaves_the_session_payable() {
    let (mut bench, paying) = Bench::charging();
    bench.see(declined());
    let answer = bench.answer(paying).unwrap();
    assert_eq!(answer.notice.unwrap().code, NoticeCode::PaymentDeclined);
    assert!(matches!(bench.session().state, State::Ready { .. }));

    let again = bench.pay("spt_second002");
    bench.tell_token(Ok(bench.good_facts()));
    assert_eq!(bench.session().notice, None, "the decline is of the attempt before");
    bench.see(succeeded(&bench));
    assert!(bench.answer(again).unwrap().order.is_some());
    assert_ne!(bench.attempts[0].idempotency_key, bench.attempts[1].idempotency_key);
}

#[test]
fn a_declined_token_hears_its_own_decline_again() {
    let (mut bench, _) = Bench::charging();
    bench.see(declined());
    let again = bench.pay("spt_first0001");
    let answer = bench.answer(again).unwrap();
    assert_eq!(answer.notice.unwrap().text, "Your card was declined.");
    assert!(bench.gathers.is_empty() && bench.effects.is_empty());

    // Also while the next attempt is under way, and after it has paid.
    let second = bench.pay("spt_second002");
    bench.tell_token(Ok(bench.good_facts()));
    let meanwhile = bench.pay("spt_first0001");
    assert_eq!(bench.answer(meanwhile).unwrap().notice.unwrap().text, "Your card was declined.");
    bench.see(succeeded(&bench));
    assert!(bench.answer(second).unwrap().order.is_some());
}

#[test]
fn the_same_token_joins_its_attempt_and_another_is_kept_out() {
    let (mut bench, first) = Bench::charging();
    let same = bench.pay("spt_first0001");
    let other = bench.pay("spt_second002");
    assert!(bench.waits(same));
    let told = bench.answer(other).unwrap();
    assert!(matches!(told.session.state, State::Charging(_)));
    assert_eq!(told.notice.unwrap().code, NoticeCode::Conflict);
    assert!(bench.gathers.is_empty(), "the second token is not even looked at");

    bench.see(succeeded(&bench));
    assert_eq!(bench.answer(first).unwrap().order, bench.answer(same).unwrap().order);
    assert_eq!(bench.attempts.len(), 1);
}

#[test]
fn a_payment_that_must_not_be_made_never_reaches_the_network() {
    let refusals: [Named<Refusal>; 6] = [
        ("stale revision", |bench| {
            bench.update(Patch::default());
            let paying = bench.pay_revision("spt_first0001", Some(Revision(1)));
            bench.answer(paying).unwrap_err()
        }),
        ("no revision", |bench| {
            let paying = bench.pay_revision("spt_first0001", None);
            bench.answer(paying).unwrap_err()
        }),
        ("expired quote", |bench| {
            bench.pass(Span::minutes(15));
            let paying = bench.pay("spt_first0001");
            bench.answer(paying).unwrap_err()
        }),
        ("suspended", |bench| {
            bench.view.status = MerchantStatus::Suspended;
            let paying = bench.pay("spt_first0001");
            bench.answer(paying).unwrap_err()
        }),
        ("unknown account", |bench| {
            bench.view.account = None;
            let paying = bench.pay("spt_first0001");
            bench.answer(paying).unwrap_err()
        }),
        ("token of another checkout", |bench| {
            token_used_elsewhere(bench, "spt_first0001");
            let paying = bench.pay("spt_first0001");
            bench.answer(paying).unwrap_err()
        }),
    ];
    let mut seen = Vec::new();
    for (name, refuse) in refusals {
        let mut bench = Bench::ready();
        let rejection = refuse(&mut bench);
        assert!(bench.gathers.is_empty() && bench.effects.is_empty(), "{name}");
        assert!(bench.attempts.is_empty(), "{name}");
        seen.push(rejection);
    }
    assert_eq!(
        seen,
        [
            Rejection::StaleRevision { current: Revision(2) },
            Rejection::RevisionMissing,
            Rejection::QuoteExpired,
            Rejection::Suspended,
            Rejection::AccountUnknown,
            Rejection::TokenUsedElsewhere,
        ]
    );
}

#[test]
fn a_token_that_cannot_pay_is_told_on_the_sheet_and_may_be_sent_again() {
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
    let mut bench = Bench::ready();
    for (name, spoil) in change {
        let paying = bench.pay("spt_first0001");
        let mut facts = bench.good_facts();
        spoil(&mut facts);
        bench.tell_token(Ok(facts));
        let answer = bench.answer(paying).unwrap();
        assert_eq!(answer.notice.unwrap().code, NoticeCode::PaymentDeclined, "{name}");
        assert!(bench.effects.is_empty() && bench.attempts.is_empty(), "{name}");
    }
    let foreign = bench.pay("spt_first0001");
    bench.tell_token(Err(GatherError::Foreign));
    assert_eq!(bench.answer(foreign).unwrap().notice.unwrap().code, NoticeCode::PaymentDeclined);
    let unread = bench.pay("spt_first0001");
    bench.tell_token(Err(GatherError::Unread));
    assert_eq!(bench.answer(unread).unwrap_err(), Rejection::TokenUnread);

    let paying = bench.pay("spt_first0001");
    bench.tell_token(Ok(bench.good_facts()));
    bench.see(succeeded(&bench));
    assert!(bench.answer(paying).unwrap().order.is_some());
}

#[test]
fn an_item_that_is_gone_when_it_is_paid_reopens_the_session() {
    let mut bench = Bench::ready();
    bench.view.catalog = shop::catalog(false);
    let paying = bench.pay("spt_first0001");
    let answer = bench.answer(paying).unwrap();
    assert_eq!(answer.notice.unwrap().code, NoticeCode::OutOfStock);
    assert!(matches!(bench.session().state, State::Open { .. }));
    assert!(bench.gathers.is_empty() && bench.attempts.is_empty());
}

#[test]
fn the_fifth_dead_attempt_cancels_the_session() {
    let mut bench = Bench::ready();
    for number in 1..=5 {
        let paying = bench.pay(&format!("spt_number000{number}"));
        bench.tell_token(Ok(bench.good_facts()));
        bench.see(declined());
        assert_eq!(bench.answer(paying).unwrap().notice.unwrap().code, NoticeCode::PaymentDeclined);
    }
    assert_eq!(bench.session().state, State::Canceled { reason: CancelReason::TooManyAttempts });
    let sixth = bench.pay("spt_number0006");
    assert_eq!(bench.answer(sixth).unwrap_err(), Rejection::Ended("canceled"));
}

#[test]
fn nothing_changes_under_a_running_payment() {
    let (mut bench, paying) = Bench::charging();
    for command in [Command::Cancel, Command::Update { revision: None, patch: Patch::default() }] {
        let asked = bench.ask(command);
        assert_eq!(bench.answer(asked).unwrap().notice.unwrap().code, NoticeCode::Conflict);
    }
    bench.pass(Span::hours(3));
    bench.wake();
    assert!(matches!(bench.session().state, State::Charging(_)), "no expiry over an undecided attempt");
    bench.see(succeeded(&bench));
    assert!(bench.answer(paying).unwrap().order.is_some());
}

#[test]
fn a_success_of_an_attempt_taken_for_dead_is_flagged_and_changes_nothing() {
    let (mut bench, _) = Bench::charging();
    let late = succeeded(&bench);
    bench.see(declined());
    let attempt = bench.attempts[0].number;
    bench.feed(merchant_gateway::domain::checkout::driver::Input::Saw {
        attempt,
        seen: Box::new(late),
        answer: StripeAnswer::default(),
    });
    assert_eq!(bench.flags.len(), 1);
    assert_eq!(bench.flags[0].reason, FlagReason::PaidByDeadAttempt);
    assert!(matches!(bench.session().state, State::Ready { .. }));
}

#[test]
fn a_fifth_attempt_that_never_happened_cancels_as_well() {
    let mut bench = Bench::ready();
    for number in 1..=4 {
        bench.pay(&format!("spt_number000{number}"));
        bench.tell_token(Ok(bench.good_facts()));
        bench.see(declined());
    }
    let fifth = bench.pay("spt_number0005");
    bench.tell_token(Ok(bench.good_facts()));
    bench.see(Seen::Unknown(Unknown { cannot_repeat: true, ..Unknown::default() }));
    bench.pass(Span::minutes(23));
    bench.see_nothing();
    bench.wait_and_wake();
    bench.see_nothing();
    assert_eq!(bench.session().state, State::Canceled { reason: CancelReason::TooManyAttempts });
    assert!(!bench.waits(fifth));
}

#[test]
fn a_session_keeps_the_token_policy_that_it_began_with() {
    let mut bench = Bench::ready();
    bench.view.checkout.tokens.allow_larger = true;
    let paying = bench.pay("spt_first0001");
    let larger = TokenFacts { remaining: Some(Money::new(9_999, shop::usd())), ..bench.good_facts() };
    bench.tell_token(Ok(larger));
    assert_eq!(bench.answer(paying).unwrap().notice.unwrap().code, NoticeCode::PaymentDeclined);

    let mut bench = Bench::new();
    bench.view.checkout.tokens.allow_larger = true;
    bench.ask(Command::Create(shop::two_mugs()));
    let paying = bench.pay("spt_first0001");
    let larger = TokenFacts { remaining: Some(Money::new(9_999, shop::usd())), ..bench.good_facts() };
    bench.tell_token(Ok(larger));
    bench.see(succeeded(&bench));
    assert_eq!(
        bench.answer(paying).unwrap().order.unwrap().order.quote.total.minor,
        4361,
        "the quote is charged"
    );
}

#[test]
fn a_cancel_that_meets_a_payment_under_way_keeps_what_it_is_for() {
    let (mut bench, paying) = Bench::charging();
    bench.see(Seen::Intent(bench.intent(IntentStatus::RequiresAction)));
    bench.see(Seen::Intent(bench.intent(IntentStatus::Processing)));
    bench.wait_and_wake();
    assert!(matches!(bench.effects[..], [Effect::Cancel { .. }]));
    bench.see(Seen::Intent(bench.intent(IntentStatus::Canceled)));
    assert_eq!(bench.answer(paying).unwrap().notice.unwrap().code, NoticeCode::Requires3ds);
}

#[test]
fn every_succeeded_payment_is_on_the_order_or_flagged() {
    let (mut bench, paying) = Bench::charging();
    let other: merchant_gateway::domain::ids::PaymentIntentId = "pi_other".parse().unwrap();
    let seen = Box::new(succeeded(&bench));
    bench.see(Seen::Beside { seen, paid: vec![other.clone()] });
    assert!(bench.answer(paying).unwrap().order.is_some());
    let flagged: Vec<_> = bench.flags.iter().map(|flag| (flag.intent.clone(), flag.reason)).collect();
    assert_eq!(flagged, [(other.clone(), FlagReason::PaidTwice)]);

    let (mut bench, _) = Bench::charging();
    bench.see(Seen::Unknown(Unknown { cannot_repeat: true, ..Unknown::default() }));
    let seen = Box::new(Seen::Absent { asked: bench.now });
    bench.see(Seen::Beside { seen, paid: vec![other] });
    assert_eq!(bench.flags[0].reason, FlagReason::PaidByDeadAttempt);

    let (mut bench, _) = Bench::charging();
    let mut intent = bench.intent(IntentStatus::Succeeded);
    intent.amount = Money::new(1, shop::usd());
    bench.see(Seen::Intent(intent.clone()));
    let flagged: Vec<_> = bench.flags.iter().map(|flag| (flag.intent.clone(), flag.reason)).collect();
    assert_eq!(flagged, [(intent.id, FlagReason::PaymentDisagrees)]);
}

#[test]
fn a_limit_is_told_as_not_begun_and_to_the_repeat_of_a_payment_as_under_way() {
    let mut bench = Bench::ready();
    let alone = bench.pay("spt_first0001");
    bench.tell_token(Err(GatherError::TooMany));
    assert_eq!(bench.answer(alone).unwrap_err(), Rejection::TooManyPayments);

    let (first, repeat) = (bench.pay("spt_first0001"), bench.pay("spt_first0001"));
    bench.gathers.swap(0, 1);
    bench.tell_token(Err(GatherError::TooMany));
    assert_eq!(bench.answer(repeat).unwrap_err(), Rejection::Undecided, "the first may be charged yet");
    bench.tell_token(Ok(bench.good_facts()));
    let later = bench.pay("spt_first0001");
    assert!(bench.gathers.is_empty(), "a repeat of what is under way asks nothing");
    bench.see(succeeded(&bench));
    for request in [first, later] {
        assert!(bench.answer(request).unwrap().order.is_some());
    }
}

#[test]
fn an_answer_that_tells_nothing_is_in_the_timeline_with_its_status_and_cause_and_not_at_length() {
    let (mut bench, _) = Bench::charging();
    bench.answered = StripeAnswer {
        status: Some(502),
        code: Some("api_error".to_owned()),
        address: Some("stripe.example:443".to_owned()),
        cause: Some("x".repeat(5000)),
        request_id: None,
    };
    bench.see(Seen::Unknown(Unknown::default()));
    let told: Vec<serde_json::Value> =
        bench.timeline.iter().map(|entry| serde_json::to_value(entry).unwrap()).collect();
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
    for entry in &bench.timeline {
        let kept = serde_json::to_string(entry).unwrap();
        assert_eq!(serde_json::from_str::<Entry>(&kept).unwrap(), *entry, "it is read again");
    }

    bench.wait_and_wake();
    bench.see(succeeded(&bench));
    let shown = bench.timeline.iter().map(|entry| serde_json::to_value(entry).unwrap());
    let shown: Vec<_> = shown.filter(|entry| entry["seen"] == "payment succeeded").collect();
    assert!(shown.len() == 1 && shown[0].get("cause").is_none(), "a success has no cause: {shown:?}");

    let old = r#"{"at":1700000000000,"event":"stripe","attempt":1,"seen":"not read","request_id":"req_1","times":2}"#;
    let at = serde_json::to_value(bench.now).unwrap();
    let mut old: serde_json::Value = serde_json::from_str(old).unwrap();
    old["at"] = at;
    let read: Entry = serde_json::from_value(old.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), old, "what was written before stays readable");
}
