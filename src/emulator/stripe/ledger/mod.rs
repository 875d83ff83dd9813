//! The ledger of one account in one mode: its objects, and their changes.
//!
//! Must not import HTTP, idempotency or other accounts. Tokens are here; each other kind of object has a file of its
//! own.

mod disputes;
mod journal;
mod payments;
mod refunds;
mod sessions;

pub(crate) use sessions::PageOutcome;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::stripe::change::ChangeContext;
use crate::stripe::error::StripeError;
use crate::stripe::objects::accounts::Mode;
use crate::stripe::objects::checkout_session::CheckoutSession;
use crate::stripe::objects::dispute::Dispute;
use crate::stripe::objects::event::Event;
use crate::stripe::objects::granted_token::{Grant, GrantedToken};
use crate::stripe::objects::payment_intent::PaymentIntent;
use crate::stripe::objects::refund::Refund;
use crate::stripe::objects::test_cards::TestCard;

/// Tokens, and everything else oldest first.
#[derive(Debug)]
pub(crate) struct Ledger {
    mode: Mode,
    tokens: BTreeMap<String, GrantedToken>,
    intents: Vec<PaymentIntent>,
    sessions: Vec<CheckoutSession>,
    refunds: Vec<Refund>,
    disputes: Vec<Dispute>,
    events: Vec<Event>,
    events_taken: usize,
}

impl Ledger {
    /// An empty ledger.
    pub(crate) fn new(mode: Mode) -> Self {
        Self {
            mode,
            tokens: BTreeMap::new(),
            intents: Vec::new(),
            sessions: Vec::new(),
            refunds: Vec::new(),
            disputes: Vec::new(),
            events: Vec::new(),
            events_taken: 0,
        }
    }

    /// Whether a token is in this ledger.
    pub(crate) fn has_token(&self, id: &str) -> bool {
        self.tokens.contains_key(id)
    }

    /// The card that the shopper shared with a token.
    pub(crate) fn card_of(&self, token: &str) -> Option<TestCard> {
        self.tokens.get(token).map(GrantedToken::card)
    }

    /// An agent grants a token to the seller.
    pub(crate) fn mint(&mut self, grant: Grant, context: &mut ChangeContext<'_>) -> (String, Value) {
        let id = context.id("spt");
        let token = GrantedToken::new(id.clone(), self.mode.livemode(), grant, context.now);
        let shown = token.to_json(context.now);
        self.tokens.insert(id.clone(), token);
        (id, shown)
    }

    /// A token, as the seller reads it.
    pub(crate) fn read_token(&self, id: &str, now: i64) -> Result<Value, StripeError> {
        self.tokens.get(id).map(|token| token.to_json(now)).ok_or_else(|| no_such_token(id))
    }

    /// The agent revokes a token.
    pub(crate) fn revoke_token(&mut self, id: &str, now: i64) -> Result<Value, StripeError> {
        let token = self.tokens.get_mut(id).ok_or_else(|| no_such_token(id))?;
        token.revoke(now)?;
        Ok(token.to_json(now))
    }
}

fn no_such_token(id: &str) -> StripeError {
    StripeError::no_such_object("shared_payment_granted_token", id, "id")
}
