//! Order events on their way: claimed under a lease, sent to a receiver that does what it likes, settled as the dispatcher
//! judges; and processes that die between any two of these.

use std::collections::{BTreeMap, HashMap};

use merchant_gateway::delivery::{GIVE_UP, LEASE, ReceiverAnswer, Tried, Unanswered, delivery_outcome};
use merchant_gateway::domain::ids::{OrderEventId, OrderId};
use merchant_gateway::domain::time::{Span, Timestamp};
use merchant_gateway::store::{Claim, Delivery, DeliveryOutcome, DeliveryResult, DeliveryState};

use super::{Event, Simulation};
use test_support::chance::Chance;

/// The deadline of one try, in milliseconds.
const DEADLINE: i64 = 15_000;

/// How long a process may stop in the middle of everything: longer than it has leased an event for.
const STALL: i64 = 60_000;

/// The merchant's receiver, and what is on its way there.
pub struct Post {
    chance: Chance,
    /// Until when the receiver takes nothing.
    down_until: Timestamp,
    /// Of which order an event is claimed, and until when nobody else may have it.
    leased: HashMap<OrderEventId, (OrderId, Timestamp)>,
    arrived: Vec<(OrderEventId, Timestamp)>,
    /// When an event was first given up.
    parked: BTreeMap<OrderEventId, Timestamp>,
    /// Those that were sent again by hand while they were on their way, and when.
    retried: HashMap<OrderEventId, Timestamp>,
}

impl Post {
    /// A receiver that is well, or, where there is trouble, perhaps down for hours or for longer than it is waited for.
    pub fn new(seed: u64, fault: u64, start: Timestamp) -> Self {
        let mut chance = Chance::new(seed ^ 0x6f72_6465_7273);
        let down = match chance.below(1000) {
            _ if fault == 0 => Span::millis(0),
            0..=2 => Span::hours(100),
            3..=30 => Span::millis(chance.millis(0, 60 * 3_600_000)),
            _ => Span::millis(0),
        };
        Self {
            chance,
            down_until: start + down,
            leased: HashMap::new(),
            arrived: Vec::new(),
            parked: BTreeMap::new(),
            retried: HashMap::new(),
        }
    }
}

impl Simulation {
    fn post_goes_wrong(&mut self) -> bool {
        self.now < self.trouble_ends && self.post.chance.per_mille(self.fault)
    }

    /// Now and then somebody sends an event again by hand, whatever became of it.
    pub(super) fn plan_retries(&mut self) {
        if self.fault > 0 && self.post.chance.per_mille(200) {
            let when = Span::millis(self.post.chance.millis(10_000, 900_000));
            self.at(when, Event::RetriedByHand);
        }
    }

    pub(super) fn retried_by_hand(&mut self) {
        let made: Vec<OrderEventId> = self.store.outbox.made.values().flatten().cloned().collect();
        if made.is_empty() {
            return;
        }
        let id = self.post.chance.pick(&made).clone();
        let leased = self.post.leased.get(&id).is_some_and(|(_, until)| *until > self.now);
        self.count(if leased { "event retried on its way" } else { "event retried by hand" });
        self.tell(|| format!("somebody sends {id} again"));
        if leased {
            self.post.retried.insert(id.clone(), self.now);
        }
        self.store.outbox.retry(&id, self.now);
    }

    /// A process looks what is due, and sends it.
    pub(super) fn post(&mut self, process: usize) -> Result<(), String> {
        if self.store.outbox.made.is_empty() || !self.store.outbox.has_due(self.now) {
            return Ok(());
        }
        let wrong = self.post_goes_wrong();
        if wrong && self.post.chance.per_mille(500) {
            self.count("claim failed");
            return Ok(());
        }
        let limit = 1 + u32::try_from(self.post.chance.below(4)).unwrap();
        let claimed = self.store.outbox.claim(Claim { now: self.now, until: self.now + LEASE, limit });
        if claimed.is_empty() {
            return Err("events: some were due, and none could be claimed".to_owned());
        }
        for delivery in claimed {
            self.tell(|| format!("process {process} claims {} of {}", delivery.sequence, delivery.order));
            self.lease(&delivery)?;
            if wrong {
                self.count("claim done unheard");
                continue;
            }
            let life = self.processes[process].life;
            if self.mistakes.settles_before_it_sends {
                let lease = delivery.leased_until.unwrap();
                let taken = DeliveryResult {
                    lease,
                    outcome: DeliveryOutcome::Delivered,
                    status: Some(204),
                    error: None,
                };
                self.store.outbox.record_result(&delivery.id, taken);
            }
            let delay = Span::millis(self.post.chance.millis(1, 50));
            self.at(delay, Event::SignedRequest { process, life, delivery: Box::new(delivery) });
            if self.now < self.trouble_ends && self.fault > 0 && self.post.chance.per_mille(20) {
                self.crash(process);
            }
        }
        Ok(())
    }

    /// Of an order only one event is on its way.
    fn lease(&mut self, delivery: &Delivery) -> Result<(), String> {
        let other = |(order, until): &(OrderId, Timestamp)| *order == delivery.order && *until > self.now;
        if self.post.leased.values().any(other) {
            return Err(format!("events: two of order {} are on their way", delivery.order));
        }
        self.post.retried.remove(&delivery.id);
        let until = delivery.leased_until.unwrap();
        self.post.leased.insert(delivery.id.clone(), (delivery.order.clone(), until));
        Ok(())
    }

    /// A letter leaves, if its process lives, and its receiver does something.
    pub(super) fn letter(&mut self, process: usize, life: u32, delivery: Box<Delivery>) {
        if self.processes[process].life != life {
            self.count("crash before an event was sent");
            return;
        }
        self.count(if delivery.tries == 1 { "event sent" } else { "event sent again" });
        let (tried, after) = self.receives();
        self.tell(|| format!("the receiver gets {} of {}: {tried:?}", delivery.sequence, delivery.order));
        if matches!(tried, Ok(ReceiverAnswer { status: 204, .. })) {
            self.post.arrived.push((delivery.id.clone(), self.now));
        }
        let lost = self.post_goes_wrong() && self.post.chance.per_mille(500);
        let tried = if lost && tried.is_ok() {
            self.count("event's answer lost");
            unanswered("the connection broke")
        } else {
            tried
        };
        self.at(Span::millis(after), Event::Heard { process, life, delivery, tried: Box::new(tried) });
    }

    /// What the receiver answers, and after how many milliseconds.
    fn receives(&mut self) -> (Tried, i64) {
        let soon = self.post.chance.millis(1, 2000);
        let answered = |status| Ok(ReceiverAnswer { status, retry_after: None });
        if self.now < self.post.down_until {
            self.count("event met nobody");
            return match self.post.chance.below(3) {
                0 => (unanswered("no connection"), soon),
                1 => (answered(502), soon),
                _ => (unanswered("no answer"), DEADLINE),
            };
        }
        if !self.post_goes_wrong() {
            return (answered(204), soon);
        }
        match self.post.chance.below(16) {
            0..=2 => {
                self.count("event hung");
                (unanswered("no answer"), DEADLINE)
            }
            3..=5 => {
                let asked = Span::millis(self.post.chance.millis(0, 20_000_000));
                (Ok(ReceiverAnswer { status: 429, retry_after: Some(asked) }), soon)
            }
            6 => (answered(410), soon),
            7..=9 => {
                self.count("event refused");
                (answered(422), soon)
            }
            10 | 11 => (answered(204), STALL),
            _ => {
                self.count("event refused");
                (answered(500), soon)
            }
        }
    }

    /// A process hears what its receiver did, and records it.
    pub(super) fn heard(
        &mut self,
        process: usize,
        life: u32,
        delivery: &Delivery,
        tried: &Tried,
    ) -> Result<(), String> {
        if self.processes[process].life != life {
            self.count("crash before a settlement");
            return Ok(());
        }
        let jitter = f64::from(u32::try_from(self.post.chance.below(1000)).unwrap()) / 1000.0;
        let settlement = delivery_outcome(delivery, tried, self.now, jitter);
        let wrong = self.post_goes_wrong();
        if wrong && self.post.chance.per_mille(500) {
            self.count("settlement failed");
            return Ok(());
        }
        self.tell(|| format!("{} of {}: {:?}", delivery.sequence, delivery.order, settlement.outcome));
        if self.store.outbox.record_result(&delivery.id, settlement) {
            self.post.leased.remove(&delivery.id);
            self.given_up(delivery, tried)?;
        } else if !self.mistakes.settles_before_it_sends {
            self.count("lease ran out");
        }
        if wrong { Ok(()) } else { self.post(process) }
    }

    /// Nothing is given up before its three days are over, unless the receiver is gone for good; and nothing that somebody
    /// has sent again by hand meanwhile.
    fn given_up(&mut self, delivery: &Delivery, tried: &Tried) -> Result<(), String> {
        let kept = self.store.outbox.kept(&delivery.id).unwrap();
        let retried = self.post.retried.remove(&delivery.id);
        if let Some(at) = retried.filter(|_| kept.state != DeliveryState::Delivered)
            && (kept.next_try, kept.tries) != (Some(at), 0)
        {
            return Err(format!(
                "events: {} was retried by hand, and is not as the retry made it",
                delivery.id
            ));
        }
        if kept.state != DeliveryState::Parked {
            return Ok(());
        }
        let gone = matches!(tried, Ok(ReceiverAnswer { status: 410, .. }));
        self.count(if gone { "event's receiver gone" } else { "event given up" });
        self.post.parked.entry(delivery.id.clone()).or_insert(self.now);
        let span = self.now.since(kept.first_try.unwrap());
        if gone || span >= GIVE_UP {
            return Ok(());
        }
        Err(format!("events: {} was given up after {} ms", delivery.id, span.as_millis()))
    }

    /// Whether there is nothing more to tell. While there is, and nothing else is to happen, the processes look when
    /// something is due.
    pub(super) fn is_told(&mut self) -> bool {
        let pending = self.store.outbox.pending();
        if pending.is_empty() {
            return true;
        }
        let of_post = |event: &Event| match event {
            Event::SignedRequest { .. } | Event::Heard { .. } | Event::Post { .. } => true,
            Event::Call { .. }
            | Event::Arrives(_)
            | Event::Back { .. }
            | Event::Sweep { .. }
            | Event::CartEnds(_)
            | Event::Crash { .. }
            | Event::Elsewhere(_)
            | Event::LateRefund(_)
            | Event::Late(_)
            | Event::Webhook { .. }
            | Event::RetriedByHand
            | Event::PaysOnPage { .. } => false,
        };
        self.settled_at = self.settled_at.or(Some(self.now));
        self.events.retain(|_, event| of_post(event));
        if self.events.is_empty() {
            let ready = pending.iter().filter_map(|event| event.next_try.max(event.leased_until)).min();
            let after = ready.map_or(0, |at| at.since(self.now).as_millis()).max(1000);
            for process in 0..self.processes.len() {
                self.at(Span::millis(after), Event::Post { process });
            }
        }
        false
    }

    /// What must be true of the events once everything is told.
    pub(super) fn broken_by_events(&mut self) -> Result<(), String> {
        let mut sequences = HashMap::new();
        for (order, made) in self.store.outbox.made.clone() {
            for (id, sequence) in made.into_iter().zip(1..) {
                let Some(kept) = self.store.outbox.kept(&id) else {
                    return Err(format!("events: {id} of {order} is lost"));
                };
                if (kept.sequence.0, &kept.order) != (sequence, &order) {
                    return Err(format!("events: {id} is not number {sequence} of {order}"));
                }
                let times = self.post.arrived.iter().filter(|(arrived, _)| *arrived == id).count();
                if times == 0 && !self.post.parked.contains_key(&id) {
                    return Err(format!("events: {id} of {order} is {:?}, and never arrived", kept.state));
                }
                if self.fault == 0 && times != 1 {
                    return Err(format!("events: {id} arrived {times} times, and nothing went wrong"));
                }
                self.count(match times {
                    0 => "event never taken",
                    1 => "event taken",
                    _ => "event taken again",
                });
                sequences.insert(id, (order.clone(), sequence));
            }
        }
        let mut seen: HashMap<OrderId, Vec<u32>> = HashMap::new();
        for (id, at) in &self.post.arrived {
            let Some((order, sequence)) = sequences.get(id) else {
                return Err(format!("events: {id} arrived, and no commit made it"));
            };
            let of_order = seen.entry(order.clone()).or_default();
            for earlier in 1..*sequence {
                let known = &self.store.outbox.made[order][usize::try_from(earlier - 1).unwrap()];
                let skipped = self.post.parked.get(known).is_some_and(|parked| parked <= at);
                if !of_order.contains(&earlier) && !skipped {
                    return Err(format!("events: {sequence} of {order} arrived before {earlier}"));
                }
            }
            of_order.push(*sequence);
        }
        Ok(())
    }
}

fn unanswered(why: &str) -> Tried {
    Err(Unanswered(why.to_owned()))
}
