//! Callers who leave, who come at once, and who ask for what is not there any more.

use merchant_gateway::domain::address::Buyer;
use merchant_gateway::domain::checkout::driver::{CommitFailed, Driver, Input, Output, RequestId};
use merchant_gateway::domain::checkout::model::{
    AttemptObservation, Command, Decision, Effect, Flag, FlagReason, HostRejection, Inconclusive, Moment,
    NoticeCode, Observation, Payment, PaymentIntentStatus, Rejection, ShopRejection, ShopperRejection, State,
    StripeAnswer, StripeCheckoutSnapshot, StripeCheckoutStatus, TokenFacts,
};
use merchant_gateway::domain::ids::{PaymentIntentId, Revision};
use merchant_gateway::domain::merchant::{CheckoutMethod, MerchantStatus};
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::origin::TokenDoor;
use merchant_gateway::domain::time::Span;

use test_support::driver_harness::DriverHarness;
use test_support::shop;

use super::pages::{awaiting, open_stripe_checkout, page};
use super::{Named, charged_by, declined, frozen, succeeded};

/// What a look shows, and what the further payments are flagged as.
type Look = (fn(&mut DriverHarness) -> Observation, FlagReason);
/// An operator's decision, what its look shows, and what the further payments are flagged as.
type Decided = (fn() -> Command, fn(&DriverHarness) -> Observation, FlagReason);
/// What happened before, the revision that the page is asked for with, and why it is refused.
type Refusal = (fn(&mut DriverHarness), Option<u32>, Rejection);

#[test]
fn a_shopper_who_leaves_before_the_page_closes_is_not_charged() {
    for leaves in [false, true] {
        let mut harness = awaiting();
        let paying = harness.pay("spt_first0001");
        harness.tell_token(Ok(harness.good_facts()));
        assert!(
            matches!(harness.effects[..], [Effect::ExpireStripeCheckout { .. }]) && harness.waits(paying)
        );
        if leaves {
            harness.feed(Input::GivenUp(paying));
        }
        let closed = Observation::StripeCheckout(page(&harness, StripeCheckoutStatus::Expired));
        harness.see(closed);
        assert!(matches!(harness.session().state, State::Ready { .. }));
        assert_eq!(harness.gathers.len(), usize::from(!leaves), "leaves: {leaves}");
        assert!(harness.waits(paying));
        if leaves {
            assert!(harness.effects.is_empty() && harness.attempts.len() == 1 && harness.driver.is_idle());
        } else {
            harness.tell_token(Ok(harness.good_facts()));
            assert_eq!(harness.attempts.len(), 2, "who stays is charged");
        }
    }
}

/// A driver whose store is slow: the caller of a payment can leave while it is written.
struct Slow<'a> {
    harness: &'a DriverHarness,
    driver: Driver,
}

const CALLER: RequestId = RequestId(1);

impl<'a> Slow<'a> {
    fn new(harness: &'a DriverHarness) -> Self {
        Self { harness, driver: Driver::new(harness.id.clone()) }
    }

    /// A payment whose first commit is under way.
    fn committing(harness: &'a DriverHarness) -> Self {
        let mut slow = Self::new(harness);
        slow.is_asked_to_pay();
        slow.pays();
        slow
    }

    fn is_asked_to_pay(&mut self) {
        let revision = Some(self.harness.session().revision);
        let token = "spt_first0001".parse().unwrap();
        let payment = Payment {
            door: TokenDoor::PaymentSheet,
            user_agent: None,
            challenge: None,
            revision,
            token,
            buyer: Buyer::default(),
        };
        self.on(Input::Requested { request: CALLER, command: Box::new(Command::Complete(payment)) });
    }

    fn loads(&mut self) -> Vec<Output> {
        self.on(Input::Loaded(Ok(Box::new(self.harness.row()))))
    }

    fn on(&mut self, input: Input) -> Vec<Output> {
        let moment = Moment { now: self.harness.now, jitter: 0.5, random: 1, webhooks_arrive: false };
        self.driver.on(input, moment, &self.harness.view)
    }

    /// The payment is looked at, its token is read, and its commit is wanted.
    fn pays(&mut self) {
        let wanted = self.loads();
        let [Output::Gather { task, .. }] = wanted[..] else { panic!("{wanted:?}") };
        self.on(Input::Gathered { task, facts: Ok(self.harness.good_facts()) });
        let wanted = self.loads();
        assert!(wanted.iter().any(|output| matches!(output, Output::Commit(_))), "{wanted:?}");
    }
}

#[test]
fn a_shopper_who_leaves_during_a_lost_commit_is_not_charged() {
    for harness in [DriverHarness::ready(), awaiting()] {
        for lost in [CommitFailed::Conflict, CommitFailed::TokenUsed] {
            let mut slow = Slow::committing(&harness);
            slow.on(Input::GivenUp(CALLER));
            let wanted = slow.on(Input::Committed(Err(lost)));
            assert!(wanted.is_empty() && slow.driver.is_idle(), "{lost:?}: {wanted:?}");

            // Who stays has another turn, and may leave in that one.
            let mut slow = Slow::committing(&harness);
            let wanted = slow.on(Input::Committed(Err(lost)));
            assert!(matches!(wanted[..], [Output::Load(Some(_))]), "{lost:?}: {wanted:?}");
            slow.pays();
            slow.on(Input::GivenUp(CALLER));
            let wanted = slow.on(Input::Committed(Err(lost)));
            assert!(wanted.is_empty() && slow.driver.is_idle(), "{lost:?}: {wanted:?}");
        }
    }
}

#[test]
fn a_shopper_who_leaves_before_the_reads_end_is_not_charged() {
    let harness = DriverHarness::ready();
    for leaves_at in 0..3 {
        let mut slow = Slow::new(&harness);
        slow.is_asked_to_pay();
        let mut at = 0;
        let mut leave = |slow: &mut Slow<'_>| {
            if at == leaves_at {
                slow.on(Input::GivenUp(CALLER));
            }
            at += 1;
        };
        leave(&mut slow);
        let wanted = slow.loads();
        if let [Output::Gather { task, .. }] = wanted[..] {
            leave(&mut slow);
            let wanted = slow.on(Input::Gathered { task, facts: Ok(harness.good_facts()) });
            if matches!(wanted[..], [Output::Load(_)]) {
                leave(&mut slow);
                let wanted = slow.loads();
                assert!(wanted.is_empty(), "left at {leaves_at}: {wanted:?}");
            }
        }
        assert!(slow.driver.is_idle(), "left at {leaves_at}");
    }
}

#[test]
fn a_shopper_who_leaves_before_its_turn_is_not_charged() {
    let harness = DriverHarness::ready();
    let mut slow = Slow::new(&harness);
    slow.on(Input::Requested { request: RequestId(2), command: Box::new(Command::Read) });
    slow.is_asked_to_pay();
    slow.on(Input::GivenUp(CALLER));
    let wanted = slow.loads();
    assert!(matches!(wanted[..], [Output::Reply(RequestId(2), Ok(_))]), "{wanted:?}");
    assert!(slow.driver.is_idle());
}

#[test]
fn a_shopper_who_leaves_during_a_closing_commit_is_not_charged() {
    let harness = awaiting();
    let version = harness.row().session.unwrap().0;
    for leaves in [false, true] {
        let mut slow = Slow::committing(&harness);
        if leaves {
            slow.on(Input::GivenUp(CALLER));
        }
        let wanted = slow.on(Input::Committed(Ok(version)));
        let closes = |output: &Output| matches!(output, Output::Run(Effect::ExpireStripeCheckout { .. }));
        assert!(wanted.iter().any(closes), "{wanted:?}");
        let seen =
            Box::new(Observation::StripeCheckout(page(&harness, StripeCheckoutStatus::Expired)).into());
        let attempt = harness.attempts[0].number;
        let wanted = slow.on(Input::AttemptObserved { attempt, seen, answer: StripeAnswer::default() });
        assert!(matches!(wanted[..], [Output::Load(None)]), "{wanted:?}");
        let wanted = slow.loads();
        assert!(wanted.iter().any(|output| matches!(output, Output::Commit(_))), "{wanted:?}");
        let wanted = slow.on(Input::Committed(Ok(version)));
        let comes_again = wanted.iter().any(|output| matches!(output, Output::Load(Some(_))));
        assert_eq!(comes_again, !leaves, "{wanted:?}");
    }
}

#[test]
fn two_concurrent_payments_each_get_their_own_tokens_result() {
    for swapped in [false, true] {
        let mut harness = DriverHarness::ready();
        let (good, bad) = (harness.pay("spt_good00001"), harness.pay("spt_bad000001"));
        assert_eq!(harness.gathers.len(), 2);
        assert_ne!(harness.gathers[0], harness.gathers[1], "each has a number of its own");
        let facts = harness.good_facts();
        let useless = TokenFacts { remaining: Some(Money::new(1, shop::usd())), ..facts.clone() };
        if swapped {
            harness.gathers.swap(0, 1);
            harness.tell_token(Ok(useless));
            harness.tell_token(Ok(facts));
        } else {
            harness.tell_token(Ok(facts));
            harness.tell_token(Ok(useless));
        }
        let charged: Vec<_> = harness.attempts.iter().map(|attempt| attempt.spt_hash().cloned()).collect();
        let token: merchant_gateway::domain::checkout::model::SharedPaymentToken =
            "spt_good00001".parse().unwrap();
        assert_eq!(charged, [Some(token.hash().clone())], "swapped: {swapped}");
        assert!(harness.waits(good), "swapped: {swapped}");
        let told = harness.answer(bad).unwrap().notice.unwrap().code();
        let expected = if swapped { NoticeCode::PaymentDeclined } else { NoticeCode::Conflict };
        assert_eq!(told, expected, "swapped: {swapped}");
    }
}

/// The payments that were flagged, and why; each flag has an id of its own.
fn flagged(flags: &[Flag]) -> Vec<(String, FlagReason)> {
    let mut ids: Vec<_> = flags.iter().map(|flag| flag.id.to_string()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), flags.len(), "{flags:?}");
    flags.iter().map(|flag| (flag.intent.to_string(), flag.reason)).collect()
}

#[test]
fn every_further_payment_that_one_look_shows_is_flagged() {
    let two = || ["pi_x", "pi_y"].map(|id| id.parse::<PaymentIntentId>().unwrap()).to_vec();
    let both = |reason| vec![("pi_x".to_owned(), reason), ("pi_y".to_owned(), reason)];
    let looks: [Named<Look>; 4] = [
        ("beside its own", (|harness| succeeded(harness), FlagReason::PaidTwice)),
        ("beside a decline", (|_| declined(), FlagReason::PaidByFailedAttempt)),
        (
            "beside nothing",
            (
                |harness| {
                    harness.see(Observation::Inconclusive(Inconclusive {
                        cannot_repeat: true,
                        ..Inconclusive::default()
                    }));
                    Observation::Absent { asked: harness.now }
                },
                FlagReason::PaidByFailedAttempt,
            ),
        ),
        (
            "beside one that is under way",
            (
                |harness| Observation::PaymentIntent(harness.intent(PaymentIntentStatus::Processing)),
                FlagReason::PaidByFailedAttempt,
            ),
        ),
    ];
    for (name, (look, reason)) in looks {
        let (mut harness, _) = DriverHarness::charging();
        let primary = look(&mut harness);
        harness.see(AttemptObservation { primary, other_payments: two() });
        assert_eq!(flagged(&harness.flags), both(reason), "{name}");
    }
    // An operator's decision, whose look shows them.
    let decisions: [Named<Decided>; 2] = [
        ("charged", (|| charged_by("pi_1"), succeeded, FlagReason::PaidTwice)),
        (
            "not charged",
            (
                || Command::Decide(Decision::NotCharged { override_unread: false }),
                |harness| Observation::Absent { asked: harness.now },
                FlagReason::PaidAfterEnd,
            ),
        ),
    ];
    for (name, (decide, look, reason)) in decisions {
        let mut harness = frozen();
        harness.ask(decide());
        let seen = AttemptObservation { primary: look(&harness), other_payments: two() };
        harness.verify(seen);
        assert_eq!(flagged(&harness.flags), both(reason), "{name}");
    }
}

#[test]
fn a_stripe_checkout_opens_only_for_a_current_payable_revision() {
    let refusals: [Named<Refusal>; 7] = [
        ("no revision", (|_| {}, None, Rejection::Host(HostRejection::RevisionMissing))),
        (
            "an old revision",
            (|_| {}, Some(1), Rejection::Host(HostRejection::StaleRevision { current: Revision(2) })),
        ),
        (
            "a revision to come",
            (|_| {}, Some(3), Rejection::Host(HostRejection::StaleRevision { current: Revision(2) })),
        ),
        (
            "an expired quote",
            (
                |harness| harness.pass(Span::minutes(15)),
                Some(2),
                Rejection::Shopper(ShopperRejection::QuoteExpired),
            ),
        ),
        (
            "a suspended shop",
            (
                |harness| harness.view.status = MerchantStatus::Suspended,
                Some(2),
                Rejection::Shop(ShopRejection::Suspended),
            ),
        ),
        (
            "an unknown account",
            (|harness| harness.view.account = None, Some(2), Rejection::Shop(ShopRejection::AccountUnknown)),
        ),
        (
            "another account than that of the first attempt",
            (
                |harness| {
                    harness.pay("spt_first0001");
                    harness.tell_token(Ok(harness.good_facts()));
                    harness.see(declined());
                    harness.view.account = Some("acct_other".parse().unwrap());
                },
                Some(2),
                Rejection::Shop(ShopRejection::AccountUnknown),
            ),
        ),
    ];
    for (name, (lead, revision, expected)) in refusals {
        let mut harness = DriverHarness::ready();
        harness.update(merchant_gateway::domain::checkout::model::Patch::default());
        lead(&mut harness);
        let before = harness.attempts.len();
        let asked = harness.ask(Command::OpenStripeCheckout { revision: revision.map(Revision) });
        assert_eq!(harness.answer(asked).unwrap_err(), expected, "{name}");
        assert!(harness.effects.is_empty() && harness.attempts.len() == before, "{name}");
    }
    // One that is open is shown again to who was shown its revision, and is closed for nobody else.
    for (revision, expected) in [
        (None, Some(Rejection::Host(HostRejection::RevisionMissing))),
        (Some(Revision(7)), Some(Rejection::Host(HostRejection::StaleRevision { current: Revision(1) }))),
        (Some(Revision(1)), None),
    ] {
        let mut harness = awaiting();
        let asked = harness.ask(Command::OpenStripeCheckout { revision });
        assert_eq!(harness.answer(asked).err(), expected, "{revision:?}");
        assert!(matches!(harness.session().state, State::AwaitingStripeCheckout { .. }), "{revision:?}");
        assert!(harness.effects.is_empty(), "{revision:?}");
    }
    let mut harness = DriverHarness::ready();
    harness.view.checkout.method = CheckoutMethod::PaymentSheet;
    let asked = open_stripe_checkout(&mut harness);
    assert!(matches!(harness.answer(asked), Err(Rejection::Shopper(ShopperRejection::NotOffered(_)))));
    assert!(harness.effects.is_empty());
}

#[test]
fn a_suspended_shop_begins_nothing_and_ends_what_it_has_begun() {
    let mut harness = DriverHarness::default();
    harness.view.status = MerchantStatus::Suspended;
    let creating = harness.ask(shop::create(shop::two_mugs()));
    assert_eq!(harness.answer(creating).unwrap_err(), Rejection::Shop(ShopRejection::Suspended));

    let mut harness = DriverHarness::ready();
    harness.view.status = MerchantStatus::Suspended;
    let paying = harness.pay("spt_first0001");
    assert_eq!(harness.answer(paying).unwrap_err(), Rejection::Shop(ShopRejection::Suspended));

    // Suspended while the token is read.
    let mut harness = DriverHarness::ready();
    let paying = harness.pay("spt_first0001");
    harness.view.status = MerchantStatus::Suspended;
    harness.tell_token(Ok(harness.good_facts()));
    assert_eq!(harness.answer(paying).unwrap_err(), Rejection::Shop(ShopRejection::Suspended));
    assert!(harness.effects.is_empty() && harness.attempts.is_empty());

    let (mut harness, paying) = DriverHarness::charging();
    harness.view.status = MerchantStatus::Suspended;
    harness.see(succeeded(&harness));
    assert!(harness.answer(paying).unwrap().order.is_some(), "what was charged is an order");
    let mut harness = awaiting();
    harness.view.status = MerchantStatus::Suspended;
    harness.pass(Span::minutes(1));
    harness.wake();
    let paid = StripeCheckoutSnapshot {
        intent: Some(("pi_1".parse().unwrap(), None)),
        ..page(&harness, StripeCheckoutStatus::Paid)
    };
    harness.see(Observation::StripeCheckout(paid));
    assert!(matches!(harness.session().state, State::Completed { .. }));
}

#[test]
fn the_caller_after_sixty_four_waiting_ones_is_answered_at_once() {
    let (mut harness, paying) = DriverHarness::charging();
    let repeats: Vec<_> = (1..64).map(|_| harness.pay("spt_first0001")).collect();
    assert!(repeats.iter().all(|repeat| harness.waits(*repeat)));
    let one_more = harness.pay("spt_first0001");
    let answer = harness.answer(one_more).unwrap();
    assert!(answer.order.is_none() && matches!(answer.session.state, State::Charging(_)));
    harness.see(succeeded(&harness));
    for caller in repeats.into_iter().chain([paying]) {
        assert!(harness.answer(caller).unwrap().order.is_some());
    }
}

#[test]
fn a_caller_who_leaves_a_shared_attempt_receives_no_answer() {
    for leaves_first in [false, true] {
        let (mut harness, first) = DriverHarness::charging();
        let second = harness.pay("spt_first0001");
        let (leaves, stays) = if leaves_first { (first, second) } else { (second, first) };
        harness.feed(Input::GivenUp(leaves));
        harness.see(succeeded(&harness));
        assert!(harness.waits(leaves), "leaves first: {leaves_first}");
        assert!(harness.answer(stays).unwrap().order.is_some(), "leaves first: {leaves_first}");
        assert!(harness.driver.is_idle());
    }
}

#[test]
fn a_caller_who_leaves_during_two_token_reads_is_not_charged() {
    let mut harness = DriverHarness::ready();
    let (leaves, stays) = (harness.pay("spt_first0001"), harness.pay("spt_second002"));
    harness.feed(Input::GivenUp(leaves));
    for _ in 0..2 {
        harness.tell_token(Ok(harness.good_facts()));
    }
    assert_eq!(harness.attempts.len(), 1);
    harness.see(succeeded(&harness));
    assert!(harness.waits(leaves) && harness.answer(stays).unwrap().order.is_some());
}

#[test]
fn a_repeated_payment_resumes_one_begun_before_a_restart() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(Observation::Inconclusive(Inconclusive::default()));
    harness.pass(Span::seconds(1));
    harness.driver = Driver::new(harness.id.clone());
    let repeat = harness.pay("spt_first0001");
    assert!(
        harness.waits(repeat) && matches!(harness.effects[..], [Effect::Charge(_)]),
        "{:?}",
        harness.effects
    );
    harness.see(succeeded(&harness));
    assert!(harness.answer(repeat).unwrap().order.is_some());
}

#[test]
fn a_token_is_taken_only_through_a_door_that_the_shop_has() {
    for (door, method, wallet, is_taken) in [
        (TokenDoor::PaymentSheet, CheckoutMethod::StripeCheckout, true, false),
        (TokenDoor::Wallet, CheckoutMethod::StripeCheckout, true, true),
        (TokenDoor::Wallet, CheckoutMethod::Auto, false, false),
        (TokenDoor::PaymentSheet, CheckoutMethod::Auto, false, true),
    ] {
        let mut harness = DriverHarness::ready();
        (harness.view.checkout.method, harness.view.checkout.wallet) = (method, wallet);
        let revision = Some(harness.session().revision);
        let asked = harness.pay_through(door, "spt_first0001", revision);
        if is_taken {
            assert!(harness.waits(asked), "{door:?}: the token is read");
        } else {
            let refused = harness.answer(asked);
            let is_refused = matches!(refused, Err(Rejection::Shopper(ShopperRejection::NotOffered(_))));
            assert!(is_refused && harness.effects.is_empty(), "{door:?}");
        }
    }
}
