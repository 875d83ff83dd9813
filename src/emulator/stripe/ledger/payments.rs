//! Payments in the ledger: created, decided, canceled, listed.
//!
//! Invariant: an amount counts as captured on its token exactly when its intent has `succeeded`.

use serde_json::Value;

use super::Ledger;
use crate::stripe::change::ChangeContext;
use crate::stripe::commands::intents::{IntentList, NewIntent};
use crate::stripe::error::StripeError;
use crate::stripe::objects::amounts;
use crate::stripe::objects::granted_token::{GrantedToken, TOKEN_PARAM};
use crate::stripe::objects::payment_intent::{PaymentIntent, Status};
use crate::stripe::objects::payment_source::{PaymentSource, Source};
use crate::stripe::objects::test_cards::CardOutcome;

impl Ledger {
    /// All payments, oldest first.
    pub(crate) fn intents(&self) -> &[PaymentIntent] {
        &self.intents
    }

    /// The token that paid an intent.
    pub(crate) fn token_of(intent: &PaymentIntent) -> Option<&str> {
        intent.source.as_ref().and_then(|source| source.token.as_deref())
    }

    /// Creates a payment and, if it is to be confirmed, pays it.
    pub(crate) fn create(
        &mut self,
        request: &NewIntent,
        context: &mut ChangeContext<'_>,
    ) -> Result<Value, StripeError> {
        amounts::check_amount(request.amount, &request.currency)?;
        let source = request.token.as_ref().map(|id| self.source(id, request, context)).transpose()?;
        let confirmed = match (&source, request.confirm) {
            (Some(source), true) => Some(source.clone()),
            (None, true) => {
                return Err(StripeError::invalid_request(
                    "You cannot confirm this PaymentIntent because it's missing a payment method. Use a shared \
                     payment granted token.",
                )
                .with_code("payment_intent_unexpected_state"));
            }
            (_, false) => None,
        };
        if confirmed.as_ref().is_some_and(|source| source.instrument.outcome() == CardOutcome::Fails) {
            return Err(StripeError::unknown());
        }
        let mut intent = self.new_intent(request.amount, &request.currency, context);
        intent.particulars = request.particulars.clone();
        if source.is_some() {
            intent.status = Status::RequiresConfirmation;
            intent.source = source;
        }
        self.record_event("payment_intent.created", intent.to_json(false), context);
        let paid = match &confirmed {
            Some(source) => intent.attempt(source, !request.error_on_requires_action, context),
            None => Ok(()),
        };
        self.with_token_of(&intent, |token| match intent.status {
            Status::Succeeded => {
                token.reserve(intent.amount);
                token.capture(intent.amount, context.now);
            }
            Status::Processing => token.reserve(intent.amount),
            Status::RequiresPaymentMethod
            | Status::RequiresConfirmation
            | Status::RequiresAction
            | Status::Canceled => {}
        });
        let answer = paid.map(|()| intent.to_json(request.expand_charge));
        let was_charged = !intent.charges.is_empty();
        self.intents.push(intent);
        if confirmed.is_some() {
            self.record_attempt_events(self.intents.len() - 1, was_charged, context);
        }
        answer
    }

    /// A new payment of this ledger.
    pub(super) fn new_intent(
        &self,
        amount: i64,
        currency: &str,
        context: &mut ChangeContext<'_>,
    ) -> PaymentIntent {
        PaymentIntent::new(context.id("pi"), self.mode.livemode(), context.now, amount, currency.to_owned())
    }

    /// Finds the token of a payment and checks that it covers it.
    fn source(
        &self,
        id: &str,
        request: &NewIntent,
        context: &mut ChangeContext<'_>,
    ) -> Result<Source, StripeError> {
        let token = self.tokens.get(id).ok_or_else(|| {
            StripeError::invalid_request(format!("No such shared_payment_granted_token: '{id}'"))
                .with_code("resource_missing")
                .with_param(TOKEN_PARAM)
        })?;
        let allowed = request.particulars.allowed_payment_method_types.as_ref();
        if allowed.is_some_and(|types| !types.iter().any(|name| name == "card")) {
            return Err(StripeError::invalid_request(
                "The shared payment granted token's payment method is not among the allowed payment method types.",
            )
            .with_code("payment_intent_incompatible_payment_method")
            .with_param(TOKEN_PARAM));
        }
        token.check_payment(request.amount, &request.currency, context.now)?;
        let payment_source = PaymentSource::Card(token.card());
        Ok(Source {
            payment_method: context.id("pm"),
            token: Some(id.to_owned()),
            instrument: payment_source,
        })
    }

    /// Decides a payment that was processing; returns whether there was one.
    pub(crate) fn finish_processing(
        &mut self,
        id: &str,
        succeeds: bool,
        context: &mut ChangeContext<'_>,
    ) -> bool {
        let processing = |intent: &PaymentIntent| intent.id == id && intent.status == Status::Processing;
        let Some(at) = self.intents.iter().position(processing) else { return false };
        self.intents[at].finish_processing(succeeds);
        let intent = self.intents[at].clone();
        self.with_token_of(&intent, |token| {
            if succeeds { token.capture(intent.amount, context.now) } else { token.release(intent.amount) }
        });
        self.record_attempt_events(at, true, context);
        self.finish_session_of(&intent, context);
        true
    }

    /// One payment.
    pub(crate) fn read(&self, id: &str, expand_charge: bool) -> Result<Value, StripeError> {
        let intent = self.intent(id).ok_or_else(|| no_such_intent(id))?;
        Ok(intent.to_json(expand_charge))
    }

    /// The payment of this id.
    pub(crate) fn intent(&self, id: &str) -> Option<&PaymentIntent> {
        self.intents.iter().find(|intent| intent.id == id)
    }

    /// Cancels a payment.
    pub(crate) fn cancel(
        &mut self,
        id: &str,
        reason: Option<&str>,
        expand_charge: bool,
        context: &mut ChangeContext<'_>,
    ) -> Result<Value, StripeError> {
        let of_session = self.session_of_payment(id).is_some();
        let intent =
            self.intents.iter_mut().find(|intent| intent.id == id).ok_or_else(|| no_such_intent(id))?;
        let refuse = |intent: &PaymentIntent, message: String| {
            Err(StripeError::invalid_request(message)
                .with_code("payment_intent_unexpected_state")
                .with_object("payment_intent", intent.to_json(false)))
        };
        match intent.status {
            Status::RequiresPaymentMethod | Status::RequiresConfirmation | Status::RequiresAction
                if of_session =>
            {
                let message = "You cannot cancel this PaymentIntent because it was created by a Checkout Session. \
                               Expire the Checkout Session instead.";
                refuse(intent, message.to_owned())
            }
            Status::RequiresPaymentMethod | Status::RequiresConfirmation | Status::RequiresAction => {
                intent.cancel(context.now, reason);
                let (answer, shown) = (intent.to_json(expand_charge), intent.to_json(false));
                self.record_event("payment_intent.canceled", shown, context);
                Ok(answer)
            }
            Status::Processing | Status::Canceled | Status::Succeeded => {
                let message = format!(
                    "You cannot cancel this PaymentIntent because it has a status of {}. Only a PaymentIntent \
                     with one of the following statuses may be canceled: requires_payment_method, \
                     requires_capture, requires_confirmation, requires_action.",
                    intent.status.name()
                );
                refuse(intent, message)
            }
        }
    }

    /// A page of payments, newest first.
    pub(crate) fn list(&self, list: &IntentList) -> Result<Value, StripeError> {
        let page = list.page.pick(&self.intents, |_| true)?;
        Ok(page.to_json("/v1/payment_intents", |intent| intent.to_json(list.expand_charge)))
    }

    fn with_token_of(&mut self, intent: &PaymentIntent, change: impl FnOnce(&mut GrantedToken)) {
        if let Some(token) = Self::token_of(intent).and_then(|token| self.tokens.get_mut(token)) {
            change(token);
        }
    }
}

fn no_such_intent(id: &str) -> StripeError {
    StripeError::no_such_object("payment_intent", id, "intent")
}
