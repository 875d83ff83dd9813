//! The events of the ledger.
//!
//! Invariant: every change of state for which Stripe has an event is recorded once, in order.

use serde_json::Value;

use super::Ledger;
use crate::stripe::change::ChangeContext;
use crate::stripe::commands::events::EventCommand;
use crate::stripe::error::StripeError;
use crate::stripe::objects::event::{Event, matches};
use crate::stripe::objects::payment_intent::Status;

/// How long an event can be read, in seconds.
const KEPT: i64 = 30 * 24 * 60 * 60;

impl Ledger {
    /// Records an event.
    pub(super) fn record_event(
        &mut self,
        kind: &'static str,
        object: Value,
        context: &mut ChangeContext<'_>,
    ) {
        self.events.push(Event {
            id: context.id("evt"),
            created: context.now,
            kind,
            pending: 0,
            object,
            livemode: self.mode.livemode(),
            cause: context.cause.clone(),
        });
    }

    /// Records the events of a payment after an attempt to pay it, and of the charge if there was one.
    pub(super) fn record_attempt_events(
        &mut self,
        at: usize,
        was_charged: bool,
        context: &mut ChangeContext<'_>,
    ) {
        let intent = &self.intents[at];
        let charge = intent.latest_charge().filter(|_| was_charged).map(|charge| intent.show_charge(charge));
        let shown = intent.to_json(false);
        let (of_charge, of_intent) = match intent.status {
            Status::Succeeded => ("charge.succeeded", "payment_intent.succeeded"),
            Status::Processing => ("charge.pending", "payment_intent.processing"),
            Status::RequiresAction => ("", "payment_intent.requires_action"),
            Status::RequiresPaymentMethod => ("charge.failed", "payment_intent.payment_failed"),
            Status::RequiresConfirmation | Status::Canceled => return,
        };
        if let Some(charge) = charge {
            self.record_event(of_charge, charge, context);
        }
        self.record_event(of_intent, shown, context);
        self.open_card_dispute(at, context);
    }

    /// The events since the last call.
    pub(crate) fn take_new_events(&mut self) -> &mut [Event] {
        let from = std::mem::replace(&mut self.events_taken, self.events.len());
        self.events.get_mut(from..).unwrap_or_default()
    }

    /// A webhook endpoint has confirmed an event.
    pub(crate) fn confirm(&mut self, event: &str) {
        if let Some(event) = self.events.iter_mut().rev().find(|known| known.id == event) {
            event.pending = event.pending.saturating_sub(1);
        }
    }

    /// Executes a command about events.
    pub(crate) fn do_event(&self, command: &EventCommand, now: i64) -> Result<Value, StripeError> {
        let is_kept = |event: &Event| event.created > now - KEPT;
        match command {
            EventCommand::Read(id) => {
                let found = self.events.iter().find(|event| event.id == *id && is_kept(event));
                found.map(Event::to_json).ok_or_else(|| StripeError::no_such_object("event", id, "id"))
            }
            EventCommand::List(page, kinds) => {
                let asked = |event: &Event| {
                    let matches_it = |pattern: &String| matches(pattern, event.kind);
                    kinds.as_ref().is_none_or(|kinds| kinds.iter().any(matches_it))
                };
                let page = page.pick(&self.events, |event| is_kept(event) && asked(event))?;
                Ok(page.to_json("/v1/events", Event::to_json))
            }
        }
    }
}
