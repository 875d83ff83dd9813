//! Chooses the fault of a request.
//!
//! Invariant: a random choice depends only on the seed, the request's own identity and its number.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::{Fault, FaultPlan};
use crate::stripe::request_kind::RequestKind;

/// The properties of a request that the choice depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestTraits<'a> {
    /// What it asks for.
    pub(crate) kind: RequestKind,
    /// Identifies it, and is the same when it is repeated.
    pub(crate) identity: &'a str,
    /// Whether it has an idempotency key.
    pub(crate) has_key: bool,
    /// Whether it will be executed: its key, if it has one, is not known yet.
    pub(crate) is_first: bool,
    /// Whether its key already has an answer.
    pub(crate) is_answered: bool,
}

impl RequestTraits<'_> {
    /// Whether this fault could happen to it at Stripe.
    fn allows(&self, fault: Fault) -> bool {
        match fault {
            Fault::KeyInUse => self.has_key && !self.is_answered,
            Fault::ErrorBefore { .. } | Fault::ErrorAfter { .. } => self.is_first,
            Fault::DropBefore
            | Fault::DropAfter
            | Fault::ResetBefore
            | Fault::ResetAfter
            | Fault::DelayBefore { .. }
            | Fault::DelayAfter { .. }
            | Fault::Truncate
            | Fault::SlowDrip { .. }
            | Fault::RateLimited { .. }
            | Fault::LockTimeout
            | Fault::BadGatewayBefore
            | Fault::BadGatewayAfter => true,
        }
    }
}

/// The plan with its progress, and its results.
#[derive(Debug, Default)]
pub(crate) struct FaultChooser {
    plan: FaultPlan,
    seen: BTreeMap<String, u32>,
    hit: BTreeMap<&'static str, u64>,
}

impl FaultChooser {
    /// Begins another plan. Earlier faults remain counted.
    pub(crate) fn follow(&mut self, plan: FaultPlan) {
        self.plan = plan;
        self.seen.clear();
    }

    /// How often each kind of fault has happened.
    pub(crate) const fn hit(&self) -> &BTreeMap<&'static str, u64> {
        &self.hit
    }

    /// How many requests the script still waits for.
    pub(crate) fn scripted_left(&self) -> u32 {
        self.plan.script.iter().map(|line| line.times).sum()
    }

    /// The fault of a request, if any.
    pub(crate) fn choose(&mut self, request: &RequestTraits<'_>) -> Option<Fault> {
        let fault = self.by_script(request).or_else(|| self.by_chance(request))?;
        *self.hit.entry(fault.name()).or_default() += 1;
        Some(fault)
    }

    fn by_script(&mut self, request: &RequestTraits<'_>) -> Option<Fault> {
        let script = &mut self.plan.script;
        let at = script.iter().position(|line| line.requests == request.kind && line.times > 0)?;
        let line = &mut script[at];
        if !request.allows(line.fault) {
            return None;
        }
        line.times -= 1;
        Some(line.fault)
    }

    fn by_chance(&mut self, request: &RequestTraits<'_>) -> Option<Fault> {
        let chance = self.plan.chance.as_ref()?;
        let seen = self.seen.entry(request.identity.to_owned()).or_default();
        let drawn = draw(chance.seed, request.identity, *seen);
        *seen += 1;
        let mut end = 0;
        let odds = chance.odds.iter().filter(|odds| odds.requests == request.kind);
        let drawn = odds.into_iter().find(|odds| {
            end += odds.per_mille;
            drawn < end
        })?;
        Some(drawn.fault).filter(|fault| request.allows(*fault))
    }
}

/// A number below a thousand.
pub(crate) fn draw(seed: u64, identity: &str, number: u32) -> u16 {
    let mut hash = Sha256::new();
    hash.update(seed.to_be_bytes());
    hash.update(number.to_be_bytes());
    hash.update(identity.as_bytes());
    let hash = hash.finalize();
    u16::try_from(u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]) % 1000).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::{Odds, RandomFaults};
    use super::*;

    fn charge(identity: &str) -> RequestTraits<'_> {
        RequestTraits {
            kind: RequestKind::CreateIntent,
            identity,
            has_key: true,
            is_first: true,
            is_answered: false,
        }
    }

    fn at_random(seed: u64, per_mille: u16) -> FaultChooser {
        let odds = vec![Odds { requests: RequestKind::CreateIntent, per_mille, fault: Fault::DropBefore }];
        let mut chooser = FaultChooser::default();
        chooser.follow(FaultPlan { script: Vec::new(), chance: Some(RandomFaults { seed, odds }) });
        chooser
    }

    #[test]
    fn a_requests_faults_do_not_depend_on_other_requests() {
        let (mut one, mut other) = (at_random(5, 300), at_random(5, 300));
        let of_a: Vec<_> = (0..200).map(|_| one.choose(&charge("a"))).collect();
        let mixed: Vec<_> = (0..200)
            .map(|number| {
                other.choose(&charge(&format!("b{number}")));
                other.choose(&charge("a"))
            })
            .collect();
        assert_eq!(of_a, mixed);
        assert!((30..90).contains(&of_a.iter().flatten().count()), "{}", of_a.iter().flatten().count());
        let mut elsewhere = at_random(6, 300);
        assert_ne!(of_a, (0..200).map(|_| elsewhere.choose(&charge("a"))).collect::<Vec<_>>());
    }

    #[test]
    fn a_script_is_consumed_in_order_only_by_requests_it_applies_to() {
        let mut chooser = FaultChooser::default();
        let error = Fault::ErrorBefore { should_retry: None };
        chooser.follow(FaultPlan::none().next(RequestKind::CreateIntent, error, 1).next(
            RequestKind::CreateIntent,
            Fault::Truncate,
            2,
        ));
        let answered = RequestTraits { is_first: false, is_answered: true, ..charge("a") };
        let reading = RequestTraits { kind: RequestKind::ReadIntent, has_key: false, ..charge("r") };
        assert_eq!(chooser.choose(&answered), None, "a key that has its answer is answered with it");
        assert_eq!(chooser.choose(&reading), None);
        assert_eq!(chooser.choose(&charge("b")), Some(error));
        assert_eq!(chooser.scripted_left(), 2);
        assert_eq!(chooser.choose(&answered), Some(Fault::Truncate));
        assert_eq!(chooser.choose(&answered), Some(Fault::Truncate));
        assert_eq!(chooser.choose(&charge("c")), None);
        assert_eq!(chooser.hit().iter().collect::<Vec<_>>(), [(&"error_before", &1), (&"truncate", &2)]);
    }

    #[test]
    fn nobody_is_told_that_a_key_is_in_use_which_has_its_answer() {
        let mut chooser = FaultChooser::default();
        chooser.follow(FaultPlan::none().next(RequestKind::CreateIntent, Fault::KeyInUse, 2));
        assert_eq!(
            chooser.choose(&RequestTraits { is_first: false, is_answered: true, ..charge("a") }),
            None
        );
        assert_eq!(chooser.choose(&RequestTraits { has_key: false, ..charge("a") }), None);
        assert_eq!(chooser.choose(&charge("a")), Some(Fault::KeyInUse));
        assert!(
            chooser.choose(&RequestTraits { is_first: false, ..charge("a") }).is_some(),
            "while it is in use"
        );
    }
}
