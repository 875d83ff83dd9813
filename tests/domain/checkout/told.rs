//! What stays known of a checkout: its notices, its timeline, the payments that are its own, and its answers.

use std::collections::BTreeMap;

use merchant_gateway::domain::address::Buyer;
use merchant_gateway::domain::checkout::driver::{Driver, Input, Output, RequestId};
use merchant_gateway::domain::checkout::due::{due_at, priority};
use merchant_gateway::domain::checkout::model::Affected;
use merchant_gateway::domain::checkout::model::{
    AttemptObservation, Command, Context, Decision, DeclineReason, Effect, Event, FlagReason, FreezeReason,
    HostRejection, Inconclusive, Moment, NotBegun, Notice, NoticeCode, Observation, OperatorRejection,
    OrderObservation, Patch, Payment, PaymentIntentStatus, PaymentSource, Priority, RefundAnswer,
    RefundRequest, RefundSnapshot, RefusedField, Rejection, ShopRejection, ShopperRejection, State,
    StepError, StripeCheckoutStatus, StripeNotification, TimelineEntry, TimelineEvent, TokenProblem,
    TokenReadError, Transition,
};
use merchant_gateway::domain::checkout::step::step;
use merchant_gateway::domain::ids::{AttemptNumber, ItemId, Revision};
use merchant_gateway::domain::language::Language;
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::order::{Fulfillment, Order, OrderState, RefundState, RefundStatus};
use merchant_gateway::domain::pricing::PricingProblem;
use merchant_gateway::domain::tax::TaxRule;
use merchant_gateway::domain::time::{Span, Timestamp};
use merchant_gateway::protocol::texts::shopper::ShopperTexts;

use merchant_gateway::stripe::{ReturnUrls, StripeCheckoutOffer, encode_charge, encode_stripe_checkout};

use test_support::driver_harness::{DriverHarness, NextCommit};
use test_support::shop;

use super::pages::{awaiting, open_stripe_checkout, page};
use super::refunds::{answered, refund_snapshot, undecided_refund};
use super::{charged_by, declined, dispute, frozen, succeeded};

/// One transition of the session as it stands, whoever wants it.
fn stepped(harness: &DriverHarness, event: Event) -> Result<Transition, StepError> {
    let moment = Moment { now: harness.now, jitter: 0.5, random: 77, webhooks_arrive: false };
    step(harness.session(), event, &Context { view: &harness.view, moment })
}

fn paid() -> DriverHarness {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(succeeded(&harness));
    harness
}

fn wants_back(harness: &mut DriverHarness, reference: &str, amount: Option<i64>) -> RequestId {
    let reference = reference.parse().unwrap();
    harness.ask(Command::Refund(RefundRequest { reference, amount, reason: None }))
}

#[test]
fn the_machine_itself_refuses_a_payment_of_what_was_not_shown() {
    let mut harness = DriverHarness::ready();
    harness.update(Patch::default());
    for revision in [None, Some(Revision(1)), Some(Revision(3))] {
        let expected = match revision {
            None => Rejection::Host(HostRejection::RevisionMissing),
            Some(_) => Rejection::Host(HostRejection::StaleRevision { current: Revision(2) }),
        };
        let token = "spt_first0001".parse().unwrap();
        let payment = Payment { revision, token, buyer: shop::two_mugs().buyer.unwrap_or_default() };
        let paid = stepped(&harness, Event::Paid { payment, facts: harness.good_facts() });
        assert_eq!(paid.unwrap_err(), StepError::from(expected.clone()), "{revision:?}");
        let opened = stepped(&harness, Event::StripeCheckoutRequested { revision });
        assert_eq!(opened.unwrap_err(), StepError::from(expected), "{revision:?}");
    }
}

#[test]
fn a_page_that_is_asked_for_with_an_old_revision_changes_nothing_whatever_is_sold_out() {
    let mut harness = DriverHarness::ready();
    harness.update(Patch::default());
    harness.view.catalog = shop::catalog(false);
    let before = harness.session().clone();
    let asked = harness.ask(Command::OpenStripeCheckout { revision: Some(Revision(1)) });
    assert_eq!(
        harness.answer(asked).unwrap_err(),
        Rejection::Host(HostRejection::StaleRevision { current: Revision(2) })
    );
    assert_eq!(*harness.session(), before);
}

#[test]
fn a_page_pins_the_account_that_is_paid() {
    let mut harness = DriverHarness::ready();
    assert_eq!(harness.session().account, None);
    open_stripe_checkout(&mut harness);
    assert_eq!(harness.session().account, harness.view.account);
}

#[test]
fn a_refund_may_be_sent_for_an_hour_from_when_it_was_asked_for() {
    let harness = paid();
    let request = RefundRequest { reference: "r".parse().unwrap(), amount: Some(100), reason: None };
    let begun = stepped(&harness, Event::RefundRequested(request)).unwrap();
    let intent = begun.refund.expect("it is written before it is sent");
    assert_eq!((intent.started, intent.repeat_until), (harness.now, harness.now + Span::hours(1)));
    let (number, asked) = begun.next.activity.refund_attempt().expect("it is asked for");
    assert_eq!((intent.origin.number, intent.repeat_until), (number, asked.repeat_until));
}

#[test]
fn a_refund_counts_by_the_amount_that_stripe_has_made_it_of() {
    let (mut harness, _) = undecided_refund();
    let amount = Money::new(99, shop::usd());
    let made = RefundSnapshot { amount, ..refund_snapshot("re_1", RefundStatus::Succeeded, harness.now) };
    answered(&mut harness, RefundAnswer::Made(made));
    assert_eq!(harness.session().activity.refunds[0].amount, amount);
    assert_eq!((harness.session().activity.refunded(), harness.session().activity.reserved()), (99, 99));
}

#[test]
fn no_more_goes_back_than_an_operator_has_found_to_be_paid() {
    let mut harness = frozen();
    harness.ask(charged_by("pi_1"));
    let mut intent = harness.intent(PaymentIntentStatus::Succeeded);
    intent.amount = Money::new(1_000, shop::usd());
    harness.verify(Observation::PaymentIntent(intent));
    let too_much = wants_back(&mut harness, "more", Some(1_001));
    let left = Money::new(1_000, shop::usd());
    assert_eq!(
        harness.answer(too_much).unwrap_err(),
        Rejection::Operator(OperatorRejection::RefundTooLarge { left })
    );
    wants_back(&mut harness, "all", None);
    assert_eq!(harness.session().activity.refunds[0].amount, left);
}

#[test]
fn a_refund_that_is_made_is_told_at_once_also_while_another_is_under_way() {
    let (mut harness, _) = undecided_refund();
    let made = refund_snapshot("re_1", RefundStatus::Succeeded, harness.now);
    answered(&mut harness, RefundAnswer::Made(made));
    let second = wants_back(&mut harness, "second", Some(200));
    let repeated = wants_back(&mut harness, "r", Some(100));
    assert!(harness.answer(repeated).unwrap().order.is_some());
    assert!(harness.waits(second));
    let repeated = wants_back(&mut harness, "second", Some(200));
    assert!(harness.waits(repeated), "this one is not made yet");
}

#[test]
fn a_payment_of_another_amount_waits_for_an_operator_who_is_told_which_it_is() {
    let (mut harness, _) = DriverHarness::charging();
    let mut intent = harness.intent(PaymentIntentStatus::Succeeded);
    intent.amount = Money::new(1, shop::usd());
    harness.see(Observation::PaymentIntent(intent.clone()));
    let State::Frozen { attempt, reason } = &harness.session().state else { panic!("it is frozen") };
    assert_eq!((*reason, &attempt.intent), (FreezeReason::PaymentDisagrees, &Some(intent.id.clone())));
    assert_eq!(harness.flags.len(), 1);
    assert_eq!(
        (&harness.flags[0].intent, harness.flags[0].reason),
        (&intent.id, FlagReason::PaymentDisagrees)
    );
}

#[test]
fn a_payment_that_stripe_answers_as_canceled_was_declined() {
    for status in [PaymentIntentStatus::Canceled, PaymentIntentStatus::RequiresPaymentMethod] {
        let (mut harness, paying) = DriverHarness::charging();
        harness.see(Observation::PaymentIntent(harness.intent(status)));
        let answer = harness.answer(paying).unwrap();
        assert_eq!(answer.notice.unwrap().code(), NoticeCode::PaymentDeclined, "{status:?}");
        assert!(matches!(answer.session.state, State::Ready { .. }));
    }
}

#[test]
fn a_decline_is_not_told_any_more_once_the_time_is_over() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(declined());
    assert!(harness.session().notice.is_some());
    harness.now = harness.session().expires;
    harness.wake();
    assert_eq!((&harness.session().state, &harness.session().notice), (&State::Expired, &None));
}

#[test]
fn a_decline_is_not_told_any_more_once_the_shopper_has_given_up() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(declined());
    let canceling = harness.ask(Command::Cancel);
    let answer = harness.answer(canceling).unwrap();
    assert_eq!((answer.notice, answer.session.notice), (None, None));
}

#[test]
fn a_payment_of_an_open_page_that_a_webhook_tells_of_is_no_further_payment() {
    let mut harness = awaiting();
    harness.ask(Command::CheckStripe(StripeNotification {
        affected: Affected::Payment,
        payment: Some("pi_1".parse().unwrap()),
    }));
    assert_eq!(harness.session().unmatched_payments.len(), 1);
    harness.ask(Command::CheckStripe(StripeNotification {
        affected: Affected::Payment,
        payment: Some("pi_1".parse().unwrap()),
    }));
    assert_eq!(
        harness.session().unmatched_payments.len(),
        1,
        "one payment is read once, however often it is told of"
    );
    let shown = harness.intent(PaymentIntentStatus::Succeeded);
    assert_eq!(shown.attempt, Some(AttemptNumber(1)));
    let payment = shown.id.clone();
    let transition = stepped(
        &harness,
        Event::PaymentObserved { payment, seen: Observation::PaymentIntent(shown.clone()) },
    );
    let transition = transition.unwrap();
    assert!(transition.flags.is_empty(), "its page will show it");
    assert!(transition.next.unmatched_payments.is_empty());
    let second =
        Observation::PaymentIntent(merchant_gateway::domain::checkout::model::PaymentIntentSnapshot {
            attempt: Some(AttemptNumber(7)),
            ..shown
        });
    let event = Event::PaymentObserved { payment: "pi_1".parse().unwrap(), seen: second };
    let reasons: Vec<_> = stepped(&harness, event).unwrap().flags.iter().map(|flag| flag.reason).collect();
    assert_eq!(reasons, [FlagReason::PaidByFailedAttempt], "that of another attempt is");
}

#[test]
fn only_who_repeats_a_payment_is_told_that_it_is_a_repeat() {
    let mut harness = DriverHarness::ready();
    let edit = harness.update(Patch::default());
    assert!(!harness.answer(edit).unwrap().repeats_payment);
    let paying = harness.pay("spt_first0001");
    harness.tell_token(Ok(harness.good_facts()));
    harness.see(declined());
    assert!(!harness.answer(paying).unwrap().repeats_payment);
    let paying = harness.pay("spt_second002");
    harness.tell_token(Ok(harness.good_facts()));
    harness.see(succeeded(&harness));
    assert!(!harness.answer(paying).unwrap().repeats_payment);
    let repeat = harness.pay("spt_second002");
    assert!(harness.answer(repeat).unwrap().repeats_payment);
}

#[test]
fn a_payment_for_which_there_is_no_room_is_not_taken_for_a_repeat_of_another_one() {
    let mut harness = DriverHarness::ready();
    harness.pay("spt_first0001");
    let second = harness.pay("spt_second002");
    harness.gathers.swap(0, 1);
    harness.tell_token(Err(TokenReadError::TooMany));
    assert_eq!(harness.answer(second).unwrap_err(), Rejection::Shop(ShopRejection::TooManyPayments));

    let mut harness = DriverHarness::ready();
    harness.pay("spt_first0001");
    let repeat = harness.pay("spt_first0001");
    harness.gathers.swap(0, 1);
    harness.tell_token(Err(TokenReadError::TooMany));
    assert_eq!(
        harness.answer(repeat).unwrap_err(),
        Rejection::Shopper(ShopperRejection::Undecided),
        "the first one may be made"
    );
}

#[test]
fn a_payment_in_whose_way_a_page_comes_again_and_again_gives_way_to_it() {
    let mut harness = awaiting();
    let paying = harness.pay("spt_first0001");
    for opened_again in 0..3 {
        harness.tell_token(Ok(harness.good_facts()));
        assert!(
            matches!(harness.effects[..], [Effect::ExpireStripeCheckout { .. }]) && harness.waits(paying)
        );
        let closed = Observation::StripeCheckout(page(&harness, StripeCheckoutStatus::Expired));
        harness.see(closed);
        assert_eq!(harness.gathers.len(), 1, "{opened_again}: its token is read anew");
        open_stripe_checkout(&mut harness);
        let open = Observation::StripeCheckout(page(&harness, StripeCheckoutStatus::Open));
        harness.see(open);
    }
    harness.tell_token(Ok(harness.good_facts()));
    assert_eq!(harness.answer(paying).unwrap_err(), Rejection::Shop(ShopRejection::Busy));
    assert!(
        matches!(harness.session().state, State::AwaitingStripeCheckout { .. }) && harness.effects.is_empty()
    );
}

#[test]
fn a_payment_is_kept_from_beginning_by_the_shop_or_stripe_or_refused_to_who_pays() {
    let left = Span::seconds(1);
    for rejection in [
        Rejection::Shop(ShopRejection::Suspended),
        Rejection::Shop(ShopRejection::AccountUnknown),
        Rejection::Shop(ShopRejection::PaymentsOff),
        Rejection::Shop(ShopRejection::ClockDiffers),
        Rejection::Shop(ShopRejection::TokenUnread),
        Rejection::Shop(ShopRejection::TooManyPayments),
        Rejection::Shop(ShopRejection::Unreconciled { left }),
    ] {
        assert!(rejection.keeps_from_paying(), "{rejection:?}");
    }
    for rejection in [
        Rejection::Host(HostRejection::NotFound),
        Rejection::Host(HostRejection::RevisionMissing),
        Rejection::Shopper(ShopperRejection::QuoteExpired),
        Rejection::Shopper(ShopperRejection::Undecided),
        Rejection::Shopper(ShopperRejection::EmailNeeded),
        Rejection::Shopper(ShopperRejection::TokenUsedElsewhere),
        Rejection::Shop(ShopRejection::Busy),
        Rejection::Shop(ShopRejection::NotWritten),
        Rejection::Shop(ShopRejection::Unavailable),
    ] {
        assert!(!rejection.keeps_from_paying(), "{rejection:?}");
    }
}

#[test]
fn a_decision_names_the_payment_that_it_takes_if_it_takes_one() {
    let payment = "pi_1".parse().unwrap();
    let charged = Decision::Charged { payment_intent: "pi_1".parse().unwrap() };
    assert_eq!(charged.payment(), Some(&payment));
    assert_eq!(Decision::NotCharged { override_unread: true }.payment(), None);
}

#[test]
fn what_keeps_payments_from_beginning_is_told_once_a_minute_and_counted() {
    let now = DriverHarness::default().now;
    let note = |reason: &str, last, times| NotBegun { reason: reason.to_owned(), cause: None, last, times };
    let mut entry = TimelineEntry::not_begun(note("suspended", now, 1));
    assert_eq!(entry.count(&note("payments_off", now, 1)), None, "that is another entry");
    assert_eq!(entry.count(&note("suspended", now + Span::seconds(59), 1)), Some(false));
    assert_eq!(entry.count(&note("suspended", now + Span::minutes(1), 4)), Some(true));
    let TimelineEvent::PaymentNotBegun(kept) = entry.event else { panic!("it is the same entry") };
    assert_eq!(kept, note("suspended", now + Span::minutes(1), 5));
}

#[test]
fn whoever_is_named_by_a_checkout_or_an_order_is_erased_whole() {
    let buyer = Buyer { email: Some("ada@example.com".to_owned()), ..Buyer::default() };
    for (buyer, address) in [(Some(buyer.clone()), None), (None, Some(shop::address("CA"))), (None, None)] {
        let mut harness = DriverHarness::default();
        let cart = Some(shop::cart("mug", 1));
        harness.ask(Command::Create(Patch {
            cart,
            buyer: buyer.clone(),
            address: address.clone(),
            ..Patch::default()
        }));
        let mut session = harness.session().clone();
        assert_eq!(session.holds_personal_data(), buyer.is_some() || address.is_some());
        session.erase_personal_data();
        assert!(!session.holds_personal_data());
        assert_eq!((session.inputs.buyer, session.inputs.address), (Buyer::default(), None));
    }
    let mut harness = paid();
    let reading = harness.ask(Command::Read);
    let order = harness.answer(reading).unwrap().order.unwrap().order;
    for buyer in [Buyer::default(), buyer] {
        let mut order = Order { buyer, ..order.clone() };
        assert!(order.holds_personal_data());
        order.erase_personal_data();
        assert!(!order.holds_personal_data());
        assert_eq!((order.buyer, order.address), (Buyer::default(), None));
    }
}

#[test]
fn an_open_dispute_is_where_an_order_stands_whatever_was_sent() {
    let mut harness = paid();
    for (status, state) in [("needs_response", OrderState::Disputed), ("won", OrderState::Paid)] {
        harness.ask(Command::CheckStripe(StripeNotification { affected: Affected::Order, payment: None }));
        harness.pass(Span::millis(1));
        let (asked, disputes) = (harness.now, Some(vec![dispute(status)]));
        harness.see_order(OrderObservation::Read { refunds: vec![], disputes, asked, complete: true });
        let session = harness.session();
        assert_eq!(OrderState::of(&session.activity, session.quote().unwrap()), state, "{status}");
    }
}

#[test]
fn two_hundred_and_fifty_six_questions_wait_for_their_turn_and_one_more_is_turned_away() {
    let harness = DriverHarness::ready();
    let mut driver = Driver::new(harness.id.clone());
    let moment = Moment { now: harness.now, jitter: 0.5, random: 1, webhooks_arrive: false };
    let mut asks = |number: u64| {
        let input = Input::Requested { request: RequestId(number), command: Box::new(Command::Read) };
        driver.on(input, moment, &harness.view)
    };
    assert!(matches!(asks(0)[..], [Output::Load(None)]), "the first has its turn");
    for number in 1..=256 {
        let wanted = asks(number);
        assert!(wanted.is_empty(), "{number}: {wanted:?}");
    }
    let wanted = asks(257);
    assert!(
        matches!(wanted[..], [Output::Reply(RequestId(257), Err(Rejection::Shop(ShopRejection::Busy)))]),
        "{wanted:?}"
    );
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
fn a_timeline_tells_each_step_of_a_refund_a_dispute_and_a_parcel_once() {
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
fn a_timeline_says_how_often_the_same_was_seen_from_the_second_time_on() {
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
fn goods_are_announced_with_the_carrier_of_the_option_that_was_chosen() {
    for (option, carrier) in [(None, None), (Some("standard"), None), (Some("express"), Some("DHL"))] {
        let mut harness = DriverHarness::ready();
        harness.view.shipping[1].carrier = "DHL".to_owned();
        let option_id = option.map(|option| option.parse().unwrap());
        harness.update(Patch { option_id, ..Patch::default() });
        let chosen = harness.session().quote().unwrap().chosen().unwrap();
        assert_eq!(chosen.id.as_str(), option.unwrap_or("standard"));
        harness.pay("spt_first0001");
        harness.tell_token(Ok(harness.good_facts()));
        assert_eq!(harness.attempts[0].carrier.as_deref(), carrier, "{option:?}");
    }
}

#[test]
fn who_asks_for_a_checkout_that_is_not_there_hears_so_whatever_they_want() {
    for command in
        [Command::Read, Command::Cancel, Command::OpenStripeCheckout { revision: Some(Revision(1)) }]
    {
        let mut harness = DriverHarness::default();
        let asked = harness.ask(command);
        assert_eq!(harness.answer(asked).unwrap_err(), Rejection::Host(HostRejection::NotFound));
    }
}

#[test]
fn a_payment_that_could_not_be_written_has_not_begun_and_an_edit_is_unavailable() {
    let mut harness = DriverHarness::ready();
    let paying = harness.pay("spt_first0001");
    harness.next_commit = NextCommit::Fails;
    harness.tell_token(Ok(harness.good_facts()));
    assert_eq!(harness.answer(paying).unwrap_err(), Rejection::Shop(ShopRejection::NotWritten));

    let mut harness = DriverHarness::ready();
    harness.next_commit = NextCommit::Fails;
    let edit = harness.update(Patch::default());
    assert_eq!(harness.answer(edit).unwrap_err(), Rejection::Shop(ShopRejection::Unavailable));

    let mut harness = awaiting();
    let paying = harness.pay("spt_first0001");
    harness.next_commit = NextCommit::Fails;
    harness.tell_token(Ok(harness.good_facts()));
    assert_eq!(
        harness.answer(paying).unwrap_err(),
        Rejection::Shopper(ShopperRejection::Undecided),
        "its page was to be closed first"
    );
}

#[test]
fn what_is_at_stake_in_a_checkout_decides_when_it_has_its_turn() {
    let told_of = || {
        let mut harness = DriverHarness::ready();
        harness.ask(Command::CheckStripe(StripeNotification {
            affected: Affected::Payment,
            payment: Some("pi_x".parse().unwrap()),
        }));
        harness
    };
    let cases: [(fn() -> DriverHarness, Priority); 6] = [
        (|| DriverHarness::charging().0, Priority::Payment),
        (awaiting, Priority::StripeCheckout),
        (|| undecided_refund().0, Priority::Refund),
        (paid, Priority::Poll),
        (frozen, Priority::Poll),
        (DriverHarness::ready, Priority::Cart),
    ];
    for (make, expected) in cases {
        let harness = make();
        assert_eq!(priority(harness.session()), expected, "{}", harness.session().state.name());
    }
    assert_eq!(priority(told_of().session()), Priority::Poll);
}

#[test]
fn an_operators_word_that_nothing_was_charged_is_told_to_the_shopper() {
    let mut harness = frozen();
    harness.ask(Command::Decide(Decision::NotCharged { override_unread: false }));
    harness.verify(Observation::Absent { asked: Timestamp::from_seconds(1_900_000_000) });
    let reading = harness.ask(Command::Read);
    let notice = harness.answer(reading).unwrap().notice.unwrap();
    assert_eq!(notice, Notice::NothingCharged);
}

#[test]
fn a_page_that_was_refused_for_a_field_says_which() {
    let street = "code parameter_invalid_string_blank, parameter shipping[address][line1]";
    for (detail, told) in [
        (street, Some(Notice::RequestRefused { field: Some(RefusedField::Street) })),
        ("code none, parameter none", None),
    ] {
        let mut harness = DriverHarness::ready();
        open_stripe_checkout(&mut harness);
        harness.see(Observation::RequestRefused { detail: detail.to_owned() });
        assert_eq!(harness.session().notice, told);
    }
}

#[test]
fn a_checkout_whose_page_closes_with_its_time_has_expired() {
    for (early, name) in [(Span::millis(1), "ready"), (Span::millis(0), "expired")] {
        let mut harness = awaiting();
        harness.now = harness.session().expires - early;
        harness.wake();
        let closed = Observation::StripeCheckout(page(&harness, StripeCheckoutStatus::Expired));
        harness.see(closed);
        assert_eq!(harness.session().state.name(), name);
    }
}

#[test]
fn a_checkout_keeps_how_many_pages_it_has_opened_and_how_many_were_never_asked_for() {
    for not_asked in [0, 1, 7] {
        let mut session = DriverHarness::ready().session().clone();
        (session.stripe_checkouts, session.stripe_checkouts_not_asked) = (9, not_asked);
        let stored = serde_json::to_value(&session).unwrap();
        assert_eq!(stored.get("stripe_checkouts_not_asked").is_some(), not_asked > 0);
        let read: merchant_gateway::domain::checkout::model::Session =
            serde_json::from_value(stored).unwrap();
        assert_eq!(read, session);
    }
}

#[test]
fn the_attempt_that_is_not_decided_is_known_in_every_state_that_has_one() {
    let opening = || {
        let mut harness = DriverHarness::ready();
        open_stripe_checkout(&mut harness);
        harness
    };
    let closing = || {
        let mut harness = awaiting();
        harness.update(Patch::default());
        harness
    };
    let charging = || DriverHarness::charging().0;
    let undecided: [&dyn Fn() -> DriverHarness; 5] = [&charging, &opening, &awaiting, &closing, &frozen];
    for make in undecided {
        let harness = make();
        let name = harness.session().state.name();
        assert_eq!(harness.session().undecided_attempt(), Some(AttemptNumber(1)), "{name}");
    }
    for harness in [DriverHarness::ready(), paid()] {
        assert_eq!(harness.session().undecided_attempt(), None);
    }
}

#[test]
fn a_token_that_was_declined_repeats_no_payment_and_an_edit_forgets_the_decline() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(declined());
    let repeat = harness.pay("spt_first0001");
    let answer = harness.answer(repeat).unwrap();
    assert!(!answer.repeats_payment && answer.order.is_none());
    assert!(harness.session().notice.is_some());
    harness.update(Patch::default());
    assert_eq!(harness.session().notice, None);
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

#[test]
fn what_is_sold_out_or_sent_nowhere_has_no_price() {
    let mut harness = DriverHarness::default();
    harness.view.tax = TaxRule::None;
    let cart = Some(shop::cart("mug", 1));
    harness.ask(Command::Create(Patch { cart, ..Patch::default() }));
    let state = &harness.session().state;
    assert_eq!(
        *state,
        State::Open { problem: Some(PricingProblem::AddressNeeded) },
        "also where there is no tax"
    );

    let mut harness = DriverHarness::default();
    harness.view.catalog = shop::catalog(false);
    harness.ask(Command::Create(shop::two_mugs()));
    let problem = PricingProblem::Unavailable("mug".parse().unwrap());
    assert_eq!(harness.session().state, State::Open { problem: Some(problem) });
}

/// The form that a request to Stripe is, as its fields.
fn fields(body: &str) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

#[test]
fn a_charge_asks_stripe_for_just_this_payment_at_once_and_for_no_confirmation() {
    let (harness, _) = DriverHarness::charging();
    let body = encode_charge(&harness.attempts[0], &harness.view).unwrap();
    let session = harness.id.to_string();
    let expected = [
        ("amount", "4361"),
        ("currency", "usd"),
        ("confirm", "true"),
        ("error_on_requires_action", "true"),
        ("automatic_payment_methods[enabled]", "true"),
        ("automatic_payment_methods[allow_redirects]", "never"),
        ("capture_method", "automatic"),
        ("description", &format!("Test Shop {session}")),
        ("metadata[merchant]", "test-shop"),
        ("metadata[checkout_session]", &session),
        ("metadata[checkout_revision]", "1"),
        ("metadata[checkout_attempt]", "1"),
        ("shipping[name]", "Ada Lovelace"),
        ("shipping[address][line1]", "12 Mill Lane"),
        ("shipping[address][city]", "Springfield"),
        ("shipping[address][state]", "CA"),
        ("shipping[address][postal_code]", "90001"),
        ("shipping[address][country]", "US"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(fields(&body), BTreeMap::from(expected));
}

#[test]
fn a_page_has_a_row_for_tax_where_there_is_any() {
    let links = ReturnUrls { success: "https://s".to_owned(), cancel: "https://c".to_owned() };
    for (state, rows) in
        [("CA", &["Stoneware mug", "Tax", "standard"][..]), ("OR", &["Stoneware mug", "standard"])]
    {
        let mut harness = DriverHarness::ready();
        harness.update(Patch { address: Some(shop::address(state)), ..Patch::default() });
        open_stripe_checkout(&mut harness);
        let attempt = &harness.attempts[0];
        let PaymentSource::StripeCheckout { quote, expires, .. } = &attempt.source else {
            panic!("it is paid on a page")
        };
        let offer = StripeCheckoutOffer { quote, expires: *expires, email: None, links: &links };
        let body = fields(&encode_stripe_checkout(attempt, &offer, &harness.view).unwrap());
        let mut names: Vec<_> = body
            .iter()
            .filter(|(name, _)| name.ends_with("[product_data][name]"))
            .map(|(_, name)| name)
            .collect();
        names.sort_unstable();
        assert_eq!(names, rows, "{state}");
    }
}

#[test]
fn a_refund_that_may_have_been_written_is_undecided_and_one_that_was_not_is_unavailable() {
    for (next, expected) in [
        (NextCommit::FailsButIsDone, Rejection::Shopper(ShopperRejection::Undecided)),
        (NextCommit::Fails, Rejection::Shop(ShopRejection::Unavailable)),
    ] {
        let mut harness = paid();
        harness.next_commit = next;
        let wanted = wants_back(&mut harness, "r", Some(100));
        assert_eq!(harness.answer(wanted).unwrap_err(), expected);
        assert!(harness.effects.is_empty(), "nothing is sent before it is known to be written");
    }
}

#[test]
fn what_is_seen_of_an_order_changes_no_checkout_that_was_not_paid() {
    for harness in [DriverHarness::ready(), awaiting(), DriverHarness::charging().0] {
        let before = harness.session().clone();
        let (asked, disputes) = (harness.now, Some(vec![]));
        let refunds = vec![refund_snapshot("re_1", RefundStatus::Succeeded, asked)];
        for seen in [
            OrderObservation::ReadFailed,
            OrderObservation::Read { refunds: refunds.clone(), disputes, asked, complete: true },
        ] {
            let transition = stepped(&harness, Event::OrderObserved(seen)).unwrap();
            assert_eq!(transition.next, before);
            assert!(transition.order_changes.is_empty());
        }
    }
}

/// Every notice, with every parameter that it may have.
fn every_notice() -> Vec<Notice> {
    let reasons = [
        DeclineReason::Unknown,
        DeclineReason::InsufficientFunds,
        DeclineReason::ExpiredCard,
        DeclineReason::IncorrectDetails,
        DeclineReason::LimitExceeded,
        DeclineReason::NotSupported,
        DeclineReason::TryAgain,
    ];
    let fields = [None, Some(RefusedField::Email), Some(RefusedField::Street), Some(RefusedField::Amount)];
    let amount =
        TokenProblem::Amount { token: Money::new(1, shop::usd()), total: Money::new(2, shop::usd()) };
    let problems = [
        TokenProblem::Foreign,
        TokenProblem::Mode { token: true },
        TokenProblem::Consumed,
        TokenProblem::Expired,
        TokenProblem::Revoked,
        TokenProblem::NoLimit,
        amount,
        TokenProblem::Risk,
    ];
    let mut notices: Vec<Notice> = reasons.map(|reason| Notice::PaymentDeclined { reason }).into();
    notices.extend(fields.map(|field| Notice::RequestRefused { field }));
    notices.extend(fields.map(|field| Notice::PaymentRefused { field }));
    notices.extend(problems.map(|problem| Notice::TokenRejected { problem }));
    notices.extend([
        Notice::ConfirmationNeeded,
        Notice::TokenUnusable,
        Notice::PaymentNotMade,
        Notice::NothingCharged,
        Notice::StripeCheckoutClosed,
        Notice::ItemUnavailable { item: "mug".parse().unwrap() },
        Notice::PaymentLookedInto,
        Notice::PaymentUnderWay,
        Notice::QuoteExpired,
    ]);
    notices
}

#[test]
fn what_a_shopper_was_told_is_kept_as_codes_and_said_in_every_language() {
    let view = shop::view();
    for notice in every_notice() {
        let kept = serde_json::to_string(&notice).unwrap();
        assert!(!kept.contains(' '), "no prose: {kept}");
        assert_eq!(serde_json::from_str::<Notice>(&kept).unwrap(), notice);
        let said = Language::ALL.map(|language| ShopperTexts::of(&view, language).notice(&notice));
        assert!(said.iter().all(|said| said.ends_with('.') && !said.contains('_')), "{said:?}");
        assert_ne!(said[0], said[1], "{kept}");
    }
}
