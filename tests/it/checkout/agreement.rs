//! What must come back with a payment unchanged, each thing varied alone; and pages that cannot be read or are refused.

use merchant_gateway::domain::checkout::attempt::{FlagReason, IntentSeen, IntentStatus, Seen, Unknown};
use merchant_gateway::domain::checkout::command::Patch;
use merchant_gateway::domain::checkout::due::due_at;
use merchant_gateway::domain::checkout::effect::Effect;
use merchant_gateway::domain::checkout::hosted::{PageSeen, PageStatus};
use merchant_gateway::domain::checkout::session::{FreezeReason, State};
use merchant_gateway::domain::ids::{AttemptNumber, PaymentIntentId, Revision, SessionId};
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::time::Span;

use crate::support::bench::Bench;
use crate::support::shop;

use super::pages::{awaiting, open_page, page};
use super::{Named, nothing_known, succeeded};

/// What a payment and a page bring back alike.
struct Brought<'a> {
    amount: &'a mut Money,
    livemode: &'a mut bool,
    session: &'a mut Option<SessionId>,
    revision: &'a mut Option<Revision>,
    attempt: &'a mut Option<AttemptNumber>,
}

const SPOILT: [Named<fn(Brought<'_>)>; 11] = [
    ("one less", |brought| *brought.amount = Money::new(4360, shop::usd())),
    ("one more", |brought| *brought.amount = Money::new(4362, shop::usd())),
    ("nothing", |brought| *brought.amount = Money::new(0, shop::usd())),
    ("another currency", |brought| *brought.amount = Money::new(4361, "eur".parse().unwrap())),
    ("the other mode", |brought| *brought.livemode = true),
    ("another session", |brought| *brought.session = Some(SessionId::from_random(99))),
    ("no session", |brought| *brought.session = None),
    ("another revision", |brought| *brought.revision = Some(Revision(2))),
    ("no revision", |brought| *brought.revision = None),
    ("another attempt", |brought| *brought.attempt = Some(AttemptNumber(2))),
    ("no attempt", |brought| *brought.attempt = None),
];

fn of_intent(intent: &mut IntentSeen) -> Brought<'_> {
    let IntentSeen { amount, livemode, session, revision, attempt, .. } = intent;
    Brought { amount, livemode, session, revision, attempt }
}

fn of_page(page: &mut PageSeen) -> Brought<'_> {
    let PageSeen { amount, livemode, session, revision, attempt, .. } = page;
    Brought { amount, livemode, session, revision, attempt }
}

/// No order was placed; an operator is asked, and the payment is flagged.
fn waits_for_an_operator(bench: &Bench, payment: &str, what: &str) {
    let State::Frozen { charging, reason: FreezeReason::PaymentDisagrees } = &bench.session().state else {
        panic!("{what}: {}", bench.session().state.name())
    };
    let payment: PaymentIntentId = payment.parse().unwrap();
    assert_eq!(charging.intent.as_ref(), Some(&payment), "{what}: an operator decides about it");
    let flagged: Vec<_> = bench.flags.iter().map(|flag| (&flag.intent, flag.reason)).collect();
    assert_eq!(flagged, [(&payment, FlagReason::PaymentDisagrees)], "{what}");
    assert!(bench.effects.is_empty(), "{what}");
}

#[test]
fn a_payment_that_disagrees_in_any_one_thing_is_never_an_order() {
    let ways: [Named<fn(&mut Bench)>; 3] = [
        ("answered", |_| {}),
        ("read", |bench| {
            bench.see(Seen::Unknown(Unknown { cannot_repeat: true, ..Unknown::default() }));
        }),
        ("met by a cancel", |bench| bench.see(Seen::Intent(bench.intent(IntentStatus::RequiresAction)))),
    ];
    for (way, lead) in ways {
        for (name, spoil) in SPOILT {
            let (mut bench, paying) = Bench::charging();
            lead(&mut bench);
            let mut intent = bench.intent(IntentStatus::Succeeded);
            spoil(of_intent(&mut intent));
            bench.see(Seen::Intent(intent));
            let what = format!("{way}: {name}");
            waits_for_an_operator(&bench, "pi_1", &what);
            assert!(bench.answer(paying).unwrap().order.is_none(), "{what}");
        }
        let (mut bench, paying) = Bench::charging();
        lead(&mut bench);
        bench.see(succeeded(&bench));
        assert!(bench.answer(paying).unwrap().order.is_some(), "{way}: one that agrees is");
    }
}

#[test]
fn a_page_that_was_paid_and_disagrees_in_any_one_thing_is_never_an_order() {
    let statuses = [(PageStatus::Paid, None), (PageStatus::Unpaid, Some(IntentStatus::Succeeded))];
    for closing in [false, true] {
        for (status, intent) in statuses {
            let paid = |bench: &Bench| PageSeen {
                intent: Some(("pi_1".parse().unwrap(), intent)),
                ..page(bench, status)
            };
            for (name, spoil) in SPOILT {
                let mut bench = looked_at(closing);
                let mut seen = paid(&bench);
                spoil(of_page(&mut seen));
                bench.see(Seen::Page(seen));
                waits_for_an_operator(&bench, "pi_1", &format!("{status:?}, closing {closing}: {name}"));
            }
            let mut bench = looked_at(closing);
            let seen = Seen::Page(paid(&bench));
            bench.see(seen);
            assert!(matches!(bench.session().state, State::Completed { .. }), "{status:?}");
        }
    }
}

/// A page that is looked at, or that is being closed for an edit.
fn looked_at(closing: bool) -> Bench {
    let mut bench = awaiting();
    if closing {
        bench.update(Patch::default());
        assert!(matches!(bench.effects[..], [Effect::ClosePage { .. }]));
    } else {
        bench.pass(Span::minutes(1));
        bench.wake();
        assert!(matches!(bench.effects[..], [Effect::ReadPage { .. }]));
    }
    bench
}

#[test]
fn a_page_on_which_nothing_was_to_be_paid_is_never_an_order() {
    let mut bench = looked_at(false);
    let free = PageSeen { intent: None, ..page(&bench, PageStatus::Free) };
    bench.see(Seen::Page(free));
    assert!(matches!(bench.session().state, State::Frozen { reason: FreezeReason::PaymentDisagrees, .. }));
    let mut bench = looked_at(false);
    let without = PageSeen { intent: None, ..page(&bench, PageStatus::Paid) };
    bench.see(Seen::Page(without));
    assert!(matches!(bench.session().state, State::Frozen { reason: FreezeReason::PaymentDisagrees, .. }));
}

#[test]
fn nobody_gets_the_address_of_a_page_that_disagrees_in_any_one_thing() {
    let no_url: Named<fn(&mut PageSeen)> = ("no address", |page| page.url = None);
    for at in 0..=SPOILT.len() {
        let mut bench = Bench::ready();
        let asked = open_page(&mut bench);
        let mut seen = page(&bench, PageStatus::Open);
        let name = if let Some((name, spoil)) = SPOILT.get(at) {
            spoil(of_page(&mut seen));
            name
        } else {
            no_url.1(&mut seen);
            no_url.0
        };
        bench.see(Seen::Page(seen));
        assert!(matches!(bench.session().state, State::Ready { .. }), "{name}");
        assert!(matches!(bench.answer(asked).unwrap().session.state, State::Ready { .. }), "{name}");
        assert!(bench.erased.contains(&1), "{name}: it is decided");
    }
}

#[test]
fn a_page_that_is_refused_for_good_was_never_opened_and_one_that_is_open_is_read_again() {
    let refusals = [
        Seen::RequestRefused { detail: String::new() },
        Seen::RefusedForGood { detail: String::new() },
        Seen::IdempotencyConflict,
    ];
    for refusal in &refusals {
        for repeated in [false, true] {
            let mut bench = Bench::ready();
            let asked = open_page(&mut bench);
            if repeated {
                bench.see(nothing_known());
                bench.wait_and_wake();
                assert!(matches!(bench.effects[..], [Effect::OpenPage(_)]));
            }
            bench.see(refusal.clone());
            assert!(matches!(bench.session().state, State::Ready { .. }), "{refusal:?}");
            assert!(!bench.waits(asked) && bench.effects.is_empty(), "{refusal:?}");
            bench.pass(Span::minutes(2));
            bench.wake();
            assert!(bench.effects.is_empty(), "{refusal:?}: it is asked for no more");
        }
        for closing in [false, true] {
            let mut bench = looked_at(closing);
            let before = bench.session().state.name();
            bench.see(refusal.clone());
            assert_eq!(bench.session().state.name(), before, "{refusal:?}: the address is out");
            assert!(bench.flags.is_empty() && bench.session().attempts == 1);
            bench.pass(Span::minutes(10));
            bench.wake();
            assert_eq!(bench.effects.len(), 1, "{refusal:?}: it is looked at again");
        }
    }
}

fn until_it_is_looked_at(bench: &mut Bench) {
    if bench.effects.is_empty() {
        bench.now = bench.now.max(due_at(bench.session()).expect("it is looked at again"));
        bench.wake();
    }
    assert_eq!(bench.effects.len(), 1, "{:?}", bench.effects);
}

/// Looks for so long, every look with this end, each of them nine minutes under way.
fn looks_for(bench: &mut Bench, span: Span, seen: &Seen) {
    until_it_is_looked_at(bench);
    let end = bench.now + span;
    loop {
        bench.see(seen.clone());
        if bench.now >= end || unreadable(bench) {
            return;
        }
        until_it_is_looked_at(bench);
        bench.pass(Span::minutes(9));
    }
}

fn unreadable(bench: &Bench) -> bool {
    matches!(bench.session().state, State::Frozen { reason: FreezeReason::Unreadable, .. })
}

/// A charge that is only read by now.
fn reading() -> Bench {
    let (mut bench, _) = Bench::charging();
    bench.see(Seen::Unknown(Unknown { cannot_repeat: true, ..Unknown::default() }));
    bench
}

/// A charge whose payment is being canceled.
fn canceling() -> Bench {
    let (mut bench, _) = Bench::charging();
    bench.see(Seen::Intent(bench.intent(IntentStatus::RequiresAction)));
    bench
}

const READ: [Named<fn() -> Bench>; 4] = [
    ("reading", reading),
    ("canceling", canceling),
    ("awaiting the shopper", || looked_at(false)),
    ("closing", || looked_at(true)),
];

/// A reading that comes to its end and decides nothing.
fn undecided(bench: &Bench) -> Seen {
    if matches!(bench.session().state, State::Charging(_)) {
        Seen::Intent(bench.intent(IntentStatus::Processing))
    } else {
        Seen::Page(page(bench, PageStatus::Open))
    }
}

#[test]
fn what_cannot_be_read_for_a_day_is_an_operators_and_not_before() {
    for (name, make) in READ {
        for seen in [Seen::Unread, Seen::KeyRefused, Seen::OtherAccount] {
            let mut bench = make();
            looks_for(&mut bench, Span::minutes(23 * 60 + 40), &seen);
            assert!(!unreadable(&bench), "{name}: {seen:?}");
            looks_for(&mut bench, Span::minutes(20), &seen);
            assert!(unreadable(&bench), "{name}: {seen:?}: {}", bench.session().state.name());
        }
    }
}

#[test]
fn readings_that_fail_are_counted_anew_after_one_that_came_to_its_end() {
    for (name, make) in READ {
        let mut bench = make();
        looks_for(&mut bench, Span::hours(23), &Seen::Unread);
        until_it_is_looked_at(&mut bench);
        let good = undecided(&bench);
        bench.see(good);
        looks_for(&mut bench, Span::hours(23), &Seen::Unread);
        assert!(!unreadable(&bench), "{name}: {}", bench.session().state.name());
        // One that was not made for want of room is neither good nor bad.
        until_it_is_looked_at(&mut bench);
        bench.see(Seen::PutOff { after: Span::seconds(1) });
        looks_for(&mut bench, Span::minutes(30), &Seen::Unread);
        assert!(!unreadable(&bench), "{name}: {}", bench.session().state.name());
        looks_for(&mut bench, Span::minutes(40), &Seen::Unread);
        assert!(unreadable(&bench), "{name}: {}", bench.session().state.name());
    }
    // One that finds nothing is good, too.
    let mut bench = reading();
    looks_for(&mut bench, Span::hours(23), &Seen::Unread);
    until_it_is_looked_at(&mut bench);
    bench.see_nothing();
    assert!(matches!(bench.session().state, State::Charging(_)));
    looks_for(&mut bench, Span::hours(23), &Seen::Unread);
    assert!(!unreadable(&bench));
}
