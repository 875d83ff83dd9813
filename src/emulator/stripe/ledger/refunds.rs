//! Refunds in the ledger: created, decided, read.
//!
//! Invariant: the refunds of a charge, without failed ones, never exceed the charge.

use serde_json::Value;

use super::Ledger;
use crate::stripe::change::ChangeContext;
use crate::stripe::commands::refunds::{NewRefund, RefundCommand, Refunded};
use crate::stripe::error::StripeError;
use crate::stripe::objects::amounts::major_units;
use crate::stripe::objects::charge::{Charge, ChargeState};
use crate::stripe::objects::refund::{Refund, RefundStatus};
use crate::stripe::objects::test_cards::Later;

/// The place of a charge: its intent's index, and its own among the intent's.
type Place = (usize, usize);

impl Ledger {
    /// Executes a command about refunds.
    pub(crate) fn do_refund(
        &mut self,
        command: RefundCommand,
        context: &mut ChangeContext<'_>,
    ) -> Result<Value, StripeError> {
        match command {
            RefundCommand::Create(request) => self.refund(request, context),
            RefundCommand::Read(id) => {
                let found = self.refunds.iter().find(|refund| refund.id == id);
                found.map(Refund::to_json).ok_or_else(|| StripeError::no_such_object("refund", &id, "id"))
            }
            RefundCommand::List(list) => {
                let page =
                    list.page.pick(&self.refunds, |refund| list.admits(&refund.intent, &refund.charge))?;
                Ok(page.to_json("/v1/refunds", Refund::to_json))
            }
        }
    }

    /// One charge.
    pub(crate) fn read_charge(&self, id: &str) -> Result<Value, StripeError> {
        let place = self.place_of_charge(id);
        place
            .map(|place| self.show_charge(place))
            .ok_or_else(|| StripeError::no_such_object("charge", id, "charge"))
    }

    /// All refunds as Stripe shows them, oldest first.
    pub(crate) fn refunds(&self) -> impl Iterator<Item = Value> {
        self.refunds.iter().map(Refund::to_json)
    }

    fn refund(&mut self, request: NewRefund, context: &mut ChangeContext<'_>) -> Result<Value, StripeError> {
        let place = self.refundable(&request.of)?;
        let (intent, charge) = (&self.intents[place.0], &self.intents[place.0].charges[place.1]);
        if charge.disputed {
            return Err(StripeError::invalid_request(format!(
                "Charge {} has been charged back; cannot issue a refund.",
                charge.id
            ))
            .with_code("charge_disputed"));
        }
        let left = intent.amount - charge.refunded;
        if left == 0 {
            return Err(StripeError::invalid_request(format!(
                "Charge {} has already been refunded.",
                charge.id
            ))
            .with_code("charge_already_refunded"));
        }
        let amount = request.amount.unwrap_or(left);
        if amount > left {
            let words = |amount| format!("{} {}", major_units(amount, &intent.currency), intent.currency);
            return Err(StripeError::invalid_request(format!(
                "Refund amount ({}) is greater than unrefunded amount on charge ({})",
                words(amount),
                words(left)
            ))
            .with_param("amount"));
        }
        let pends = charge.source.instrument.later() == Later::RefundPends;
        let refund = Refund {
            id: context.id("re"),
            created: context.now,
            amount,
            currency: intent.currency.clone(),
            charge: charge.id.clone(),
            intent: intent.id.clone(),
            reason: request.reason,
            metadata: request.metadata,
            status: if pends { RefundStatus::Pending } else { RefundStatus::Succeeded },
            payment_source: charge.source.instrument,
        };
        self.charge_mut(place).refunded += amount;
        let shown = refund.to_json();
        self.refunds.push(refund);
        self.record_event("refund.created", shown.clone(), context);
        self.record_event("charge.refunded", self.show_charge(place), context);
        Ok(shown)
    }

    /// Decides a refund: a pending one succeeds or fails, and one that succeeded may still fail. Returns whether it
    /// could be.
    pub(crate) fn finish_refund(
        &mut self,
        id: &str,
        succeeds: bool,
        context: &mut ChangeContext<'_>,
    ) -> bool {
        let Some(at) = self.refunds.iter().position(|refund| refund.id == id) else { return false };
        let refund = &mut self.refunds[at];
        match (refund.status, succeeds) {
            (RefundStatus::Pending, true) => refund.status = RefundStatus::Succeeded,
            (RefundStatus::Pending | RefundStatus::Succeeded, false) => refund.status = RefundStatus::Failed,
            (RefundStatus::Succeeded, true) | (RefundStatus::Failed, _) => return false,
        }
        if !succeeds {
            let (charge, amount) = (refund.charge.clone(), refund.amount);
            if let Some(place) = self.place_of_charge(&charge) {
                self.charge_mut(place).refunded -= amount;
            }
        }
        let shown = self.refunds[at].to_json();
        self.record_event("refund.updated", shown.clone(), context);
        if !succeeds {
            self.record_event("refund.failed", shown, context);
        }
        true
    }

    /// The charge that can be refunded.
    fn refundable(&self, of: &Refunded) -> Result<Place, StripeError> {
        let missing = |kind: &str, id: &str, param: &str| {
            StripeError::invalid_request(format!("No such {kind}: '{id}'"))
                .with_code("resource_missing")
                .with_param(param)
        };
        let succeeded = |charge: &Charge| matches!(charge.state, ChargeState::Succeeded);
        match of {
            Refunded::Charge(id) => {
                let place = self.place_of_charge(id).ok_or_else(|| missing("charge", id, "charge"))?;
                if succeeded(&self.intents[place.0].charges[place.1]) {
                    return Ok(place);
                }
                Err(StripeError::invalid_request(format!(
                    "Charge {id} is not refundable because it has not succeeded."
                ))
                .with_code("charge_not_refundable"))
            }
            Refunded::Intent(id) => {
                let at = self.intents.iter().position(|intent| intent.id == *id);
                let at = at.ok_or_else(|| missing("payment_intent", id, "payment_intent"))?;
                let charge = self.intents[at].charges.iter().position(succeeded);
                charge.map(|charge| (at, charge)).ok_or_else(|| {
                    StripeError::invalid_request(format!(
                        "This PaymentIntent ({id}) does not have a successful charge to refund."
                    ))
                    .with_param("payment_intent")
                })
            }
        }
    }

    pub(super) fn place_of_charge(&self, id: &str) -> Option<Place> {
        self.intents.iter().enumerate().find_map(|(at, intent)| {
            let charge = intent.charges.iter().position(|charge| charge.id == id)?;
            Some((at, charge))
        })
    }

    pub(super) fn charge_mut(&mut self, (intent, charge): Place) -> &mut Charge {
        &mut self.intents[intent].charges[charge]
    }

    pub(super) fn show_charge(&self, (intent, charge): Place) -> Value {
        let intent = &self.intents[intent];
        intent.show_charge(&intent.charges[charge])
    }
}
