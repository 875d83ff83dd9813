//! What is outside the processes: the store and Stripe, and the ways to and from them.

use merchant_gateway::domain::checkout::driver::{CommitFailed, Input, Output, StoreFailed};
use merchant_gateway::domain::checkout::model::Affected;
use merchant_gateway::domain::checkout::model::{
    AttemptIntent, AttemptObservation, Change, Decision, Effect, Inconclusive, Observation, OrderEffect,
    OrderObservation, PaymentSource, RefundAnswer, StripeAnswer, StripeNotification, TokenReadError,
    Verification, Version,
};
use merchant_gateway::domain::ids::{AttemptNumber, RefundNumber, SessionId};
use merchant_gateway::domain::time::Span;

use super::{DEADLINE, Event, Sent, Simulation};

impl Simulation {
    pub(super) fn arrives(&mut self, sent: Sent) -> Result<(), String> {
        let Sent { process, life, session, output } = sent;
        let (input, delay) = match output {
            Output::Load(token) => {
                let failed = self.goes_wrong();
                let loaded = if failed {
                    Err(StoreFailed)
                } else {
                    Ok(Box::new(self.store.load(&session, token.as_ref())))
                };
                (Input::Loaded(loaded), 5)
            }
            Output::Commit(change) => (Input::Committed(self.commit(*change)?), 5),
            Output::Gather { task, token, .. } => {
                let failed = self.goes_wrong();
                let facts = self.stripe.facts(token.expose(), self.now);
                let facts = if failed { Err(TokenReadError::ReadFailed) } else { facts };
                (Input::Gathered { task, facts }, 200)
            }
            Output::Verify { task, verification } => {
                let seen = self.verify(&session, &verification);
                (Input::Verified { task, seen: Box::new(seen) }, 200)
            }
            Output::Run(Effect::Order(effect)) => return self.runs_order(process, life, &session, &effect),
            Output::Run(Effect::ReadPayment { payment, .. }) => {
                self.count("unexplained payment read");
                let failed = self.goes_wrong();
                let seen =
                    if failed { Observation::ReadFailed } else { self.stripe.read(&payment, self.now) };
                (
                    Input::PaymentObserved { payment, seen: Box::new(seen), answer: StripeAnswer::default() },
                    200,
                )
            }
            Output::Run(effect) => return self.runs(process, life, &session, &effect),
            Output::Reply(..) | Output::WakeAfter(_) => return Ok(()),
        };
        let delay = Span::millis(self.chance.millis(1, delay));
        self.at(delay, Event::Back { process, life, session, input: Box::new(input) });
        Ok(())
    }

    fn commit(&mut self, change: Change) -> Result<Result<Version, CommitFailed>, String> {
        if self.goes_wrong() {
            if self.chance.per_mille(500) {
                self.count("commit failed");
                return Ok(Err(CommitFailed::NotDone));
            }
            self.count("commit done unheard");
            self.store.commit(change, self.now)?.ok();
            return Ok(Err(CommitFailed::Unheard));
        }
        let state = change.session.state.into_str();
        let id = change.session.id.clone();
        let done = self.store.commit(change, self.now)?;
        self.tell(|| format!("{id} is committed as {state}: {done:?}"));
        if done.is_err() {
            self.count("conflict");
        }
        Ok(done)
    }

    fn verify(&mut self, session: &SessionId, verification: &Verification) -> AttemptObservation {
        let Verification { attempt, known, decision, .. } = verification;
        let intent = match (decision, known) {
            (Decision::Charged { payment_intent }, _) => Some(payment_intent.clone()),
            (Decision::NotCharged { .. }, known) => known.clone(),
        };
        let started =
            self.store.attempts.get(&(session.clone(), *attempt)).map_or(self.now, |row| row.intent.started);
        let silent = self.now < self.silent_until;
        if silent || self.chance.per_mille(300) {
            self.count("decided unread");
            return Observation::ReadFailed.into();
        }
        let seen = match intent {
            Some(intent) => self.stripe.read(&intent, self.now).into(),
            None => self.stripe.find(session, *attempt, started, self.now),
        };
        let AttemptObservation { primary, other_payments } = seen;
        let primary = match (decision, &primary) {
            // What could still be paid is canceled before it is called not charged.
            (Decision::NotCharged { .. }, Observation::PaymentIntent(payment)) => {
                self.stripe.cancel(&payment.id, self.now)
            }
            _ => primary,
        };
        AttemptObservation { primary, other_payments }
    }

    /// An effect reaches Stripe, or does not; its answer reaches the process, or does not.
    fn runs(
        &mut self,
        process: usize,
        life: u32,
        session: &SessionId,
        effect: &Effect,
    ) -> Result<(), String> {
        let attempt = effect.attempt().expect("others are no attempt's");
        let silent = self.now < self.silent_until && self.now > self.trouble_ends - Span::minutes(19);
        let mut seen: AttemptObservation = match effect {
            Effect::Charge(number) => self.charge(session, *number)?.into(),
            Effect::Read { .. }
            | Effect::Cancel { .. }
            | Effect::ReadStripeCheckout { .. }
            | Effect::ExpireStripeCheckout { .. }
                if silent || self.goes_wrong() =>
            {
                if self.chance.per_mille(300) {
                    self.count("reading put off");
                    Observation::PutOff { after: Span::millis(self.chance.millis(100, 60_000)) }.into()
                } else {
                    Observation::ReadFailed.into()
                }
            }
            Effect::Read { intent: Some(intent), .. } => self.stripe.read(intent, self.now).into(),
            Effect::Read { intent: None, .. } => {
                let row = self.store.attempts.get(&(session.clone(), attempt));
                let started = row.map_or(self.now, |row| row.intent.started);
                self.stripe.find(session, attempt, started, self.now)
            }
            Effect::Cancel { intent, .. } => self.stripe.cancel(intent, self.now).into(),
            Effect::CreateStripeCheckout(number) => self.asks_for_page(session, *number)?.into(),
            Effect::ReadStripeCheckout { checkout, .. } => {
                self.stripe.read_stripe_checkout(checkout, self.now).into()
            }
            Effect::ExpireStripeCheckout { checkout, .. } => {
                self.stripe.close_stripe_checkout(checkout, self.now).into()
            }
            Effect::Order(_) | Effect::ReadPayment { .. } => panic!("this is no attempt's"),
        };
        let arrived = !matches!(seen.primary, Observation::ReadFailed | Observation::PutOff { .. });
        if !matches!(seen.primary, Observation::PutOff { .. }) && (silent || self.goes_wrong()) {
            self.count("answer lost");
            seen = if matches!(effect, Effect::Charge(_) | Effect::CreateStripeCheckout(_)) {
                Observation::Inconclusive(Inconclusive::default()).into()
            } else {
                Observation::ReadFailed.into()
            };
        }
        self.tell(|| format!("{effect:?} of {session}: {seen:?}"));
        if arrived && !matches!(effect, Effect::Read { .. } | Effect::ReadStripeCheckout { .. }) {
            self.send_webhooks(session);
        }
        let delay = Span::millis(self.chance.millis(50, 2000));
        let copies = if self.goes_wrong() { 2 } else { 1 };
        for _ in 0..copies {
            let input = Box::new(Input::AttemptObserved {
                attempt,
                seen: Box::new(seen.clone()),
                answer: StripeAnswer::default(),
            });
            self.at(delay, Event::Back { process, life, session: session.clone(), input });
        }
        Ok(())
    }

    /// An effect for a paid order, likewise.
    fn runs_order(
        &mut self,
        process: usize,
        life: u32,
        session: &SessionId,
        effect: &OrderEffect,
    ) -> Result<(), String> {
        let silent = self.now < self.silent_until && self.now > self.trouble_ends - Span::minutes(19);
        let mut seen = match effect {
            OrderEffect::Read { .. } if silent || self.goes_wrong() => OrderObservation::ReadFailed,
            OrderEffect::Read { payment, .. } => self.stripe.read_order(payment, self.now),
            OrderEffect::Refund(number) => {
                let answer = self.insert_refund(session, *number)?;
                OrderObservation::RefundAnswered { number: *number, answer }
            }
        };
        if silent || self.goes_wrong() {
            self.count("answer lost");
            seen = effect.unanswered();
        }
        self.tell(|| format!("{effect:?} of {session}: {seen:?}"));
        let delay = Span::millis(self.chance.millis(50, 2000));
        let copies = if self.goes_wrong() { 2 } else { 1 };
        for _ in 0..copies {
            let input = Box::new(Input::OrderObserved {
                seen: Box::new(seen.clone()),
                answer: StripeAnswer::default(),
            });
            self.at(delay, Event::Back { process, life, session: session.clone(), input });
        }
        Ok(())
    }

    fn insert_refund(&mut self, session: &SessionId, number: RefundNumber) -> Result<RefundAnswer, String> {
        let Some(intent) = self.store.refunds.get(&(session.clone(), number)).cloned() else {
            return Err(format!("I3: {session} asks for a refund without a durable row {}", number.0));
        };
        let sends = self.store.rows.get(session).is_some_and(|(_, row, _)| row.activity.sends(number));
        if !sends || self.now >= intent.repeat_until {
            let lost = Inconclusive { cannot_repeat: true, ..Inconclusive::default() };
            return Ok(RefundAnswer::Inconclusive(lost));
        }
        if self.goes_wrong() {
            return Ok(match self.chance.below(4) {
                0 => RefundAnswer::KeyRefused,
                1 => RefundAnswer::Inconclusive(Inconclusive {
                    should_retry: Some(false),
                    ..Inconclusive::default()
                }),
                2 => {
                    self.count("late refund");
                    let delay = Span::millis(self.chance.millis(1000, 60_000));
                    self.at(delay, Event::LateRefund(Box::new(intent)));
                    RefundAnswer::Inconclusive(Inconclusive::default())
                }
                _ => RefundAnswer::Inconclusive(Inconclusive::default()),
            });
        }
        self.count("refund asked for");
        Ok(self.stripe.refund(&(&intent).into(), self.now, &mut self.chance))
    }

    /// Something may have happened to a session at Stripe: that is told never, once or twice, before the answer to the
    /// request that caused it or long after.
    pub(super) fn send_webhooks(&mut self, session: &SessionId) {
        if !self.webhooks {
            return;
        }
        if self.chance.per_mille(200) {
            self.count("webhook lost");
            return;
        }
        let copies = if self.chance.per_mille(250) { 2 } else { 1 };
        for _ in 0..copies {
            let early = self.chance.per_mille(500);
            self.count(if early { "webhook before the answer" } else { "webhook late" });
            let delay = if early { self.chance.millis(1, 50) } else { self.chance.millis(2000, 300_000) };
            let payment = self.stripe.newest_success(session);
            let notification = StripeNotification { affected: Affected::Payment, payment };
            self.at(Span::millis(delay), Event::Webhook { session: session.clone(), notification });
        }
        if copies == 2 {
            self.count("webhook twice");
        }
    }

    /// A stored request for a page as it arrives.
    pub(super) fn open_stripe_checkout(&mut self, intent: &AttemptIntent) -> Observation {
        let PaymentSource::StripeCheckout { expires, .. } = intent.source else {
            panic!("a token opens no page")
        };
        self.stripe.open_stripe_checkout(intent.idempotency_key.as_str(), &intent.expected, expires, self.now)
    }

    fn asks_for_page(&mut self, session: &SessionId, number: AttemptNumber) -> Result<Observation, String> {
        let Some(row) = self.store.attempts.get(&(session.clone(), number)) else {
            return Err(format!("I3: {session} asks for a page without a durable attempt {}", number.0));
        };
        let intent = row.intent.clone();
        if self.now >= intent.repeat_until {
            return Ok(Observation::Inconclusive(Inconclusive {
                cannot_repeat: true,
                ..Inconclusive::default()
            }));
        }
        let revision = intent.expected.revision.0;
        if self.store.shown.get(&(session.clone(), revision)) != Some(&intent.expected.total) {
            return Err(format!("I2: a page asks {} for revision {revision}", intent.expected.total));
        }
        if self.goes_wrong() {
            return Ok(match self.chance.below(3) {
                0 => Observation::KeyRefused,
                1 => {
                    self.count("late page");
                    let delay = Span::millis(self.chance.millis(1000, 120_000));
                    self.at(delay, Event::Late(Box::new(intent)));
                    Observation::Inconclusive(Inconclusive::default())
                }
                _ => Observation::Inconclusive(Inconclusive::default()),
            });
        }
        self.count("page asked for");
        Ok(self.open_stripe_checkout(&intent))
    }

    fn charge(&mut self, session: &SessionId, number: AttemptNumber) -> Result<Observation, String> {
        let lost = Inconclusive { cannot_repeat: true, ..Inconclusive::default() };
        let Some(row) = self.store.attempts.get(&(session.clone(), number)) else {
            return Err(format!("I3: {session} is charged without a durable attempt {}", number.0));
        };
        if !row.can_be_sent || self.now >= row.intent.repeat_until {
            return Ok(Observation::Inconclusive(lost));
        }
        let intent = row.intent.clone();
        let revision = intent.expected.revision.0;
        if self.store.shown.get(&(session.clone(), revision)) != Some(&intent.expected.total) {
            return Err(format!(
                "I2: {session} is charged {} for revision {revision}",
                intent.expected.total
            ));
        }
        if self.goes_wrong() {
            return Ok(match self.chance.below(5) {
                0 => {
                    self.count("key refused");
                    Observation::KeyRefused
                }
                1 => Observation::Inconclusive(Inconclusive {
                    should_retry: Some(false),
                    ..Inconclusive::default()
                }),
                2 => {
                    self.count("request refused");
                    Observation::RequestRefused { detail: "made up".to_owned() }
                }
                3 => {
                    // The request arrives after its caller has given up on it.
                    self.count("late effect");
                    let delay = Span::millis(self.chance.millis(1000, 60_000));
                    self.at(delay, Event::Late(Box::new(intent)));
                    Observation::Inconclusive(Inconclusive::default())
                }
                _ => Observation::Inconclusive(Inconclusive {
                    retry_after: Some(Span::millis(DEADLINE)),
                    ..Inconclusive::default()
                }),
            });
        }
        self.count("charged");
        Ok(self.stripe.charge(&(&intent).into(), self.now, &mut self.chance))
    }
}
