//! The faults of webhook deliveries, as a seeded plan.
//!
//! Invariant: a random choice depends only on the seed, the account, and the endpoint's and the event's own numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::stripe::faults::draw;

/// How webhooks are delivered. Shares are in a thousand: 1000 means always. Without any, each event is sent at once,
/// in order, to every endpoint that receives it, and again after a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookPlan {
    /// The seed.
    pub seed: u64,
    /// How many are sent twice.
    pub duplicate: u16,
    /// How many are never sent.
    pub drop: u16,
    /// How many are sent after those that wait behind them.
    pub reorder: u16,
    /// How many are sent late.
    pub delay: u16,
    /// The delay in milliseconds.
    pub delay_millis: u32,
    /// How many arrive before the request that caused them is answered.
    pub before_response: u16,
    /// Whether all are held until they are released one by one.
    pub hold: bool,
    /// The pauses after which a failed one is sent again, in milliseconds.
    pub retry_millis: Vec<u32>,
    /// How long an endpoint may take to answer, in milliseconds.
    pub timeout_millis: u32,
}

impl Default for WebhookPlan {
    fn default() -> Self {
        Self {
            seed: 0,
            duplicate: 0,
            drop: 0,
            reorder: 0,
            delay: 0,
            delay_millis: 0,
            before_response: 0,
            hold: false,
            retry_millis: vec![100, 500, 2_000, 10_000],
            timeout_millis: 10_000,
        }
    }
}

/// The random choices for one event's delivery to one endpoint.
#[expect(clippy::struct_excessive_bools, reason = "each is drawn by itself")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) duplicated: bool,
    pub(super) dropped: bool,
    pub(super) goes_behind: bool,
    pub(super) late: bool,
    pub(super) before_response: bool,
}

impl WebhookPlan {
    /// The plan of a bad day: some are delivered twice, late, in another order, before the answer, or never.
    #[must_use]
    pub fn bad_day(seed: u64) -> Self {
        Self {
            seed,
            duplicate: 100,
            drop: 50,
            reorder: 150,
            delay: 150,
            delay_millis: 150,
            before_response: 200,
            ..Self::default()
        }
    }

    /// Draws for the next event of this identity; `seen` counts them.
    pub(super) fn fate(&self, identity: &str, seen: &mut BTreeMap<String, u32>) -> Fate {
        let number = seen.entry(identity.to_owned()).or_default();
        let drawn = |what: &str, share: u16| draw(self.seed, &format!("{identity} {what}"), *number) < share;
        let fate = Fate {
            duplicated: drawn("duplicate", self.duplicate),
            dropped: drawn("drop", self.drop),
            goes_behind: drawn("reorder", self.reorder),
            late: drawn("delay", self.delay),
            before_response: drawn("before_response", self.before_response),
        };
        *number += 1;
        fate
    }
}
