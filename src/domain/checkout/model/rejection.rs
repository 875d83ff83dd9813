//! Why a session did not do what was asked, as data, by who can act on it. Each channel says it in its own words.
//!
//! Nothing was done for the request that is rejected; what an earlier one did stands.

use std::fmt;

use super::token::TokenProblem;
use crate::domain::catalog::{NotSold, VariantNeeded};
use crate::domain::ids::{ItemId, PaymentIntentId, Reference, Revision};
use crate::domain::money::Money;
use crate::domain::pricing::PricingProblem;
use crate::domain::time::Span;

/// Why a session did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The shopper can mend it, or must leave the checkout as it is.
    Shopper(ShopperRejection),
    /// The caller asked by what it was not shown.
    Host(HostRejection),
    /// The shop cannot do it now. Time mends it, or whoever runs the shop.
    Shop(ShopRejection),
    /// What an operator asked for is not possible.
    Operator(OperatorRejection),
}

/// What the shopper can mend, or must leave as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShopperRejection {
    /// It cannot be paid yet.
    NotPayable(NotPayable),
    /// The quote is too old.
    QuoteExpired,
    /// It has ended, in the state of this name.
    Ended(&'static str),
    /// The shop has no such item.
    UnknownItem(ItemId),
    /// The item is bought by the id of one of its variants.
    VariantNeeded(VariantNeeded),
    /// A payment is under way and its end is not known yet.
    Undecided,
    /// The shop does not take this way of paying.
    NotOffered(NotOffered),
    /// Goods that no parcel brings, and nobody's mail address.
    EmailNeeded,
    /// The token belongs to another checkout of this shop.
    TokenUsedElsewhere,
    /// The token cannot pay this.
    Token(TokenProblem),
}

/// Why a session cannot be paid yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotPayable {
    /// A new one names nothing that is bought.
    NothingWanted,
    /// It has no quote.
    Unpriced(PricingProblem),
    /// Its last payment never happened: it must be shown anew.
    LastPaymentNotMade,
    /// A payment came late and is looked into: another might be the second one.
    PaymentLookedInto,
    /// It is in the state of this name.
    InState(&'static str),
}

/// A way of paying that a shop does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotOffered {
    /// The payment sheet.
    PaymentSheet,
    /// A page at Stripe.
    StripeCheckout,
    /// One more page at Stripe for this checkout.
    AnotherStripeCheckout,
}

/// What the caller asked by, and was not shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostRejection {
    /// No such session in this shop and mode.
    NotFound,
    /// The revision is not the present one.
    StaleRevision {
        /// The present revision.
        current: Revision,
    },
    /// A payment must name the revision.
    RevisionMissing,
}

/// What the shop cannot do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShopRejection {
    /// The shop is suspended.
    Suspended,
    /// The merchant's Stripe account is not known yet.
    AccountUnknown,
    /// Stripe takes no payments by the merchant's key at present.
    PaymentsOff,
    /// The gateway's clock is wrong, and the rules of a payment rest on time.
    ClockDiffers,
    /// Stripe could not be asked about the token.
    TokenUnread,
    /// Too many payments of this session, shopper or merchant reach Stripe at once; this one was not begun.
    TooManyPayments,
    /// Too much at once; nothing was done.
    Busy,
    /// There is too little room for new checkouts; those that have begun go on.
    NoRoom,
    /// The records were restored, and what was paid since is not accounted for yet; nothing was done.
    Unreconciled {
        /// How long it takes at least.
        left: Span,
    },
    /// A payment could not be written down, so it was not begun.
    NotWritten,
    /// The store did not answer; nothing was done.
    Unavailable,
}

/// What is not possible of what an operator asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperatorRejection {
    /// Only a paid order has this; the checkout is in the state of this name.
    NotPaid(&'static str),
    /// More than what was paid, or nothing.
    RefundTooLarge {
        /// What is left.
        left: Money,
    },
    /// Not a whole step of the currency.
    RefundNotAWholeStep {
        /// The step.
        step: Money,
    },
    /// Nothing is left to refund.
    NothingToRefund,
    /// Nothing is sent for money that was given back.
    GoneBack,
    /// One refund at a time.
    RefundUnderWay,
    /// The reference stands for something else.
    ReferenceTaken(Reference),
    /// Nothing of the kind was bought.
    NotOrdered(ItemId),
    /// More than what was bought and not sent yet, or nothing.
    NotThatMany {
        /// Which item.
        item: ItemId,
        /// How many can be sent.
        left: u32,
    },
    /// Everything was sent.
    NothingToSend,
    /// There is nothing to decide; the checkout is in the state of this name.
    NotFrozen(&'static str),
    /// Stripe does not bear out what was decided.
    Unverified(Unverified),
}

/// Why a decision is not borne out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unverified {
    /// Stripe could not be read about the payment that is said to have charged the shopper.
    PaymentUnread(PaymentIntentId),
    /// The payment is not of this session.
    NotOfSession(PaymentIntentId),
    /// The payment is of the other mode.
    OtherMode(PaymentIntentId),
    /// The payment has not succeeded.
    NotSucceeded(PaymentIntentId, &'static str),
    /// The payment of an attempt that is said to be unpaid stands in this status.
    StillAlive(PaymentIntentId, &'static str),
    /// The payment of an attempt that is said to be unpaid has succeeded.
    Succeeded(PaymentIntentId),
    /// Stripe could not be read about an attempt that is said to be unpaid.
    ReadFailed,
}

impl From<NotSold> for Rejection {
    fn from(not_sold: NotSold) -> Self {
        match not_sold {
            NotSold::Unknown(item) => ShopperRejection::UnknownItem(item).into(),
            NotSold::VariantNeeded(needed) => ShopperRejection::VariantNeeded(needed).into(),
        }
    }
}

impl From<TokenProblem> for Rejection {
    fn from(problem: TokenProblem) -> Self {
        ShopperRejection::Token(problem).into()
    }
}

/// Its kind: what logs tell of it.
impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl std::error::Error for Rejection {}

impl From<ShopperRejection> for Rejection {
    fn from(rejection: ShopperRejection) -> Self {
        Self::Shopper(rejection)
    }
}

impl From<HostRejection> for Rejection {
    fn from(rejection: HostRejection) -> Self {
        Self::Host(rejection)
    }
}

impl From<ShopRejection> for Rejection {
    fn from(rejection: ShopRejection) -> Self {
        Self::Shop(rejection)
    }
}

impl From<OperatorRejection> for Rejection {
    fn from(rejection: OperatorRejection) -> Self {
        Self::Operator(rejection)
    }
}

impl Rejection {
    /// Its kind, for the log and for timelines.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Shopper(rejection) => rejection.code(),
            Self::Host(rejection) => rejection.code(),
            Self::Shop(rejection) => rejection.code(),
            Self::Operator(rejection) => rejection.code(),
        }
    }

    /// Whether a payment was not begun for a reason that lies with the shop, the gateway or Stripe, and not with who pays.
    #[must_use]
    pub const fn keeps_from_paying(&self) -> bool {
        match self {
            Self::Shop(rejection) => rejection.keeps_from_paying(),
            Self::Shopper(_) | Self::Host(_) | Self::Operator(_) => false,
        }
    }
}

impl ShopperRejection {
    const fn code(&self) -> &'static str {
        match self {
            Self::NotPayable(_) => "not_payable",
            Self::QuoteExpired => "quote_expired",
            Self::Ended(_) => "ended",
            Self::UnknownItem(_) => "unknown_item",
            Self::VariantNeeded(_) => "variant_needed",
            Self::Undecided => "undecided",
            Self::NotOffered(_) => "not_offered",
            Self::EmailNeeded => "email_needed",
            Self::TokenUsedElsewhere => "token_used_elsewhere",
            Self::Token(_) => "token",
        }
    }
}

impl HostRejection {
    const fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::StaleRevision { .. } => "stale_revision",
            Self::RevisionMissing => "revision_missing",
        }
    }
}

impl ShopRejection {
    const fn code(&self) -> &'static str {
        match self {
            Self::Suspended => "suspended",
            Self::AccountUnknown => "account_unknown",
            Self::PaymentsOff => "payments_off",
            Self::ClockDiffers => "clock_differs",
            Self::TokenUnread => "token_unread",
            Self::TooManyPayments => "too_many_payments",
            Self::Busy => "busy",
            Self::NoRoom => "no_room",
            Self::Unreconciled { .. } => "unreconciled",
            Self::NotWritten => "not_written",
            Self::Unavailable => "unavailable",
        }
    }

    /// What the store cannot read or write is not among these: then the timeline cannot be written either.
    const fn keeps_from_paying(&self) -> bool {
        match self {
            Self::Suspended
            | Self::AccountUnknown
            | Self::PaymentsOff
            | Self::ClockDiffers
            | Self::TokenUnread
            | Self::TooManyPayments
            | Self::Unreconciled { .. } => true,
            Self::Busy | Self::NoRoom | Self::NotWritten | Self::Unavailable => false,
        }
    }
}

impl OperatorRejection {
    const fn code(&self) -> &'static str {
        match self {
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
        }
    }
}
