//! The mapping between the database's texts and the domain.
//!
//! Invariant: a message about a row names the row and the place, never the content; rows contain people's names.

use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::checkout::model::{
    AttemptEnd, Flag, IdempotencyKey, NewOrder, PlacedOrder, Priority, Session, Version,
};
use crate::domain::ids::{AttemptNumber, IdError, OrderNumber, RefundNumber, SessionId, SptHash, Tenant};
use crate::domain::money::Money;
use crate::domain::order::OrderState;
use crate::domain::time::Timestamp;
use crate::store::{
    AttemptChange, AttemptRow, Commit, KeptFlag, ListedOrder, RefundRow, Resolution, StoreError, TokenUse,
    name,
};

/// The form of a session's `body` that this program writes. It reads every older one; a change that an older
/// program could not read gets a new number.
pub(super) const SESSION_SCHEMA: i64 = 1;

/// A commit with its JSON already serialised, so that the writer spends no time on it.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) commit: Commit,
    pub(super) session: String,
    /// The payment of the attempt that it starts.
    pub(super) expected: Option<String>,
    /// The end of the attempt that it decides.
    pub(super) end: Option<String>,
    /// The order that it places.
    pub(super) order: Option<String>,
    pub(super) timeline: Vec<String>,
}

impl Encoded {
    pub(super) fn new(commit: Commit) -> Result<Self, StoreError> {
        let (expected, end) = match &commit.attempt {
            Some(AttemptChange::Start(row)) => (Some(text("a charge", &row.expected)?), None),
            Some(AttemptChange::Update { end: Some(end), .. }) => {
                (None, Some(text("an attempt's end", end)?))
            }
            Some(AttemptChange::Update { end: None, .. }) | None => (None, None),
        };
        let session = text("a session", &commit.session)?;
        let order = commit.order.as_ref().map(|placed| text("an order", &placed.order)).transpose()?;
        let timeline = commit
            .timeline
            .iter()
            .map(|entry| text("an entry of a timeline", entry))
            .collect::<Result<_, _>>()?;
        Ok(Self { commit, session, expected, end, order, timeline })
    }
}

/// A row of `sessions`.
#[derive(sqlx::FromRow)]
pub(super) struct SessionRecord {
    version: i64,
    schema: i64,
    body: String,
}

impl SessionRecord {
    pub(super) fn read(self, tenant: &Tenant, id: &SessionId) -> Result<(Version, Session), StoreError> {
        let what = format!("session {id} of {}", name(tenant));
        if self.schema > SESSION_SCHEMA {
            let why = format!(
                "it was written by a newer version of the program (schema {}, this one knows {SESSION_SCHEMA})",
                self.schema
            );
            return Err(StoreError::Corrupt { what, why });
        }
        Ok((Version(self.version), json(&what, &self.body)?))
    }
}

/// A row of `attempts`.
#[derive(sqlx::FromRow)]
pub(super) struct AttemptRecord {
    session: String,
    number: u32,
    spt_hash: Option<String>,
    expected: String,
    idempotency_key: String,
    body: String,
    sealed_token: Option<String>,
    stripe_version: String,
    account: String,
    started: i64,
    repeat_until: i64,
    ended: Option<String>,
}

impl AttemptRecord {
    pub(super) fn read(self, tenant: &Tenant) -> Result<AttemptRow, StoreError> {
        let what = format!("attempt {} of {} of {}", self.number, self.session, name(tenant));
        Ok(AttemptRow {
            session: id(&what, &self.session)?,
            number: AttemptNumber(self.number),
            spt_hash: self.spt_hash.map(SptHash::from_stored),
            expected: json(&what, &self.expected)?,
            idempotency_key: IdempotencyKey::from_stored(self.idempotency_key),
            body: self.body,
            sealed_token: self.sealed_token,
            stripe_version: self.stripe_version,
            account: id(&what, &self.account)?,
            started: Timestamp::from_millis(self.started),
            repeat_until: Timestamp::from_millis(self.repeat_until),
            end: end(&what, self.ended.as_deref())?,
        })
    }
}

/// The use of a token, from `attempts`.
#[derive(sqlx::FromRow)]
pub(super) struct TokenRecord {
    session: String,
    number: u32,
    ended: Option<String>,
}

impl TokenRecord {
    pub(super) fn read(self, tenant: &Tenant) -> Result<TokenUse, StoreError> {
        let what = format!("attempt {} of {} of {}", self.number, self.session, name(tenant));
        Ok(TokenUse {
            session: id(&what, &self.session)?,
            attempt: AttemptNumber(self.number),
            end: end(&what, self.ended.as_deref())?,
        })
    }
}

/// A row of `orders`.
#[derive(sqlx::FromRow)]
pub(super) struct OrderRecord {
    id: String,
    number: u32,
    body: String,
    permalink: String,
    completion: String,
}

impl OrderRecord {
    pub(super) fn read(self, tenant: &Tenant) -> Result<PlacedOrder, StoreError> {
        let what = format!("order {} of {}", self.id, name(tenant));
        let order = json(&what, &self.body)?;
        let new = NewOrder { order, permalink: self.permalink, completion: self.completion };
        Ok(new.numbered(OrderNumber(self.number)))
    }
}

/// A row of `orders` with its session's.
#[derive(sqlx::FromRow)]
pub(super) struct ListedOrderRecord {
    #[sqlx(flatten)]
    order: OrderRecord,
    session: String,
}

impl ListedOrderRecord {
    pub(super) fn read(self, tenant: &Tenant) -> Result<ListedOrder, StoreError> {
        let placed = self.order.read(tenant)?;
        let what = format!("session {} of {}", placed.order.session, name(tenant));
        let session: Session = json(&what, &self.session)?;
        let state = OrderState::of(&session.activity, &placed.order.quote);
        Ok(ListedOrder { placed, state })
    }
}

/// A row of `refunds`.
#[derive(sqlx::FromRow)]
pub(super) struct RefundRecord {
    session: String,
    number: u32,
    amount: i64,
    currency: String,
    idempotency_key: String,
    body: String,
    stripe_version: String,
    account: String,
    started: i64,
    repeat_until: i64,
}

impl RefundRecord {
    pub(super) fn read(self, tenant: &Tenant) -> Result<RefundRow, StoreError> {
        let what = format!("refund {} of {} of {}", self.number, self.session, name(tenant));
        let currency =
            self.currency.parse().map_err(|_| corrupt(&what, "its currency is not a known one"))?;
        Ok(RefundRow {
            session: id(&what, &self.session)?,
            number: RefundNumber(self.number),
            amount: Money::new(self.amount, currency),
            idempotency_key: IdempotencyKey::from_stored(self.idempotency_key),
            body: self.body,
            stripe_version: self.stripe_version,
            account: id(&what, &self.account)?,
            started: Timestamp::from_millis(self.started),
            repeat_until: Timestamp::from_millis(self.repeat_until),
        })
    }
}

/// A row of `flags`.
#[derive(sqlx::FromRow)]
pub(super) struct FlagRecord {
    id: String,
    session: String,
    payment_intent: String,
    reason: String,
    seen: i64,
    resolution: Option<String>,
    resolved: Option<i64>,
}

impl FlagRecord {
    pub(super) fn read(self, tenant: &Tenant) -> Result<KeptFlag, StoreError> {
        let what = format!("flag {} of {}", self.id, name(tenant));
        let flag = Flag {
            id: id(&what, &self.id)?,
            session: id(&what, &self.session)?,
            intent: id(&what, &self.payment_intent)?,
            reason: named(&what, "reason", &self.reason)?,
            seen: Timestamp::from_millis(self.seen),
        };
        let resolution = self
            .resolution
            .zip(self.resolved)
            .map(|(text, at)| Resolution { text, at: Timestamp::from_millis(at) });
        Ok(KeptFlag { flag, resolution })
    }
}

/// The stored form of a session's priority: smaller means more urgent.
pub(super) const fn priority_number(priority: Priority) -> u8 {
    match priority {
        Priority::Payment => 0,
        Priority::StripeCheckout => 1,
        Priority::Refund => 2,
        Priority::Poll => 3,
        Priority::Cart => 4,
    }
}

/// An enum's value by its stored name.
pub(super) fn named<T: FromStr>(what: &str, member: &str, text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|_| corrupt(what, &format!("its {member} is not a known one")))
}

/// A tenant from a row.
pub(super) fn tenant(what: &str, merchant: &str, mode_text: &str) -> Result<Tenant, StoreError> {
    let what = format!("{what} of {merchant} ({mode_text})");
    Ok(Tenant { merchant: id(&what, merchant)?, mode: named(&what, "mode", mode_text)? })
}

/// An identifier from a row.
pub(super) fn id<T: FromStr<Err = IdError>>(what: &str, text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|error: IdError| corrupt(what, &format!("it lacks {}", error.expected)))
}

fn end(what: &str, text: Option<&str>) -> Result<Option<AttemptEnd>, StoreError> {
    text.map(|text| json(what, text)).transpose()
}

/// JSON from a row.
pub(super) fn json<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, StoreError> {
    // serde_json's own message may quote the row.
    serde_json::from_str(text).map_err(|error| {
        corrupt(
            what,
            &format!("its JSON is not understood at line {} column {}", error.line(), error.column()),
        )
    })
}

/// JSON for a row.
pub(super) fn text<T: Serialize>(what: &str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| corrupt(what, &format!("it cannot be written: {error}")))
}

pub(super) fn corrupt(what: &str, why: &str) -> StoreError {
    StoreError::Corrupt { what: what.to_owned(), why: why.to_owned() }
}
