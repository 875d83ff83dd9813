//! The answers to callers: notices, rejections and what each state reports.

use merchant_gateway::domain::address::{Buyer, ContactField, CountryCode};
use merchant_gateway::domain::catalog::VariantNeeded;
use merchant_gateway::domain::checkout::driver::{Driver, Input, Output, RequestId};
use merchant_gateway::domain::checkout::due::priority;
use merchant_gateway::domain::checkout::model::Affected;
use merchant_gateway::domain::checkout::model::{
    Command, Context, Decision, DeclineReason, Effect, Event, FlagReason, FreezeReason, HostRejection,
    Moment, Notice, NoticeCode, Observation, OrderObservation, Patch, Payment, PaymentIntentStatus, Priority,
    RefusedField, Rejection, ShopRejection, ShopperRejection, State, StepError, StripeCheckoutStatus,
    StripeNotification, TokenProblem, TokenReadError, Transition,
};
use merchant_gateway::domain::checkout::step::step;
use merchant_gateway::domain::ids::{AttemptNumber, ItemId, Revision};
use merchant_gateway::domain::language::Language;
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::order::{Order, OrderState, RefundStatus};
use merchant_gateway::domain::origin::TokenDoor;
use merchant_gateway::domain::pricing::PricingProblem;
use merchant_gateway::domain::tax::TaxRule;
use merchant_gateway::domain::time::{Span, Timestamp};
use merchant_gateway::protocol::texts::wording::Wording;

use test_support::driver_harness::{DriverHarness, NextCommit};
use test_support::shop;

use super::pages::{awaiting, open_stripe_checkout, page};
use super::refunds::{refund_snapshot, undecided_refund};
use super::{declined, dispute, frozen, succeeded};

/// One transition of the session as it stands, whoever wants it.
pub fn stepped(harness: &DriverHarness, event: Event) -> Result<Transition, StepError> {
    let moment = Moment { now: harness.now, jitter: 0.5, random: 77, webhooks_arrive: false };
    step(harness.session(), event, &Context { view: &harness.view, moment })
}

pub fn paid() -> DriverHarness {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(succeeded(&harness));
    harness
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
        let payment = Payment {
            door: TokenDoor::PaymentSheet,
            user_agent: None,
            challenge: None,
            revision,
            token,
            buyer: shop::two_mugs().buyer.unwrap_or_default(),
        };
        let paid = stepped(&harness, Event::Paid { payment, facts: harness.good_facts() });
        assert_eq!(paid.unwrap_err(), StepError::from(expected.clone()), "{revision:?}");
        let opened = stepped(&harness, Event::StripeCheckoutRequested { revision });
        assert_eq!(opened.unwrap_err(), StepError::from(expected), "{revision:?}");
    }
}

#[test]
fn a_stale_stripe_checkout_request_changes_nothing_if_sold_out() {
    let mut harness = DriverHarness::ready();
    harness.update(Patch::default());
    harness.view.catalog = shop::catalog(false).into();
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
fn a_payment_of_another_amount_freezes_the_session_with_a_flag() {
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
fn a_webhook_for_an_open_stripe_checkout_flags_no_extra_payment() {
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
fn a_payment_over_the_limit_is_not_mistaken_for_a_repeat() {
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
fn a_payment_yields_to_a_stripe_checkout_that_keeps_reopening() {
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
fn a_rejection_says_whether_it_keeps_a_payment_from_beginning() {
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
fn whoever_is_named_by_a_checkout_or_an_order_is_erased_whole() {
    let buyer = Buyer { email: Some("ada@example.com".to_owned()), ..Buyer::default() };
    for (buyer, address) in [(Some(buyer.clone()), None), (None, Some(shop::address("CA"))), (None, None)] {
        let mut harness = DriverHarness::default();
        let cart = Some(shop::cart("mug", 1));
        harness.ask(shop::create(Patch {
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
fn a_session_queues_256_requests_and_rejects_the_next_as_busy() {
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

#[test]
fn any_command_for_an_unknown_session_is_answered_not_found() {
    for command in
        [Command::Read, Command::Cancel, Command::OpenStripeCheckout { revision: Some(Revision(1)) }]
    {
        let mut harness = DriverHarness::default();
        let asked = harness.ask(command);
        assert_eq!(harness.answer(asked).unwrap_err(), Rejection::Host(HostRejection::NotFound));
    }
}

#[test]
fn an_unwritten_payment_is_not_begun_and_an_edit_is_unavailable() {
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
        assert_eq!(priority(harness.session()), expected, "{}", harness.session().state.into_str());
    }
    assert_eq!(priority(told_of().session()), Priority::Poll);
}

#[test]
fn an_operators_unpaid_decision_is_reported_to_the_shopper() {
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
        (street, Some(Notice::RequestRefused { field: Some(RefusedField::Contact(ContactField::LineOne)) })),
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
        assert_eq!(harness.session().state.into_str(), name);
    }
}

#[test]
fn a_stored_session_keeps_its_stripe_checkout_counts() {
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
fn every_state_with_an_undecided_attempt_reports_it() {
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
        let name = harness.session().state.into_str();
        assert_eq!(harness.session().undecided_attempt(), Some(AttemptNumber(1)), "{name}");
    }
    for harness in [DriverHarness::ready(), paid()] {
        assert_eq!(harness.session().undecided_attempt(), None);
    }
}

#[test]
fn a_declined_token_is_no_repeat_and_an_edit_clears_its_notice() {
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
fn what_is_sold_out_or_sent_nowhere_has_no_price() {
    let mut harness = DriverHarness::default();
    harness.view.tax = TaxRule::None;
    let cart = Some(shop::cart("mug", 1));
    harness.ask(shop::create(Patch { cart, ..Patch::default() }));
    let state = &harness.session().state;
    assert_eq!(
        *state,
        State::Open { problem: Some(PricingProblem::AddressNeeded) },
        "also where there is no tax"
    );

    let mut harness = DriverHarness::default();
    harness.view.catalog = shop::catalog(false).into();
    harness.ask(shop::create(shop::two_mugs()));
    let problem = PricingProblem::Unavailable("mug".parse().unwrap());
    assert_eq!(harness.session().state, State::Open { problem: Some(problem) });
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
    let fields = [
        None,
        Some(RefusedField::Contact(ContactField::Email)),
        Some(RefusedField::Contact(ContactField::LineOne)),
        Some(RefusedField::Amount),
    ];
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
fn a_notice_is_stored_as_codes_and_rendered_in_every_language() {
    let view = shop::view();
    for notice in every_notice() {
        let kept = serde_json::to_string(&notice).unwrap();
        assert!(!kept.contains(' '), "no prose: {kept}");
        assert_eq!(serde_json::from_str::<Notice>(&kept).unwrap(), notice);
        let said = Language::ALL.map(|language| Wording::for_shopper(&view, language).notice(&notice));
        assert!(said.iter().all(|said| said.ends_with('.') && !said.contains(['_', '{'])), "{said:?}");
        assert_ne!(said[0], said[1], "{kept}");
        let for_model = Wording::for_model().notice(&notice);
        assert!(for_model.ends_with('.') && !for_model.contains('{'), "{for_model}");
    }
}

#[test]
fn a_pricing_problem_has_a_text_for_shoppers_and_a_call_for_models() {
    let view = shop::view();
    let item: ItemId = "mug".parse().unwrap();
    let variants = vec![("mug-red".parse().unwrap(), "red".to_owned())];
    let money = |minor| Money::new(minor, shop::usd());
    let switzerland: CountryCode = "CH".parse().unwrap();
    for problem in [
        PricingProblem::UnknownItem(item.clone()),
        PricingProblem::VariantNeeded(VariantNeeded { product: item.clone(), variants, more: 2 }),
        PricingProblem::Unavailable(item),
        PricingProblem::AddressNeeded,
        PricingProblem::CountryNotServed(switzerland),
        PricingProblem::RegionNeeded(switzerland),
        PricingProblem::NoShipping,
        PricingProblem::OptionNotOffered("express".parse().unwrap()),
        PricingProblem::TaxUnknown,
        PricingProblem::BelowMinimum { total: money(1), minimum: money(50) },
        PricingProblem::AboveMaximum(money(100_000_000)),
        PricingProblem::AboveLimit { total: money(200), limit: money(100) },
        PricingProblem::NotPriceable,
    ] {
        let said = Language::ALL.map(|language| Wording::for_shopper(&view, language).problem(&problem));
        assert!(said.iter().all(|said| said.ends_with('.') && !said.contains(['_', '{'])), "{said:?}");
        assert_ne!(said[0], said[1], "{problem:?}");
        let for_model = Wording::for_model().problem(&problem);
        assert!(
            for_model.contains(". Call update_checkout with ") && !for_model.contains('{'),
            "{for_model}"
        );
    }
}

#[test]
fn a_paid_session_answers_a_stripe_checkout_request_with_its_order() {
    let mut harness = paid();
    let asked = open_stripe_checkout(&mut harness);
    assert!(harness.answer(asked).unwrap().order.is_some());
}

#[test]
fn a_paid_session_is_reported_in_full_for_a_day() {
    let mut harness = paid();
    let read = harness.ask(Command::Read);
    let answer = harness.answer(read).unwrap();
    let created = answer.order.as_ref().unwrap().order.created;
    assert!(!answer.is_closed(created + Span::hours(23)));
    assert!(answer.is_closed(created + Span::hours(24)));
}

#[test]
fn a_session_lasts_as_long_as_its_stripe_checkout() {
    let mut harness = DriverHarness::ready();
    let end = harness.session().expires;
    harness.pass((end - Span::minutes(1)).since(harness.now));
    harness.update(Patch::default());
    open_stripe_checkout(&mut harness);
    let State::OpeningStripeCheckout(payment) = &harness.session().state else {
        panic!("{}", harness.session().state.into_str())
    };
    assert!(payment.expires > end && harness.session().expires == payment.expires);
}
