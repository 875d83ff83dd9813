//! Why a session did not do what was asked.

use super::token::TokenProblem;
use crate::domain::catalog::{NotSold, VariantNeeded};
use crate::domain::ids::{ItemId, Reference, Revision};
use crate::domain::money::Money;
use crate::domain::time::Span;

/// Why a session did not do what was asked. Nothing was done for this request; what an earlier one did stands, so a
/// text claims that nothing was charged only where the session was looked at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// No such session in this shop and mode.
    #[error("there is no such checkout in this shop; start one with create_checkout")]
    NotFound,
    /// The revision is not the present one.
    #[error("the order has changed since it was shown (it is now revision {}); call get_checkout and show it again before paying or editing", .current.0)]
    StaleRevision {
        /// The present revision.
        current: Revision,
    },
    /// A payment must name the revision.
    #[error(
        "checkout_session_id must name the revision that was shown, as in chk_…_…_r1; get_checkout tells the present one"
    )]
    RevisionMissing,
    /// It cannot be paid yet.
    #[error("this checkout cannot be paid yet: {0}")]
    NotPayable(String),
    /// The quote is too old.
    #[error("the prices shown have expired; refresh the checkout with update_checkout and show it again")]
    QuoteExpired,
    /// It has ended.
    #[error(
        "this checkout is {0} and cannot be changed any more; get_checkout tells how it ended, create_checkout starts another"
    )]
    Ended(&'static str),
    /// The shop has no such item.
    #[error("\"{0}\" is not sold here; search_products lists what is")]
    UnknownItem(ItemId),
    /// The item is bought by the id of one of its variants.
    #[error("{0}")]
    VariantNeeded(VariantNeeded),
    /// A payment is under way and its end is not known yet.
    #[error(
        "a payment for this checkout is being processed; do not pay again; get_checkout tells how it ended"
    )]
    Undecided,
    /// A page at Stripe is open on which it may be paid; that page must be closed before anything else.
    #[error("a payment page is open for this checkout; pay there, or try again in a moment")]
    StripeCheckoutOpen,
    /// The shop does not take this way of paying.
    #[error("this shop does not take payments {0}")]
    NotOffered(&'static str),
    /// Goods that no parcel brings, and nobody's mail address.
    #[error(
        "these goods are delivered by e-mail, and no mail address was given; nothing was charged; give one and pay again; call update_checkout with buyer.email"
    )]
    EmailNeeded,
    /// The token belongs to another checkout of this shop.
    #[error(
        "this payment was already used for another checkout; nothing was charged for this one; please pay again; call complete_checkout with a new payment"
    )]
    TokenUsedElsewhere,
    /// The token cannot pay this.
    #[error("{0}")]
    Token(#[from] TokenProblem),
    /// The shop is suspended.
    #[error("this shop does not take orders at the moment; tell the shopper to come again later")]
    Suspended,
    /// The merchant's Stripe account is not known yet.
    #[error("this shop cannot take payments just now; nothing was charged; try again in a moment")]
    AccountUnknown,
    /// Stripe takes no payments by the merchant's key at present.
    #[error(
        "this shop cannot take payments at the moment; nothing was charged, and the checkout is kept; try again in a few minutes"
    )]
    PaymentsOff,
    /// The gateway's clock is wrong, and the rules of a payment rest on time.
    #[error("this shop cannot take payments just now; nothing was charged; try again in a moment")]
    ClockDiffers,
    /// Stripe could not be asked about the token.
    #[error("the payment could not be checked just now; nothing was charged; try again in a moment")]
    TokenUnread,
    /// Too many payments of this session, shopper or merchant reach Stripe at once; this one was looked at and not begun.
    #[error("too many payments at once; this one was not begun; try again in a moment")]
    TooManyPayments,
    /// Only a paid order has this.
    #[error("this checkout is {0}; only a completed one has an order")]
    NotPaid(&'static str),
    /// More than what was paid, or nothing.
    #[error(
        "a refund is at least {} and at most {} in minor units of {}, which is what has not been refunded yet",
        left.currency.step().minor, left.minor, left.currency
    )]
    RefundTooLarge {
        /// What is left.
        left: Money,
    },
    /// Not a whole step of the currency.
    #[error("a refund in {} is a multiple of {} minor units", step.currency.upper(), step.minor)]
    RefundNotAWholeStep {
        /// The step.
        step: Money,
    },
    /// Nothing is left to refund.
    #[error(
        "all that was paid for this order has gone back already, or is on its way back; nothing of it is left to refund"
    )]
    NothingToRefund,
    /// Nothing is sent for money that was given back.
    #[error("everything that was paid for this order has gone back, so nothing of it is sent any more")]
    GoneBack,
    /// One refund at a time.
    #[error("another refund of this order is not decided yet; try again when it is")]
    RefundUnderWay,
    /// The reference stands for something else.
    #[error(
        "\"{0}\" was used for something else of this order before; give every request a reference of its own"
    )]
    ReferenceTaken(Reference),
    /// Nothing of the kind was bought.
    #[error("this order has no item \"{0}\"")]
    NotOrdered(ItemId),
    /// More than what was bought and not sent yet, or nothing.
    #[error("of \"{item}\" {left} can still be sent; quantities begin at 1")]
    NotThatMany {
        /// Which item.
        item: ItemId,
        /// How many can be sent.
        left: u32,
    },
    /// Everything was sent.
    #[error("everything of this order was sent already")]
    NothingToSend,
    /// There is nothing to decide.
    #[error("this checkout is {0}; only a frozen one waits for a decision")]
    NotFrozen(&'static str),
    /// Stripe does not bear out what was decided.
    #[error("{0}")]
    Unverified(String),
    /// Too much at once; nothing was done.
    #[error("too many requests at once; try again in a moment")]
    Busy,
    /// There is too little room for new checkouts; those that have begun go on.
    #[error("this shop cannot begin a new order just now; try again in a few minutes")]
    NoRoom,
    /// The records were restored, and what was paid since is not accounted for yet; nothing was done.
    #[error("this shop takes no orders just now, and takes them again in {}; try again then", in_minutes(*.left))]
    Unreconciled {
        /// How long it takes at least.
        left: Span,
    },
    /// A payment could not be written down, so it was not begun.
    #[error(
        "this shop cannot take payments just now; this one was not begun, and nothing was charged; try again in a few minutes"
    )]
    NotWritten,
    /// The store did not answer; nothing was done.
    #[error("the shop cannot reach its records just now; try again in a moment")]
    Unavailable,
}

/// A time to wait, in words: minutes, rounded up.
fn in_minutes(left: Span) -> String {
    const MINUTE: i64 = 60_000;
    match left.as_millis() {
        ..=0 => "a few minutes".to_owned(),
        1..=MINUTE => "about a minute".to_owned(),
        longer => format!("about {} minutes", (longer + MINUTE - 1) / MINUTE),
    }
}

impl From<NotSold> for Rejection {
    fn from(not_sold: NotSold) -> Self {
        match not_sold {
            NotSold::Unknown(item) => Self::UnknownItem(item),
            NotSold::VariantNeeded(needed) => Self::VariantNeeded(needed),
        }
    }
}

impl Rejection {
    /// Its kind, for the log and for timelines.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::StaleRevision { .. } => "stale_revision",
            Self::RevisionMissing => "revision_missing",
            Self::NotPayable(_) => "not_payable",
            Self::QuoteExpired => "quote_expired",
            Self::Ended(_) => "ended",
            Self::UnknownItem(_) => "unknown_item",
            Self::VariantNeeded(_) => "variant_needed",
            Self::Undecided => "undecided",
            Self::StripeCheckoutOpen => "page_open",
            Self::NotOffered(_) => "not_offered",
            Self::EmailNeeded => "email_needed",
            Self::TokenUsedElsewhere => "token_used_elsewhere",
            Self::Token(_) => "token",
            Self::Suspended => "suspended",
            Self::AccountUnknown => "account_unknown",
            Self::PaymentsOff => "payments_off",
            Self::ClockDiffers => "clock_differs",
            Self::TokenUnread => "token_unread",
            Self::TooManyPayments => "too_many_payments",
            Self::NotPaid(_) => "not_paid",
            Self::RefundTooLarge { .. } => "refund_too_large",
            Self::RefundNotAWholeStep { .. } => "refund_not_a_whole_step",
            Self::NothingToRefund => "nothing_to_refund",
            Self::GoneBack => "gone_back",
            Self::RefundUnderWay => "refund_under_way",
            Self::ReferenceTaken(_) => "reference_taken",
            Self::NotOrdered(_) => "not_ordered",
            Self::NotThatMany { .. } => "not_that_many",
            Self::NothingToSend => "nothing_to_send",
            Self::NotFrozen(_) => "not_frozen",
            Self::Unverified(_) => "unverified",
            Self::Busy => "busy",
            Self::NoRoom => "no_room",
            Self::Unreconciled { .. } => "unreconciled",
            Self::NotWritten => "not_written",
            Self::Unavailable => "unavailable",
        }
    }

    /// Whether a payment was not begun for a reason that lies with the shop, the gateway or Stripe, and not with who pays.
    /// What the store cannot read or write is not among them: then the timeline cannot be written either.
    #[must_use]
    pub const fn keeps_from_paying(&self) -> bool {
        match self {
            Self::Suspended
            | Self::AccountUnknown
            | Self::PaymentsOff
            | Self::ClockDiffers
            | Self::TokenUnread
            | Self::TooManyPayments
            | Self::Unreconciled { .. } => true,
            Self::NotFound
            | Self::StaleRevision { .. }
            | Self::RevisionMissing
            | Self::NotPayable(_)
            | Self::QuoteExpired
            | Self::Ended(_)
            | Self::UnknownItem(_)
            | Self::VariantNeeded(_)
            | Self::Undecided
            | Self::StripeCheckoutOpen
            | Self::NotOffered(_)
            | Self::EmailNeeded
            | Self::TokenUsedElsewhere
            | Self::Token(_)
            | Self::NotPaid(_)
            | Self::RefundTooLarge { .. }
            | Self::RefundNotAWholeStep { .. }
            | Self::NothingToRefund
            | Self::GoneBack
            | Self::RefundUnderWay
            | Self::ReferenceTaken(_)
            | Self::NotOrdered(_)
            | Self::NotThatMany { .. }
            | Self::NothingToSend
            | Self::NotFrozen(_)
            | Self::Unverified(_)
            | Self::Busy
            | Self::NoRoom
            | Self::NotWritten
            | Self::Unavailable => false,
        }
    }
}
