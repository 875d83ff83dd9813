//! Callers who leave, who come at once, and who ask for what is not there any more.

use merchant_gateway::domain::address::Buyer;
use merchant_gateway::domain::checkout::attempt::{Flag, FlagReason, IntentStatus, Seen, Unknown};
use merchant_gateway::domain::checkout::command::{Command, Payment, Rejection};
use merchant_gateway::domain::checkout::decision::Decision;
use merchant_gateway::domain::checkout::driver::{CommitFailed, Driver, Input, Output, RequestId};
use merchant_gateway::domain::checkout::effect::Effect;
use merchant_gateway::domain::checkout::hosted::{PageSeen, PageStatus};
use merchant_gateway::domain::checkout::session::{NoticeCode, State};
use merchant_gateway::domain::checkout::step::Moment;
use merchant_gateway::domain::checkout::timeline::StripeAnswer;
use merchant_gateway::domain::checkout::token::TokenFacts;
use merchant_gateway::domain::ids::{PaymentIntentId, Revision};
use merchant_gateway::domain::merchant::{CheckoutMethod, MerchantStatus};
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::time::Span;

use crate::support::bench::Bench;
use crate::support::shop;

use super::pages::{awaiting, open_page, page};
use super::{Named, charged_by, declined, frozen, succeeded};

/// What a look shows, and what the further payments are flagged as.
type Look = (fn(&mut Bench) -> Seen, FlagReason);
/// An operator's decision, what its look shows, and what the further payments are flagged as.
type Decided = (fn() -> Command, fn(&Bench) -> Seen, FlagReason);
/// What happened before, the revision that the page is asked for with, and why it is refused.
type Refusal = (fn(&mut Bench), Option<u32>, Rejection);

#[test]
fn a_shopper_who_leaves_while_the_payment_waits_for_a_page_to_close_is_not_charged() {
    for leaves in [false, true] {
        let mut bench = awaiting();
        let paying = bench.pay("spt_first0001");
        bench.tell_token(Ok(bench.good_facts()));
        assert!(matches!(bench.effects[..], [Effect::ClosePage { .. }]) && bench.waits(paying));
        if leaves {
            bench.feed(Input::GivenUp(paying));
        }
        let closed = Seen::Page(page(&bench, PageStatus::Expired));
        bench.see(closed);
        assert!(matches!(bench.session().state, State::Ready { .. }));
        assert_eq!(bench.gathers.len(), usize::from(!leaves), "leaves: {leaves}");
        assert!(bench.waits(paying));
        if leaves {
            assert!(bench.effects.is_empty() && bench.attempts.len() == 1 && bench.driver.is_idle());
        } else {
            bench.tell_token(Ok(bench.good_facts()));
            assert_eq!(bench.attempts.len(), 2, "who stays is charged");
        }
    }
}

/// A driver whose store is slow: the caller of a payment can leave while it is written.
struct Slow<'a> {
    bench: &'a Bench,
    driver: Driver,
}

const CALLER: RequestId = RequestId(1);

impl<'a> Slow<'a> {
    fn new(bench: &'a Bench) -> Self {
        Self { bench, driver: Driver::new(bench.id.clone()) }
    }

    /// A payment whose first commit is under way.
    fn committing(bench: &'a Bench) -> Self {
        let mut slow = Self::new(bench);
        slow.is_asked_to_pay();
        slow.pays();
        slow
    }

    fn is_asked_to_pay(&mut self) {
        let revision = Some(self.bench.session().revision);
        let token = "spt_first0001".parse().unwrap();
        let payment = Payment { revision, token, buyer: Buyer::default() };
        self.on(Input::Asked { request: CALLER, command: Box::new(Command::Complete(payment)) });
    }

    fn loads(&mut self) -> Vec<Output> {
        self.on(Input::Loaded(Ok(Box::new(self.bench.row()))))
    }

    fn on(&mut self, input: Input) -> Vec<Output> {
        let moment = Moment { now: self.bench.now, jitter: 0.5, random: 1, webhooks_arrive: false };
        self.driver.on(input, moment, &self.bench.view)
    }

    /// The payment is looked at, its token is read, and its commit is wanted.
    fn pays(&mut self) {
        let wanted = self.loads();
        let [Output::Gather { task, .. }] = wanted[..] else { panic!("{wanted:?}") };
        self.on(Input::Gathered { task, facts: Ok(self.bench.good_facts()) });
        let wanted = self.loads();
        assert!(wanted.iter().any(|output| matches!(output, Output::Commit(_))), "{wanted:?}");
    }
}

#[test]
fn a_shopper_who_leaves_while_a_commit_is_lost_to_a_conflict_is_not_charged() {
    for bench in [Bench::ready(), awaiting()] {
        for lost in [CommitFailed::Conflict, CommitFailed::TokenUsed] {
            let mut slow = Slow::committing(&bench);
            slow.on(Input::GivenUp(CALLER));
            let wanted = slow.on(Input::Committed(Err(lost)));
            assert!(wanted.is_empty() && slow.driver.is_idle(), "{lost:?}: {wanted:?}");

            // Who stays has another turn, and may leave in that one.
            let mut slow = Slow::committing(&bench);
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
fn a_shopper_who_leaves_while_the_session_or_the_token_is_read_is_not_charged() {
    let bench = Bench::ready();
    for leaves_at in 0..3 {
        let mut slow = Slow::new(&bench);
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
            let wanted = slow.on(Input::Gathered { task, facts: Ok(bench.good_facts()) });
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
    let bench = Bench::ready();
    let mut slow = Slow::new(&bench);
    slow.on(Input::Asked { request: RequestId(2), command: Box::new(Command::Read) });
    slow.is_asked_to_pay();
    slow.on(Input::GivenUp(CALLER));
    let wanted = slow.loads();
    assert!(matches!(wanted[..], [Output::Reply(RequestId(2), Ok(_))]), "{wanted:?}");
    assert!(slow.driver.is_idle());
}

#[test]
fn a_shopper_who_leaves_while_the_closing_of_a_page_is_written_is_not_charged() {
    let bench = awaiting();
    let version = bench.row().session.unwrap().0;
    for leaves in [false, true] {
        let mut slow = Slow::committing(&bench);
        if leaves {
            slow.on(Input::GivenUp(CALLER));
        }
        let wanted = slow.on(Input::Committed(Ok(version)));
        let closes = |output: &Output| matches!(output, Output::Run(Effect::ClosePage { .. }));
        assert!(wanted.iter().any(closes), "{wanted:?}");
        let seen = Box::new(Seen::Page(page(&bench, PageStatus::Expired)));
        let attempt = bench.attempts[0].number;
        let wanted = slow.on(Input::Saw { attempt, seen, answer: StripeAnswer::default() });
        assert!(matches!(wanted[..], [Output::Load(None)]), "{wanted:?}");
        let wanted = slow.loads();
        assert!(wanted.iter().any(|output| matches!(output, Output::Commit(_))), "{wanted:?}");
        let wanted = slow.on(Input::Committed(Ok(version)));
        let comes_again = wanted.iter().any(|output| matches!(output, Output::Load(Some(_))));
        assert_eq!(comes_again, !leaves, "{wanted:?}");
    }
}

#[test]
fn two_payments_whose_tokens_are_read_at_once_each_hear_of_their_own_token() {
    for swapped in [false, true] {
        let mut bench = Bench::ready();
        let (good, bad) = (bench.pay("spt_good00001"), bench.pay("spt_bad000001"));
        assert_eq!(bench.gathers.len(), 2);
        assert_ne!(bench.gathers[0], bench.gathers[1], "each has a number of its own");
        let facts = bench.good_facts();
        let useless = TokenFacts { remaining: Some(Money::new(1, shop::usd())), ..facts.clone() };
        if swapped {
            bench.gathers.swap(0, 1);
            bench.tell_token(Ok(useless));
            bench.tell_token(Ok(facts));
        } else {
            bench.tell_token(Ok(facts));
            bench.tell_token(Ok(useless));
        }
        let charged: Vec<_> = bench.attempts.iter().map(|attempt| attempt.spt_hash().cloned()).collect();
        let token: merchant_gateway::domain::checkout::token::SharedPaymentToken =
            "spt_good00001".parse().unwrap();
        assert_eq!(charged, [Some(token.hash().clone())], "swapped: {swapped}");
        assert!(bench.waits(good), "swapped: {swapped}");
        let told = bench.answer(bad).unwrap().notice.unwrap().code;
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
        ("beside its own", (|bench| succeeded(bench), FlagReason::PaidTwice)),
        ("beside a decline", (|_| declined(), FlagReason::PaidByDeadAttempt)),
        (
            "beside nothing",
            (
                |bench| {
                    bench.see(Seen::Unknown(Unknown { cannot_repeat: true, ..Unknown::default() }));
                    Seen::Absent { asked: bench.now }
                },
                FlagReason::PaidByDeadAttempt,
            ),
        ),
        (
            "beside one that is under way",
            (|bench| Seen::Intent(bench.intent(IntentStatus::Processing)), FlagReason::PaidByDeadAttempt),
        ),
    ];
    for (name, (look, reason)) in looks {
        let (mut bench, _) = Bench::charging();
        let seen = look(&mut bench);
        bench.see(seen.beside(two()));
        assert_eq!(flagged(&bench.flags), both(reason), "{name}");
    }
    // An operator's decision, whose look shows them.
    let decisions: [Named<Decided>; 2] = [
        ("charged", (|| charged_by("pi_1"), succeeded, FlagReason::PaidTwice)),
        (
            "not charged",
            (
                || Command::Decide(Decision::NotCharged { override_unread: false }),
                |bench| Seen::Absent { asked: bench.now },
                FlagReason::PaidAfterEnd,
            ),
        ),
    ];
    for (name, (decide, look, reason)) in decisions {
        let mut bench = frozen();
        bench.ask(decide());
        let seen = look(&bench).beside(two());
        bench.verify(seen);
        assert_eq!(flagged(&bench.flags), both(reason), "{name}");
    }
}

#[test]
fn a_page_is_opened_only_for_who_was_shown_this_revision_and_only_where_it_can_be_paid() {
    let refusals: [Named<Refusal>; 7] = [
        ("no revision", (|_| {}, None, Rejection::RevisionMissing)),
        ("an old revision", (|_| {}, Some(1), Rejection::StaleRevision { current: Revision(2) })),
        ("a revision to come", (|_| {}, Some(3), Rejection::StaleRevision { current: Revision(2) })),
        ("an expired quote", (|bench| bench.pass(Span::minutes(15)), Some(2), Rejection::QuoteExpired)),
        (
            "a suspended shop",
            (|bench| bench.view.status = MerchantStatus::Suspended, Some(2), Rejection::Suspended),
        ),
        ("an unknown account", (|bench| bench.view.account = None, Some(2), Rejection::AccountUnknown)),
        (
            "another account than that of the first attempt",
            (
                |bench| {
                    bench.pay("spt_first0001");
                    bench.tell_token(Ok(bench.good_facts()));
                    bench.see(declined());
                    bench.view.account = Some("acct_other".parse().unwrap());
                },
                Some(2),
                Rejection::AccountUnknown,
            ),
        ),
    ];
    for (name, (lead, revision, expected)) in refusals {
        let mut bench = Bench::ready();
        bench.update(merchant_gateway::domain::checkout::command::Patch::default());
        lead(&mut bench);
        let before = bench.attempts.len();
        let asked = bench.ask(Command::OpenPage { revision: revision.map(Revision) });
        assert_eq!(bench.answer(asked).unwrap_err(), expected, "{name}");
        assert!(bench.effects.is_empty() && bench.attempts.len() == before, "{name}");
    }
    // One that is open is shown again to who was shown its revision, and is closed for nobody else.
    for (revision, expected) in [
        (None, Some(Rejection::RevisionMissing)),
        (Some(Revision(7)), Some(Rejection::StaleRevision { current: Revision(1) })),
        (Some(Revision(1)), None),
    ] {
        let mut bench = awaiting();
        let asked = bench.ask(Command::OpenPage { revision });
        assert_eq!(bench.answer(asked).err(), expected, "{revision:?}");
        assert!(matches!(bench.session().state, State::AwaitingHosted { .. }), "{revision:?}");
        assert!(bench.effects.is_empty(), "{revision:?}");
    }
    let mut bench = Bench::ready();
    bench.view.checkout.method = CheckoutMethod::PaymentSheet;
    let asked = open_page(&mut bench);
    assert!(matches!(bench.answer(asked), Err(Rejection::NotOffered(_))));
    assert!(bench.effects.is_empty());
}

#[test]
fn a_suspended_shop_begins_nothing_and_ends_what_it_has_begun() {
    let mut bench = Bench::new();
    bench.view.status = MerchantStatus::Suspended;
    let creating = bench.ask(Command::Create(shop::two_mugs()));
    assert_eq!(bench.answer(creating).unwrap_err(), Rejection::Suspended);

    let mut bench = Bench::ready();
    bench.view.status = MerchantStatus::Suspended;
    let paying = bench.pay("spt_first0001");
    assert_eq!(bench.answer(paying).unwrap_err(), Rejection::Suspended);

    // Suspended while the token is read.
    let mut bench = Bench::ready();
    let paying = bench.pay("spt_first0001");
    bench.view.status = MerchantStatus::Suspended;
    bench.tell_token(Ok(bench.good_facts()));
    assert_eq!(bench.answer(paying).unwrap_err(), Rejection::Suspended);
    assert!(bench.effects.is_empty() && bench.attempts.is_empty());

    let (mut bench, paying) = Bench::charging();
    bench.view.status = MerchantStatus::Suspended;
    bench.see(succeeded(&bench));
    assert!(bench.answer(paying).unwrap().order.is_some(), "what was charged is an order");
    let mut bench = awaiting();
    bench.view.status = MerchantStatus::Suspended;
    bench.pass(Span::minutes(1));
    bench.wake();
    let paid = PageSeen { intent: Some(("pi_1".parse().unwrap(), None)), ..page(&bench, PageStatus::Paid) };
    bench.see(Seen::Page(paid));
    assert!(matches!(bench.session().state, State::Completed { .. }));
}

#[test]
fn sixty_four_callers_wait_for_one_attempt_and_the_next_hears_at_once_that_it_is_under_way() {
    let (mut bench, paying) = Bench::charging();
    let repeats: Vec<_> = (1..64).map(|_| bench.pay("spt_first0001")).collect();
    assert!(repeats.iter().all(|repeat| bench.waits(*repeat)));
    let one_more = bench.pay("spt_first0001");
    let answer = bench.answer(one_more).unwrap();
    assert!(answer.order.is_none() && matches!(answer.session.state, State::Charging(_)));
    bench.see(succeeded(&bench));
    for caller in repeats.into_iter().chain([paying]) {
        assert!(bench.answer(caller).unwrap().order.is_some());
    }
}

#[test]
fn of_two_callers_who_wait_for_one_attempt_the_one_who_leaves_hears_nothing() {
    for leaves_first in [false, true] {
        let (mut bench, first) = Bench::charging();
        let second = bench.pay("spt_first0001");
        let (leaves, stays) = if leaves_first { (first, second) } else { (second, first) };
        bench.feed(Input::GivenUp(leaves));
        bench.see(succeeded(&bench));
        assert!(bench.waits(leaves), "leaves first: {leaves_first}");
        assert!(bench.answer(stays).unwrap().order.is_some(), "leaves first: {leaves_first}");
        assert!(bench.driver.is_idle());
    }
}

#[test]
fn of_two_callers_whose_tokens_are_read_the_one_who_leaves_is_not_charged() {
    let mut bench = Bench::ready();
    let (leaves, stays) = (bench.pay("spt_first0001"), bench.pay("spt_second002"));
    bench.feed(Input::GivenUp(leaves));
    for _ in 0..2 {
        bench.tell_token(Ok(bench.good_facts()));
    }
    assert_eq!(bench.attempts.len(), 1);
    bench.see(succeeded(&bench));
    assert!(bench.waits(leaves) && bench.answer(stays).unwrap().order.is_some());
}

#[test]
fn a_repeat_of_a_payment_that_a_process_before_began_has_it_gone_on_with() {
    let (mut bench, _) = Bench::charging();
    bench.see(Seen::Unknown(Unknown::default()));
    bench.pass(Span::seconds(1));
    bench.driver = Driver::new(bench.id.clone());
    let repeat = bench.pay("spt_first0001");
    assert!(bench.waits(repeat) && matches!(bench.effects[..], [Effect::Charge(_)]), "{:?}", bench.effects);
    bench.see(succeeded(&bench));
    assert!(bench.answer(repeat).unwrap().order.is_some());
}
