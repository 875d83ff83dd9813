//! The books of one account in one mode: its tokens and its payments, and what may happen to them.
//!
//! Must not import HTTP, idempotency or other accounts. Invariant: an amount counts as captured on its token exactly
//! when its intent has `succeeded`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::accounts::Mode;
use super::currencies;
use super::error::StripeError;
use super::granted_token::{Grant, GrantedToken, TOKEN_PARAM};
use super::ids::IdSource;
use super::payment_intent::{Charge, ChargeState, PaymentIntent, Source, Status};
use super::requests::{IntentList, NewIntent};
use super::test_cards::{AUTHENTICATION_REQUIRED, Decline, Outcome, TestCard};

/// What a payment that was still processing is refused with when it is told to fail.
const LATE_REFUSAL: Decline =
    Decline { code: "card_declined", decline_code: "generic_decline", message: "Your card was declined." };

/// Tokens and payments, the payments oldest first.
#[derive(Debug)]
pub(super) struct Books {
    mode: Mode,
    tokens: BTreeMap<String, GrantedToken>,
    intents: Vec<PaymentIntent>,
}

impl Books {
    /// Empty books.
    pub(super) fn new(mode: Mode) -> Self {
        Self { mode, tokens: BTreeMap::new(), intents: Vec::new() }
    }

    /// All payments, oldest first.
    pub(super) fn intents(&self) -> &[PaymentIntent] {
        &self.intents
    }

    /// Whether a token is in these books.
    pub(super) fn has_token(&self, id: &str) -> bool {
        self.tokens.contains_key(id)
    }

    /// The card that the shopper shared with a token.
    pub(super) fn card_of(&self, token: &str) -> Option<TestCard> {
        self.tokens.get(token).map(GrantedToken::card)
    }

    /// The token that paid an intent.
    pub(super) fn token_of(intent: &PaymentIntent) -> Option<&str> {
        intent.source.as_ref().map(|source| source.token.as_str())
    }

    /// An agent grants a token to the seller.
    pub(super) fn mint(&mut self, grant: Grant, ids: &mut IdSource, now: i64) -> (String, Value) {
        let id = ids.next("spt");
        let token = GrantedToken::new(id.clone(), self.mode.livemode(), grant, now);
        let shown = token.to_json(now);
        self.tokens.insert(id.clone(), token);
        (id, shown)
    }

    /// A token as the seller sees it.
    pub(super) fn read_token(&self, id: &str, now: i64) -> Result<Value, StripeError> {
        self.tokens.get(id).map(|token| token.to_json(now)).ok_or_else(|| no_such_token(id))
    }

    /// The agent takes a token back.
    pub(super) fn revoke_token(&mut self, id: &str, now: i64) -> Result<Value, StripeError> {
        let token = self.tokens.get_mut(id).ok_or_else(|| no_such_token(id))?;
        token.revoke(now)?;
        Ok(token.to_json(now))
    }

    /// Makes a payment and, when it is to be confirmed, pays it.
    pub(super) fn create(
        &mut self,
        request: &NewIntent,
        ids: &mut IdSource,
        now: i64,
    ) -> Result<Value, StripeError> {
        currencies::check_amount(request.amount, &request.currency)?;
        let source = match &request.token {
            Some(id) => Some(self.source(id, request, ids, now)?),
            None => None,
        };
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
        if confirmed.as_ref().is_some_and(|source| source.card.outcome == Outcome::Fails) {
            return Err(StripeError::unknown());
        }
        let status =
            if source.is_some() { Status::RequiresConfirmation } else { Status::RequiresPaymentMethod };
        let mut intent = PaymentIntent {
            id: ids.next("pi"),
            livemode: self.mode.livemode(),
            created: now,
            amount: request.amount,
            currency: request.currency.clone(),
            status,
            source,
            particulars: request.particulars.clone(),
            charge: None,
            last_payment_error: None,
            canceled: None,
        };
        let paid = match confirmed {
            Some(source) => self.pay(&mut intent, &source, request.error_on_requires_action, ids, now),
            None => Ok(()),
        };
        let answer = paid.map(|()| intent.to_json(request.expand_charge));
        self.intents.push(intent);
        answer
    }

    /// Finds the token of a payment and checks that it covers it.
    fn source(
        &self,
        id: &str,
        request: &NewIntent,
        ids: &mut IdSource,
        now: i64,
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
        token.check_payment(request.amount, &request.currency, now)?;
        Ok(Source { payment_method: ids.next("pm"), token: id.to_owned(), card: token.card() })
    }

    fn pay(
        &mut self,
        intent: &mut PaymentIntent,
        source: &Source,
        error_on_requires_action: bool,
        ids: &mut IdSource,
        now: i64,
    ) -> Result<(), StripeError> {
        let mut charge = |state| Charge { id: ids.next("ch"), created: now, state };
        match source.card.outcome {
            Outcome::Succeeds => {
                intent.status = Status::Succeeded;
                intent.charge = Some(charge(ChargeState::Succeeded));
                self.with_token(source, |token| {
                    token.reserve(intent.amount);
                    token.capture(intent.amount, now);
                });
                Ok(())
            }
            Outcome::Processes => {
                intent.status = Status::Processing;
                intent.charge = Some(charge(ChargeState::Pending));
                self.with_token(source, |token| token.reserve(intent.amount));
                Ok(())
            }
            Outcome::Declines(decline) => {
                let failed = charge(ChargeState::Failed(decline));
                Err(intent.refuse(decline, Some(failed)))
            }
            Outcome::NeedsAuthentication if error_on_requires_action => {
                Err(intent.refuse(AUTHENTICATION_REQUIRED, None))
            }
            Outcome::NeedsAuthentication => {
                intent.status = Status::RequiresAction;
                Ok(())
            }
            // Answered before an intent exists.
            Outcome::Fails => Ok(()),
        }
    }

    /// Decides a payment that was processing; whether there was one.
    pub(super) fn settle(&mut self, id: &str, succeeds: bool, now: i64) -> bool {
        let processing = |intent: &&mut PaymentIntent| intent.id == id && intent.status == Status::Processing;
        let Some(intent) = self.intents.iter_mut().find(processing) else { return false };
        let (amount, source) = (intent.amount, intent.source.clone());
        if succeeds {
            intent.status = Status::Succeeded;
            if let Some(charge) = &mut intent.charge {
                charge.state = ChargeState::Succeeded;
            }
        } else {
            let failed = intent
                .charge
                .take()
                .map(|charge| Charge { state: ChargeState::Failed(LATE_REFUSAL), ..charge });
            // Nobody waits for this refusal: it is read from the intent.
            drop(intent.refuse(LATE_REFUSAL, failed));
        }
        if let Some(source) = source {
            self.with_token(&source, |token| {
                if succeeds { token.capture(amount, now) } else { token.release(amount) }
            });
        }
        true
    }

    /// One payment.
    pub(super) fn read(&self, id: &str, expand_charge: bool) -> Result<Value, StripeError> {
        let intent = self.intents.iter().find(|intent| intent.id == id);
        intent.map(|intent| intent.to_json(expand_charge)).ok_or_else(|| no_such_intent(id))
    }

    /// Gives a payment up.
    pub(super) fn cancel(
        &mut self,
        id: &str,
        reason: Option<&str>,
        expand_charge: bool,
        now: i64,
    ) -> Result<Value, StripeError> {
        let intent =
            self.intents.iter_mut().find(|intent| intent.id == id).ok_or_else(|| no_such_intent(id))?;
        match intent.status {
            Status::RequiresPaymentMethod | Status::RequiresConfirmation | Status::RequiresAction => {
                intent.status = Status::Canceled;
                intent.canceled = Some((now, reason.map(str::to_owned)));
                Ok(intent.to_json(expand_charge))
            }
            Status::Processing | Status::Canceled | Status::Succeeded => Err(StripeError::invalid_request(
                format!(
                    "You cannot cancel this PaymentIntent because it has a status of {}. Only a PaymentIntent \
                     with one of the following statuses may be canceled: requires_payment_method, \
                     requires_capture, requires_confirmation, requires_action.",
                    intent.status.name()
                ),
            )
            .with_code("payment_intent_unexpected_state")
            .with_object("payment_intent", intent.to_json(false))),
        }
    }

    /// A page of payments, newest first.
    pub(super) fn list(&self, list: &IntentList) -> Result<Value, StripeError> {
        let position = |id: &String, param: &str| {
            self.intents.iter().position(|intent| intent.id == *id).ok_or_else(|| {
                StripeError::invalid_request(format!("No such payment_intent: '{id}'"))
                    .with_code("resource_missing")
                    .with_param(param)
            })
        };
        let after = list.starting_after.as_ref().map(|id| position(id, "starting_after")).transpose()?;
        let before = list.ending_before.as_ref().map(|id| position(id, "ending_before")).transpose()?;
        let older_than = after.unwrap_or(self.intents.len());
        let newer_than = before.map_or(0, |position| position + 1);
        let within =
            |intent: &&PaymentIntent| (list.created_from..=list.created_to).contains(&intent.created);
        // Only one of the two cursors can be given, so the range is never inverted.
        let candidates = self.intents.get(newer_than..older_than).unwrap_or_default().iter().filter(within);
        let mut page: Vec<&PaymentIntent> = if before.is_some() {
            let mut nearest: Vec<_> = candidates.take(list.limit + 1).collect();
            nearest.reverse();
            nearest
        } else {
            candidates.rev().take(list.limit + 1).collect()
        };
        let has_more = page.len() > list.limit;
        if has_more && before.is_some() {
            page.remove(0);
        }
        page.truncate(list.limit);
        let data: Vec<Value> = page.into_iter().map(|intent| intent.to_json(list.expand_charge)).collect();
        Ok(json!({"object": "list", "data": data, "has_more": has_more, "url": "/v1/payment_intents"}))
    }

    fn with_token(&mut self, source: &Source, change: impl FnOnce(&mut GrantedToken)) {
        if let Some(token) = self.tokens.get_mut(&source.token) {
            change(token);
        }
    }
}

fn no_such_token(id: &str) -> StripeError {
    StripeError::no_such_object("shared_payment_granted_token", id, "id")
}

fn no_such_intent(id: &str) -> StripeError {
    StripeError::no_such_object("payment_intent", id, "intent")
}
