//! One driver on a workbench: a model store, and a Stripe whose every word the test puts in its mouth.

use std::collections::{HashMap, HashSet};

use merchant_gateway::domain::checkout::driver::{
    CommitFailed, Driver, Input, Output, RequestId, StoreFailed, TaskId,
};
use merchant_gateway::domain::checkout::model::{
    Answer, AttemptEnd, AttemptIntent, AttemptMove, AttemptObservation, Change, Charging, Command, Effect,
    Flag, Loaded, Moment, Observation, OrderChange, OrderObservation, Patch, Payment, PaymentIntentSnapshot,
    PaymentIntentStatus, PlacedOrder, Rejection, Session, SharedPaymentToken, State, StripeAnswer,
    TimelineEntry, TokenFacts, TokenReadError, TokenUse, Verification, Version,
};
use merchant_gateway::domain::ids::{
    AttemptNumber, OrderNumber, PaymentIntentId, Revision, SessionId, SptHash,
};
use merchant_gateway::domain::merchant::MerchantView;
use merchant_gateway::domain::origin::TokenDoor;
use merchant_gateway::domain::time::{Span, Timestamp};

use super::shop;

/// How the model store behaves at its next commit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum NextCommit {
    Works,
    Conflicts,
    /// Nothing was written and an error came back.
    Fails,
    /// It was written and an error came back all the same.
    FailsButIsDone,
}

pub struct DriverHarness {
    pub view: MerchantView,
    pub now: Timestamp,
    pub driver: Driver,
    pub id: SessionId,
    row: Option<(Version, Session)>,
    order: Option<PlacedOrder>,
    tokens: HashMap<SptHash, TokenUse>,
    pub attempts: Vec<AttemptIntent>,
    ended: HashSet<u32>,
    /// Attempts whose sealed token is gone.
    pub erased: HashSet<u32>,
    pub flags: Vec<Flag>,
    /// What the merchant is told of the order.
    pub order_changes: Vec<OrderChange>,
    pub store_is_down: bool,
    pub commits_fail: bool,
    /// How often a commit was tried.
    pub commits: u32,
    pub next_commit: NextCommit,
    /// What is wanted of Stripe and not answered yet.
    pub effects: Vec<Effect>,
    pub gathers: Vec<TaskId>,
    /// Looks that decisions wait for.
    pub verifications: Vec<(TaskId, Verification)>,
    pub timeline: Vec<TimelineEntry>,
    /// What Stripe's next answers say of themselves.
    pub answered: StripeAnswer,
    pub replies: HashMap<u64, Result<Box<Answer>, Rejection>>,
    pub wake: Option<Timestamp>,
    /// Whether webhooks have reached the merchant lately.
    pub webhooks_arrive: bool,
    asked: u64,
    drawn: u128,
}

impl Default for DriverHarness {
    fn default() -> Self {
        let id = SessionId::from_random(1);
        Self {
            view: shop::view(),
            now: Timestamp::from_seconds(1_800_000_000),
            driver: Driver::new(id.clone()),
            id,
            row: None,
            order: None,
            tokens: HashMap::new(),
            attempts: Vec::new(),
            ended: HashSet::new(),
            erased: HashSet::new(),
            flags: Vec::new(),
            order_changes: Vec::new(),
            store_is_down: false,
            commits_fail: false,
            commits: 0,
            next_commit: NextCommit::Works,
            effects: Vec::new(),
            gathers: Vec::new(),
            verifications: Vec::new(),
            timeline: Vec::new(),
            answered: StripeAnswer::default(),
            replies: HashMap::new(),
            wake: None,
            webhooks_arrive: false,
            asked: 0,
            drawn: 0,
        }
    }
}

impl DriverHarness {
    /// A session with a quote of 43.61 USD.
    pub fn ready() -> Self {
        let mut harness = Self::default();
        let created = harness.ask(shop::create(shop::two_mugs()));
        harness.answer(created).unwrap();
        harness
    }

    /// A session whose first attempt is under way: its request is wanted of Stripe.
    pub fn charging() -> (Self, RequestId) {
        let mut harness = Self::ready();
        let paying = harness.pay("spt_first0001");
        harness.tell_token(Ok(harness.good_facts()));
        assert_eq!(harness.effects.len(), 1, "the attempt's request is wanted");
        (harness, paying)
    }

    /// The session as the store has it.
    pub fn row(&self) -> Loaded {
        Loaded { session: self.row.clone(), ..Loaded::default() }
    }

    pub fn session(&self) -> &Session {
        &self.row.as_ref().expect("there is a session").1
    }

    pub fn charging_state(&self) -> &Charging {
        let State::Charging(charging) = &self.session().state else {
            panic!("charging, not {}", self.session().state.into_str());
        };
        charging
    }

    pub fn ask(&mut self, command: Command) -> RequestId {
        self.asked += 1;
        let request = RequestId(self.asked);
        self.feed(Input::Requested { request, command: Box::new(command) });
        request
    }

    pub fn pay(&mut self, token: &str) -> RequestId {
        let revision = self.session().revision;
        self.pay_revision(token, Some(revision))
    }

    pub fn pay_revision(&mut self, token: &str, revision: Option<Revision>) -> RequestId {
        self.pay_through(TokenDoor::PaymentSheet, token, revision)
    }

    pub fn pay_through(&mut self, door: TokenDoor, token: &str, revision: Option<Revision>) -> RequestId {
        let buyer = merchant_gateway::domain::address::Buyer::default();
        self.ask(Command::Complete(Payment {
            door,
            user_agent: None,
            challenge: None,
            revision,
            token: token.parse().unwrap(),
            buyer,
        }))
    }

    pub fn update(&mut self, patch: Patch) -> RequestId {
        self.ask(Command::Update { revision: None, patch })
    }

    /// What a caller was answered; it must have been.
    pub fn answer(&self, request: RequestId) -> Result<Answer, Rejection> {
        self.replies.get(&request.0).expect("the caller was answered").clone().map(|answer| *answer)
    }

    pub fn waits(&self, request: RequestId) -> bool {
        !self.replies.contains_key(&request.0)
    }

    pub fn good_facts(&self) -> TokenFacts {
        let quote = self.session().quote().expect("a quote");
        TokenFacts {
            livemode: false,
            deactivated: None,
            expires: None,
            remaining: Some(quote.total),
            block_recommended: false,
            agent_profile: None,
        }
    }

    /// Answers the oldest question about a token.
    pub fn tell_token(&mut self, facts: Result<TokenFacts, TokenReadError>) {
        let task = self.gathers.remove(0);
        self.feed(Input::Gathered { task, facts });
    }

    /// Ends the oldest effect.
    pub fn see(&mut self, seen: impl Into<AttemptObservation>) {
        let effect = self.effects.remove(0);
        let request_id = Some(format!("req_{}", self.drawn));
        let answer = StripeAnswer { request_id, ..self.answered.clone() };
        self.feed(Input::AttemptObserved {
            attempt: effect.attempt().unwrap(),
            seen: Box::new(seen.into()),
            answer,
        });
    }

    /// Something comes in of an attempt, whether or not anything was wanted of it.
    pub fn hears(&mut self, attempt: AttemptNumber, seen: impl Into<AttemptObservation>) {
        self.feed(Input::AttemptObserved {
            attempt,
            seen: Box::new(seen.into()),
            answer: StripeAnswer::default(),
        });
    }

    /// Ends the oldest effect, which is a look at a payment that was told of.
    pub fn see_payment(&mut self, seen: Observation) {
        let Effect::ReadPayment { payment, .. } = self.effects.remove(0) else { panic!("another effect") };
        self.feed(Input::PaymentObserved { payment, seen: Box::new(seen), answer: StripeAnswer::default() });
    }

    /// Ends the oldest effect, which is one for a paid order.
    pub fn see_order(&mut self, seen: OrderObservation) {
        assert!(matches!(self.effects.remove(0), Effect::Order(_)), "another effect");
        self.feed(Input::OrderObserved { seen: Box::new(seen), answer: StripeAnswer::default() });
    }

    /// Answers the oldest look that a decision waits for.
    pub fn verify(&mut self, seen: impl Into<AttemptObservation>) -> Verification {
        let (task, verification) = self.verifications.remove(0);
        self.feed(Input::Verified { task, seen: Box::new(seen.into()) });
        verification
    }

    /// Ends the oldest effect: a complete reading found nothing.
    pub fn see_nothing(&mut self) {
        self.see(Observation::Absent { asked: self.now });
    }

    /// A payment of the running attempt, as Stripe would show it.
    pub fn intent(&self, status: PaymentIntentStatus) -> PaymentIntentSnapshot {
        let charge = &self.attempts.last().expect("an attempt").expected;
        PaymentIntentSnapshot {
            id: format!("pi_{}", charge.attempt.0).parse::<PaymentIntentId>().unwrap(),
            status,
            amount: charge.total,
            livemode: false,
            session: Some(charge.session.clone()),
            revision: Some(charge.revision),
            attempt: Some(charge.attempt),
        }
    }

    pub fn pass(&mut self, span: Span) {
        self.now = self.now + span;
    }

    /// Lets time pass until the driver wants to be woken, and wakes it.
    pub fn wait_and_wake(&mut self) {
        let wake = self.wake.take().expect("a wake-up is armed");
        self.now = self.now.max(wake);
        self.wake();
    }

    pub fn wake(&mut self) {
        self.wake = self.wake.filter(|armed| *armed > self.now);
        self.feed(Input::Woken);
    }

    /// The process dies and a new one wakes the session: only the store is left.
    pub fn crash(&mut self) {
        self.driver = Driver::new(self.id.clone());
        self.effects.clear();
        self.gathers.clear();
        self.wake = None;
        self.wake();
    }

    pub fn feed(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            self.drawn += 1;
            let webhooks_arrive = self.webhooks_arrive;
            let moment = Moment { now: self.now, jitter: 0.5, random: self.drawn, webhooks_arrive };
            for output in self.driver.on(input, moment, &self.view) {
                match output {
                    Output::Load(token) => inputs.push(Input::Loaded(self.load(token).map(Box::new))),
                    Output::Commit(change) => inputs.push(Input::Committed(self.commit(*change))),
                    Output::Gather { task, .. } => self.gathers.push(task),
                    Output::Verify { task, verification } => self.verifications.push((task, verification)),
                    Output::Run(effect) => self.effects.push(effect),
                    Output::Reply(request, answer) => {
                        let former = self.replies.insert(request.0, answer);
                        assert!(former.is_none(), "a caller is answered once");
                    }
                    Output::WakeAfter(span) => {
                        let at = self.now + span;
                        self.wake = Some(self.wake.map_or(at, |armed| armed.min(at)));
                    }
                }
            }
        }
    }

    fn load(&self, token: Option<SptHash>) -> Result<Loaded, StoreFailed> {
        if self.store_is_down {
            return Err(StoreFailed);
        }
        let token_use = token.and_then(|hash| self.tokens.get(&hash).cloned());
        Ok(Loaded { session: self.row.clone(), order: self.order.clone(), token_use })
    }

    fn commit(&mut self, change: Change) -> Result<Version, CommitFailed> {
        self.commits += 1;
        let next = std::mem::replace(&mut self.next_commit, NextCommit::Works);
        if self.store_is_down || self.commits_fail || next == NextCommit::Fails {
            return Err(CommitFailed::NotDone);
        }
        if next == NextCommit::Conflicts || change.expected != self.row.as_ref().map(|(version, _)| *version)
        {
            return Err(CommitFailed::Conflict);
        }
        match change.attempt {
            Some(AttemptMove::Start(intent)) => {
                let used = TokenUse { session: self.id.clone(), attempt: intent.number, end: None };
                let taken = intent.spt_hash().and_then(|spt| self.tokens.insert(spt.clone(), used));
                if taken.is_some() {
                    return Err(CommitFailed::TokenUsed);
                }
                self.attempts.push(*intent);
            }
            Some(AttemptMove::Update { number, end: Some(end), erase_token }) => {
                assert!(erase_token, "a decided attempt keeps no token");
                self.erased.insert(number.0);
                self.end(number.0, end);
            }
            Some(AttemptMove::Update { number, end: None, erase_token: true }) => {
                self.erased.insert(number.0);
            }
            Some(AttemptMove::Update { end: None, erase_token: false, .. }) | None => {}
        }
        let completed = matches!(change.session.state, State::Completed { .. });
        assert_eq!(
            completed,
            change.order.is_some() || self.order.is_some(),
            "completed and order come together"
        );
        if let Some(order) = change.order {
            let completion = format!("{{\"order\":\"{}\"}}", order.id);
            self.order = Some(PlacedOrder {
                number: OrderNumber::FIRST,
                order,
                permalink: "https://shop.example/o".to_owned(),
                completion,
            });
        }
        self.flags.extend(change.flags);
        self.order_changes.extend(change.order_changes);
        self.timeline.extend(change.timeline);
        let version = Version(change.expected.map_or(1, |version| version.0 + 1));
        self.row = Some((version, change.session));
        if next == NextCommit::FailsButIsDone { Err(CommitFailed::Unheard) } else { Ok(version) }
    }

    fn end(&mut self, number: u32, end: AttemptEnd) {
        assert!(self.attempts.iter().any(|attempt| attempt.number.0 == number), "the attempt is known");
        assert!(self.ended.insert(number), "an attempt ends once");
        if let Some(used) = self.tokens.values_mut().find(|used| used.attempt.0 == number) {
            used.end = Some(end);
        }
    }
}

pub fn token_used_elsewhere(harness: &mut DriverHarness, token: &str) {
    let token: SharedPaymentToken = token.parse().unwrap();
    let session = SessionId::from_random(99);
    let used = TokenUse { session, attempt: AttemptNumber(1), end: None };
    harness.tokens.insert(token.hash().clone(), used);
}
