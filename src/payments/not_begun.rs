//! Payments that were rejected before any charge: each has one line in the log, and each reason has one entry in the
//! session's timeline.
//!
//! Invariant: a session's timeline is written at most once a minute for each reason, however often a caller tries.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::dependencies::Dependencies;
use super::merchant_state::MerchantState;
use crate::domain::checkout::model::{NotBegun, Rejection, ShopRejection};
use crate::domain::ids::SessionId;
use crate::domain::merchant::{MerchantView, PaymentsOff};
use crate::stripe::{Noted, in_words};

/// The least time between two writes of the timeline for one reason.
const PAUSE: Duration = Duration::from_mins(NotBegun::PAUSE_MINUTES);

/// The result of reading a payment's token; empty if it was not read.
#[derive(Debug, Default)]
pub(crate) struct TokenLookup {
    pub(crate) noted: Noted,
    pub(crate) request_id: Option<String>,
    pub(crate) duration_ms: Option<u64>,
}

pub(crate) struct NotBegunPayment<'a> {
    pub(crate) rejection: &'a Rejection,
    pub(crate) lookup: &'a TokenLookup,
}

/// The reasons already written to one session's timeline.
#[derive(Debug, Default)]
pub(crate) struct NotBegunNotes(BTreeMap<&'static str, Written>);

/// When one reason was last written, and how often it occurred since.
#[derive(Debug)]
struct Written {
    at: Instant,
    since: u32,
}

impl NotBegunNotes {
    /// Logs that a payment was not begun, and adds it to the timeline.
    pub(crate) fn note(
        &mut self,
        (deps, merchant, session): (&Arc<Dependencies>, &MerchantState, &SessionId),
        turned_away: &NotBegunPayment<'_>,
    ) {
        let NotBegunPayment { rejection, lookup: TokenLookup { noted, request_id, duration_ms } } =
            turned_away;
        let reason = rejection.code();
        let Noted { status, code, address, cause: found, .. } = noted;
        let cause = found.clone().or_else(|| known_cause(rejection, &merchant.view.load()));
        let tenant = merchant.tenant.clone();
        tracing::warn!(
            merchant = %tenant.merchant, %session, reason, request_id, duration_ms, status, code, address, cause,
            "payment_not_begun"
        );
        let Some(times) = self.due(reason) else { return };
        let last = deps.clock.now();
        let cause = if found.is_some() { Some(noted.to_string()) } else { cause };
        let note = NotBegun { reason: reason.to_owned(), cause, last, times };
        let (stores, session) = (Arc::clone(deps), session.clone());
        deps.io.start(async move {
            if let Err(error) = stores.store.note_not_begun(&tenant, &session, note).await {
                let merchant = &tenant.merchant;
                tracing::error!(%merchant, %session, cause = in_words(&error), "timeline_not_written");
            }
        });
    }

    /// How many occurrences are to be written now; `None` if the reason was written shortly before.
    fn due(&mut self, reason: &'static str) -> Option<u32> {
        let now = Instant::now();
        match self.0.get_mut(reason) {
            Some(written) if now < written.at + PAUSE => {
                written.since = written.since.saturating_add(1);
                None
            }
            Some(written) => {
                let times = written.since.saturating_add(1);
                *written = Written { at: now, since: 0 };
                Some(times)
            }
            None => {
                self.0.insert(reason, Written { at: now, since: 0 });
                Some(1)
            }
        }
    }
}

/// The cause of a payment's rejection without a call to Stripe.
fn known_cause(rejection: &Rejection, view: &MerchantView) -> Option<String> {
    let off = || view.payments_off.as_ref().map(ToString::to_string);
    let Rejection::Shop(rejection) = rejection else { return None };
    match rejection {
        ShopRejection::AccountUnknown if view.account.is_some() && view.payments_off.is_none() => Some(
            "the checkout is paid into another Stripe account than the one that its key opens".to_owned(),
        ),
        ShopRejection::AccountUnknown => off().or_else(|| Some(PaymentsOff::Unverified.to_string())),
        ShopRejection::PaymentsOff => off().or_else(|| Some(PaymentsOff::KeyRefused.to_string())),
        ShopRejection::Unreconciled { .. } => Some(PaymentsOff::Unreconciled.to_string()),
        ShopRejection::ClockDiffers => Some(PaymentsOff::ClockDiffers.to_string()),
        ShopRejection::Suspended => Some("its file says that it is suspended".to_owned()),
        ShopRejection::TooManyPayments => {
            Some("there were more payments than its limits let through".to_owned())
        }
        ShopRejection::TokenUnread
        | ShopRejection::Busy
        | ShopRejection::NoRoom
        | ShopRejection::NotWritten
        | ShopRejection::Unavailable => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_reason_is_written_once_a_minute_with_how_often_it_came_up() {
        let mut notes = NotBegunNotes::default();
        assert_eq!(notes.due("token_unread"), Some(1));
        for _ in 0..1000 {
            assert_eq!(notes.due("token_unread"), None);
        }
        assert_eq!(notes.due("payments_off"), Some(1), "another reason is lookup at once");
        tokio::time::advance(PAUSE).await;
        assert_eq!(notes.due("token_unread"), Some(1001));
        assert_eq!(notes.due("token_unread"), None);
    }
}
