//! A plain event loop in virtual time: real drivers, a model store, a model Stripe, and everything that may go wrong.
//!
//! What has left for the store or for Stripe takes effect even when the process that sent it is dead by then; what comes
//! back to a dead process is lost.

mod ends;
mod event;
mod inbox;
mod outside;
mod pace;
mod post;
mod race;
mod shoppers;

use std::collections::{BTreeMap, HashMap};

use merchant_gateway::domain::checkout::driver::{Driver, Input, Output, change_of};
use merchant_gateway::domain::checkout::due::priority;
use merchant_gateway::domain::checkout::model::Affected;
use merchant_gateway::domain::checkout::model::Event as SessionEvent;
use merchant_gateway::domain::checkout::model::{
    Command, Context, Decision, FreezeReason, Loaded, Moment, PaymentSource, Priority, State,
    StripeNotification,
};
use merchant_gateway::domain::ids::SessionId;
use merchant_gateway::domain::merchant::MerchantView;
use merchant_gateway::domain::time::{Span, Timestamp};

use super::checks::{Told, book_agrees, broken_at_the_end, broken_by_answer};
use super::store::{ModelStore, StoreMistakes};
use event::{Event, Sent};
use inbox::Inbox;
use pace::Pace;
use post::Post;
pub use race::NO_REASON;
use test_support::chance::Chance;
use test_support::model_stripe::ModelStripe;
use test_support::shop;

/// Until when things go wrong.
const TROUBLE: Span = Span::minutes(20);

/// How long everything may take to settle afterwards.
const NO_FAULTS: Span = Span::hours(60);

/// How long telling the merchant may take after that: its receiver may be gone, and of one order event after event be given
/// up.
const TELLING: Span = Span::hours(24 * 24);

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
    /// An event is said to be taken before it is sent.
    pub settles_before_it_sends: bool,
    /// Pages are said to be closed, and can be paid on.
    pub leaves_pages_open: bool,
}

struct Process {
    life: u32,
    drivers: HashMap<SessionId, (Driver, Option<Timestamp>)>,
}

pub struct Simulation {
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
    fault: u64,
    /// In a race: whether the sheet's token comes first, or the wallet's.
    racing: Option<u64>,
    /// Whether things happen to orders at Stripe without us.
    elsewhere: bool,
    /// How many tokens a shopper has at most.
    token_balance: u64,
    /// Whether Stripe sends webhooks.
    webhooks: bool,
    /// Webhooks that were kept, and whether each was followed.
    pub inbox: Inbox,
    /// The merchant's receiver of order events.
    post: Post,
    mistakes: Mistakes,
    /// When everything was settled but what the merchant is to be told.
    settled_at: Option<Timestamp>,
    /// Until when Stripe tells nothing at all.
    silent_until: Timestamp,
    /// When an operator looks again.
    operator: Timestamp,
    pub told: Vec<Told>,
    pub pace: Pace,
    waiting: HashMap<u64, (usize, u32)>,
    asked: u64,
    pub counts: BTreeMap<&'static str, u64>,
    pub history: Option<Vec<String>>,
}

impl Simulation {
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
        let fault = *chance.pick(&[0, 50, 150, 300]);
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
            fault,
            racing: None,
            elsewhere: false,
            token_balance: 3,
            webhooks: false,
            inbox: Inbox::default(),
            post: Post::new(seed, fault, now),
            mistakes,
            settled_at: None,
            silent_until: now,
            operator: now,
            told: Vec::new(),
            pace: Pace::default(),
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
            world.token_balance = 8;
        }
        world.webhooks = world.chance.per_mille(600);
        world.plan();
        world.plan_retries();
        world
    }

    /// What callers, crashes and the sweeper do.
    fn plan(&mut self) {
        for process in 0..self.processes.len() {
            self.at(SWEEP, Event::Sweep { process });
            if self.fault > 0 {
                for _ in 0..self.chance.below(4) {
                    let when = Span::millis(self.chance.millis(0, 600_000));
                    self.at(when, Event::Crash { process });
                }
            }
        }
        for session in self.sessions.clone() {
            self.call_at(Span::millis(0), &session, shop::create(shop::two_mugs()));
            for _ in 0..self.chance.below(4) {
                let when = Span::millis(self.chance.millis(100, 600_000));
                let notification = StripeNotification { affected: Affected::Order, payment: None };
                self.at(when, Event::Webhook { session: session.clone(), notification });
            }
            for _ in 0..4 + self.chance.below(8) * self.token_balance / 3 {
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
        self.now < self.trouble_ends && self.chance.per_mille(self.fault)
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
        let end = self.trouble_ends + NO_FAULTS;
        let mut steps = 0_u32;
        while let Some(((at, _), event)) = self.events.pop_first() {
            self.now = self.now.max(Timestamp::from_millis(at));
            steps += 1;
            let end = self.settled_at.map_or(end, |at| at + TELLING);
            if self.now > end || steps > 200_000 {
                return Err(format!("liveness: not settled at {}", self.now));
            }
            self.happen(event)?;
            let quiet = || self.now > self.trouble_ends && self.waiting.is_empty();
            if (self.settled_at.is_some() || quiet() && self.settled()) && self.is_told() {
                break;
            }
        }
        broken_at_the_end(self)?;
        self.broken_by_events()?;
        if self.racing.is_some() { Ok(()) } else { self.comes_to_its_end() }
    }

    /// Whether nothing is undecided; an operator is asked about what is frozen.
    fn settled(&mut self) -> bool {
        let mut settled = self.inbox.is_followed();
        for session in self.sessions.clone() {
            let row = self.store.rows.get(&session).map(|(_, row, _)| row.clone());
            settled &=
                row.as_ref().is_none_or(|row| row.unmatched_payments.is_empty() && row.unconfirmed.is_none());
            match row.map(|row| row.state) {
                Some(
                    State::Charging(_)
                    | State::OpeningStripeCheckout(_)
                    | State::AwaitingStripeCheckout { .. }
                    | State::ClosingStripeCheckout { .. },
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
                    self.stripe.advance(self.now);
                    let paid = self.stripe.succeeded(&session).next().map(|payment| payment.id.clone());
                    let decision = match paid {
                        Some(payment_intent) => Decision::Charged { payment_intent },
                        None => Decision::NotCharged { override_unread: self.chance.per_mille(500) },
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
                self.post(process)?;
                for session in self.due_sessions() {
                    self.wake(process, &session)?;
                }
                Ok(())
            }
            Event::CartEnds(change) => {
                let now = self.now;
                let what = match self.store.commit(*change, now)? {
                    Ok(_) => "cart ended",
                    Err(_) => "cart changed meanwhile",
                };
                self.count(what);
                Ok(())
            }
            Event::Crash { process } => {
                self.crash(process);
                Ok(())
            }
            Event::Webhook { session, notification } => self.webhook(&session, notification),
            Event::Post { process } => self.post(process),
            Event::SignedRequest { process, life, delivery } => {
                self.letter(process, life, delivery);
                Ok(())
            }
            Event::Heard { process, life, delivery, tried } => self.heard(process, life, &delivery, &tried),
            Event::RetriedByHand => {
                self.retried_by_hand();
                Ok(())
            }
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
                let seen = match intent.source {
                    PaymentSource::Token(_) => {
                        self.stripe.charge(&(&*intent).into(), self.now, &mut self.chance)
                    }
                    PaymentSource::StripeCheckout { .. } => self.open_stripe_checkout(&intent),
                };
                self.tell(|| format!("a late request of {} arrives: {seen:?}", intent.expected.session));
                self.send_webhooks(&intent.expected.session);
                Ok(())
            }
        }
    }

    /// Does as the sweeper does: a cart whose time is over is ended, every other session is woken.
    fn wake(&mut self, process: usize, session: &SessionId) -> Result<(), String> {
        let Some((version, row, _)) = self.store.rows.get(session) else { return Ok(()) };
        if priority(row) == Priority::Cart {
            let cart = Loaded { session: Some((*version, row.clone())), ..Loaded::default() };
            self.end_cart(&cart);
            return Ok(());
        }
        self.feed(process, session, Input::Woken)
    }

    /// What the sweeper makes of a cart whose time is over reaches the store after a while.
    fn end_cart(&mut self, cart: &Loaded) {
        let moment = Moment { now: self.now, jitter: 0.0, random: 0, webhooks_arrive: false };
        let context = Context { view: &self.view, moment };
        if let Some(change) = change_of(cart, SessionEvent::TimeOut, &context) {
            let slow = if self.goes_wrong() { 60_000 } else { 50 };
            let delay = Span::millis(self.chance.millis(1, slow));
            self.at(delay, Event::CartEnds(Box::new(change)));
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

    fn feed(&mut self, process: usize, session: &SessionId, input: Input) -> Result<(), String> {
        self.made += 1;
        let moment = Moment {
            now: self.now,
            jitter: f64::from(u32::try_from(self.chance.below(1000)).unwrap()) / 1000.0,
            random: u128::from(self.chance.next()) << 32 | u128::from(self.made),
            webhooks_arrive: self.webhooks,
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
            self.execute(process, life, session, output)?;
            if self.now < self.trouble_ends && self.fault > 0 && self.chance.per_mille(3) {
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

    fn execute(
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
                        answer.session.state.into_str(),
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
                if matches!(output, Output::Run(_)) {
                    self.pace.asks(session, self.now)?;
                }
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
}
