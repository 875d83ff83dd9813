//! Disputes in the ledger: raised by the shopper's bank, won or lost, read.
//!
//! Invariant: a charge has at most one dispute, and cannot be refunded once it has.

use serde_json::Value;

use super::Ledger;
use crate::stripe::change::ChangeContext;
use crate::stripe::commands::disputes::DisputeCommand;
use crate::stripe::error::StripeError;
use crate::stripe::objects::charge::{Charge, ChargeState};
use crate::stripe::objects::dispute::{Dispute, DisputeStatus};
use crate::stripe::objects::test_cards::Later;

impl Ledger {
    /// Executes a command about disputes.
    pub(crate) fn do_dispute(&self, command: &DisputeCommand) -> Result<Value, StripeError> {
        match command {
            DisputeCommand::Read(id) => {
                let found = self.disputes.iter().find(|dispute| dispute.id == *id);
                found
                    .map(Dispute::to_json)
                    .ok_or_else(|| StripeError::no_such_object("dispute", id, "dispute"))
            }
            DisputeCommand::List(list) => {
                let page = list
                    .page
                    .pick(&self.disputes, |dispute| list.admits(&dispute.intent, &dispute.charge))?;
                Ok(page.to_json("/v1/disputes", Dispute::to_json))
            }
        }
    }

    /// The shopper's bank disputes a payment; returns the dispute, if any money is left.
    pub(crate) fn dispute(&mut self, intent: &str, context: &mut ChangeContext<'_>) -> Option<String> {
        let at = self.intents.iter().position(|known| known.id == intent)?;
        let intact = |charge: &Charge| matches!(charge.state, ChargeState::Succeeded) && !charge.disputed;
        let number = self.intents[at].charges.iter().position(intact)?;
        let intent = &self.intents[at];
        let left = intent.amount - intent.charges[number].refunded;
        if left == 0 {
            return None;
        }
        let dispute = Dispute {
            id: context.id("dp"),
            created: context.now,
            amount: left,
            currency: intent.currency.clone(),
            charge: intent.charges[number].id.clone(),
            intent: intent.id.clone(),
            livemode: intent.livemode,
            status: DisputeStatus::NeedsResponse,
        };
        let (id, shown) = (dispute.id.clone(), dispute.to_json());
        self.charge_mut((at, number)).disputed = true;
        self.disputes.push(dispute);
        self.record_event("charge.dispute.created", shown.clone(), context);
        self.record_event("charge.dispute.funds_withdrawn", shown, context);
        Some(id)
    }

    /// Raises the dispute of a test card.
    pub(super) fn open_card_dispute(&mut self, at: usize, context: &mut ChangeContext<'_>) {
        let intent = &self.intents[at];
        let paid = intent.latest_charge().filter(|charge| matches!(charge.state, ChargeState::Succeeded));
        if paid.is_some_and(|charge| charge.source.instrument.later() == Later::IsDisputed) {
            let id = intent.id.clone();
            self.dispute(&id, context);
        }
    }

    /// Decides an open dispute; returns whether there was one.
    pub(crate) fn close_dispute(&mut self, id: &str, won: bool, context: &mut ChangeContext<'_>) -> bool {
        let open = |dispute: &Dispute| dispute.id == id && dispute.status == DisputeStatus::NeedsResponse;
        let Some(at) = self.disputes.iter().position(open) else { return false };
        self.disputes[at].status = if won { DisputeStatus::Won } else { DisputeStatus::Lost };
        let shown = self.disputes[at].to_json();
        if won {
            self.record_event("charge.dispute.funds_reinstated", shown.clone(), context);
        }
        self.record_event("charge.dispute.closed", shown, context);
        true
    }

    /// All disputes as Stripe shows them, oldest first.
    pub(crate) fn disputes(&self) -> impl Iterator<Item = Value> {
        self.disputes.iter().map(Dispute::to_json)
    }
}
