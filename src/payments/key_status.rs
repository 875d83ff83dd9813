//! Stripe's reports about a merchant's key during operation: refusals are kept until the key is accepted again.
//!
//! Invariant: a refusal is reported once, when it begins, and ends only by a report of Stripe or by a new
//! verification.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::domain::ids::MerchantId;
use crate::domain::merchant::PaymentsOff;
use crate::stripe::{KeyRefusal, KeyReport, KeyUse};
use crate::telemetry::millis;

/// The reports about a key. Each answer changes the state at the moment of its arrival, whenever the change is passed
/// on: of two answers the later one counts.
#[derive(Debug, Default)]
pub(crate) struct KeyStatus {
    kept: Mutex<PendingReports>,
    come: Notify,
}

#[derive(Debug, Default)]
struct PendingReports {
    /// The number of answers.
    answers: u64,
    refusals: Refusals,
    /// The answers that changed something and were not passed on yet. For each use there is at most one refusal and
    /// one acceptance, so the list has a bound.
    unsent: Vec<KeyReport>,
}

impl KeyStatus {
    /// Records an answer of Stripe.
    pub(crate) fn observe(&self, report: KeyReport) {
        {
            let mut kept = self.kept();
            kept.answers += 1;
            let number = kept.answers;
            let changed = match &report {
                KeyReport::Refused(refusal) => kept.refusals.refused(number, refusal.clone()),
                KeyReport::Taken(usage) => kept.refusals.taken(*usage),
                KeyReport::Limited { .. } => false,
            };
            if !changed {
                return;
            }
            kept.unsent.retain(|older| kind_of(older) != kind_of(&report));
            kept.unsent.push(report);
        }
        self.come.notify_one();
    }

    /// Waits for the oldest answer that changed something.
    pub(crate) async fn next(&self) -> KeyReport {
        loop {
            let oldest = {
                let unsent = &mut self.kept().unsent;
                (!unsent.is_empty()).then(|| unsent.remove(0))
            };
            match oldest {
                Some(report) => return report,
                None => self.come.notified().await,
            }
        }
    }

    /// The number of answers up to now.
    pub(crate) fn reports(&self) -> u64 {
        self.kept().answers
    }

    /// The account was verified with the key when there were `report` answers: the key was valid then, and missing
    /// permissions may have been granted.
    pub(crate) fn verified(&self, reports: u64) {
        self.kept().refusals.verified(reports);
    }

    /// Why no payment can begin; `None` if one can.
    pub(crate) fn off(&self) -> Option<PaymentsOff> {
        self.kept().refusals.off()
    }

    /// Whether a charge was refused, so that payments in progress report when the key is accepted again.
    pub(crate) fn refuses_charges(&self) -> bool {
        self.kept().refusals.of_charges()
    }

    fn kept(&self) -> MutexGuard<'_, PendingReports> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The use, and whether it was refused.
const fn kind_of(report: &KeyReport) -> Option<(KeyUse, bool)> {
    match report {
        KeyReport::Taken(usage) => Some((*usage, false)),
        KeyReport::Refused(KeyRefusal { usage, .. }) => Some((*usage, true)),
        KeyReport::Limited { .. } => None,
    }
}

/// The uses for which a key was refused and not accepted again since, each with the number of the last answer that
/// refused it.
#[derive(Debug, Default)]
struct Refusals(BTreeMap<KeyUse, (u64, KeyRefusal)>);

impl Refusals {
    /// Records a refusal of the key. Returns whether it is new.
    fn refused(&mut self, number: u64, refusal: KeyRefusal) -> bool {
        let same =
            |known: &KeyRefusal| (known.status, &known.permission) == (refusal.status, &refusal.permission);
        if let Some((last, _)) = self.0.get_mut(&refusal.usage).filter(|(_, known)| same(known)) {
            *last = number;
            return false;
        }
        self.0.insert(refusal.usage, (number, refusal));
        true
    }

    /// Records an accepted use. Returns whether that ends a refusal; a key that works for one use is valid.
    fn taken(&mut self, usage: KeyUse) -> bool {
        let before = self.0.len();
        self.0.retain(|refused, (_, refusal)| *refused != usage && refusal.status != 401);
        before != self.0.len()
    }

    fn verified(&mut self, reports: u64) {
        self.0.retain(|_, (number, _)| *number > reports);
    }

    fn off(&self) -> Option<PaymentsOff> {
        let mut refusals = self.0.values().map(|(_, refusal)| refusal);
        if refusals.clone().any(|refusal| refusal.status == 401) {
            return Some(PaymentsOff::KeyRefused);
        }
        let lacking = refusals.find(|refusal| refusal.usage.is_of_payments())?;
        Some(PaymentsOff::NotPermitted { permission: lacking.permission.clone() })
    }

    fn of_charges(&self) -> bool {
        self.0.contains_key(&KeyUse::Charges)
    }
}

/// Logs the refusal, the next try of the key, and the action to take.
pub(crate) fn log_refusal(merchant: &MerchantId, refusal: &KeyRefusal, next_try: Option<Duration>) {
    let next_try_ms = next_try.map(millis);
    let KeyRefusal { usage, status, request_id, code, permission } = refusal;
    let usage = usage.as_str();
    if *status == 401 {
        let remedy = "give the merchant a good key; one in a file is read by itself, one in the environment needs a restart";
        tracing::error!(%merchant, status, request_id, code, usage, next_try_ms, remedy, "stripe_key_refused");
    } else {
        let remedy = "grant the key this permission in Stripe's dashboard";
        tracing::error!(
            %merchant, status, request_id, code, permission, usage, next_try_ms, remedy, "stripe_permission_missing"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(usage: KeyUse, status: u16) -> KeyRefusal {
        let permission = (status == 403).then(|| format!("rak_{usage:?}"));
        KeyRefusal { usage, status, request_id: None, code: None, permission }
    }

    fn refused(usage: KeyUse, status: u16) -> KeyReport {
        KeyReport::Refused(refusal(usage, status))
    }

    #[test]
    fn a_missing_permission_stops_payments_only_if_they_need_it() {
        let mut refusals = Refusals::default();
        assert!(refusals.refused(1, refusal(KeyUse::Refunds, 403)) && refusals.off().is_none());
        assert!(refusals.refused(2, refusal(KeyUse::Tokens, 403)));
        assert!(!refusals.refused(3, refusal(KeyUse::Tokens, 403)), "it is told once");
        let lacking = PaymentsOff::NotPermitted { permission: Some("rak_Tokens".to_owned()) };
        assert_eq!(refusals.off(), Some(lacking));
        assert!(!refusals.taken(KeyUse::Readings) && refusals.off().is_some());
        assert!(refusals.taken(KeyUse::Tokens) && refusals.off().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn key_reports_stay_few_and_each_change_is_reported_once() {
        let kept = KeyStatus::default();
        for _ in 0..10_000 {
            kept.observe(refused(KeyUse::Tokens, 401));
            kept.observe(KeyReport::Taken(KeyUse::Readings));
            kept.observe(KeyReport::Taken(KeyUse::Tokens));
        }
        assert_eq!(kept.next().await, refused(KeyUse::Tokens, 401));
        assert_eq!(kept.next().await, KeyReport::Taken(KeyUse::Readings));
        let silence = tokio::time::timeout(std::time::Duration::from_mins(1), kept.next()).await;
        assert!(silence.is_err(), "what changes nothing is not told");
    }

    #[test]
    fn the_latest_answer_decides_the_key_status_before_any_report() {
        let kept = KeyStatus::default();
        kept.observe(refused(KeyUse::Tokens, 401));
        kept.observe(KeyReport::Taken(KeyUse::Tokens));
        assert_eq!(kept.off(), None);
        kept.observe(KeyReport::Taken(KeyUse::Tokens));
        kept.observe(refused(KeyUse::Tokens, 401));
        assert_eq!(kept.off(), Some(PaymentsOff::KeyRefused));
    }

    #[test]
    fn a_verification_clears_only_the_refusals_from_before_it() {
        let kept = KeyStatus::default();
        kept.observe(refused(KeyUse::Charges, 403));
        let verified = kept.reports();
        kept.observe(refused(KeyUse::Tokens, 401));
        kept.verified(verified);
        assert!(!kept.refuses_charges());
        assert_eq!(kept.off(), Some(PaymentsOff::KeyRefused));
        kept.observe(refused(KeyUse::Tokens, 401));
        kept.verified(verified + 1);
        assert!(kept.off().is_some(), "it was refused again since");
        kept.verified(kept.reports());
        assert_eq!(kept.off(), None);
    }

    #[test]
    fn a_refused_key_is_good_again_when_it_is_taken_for_anything() {
        let mut refusals = Refusals::default();
        assert!(refusals.refused(1, refusal(KeyUse::Readings, 401)));
        assert_eq!(refusals.off(), Some(PaymentsOff::KeyRefused));
        assert!(refusals.taken(KeyUse::Tokens) && refusals.off().is_none());
    }
}
