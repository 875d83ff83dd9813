//! How often Stripe is asked about one session.

use std::collections::HashMap;

use merchant_gateway::domain::ids::SessionId;
use merchant_gateway::domain::time::{Span, Timestamp};

/// The most requests about one session in an hour, however much goes wrong.
const MOST_IN_AN_HOUR: u32 = 400;

/// The requests of each session in each hour.
#[derive(Default)]
pub struct Pace {
    asked: HashMap<(SessionId, i64), u32>,
}

impl Pace {
    /// A request about a session leaves; `Err` when there are too many.
    pub fn asks(&mut self, session: &SessionId, now: Timestamp) -> Result<(), String> {
        let hour = now.as_millis() / Span::hours(1).as_millis();
        let asked = self.asked.entry((session.clone(), hour)).or_default();
        *asked += 1;
        if *asked > MOST_IN_AN_HOUR {
            return Err(format!("pace: {asked} requests about {session} in one hour"));
        }
        Ok(())
    }
}
