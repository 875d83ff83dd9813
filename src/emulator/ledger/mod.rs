//! The books of one account in one mode: what it was granted and paid, and what may happen to that.
//!
//! Must not import HTTP, idempotency or other accounts. Tokens stand here; what else is done stands in a room per idea.

mod disputes;
mod journal;
mod payments;
mod refunds;
mod sessions;

pub(super) use sessions::PageOutcome;

use std::collections::BTreeMap;

use serde_json::Value;

use super::accounts::Mode;
use super::checkout_session::CheckoutSession;
use super::dispute::Dispute;
use super::error::StripeError;
use super::event::Event;
use super::granted_token::{Grant, GrantedToken};
use super::payment_intent::PaymentIntent;
use super::refund::Refund;
use super::test_cards::TestCard;
use super::turn::Turn;

/// Tokens, and everything else oldest first.
#[derive(Debug)]
pub(super) struct Ledger {
    mode: Mode,
    tokens: BTreeMap<String, GrantedToken>,
    intents: Vec<PaymentIntent>,
    sessions: Vec<CheckoutSession>,
    refunds: Vec<Refund>,
    disputes: Vec<Dispute>,
    events: Vec<Event>,
    told: usize,
}

impl Ledger {
    /// Empty books.
    pub(super) fn new(mode: Mode) -> Self {
        Self {
            mode,
            tokens: BTreeMap::new(),
            intents: Vec::new(),
            sessions: Vec::new(),
            refunds: Vec::new(),
            disputes: Vec::new(),
            events: Vec::new(),
            told: 0,
        }
    }

    /// Whether a token is in these books.
    pub(super) fn has_token(&self, id: &str) -> bool {
        self.tokens.contains_key(id)
    }

    /// The card that the shopper shared with a token.
    pub(super) fn card_of(&self, token: &str) -> Option<TestCard> {
        self.tokens.get(token).map(GrantedToken::card)
    }

    /// An agent grants a token to the seller.
    pub(super) fn mint(&mut self, grant: Grant, turn: &mut Turn<'_>) -> (String, Value) {
        let id = turn.id("spt");
        let token = GrantedToken::new(id.clone(), self.mode.livemode(), grant, turn.now);
        let shown = token.to_json(turn.now);
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
}

fn no_such_token(id: &str) -> StripeError {
    StripeError::no_such_object("shared_payment_granted_token", id, "id")
}
