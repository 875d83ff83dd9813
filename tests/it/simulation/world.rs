//! A plain event loop in virtual time: real drivers, a model store, a model Stripe, and everything that may go wrong.
//!
//! What has left for the store or for Stripe takes effect even when the process that sent it is dead by then; what comes
//! back to a dead process is lost.

mod inbox;
mod outside;

use std::collections::{BTreeMap, HashMap};

use merchant_gateway::domain::address::Buyer;
use merchant_gateway::domain::checkout::aftersales::{RefundIntent, RefundWish};
use merchant_gateway::domain::checkout::attempt::{AttemptIntent, Means};
use merchant_gateway::domain::checkout::command::{Answer, Command, Patch, Payment, Rejection};
use merchant_gateway::domain::checkout::decision::Decision;
use merchant_gateway::domain::checkout::driver::{Driver, Input, Output, RequestId};
use merchant_gateway::domain::checkout::hint::Hint;
use merchant_gateway::domain::checkout::session::{FreezeReason, Session, State};
use merchant_gateway::domain::checkout::step::Moment;
use merchant_gateway::domain::ids::{HostedPageId, Revision, SessionId};
use merchant_gateway::domain::merchant::MerchantView;
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::order::Fulfillment;
use merchant_gateway::domain::stripe_event::Concern;
use merchant_gateway::domain::time::{Span, Timestamp};

use super::checks::{Told, book_agrees, broken_at_the_end, broken_by_answer};
use super::store::{ModelStore, StoreMistakes};
use crate::support::chance::Chance;
use crate::support::model_stripe::{CARDS, Card, ModelStripe, ODD_CARDS, Token};
use crate::support::shop;
use inbox::Inbox;

/// Until when things go wrong.
const TROUBLE: Span = Span::minutes(20);

/// How long everything may take to settle afterwards.
const PEACE: Span = Span::hours(60);

/// How long Stripe is silent in some histories: longer than anybody waits for it.
const SILENCE: Span = Span::hours(26);

/// How often due sessions are looked for.
const SWEEP: Span = Span::seconds(15);

/// The deadline of one request to Stripe.
const DEADLINE: i64 = 30_000;

/// Mistakes that the world around the drivers could make.
#[derive(Clone, Copy, Default)]
pub struct Mistakes {
    pub store: StoreMistakes,
    pub renews_keys: bool,
    /// Pages are said to be closed, and can be paid on.
    pub leaves_pages_open: bool,
}

/// Something that happens at a moment.
enum Event {
    /// A caller comes to a process.
    Call {
        process: usize,
        session: SessionId,
        command: Box<Command>,
    },
    /// Something reaches the store or Stripe, and its answer begins to come back.
    Arrives(Box<Sent>),
    /// An answer comes back to the process that waits for it.
    Back {
        process: usize,
        life: u32,
        session: SessionId,
        input: Box<Input>,
    },
    Sweep {
        process: usize,
    },
    Crash {
        process: usize,
    },
    /// Something happens to an order at Stripe, without us.
    Elsewhere(SessionId),
    /// A request for a refund arrives whose sender has given up on it.
    LateRefund(Box<RefundIntent>),
    /// A request arrives whose sender has given up on it.
    Late(Box<AttemptIntent>),
    /// Stripe says of a session that something may have happened.
    Webhook {
        session: SessionId,
        hint: Hint,
    },
    /// A shopper who was given a page's address pays there, or tries to.
    PaysOnPage {
        page: HostedPageId,
        card: Card,
    },
}

/// What left a process.
struct Sent {
    process: usize,
    life: u32,
    session: SessionId,
    output: Output,
}

struct Process {
    life: u32,
    drivers: HashMap<SessionId, (Driver, Option<Timestamp>)>,
}

pub struct World {
    pub chance: Chance,
    pub now: Timestamp,
    events: BTreeMap<(i64, u64), Event>,
    made: u64,
    processes: Vec<Process>,
    pub store: ModelStore,
    pub stripe: ModelStripe,
    view: MerchantView,
    sessions: Vec<SessionId>,
    trouble_ends: Timestamp,
    /// How often in a thousand something goes wrong, in this history.
    trouble: u64,
    /// Whether both ways of paying are raced.
    racing: bool,
    /// Whether things happen to orders at Stripe without us.
    elsewhere: bool,
    /// How many tokens a shopper has at most.
    purse: u64,
    /// Whether Stripe sends webhooks.
    webhooks: bool,
    /// Webhooks that were kept, and whether each was followed.
    pub inbox: Inbox,
    /// Until when Stripe tells nothing at all.
    silent_until: Timestamp,
    /// When an operator looks again.
    operator: Timestamp,
    pub told: Vec<Told>,
    waiting: HashMap<u64, (usize, u32)>,
    asked: u64,
    pub counts: BTreeMap<&'static str, u64>,
    pub history: Option<Vec<String>>,
}

impl World {
    pub fn new(seed: u64, mistakes: Mistakes, tell: bool) -> Self {
        let mut chance = Chance::new(seed);
        let mut view = shop::view();
        view.checkout.tokens.allow_larger = chance.per_mille(500);
        let now = Timestamp::from_seconds(1_800_000_000);
        let processes = if chance.per_mille(300) { 2 } else { 1 };
        let sessions: Vec<SessionId> = (1..=2).map(SessionId::from_random).collect();
        let (mut stripe, mut store) = (ModelStripe::default(), ModelStore::default());
        stripe.renews_keys = mistakes.renews_keys;
        stripe.leaves_pages_open = mistakes.leaves_pages_open;
        store.mistakes = mistakes.store;
        let trouble = *chance.pick(&[0, 50, 150, 300]);
        let new_process = || Process { life: 0, drivers: HashMap::new() };
        let mut world = Self {
            chance,
            now,
            events: BTreeMap::new(),
            made: 0,
            processes: (0..processes).map(|_| new_process()).collect(),
            store,
            stripe,
            view,
            sessions,
            trouble_ends: now + TROUBLE,
            trouble,
            racing: false,
            elsewhere: false,
            purse: 3,
            webhooks: false,
            inbox: Inbox::default(),
            silent_until: now,
            operator: now,
            told: Vec::new(),
            waiting: HashMap::new(),
            asked: 0,
            counts: BTreeMap::new(),
            history: tell.then(Vec::new),
        };
        if world.chance.per_mille(5) {
            world.silent_until = now + SILENCE;
        }
        world.stripe.odd = world.chance.per_mille(100);
        world.elsewhere = world.chance.per_mille(50);
        if world.chance.per_mille(150) {
            world.purse = 8;
        }
        world.webhooks = world.chance.per_mille(600);
        world.plan();
        world
    }

    /// Two shoppers who share one checkout: one pays on the page, one on the sheet, at about the same time.
    pub fn race(seed: u64, tell: bool) -> Self {
        let mut world = Self::new(seed, Mistakes::default(), tell);
        world.events.clear();
        world.sessions.truncate(1);
        world.racing = true;
        world.stripe.odd = false;
        for process in 0..world.processes.len() {
            world.at(SWEEP, Event::Sweep { process });
        }
        let session = world.sessions[0].clone();
        world.call_at(Span::millis(0), &session, Command::Create(shop::two_mugs()));
        world.call_at(Span::millis(1000), &session, Command::OpenPage { revision: Some(Revision(1)) });
        for _ in 0..3 {
            let when = Span::millis(world.chance.millis(1000, 8000));
            world.call_at(when, &session, Command::Read);
        }
        world
    }

    /// What callers, crashes and the sweeper do.
    fn plan(&mut self) {
        for process in 0..self.processes.len() {
            self.at(SWEEP, Event::Sweep { process });
            if self.trouble > 0 {
                for _ in 0..self.chance.below(4) {
                    let when = Span::millis(self.chance.millis(0, 600_000));
                    self.at(when, Event::Crash { process });
                }
            }
        }
        for session in self.sessions.clone() {
            self.call_at(Span::millis(0), &session, Command::Create(shop::two_mugs()));
            for _ in 0..self.chance.below(4) {
                let when = Span::millis(self.chance.millis(100, 600_000));
                let hint = Hint { concern: Concern::Order, payment: None };
                self.at(when, Event::Webhook { session: session.clone(), hint });
            }
            for _ in 0..4 + self.chance.below(8) * self.purse / 3 {
                let when = Span::millis(self.chance.millis(100, 240_000));
                self.call_at(when, &session, Command::Read);
            }
        }
    }

    fn at(&mut self, after: Span, event: Event) {
        self.made += 1;
        self.events.insert(((self.now + after).as_millis(), self.made), event);
    }

    fn call_at(&mut self, after: Span, session: &SessionId, command: Command) {
        let process = usize::try_from(self.chance.below(self.processes.len() as u64)).unwrap();
        self.at(after, Event::Call { process, session: session.clone(), command: Box::new(command) });
    }

    fn goes_wrong(&mut self) -> bool {
        self.now < self.trouble_ends && self.chance.per_mille(self.trouble)
    }

    pub fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn tell(&mut self, line: impl FnOnce() -> String) {
        if let Some(history) = &mut self.history {
            history.push(format!(
                "{:>12} ms  {}",
                self.now.since(Timestamp::from_seconds(1_800_000_000)).as_millis(),
                line()
            ));
        }
    }

    /// Runs a history to its end; `Err` names the invariant that broke.
    pub fn run(&mut self) -> Result<(), String> {
        let end = self.trouble_ends + PEACE;
        let mut steps = 0_u32;
        while let Some(((at, _), event)) = self.events.pop_first() {
            self.now = self.now.max(Timestamp::from_millis(at));
            steps += 1;
            if self.now > end || steps > 200_000 {
                return Err(format!("liveness: not settled at {}", self.now));
            }
            self.happen(event)?;
            if self.now > self.trouble_ends && self.waiting.is_empty() && self.settled() {
                break;
            }
        }
        broken_at_the_end(self)
    }

    /// Whether nothing is undecided; an operator is asked about what is frozen.
    fn settled(&mut self) -> bool {
        let mut settled = self.inbox.is_followed();
        for session in self.sessions.clone() {
            let row = self.store.rows.get(&session).map(|(_, row, _)| row.clone());
            settled &= row.as_ref().is_none_or(|row| row.unexplained.is_empty());
            match row.map(|row| row.state) {
                Some(
                    State::Charging(_)
                    | State::OpeningHosted(_)
                    | State::AwaitingHosted { .. }
                    | State::ClosingHosted { .. },
                ) => settled = false,
                Some(State::Frozen { reason, .. }) => {
                    settled = false;
                    if self.now < self.operator {
                        continue;
                    }
                    self.operator = self.now + Span::minutes(5);
                    self.count(match reason {
                        FreezeReason::PaymentDisagrees => "frozen: disagrees",
                        FreezeReason::IdempotencyConflict => "frozen: conflict",
                        FreezeReason::Unreadable => "frozen: unreadable",
                    });
                    self.stripe.settle(self.now);
                    let paid = self.stripe.succeeded(&session).next().map(|payment| payment.id.clone());
                    let decision = match paid {
                        Some(payment_intent) => Decision::Charged { payment_intent },
                        None => Decision::NotCharged,
                    };
                    self.call_at(Span::seconds(60), &session, Command::Decide(decision));
                }
                Some(State::Completed { intent, .. }) => {
                    self.stripe.settle_refunds(self.now);
                    settled &= book_agrees(self, &session, &intent).is_ok();
                }
                Some(State::Open { .. } | State::Ready { .. } | State::Canceled { .. } | State::Expired)
                | None => {}
            }
        }
        settled
    }

    fn happen(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Call { process, session, command } => self.call(process, &session, *command),
            Event::Arrives(sent) => self.arrives(*sent),
            Event::Back { process, life, session, input } => {
                if self.processes[process].life == life {
                    self.feed(process, &session, *input)
                } else {
                    Ok(())
                }
            }
            Event::Sweep { process } => {
                self.at(SWEEP, Event::Sweep { process });
                self.follow_up(process)?;
                let now = self.now;
                let due = |due_at: Option<Timestamp>| due_at.is_some_and(|due_at| due_at <= now);
                for session in self.sessions.clone() {
                    if self.store.rows.get(&session).is_some_and(|(.., due_at)| due(*due_at)) {
                        self.feed(process, &session, Input::Woken)?;
                    }
                }
                Ok(())
            }
            Event::Crash { process } => {
                self.crash(process);
                Ok(())
            }
            Event::Webhook { session, hint } => self.webhook(&session, hint),
            Event::PaysOnPage { page, card } => {
                let used = self.stripe.pay_on_page(&page, card, self.now, &mut self.chance);
                self.tell(|| format!("a shopper pays on {page} with a card that {card:?}: used {used}"));
                self.count(if used { "page used" } else { "page of no use" });
                if let Some(session) = self.stripe.session_of(&page) {
                    self.send_webhooks(&session);
                }
                Ok(())
            }
            Event::LateRefund(intent) => {
                let answer = self.stripe.refund(&(&*intent).into(), self.now, &mut self.chance);
                self.tell(|| {
                    format!("a late request for a refund of {} arrives: {answer:?}", intent.session)
                });
                Ok(())
            }
            Event::Elsewhere(session) => {
                self.happens_elsewhere(&session);
                Ok(())
            }
            Event::Late(intent) => {
                let seen = match intent.means {
                    Means::Token(_) => self.stripe.charge(&(&*intent).into(), self.now, &mut self.chance),
                    Means::Page { .. } => self.open_page(&intent),
                };
                self.tell(|| format!("a late request of {} arrives: {seen:?}", intent.charge.session));
                self.send_webhooks(&intent.charge.session);
                Ok(())
            }
        }
    }

    fn crash(&mut self, process: usize) {
        self.count("crash");
        self.tell(|| format!("process {process} dies"));
        let life = self.processes[process].life;
        self.processes[process] = Process { life: life + 1, drivers: HashMap::new() };
        // Its callers hear nothing; they may come again.
        self.waiting.retain(|_, (of, in_life)| (*of, *in_life) != (process, life));
    }

    /// A caller does something that fits the session as it stands, or does not.
    fn call(&mut self, process: usize, session: &SessionId, command: Command) -> Result<(), String> {
        let command = if matches!(command, Command::Read) { self.wish(session) } else { command };
        self.asked += 1;
        let request = RequestId(self.asked);
        self.tell(|| format!("caller {} asks {session} of process {process}: {command:?}", request.0));
        self.waiting.insert(request.0, (process, self.processes[process].life));
        self.told.push(Told::asked(request, session, &command));
        self.feed(process, session, Input::Asked { request, command: Box::new(command) })?;
        if self.goes_wrong() && self.waiting.remove(&request.0).is_some() {
            self.count("caller gave up");
            self.feed(process, session, Input::GivenUp(request))?;
        }
        Ok(())
    }

    fn wish(&mut self, session: &SessionId) -> Command {
        let row = self.store.rows.get(session).map(|(_, row, _)| row.clone());
        let Some(row) = row else { return Command::Create(shop::two_mugs()) };
        if matches!(row.state, State::Completed { .. }) && !self.racing && self.chance.per_mille(700) {
            return self.aftersale(&row);
        }
        match if self.racing { 9 } else { self.chance.below(10) } {
            0 => Command::Read,
            1 => Command::Update { revision: None, patch: Patch::default() },
            2 if self.chance.per_mille(300) => Command::Cancel,
            3 | 4 => Command::OpenPage { revision: Some(row.revision) },
            _ => {
                // Sometimes the same token again, sometimes one that was meant for the other session.
                let owner = if self.chance.per_mille(50) {
                    self.chance.pick(&self.sessions.clone()).clone()
                } else {
                    session.clone()
                };
                let token = format!(
                    "spt_{}{:04}",
                    &owner.as_str()[owner.as_str().len() - 4..],
                    self.chance.below(self.purse)
                );
                let total = row.quote().map_or_else(|| Money::new(4361, shop::usd()), |quote| quote.total);
                if !self.stripe.tokens.contains_key(&token) {
                    // Who has many cards has them because they do not pay.
                    let good = if self.purse > 3 { 50 } else { 500 };
                    let card = match self.stripe.odd {
                        true if self.chance.per_mille(300) => *self.chance.pick(&ODD_CARDS),
                        _ if self.chance.per_mille(good) => Card::Pays,
                        _ if self.purse > 3 => Card::Declines,
                        _ => *self.chance.pick(&CARDS),
                    };
                    let larger = self.view.checkout.tokens.allow_larger && self.chance.per_mille(600);
                    let minor = if larger { total.minor * 4 } else { total.minor };
                    let limit = Money::new(minor, total.currency);
                    let expires = self.now + Span::millis(self.chance.millis(60_000, 7_200_000));
                    self.stripe
                        .tokens
                        .insert(token.clone(), Token { card, limit, used: 0, expires, revoked: false });
                }
                if self.goes_wrong() {
                    self.stripe.tokens.get_mut(&token).unwrap().revoked = true;
                }
                let stale = self.chance.per_mille(50);
                let revision = if stale { Revision(row.revision.0 + 1) } else { row.revision };
                let buyer = Buyer::default();
                Command::Complete(Payment { revision: Some(revision), token: token.parse().unwrap(), buyer })
            }
        }
    }

    /// Whoever runs the shop wants something of a paid order; often the same again.
    fn aftersale(&mut self, row: &Session) -> Command {
        let number = self.chance.below(3);
        let total = row.quote().map_or(0, |quote| quote.total.minor);
        let reference = format!("r{number}").parse().unwrap();
        if self.chance.per_mille(150) {
            let (carrier, tracking_number, tracking_url) = (Some("Post".to_owned()), None, None);
            let (items, created) = (Vec::new(), self.now);
            let sent = Fulfillment {
                reference,
                items,
                rest: false,
                carrier,
                tracking_number,
                tracking_url,
                created,
            };
            return Command::Fulfill(sent);
        }
        if self.elsewhere && self.chance.per_mille(300) {
            let when = Span::millis(self.chance.millis(1000, 600_000));
            self.at(when, Event::Elsewhere(row.id.clone()));
        }
        let mistaken = self.chance.per_mille(50);
        let amount = match number {
            0 => Some(total / 3),
            1 => Some(total / 2 + i64::from(mistaken)),
            _ => None,
        };
        Command::Refund(RefundWish { reference, amount, reason: None })
    }

    /// Something happens to a payment at Stripe that nobody here asked for; perhaps a webhook tells, once or twice, or
    /// before the answer to a request that is under way.
    fn happens_elsewhere(&mut self, session: &SessionId) {
        let Some((_, row, _)) = self.store.rows.get(session) else { return };
        let State::Completed { intent, .. } = row.state.clone() else { return };
        if self.chance.per_mille(500) {
            self.count("refunded elsewhere");
            self.stripe.refund_elsewhere(&intent, self.now);
        } else {
            self.count("disputed");
            self.stripe.dispute(&intent, self.now, &mut self.chance);
        }
        for _ in 0..self.chance.below(3) {
            let when = Span::millis(self.chance.millis(1, 60_000));
            let hint = Hint { concern: Concern::Order, payment: None };
            self.at(when, Event::Webhook { session: session.clone(), hint });
        }
    }

    fn feed(&mut self, process: usize, session: &SessionId, input: Input) -> Result<(), String> {
        self.made += 1;
        let moment = Moment {
            now: self.now,
            jitter: f64::from(u32::try_from(self.chance.below(1000)).unwrap()) / 1000.0,
            random: u128::from(self.chance.next()) << 32 | u128::from(self.made),
        };
        let life = self.processes[process].life;
        let drivers = &mut self.processes[process].drivers;
        let (driver, timer) =
            drivers.entry(session.clone()).or_insert_with(|| (Driver::new(session.clone()), None));
        if timer.is_some_and(|armed| armed <= self.now) {
            *timer = None;
        }
        let outputs = driver.on(input, moment, &self.view);
        for output in outputs {
            if self.processes[process].life != life {
                break;
            }
            self.carry_out(process, life, session, output)?;
            if self.now < self.trouble_ends && self.trouble > 0 && self.chance.per_mille(3) {
                self.count("crash at an output");
                self.crash(process);
            }
        }
        let idle = self.processes[process].drivers.get(session).is_some_and(|(driver, _)| driver.is_idle());
        if idle && self.chance.per_mille(100) {
            self.count("passivated");
            self.processes[process].drivers.remove(session);
        }
        Ok(())
    }

    fn carry_out(
        &mut self,
        process: usize,
        life: u32,
        session: &SessionId,
        output: Output,
    ) -> Result<(), String> {
        match output {
            Output::Reply(request, answer) => {
                self.waiting.remove(&request.0);
                self.tell(|| match &answer {
                    Ok(answer) => format!(
                        "caller {} hears {} {:?}",
                        request.0,
                        answer.session.state.name(),
                        answer.notice
                    ),
                    Err(rejection) => format!("caller {} hears: {rejection}", request.0),
                });
                if self.inbox.answered(request, answer.is_ok()) {
                    return Ok(());
                }
                self.note(&answer);
                self.shop_on_page(&answer);
                broken_by_answer(self, request, &answer)
            }
            Output::WakeAfter(span) => {
                let at = self.now + span;
                if let Some((_, timer)) = self.processes[process].drivers.get_mut(session)
                    && timer.is_none_or(|armed| at < armed)
                {
                    *timer = Some(at);
                    let (session, input) = (session.clone(), Box::new(Input::Woken));
                    self.at(span, Event::Back { process, life, session, input });
                }
                Ok(())
            }
            Output::Load(_)
            | Output::Gather { .. }
            | Output::Verify { .. }
            | Output::Commit(_)
            | Output::Run(_) => {
                let slow = if self.goes_wrong() { 20_000 } else { 50 };
                let delay = Span::millis(self.chance.millis(1, slow));
                self.at(
                    delay,
                    Event::Arrives(Box::new(Sent { process, life, session: session.clone(), output })),
                );
                Ok(())
            }
        }
    }

    /// A shopper who is given a page's address may pay there, at any time while the page is open, and after.
    fn shop_on_page(&mut self, answer: &Result<Box<Answer>, Rejection>) {
        let Ok(answer) = answer else { return };
        let State::AwaitingHosted { page, .. } = &answer.session.state else { return };
        self.count("page shown");
        if self.racing {
            let when = Span::millis(self.chance.millis(1, 5000));
            self.at(when, Event::PaysOnPage { page: page.id.clone(), card: Card::Pays });
            return;
        }
        if !self.chance.per_mille(600) {
            return;
        }
        let longest = if self.chance.per_mille(800) { 120_000 } else { 2_400_000 };
        let when = Span::millis(self.chance.millis(1000, longest));
        let card = if self.chance.per_mille(600) { Card::Pays } else { *self.chance.pick(&CARDS) };
        let card = if self.stripe.odd && self.chance.per_mille(200) { Card::PaysHalf } else { card };
        self.at(when, Event::PaysOnPage { page: page.id.clone(), card });
    }

    fn note(&mut self, answer: &Result<Box<Answer>, Rejection>) {
        self.count(match answer {
            Ok(answer) if answer.order.is_some() => "answer: paid",
            Ok(_) => "answer: a session",
            Err(Rejection::Undecided) => "answer: undecided",
            Err(_) => "answer: a refusal",
        });
    }
}
