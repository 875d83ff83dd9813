//! PaymentIntents: their states, their transitions, and their JSON.
//!
//! Must not import tokens or the HTTP server. Invariant: `amount_received` is the whole amount when the status is
//! `succeeded`, and zero otherwise.

use serde_json::{Map, Value, json};

use super::charge::{Charge, ChargeState, ChargedPayment};
use super::nulls::with_nulls;
use super::particulars::Particulars;
use super::payment_source::{PaymentSource, Source};
use super::test_cards::{AUTHENTICATION_REQUIRED, CardOutcome, Decline};
use crate::stripe::change::ChangeContext;
use crate::stripe::error::StripeError;
use crate::stripe::params::paging::Listed;

/// The fields of an intent that are always `null` here.
const INTENT_NEVER_SET: &[&str] = &[
    "application",
    "application_fee_amount",
    "customer",
    "customer_account",
    "excluded_payment_method_types",
    "on_behalf_of",
    "payment_method_configuration_details",
    "review",
    "setup_future_usage",
    "source",
    "statement_descriptor",
    "transfer_data",
    "transfer_group",
];

/// The refusal of a payment that was processing and is made to fail.
const LATE_REFUSAL: Decline =
    Decline { code: "card_declined", decline_code: "generic_decline", message: "Your card was declined." };

/// The message for a shopper who failed to authenticate.
const NOT_AUTHENTICATED: &str = "We are unable to authenticate your payment method. Please choose a different payment method and try again.";

/// Stripe's `status`, as far as it is emulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// It has no payment source, or the last attempt failed.
    RequiresPaymentMethod,
    /// It has a token, and was not confirmed.
    RequiresConfirmation,
    /// The shopper must authenticate.
    RequiresAction,
    /// The outcome comes later.
    Processing,
    /// It was canceled.
    Canceled,
    /// The money moved.
    Succeeded,
}

impl Status {
    /// The name on the wire.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::RequiresPaymentMethod => "requires_payment_method",
            Self::RequiresConfirmation => "requires_confirmation",
            Self::RequiresAction => "requires_action",
            Self::Processing => "processing",
            Self::Canceled => "canceled",
            Self::Succeeded => "succeeded",
        }
    }
}

/// A payment.
#[derive(Clone, Debug)]
pub(crate) struct PaymentIntent {
    /// `pi_…`.
    pub(crate) id: String,
    /// The mode that it was made in.
    pub(crate) livemode: bool,
    /// When it was made.
    pub(crate) created: i64,
    /// Minor units.
    pub(crate) amount: i64,
    /// Lower case.
    pub(crate) currency: String,
    /// Its status.
    pub(crate) status: Status,
    /// Its payment source.
    pub(crate) source: Option<Source>,
    /// The seller's other data about it.
    pub(crate) particulars: Particulars,
    /// All attempts to pay, oldest first.
    pub(crate) charges: Vec<Charge>,
    /// Why the latest attempt failed.
    pub(crate) last_payment_error: Option<Map<String, Value>>,
    /// When and why it was canceled.
    pub(crate) canceled: Option<(i64, Option<String>)>,
}

impl PaymentIntent {
    /// A new payment.
    pub(crate) fn new(id: String, livemode: bool, created: i64, amount: i64, currency: String) -> Self {
        Self {
            id,
            livemode,
            created,
            amount,
            currency,
            status: Status::RequiresPaymentMethod,
            source: None,
            particulars: Particulars::default(),
            charges: Vec::new(),
            last_payment_error: None,
            canceled: None,
        }
    }

    /// The amount that the seller received.
    pub(crate) const fn amount_received(&self) -> i64 {
        match self.status {
            Status::Succeeded => self.amount,
            Status::RequiresPaymentMethod
            | Status::RequiresConfirmation
            | Status::RequiresAction
            | Status::Processing
            | Status::Canceled => 0,
        }
    }

    /// The latest attempt to pay.
    pub(crate) fn latest_charge(&self) -> Option<&Charge> {
        self.charges.last()
    }

    /// Attempts to pay with its source. `may_ask` says whether a shopper is there to authenticate.
    pub(crate) fn attempt(
        &mut self,
        source: &Source,
        may_ask: bool,
        context: &mut ChangeContext<'_>,
    ) -> Result<(), StripeError> {
        self.source = Some(source.clone());
        self.last_payment_error = None;
        match source.instrument.outcome() {
            CardOutcome::Succeeds => {
                self.charge(source, ChargeState::Succeeded, context);
                self.status = Status::Succeeded;
                Ok(())
            }
            CardOutcome::Processes => {
                self.charge(source, ChargeState::Pending, context);
                self.status = Status::Processing;
                Ok(())
            }
            CardOutcome::Declines(decline) => {
                self.charge(source, ChargeState::Failed(decline), context);
                Err(self.refuse(decline, true))
            }
            CardOutcome::NeedsAuthentication if may_ask => {
                self.status = Status::RequiresAction;
                Ok(())
            }
            CardOutcome::NeedsAuthentication => Err(self.refuse(AUTHENTICATION_REQUIRED, false)),
            CardOutcome::Fails => Err(StripeError::unknown()),
        }
    }

    /// The shopper authenticates, or fails to.
    pub(crate) fn authenticate(&mut self, succeeds: bool, context: &mut ChangeContext<'_>) {
        if let Some(source) = self.source.clone().filter(|_| succeeds) {
            self.charge(&source, ChargeState::Succeeded, context);
            self.status = Status::Succeeded;
            return;
        }
        let mut error = StripeError::invalid_request(NOT_AUTHENTICATED)
            .with_code("payment_intent_authentication_failure");
        if let Some(source) = &self.source {
            error = error.with_object("payment_method", source.to_json(self.created, self.livemode));
        }
        self.last_payment_error = Some(error.fields());
        self.status = Status::RequiresPaymentMethod;
    }

    /// Cancels the payment.
    pub(crate) fn cancel(&mut self, now: i64, reason: Option<&str>) {
        self.status = Status::Canceled;
        self.canceled = Some((now, reason.map(str::to_owned)));
    }

    /// The refusal of the latest attempt, in words.
    pub(crate) fn refusal(&self) -> Option<&str> {
        self.last_payment_error.as_ref()?.get("message")?.as_str()
    }

    /// Decides a payment that was processing.
    pub(crate) fn finish_processing(&mut self, succeeds: bool) {
        let state = if succeeds { ChargeState::Succeeded } else { ChargeState::Failed(LATE_REFUSAL) };
        if let Some(charge) = self.charges.last_mut() {
            charge.state = state;
        }
        if succeeds {
            self.status = Status::Succeeded;
        } else {
            // No caller waits for this refusal: it is read from the intent.
            drop(self.refuse(LATE_REFUSAL, true));
        }
    }

    fn charge(&mut self, source: &Source, state: ChargeState, context: &mut ChangeContext<'_>) {
        let (id, source) = (context.id("ch"), source.clone());
        let charge = Charge { id, created: context.now, source, state, refunded: 0, disputed: false };
        self.charges.push(charge);
    }

    /// Records a refusal of the issuer, and returns it as Stripe's 402.
    fn refuse(&mut self, decline: Decline, was_charged: bool) -> StripeError {
        let mut error = StripeError::card(decline.code, decline.decline_code, decline.message);
        if let Some(charge) = self.charges.last().filter(|_| was_charged) {
            error = error.with_object("charge", charge.id.as_str().into());
        }
        if let Some(source) = &self.source {
            error = error.with_object("payment_method", source.to_json(self.created, self.livemode));
        }
        self.status = Status::RequiresPaymentMethod;
        self.last_payment_error = Some(error.fields());
        error.with_object("payment_intent", self.to_json(false))
    }

    /// One of its charges as Stripe shows it.
    pub(crate) fn show_charge(&self, charge: &Charge) -> Value {
        charge.to_json(&ChargedPayment {
            intent: &self.id,
            amount: self.amount,
            currency: &self.currency,
            livemode: self.livemode,
            particulars: &self.particulars,
        })
    }

    /// The object as Stripe shows it, with the charge expanded if requested.
    pub(crate) fn to_json(&self, expand_charge: bool) -> Value {
        let particulars = &self.particulars;
        let latest_charge = self.latest_charge().map(|charge| {
            if expand_charge { self.show_charge(charge) } else { Value::from(charge.id.as_str()) }
        });
        let mut method_types = vec!["card"];
        if let Some(Source { instrument: PaymentSource::BankDebit(kind), .. }) = &self.source {
            method_types.push(kind);
        }
        let payment_method = match self.status {
            Status::RequiresPaymentMethod => None,
            Status::RequiresConfirmation
            | Status::RequiresAction
            | Status::Processing
            | Status::Canceled
            | Status::Succeeded => self.source.as_ref().map(|source| &source.payment_method),
        };
        let next_action = (self.status == Status::RequiresAction).then(|| {
            json!({
                "type": "use_stripe_sdk",
                "use_stripe_sdk": {"type": "three_d_secure_redirect", "source": format!("src_{}", self.id)},
            })
        });
        let by_card =
            self.source.as_ref().is_some_and(|source| matches!(source.instrument, PaymentSource::Card(_)));
        let processing = (by_card && self.status == Status::Processing)
            .then(|| json!({"card": {"customer_notification": null}, "type": "card"}));
        let canceled = self.canceled.as_ref();
        let said = json!({
            "id": self.id,
            "object": "payment_intent",
            "allowed_payment_method_types": particulars.allowed_payment_method_types,
            "amount": self.amount,
            "amount_capturable": 0,
            "amount_details": {"tip": {}},
            "amount_received": self.amount_received(),
            "automatic_payment_methods": particulars.automatic_payment_methods,
            "canceled_at": canceled.map(|(at, _)| at),
            "cancellation_reason": canceled.and_then(|(_, reason)| reason.as_ref()),
            "capture_method": "automatic",
            "client_secret": format!("{}_secret_{}", self.id, self.id.chars().rev().take(16).collect::<String>()),
            "confirmation_method": "automatic",
            "created": self.created,
            "currency": self.currency,
            "description": particulars.description,
            "last_payment_error": self.last_payment_error,
            "latest_charge": latest_charge,
            "livemode": self.livemode,
            "metadata": particulars.metadata,
            "next_action": next_action,
            "payment_method": payment_method,
            "payment_method_options": {
                "card": {"installments": null, "network": null, "request_three_d_secure": "automatic"},
            },
            "payment_method_types": method_types,
            "processing": processing,
            "receipt_email": particulars.receipt_email,
            "shipping": particulars.shipping,
            "statement_descriptor_suffix": particulars.statement_descriptor_suffix,
            "status": self.status.name(),
        });
        with_nulls(said, INTENT_NEVER_SET)
    }
}

impl Listed for PaymentIntent {
    const KIND: &'static str = "payment_intent";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}
