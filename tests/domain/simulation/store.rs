//! A model of the store: versions, unique tokens, one undecided attempt and one order per session.

use std::collections::HashMap;

use merchant_gateway::domain::checkout::driver::CommitFailed;
use merchant_gateway::domain::checkout::due::due_at;
use merchant_gateway::domain::checkout::model::{
    AttemptIntent, AttemptMove, Change, Flag, Loaded, OrderChange, PlacedOrder, RefundIntent, Session, State,
    TokenUse, Version,
};
use merchant_gateway::domain::ids::{AttemptNumber, OrderNumber, RefundNumber, SessionId, SptHash};
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::time::Timestamp;

use super::outbox::ModelOutbox;

/// Mistakes that a store could make.
#[expect(clippy::struct_excessive_bools, reason = "each is a mistake of its own")]
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreMistakes {
    pub ignores_versions: bool,
    pub loses_attempts: bool,
    /// What is read says that an attempt under way is over.
    pub forgets_attempts_under_way: bool,
    /// Now and then it is not kept when a session waits for something.
    pub forgets_when_it_is_due: bool,
    /// When an order is looked at next is not kept.
    pub forgets_looks: bool,
}

pub struct Attempt {
    pub intent: AttemptIntent,
    pub can_be_sent: bool,
    pub decided: bool,
}

#[derive(Default)]
pub struct ModelStore {
    pub rows: HashMap<SessionId, (Version, Session, Option<Timestamp>)>,
    pub orders: HashMap<SessionId, PlacedOrder>,
    pub attempts: HashMap<(SessionId, AttemptNumber), Attempt>,
    tokens: HashMap<SptHash, TokenUse>,
    pub flags: Vec<Flag>,
    pub refunds: HashMap<(SessionId, RefundNumber), RefundIntent>,
    /// What merchants were told.
    pub order_changes: Vec<(SessionId, OrderChange)>,
    /// The events by which they are.
    pub outbox: ModelOutbox,
    /// What each revision came to.
    pub shown: HashMap<(SessionId, u32), Money>,
    pub mistakes: StoreMistakes,
}

impl ModelStore {
    pub fn load(&self, id: &SessionId, token: Option<&SptHash>) -> Loaded {
        let mut session = self.rows.get(id).map(|(version, session, _)| (*version, session.clone()));
        if self.mistakes.forgets_attempts_under_way
            && token.is_some()
            && let Some((_, session)) = &mut session
            && let State::Charging(charging) = &session.state
        {
            session.state = State::Ready { quote: charging.attempt.quote.clone() };
        }
        Loaded {
            session,
            order: self.orders.get(id).cloned(),
            token_use: token.and_then(|token| self.tokens.get(token).cloned()),
        }
    }

    /// Writes a change, whole or not at all; `Err` with a sentence when that breaks an invariant.
    pub fn commit(
        &mut self,
        change: Change,
        now: Timestamp,
    ) -> Result<Result<Version, CommitFailed>, String> {
        let id = change.session.id.clone();
        let present = self.rows.get(&id).map(|(version, ..)| *version);
        if change.expected != present && !self.mistakes.ignores_versions {
            return Ok(Err(CommitFailed::Conflict));
        }
        if let Some((_, before, _)) = self.rows.get(&id)
            && before.state.is_terminal()
            && before.state != change.session.state
        {
            return Err(format!("I8: {} left {}", id, before.state.into_str()));
        }
        match change.attempt {
            Some(AttemptMove::Start(intent)) => {
                let used = TokenUse { session: id.clone(), attempt: intent.number, end: None };
                if intent.spt_hash().is_some_and(|spt| self.tokens.contains_key(spt)) {
                    return Ok(Err(CommitFailed::TokenUsed));
                }
                let undecided = self.attempts.iter().any(|((of, _), attempt)| *of == id && !attempt.decided);
                if undecided && !self.mistakes.forgets_attempts_under_way {
                    return Ok(Err(CommitFailed::Conflict));
                }
                if !self.mistakes.loses_attempts {
                    if let Some(spt) = intent.spt_hash() {
                        self.tokens.insert(spt.clone(), used);
                    }
                    let attempt = Attempt { intent: *intent, can_be_sent: true, decided: false };
                    self.attempts.insert((id.clone(), attempt.intent.number), attempt);
                }
            }
            Some(AttemptMove::Update { number, end, erase_token }) => {
                if let Some(attempt) = self.attempts.get_mut(&(id.clone(), number)) {
                    attempt.can_be_sent &= !erase_token;
                    attempt.decided |= end.is_some();
                }
                for used in
                    self.tokens.values_mut().filter(|used| used.session == id && used.attempt == number)
                {
                    used.end = used.end.take().or_else(|| end.clone());
                }
            }
            None => {}
        }
        let is_new = change.order.is_some();
        if let Some(order) = change.order {
            if self.orders.contains_key(&id) {
                return Err(format!("I5: {id} has two orders"));
            }
            let completion = order.id.to_string();
            let number = OrderNumber(OrderNumber::FIRST.0 + u32::try_from(self.orders.len()).unwrap());
            let placed = PlacedOrder { number, order, permalink: String::new(), completion };
            self.orders.insert(id.clone(), placed);
        }
        if let Some(intent) = change.refund {
            self.refunds.insert((id.clone(), intent.origin.number), *intent);
        }
        if let Some(placed) = self.orders.get(&id) {
            self.outbox.write(&change.session, (placed, is_new), &change.order_changes, now)?;
        }
        self.order_changes.extend(change.order_changes.into_iter().map(|change| (id.clone(), change)));
        for flag in change.flags {
            if !self.flags.iter().any(|known| known.intent == flag.intent) {
                self.flags.push(flag);
            }
        }
        if let Some(quote) = change.session.quote() {
            self.shown.insert((id.clone(), change.session.revision.0), quote.total);
        }
        let version = Version(present.map_or(1, |version| version.0 + 1));
        let (mut session, mut due) = (change.session, change.due_at);
        if self.mistakes.forgets_when_it_is_due && version.0 % 4 == 0 {
            due = None;
        }
        if self.mistakes.forgets_looks {
            session.activity.next_poll_at = None;
            due = due_at(&session);
        }
        self.rows.insert(id, (version, session, due));
        Ok(Ok(version))
    }
}
