//! The checkout machine and its driver, without any I/O.

mod hints;
mod pages;

use merchant_gateway::domain::checkout::attempt::{FlagReason, IntentSeen, IntentStatus, Seen, Unknown};
use merchant_gateway::domain::checkout::command::{Command, Patch, Rejection};
use merchant_gateway::domain::checkout::decision::Decision;
use merchant_gateway::domain::checkout::driver::GatherError;
use merchant_gateway::domain::checkout::effect::Effect;
use merchant_gateway::domain::checkout::session::{CancelReason, FreezeReason, NoticeCode, Phase, State};
use merchant_gateway::domain::checkout::token::{Deactivation, TokenFacts};
use merchant_gateway::domain::ids::Revision;
use merchant_gateway::domain::merchant::MerchantStatus;
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::pricing::PricingProblem;
use merchant_gateway::domain::time::{Span, Timestamp};

use crate::support::bench::{Bench, NextCommit, token_used_elsewhere};
use crate::support::shop;

/// A case of a test, with its name.
type Named<T> = (&'static str, T);

/// Makes a payment that must be refused, and gives the refusal.
type Refusal = fn(&mut Bench) -> Rejection;

fn declined() -> Seen {
    Seen::Declined { intent: None, requires_3ds: false, text: "Your card was declined.".to_owned() }
}

fn nothing_known() -> Seen {
    Seen::Unknown(Unknown::default())
}

/// Reads in vain, again and again, until an operator is asked.
fn fails_until_frozen(bench: &mut Bench, seen: &Seen) {
    for _ in 0..5000 {
        bench.see(seen.clone());
        if matches!(bench.session().state, State::Frozen { reason: FreezeReason::Unreadable, .. }) {
            return;
        }
        bench.wait_and_wake();
    }
    panic!("nobody was asked until {}", bench.now);
}

fn succeeded(bench: &Bench) -> Seen {
    Seen::Intent(bench.intent(IntentStatus::Succeeded))
}

#[test]
fn a_session_is_priced_as_soon_as_its_address_is_known() {
    let mut bench = Bench::new();
    let created = bench.ask(Command::Create(Patch { cart: Some(shop::cart("mug", 2)), ..Patch::default() }));
    let answer = bench.answer(created).unwrap();
    assert_eq!(answer.session.state, State::Open { problem: Some(PricingProblem::AddressNeeded) });

    let edited = bench.update(Patch { address: Some(shop::address("CA")), ..Patch::default() });
    let session = bench.answer(edited).unwrap().session;
    let quote = session.quote().unwrap();
    assert_eq!((quote.subtotal.minor, quote.tax.minor, quote.fulfillment.minor), (3600, 261, 500));
    assert_eq!(quote.total.minor, 4361);
    assert_eq!(session.revision, Revision(2));
}

#[test]
fn a_tax_that_is_not_known_is_never_zero() {
    let mut bench = Bench::ready();
    let edited = bench.update(Patch { address: Some(shop::address("TX")), ..Patch::default() });
    let session = bench.answer(edited).unwrap().session;
    assert_eq!(session.state, State::Open { problem: Some(PricingProblem::TaxUnknown) });
}

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
        assert_eq!(bench.answer(again).unwrap().order.unwrap(), order, "{token}");
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
fn an_expired_quote_is_renewed_by_an_empty_update() {
    let mut bench = Bench::ready();
    bench.pass(Span::minutes(16));
    let looking = bench.ask(Command::Read);
    assert_eq!(bench.answer(looking).unwrap().notice.unwrap().code, NoticeCode::Expired);
    bench.update(Patch::default());
    let paying = bench.pay("spt_first0001");
    bench.tell_token(Ok(bench.good_facts()));
    bench.see(succeeded(&bench));
    assert!(bench.answer(paying).unwrap().order.is_some());
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
fn an_unknown_outcome_is_repeated_and_never_called_failed() {
    let (mut bench, paying) = Bench::charging();
    let mut pauses = Vec::new();
    for _ in 0..4 {
        bench.see(nothing_known());
        assert!(bench.waits(paying));
        let before = bench.now;
        bench.wait_and_wake();
        pauses.push(bench.now.since(before).as_millis());
        assert_eq!(bench.effects, [Effect::Charge(bench.charging_state().attempt)]);
    }
    assert_eq!(pauses, [375, 750, 1500, 3000], "the pause doubles");
    bench.see(succeeded(&bench));
    assert!(bench.answer(paying).unwrap().order.is_some());
    assert_eq!(bench.attempts.len(), 1);
}

#[test]
fn retry_after_is_obeyed() {
    let (mut bench, _) = Bench::charging();
    let retry_after = Some(Span::seconds(7));
    bench.see(Seen::Unknown(Unknown { retry_after, ..Unknown::default() }));
    assert_eq!(bench.wake.unwrap().since(bench.now), Span::seconds(7));
}

#[test]
fn repeating_stops_early_where_it_can_tell_nothing_new() {
    let stops = [
        Unknown { should_retry: Some(false), ..Unknown::default() },
        Unknown { cannot_repeat: true, ..Unknown::default() },
    ];
    for unknown in stops {
        let (mut bench, _) = Bench::charging();
        bench.see(Seen::Unknown(unknown));
        assert!(matches!(bench.effects[..], [Effect::Read { intent: None, .. }]));
    }
    let (mut bench, _) = Bench::charging();
    for _ in 0..2 {
        bench.see(Seen::Unknown(Unknown { replayed_error: true, ..Unknown::default() }));
        bench.wait_and_wake();
        assert!(matches!(bench.effects[..], [Effect::Charge(_)]));
    }
    bench.see(Seen::Unknown(Unknown { replayed_error: true, ..Unknown::default() }));
    assert!(matches!(bench.effects[..], [Effect::Read { .. }]));
}

#[test]
fn silence_is_absence_only_after_two_late_and_distant_readings() {
    let (mut bench, paying) = Bench::charging();
    bench.see(nothing_known());
    bench.pass(Span::minutes(20));
    bench.wake();
    // Repeating has ended with the quote, so Stripe is read; but the last send is not two minutes ago.
    assert!(matches!(bench.effects[..], [Effect::Read { .. }]));
    bench.see_nothing();
    assert!(matches!(bench.charging_state().phase, Phase::Reading { absent_since: None }));

    // A reading that was begun too early says no more when it is written late.
    let early = bench.now;
    bench.pass(Span::minutes(2));
    bench.wake();
    bench.see(Seen::Absent { asked: early });
    assert!(matches!(bench.charging_state().phase, Phase::Reading { absent_since: None }));

    bench.wait_and_wake();
    bench.see_nothing();
    let first = bench.now;
    assert!(matches!(bench.charging_state().phase, Phase::Reading { absent_since: Some(_) }));
    bench.wait_and_wake();
    assert!(bench.now.since(first) >= Span::seconds(30));
    bench.see_nothing();
    assert_eq!(bench.session().state, State::Open { problem: None });
    assert_eq!(bench.answer(paying).unwrap().notice.unwrap().code, NoticeCode::PaymentDeclined);

    let too_soon = bench.pay("spt_second002");
    assert!(
        matches!(bench.answer(too_soon), Err(Rejection::NotPayable(_))),
        "a new revision must be shown first"
    );
}

#[test]
fn a_payment_found_by_reading_becomes_the_order() {
    let (mut bench, paying) = Bench::charging();
    bench.see(Seen::Unknown(Unknown { cannot_repeat: true, ..Unknown::default() }));
    bench.see(succeeded(&bench));
    assert!(bench.answer(paying).unwrap().order.is_some());
}

#[test]
fn what_cannot_be_read_for_a_day_is_frozen_for_an_operator() {
    let (mut bench, _) = Bench::charging();
    bench.see(Seen::Unknown(Unknown { cannot_repeat: true, ..Unknown::default() }));
    let began = bench.now;
    fails_until_frozen(&mut bench, &Seen::Unread);
    assert!(bench.now.since(began) >= Span::hours(24));
    assert!(matches!(bench.session().state, State::Frozen { reason: FreezeReason::Unreadable, .. }));
    let other = bench.pay("spt_second002");
    assert!(matches!(bench.answer(other).unwrap().session.state, State::Frozen { .. }));
    let edit = bench.update(Patch::default());
    assert_eq!(bench.answer(edit).unwrap().notice.unwrap().code, NoticeCode::Conflict);
}

#[test]
fn a_payment_that_disagrees_is_never_an_order() {
    let spoil: [Named<fn(&mut IntentSeen)>; 4] = [
        ("amount", |intent| intent.amount = Money::new(1, shop::usd())),
        ("mode", |intent| intent.livemode = true),
        ("revision", |intent| intent.revision = Some(Revision(9))),
        ("session", |intent| intent.session = None),
    ];
    for (name, spoil) in spoil {
        let (mut bench, paying) = Bench::charging();
        let mut intent = bench.intent(IntentStatus::Succeeded);
        spoil(&mut intent);
        bench.see(Seen::Intent(intent));
        assert!(
            matches!(bench.session().state, State::Frozen { reason: FreezeReason::PaymentDisagrees, .. }),
            "{name}"
        );
        assert!(bench.answer(paying).unwrap().order.is_none(), "{name}");
    }
}

#[test]
fn a_bank_that_wants_a_confirmation_has_its_payment_canceled_first() {
    let (mut bench, paying) = Bench::charging();
    bench.see(Seen::Intent(bench.intent(IntentStatus::RequiresAction)));
    assert!(matches!(bench.effects[..], [Effect::Cancel { .. }]));
    assert!(bench.waits(paying), "nothing is said before the cancel is confirmed");
    bench.see(Seen::Intent(bench.intent(IntentStatus::Canceled)));
    assert_eq!(bench.answer(paying).unwrap().notice.unwrap().code, NoticeCode::Requires3ds);

    let (mut bench, paying) = Bench::charging();
    bench.see(Seen::Intent(bench.intent(IntentStatus::RequiresAction)));
    bench.see(succeeded(&bench));
    assert!(bench.answer(paying).unwrap().order.is_some(), "it was paid before it could be canceled");
}

#[test]
fn a_refused_token_that_may_be_our_own_success_is_read_first() {
    let (mut bench, paying) = Bench::charging();
    bench.see(Seen::TokenRefused { maybe_consumed: true, detail: String::new() });
    assert!(matches!(bench.effects[..], [Effect::Read { .. }]));
    bench.see(succeeded(&bench));
    assert!(bench.answer(paying).unwrap().order.is_some());

    let (mut bench, paying) = Bench::charging();
    bench.see(Seen::TokenRefused { maybe_consumed: false, detail: String::new() });
    assert_eq!(bench.answer(paying).unwrap().notice.unwrap().code, NoticeCode::PaymentDeclined);
}

#[test]
fn an_idempotency_conflict_freezes_and_a_refused_key_waits() {
    let (mut bench, _) = Bench::charging();
    bench.see(Seen::IdempotencyConflict);
    assert!(matches!(bench.session().state, State::Frozen { reason: FreezeReason::IdempotencyConflict, .. }));

    let (mut bench, paying) = Bench::charging();
    bench.see(Seen::KeyRefused);
    bench.wait_and_wake();
    bench.see(succeeded(&bench));
    assert!(bench.answer(paying).unwrap().order.is_some());
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
fn a_session_ends_with_its_time_and_stays_ended() {
    let mut bench = Bench::ready();
    bench.pass(Span::hours(2));
    let edit = bench.update(Patch::default());
    assert_eq!(bench.answer(edit).unwrap_err(), Rejection::Ended("expired"));
    let paying = bench.pay("spt_first0001");
    assert_eq!(bench.answer(paying).unwrap_err(), Rejection::Ended("expired"));

    let mut bench = Bench::ready();
    bench.pass(Span::hours(2));
    bench.wake();
    assert_eq!(bench.session().state, State::Expired);
}

#[test]
fn a_crash_after_the_commit_repeats_the_stored_request() {
    let (mut bench, _) = Bench::charging();
    bench.crash();
    bench.wait_and_wake();
    assert_eq!(bench.effects, [Effect::Charge(bench.charging_state().attempt)]);
    bench.see(succeeded(&bench));
    let asking = bench.pay("spt_first0001");
    assert!(bench.answer(asking).unwrap().order.is_some());
    assert_eq!(bench.attempts.len(), 1);
}

#[test]
fn a_failing_store_stops_a_payment_before_stripe_and_keeps_an_outcome_after_it() {
    let mut bench = Bench::ready();
    let paying = bench.pay("spt_first0001");
    bench.next_commit = NextCommit::Fails;
    bench.tell_token(Ok(bench.good_facts()));
    assert_eq!(bench.answer(paying).unwrap_err(), Rejection::Undecided, "what was written is not known");
    assert!(bench.effects.is_empty(), "nothing is sent without a durable attempt");
    bench.wait_and_wake();
    assert!(bench.effects.is_empty() && matches!(bench.session().state, State::Ready { .. }));

    let (mut bench, paying) = Bench::charging();
    bench.store_is_down = true;
    bench.see(succeeded(&bench));
    for _ in 0..3 {
        bench.wait_and_wake();
        assert!(bench.waits(paying), "nobody hears of a success that is not durable");
    }
    assert!(!bench.driver.is_idle(), "an outcome is never given up");
    bench.store_is_down = false;
    while bench.waits(paying) {
        bench.wait_and_wake();
    }
    assert!(bench.answer(paying).unwrap().order.is_some());
    assert_eq!(bench.attempts.len(), 1);
}

#[test]
fn an_attempt_whose_commit_was_done_unheard_is_carried_on() {
    let mut bench = Bench::ready();
    let paying = bench.pay("spt_first0001");
    bench.next_commit = NextCommit::FailsButIsDone;
    bench.tell_token(Ok(bench.good_facts()));
    assert_eq!(bench.answer(paying).unwrap_err(), Rejection::Undecided);
    bench.wait_and_wake();
    bench.wait_and_wake();
    assert!(matches!(bench.effects[..], [Effect::Charge(_)]));
    bench.see(succeeded(&bench));
    let again = bench.pay("spt_first0001");
    assert!(bench.answer(again).unwrap().order.is_some());
}

#[test]
fn a_caller_that_meets_conflicts_is_tried_again_and_then_told() {
    let mut bench = Bench::ready();
    bench.next_commit = NextCommit::Conflicts;
    let edit = bench.update(Patch::default());
    assert!(bench.answer(edit).is_ok(), "one conflict is nothing");

    let paying = bench.pay("spt_first0001");
    for _ in 0..3 {
        bench.next_commit = NextCommit::Conflicts;
        bench.tell_token(Ok(bench.good_facts()));
    }
    assert_eq!(bench.answer(paying).unwrap_err(), Rejection::Busy);
    assert!(bench.effects.is_empty());
}

#[test]
fn an_outcome_that_meets_a_conflict_is_stepped_again() {
    let (mut bench, paying) = Bench::charging();
    bench.next_commit = NextCommit::Conflicts;
    bench.see(succeeded(&bench));
    assert!(bench.answer(paying).unwrap().order.is_some());
}

#[test]
fn a_caller_that_goes_before_the_commit_stops_the_payment_and_after_it_does_not() {
    let mut bench = Bench::ready();
    let paying = bench.pay("spt_first0001");
    bench.feed(merchant_gateway::domain::checkout::driver::Input::GivenUp(paying));
    bench.tell_token(Ok(bench.good_facts()));
    assert!(bench.effects.is_empty() && bench.attempts.is_empty());

    let (mut bench, paying) = Bench::charging();
    bench.feed(merchant_gateway::domain::checkout::driver::Input::GivenUp(paying));
    bench.see(succeeded(&bench));
    assert!(matches!(bench.session().state, State::Completed { .. }));
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
        request_id: None,
    });
    assert_eq!(bench.flags.len(), 1);
    assert_eq!(bench.flags[0].reason, FlagReason::PaidByDeadAttempt);
    assert!(matches!(bench.session().state, State::Ready { .. }));
}

#[test]
fn made_up_items_and_unknown_options_are_told_apart() {
    let mut bench = Bench::new();
    let created =
        bench.ask(Command::Create(Patch { cart: Some(shop::cart("teapot", 1)), ..Patch::default() }));
    assert!(
        matches!(bench.answer(created).unwrap_err(), Rejection::UnknownItem(item) if item.as_str() == "teapot")
    );

    let mut bench = Bench::ready();
    let edit = bench.update(Patch { option_id: Some("rocket".parse().unwrap()), ..Patch::default() });
    let session = bench.answer(edit).unwrap().session;
    assert!(matches!(session.state, State::Open { problem: Some(PricingProblem::OptionNotOffered(_)) }));
}

#[test]
fn one_failed_reading_of_a_payment_that_is_under_way_freezes_nothing() {
    let (mut bench, _) = Bench::charging();
    bench.see(Seen::Intent(bench.intent(IntentStatus::Processing)));
    for _ in 0..30 {
        bench.pass(Span::hours(1));
        bench.wake();
        bench.see(Seen::Intent(bench.intent(IntentStatus::Processing)));
    }
    bench.pass(Span::hours(30));
    bench.wake();
    bench.see(Seen::Unread);
    assert!(
        matches!(bench.session().state, State::Charging(_)),
        "an outage of our own is no silence of Stripe's"
    );
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
fn no_retry_after_outlasts_the_last_moment_to_send() {
    let (mut bench, _) = Bench::charging();
    let retry_after = Some(Span::hours(72));
    bench.see(Seen::Unknown(Unknown { retry_after, ..Unknown::default() }));
    assert_eq!(bench.wake.unwrap().since(bench.now), Span::minutes(1));
    bench.pass(Span::minutes(20));
    bench.wake();
    assert!(matches!(bench.effects[..], [Effect::Read { .. }]));
}

#[test]
fn a_repeat_that_nobody_could_look_at_is_never_told_that_nothing_was_charged() {
    let (mut bench, _) = Bench::charging();
    bench.store_is_down = true;
    let again = bench.pay_revision("spt_first0001", Some(Revision(1)));
    assert_eq!(bench.answer(again).unwrap_err(), Rejection::Undecided);
    let reading = bench.ask(Command::Read);
    assert_eq!(bench.answer(reading).unwrap_err(), Rejection::Unavailable);
    for rejection in [Rejection::Undecided, Rejection::Unavailable, Rejection::Busy] {
        assert!(!rejection.to_string().contains("nothing was charged"), "{rejection}");
    }
}

#[test]
fn callers_are_answered_when_the_deciding_commit_was_done_unheard() {
    for paid in [true, false] {
        let (mut bench, paying) = Bench::charging();
        bench.next_commit = NextCommit::FailsButIsDone;
        let seen = if paid { succeeded(&bench) } else { declined() };
        bench.see(seen);
        bench.wait_and_wake();
        assert_eq!(bench.answer(paying).unwrap().order.is_some(), paid);
        assert!(bench.driver.is_idle());
    }
}

#[test]
fn a_session_whose_end_cannot_be_written_answers_all_the_same() {
    let mut bench = Bench::ready();
    bench.pass(Span::hours(3));
    bench.commits_fail = true;
    let reading = bench.ask(Command::Read);
    assert_eq!(bench.answer(reading).unwrap_err(), Rejection::Unavailable);
    let paying = bench.pay("spt_first0001");
    assert_eq!(bench.answer(paying).unwrap_err(), Rejection::Undecided);
    bench.commits_fail = false;
    bench.wait_and_wake();
    assert_eq!(bench.session().state, State::Expired);
    assert!(bench.driver.is_idle(), "nothing is left over");
}

#[test]
fn a_caller_that_goes_is_not_forgotten_when_another_goes_too() {
    use merchant_gateway::domain::checkout::driver::{Driver, Input, Output, RequestId};
    use merchant_gateway::domain::checkout::step::Moment;
    let bench = Bench::ready();
    let mut driver = Driver::new(bench.id.clone());
    let moment = Moment { now: bench.now, jitter: 0.5, random: 1 };
    let mut on = |input| driver.on(input, moment, &bench.view);
    on(Input::Asked { request: RequestId(1), command: Box::new(Command::Cancel) });
    on(Input::GivenUp(RequestId(1)));
    on(Input::GivenUp(RequestId(2)));
    let loaded = bench.row();
    let wanted = on(Input::Loaded(Ok(Box::new(loaded))));
    assert!(!wanted.iter().any(|output| matches!(output, Output::Commit(_))), "{wanted:?}");
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
fn a_key_that_is_refused_for_a_day_of_reading_asks_for_an_operator() {
    let (mut bench, _) = Bench::charging();
    bench.see(Seen::Unknown(Unknown { cannot_repeat: true, ..Unknown::default() }));
    let began = bench.now;
    fails_until_frozen(&mut bench, &Seen::KeyRefused);
    assert!(bench.now.since(began) >= Span::hours(24));
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
fn a_refusal_means_dead_only_when_no_earlier_send_may_have_paid() {
    let refusals = [
        ("the token", Seen::TokenRefused { maybe_consumed: false, detail: String::new() }),
        ("the request", Seen::RequestRefused { detail: String::new() }),
    ];
    for (name, refusal) in refusals {
        let (mut bench, paying) = Bench::charging();
        bench.see(refusal.clone());
        assert!(matches!(bench.session().state, State::Ready { .. }), "{name}");
        assert!(!bench.waits(paying), "{name}");

        let (mut bench, paying) = Bench::charging();
        bench.see(nothing_known());
        bench.wait_and_wake();
        bench.see(refusal.clone());
        assert!(matches!(bench.effects[..], [Effect::Read { .. }]), "{name}: the first send may have paid");
        bench.see(succeeded(&bench));
        assert!(bench.answer(paying).unwrap().order.is_some(), "{name}");

        let (mut bench, _) = Bench::charging();
        bench.crash();
        bench.wait_and_wake();
        bench.see(refusal);
        assert!(matches!(bench.effects[..], [Effect::Read { .. }]), "{name}: the lost send may have paid");
    }
}

#[test]
fn a_payment_under_way_is_read_less_and_less_often() {
    let (mut bench, _) = Bench::charging();
    let mut pauses = Vec::new();
    for _ in 0..9 {
        bench.see(Seen::Intent(bench.intent(IntentStatus::Processing)));
        let before = bench.now;
        bench.wait_and_wake();
        pauses.push(bench.now.since(before).as_millis());
    }
    assert_eq!(pauses, [375, 750, 1500, 3000, 6000, 12_000, 24_000, 45_000, 45_000]);
}

#[test]
fn every_try_to_cancel_has_a_number_of_its_own() {
    let (mut bench, _) = Bench::charging();
    bench.see(Seen::Intent(bench.intent(IntentStatus::RequiresAction)));
    let statuses = [IntentStatus::Processing, IntentStatus::RequiresAction, IntentStatus::Processing];
    let mut numbers = Vec::new();
    for status in statuses {
        let Effect::Cancel { tries, .. } = &bench.effects[0] else { panic!("{:?}", bench.effects) };
        numbers.push(*tries);
        bench.see(Seen::Intent(bench.intent(status)));
        bench.wait_and_wake();
    }
    assert_eq!(numbers, [0, 1, 2], "Stripe replays what it stored under a number");
}

#[test]
fn a_time_in_which_nobody_was_there_to_read_freezes_nothing() {
    let (mut bench, _) = Bench::charging();
    bench.see(Seen::Unknown(Unknown { cannot_repeat: true, ..Unknown::default() }));
    for _ in 0..25 {
        bench.see(Seen::Unread);
        bench.wait_and_wake();
    }
    // The process is down for more than a day, and finds the network down when it comes back.
    bench.pass(Span::hours(30));
    bench.crash();
    for _ in 0..25 {
        bench.see(Seen::Unread);
        bench.wait_and_wake();
    }
    assert!(matches!(bench.session().state, State::Charging(_)));
    fails_until_frozen(&mut bench, &Seen::Unread);
}

#[test]
fn a_refusal_whose_commit_was_done_unheard_stays_what_it_was() {
    let refusals = [
        Seen::TokenRefused { maybe_consumed: false, detail: String::new() },
        Seen::RequestRefused { detail: String::new() },
    ];
    for refusal in refusals {
        let (mut bench, paying) = Bench::charging();
        bench.see(nothing_known());
        bench.wait_and_wake();
        bench.next_commit = NextCommit::FailsButIsDone;
        bench.see(refusal);
        bench.wait_and_wake();
        assert!(matches!(bench.session().state, State::Charging(_)), "the first send may have paid");
        while bench.effects.is_empty() {
            bench.wait_and_wake();
        }
        bench.see(succeeded(&bench));
        assert!(bench.answer(paying).unwrap().order.is_some());
    }
}

#[test]
fn a_payment_that_reading_shows_unpaid_is_canceled_before_another_may_be_made() {
    let (mut bench, paying) = Bench::charging();
    bench.see(Seen::Unknown(Unknown { should_retry: Some(false), ..Unknown::default() }));
    bench.see(Seen::Intent(bench.intent(IntentStatus::RequiresPaymentMethod)));
    assert!(matches!(bench.effects[..], [Effect::Cancel { .. }]), "the send may still be at work on it");
    assert!(bench.waits(paying));
    bench.see(Seen::Intent(bench.intent(IntentStatus::Canceled)));
    let notice = bench.answer(paying).unwrap().notice.unwrap();
    assert_eq!(
        (notice.code, notice.text.as_str()),
        (NoticeCode::PaymentDeclined, "The payment was declined.")
    );

    let (mut bench, paying) = Bench::charging();
    bench.see(Seen::Unknown(Unknown { should_retry: Some(false), ..Unknown::default() }));
    bench.see(Seen::Intent(bench.intent(IntentStatus::RequiresPaymentMethod)));
    bench.see(succeeded(&bench));
    assert!(bench.answer(paying).unwrap().order.is_some(), "it was");
}

#[test]
fn a_clock_that_is_set_back_puts_no_payment_to_sleep() {
    let (mut bench, paying) = Bench::charging();
    bench.see(nothing_known());
    bench.now = bench.now - Span::hours(3);
    bench.wake();
    assert!(matches!(bench.effects[..], [Effect::Charge(_)]), "a pause is never hours long");
    bench.store_is_down = true;
    bench.see(succeeded(&bench));
    bench.store_is_down = false;
    bench.now = bench.now - Span::hours(3);
    bench.wake();
    assert!(bench.answer(paying).unwrap().order.is_some());
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
fn nobody_shortens_the_pause_of_a_store_that_failed() {
    let (mut bench, _) = Bench::charging();
    bench.commits_fail = true;
    bench.see(succeeded(&bench));
    let before = bench.commits;
    for _ in 0..50 {
        bench.wake();
    }
    assert_eq!(bench.commits, before, "being woken is no reason to try again");
    bench.wait_and_wake();
    assert_eq!(bench.commits, before + 1);
}

/// A session whose reading failed for a day.
fn frozen() -> Bench {
    let (mut bench, _) = Bench::charging();
    bench.see(Seen::Unknown(Unknown { cannot_repeat: true, ..Unknown::default() }));
    fails_until_frozen(&mut bench, &Seen::Unread);
    bench
}

fn charged_by(intent: &str) -> Command {
    Command::Decide(Decision::Charged { payment_intent: intent.parse().unwrap() })
}

#[test]
fn an_operator_completes_a_frozen_session_with_a_payment_that_is_read_first() {
    let mut bench = frozen();
    let deciding = bench.ask(charged_by("pi_1"));
    assert!(bench.waits(deciding), "nothing is believed before it is read");
    bench.verify(succeeded(&bench));
    let order = bench.answer(deciding).unwrap();
    assert!(matches!(order.session.state, State::Completed { .. }));
    let again = bench.ask(charged_by("pi_1"));
    assert!(matches!(bench.answer(again).unwrap().session.state, State::Completed { .. }));
    let shopper = bench.pay("spt_first0001");
    assert!(bench.answer(shopper).unwrap().order.is_some());
}

#[test]
fn a_payment_of_another_amount_that_an_operator_takes_is_flagged() {
    let mut bench = frozen();
    let deciding = bench.ask(charged_by("pi_1"));
    let mut intent = bench.intent(IntentStatus::Succeeded);
    intent.amount = Money::new(1, shop::usd());
    bench.verify(Seen::Intent(intent));
    assert!(matches!(bench.answer(deciding).unwrap().session.state, State::Completed { .. }));
    assert_eq!(bench.flags[0].reason, FlagReason::PaymentDisagrees);
}

#[test]
fn a_payment_that_does_not_bear_it_out_decides_nothing() {
    let spoil: [Named<fn(&mut IntentSeen)>; 4] = [
        ("not succeeded", |intent| intent.status = IntentStatus::Processing),
        ("another's", |intent| intent.session = None),
        ("another one", |intent| intent.id = "pi_2".parse().unwrap()),
        ("live", |intent| intent.livemode = true),
    ];
    let mut bench = frozen();
    for (name, spoil) in spoil {
        let deciding = bench.ask(charged_by("pi_1"));
        let mut intent = bench.intent(IntentStatus::Succeeded);
        spoil(&mut intent);
        bench.verify(Seen::Intent(intent));
        assert!(matches!(bench.answer(deciding), Err(Rejection::Unverified(_))), "{name}");
    }
    let deciding = bench.ask(charged_by("pi_1"));
    bench.verify(Seen::Unread);
    assert!(matches!(bench.answer(deciding), Err(Rejection::Unverified(_))));
    assert!(matches!(bench.session().state, State::Frozen { .. }));
}

#[test]
fn an_operator_ends_a_frozen_session_unpaid_unless_stripe_shows_otherwise() {
    for status in [IntentStatus::Succeeded, IntentStatus::Processing, IntentStatus::RequiresAction] {
        let mut bench = frozen();
        let deciding = bench.ask(Command::Decide(Decision::NotCharged));
        bench.verify(Seen::Intent(bench.intent(status)));
        let refused = bench.answer(deciding).unwrap_err();
        assert!(refused.to_string().contains("pi_1"), "{refused}");
    }
    // That nothing can be read is why an operator was asked: it is no reason to refuse the answer.
    for seen in [Seen::Unread, Seen::Absent { asked: Timestamp::from_seconds(1_800_000_000) }] {
        let mut bench = frozen();
        let deciding = bench.ask(Command::Decide(Decision::NotCharged));
        bench.verify(seen);
        let ended = bench.answer(deciding).unwrap().session;
        assert_eq!(ended.state, State::Canceled { reason: CancelReason::Operator });
        let again = bench.ask(Command::Decide(Decision::NotCharged));
        assert!(bench.answer(again).is_ok(), "the same decision twice is one");
        let other = bench.ask(charged_by("pi_1"));
        assert_eq!(bench.answer(other).unwrap_err(), Rejection::NotFrozen("canceled"));

        // A success that appears afterwards changes nothing and is flagged.
        let late = Box::new(succeeded(&bench));
        let attempt = bench.attempts[0].number;
        bench.feed(merchant_gateway::domain::checkout::driver::Input::Saw {
            attempt,
            seen: late,
            request_id: None,
        });
        assert_eq!(bench.flags[0].reason, FlagReason::PaidAfterEnd);
    }
    let mut bench = Bench::ready();
    let deciding = bench.ask(Command::Decide(Decision::NotCharged));
    assert_eq!(bench.answer(deciding).unwrap_err(), Rejection::NotFrozen("ready"));
}

#[test]
fn a_timeline_tells_each_state_attempt_answer_and_decision_in_order() {
    let (mut bench, _) = Bench::charging();
    bench.see(nothing_known());
    bench.wait_and_wake();
    bench.see(declined());
    bench.pay("spt_second002");
    bench.tell_token(Ok(bench.good_facts()));
    bench.see(Seen::Unknown(Unknown { cannot_repeat: true, ..Unknown::default() }));
    fails_until_frozen(&mut bench, &Seen::Unread);
    bench.ask(Command::Decide(Decision::NotCharged));
    bench.verify(Seen::Unread);
    let told: Vec<String> =
        bench.timeline.iter().map(|entry| serde_json::to_string(&entry.what).unwrap()).collect();
    let tries = told.iter().filter(|entry| entry.contains("not read")).count();
    assert!((5..25).contains(&tries), "a day of failed readings is told in a few lines: {tries}");
    let others: Vec<&String> = told.iter().filter(|entry| !entry.contains("not read")).collect();
    insta::assert_json_snapshot!(others);
}
