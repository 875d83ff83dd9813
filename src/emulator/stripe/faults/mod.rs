//! Faults between a seller and Stripe, as a plan: the next requests of a kind by script, any request at random.
//!
//! Must not import the state or the HTTP server. Invariant: a fault never breaks Stripe's promises. The answer to an
//! executed request is stored under its idempotency key, errors included; for a request that was rejected (409, 429)
//! or never arrived nothing is stored; a key that has its answer gets that answer.

mod chooser;

pub(crate) use chooser::{FaultChooser, RequestTraits, draw};

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::stripe::error::StripeError;
use crate::stripe::hold::HoldPoint;
use crate::stripe::request_kind::RequestKind;

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The connection is closed before the request arrives.
    DropBefore,
    /// The request is carried out, and the connection closed without an answer.
    DropAfter,
    /// The connection is reset before the request arrives.
    ResetBefore,
    /// The request is carried out, and the connection reset instead of an answer.
    ResetAfter,
    /// The request is carried out late. Its key is in use meanwhile.
    DelayBefore {
        /// How late, in milliseconds.
        millis: u32,
    },
    /// The request is carried out, and answered late. Its key is in use meanwhile.
    DelayAfter {
        /// How late, in milliseconds.
        millis: u32,
    },
    /// The answer breaks off in the middle of its body.
    Truncate,
    /// The answer's body comes piece by piece.
    SlowDrip {
        /// How long all of it takes, in milliseconds.
        millis: u32,
    },
    /// 409 `idempotency_key_in_use`. Only a request whose key has no answer yet can meet it.
    KeyInUse,
    /// 429 `rate_limit`.
    RateLimited {
        /// `Stripe-Should-Retry`, if it is sent.
        #[serde(default)]
        should_retry: Option<bool>,
        /// `Retry-After` in seconds, if it is sent.
        #[serde(default)]
        retry_after: Option<u32>,
    },
    /// 429 `lock_timeout`, with `Stripe-Should-Retry: true`.
    LockTimeout,
    /// 500 instead of the effect, for ever under this key. Only a request that is carried out can meet it.
    ErrorBefore {
        /// `Stripe-Should-Retry`, if it is sent.
        #[serde(default)]
        should_retry: Option<bool>,
    },
    /// The request is carried out, and answered with 500, for ever under this key.
    ErrorAfter {
        /// `Stripe-Should-Retry`, if it is sent.
        #[serde(default)]
        should_retry: Option<bool>,
    },
    /// A page of HTML with status 502 from a machine before Stripe, which the request does not get past.
    BadGatewayBefore,
    /// The request is carried out, and its answer replaced by a page of HTML with status 502.
    BadGatewayAfter,
}

/// Every kind of fault, by name.
pub const FAULT_NAMES: [&str; 15] = [
    "drop_before",
    "drop_after",
    "reset_before",
    "reset_after",
    "delay_before",
    "delay_after",
    "truncate",
    "slow_drip",
    "key_in_use",
    "rate_limited",
    "lock_timeout",
    "error_before",
    "error_after",
    "bad_gateway_before",
    "bad_gateway_after",
];

impl Fault {
    /// What it is counted as: the same word as in a plan's JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DropBefore => "drop_before",
            Self::DropAfter => "drop_after",
            Self::ResetBefore => "reset_before",
            Self::ResetAfter => "reset_after",
            Self::DelayBefore { .. } => "delay_before",
            Self::DelayAfter { .. } => "delay_after",
            Self::Truncate => "truncate",
            Self::SlowDrip { .. } => "slow_drip",
            Self::KeyInUse => "key_in_use",
            Self::RateLimited { .. } => "rate_limited",
            Self::LockTimeout => "lock_timeout",
            Self::ErrorBefore { .. } => "error_before",
            Self::ErrorAfter { .. } => "error_after",
            Self::BadGatewayBefore => "bad_gateway_before",
            Self::BadGatewayAfter => "bad_gateway_after",
        }
    }

    /// How long it keeps a request waiting at this point.
    pub(crate) fn delay(self, at: HoldPoint) -> Option<Duration> {
        match (self, at) {
            (Self::DelayBefore { millis }, HoldPoint::BeforeEffect)
            | (Self::DelayAfter { millis }, HoldPoint::AfterEffect) => {
                Some(Duration::from_millis(millis.into()))
            }
            _ => None,
        }
    }

    /// Whether the request never gets to Stripe.
    pub(crate) const fn keeps_it_from_arriving(self) -> bool {
        matches!(self, Self::DropBefore | Self::ResetBefore | Self::BadGatewayBefore)
    }

    /// What Stripe answers without a look at the request itself.
    pub(crate) fn turns_away(self, key: Option<&str>) -> Option<StripeError> {
        match self {
            Self::KeyInUse => Some(StripeError::key_in_use(key.unwrap_or_default())),
            Self::RateLimited { .. } => Some(StripeError::rate_limited()),
            Self::LockTimeout => Some(StripeError::lock_timeout()),
            Self::DropBefore
            | Self::DropAfter
            | Self::ResetBefore
            | Self::ResetAfter
            | Self::DelayBefore { .. }
            | Self::DelayAfter { .. }
            | Self::Truncate
            | Self::SlowDrip { .. }
            | Self::ErrorBefore { .. }
            | Self::ErrorAfter { .. }
            | Self::BadGatewayBefore
            | Self::BadGatewayAfter => None,
        }
    }

    /// Whether Stripe fails at this point of carrying it out.
    pub(crate) fn fails(self, at: HoldPoint) -> bool {
        match at {
            HoldPoint::BeforeEffect => matches!(self, Self::ErrorBefore { .. }),
            HoldPoint::AfterEffect => matches!(self, Self::ErrorAfter { .. }),
        }
    }

    /// What Stripe says of trying again.
    pub(crate) const fn advice(self) -> Advice {
        match self {
            Self::RateLimited { should_retry, retry_after } => Advice { should_retry, retry_after },
            Self::LockTimeout => Advice { should_retry: Some(true), retry_after: None },
            Self::ErrorBefore { should_retry } | Self::ErrorAfter { should_retry } => {
                Advice { should_retry, retry_after: None }
            }
            Self::DropBefore
            | Self::DropAfter
            | Self::ResetBefore
            | Self::ResetAfter
            | Self::DelayBefore { .. }
            | Self::DelayAfter { .. }
            | Self::Truncate
            | Self::SlowDrip { .. }
            | Self::KeyInUse
            | Self::BadGatewayBefore
            | Self::BadGatewayAfter => Advice { should_retry: None, retry_after: None },
        }
    }

    /// What becomes of the answer on its way.
    pub(crate) fn transmission(self) -> Transmission {
        match self {
            Self::DropBefore | Self::DropAfter => Transmission::Lost { reset: false },
            Self::ResetBefore | Self::ResetAfter => Transmission::Lost { reset: true },
            Self::Truncate => Transmission::CutShort,
            Self::SlowDrip { millis } => Transmission::Dripping(Duration::from_millis(millis.into())),
            Self::BadGatewayBefore | Self::BadGatewayAfter => Transmission::ReplacedByHtml,
            Self::DelayBefore { .. }
            | Self::DelayAfter { .. }
            | Self::KeyInUse
            | Self::RateLimited { .. }
            | Self::LockTimeout
            | Self::ErrorBefore { .. }
            | Self::ErrorAfter { .. } => Transmission::Whole,
        }
    }
}

/// What an answer says of trying again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Advice {
    /// `Stripe-Should-Retry`.
    pub(crate) should_retry: Option<bool>,
    /// `Retry-After`, in seconds.
    pub(crate) retry_after: Option<u32>,
}

/// What becomes of an answer on its way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transmission {
    /// It arrives.
    Whole,
    /// The connection is closed, or reset, instead.
    Lost {
        /// Whether by RST instead of FIN.
        reset: bool,
    },
    /// Half of its body arrives.
    CutShort,
    /// Its body takes this long.
    Dripping(Duration),
    /// A page of HTML with status 502 arrives in its place.
    ReplacedByHtml,
}

/// What will go wrong. A request is first held against the script, line by line, then left to chance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultPlan {
    /// What befalls the next requests of a kind.
    #[serde(default)]
    pub script: Vec<Scripted>,
    /// What may befall any request.
    #[serde(default)]
    pub chance: Option<RandomFaults>,
}

/// A line of a script. Lines for the same kind of request are used up one after another; a request that cannot meet a
/// line's fault, such as a 500 under a key that has its answer, leaves the line for the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scripted {
    /// Which requests.
    pub requests: RequestKind,
    /// How many of them.
    #[serde(default = "once")]
    pub times: u32,
    /// What happens to them.
    #[serde(flatten)]
    pub fault: Fault,
}

const fn once() -> u32 {
    1
}

/// Faults by chance. What happens to a request follows from the seed, from its account and idempotency key (or address,
/// where it has no key) and from how often these came before: not from what other requests do meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomFaults {
    /// Where chance comes from.
    pub seed: u64,
    /// What may happen; at most one of these to a request.
    pub odds: Vec<Odds>,
}

/// How likely a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Odds {
    /// For which requests.
    pub requests: RequestKind,
    /// In how many of a thousand.
    pub per_mille: u16,
    /// What.
    #[serde(flatten)]
    pub fault: Fault,
}

impl FaultPlan {
    /// A plan by which nothing goes wrong.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds a line to the script.
    #[must_use]
    pub fn next(mut self, requests: RequestKind, fault: Fault, times: u32) -> Self {
        self.script.push(Scripted { requests, times, fault });
        self
    }

    /// A bad day: about a quarter of the requests that change something and a tenth of the readings go wrong, in every
    /// way that is over within seconds. A 500 without an effect befalls readings only: under the key of a charge it is
    /// replayed for ever, and that nothing was charged is known only when the key's time is over.
    #[must_use]
    pub fn bad_day(seed: u64) -> Self {
        let retry = |should_retry, retry_after| Fault::RateLimited { should_retry, retry_after };
        let for_changes = [
            (30, Fault::DropBefore),
            (30, Fault::DropAfter),
            (15, Fault::ResetBefore),
            (15, Fault::ResetAfter),
            (20, Fault::DelayBefore { millis: 300 }),
            (20, Fault::DelayAfter { millis: 300 }),
            (20, Fault::Truncate),
            (15, Fault::SlowDrip { millis: 300 }),
            (20, Fault::KeyInUse),
            (10, retry(None, None)),
            (10, retry(Some(true), Some(1))),
            (15, Fault::LockTimeout),
            (8, Fault::ErrorAfter { should_retry: None }),
            (7, Fault::ErrorAfter { should_retry: Some(false) }),
            (10, Fault::BadGatewayBefore),
            (10, Fault::BadGatewayAfter),
        ];
        let readings = [
            (12, Fault::DropBefore),
            (8, Fault::DropAfter),
            (6, Fault::ResetBefore),
            (6, Fault::ResetAfter),
            (20, Fault::DelayBefore { millis: 150 }),
            (8, Fault::Truncate),
            (8, Fault::SlowDrip { millis: 150 }),
            (12, retry(None, None)),
            (12, Fault::ErrorBefore { should_retry: None }),
            (8, Fault::BadGatewayBefore),
        ];
        let read = [
            RequestKind::ReadAccount,
            RequestKind::ReadToken,
            RequestKind::ReadIntent,
            RequestKind::ListIntents,
            RequestKind::ReadSession,
            RequestKind::ListSessions,
            RequestKind::ListSessionLines,
            RequestKind::ReadRefund,
            RequestKind::ListRefunds,
            RequestKind::ReadCharge,
            RequestKind::ReadDispute,
            RequestKind::ListDisputes,
            RequestKind::ReadEvent,
            RequestKind::ListEvents,
        ];
        let changing = [
            RequestKind::CreateIntent,
            RequestKind::CancelIntent,
            RequestKind::CreateSession,
            RequestKind::ExpireSession,
            RequestKind::CreateRefund,
        ];
        let odds = |requests: &[RequestKind], faults: &[(u16, Fault)]| -> Vec<Odds> {
            let of = |requests: &RequestKind| {
                let requests = *requests;
                faults.iter().map(move |(per_mille, fault)| Odds {
                    requests,
                    per_mille: *per_mille,
                    fault: *fault,
                })
            };
            requests.iter().flat_map(of).collect()
        };
        let odds = [odds(&changing, &for_changes), odds(&read, &readings)].concat();
        Self { script: Vec::new(), chance: Some(RandomFaults { seed, odds }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_reads_as_it_is_written() {
        let plan = FaultPlan::bad_day(7).next(RequestKind::CreateIntent, Fault::DelayAfter { millis: 5 }, 2);
        let json = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<FaultPlan>(&json).unwrap(), plan);
        let line: Scripted =
            serde_json::from_str(r#"{"requests":"read_token","fault":"rate_limited"}"#).unwrap();
        let fault = Fault::RateLimited { should_retry: None, retry_after: None };
        assert_eq!(line, Scripted { requests: RequestKind::ReadToken, times: 1, fault });
        assert!(serde_json::from_str::<FaultPlan>(r#"{"scripts":[]}"#).is_err());
    }

    #[test]
    fn a_bad_day_has_every_kind_of_fault_and_mostly_lets_charges_pass() {
        let RandomFaults { odds, .. } = FaultPlan::bad_day(1).chance.unwrap();
        for name in FAULT_NAMES {
            assert!(odds.iter().any(|odds| odds.fault.name() == name), "{name}");
        }
        let charges = odds.iter().filter(|odds| odds.requests == RequestKind::CreateIntent);
        let share: u16 = charges.map(|odds| odds.per_mille).sum();
        assert!((200..=300).contains(&share), "{share}");
    }
}
