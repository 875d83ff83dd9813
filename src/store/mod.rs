//! The durable data: sessions, attempts, orders and their events, flags, verified accounts, Stripe's events.
//!
//! Must not import: actix, reqwest, `stripe`, `protocol`. Invariants: a [`Commit`] is one transaction, all or
//! nothing; a session row changes only from the version that was read; one token hash starts one attempt, ever; every
//! call names its tenant, except [`Store::tenants_with_due_sessions`], [`Store::undecided_payments`], [`Store::holdings`], [`Store::serve_tenants`],
//! [`Store::served_config`],
//! [`Outbox::tenants_with_due_events`], [`Inbox::waiting_events`] and [`Retention::unpaid`], whose rows name theirs,
//! and [`Inbox::forget_events`] and [`Retention::forget_contents`].

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
pub use served::{Forgetting, Holdings, ServedConfig, ServedHost, ServedTenant};
pub use sqlite::{BackupError, OpenError, OpenTrouble, Restored, SqliteStore, back_up, last_backup, restore};

use async_trait::async_trait;

use crate::domain::checkout::model::{
    AttemptEnd, ExpectedPayment, Flag, IdempotencyKey, NewOrder, NotBegun, PlacedOrder, Priority, Session,
    TimelineEntry, Version,
};
use crate::domain::ids::{
    AccountId, AttemptNumber, FlagId, MerchantId, OrderId, OrderNumber, RefundNumber, SessionId, SptHash,
    Tenant,
};
use crate::domain::money::Money;
use crate::domain::order::OrderState;
use crate::domain::order_event::OrderEvent;
use crate::domain::time::Timestamp;

/// The functions of a store, to be called from any runtime: a store does its work on its own. One contract suite (`tests/it/adapters/store.rs`) runs over every implementation.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Reads a session in its present state, with its order and the use of a token, all from the same moment.
    async fn load(
        &self,
        tenant: &Tenant,
        id: &SessionId,
        token: Option<&SptHash>,
    ) -> Result<Loaded, StoreError>;

    /// Writes one change of one session, as a whole or not at all. After `Ok` the change survives a crash.
    ///
    /// If the caller goes away while it waits, a commit that was begun is still completed.
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

    /// Resolves a flag with an operator's text, once; an earlier resolution remains. Returns the flag afterwards, or
    /// `None` if there is no such flag.
    async fn resolve_flag(
        &self,
        tenant: &Tenant,
        id: &FlagId,
        resolution: Resolution,
    ) -> Result<Option<KeptFlag>, StoreError>;

    /// The timeline of a session, in order.
    async fn timeline(&self, tenant: &Tenant, session: &SessionId) -> Result<Vec<TimelineEntry>, StoreError>;

    /// Adds payments that were not begun to a session's timeline. There is one entry for each reason, which counts
    /// them and is written at most once a minute. If there is no such session, nothing is written.
    async fn note_not_begun(
        &self,
        tenant: &Tenant,
        session: &SessionId,
        note: NotBegun,
    ) -> Result<(), StoreError>;

    /// The tenants with sessions of a priority that are due at `now`, in the order of their names. The cost depends
    /// on the number of tenants with waiting sessions, and not on the number of those sessions.
    async fn tenants_with_due_sessions(
        &self,
        now: Timestamp,
        priority: Priority,
    ) -> Result<Vec<Tenant>, StoreError>;

    /// A tenant's due sessions, the longest due first. A page below the limit is the last one; a session with an
    /// unreadable id is left out.
    async fn due_sessions(&self, tenant: &Tenant, query: DueQuery) -> Result<Vec<DueSession>, StoreError>;

    /// The tenants with payments that are not decided, in the order of their names. The cost depends on the number of
    /// such payments.
    async fn undecided_payments(&self) -> Result<Vec<UndecidedPayments>, StoreError>;

    /// The verified Stripe account of a tenant.
    async fn account(&self, tenant: &Tenant) -> Result<Option<KeptAccount>, StoreError>;

    /// Stores the Stripe account of a tenant and the key that it was verified with. A different stored account is not
    /// changed, and is returned.
    async fn remember_account(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        key: &VerifiedKey,
    ) -> Result<AccountId, StoreError>;

    /// Forgets the Stripe account of a tenant, if it is this one and everything on it is decided: no payment or
    /// refund is undecided, and no reading is due.
    async fn forget_account(&self, tenant: &Tenant, account: &AccountId) -> Result<Forgetting, StoreError>;

    /// The hosts on which merchants were last served that were not removed since, and the accounts of all.
    async fn holdings(&self) -> Result<Holdings, StoreError>;

    /// Records that each of these tenants is served with this configuration from now on, on these hosts and on no
    /// other. A host that it already had keeps its start time.
    async fn serve_tenants(&self, served: Vec<ServedTenant>, now: Timestamp) -> Result<(), StoreError>;

    /// The configurations that a merchant was last served with in each mode, the latest one first: its file may be
    /// unreadable now.
    async fn served_configs(&self, merchant: &MerchantId) -> Result<Vec<ServedConfig>, StoreError>;

    /// Records that no merchant but these has a file any more.
    async fn remove_served_but(&self, present: Vec<MerchantId>) -> Result<(), StoreError>;

    /// Whether writes are durable now: by the last write, or by a small one that is made as a trial. It belongs to no
    /// tenant.
    async fn writable(&self) -> Result<(), StoreError>;
}

/// One change of one session.
#[derive(Clone, Debug)]
pub struct Commit {
    pub tenant: Tenant,
    /// The version that the change was made from; `None` makes a new session.
    pub expected: Option<Version>,
    /// The session after the change.
    pub session: Session,
    /// When its next work is due; `None` if there is none.
    pub due_at: Option<Timestamp>,
    pub attempt: Option<AttemptChange>,
    /// The order to place; the store gives it its number.
    pub order: Option<NewOrder>,
    pub refund: Option<Box<RefundRow>>,
    /// Payments for an operator to check; one already flagged keeps its flag.
    pub flags: Vec<Flag>,
    pub timeline: Vec<TimelineEntry>,
    /// The events for the merchant about the session's order, in this order.
    pub events: Vec<OrderEvent>,
}

/// A stored flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptFlag {
    pub flag: Flag,
    /// Its resolution; `None` while it is open.
    pub resolution: Option<Resolution>,
}

/// The resolution of a flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// The operator's text.
    pub text: String,
    /// When it was resolved.
    pub at: Timestamp,
}

impl Commit {
    /// When its session ended or will end unpaid; `None` if it must not be removed.
    #[must_use]
    pub fn unpaid_end(&self) -> Option<Timestamp> {
        if self.session.state.is_terminal() && self.due_at.is_some() {
            return None;
        }
        self.session.unpaid_end(self.timeline.last().map(|entry| entry.at))
    }

    /// Whether it begins a payment of its session.
    #[must_use]
    pub const fn tries(&self) -> bool {
        matches!(self.attempt, Some(AttemptChange::Start(_)))
    }

    /// Rejects a commit with contradictory parts, since the stored rows could not show which part was meant.
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

/// The change of an attempt in a commit.
#[derive(Clone, Debug)]
pub enum AttemptChange {
    /// A new, undecided row. Rejected while another attempt of the session is undecided.
    Start(Box<AttemptRow>),
    Update {
        number: AttemptNumber,
        /// How it ended; `None` leaves it as it is. A stored end is never changed.
        end: Option<AttemptEnd>,
        /// Whether the encrypted token is erased, because the request is never sent again. Deciding the attempt
        /// erases it in any case.
        erase_token: bool,
    },
}

/// A stored attempt: the exact request, ready to be repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRow {
    pub session: SessionId,
    pub number: AttemptNumber,
    /// The token's hash, permanently unique within the tenant; `None` for an attempt that creates a Stripe Checkout.
    pub spt_hash: Option<SptHash>,
    /// The payment that Stripe is asked for.
    pub expected: ExpectedPayment,
    /// Stripe's `Idempotency-Key`.
    pub idempotency_key: IdempotencyKey,
    /// The form-encoded body without the token; empty once the request is never sent again.
    pub body: String,
    /// The encrypted token; `None` once it is erased.
    pub sealed_token: Option<String>,
    pub stripe_version: String,
    /// The account that receives the payment.
    pub account: AccountId,
    /// When it was committed.
    pub started: Timestamp,
    /// Until when it may be sent.
    pub repeat_until: Timestamp,
    /// How it ended; `None` while it is undecided.
    pub end: Option<AttemptEnd>,
}

/// The stored request for a refund, ready to be repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundRow {
    /// The session that was paid.
    pub session: SessionId,
    /// Its number among those of the session.
    pub number: RefundNumber,
    pub amount: Money,
    /// Stripe's `Idempotency-Key`.
    pub idempotency_key: IdempotencyKey,
    /// The form-encoded body; empty once the refund's end is known.
    pub body: String,
    pub stripe_version: String,
    /// The account that pays.
    pub account: AccountId,
    /// When it was committed.
    pub started: Timestamp,
    /// Until when it may be sent.
    pub repeat_until: Timestamp,
}

/// The filters of a list of orders.
#[derive(Clone, Copy, Debug, Default)]
pub struct OrdersQuery {
    /// Only the order with this number.
    pub number: Option<OrderNumber>,
    /// Only orders in this state.
    pub state: Option<OrderState>,
    /// Only those before this one: `next` of one page begins the next.
    pub before: Option<OrderNumber>,
    pub limit: u32,
}

/// An order and its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedOrder {
    pub placed: PlacedOrder,
    pub state: OrderState,
}

/// Some of a tenant's orders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrdersPage {
    /// The orders, newest first. There may be fewer than requested, or none, although more follow.
    pub orders: Vec<ListedOrder>,
    /// The `before` of the next page; `None` on the last.
    pub next: Option<OrderNumber>,
}

/// The most orders that one listing by state reads: an order's state is read from its session.
const MOST_READ: u32 = 1000;

impl OrdersQuery {
    /// How many orders are read for one page.
    fn most_read(&self) -> u32 {
        if self.state.is_some() { MOST_READ } else { self.limit }
    }

    /// The page from these orders: newest first, and one more than are read if there are so many.
    #[must_use]
    pub fn page(&self, orders: Vec<ListedOrder>) -> OrdersPage {
        let number = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        let more = orders.len() > number(self.most_read());
        let (mut page, mut last) = (OrdersPage::default(), None);
        for listed in orders.into_iter().take(number(self.most_read())) {
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

/// The filters of a list of flags.
#[derive(Clone, Debug, Default)]
pub struct FlagsQuery {
    /// Only unresolved ones.
    pub open: bool,
    /// Only those after this one: the last of one page begins the next.
    pub after: Option<FlagId>,
    pub limit: u32,
}

impl FlagsQuery {
    /// All flags.
    pub const ALL: Self = Self { open: false, after: None, limit: u32::MAX };
}

/// The filters of a list of due sessions.
#[derive(Clone, Debug)]
pub struct DueQuery {
    /// Those that are due at or before this moment.
    pub now: Timestamp,
    /// Those with this priority.
    pub priority: Priority,
    /// Only those after this one: the last of one page begins the next.
    pub after: Option<DueSession>,
    pub limit: u32,
}

/// A session with due work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueSession {
    pub id: SessionId,
    /// Since when it is due.
    pub due_at: Timestamp,
}

/// A tenant's payments that are not decided: their outcome is not known, a shopper may be paying on a page of Stripe's, or
/// an operator must decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndecidedPayments {
    pub tenant: Tenant,
    /// One of their sessions.
    pub session: SessionId,
    pub count: u64,
}

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be opened; only opening returns this.
    #[error(transparent)]
    NotOpened(#[from] OpenError),
    /// The database cannot be reached. It is not known whether a write was done.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// It is certain that nothing was written: the disk is full, or the write was given up before it began.
    #[error("the store cannot be written: {0}")]
    NotWritten(String),
    /// A row is not readable for this version of the program, or the data to write contradicts the existing rows. A
    /// retry does not help.
    #[error("the store's rows are not as they must be ({what}): {why}")]
    Corrupt {
        what: String,
        /// The problem.
        why: String,
    },
}

impl StoreError {
    /// The same failure for a write that had not begun.
    #[must_use]
    pub fn before_a_write(self) -> Self {
        match self {
            Self::Unavailable(why) => Self::NotWritten(why),
            Self::NotOpened(_) | Self::NotWritten(_) | Self::Corrupt { .. } => self,
        }
    }

    /// Whether it is certain that nothing was written.
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
    /// The session has a newer version: load it again.
    #[error("the session was changed by another commit")]
    Conflict,
    /// The token has already started an attempt: load it again.
    #[error("the token has already started an attempt")]
    TokenUsed,
    /// The store failed. Unless [`StoreError::nothing_was_written`], only a load can show whether the commit was
    /// done.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A tenant, as messages name it.
fn name(tenant: &Tenant) -> String {
    format!("{} ({})", tenant.merchant, tenant.mode.into_str())
}
