//! What is durable: sessions, attempts, orders and their events, flags, learned accounts, events that Stripe has sent.
//!
//! Must not import: actix, reqwest, `stripe`, `protocol`. Invariants: a [`Commit`] is one transaction, all or
//! nothing; a session row changes only from the version that was read; one token hash starts one attempt, ever;
//! every call names its tenant, except [`Store::tenants_with_due_sessions`], [`Store::holdings`], [`Store::serve_hosts`],
//! [`Outbox::tenants_with_due_events`], [`Inbox::waiting_events`] and [`Retention::unpaid`], whose rows name theirs, and [`Inbox::forget_events`] and
//! [`Retention::forget_contents`].

mod account;
mod inbox;
mod outbox;
mod reconciliation;
mod retention;
mod served;
mod sqlite;

pub use crate::domain::checkout::model::{Loaded, TokenUse};
pub use account::{KeptAccount, VerifiedKey};
pub use inbox::{EventState, Inbox, KeptEvent, WaitingEvent};
pub use outbox::{
    Claim, DeliveriesQuery, Delivery, DeliveryOutcome, DeliveryResult, DeliveryState, LONGEST_PAUSE, Outbox,
};
pub use reconciliation::{RestoreMarker, RestoreMarkers};
pub use retention::{Erasure, Retention, Swept, Unpaid, UnpaidEnded, UnpaidOpen};
pub use served::{Forgetting, Holdings, ServedHost};
pub use sqlite::{BackupError, OpenError, OpenTrouble, Restored, SqliteStore, back_up, restore};

use async_trait::async_trait;

use crate::domain::checkout::model::{
    AttemptEnd, ExpectedPayment, Flag, IdempotencyKey, NewOrder, NotBegun, PlacedOrder, Priority, Session,
    TimelineEntry, Version,
};
use crate::domain::ids::{
    AccountId, AttemptNumber, FlagId, OrderId, OrderNumber, RefundNumber, SessionId, SptHash, Tenant,
};
use crate::domain::money::Money;
use crate::domain::order::OrderState;
use crate::domain::order_event::OrderEvent;
use crate::domain::time::Timestamp;

/// What a store does. One contract suite (`tests/it/store.rs`) runs over every implementation.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Reads a session as it stands, with its order and what is known of a token, all in the same moment.
    async fn load(
        &self,
        tenant: &Tenant,
        id: &SessionId,
        token: Option<&SptHash>,
    ) -> Result<Loaded, StoreError>;

    /// Writes one change of one session, whole or not at all. When it answers `Ok`, the change survives a crash.
    ///
    /// A caller that goes away while it waits takes nothing back: a commit that was begun is finished.
    async fn commit(&self, commit: Commit) -> Result<Version, CommitError>;

    /// Reads one attempt with its stored request.
    async fn attempt(
        &self,
        tenant: &Tenant,
        session: &SessionId,
        number: AttemptNumber,
    ) -> Result<Option<AttemptRow>, StoreError>;

    /// Reads an order.
    async fn order(&self, tenant: &Tenant, id: &OrderId) -> Result<Option<PlacedOrder>, StoreError>;

    /// Orders of a tenant, newest first.
    async fn orders(&self, tenant: &Tenant, which: OrdersQuery) -> Result<OrdersPage, StoreError>;

    /// Reads the stored request of one refund.
    async fn refund(
        &self,
        tenant: &Tenant,
        session: &SessionId,
        number: RefundNumber,
    ) -> Result<Option<RefundRow>, StoreError>;

    /// Flags of a tenant, oldest first.
    async fn flags(&self, tenant: &Tenant, which: FlagsQuery) -> Result<Vec<KeptFlag>, StoreError>;

    /// Resolves a flag in an operator's words, once; a resolution already kept stays. The flag as it then stands, or `None`
    /// when there is no such flag.
    async fn resolve_flag(
        &self,
        tenant: &Tenant,
        id: &FlagId,
        resolution: Resolution,
    ) -> Result<Option<KeptFlag>, StoreError>;

    /// What happened to a session, in order.
    async fn timeline(&self, tenant: &Tenant, session: &SessionId) -> Result<Vec<TimelineEntry>, StoreError>;

    /// Tells in a session's timeline of payments that were not begun. There is one entry for each reason, which counts them
    /// and is written once a minute at most. Where there is no such session nothing is written.
    async fn note_not_begun(
        &self,
        tenant: &Tenant,
        session: &SessionId,
        note: NotBegun,
    ) -> Result<(), StoreError>;

    /// The tenants with sessions of a priority that are due at `now`, in the order of their names. What it costs depends
    /// on how many tenants have sessions that wait for something, and not on how many such sessions there are.
    async fn tenants_with_due_sessions(
        &self,
        now: Timestamp,
        priority: Priority,
    ) -> Result<Vec<Tenant>, StoreError>;

    /// A tenant's sessions that are due, the longest due first. Fewer than the limit are all that there are; one whose name
    /// cannot be read is passed over.
    async fn due_sessions(&self, tenant: &Tenant, query: DueQuery) -> Result<Vec<DueSession>, StoreError>;

    /// The Stripe account that was learned for a tenant.
    async fn account(&self, tenant: &Tenant) -> Result<Option<KeptAccount>, StoreError>;

    /// Keeps the Stripe account of a tenant and the key that it was verified with. A different account already kept stays
    /// as it is, and is the answer.
    async fn remember_account(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        key: &VerifiedKey,
    ) -> Result<AccountId, StoreError>;

    /// Forgets the Stripe account of a tenant, where it is this one and the outcome of nothing on it is unknown: neither of a
    /// payment or refund, nor of a reading that is still due.
    async fn forget_account(&self, tenant: &Tenant, account: &AccountId) -> Result<Forgetting, StoreError>;

    /// The hosts on which merchants were last served, and their accounts.
    async fn holdings(&self) -> Result<Holdings, StoreError>;

    /// Remembers that each of these tenants is served on these hosts from now on, and on no other. A host that it was served
    /// on already keeps its moment.
    async fn serve_hosts(&self, served: Vec<(Tenant, Vec<String>)>, now: Timestamp)
    -> Result<(), StoreError>;

    /// Whether writes are durable now: what became of the last one, or of a small one that is made to find out. Of no
    /// tenant.
    async fn writable(&self) -> Result<(), StoreError>;
}

/// One change of one session.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Whose.
    pub tenant: Tenant,
    /// The version that the change was made from; `None` makes a new session.
    pub expected: Option<Version>,
    /// The session as it is to stand.
    pub session: Session,
    /// When it waits for something next; `None` when it waits for nothing.
    pub due_at: Option<Timestamp>,
    /// What becomes of an attempt.
    pub attempt: Option<AttemptChange>,
    /// The order that is placed; the store gives it its number.
    pub order: Option<NewOrder>,
    /// The refund that is begun.
    pub refund: Option<Box<RefundRow>>,
    /// Payments for an operator to look at; one already flagged stays as it is.
    pub flags: Vec<Flag>,
    /// What the session's timeline tells of it.
    pub timeline: Vec<TimelineEntry>,
    /// What the merchant is told of the session's order, in this order.
    pub events: Vec<OrderEvent>,
}

/// A flag as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptFlag {
    /// What was flagged.
    pub flag: Flag,
    /// How it was dealt with; `None` while nobody did.
    pub resolution: Option<Resolution>,
}

/// How a flag was dealt with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// In an operator's words.
    pub text: String,
    /// When.
    pub at: Timestamp,
}

impl Commit {
    /// When its session ends unpaid, or did; `None` where it must not go away.
    #[must_use]
    pub fn unpaid_end(&self) -> Option<Timestamp> {
        if self.session.state.is_terminal() && self.due_at.is_some() {
            return None;
        }
        self.session.unpaid_end(self.timeline.last().map(|entry| entry.at))
    }

    /// Whether it begins to pay its session.
    #[must_use]
    pub const fn tries(&self) -> bool {
        matches!(self.attempt, Some(AttemptChange::Start(_)))
    }

    /// Refuses a commit whose parts contradict each other; afterwards no row would show what was meant.
    pub fn check(&self) -> Result<(), StoreError> {
        let refuse = |why: &str| {
            let what = format!("a commit of {} of {}", self.session.id, name(&self.tenant));
            Err(StoreError::Corrupt { what, why: why.to_owned() })
        };
        if let Some(AttemptChange::Start(row)) = &self.attempt {
            if row.session != self.session.id || row.expected.session != row.session {
                return refuse("its attempt names another session");
            }
            if row.expected.attempt != row.number {
                return refuse("its attempt's charge names another attempt");
            }
            if row.end.is_some() {
                return refuse("its new attempt has ended already");
            }
        }
        if self.order.as_ref().is_some_and(|placed| placed.order.session != self.session.id) {
            return refuse("its order names another session");
        }
        if self.refund.as_ref().is_some_and(|refund| refund.session != self.session.id) {
            return refuse("its refund names another session");
        }
        if self.flags.iter().any(|flag| flag.session != self.session.id) {
            return refuse("one of its flags names another session");
        }
        if let Some(placed) = &self.order
            && self.events.iter().any(|event| event.order != placed.order.id)
        {
            return refuse("one of its events names another order");
        }
        Ok(())
    }
}

/// What a commit does to an attempt.
#[derive(Clone, Debug)]
pub enum AttemptChange {
    /// A new, undecided row. Refused while another attempt of the session is undecided.
    Start(Box<AttemptRow>),
    /// Changes to the row.
    Update {
        /// Which.
        number: AttemptNumber,
        /// How it ended; `None` leaves it as it is. An end once kept is never changed into another.
        end: Option<AttemptEnd>,
        /// Whether the sealed token is erased, because the request is never sent again. Deciding the attempt
        /// erases it in any case.
        erase_token: bool,
    },
}

/// An attempt as it is kept: the exact request, ready to be repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRow {
    /// The session it belongs to.
    pub session: SessionId,
    /// Its number.
    pub number: AttemptNumber,
    /// The token's hash, unique within the tenant for good; `None` of an attempt that opens a page at Stripe.
    pub spt_hash: Option<SptHash>,
    /// What is charged.
    pub expected: ExpectedPayment,
    /// Stripe's `Idempotency-Key`.
    pub idempotency_key: IdempotencyKey,
    /// The form-encoded body, all of it but the token; empty once the request is never sent again.
    pub body: String,
    /// The token, sealed; `None` once it is erased.
    pub sealed_token: Option<String>,
    /// `Stripe-Version`.
    pub stripe_version: String,
    /// The account that is paid.
    pub account: AccountId,
    /// When it was committed.
    pub started: Timestamp,
    /// Until when it may be sent.
    pub repeat_until: Timestamp,
    /// How it ended; `None` while it is undecided.
    pub end: Option<AttemptEnd>,
}

/// The request for a refund as it is kept, ready to be repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundRow {
    /// The session that was paid.
    pub session: SessionId,
    /// Its number among those of the session.
    pub number: RefundNumber,
    /// How much goes back.
    pub amount: Money,
    /// Stripe's `Idempotency-Key`.
    pub idempotency_key: IdempotencyKey,
    /// The form-encoded body; empty once the refund's end is known.
    pub body: String,
    /// `Stripe-Version`.
    pub stripe_version: String,
    /// The account that pays.
    pub account: AccountId,
    /// When it was committed.
    pub started: Timestamp,
    /// Until when it may be sent.
    pub repeat_until: Timestamp,
}

/// Which orders of a tenant are listed.
#[derive(Clone, Copy, Debug, Default)]
pub struct OrdersQuery {
    /// Only the one of this number.
    pub number: Option<OrderNumber>,
    /// Only those that stand there.
    pub state: Option<OrderState>,
    /// Only those before this one: `next` of one page begins the next.
    pub before: Option<OrderNumber>,
    /// How many at most.
    pub limit: u32,
}

/// An order, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedOrder {
    /// The order.
    pub placed: PlacedOrder,
    /// Where it stands.
    pub state: OrderState,
}

/// Some of a tenant's orders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrdersPage {
    /// The orders, newest first. There may be fewer than were asked for, or none, though more follow.
    pub orders: Vec<ListedOrder>,
    /// What the next page comes before; `None` on the last.
    pub next: Option<OrderNumber>,
}

/// How many orders one listing by state looks at: where an order stands is read from its session.
const MOST_LOOKED_AT: u32 = 1000;

impl OrdersQuery {
    /// How many orders are looked at for one page.
    fn looked_at(&self) -> u32 {
        if self.state.is_some() { MOST_LOOKED_AT } else { self.limit }
    }

    /// The page that these orders make: the newest first, one more than are looked at where there are so many.
    #[must_use]
    pub fn page(&self, orders: Vec<ListedOrder>) -> OrdersPage {
        let number = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        let more = orders.len() > number(self.looked_at());
        let (mut page, mut last) = (OrdersPage::default(), None);
        for listed in orders.into_iter().take(number(self.looked_at())) {
            if page.orders.len() == number(self.limit) {
                page.next = last;
                return page;
            }
            last = Some(listed.placed.number);
            if self.state.is_none_or(|state| state == listed.state) {
                page.orders.push(listed);
            }
        }
        page.next = last.filter(|_| more);
        page
    }
}

/// Which flags of a tenant are listed.
#[derive(Clone, Debug, Default)]
pub struct FlagsQuery {
    /// Only those that nobody has dealt with.
    pub open: bool,
    /// Only those behind this one: the last of one page begins the next.
    pub after: Option<FlagId>,
    /// How many at most.
    pub limit: u32,
}

impl FlagsQuery {
    /// Every one.
    pub const ALL: Self = Self { open: false, after: None, limit: u32::MAX };
}

/// Which of a tenant's due sessions are listed.
#[derive(Clone, Debug)]
pub struct DueQuery {
    /// Those that are due at or before this moment.
    pub now: Timestamp,
    /// Those with this at stake.
    pub priority: Priority,
    /// Only those behind this one: the last of one page begins the next.
    pub after: Option<DueSession>,
    /// How many at most.
    pub limit: u32,
}

/// A session that waits for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueSession {
    /// Which.
    pub id: SessionId,
    /// Since when it is due.
    pub due_at: Timestamp,
}

/// The store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is not served from; only opening answers this.
    #[error(transparent)]
    NotOpened(#[from] OpenError),
    /// The database cannot be reached. Of a write it is not known whether it was done.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// Nothing was written, and that is certain: the disk is full, or the write was given up before it began.
    #[error("the store cannot be written: {0}")]
    NotWritten(String),
    /// A row does not say what this version of the program understands, or what is to be written contradicts the
    /// rows that are there. Asking again does not help.
    #[error("the store's rows are not as they must be ({what}): {why}")]
    Corrupt {
        /// Which row.
        what: String,
        /// What is wrong with it.
        why: String,
    },
}

impl StoreError {
    /// The same of a write that had not begun when it failed.
    #[must_use]
    pub fn before_a_write(self) -> Self {
        match self {
            Self::Unavailable(why) => Self::NotWritten(why),
            Self::NotOpened(_) | Self::NotWritten(_) | Self::Corrupt { .. } => self,
        }
    }

    /// Whether nothing was written for certain.
    #[must_use]
    pub const fn nothing_was_written(&self) -> bool {
        match self {
            Self::NotOpened(_) | Self::NotWritten(_) | Self::Corrupt { .. } => true,
            Self::Unavailable(_) => false,
        }
    }
}

/// Why a commit was not done.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The session has another version by now: load it again.
    #[error("the session was changed by another commit")]
    Conflict,
    /// The token has started an attempt already: load it again.
    #[error("the token has already started an attempt")]
    TokenUsed,
    /// The store failed. Unless [`StoreError::nothing_was_written`], whether the commit was done must be found out by loading.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A tenant as messages name it.
fn name(tenant: &Tenant) -> String {
    format!("{} ({})", tenant.merchant, tenant.mode.as_str())
}
