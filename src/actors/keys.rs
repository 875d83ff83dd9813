//! What Stripe says of a merchant's key while payments go on: refusals are kept until the key is taken again.
//!
//! Invariant: a refusal is told once, when it comes up, and taken back only by Stripe's own word or by a new verification.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::domain::ids::MerchantId;
use crate::domain::merchant::PaymentsOff;
use crate::stripe::{KeyNews, KeyRefusal, KeyUse};
use crate::telemetry::millis;

/// What was heard of a key and not told yet. Of each use only the newest word is kept, so that however much is heard, it has a
/// bound.
#[derive(Debug, Default)]
pub(super) struct KeyBox {
    words: Mutex<Vec<KeyNews>>,
    come: Notify,
}

impl KeyBox {
    /// Keeps a word, in place of an older one of the same use.
    pub(super) fn put(&self, heard: KeyNews) {
        {
            let mut words = self.words();
            words.retain(|older| usage_of(older) != usage_of(&heard));
            words.push(heard);
        }
        self.come.notify_one();
    }

    /// Waits for the oldest word.
    pub(super) async fn next(&self) -> KeyNews {
        loop {
            let oldest = {
                let mut words = self.words();
                (!words.is_empty()).then(|| words.remove(0))
            };
            match oldest {
                Some(heard) => return heard,
                None => self.come.notified().await,
            }
        }
    }

    fn words(&self) -> MutexGuard<'_, Vec<KeyNews>> {
        self.words.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const fn usage_of(heard: &KeyNews) -> Option<KeyUse> {
    match heard {
        KeyNews::Taken(usage) | KeyNews::Refused(KeyRefusal { usage, .. }) => Some(*usage),
        KeyNews::Limited { .. } => None,
    }
}

/// What a key was refused for and not taken again since.
#[derive(Debug, Default)]
pub(super) struct Refusals(BTreeMap<KeyUse, KeyRefusal>);

impl Refusals {
    /// Stripe refused the key. Whether that is news.
    pub(super) fn refused(&mut self, refusal: KeyRefusal) -> bool {
        let same =
            |known: &KeyRefusal| (known.status, &known.permission) == (refusal.status, &refusal.permission);
        if self.0.get(&refusal.usage).is_some_and(same) {
            return false;
        }
        self.0.insert(refusal.usage, refusal);
        true
    }

    /// Stripe did what was asked. Whether that takes a refusal back; a key that is good for one use is no bad key.
    pub(super) fn taken(&mut self, usage: KeyUse) -> bool {
        let before = self.0.len();
        self.0.retain(|refused, refusal| *refused != usage && refusal.status != 401);
        before != self.0.len()
    }

    /// The account was verified with the key: it is good, and what it lacked may have been granted.
    pub(super) fn verified(&mut self) {
        self.0.clear();
    }

    /// Whether nothing is refused.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Why no payment can be begun; `None` where one can.
    pub(super) fn off(&self) -> Option<PaymentsOff> {
        if self.0.values().any(|refusal| refusal.status == 401) {
            return Some(PaymentsOff::KeyRefused);
        }
        let lacking = self.0.values().find(|refusal| refusal.usage.is_of_payments())?;
        Some(PaymentsOff::NotPermitted { permission: lacking.permission.clone() })
    }

    /// Whether a charge was refused, so that payments that are under way tell when it is taken again.
    pub(super) fn of_charges(&self) -> bool {
        self.0.contains_key(&KeyUse::Charges)
    }
}

/// Says what is refused, when the key is tried next, and what to do.
pub(super) fn log_refusal(merchant: &MerchantId, refusal: &KeyRefusal, next_try: Option<Duration>) {
    let next_try_ms = next_try.map(millis);
    let KeyRefusal { usage, status, request_id, code, permission } = refusal;
    let usage = usage.as_str();
    if *status == 401 {
        let remedy = "give the merchant a key that is good, and restart";
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

    #[test]
    fn a_missing_permission_turns_payments_off_only_where_payments_need_it() {
        let mut refusals = Refusals::default();
        assert!(refusals.refused(refusal(KeyUse::Refunds, 403)) && refusals.off().is_none());
        assert!(refusals.refused(refusal(KeyUse::Tokens, 403)));
        assert!(!refusals.refused(refusal(KeyUse::Tokens, 403)), "it is told once");
        let lacking = PaymentsOff::NotPermitted { permission: Some("rak_Tokens".to_owned()) };
        assert_eq!(refusals.off(), Some(lacking));
        assert!(!refusals.taken(KeyUse::Readings) && refusals.off().is_some());
        assert!(refusals.taken(KeyUse::Tokens) && refusals.off().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn of_what_is_heard_of_a_key_only_the_newest_word_of_each_use_waits() {
        let kept = KeyBox::default();
        for _ in 0..10_000 {
            kept.put(KeyNews::Refused(refusal(KeyUse::Tokens, 401)));
            kept.put(KeyNews::Taken(KeyUse::Readings));
            kept.put(KeyNews::Taken(KeyUse::Tokens));
        }
        assert_eq!(kept.words().len(), 2);
        assert_eq!(kept.next().await, KeyNews::Taken(KeyUse::Readings));
        assert_eq!(kept.next().await, KeyNews::Taken(KeyUse::Tokens));
        let silence = tokio::time::timeout(std::time::Duration::from_mins(1), kept.next()).await;
        assert!(silence.is_err(), "nothing is told twice");
    }

    #[test]
    fn a_refused_key_is_good_again_when_it_is_taken_for_anything() {
        let mut refusals = Refusals::default();
        assert!(refusals.refused(refusal(KeyUse::Readings, 401)));
        assert_eq!(refusals.off(), Some(PaymentsOff::KeyRefused));
        assert!(refusals.taken(KeyUse::Tokens) && refusals.off().is_none());
    }
}
