//! That everything which begins ends: once nothing goes wrong any more, only the store's own schedule wakes anything, and it
//! runs out.

use std::collections::HashMap;

use merchant_gateway::domain::ids::SessionId;
use merchant_gateway::domain::time::{Span, Timestamp};

use super::{Process, Simulation};
use crate::simulation::checks::broken_at_the_end;

/// When everything has ended, from the beginning of a history. The last look at an order is made 120 days after its
/// checkout began; a refund's last one 30 days after it was made, and disputes are open for two hours here. A day is left
/// for looks that are made again.
const EVERYTHING_ENDS: Span = Span::hours(121 * 24);

/// The most often that the schedule wakes one session in that time: seven looks in any case, five for each of a few refunds,
/// and those at what is still open.
const MOST_WAKES: u32 = 100;

impl Simulation {
    /// Lets the schedule run out, with new processes that know nothing but what is durable.
    pub(super) fn comes_to_its_end(&mut self) -> Result<(), String> {
        self.events.clear();
        self.waiting.clear();
        for process in &mut self.processes {
            *process = Process { life: process.life + 1, drivers: HashMap::new() };
        }
        let end = self.trouble_ends + EVERYTHING_ENDS;
        let mut wakes: HashMap<SessionId, u32> = HashMap::new();
        self.now = self.now.max(self.silent_until);
        while let Some(next) = self.next_due() {
            if next > end {
                return Err(format!("liveness: something is still to be done at {next}"));
            }
            self.now = self.now.max(next);
            for session in self.due_sessions() {
                let times = wakes.entry(session.clone()).or_default();
                *times += 1;
                if *times > MOST_WAKES {
                    return Err(format!("liveness: {session} is looked at again and again, at {}", self.now));
                }
                self.count("woken by the schedule");
                self.wake(0, &session)?;
            }
            self.post(0)?;
            while let Some(((at, _), event)) = self.events.pop_first() {
                self.now = self.now.max(Timestamp::from_millis(at));
                self.happen(event)?;
            }
        }
        for (session, (_, row, _)) in &self.store.rows {
            if !row.state.is_terminal() || row.activity.refund_attempt().is_some() {
                return Err(format!("liveness: {session} stays {} for ever", row.state.into_str()));
            }
            if row.activity.is_unsettled_since(Timestamp::from_millis(0)) {
                return Err(format!("liveness: nobody looks how it ends: {:?}", row.activity));
            }
        }
        // What was true before is true still; it was counted then.
        let counts = self.counts.clone();
        broken_at_the_end(self)?;
        self.broken_by_events()?;
        self.counts = counts;
        Ok(())
    }

    /// When the schedule wakes something next.
    fn next_due(&self) -> Option<Timestamp> {
        let sessions = self.store.rows.values().filter_map(|(.., due_at)| *due_at);
        let pending = self.store.outbox.pending();
        let events = pending.iter().filter_map(|event| event.next_try.max(event.leased_until));
        sessions.chain(events).min()
    }

    pub(super) fn due_sessions(&self) -> Vec<SessionId> {
        let due = |session: &&SessionId| {
            let row = self.store.rows.get(*session);
            row.is_some_and(|(.., due_at)| due_at.is_some_and(|due_at| due_at <= self.now))
        };
        self.sessions.iter().filter(due).cloned().collect()
    }
}
