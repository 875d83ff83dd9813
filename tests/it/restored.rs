//! What a session of a restored database makes of what Stripe shows, in every state that it may be in; and what it does, and
//! does not do, before anybody has looked.

use merchant_gateway::domain::address::Buyer;
use merchant_gateway::domain::checkout::attempt::{AttemptEnd, FlagReason, IntentSeen, IntentStatus, Seen};
use merchant_gateway::domain::checkout::command::{Command, Patch, Rejection};
use merchant_gateway::domain::checkout::event::Event;
use merchant_gateway::domain::checkout::hosted::{PageSeen, PageStatus};
use merchant_gateway::domain::checkout::restored::{Shown, Trace};
use merchant_gateway::domain::checkout::session::{CancelReason, Session, State};
use merchant_gateway::domain::checkout::snapshot::AttemptMove;
use merchant_gateway::domain::checkout::step::{Context, Moment, Transition, step};
use merchant_gateway::domain::ids::{AccountId, AttemptNumber, Revision};
use merchant_gateway::domain::merchant::Records;
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::time::{Span, Timestamp};

use crate::support::bench::Bench;
use crate::support::shop;

fn account() -> AccountId {
    "acct_shop".parse().unwrap()
}

/// A succeeded payment of the session's present revision by an attempt of this number.
fn paid(bench: &Bench, attempt: u32) -> IntentSeen {
    let session = bench.session();
    IntentSeen {
        id: format!("pi_{attempt}").parse().unwrap(),
        status: IntentStatus::Succeeded,
        amount: Money::new(4361, shop::usd()),
        livemode: false,
        session: Some(session.id.clone()),
        revision: Some(session.revision),
        attempt: Some(AttemptNumber(attempt)),
    }
}

/// What becomes of the session as the bench's store has it.
fn shown(bench: &Bench, shown: Shown) -> Transition {
    let trace = Trace { account: account(), shown };
    let mut view = bench.view.clone();
    (view.account, view.records) = (None, Records::Unreconciled { until: Timestamp::from_seconds(0) });
    let moment = Moment { now: bench.now, jitter: 0.5, random: 77, webhooks_arrive: false };
    let context = Context { view: &view, moment };
    step(bench.session(), Event::Reconciled(Box::new(trace)), &context).unwrap()
}

fn payment(bench: &Bench, seen: &IntentSeen) -> Transition {
    shown(bench, Shown::Payment { seen: seen.clone(), buyer: Buyer::default() })
}

fn is_ordered(transition: &Transition, seen: &IntentSeen) {
    let State::Completed { intent, .. } = &transition.next.state else {
        panic!("{}", transition.next.state.name());
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
fn others(bench: &Bench, attempt: u32) -> Vec<IntentSeen> {
    let seen = paid(bench, attempt);
    vec![
        IntentSeen { amount: Money::new(4362, shop::usd()), ..seen.clone() },
        IntentSeen { livemode: true, ..seen.clone() },
        IntentSeen { revision: Some(Revision(2)), ..seen.clone() },
        IntentSeen { revision: None, ..seen },
    ]
}

fn completed() -> Bench {
    let (mut bench, _) = Bench::charging();
    bench.see(Seen::Intent(bench.intent(IntentStatus::Succeeded)));
    bench
}

fn frozen() -> Bench {
    let (mut bench, _) = Bench::charging();
    bench.see(Seen::IdempotencyConflict);
    assert_eq!(bench.session().state.name(), "frozen");
    bench
}

fn opening() -> Bench {
    let mut bench = Bench::ready();
    bench.ask(Command::OpenPage { revision: Some(Revision(1)) });
    assert_eq!(bench.session().state.name(), "opening_hosted");
    bench
}

fn awaiting() -> Bench {
    let mut bench = opening();
    let page = PageSeen {
        id: "cs_test_1".parse().unwrap(),
        url: Some("https://checkout.example/1".to_owned()),
        status: PageStatus::Open,
        intent: None,
        amount: Money::new(4361, shop::usd()),
        livemode: false,
        session: Some(bench.id.clone()),
        revision: Some(Revision(1)),
        attempt: Some(AttemptNumber(1)),
        buyer: Buyer::default(),
    };
    bench.see(Seen::Page(page));
    assert_eq!(bench.session().state.name(), "awaiting_hosted");
    bench
}

fn closing() -> Bench {
    let mut bench = awaiting();
    bench.ask(Command::Cancel);
    assert_eq!(bench.session().state.name(), "closing_hosted");
    bench
}

#[test]
fn a_ready_session_becomes_the_order_that_was_paid_on_the_account_that_was_paid() {
    let bench = Bench::ready();
    let seen = paid(&bench, 3);
    let transition = payment(&bench, &seen);
    is_ordered(&transition, &seen);
    assert_eq!(ended(&transition), None, "the database has no such attempt");
    assert_eq!(transition.next.attempts, 3);

    let email = Some("ada@example.com".to_owned());
    let buyer = Buyer { email: email.clone(), ..Buyer::default() };
    let transition = shown(&bench, Shown::Payment { seen, buyer });
    assert_eq!(transition.order.unwrap().buyer.email, email, "its page asked for it");
}

#[test]
fn what_the_page_was_told_by_the_one_who_paid_goes_before_what_was_said_here() {
    let mut bench = Bench::ready();
    let said = |email: &str, phone: Option<&str>| Buyer {
        email: Some(email.to_owned()),
        phone_number: phone.map(str::to_owned),
        ..Buyer::default()
    };
    let here = said("here@example.com", Some("+1 555 0100"));
    bench.update(Patch { buyer: Some(here), ..Patch::default() });
    let (seen, buyer) = (paid(&bench, 1), said("there@example.com", None));
    let order = shown(&bench, Shown::Payment { seen, buyer }).order.unwrap();
    assert_eq!(order.buyer, said("there@example.com", Some("+1 555 0100")));
}

#[test]
fn a_session_that_was_paid_for_something_else_is_nobodys_to_pay_again() {
    let bench = Bench::ready();
    for seen in others(&bench, 1) {
        is_given_up(&payment(&bench, &seen));
    }
    let mut open = Bench::new();
    open.ask(Command::Create(merchant_gateway::domain::checkout::command::Patch {
        address: None,
        ..shop::two_mugs()
    }));
    assert_eq!(open.session().state.name(), "open");
    is_given_up(&payment(&open, &paid(&open, 1)));
}

#[test]
fn a_payment_of_a_session_that_has_ended_is_flagged_once() {
    let bench = completed();
    let own = IntentSeen { id: "pi_1".parse().unwrap(), ..paid(&bench, 1) };
    let transition = payment(&bench, &own);
    assert_eq!((transition.next, transition.flags.len()), (bench.session().clone(), 0));
    let other = payment(&bench, &paid(&bench, 2));
    assert_eq!(reasons(&other), [FlagReason::PaidTwice]);
    assert_eq!(other.next.state, bench.session().state);

    let mut canceled = Bench::ready();
    canceled.ask(Command::Cancel);
    let mut expired = Bench::ready();
    expired.pass(Span::hours(3));
    expired.wake();
    for bench in [canceled, expired] {
        let transition = payment(&bench, &paid(&bench, 1));
        assert_eq!(reasons(&transition), [FlagReason::PaidAfterEnd], "{}", bench.session().state.name());
        assert_eq!(transition.next.state, bench.session().state);
    }
}

#[test]
fn an_attempt_under_way_is_decided_by_its_own_payment_and_dies_by_a_later_one() {
    let under_way: [fn() -> Bench; 5] = [|| Bench::charging().0, frozen, opening, awaiting, closing];
    for bench in under_way.map(|make| make()) {
        let state = bench.session().state.name();
        let (own, later) = (paid(&bench, 1), paid(&bench, 2));
        let transition = payment(&bench, &own);
        is_ordered(&transition, &own);
        assert_eq!(ended(&transition), Some((1, true)), "{state}");
        let transition = payment(&bench, &later);
        is_ordered(&transition, &later);
        assert_eq!(ended(&transition), Some((1, false)), "{state}");

        for seen in others(&bench, 1) {
            let transition = payment(&bench, &seen);
            assert_eq!(reasons(&transition), [FlagReason::PaymentDisagrees], "{state}");
            assert_eq!(transition.next.state, bench.session().state, "its own reading freezes it");
        }
        for seen in others(&bench, 2) {
            let transition = payment(&bench, &seen);
            is_given_up(&transition);
            assert_eq!(ended(&transition), Some((1, false)), "{state}");
        }
    }
}

#[test]
fn what_was_not_paid_only_takes_its_number_and_pins_the_account() {
    let bench = Bench::ready();
    for status in [IntentStatus::Canceled, IntentStatus::RequiresPaymentMethod] {
        let transition = payment(&bench, &IntentSeen { status, ..paid(&bench, 2) });
        assert_eq!(transition.next.state, bench.session().state);
        assert_eq!((transition.next.attempts, transition.next.pages), (2, 0));
        assert_eq!(transition.next.account, Some(account()));
        assert!(transition.flags.is_empty() && transition.attempt.is_none());
    }
    let transition = shown(&bench, Shown::Page(AttemptNumber(2)));
    assert_eq!((transition.next.attempts, transition.next.pages), (2, 2));
    let transition = shown(&completed(), Shown::Page(AttemptNumber(1)));
    assert_eq!((transition.next.attempts, transition.next.pages), (1, 0));
}

/// A session that has not changed, and no work that was begun for it.
fn rests(bench: &Bench, as_it_was: &Session) {
    assert_eq!(bench.session(), as_it_was);
    assert!(bench.effects.is_empty() && bench.gathers.is_empty() && bench.verifications.is_empty());
    assert_eq!(bench.wake, None, "nobody is woken for nothing");
}

#[test]
fn before_anybody_has_looked_a_session_neither_ends_nor_changes_and_can_be_read() {
    let mut bench = Bench::ready();
    let as_it_was = bench.session().clone();
    bench.pass(Span::hours(48));
    bench.view.records = Records::Unreconciled { until: bench.now + Span::millis(150_001) };
    let commits = bench.commits;
    for _ in 0..3 {
        bench.wake();
        rests(&bench, &as_it_was);
    }
    let reading = bench.ask(Command::Read);
    assert_eq!(bench.answer(reading).unwrap().session, as_it_was);
    let asked = [
        bench.update(shop::two_mugs()),
        bench.ask(Command::Cancel),
        bench.pay("spt_first0001"),
        bench.ask(Command::OpenPage { revision: Some(Revision(1)) }),
    ];
    for request in asked {
        let told = bench.answer(request).unwrap_err();
        assert_eq!(
            told.to_string(),
            "this shop takes no orders just now, and takes them again in about 3 minutes; try again then"
        );
    }
    rests(&bench, &as_it_was);
    assert_eq!(bench.commits, commits);

    bench.view.records = Records::Whole;
    bench.wake();
    assert_eq!(bench.session().state, State::Expired, "its time counts again");
}

#[test]
fn before_anybody_has_looked_nothing_is_sent_read_or_closed_for_what_is_under_way() {
    let under_way: [fn() -> Bench; 4] = [|| Bench::charging().0, opening, awaiting, closing];
    for mut bench in under_way.map(|make| make()) {
        let as_it_was = bench.session().clone();
        bench.view.records = Records::Unreconciled { until: bench.now };
        bench.pass(Span::seconds(5));
        bench.crash();
        rests(&bench, &as_it_was);
        bench.view.records = Records::Whole;
        bench.wake();
        let goes_on = !bench.effects.is_empty() || *bench.session() != as_it_was;
        assert!(goes_on, "{}", as_it_was.state.name());
    }
}

#[test]
fn an_edit_of_a_session_from_before_a_restore_takes_no_number_that_may_have_been_shown() {
    let mut bench = Bench::ready();
    bench.view.records = Records::Reconciled { restored: bench.now + Span::minutes(1) };
    bench.pass(Span::minutes(2));
    // As it was shown before the database was lost; the restored one is at the first.
    let stale = bench.pay_revision("spt_first0001", Some(Revision(2)));
    assert_eq!(bench.answer(stale).unwrap_err(), Rejection::StaleRevision { current: Revision(1) });
    let edited = bench.update(shop::two_mugs());
    assert_eq!(bench.answer(edited).unwrap().session.revision, Revision(1001));
    let stale = bench.pay_revision("spt_first0001", Some(Revision(2)));
    assert_eq!(bench.answer(stale).unwrap_err(), Rejection::StaleRevision { current: Revision(1001) });

    let mut since = Bench::ready();
    since.view.records = Records::Reconciled { restored: since.now };
    let edited = since.update(shop::two_mugs());
    assert_eq!(since.answer(edited).unwrap().session.revision, Revision(2));
}

#[test]
fn a_decline_of_before_is_not_told_of_what_proves_to_be_paid() {
    let (mut bench, _) = Bench::charging();
    bench.see(Seen::Declined { intent: None, requires_3ds: false, text: "Declined.".to_owned() });
    assert!(bench.session().notice.is_some());
    let seen = paid(&bench, 2);
    let transition = payment(&bench, &seen);
    is_ordered(&transition, &seen);
    assert_eq!(transition.next.notice, None);
}

#[test]
fn a_decline_of_before_is_not_told_of_what_was_paid_and_is_not_known() {
    let (mut bench, _) = Bench::charging();
    bench.see(Seen::Declined { intent: None, requires_3ds: false, text: "Declined.".to_owned() });
    let seen = IntentSeen { amount: Money::new(1, shop::usd()), ..paid(&bench, 2) };
    let transition = payment(&bench, &seen);
    is_given_up(&transition);
    assert_eq!(transition.next.notice, None);
}
