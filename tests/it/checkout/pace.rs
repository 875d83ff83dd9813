//! How often Stripe is asked about one session, while every answer leaves it as undecided as before.

use merchant_gateway::domain::checkout::aftersales::{OrderSeen, RefundAnswer};
use merchant_gateway::domain::checkout::attempt::{IntentSeen, IntentStatus, Seen, Unknown};
use merchant_gateway::domain::checkout::command::{Command, Patch};
use merchant_gateway::domain::checkout::decision::Decision;
use merchant_gateway::domain::checkout::due::due_at;
use merchant_gateway::domain::checkout::effect::{Effect, OrderEffect};
use merchant_gateway::domain::checkout::hint::Hint;
use merchant_gateway::domain::checkout::hosted::{PageSeen, PageStatus};
use merchant_gateway::domain::ids::RefundNumber;
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::order::{Dispute, DisputeStatus, RefundStatus};
use merchant_gateway::domain::stripe_event::Concern;
use merchant_gateway::domain::time::{Span, Timestamp};

use crate::support::bench::Bench;
use crate::support::shop;

use super::pages::{awaiting, open_page, page};
use super::refunds::{answered, asking, seen_refund};
use super::{declined, frozen, nothing_known, succeeded};

/// A session that waits for Stripe.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) make: fn() -> Bench,
    /// Ends the oldest effect, in a way that decides nothing.
    pub(super) answer: fn(&mut Bench),
    /// The most requests in the first hour, and in each hour after the second.
    most: (usize, usize),
    /// The longest time without a request while it is undecided.
    pub(super) longest: Span,
}

const DAY: Span = Span::hours(24);

/// How long each is watched.
const WATCHED: Span = Span::hours(20);

pub(super) fn unread(bench: &mut Bench) {
    match bench.effects[0] {
        Effect::Order(OrderEffect::Read { .. }) => bench.see_order(OrderSeen::Unread),
        Effect::Order(OrderEffect::Refund(number)) => {
            let answer = RefundAnswer::Unknown(Unknown::default());
            bench.see_order(OrderSeen::Asked { number, answer });
        }
        Effect::ReadPayment { .. } => bench.see_payment(Seen::Unread),
        Effect::Charge(_) | Effect::OpenPage(_) => bench.see(nothing_known()),
        Effect::Read { .. } | Effect::Cancel { .. } | Effect::ReadPage { .. } | Effect::ClosePage { .. } => {
            bench.see(Seen::Unread);
        }
    }
}

fn processing(bench: &mut Bench) {
    bench.see(Seen::Intent(bench.intent(IntentStatus::Processing)));
}

fn page_is_open(bench: &mut Bench) {
    let open = Seen::Page(page(bench, PageStatus::Open));
    bench.see(open);
}

fn page_is_unpaid(bench: &mut Bench) {
    let intent = Some(("pi_1".parse().unwrap(), Some(IntentStatus::Processing)));
    let unpaid = PageSeen { intent, ..page(bench, PageStatus::Unpaid) };
    bench.see(Seen::Page(unpaid));
}

fn reading() -> Bench {
    let (mut bench, _) = Bench::charging();
    bench.see(Seen::Unknown(Unknown { cannot_repeat: true, ..Unknown::default() }));
    bench
}

fn canceling() -> Bench {
    let (mut bench, _) = Bench::charging();
    bench.see(Seen::Intent(bench.intent(IntentStatus::RequiresAction)));
    bench
}

fn paid() -> Bench {
    let (mut bench, _) = Bench::charging();
    bench.see(succeeded(&bench));
    bench
}

fn hinted_at(mut bench: Bench, concern: Concern, payment: Option<&str>) -> Bench {
    let payment = payment.map(|payment| payment.parse().unwrap());
    bench.ask(Command::Hear(Hint { concern, payment }));
    bench
}

fn order_shows(bench: &mut Bench, disputes: Option<Vec<Dispute>>) {
    let asked = bench.now;
    bench.see_order(OrderSeen::Read { refunds: vec![], disputes, asked, complete: true });
}

fn disputed(bench: &mut Bench) {
    let dispute = Dispute {
        id: "du_1".parse().unwrap(),
        amount: Money::new(100, shop::usd()),
        reason: "fraudulent".to_owned(),
        status: DisputeStatus::new("needs_response".to_owned()),
        created: Timestamp::from_seconds(1_800_000_000),
    };
    order_shows(bench, Some(vec![dispute]));
}

fn looking_for_a_refund() -> Bench {
    let (mut bench, _) = asking();
    answered(&mut bench, RefundAnswer::Conflict);
    bench
}

/// A look that came to its end and could not read all there was.
fn incomplete(bench: &mut Bench) {
    let asked = bench.now;
    bench.see_order(OrderSeen::Read { refunds: vec![], disputes: None, asked, complete: false });
}

pub(super) fn decided_unread() -> Bench {
    let mut bench = frozen();
    bench.ask(Command::Decide(Decision::NotCharged { override_unread: true }));
    bench.verify(Seen::Unread);
    bench
}

pub(super) const MINUTE: Span = Span::minutes(1);

pub(super) const CASES: [Case; 19] = [
    Case {
        name: "a charge that is not heard of",
        make: || Bench::charging().0,
        answer: unread,
        most: (100, 90),
        longest: MINUTE,
    },
    Case {
        name: "a charge to which Stripe wants no pause",
        make: || Bench::charging().0,
        answer: |bench| {
            if matches!(bench.effects[0], Effect::Charge(_)) {
                let retry_after = Some(Span::millis(0));
                bench.see(Seen::Unknown(Unknown { retry_after, ..Unknown::default() }));
            } else {
                unread(bench);
            }
        },
        most: (100, 90),
        longest: MINUTE,
    },
    Case {
        name: "a charge whose key is refused",
        make: || Bench::charging().0,
        answer: |bench| bench.see(Seen::KeyRefused),
        most: (100, 90),
        longest: MINUTE,
    },
    Case {
        name: "a payment that is under way",
        make: || Bench::charging().0,
        answer: processing,
        most: (100, 90),
        longest: MINUTE,
    },
    Case {
        name: "a charge that cannot be read",
        make: reading,
        answer: unread,
        most: (100, 90),
        longest: MINUTE,
    },
    Case {
        name: "a charge whose absence is never proved",
        make: reading,
        answer: |bench| bench.see(Seen::Absent { asked: Timestamp::from_seconds(1_800_000_000) }),
        most: (100, 90),
        longest: MINUTE,
    },
    Case {
        name: "a charge that answers a reading like a send",
        make: reading,
        answer: |bench| bench.see(declined()),
        most: (100, 90),
        longest: MINUTE,
    },
    Case {
        name: "a payment that cannot be canceled",
        make: canceling,
        answer: |bench| bench.see(Seen::Intent(bench.intent(IntentStatus::RequiresAction))),
        most: (100, 90),
        longest: MINUTE,
    },
    Case {
        name: "a cancel that is not heard of",
        make: canceling,
        answer: unread,
        most: (100, 90),
        longest: MINUTE,
    },
    Case {
        name: "an open page that nobody comes back from",
        make: awaiting,
        answer: page_is_open,
        most: (80, 90),
        longest: Span::minutes(3),
    },
    Case {
        name: "an open page where webhooks arrive",
        make: || {
            let mut bench = awaiting();
            bench.webhooks_arrive = true;
            bench
        },
        answer: page_is_open,
        most: (80, 90),
        longest: Span::minutes(10),
    },
    Case {
        name: "a page that somebody has come back from",
        make: || hinted_at(awaiting(), Concern::Payment, None),
        answer: page_is_open,
        most: (80, 90),
        longest: Span::minutes(3),
    },
    Case {
        name: "a page whose payment is under way",
        make: awaiting,
        answer: page_is_unpaid,
        most: (100, 90),
        longest: MINUTE,
    },
    Case {
        name: "a page that cannot be read",
        make: awaiting,
        answer: unread,
        most: (100, 90),
        longest: MINUTE,
    },
    Case {
        name: "a page that cannot be closed",
        make: || {
            let mut bench = awaiting();
            bench.update(Patch::default());
            bench
        },
        answer: page_is_open,
        most: (100, 90),
        longest: MINUTE,
    },
    Case {
        name: "an order that cannot be looked at",
        make: || hinted_at(paid(), Concern::Order, None),
        answer: unread,
        most: (10, 1),
        longest: Span::hours(6),
    },
    Case {
        name: "an order whose disputes cannot be read",
        make: || hinted_at(paid(), Concern::Order, None),
        answer: |bench| order_shows(bench, None),
        most: (10, 1),
        longest: Span::hours(6),
    },
    Case {
        name: "an order that is disputed",
        make: || hinted_at(paid(), Concern::Order, None),
        answer: disputed,
        most: (10, 1),
        longest: Span::hours(6),
    },
    Case {
        name: "a payment that a session cannot account for",
        make: || hinted_at(paid(), Concern::Payment, Some("pi_2")),
        answer: |bench| {
            if matches!(bench.effects[0], Effect::ReadPayment { .. }) {
                let seen = bench.intent(IntentStatus::Processing);
                bench.see_payment(Seen::Intent(IntentSeen { id: "pi_2".parse().unwrap(), ..seen }));
            } else {
                order_shows(bench, Some(vec![]));
            }
        },
        most: (20, 1),
        longest: Span::hours(6),
    },
];

/// Those that are sent, looked for, or called unpaid, by way of several kinds of requests.
pub(super) const MORE: [Case; 5] = [
    Case {
        name: "a refund that is not heard of",
        make: || asking().0,
        answer: unread,
        most: (100, 90),
        longest: MINUTE,
    },
    Case {
        name: "a refund whose absence is never proved",
        make: looking_for_a_refund,
        answer: incomplete,
        most: (110, 90),
        longest: MINUTE,
    },
    Case {
        name: "a payment that was called unpaid and cannot be read",
        make: decided_unread,
        answer: unread,
        most: (20, 1),
        longest: Span::hours(6),
    },
    Case {
        name: "a payment that was called unpaid and cannot be canceled",
        make: decided_unread,
        answer: |bench| bench.see(Seen::Intent(bench.intent(IntentStatus::RequiresAction))),
        most: (20, 1),
        longest: Span::hours(6),
    },
    Case {
        name: "a payment that a session cannot account for and that cannot be read",
        make: || hinted_at(paid(), Concern::Payment, Some("pi_2")),
        answer: unread,
        most: (20, 1),
        longest: Span::hours(6),
    },
];

/// The moments at which Stripe is asked within so long, by the schedule alone. A request takes a tenth of a second.
fn requests(bench: &mut Bench, answer: fn(&mut Bench), span: Span) -> Vec<Timestamp> {
    let (began, end) = (bench.now, bench.now + span);
    let mut asked = Vec::new();
    for _ in 0..10_000 {
        while !bench.effects.is_empty() {
            asked.push(bench.now);
            assert!(asked.len() < 5000, "{} requests in {:?}", asked.len(), bench.now.since(began));
            bench.pass(Span::millis(100));
            answer(bench);
        }
        match due_at(bench.session()).filter(|due| *due <= end) {
            Some(due) => {
                bench.now = bench.now.max(due);
                bench.wake();
            }
            None => return asked,
        }
    }
    panic!("it is due again and again, and nothing is asked, at {:?}", bench.now.since(began));
}

#[test]
fn however_long_nothing_is_decided_stripe_is_asked_only_so_often_and_never_left_alone_for_long() {
    for Case { name, make, answer, most, longest } in CASES.into_iter().chain(MORE) {
        let mut bench = make();
        let began = bench.now;
        let asked = requests(&mut bench, answer, WATCHED);
        let mut hours = vec![0_usize; 21];
        for at in &asked {
            hours[usize::try_from(at.since(began).as_millis() / Span::hours(1).as_millis()).unwrap()] += 1;
        }
        assert!(hours[0] <= most.0, "{name}: {hours:?}");
        assert!(hours[2..].iter().all(|asked| *asked <= most.1), "{name}: {hours:?}");
        let ends = asked[1..].iter().copied().chain([began + WATCHED]);
        let pauses = asked.iter().zip(ends).map(|(before, after)| after.since(*before));
        let longest_pause = pauses.max().unwrap();
        assert!(longest_pause.as_millis() <= longest.as_millis() + 200, "{name}: {longest_pause:?}");
    }
}

#[test]
fn an_opening_is_repeated_for_a_minute_and_not_without_pause() {
    let mut bench = Bench::ready();
    open_page(&mut bench);
    let asked = requests(&mut bench, unread, Span::minutes(10));
    assert!((5..=12).contains(&asked.len()), "{asked:?}");
    assert!(asked.last().unwrap().since(asked[0]) < MINUTE);
}

/// The days, from a beginning, at which an order is looked at that nothing happens to.
fn days(bench: &mut Bench, began: Timestamp) -> Vec<i64> {
    let asked = requests(bench, |bench| order_shows(bench, Some(vec![])), Span::hours(24 * 365));
    let whole_days = asked.iter().map(|at| {
        assert_eq!(at.since(began).as_millis() % DAY.as_millis(), 0, "{at}");
        at.since(began).as_millis() / DAY.as_millis()
    });
    whole_days.collect()
}

#[test]
fn a_settled_order_is_looked_at_on_seven_days_in_four_months() {
    let mut bench = paid();
    let began = bench.session().created;
    assert_eq!(days(&mut bench, began), [1, 7, 14, 30, 60, 90, 120]);
    assert_eq!(due_at(bench.session()), None);
}

#[test]
fn an_order_whose_refund_was_made_is_looked_at_on_five_more_days_from_then_on() {
    let mut bench = paid();
    let began = bench.session().created;
    bench.now = began + Span::hours(24 * 10);
    bench.wake();
    order_shows(&mut bench, Some(vec![]));
    let wish = merchant_gateway::domain::checkout::aftersales::RefundWish {
        reference: "r".parse().unwrap(),
        amount: Some(100),
        reason: None,
    };
    bench.ask(Command::Refund(wish));
    let made = seen_refund("re_1", RefundStatus::Succeeded, bench.now);
    bench.see_order(OrderSeen::Asked { number: RefundNumber(1), answer: RefundAnswer::Made(made) });
    assert_eq!(
        days_with_refund(&mut bench, began),
        [11, 13, 14, 17, 24, 30, 40, 60, 90, 120],
        "1, 3, 7, 14 and 30 days after day 10"
    );
}

fn days_with_refund(bench: &mut Bench, began: Timestamp) -> Vec<i64> {
    let shows = |bench: &mut Bench| {
        let asked = bench.now;
        let refunds = vec![seen_refund("re_1", RefundStatus::Succeeded, asked)];
        bench.see_order(OrderSeen::Read { refunds, disputes: Some(vec![]), asked, complete: true });
    };
    let asked = requests(bench, shows, Span::hours(24 * 365));
    asked.iter().map(|at| at.since(began).as_millis() / DAY.as_millis()).collect()
}

#[test]
fn two_looks_at_a_settled_order_are_a_day_apart_also_after_a_hint() {
    for hours in [1, 30, 24 * 20] {
        let mut bench = paid();
        bench.now = bench.now + Span::hours(hours);
        let mut bench = hinted_at(bench, Concern::Order, None);
        bench.pass(Span::millis(1));
        order_shows(&mut bench, Some(vec![]));
        let asked = requests(&mut bench, |bench| order_shows(bench, Some(vec![])), Span::hours(24 * 365));
        assert!(!asked.is_empty() && asked.len() <= 7, "{asked:?}");
        for pair in asked.windows(2) {
            assert!(pair[1].since(pair[0]) >= DAY, "{pair:?}");
        }
    }
}

#[test]
fn what_is_put_off_for_want_of_room_is_not_put_off_for_long() {
    let far = || Span::hours(9);
    let cases: [(fn() -> Bench, Span); 5] = [
        (reading, MINUTE),
        (canceling, MINUTE),
        (
            || {
                let mut bench = awaiting();
                bench.pass(MINUTE);
                bench.wake();
                bench
            },
            Span::minutes(10),
        ),
        (looking_for_a_refund, MINUTE),
        (|| hinted_at(paid(), Concern::Order, None), MINUTE),
    ];
    for (make, longest) in cases {
        let mut bench = make();
        bench.pass(Span::millis(1));
        if matches!(bench.effects[0], Effect::Order(_)) {
            bench.see_order(OrderSeen::PutOff { after: far() });
        } else {
            bench.see(Seen::PutOff { after: far() });
        }
        let due = due_at(bench.session()).unwrap();
        assert_eq!(due.since(bench.now), longest, "{:?}", bench.session().state.name());
        assert!(bench.effects.is_empty());
    }
}
