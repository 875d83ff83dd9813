//! One history from one seed: several checkouts, and everybody who asks something of them at once.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use merchant_gateway::actors::Arbiters;
use merchant_gateway::domain::checkout::model::{
    Answer, Command, Patch, Rejection, Session, ShopRejection, ShopperRejection, State, StripeNotification,
};
use merchant_gateway::domain::ids::{Revision, SessionId, StripeCheckoutId, Tenant};
use merchant_gateway::domain::merchant::MerchantView;
use merchant_gateway::domain::money::Money;
use tokio::time::{Instant, sleep, timeout};

use super::faults::FaultSchedule;
use super::harness::{ActorHarness, Outside, Rows, key, pay};
use test_support::model_stripe::{CARDS, Card};
use test_support::shop;

/// The longest that a caller may wait: the deadline and the last look, and the timer's grain.
const LONGEST_WAIT: Duration = Duration::from_millis(22_010);

/// Within so long everything must have come to its end.
const PATIENCE: Duration = Duration::from_hours(4);

/// As many as ask at once when the mailbox is to be full.
const CROWD: usize = 90;

pub struct History {
    pub faults: Arc<FaultSchedule>,
    /// The process that serves.
    pub(super) harness: RefCell<Rc<ActorHarness>>,
    pub(super) views: Vec<MerchantView>,
    /// Whether a backup is put back in the course of it.
    pub(super) restores: bool,
    checkouts: RefCell<Vec<Rc<Checkout>>>,
    /// What callers were told of paid sessions.
    told: RefCell<Vec<(SessionId, String)>>,
}

/// One checkout, as its shoppers know it.
pub(super) struct Checkout {
    tenant: Tenant,
    id: SessionId,
    shown: Cell<(Revision, Option<Money>)>,
}

impl History {
    pub fn new(seed: u64) -> Rc<Self> {
        Self::of(seed, Rows::default())
    }

    /// One whose process finds these rows.
    pub(super) fn of(seed: u64, rows: Rows) -> Rc<Self> {
        let faults = FaultSchedule::of_seed(seed);
        let shops = 1 + faults.draw(|chance| chance.below(2));
        let views: Vec<_> = (0..shops)
            .map(|number| {
                let mut view = shop::view();
                view.id = format!("shop-{number}").parse().unwrap();
                view.checkout.tokens.allow_larger = faults.draw(|chance| chance.per_mille(500));
                view
            })
            .collect();
        let restores = rows.retention.is_some();
        let harness =
            ActorHarness::start(&Arbiters::on_this_thread(), Outside::new(faults, seed), &views, rows);
        Rc::new(Self {
            faults: Arc::clone(&harness.faults),
            harness: RefCell::new(Rc::new(harness)),
            views,
            restores,
            checkouts: RefCell::default(),
            told: RefCell::default(),
        })
    }

    /// The process that serves now.
    pub(super) fn harness(&self) -> Rc<ActorHarness> {
        Rc::clone(&self.harness.borrow())
    }

    /// Runs it to its end; `Err` says what must not be.
    pub async fn run(self: Rc<Self>) -> Result<(), String> {
        let restoring = self.restores.then(|| actix::spawn(Rc::clone(&self).restore()));
        let checkouts = 2 + self.faults.draw(|chance| chance.below(3));
        let shoppers = (0..checkouts).map(|_| actix::spawn(Rc::clone(&self).shop()));
        for ended in join_all(shoppers).await {
            ended.map_err(|error| format!("a caller was lost: {error}"))?;
        }
        if let Some(restoring) = restoring {
            restoring.await.map_err(|error| format!("the restore was lost: {error}"))?;
        }
        if self.restores {
            self.after_the_restore().await?;
        }
        self.checkouts.borrow_mut().clear();
        self.finish_processing().await?;
        // The last late requests arrive.
        sleep(Duration::from_mins(1)).await;
        if self.restores {
            self.forget_what_is_old().await;
        }
        self.check().await;
        self.faults.broken().map_or(Ok(()), Err)
    }

    async fn shop(self: Rc<Self>) {
        if self.restores {
            // Some come before the backup, some after it, some after the restore.
            sleep(self.millis(0, 120_000)).await;
        }
        let Some(checkout) = self.begin().await else { return };
        self.checkouts.borrow_mut().push(Rc::clone(&checkout));
        let callers = 6 + self.faults.draw(|chance| chance.below(9));
        let asking = (0..callers).map(|_| {
            let wait = self.millis(0, 110_000);
            let (history, checkout) = (&self, &checkout);
            async move {
                sleep(wait).await;
                history.call(checkout).await;
            }
        });
        join_all(asking).await;
    }

    pub(super) fn all_checkouts(&self) -> Vec<Rc<Checkout>> {
        self.checkouts.borrow().clone()
    }

    /// Begins a checkout, as often as it takes.
    async fn begin(&self) -> Option<Rc<Checkout>> {
        let faults = &self.faults;
        let tenant = faults.draw(|chance| chance.pick(&self.views).tenant());
        for _ in 0..50 {
            let (harness, asked) = (self.harness(), Instant::now());
            let merchant = harness.merchant(&tenant);
            let answer = self.of_process(&harness, merchant.create(shop::two_mugs(), None)).await;
            self.waited(asked.elapsed());
            if let Some(Ok(Answer { session, .. })) = answer.map(|answer| answer.map(|answer| *answer)) {
                let total = session.quote().map(|quote| quote.total);
                let shown = Cell::new((session.revision, total));
                return Some(Rc::new(Checkout { tenant, id: session.id, shown }));
            }
            sleep(Duration::from_secs(5)).await;
        }
        faults.breaks("no checkout can be begun".to_owned());
        None
    }

    async fn call(&self, checkout: &Checkout) {
        let draw = |below| self.faults.draw(|chance| chance.below(below));
        match draw(100) {
            0..20 => self.ask(checkout, Command::Read).await,
            20..32 => {
                let cart = Some(shop::cart("mug", 1 + u32::try_from(draw(3)).unwrap()));
                let revision = (draw(2) == 0).then(|| checkout.shown.get().0);
                let patch = Patch { cart, ..Patch::default() };
                self.ask(checkout, Command::Update { revision, patch }).await;
            }
            32..35 => self.ask(checkout, Command::Cancel).await,
            35..42 => {
                let commands = (0..CROWD)
                    .map(|number| if number % 3 == 0 { self.payment(checkout) } else { Command::Read });
                join_all(commands.map(|command| self.ask(checkout, command))).await;
            }
            42..58 => {
                let revision = Some(checkout.shown.get().0);
                self.ask(checkout, Command::OpenStripeCheckout { revision }).await;
            }
            58..64 => self.ask(checkout, Command::CheckStripe(StripeNotification::payment())).await,
            _ => self.ask(checkout, self.payment(checkout)).await,
        }
    }

    /// Whoever is given a page's address may pay there, sooner or later or never.
    fn may_pay(&self, checkout: &Checkout, page: &StripeCheckoutId) {
        let faults = &self.faults;
        faults.note("page shown");
        if !faults.draw(|chance| chance.per_mille(700)) {
            return;
        }
        let (key, page) = (key(&checkout.tenant), page.clone());
        let (stripe, wait) = (self.harness().stripe.clone(), self.millis(500, 60_000));
        tokio::task::spawn_local(async move {
            sleep(wait).await;
            stripe.pay_on_page(&key, &page);
        });
    }

    /// Pays what was shown last: with a token of this checkout, new or used before, or rarely with one of another.
    pub(super) fn payment(&self, checkout: &Checkout) -> Command {
        let faults = &self.faults;
        let (revision, total) = checkout.shown.get();
        let all = self.checkouts.borrow();
        let foreign = faults.draw(|chance| chance.per_mille(60));
        let owner = if foreign { faults.draw(|chance| &**chance.pick(&all)) } else { checkout };
        let tail = &owner.id.as_str()[owner.id.as_str().len() - 12..];
        let number = faults.draw(|chance| chance.below(3));
        let token = format!("spt_{tail}{number:04}");
        let card =
            faults.draw(|chance| if chance.per_mille(550) { Card::Pays } else { *chance.pick(&CARDS) });
        let total = total.unwrap_or_else(|| Money::new(4361, shop::usd()));
        self.harness().grant(&owner.tenant, &token, (card, total));
        pay(&token, revision)
    }

    /// Asks, and sometimes goes before the answer.
    pub(super) async fn ask(&self, checkout: &Checkout, command: Command) {
        let (asked, died) = (Instant::now(), self.deaths());
        let harness = self.harness();
        let merchant = harness.merchant(&checkout.tenant);
        let asking = self.of_process(&harness, merchant.ask(&checkout.id, command.clone()));
        let leaves = self.faults.draw(|chance| chance.per_mille(80));
        let patience = if leaves { self.millis(0, 8000) } else { PATIENCE };
        let answer = timeout(patience, asking).await;
        self.waited(asked.elapsed());
        match answer {
            Err(_) => self.faults.note("caller gave up"),
            Ok(None) => {}
            Ok(Some(answer)) => {
                let turned_away = matches!(
                    answer,
                    Err(Rejection::Shop(ShopRejection::Busy)
                        | Rejection::Shopper(ShopperRejection::Undecided))
                );
                if turned_away && asked.elapsed() == Duration::ZERO && died == self.deaths() {
                    self.faults.note("mailbox full");
                }
                self.answered(checkout, (&command, asked.elapsed()), answer);
            }
        }
    }

    fn answered(
        &self,
        checkout: &Checkout,
        (command, waited): (&Command, Duration),
        answer: Result<Box<Answer>, Rejection>,
    ) {
        let faults = &self.faults;
        let paying = matches!(command, Command::Complete(_) | Command::OpenStripeCheckout { .. });
        match answer {
            Ok(answer) => {
                let Answer { session, order, .. } = *answer;
                let changing = matches!(command, Command::Update { .. } | Command::Cancel);
                if changing && waited > Duration::from_secs(20) {
                    faults.breaks(format!("{} took too long and is called done", session.id));
                }
                faults.note(if order.is_some() { "answer: paid" } else { "answer: a session" });
                if session.revision >= checkout.shown.get().0 {
                    checkout.shown.set((session.revision, session.quote().map(|quote| quote.total)));
                }
                if let State::AwaitingStripeCheckout { checkout: open, .. } = &session.state {
                    self.may_pay(checkout, &open.id);
                }
                let completion = order.map(|placed| placed.completion);
                self.told.borrow_mut().extend(completion.map(|text| (session.id, text)));
            }
            Err(Rejection::Shopper(ShopperRejection::Undecided)) => faults.note("answer: undecided"),
            Err(Rejection::Shop(ShopRejection::Busy)) if paying && waited == Duration::ZERO => {
                faults.breaks(format!("a payment of {} was called not made, unseen", checkout.id));
            }
            Err(Rejection::Shop(ShopRejection::Busy)) => faults.note("answer: busy"),
            Err(Rejection::Shop(ShopRejection::NotWritten)) => faults.note("answer: not written"),
            Err(Rejection::Shop(ShopRejection::Unavailable)) => faults.note("answer: unavailable"),
            Err(_) => faults.note("answer: a refusal"),
        }
    }

    /// Asks a process; `None` when it dies meanwhile.
    async fn of_process<T>(&self, harness: &ActorHarness, asking: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = harness.life.ended() => {
                self.faults.note("process died under a caller");
                None
            }
            answer = asking => Some(answer),
        }
    }

    fn deaths(&self) -> u64 {
        self.faults.counted("actor panicked")
    }

    fn waited(&self, span: Duration) {
        if span >= Duration::from_secs(20) {
            self.faults.note("deadline passed");
        }
        if span > LONGEST_WAIT {
            self.faults.breaks(format!("a caller waited for {span:?}"));
        }
    }

    fn millis(&self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.faults.draw(|chance| chance.millis(least, most)).unsigned_abs())
    }

    /// Lets time pass until nothing is undecided and every actor has gone to rest.
    async fn finish_processing(&self) -> Result<(), String> {
        loop {
            let mut under_way = None;
            for (tenant, id) in self.harness().store.sessions() {
                match self.harness().row(&tenant, &id).await.session.map(|(_, session)| session.state) {
                    Some(
                        State::Charging(_)
                        | State::OpeningStripeCheckout(_)
                        | State::AwaitingStripeCheckout { .. }
                        | State::ClosingStripeCheckout { .. },
                    ) => under_way = Some(id),
                    Some(State::Frozen { reason, .. }) => return Err(format!("{id} is frozen: {reason:?}")),
                    Some(
                        State::Open { .. }
                        | State::Ready { .. }
                        | State::Completed { .. }
                        | State::Canceled { .. }
                        | State::Expired,
                    )
                    | None => {}
                }
            }
            let at_work = self.harness().at_work();
            if under_way.is_none() && at_work == 0 && self.faults.is_over() {
                return Ok(());
            }
            if self.faults.passed() > PATIENCE {
                return Err(format!("undecided: {under_way:?}; still at work: {at_work}"));
            }
            sleep(Duration::from_secs(5)).await;
        }
    }

    async fn check(&self) {
        for (tenant, id) in self.harness().store.sessions() {
            if let Err(broken) = self.check_session(&tenant, &id).await {
                self.faults.breaks(broken);
            }
        }
    }

    async fn check_session(&self, tenant: &Tenant, id: &SessionId) -> Result<(), String> {
        let loaded = self.harness().row(tenant, id).await;
        let paid = self.harness().paid(tenant, id);
        let Some((_, Session { state, .. })) = loaded.session else {
            return self.check_lost(tenant, id, &paid).await;
        };
        self.faults.note(match state {
            State::Completed { .. } => "ends completed",
            State::Canceled { .. } => "ends canceled",
            State::Ready { .. } => "ends ready",
            State::Open { .. }
            | State::Charging(_)
            | State::OpeningStripeCheckout(_)
            | State::AwaitingStripeCheckout { .. }
            | State::ClosingStripeCheckout { .. }
            | State::Frozen { .. }
            | State::Expired => "ends otherwise",
        });
        if paid.len() > 1 {
            return Err(format!("{id} was charged {} times", paid.len()));
        }
        if matches!(state, State::Completed { .. }) != loaded.order.is_some() {
            return Err(format!("{id} is {} and its order is not so", state.into_str()));
        }
        match (&loaded.order, paid.first()) {
            (None, None) => {}
            (Some(placed), Some(payment)) => {
                let order = &placed.order;
                if order.payment_intent != payment.id || order.quote.total != payment.seen.amount {
                    return Err(format!("the order of {id} is of another payment or amount"));
                }
            }
            (Some(_), None) => return Err(format!("{id} has an order that nobody paid")),
            (None, Some(payment)) if self.is_flagged(tenant, payment).await => self.faults.note("flagged"),
            (None, Some(payment)) => return Err(format!("{} of {id} has no order", payment.id)),
        }
        if self.restores {
            // An order that is placed once more after a restore is another record of the same payment.
            return Ok(());
        }
        let told = self.told.borrow();
        let mut told = told.iter().filter(|(of, _)| of == id).map(|(_, text)| text);
        let kept = loaded.order.map(|placed| placed.completion);
        if told.any(|text| Some(text) != kept.as_ref()) {
            return Err(format!("a caller heard of {id} what is not kept of it"));
        }
        Ok(())
    }
}
