//! An attempt that an operator has called unpaid although Stripe could not be read.
//!
//! Invariant: it is read until one reading has come to its end, however long that takes; what could still be paid is
//! canceled, and a success that is seen is flagged.

use serde::{Deserialize, Serialize};

use super::aftersales::LONGEST_WATCH;
use super::attempt::{IntentSeen, IntentStatus, Seen};
use super::effect::{CancelCause, Effect};
use super::hint::pause_after;
use super::session::{Charging, Session};
use super::settle::pause;
use super::step::Context;
use crate::domain::ids::{AttemptNumber, PaymentIntentId};
use crate::domain::sends::Sends;
use crate::domain::time::Timestamp;

/// What is still to be read of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unconfirmed {
    /// The attempt.
    pub attempt: AttemptNumber,
    /// Its PaymentIntent, where one was seen; else the payments of the attempt's time are listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<PaymentIntentId>,
    /// Until when its request might have been sent.
    pub repeat_until: Timestamp,
    /// The sends of its request.
    pub sends: Sends,
    /// How often it was read in vain.
    pub tries: u32,
    /// When it is read next.
    pub next_try: Timestamp,
}

impl Unconfirmed {
    /// What is to be read of an attempt that was decided without a reading.
    pub(super) fn of(charging: &Charging, context: &Context<'_>) -> Self {
        Self {
            attempt: charging.attempt,
            intent: charging.intent.clone(),
            repeat_until: charging.repeat_until,
            sends: charging.sends,
            tries: 0,
            next_try: context.moment.now + pause(0, None, context),
        }
    }

    fn again(&mut self, context: &Context<'_>) {
        self.next_try = context.moment.now + pause_after(self.tries, context);
        self.tries = self.tries.saturating_add(1);
    }
}

/// When such an attempt is read next.
pub(super) fn due(session: &Session) -> Option<Timestamp> {
    session.unconfirmed.as_ref().map(|unconfirmed| unconfirmed.next_try)
}

/// What is to be done about it now.
pub(super) fn work(session: &Session, now: Timestamp) -> Option<Effect> {
    // A moment beyond any pause was written before the clock was set back.
    let due = |at: Timestamp| at <= now || at > now + LONGEST_WATCH;
    let unconfirmed = session.unconfirmed.as_ref().filter(|unconfirmed| due(unconfirmed.next_try))?;
    let attempt = unconfirmed.attempt;
    let Some(intent) = unconfirmed.intent.clone() else {
        let made_by = unconfirmed.sends.effective_by(unconfirmed.repeat_until);
        return Some(Effect::Read { attempt, intent: None, made_by });
    };
    Some(Effect::Cancel { attempt, intent, cause: CancelCause::Unconfirmed, tries: unconfirmed.tries })
}

/// Applies what was seen of it; whoever calls this flags a success.
pub(super) fn settle(next: &mut Session, attempt: AttemptNumber, seen: &Seen, context: &Context<'_>) {
    let Some(unconfirmed) = next.unconfirmed.as_mut().filter(|known| known.attempt == attempt) else {
        return;
    };
    let known = match seen {
        Seen::Intent(IntentSeen { status: IntentStatus::Succeeded | IntentStatus::Canceled, .. }) => true,
        Seen::Intent(IntentSeen { id, .. }) => {
            unconfirmed.intent = Some(id.clone());
            false
        }
        Seen::Absent { asked } => unconfirmed.sends.silence_counts(*asked, unconfirmed.repeat_until),
        Seen::Page(_)
        | Seen::Declined { .. }
        | Seen::TokenRefused { .. }
        | Seen::RequestRefused { .. }
        | Seen::RefusedForGood { .. }
        | Seen::IdempotencyConflict
        | Seen::KeyRefused
        | Seen::OtherAccount
        | Seen::Unknown(_)
        | Seen::Unread
        | Seen::Beside { .. } => false,
        Seen::PutOff { after } => {
            unconfirmed.next_try = context.moment.now + *after;
            return;
        }
    };
    if known {
        next.unconfirmed = None;
    } else {
        unconfirmed.again(context);
    }
}
