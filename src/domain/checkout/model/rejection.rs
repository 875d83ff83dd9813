//! Why a session did not do what was asked, as data, grouped by who can act on it. Each channel uses its own words
//! for it.
//!
//! A rejected request changes nothing; the effects of earlier requests remain.

use std::fmt;

use strum::IntoStaticStr;

use super::token::TokenProblem;
use crate::domain::catalog::{NotSold, VariantNeeded};
use crate::domain::ids::{ItemId, PaymentIntentId, Reference, Revision};
use crate::domain::money::Money;
use crate::domain::pricing::PricingProblem;
use crate::domain::time::Span;

/// Why a session did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The shopper can correct it, or must leave the checkout as it is.
    Shopper(ShopperRejection),
    /// The caller named something that it was not shown.
    Host(HostRejection),
    /// The shop cannot do it now. It will work later, or its operator must act.
    Shop(ShopRejection),
    /// An operator's request that is not possible.
    Operator(OperatorRejection),
}

/// A rejection that the shopper can correct, or must accept.
#[derive(Clone, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum ShopperRejection {
    /// It cannot be paid yet.
    NotPayable(NotPayable),
    QuoteExpired,
    /// It has ended, in the state of this name.
    Ended(&'static str),
    /// The shop has no such item.
    UnknownItem(ItemId),
    /// The item is bought by the id of one of its variants.
    VariantNeeded(VariantNeeded),
    /// A payment is in progress and its end is not known yet.
    Undecided,
    /// The shop does not offer this payment method.
    NotOffered(NotOffered),
    /// The goods need no parcel, and the buyer's mail address is missing.
    EmailNeeded,
    /// The shop takes no payments from this agent.
    AgentRefused,
    /// The token belongs to another checkout of this shop.
    TokenUsedElsewhere,
    /// The token cannot pay this.
    Token(TokenProblem),
}

/// Why a session cannot be paid yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotPayable {
    /// A new session without items.
    NothingWanted,
    /// It has no quote.
    Unpriced(PricingProblem),
    /// Its last payment never happened: a new revision must be shown first.
    LastPaymentNotMade,
    /// A late payment is being checked: another payment might be the second one.
    PaymentLookedInto,
    /// It is in the state of this name.
    InState(&'static str),
}

/// A way to pay that a shop does not offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotOffered {
    PaymentSheet,
    StripeCheckout,
    /// An agent's wallet.
    Wallet,
    /// One more Stripe Checkout for this session.
    AnotherStripeCheckout,
}

/// The caller named something that it was not shown.
#[derive(Clone, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum HostRejection {
    /// No such session in this shop and mode.
    NotFound,
    /// The revision is not the present one.
    StaleRevision { current: Revision },
    /// A payment must name the revision.
    RevisionMissing,
}

/// The shop cannot do it now.
#[derive(Clone, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum ShopRejection {
    Suspended,
    /// The merchant's Stripe account is not known yet.
    AccountUnknown,
    /// Stripe accepts no payments with the merchant's key at present.
    PaymentsOff,
    /// The gateway's clock is wrong, and the payment rules depend on time.
    ClockDiffers,
    /// The token could not be read at Stripe.
    TokenUnread,
    /// Too many payments of this session, shopper or merchant are in progress; this one was not begun.
    TooManyPayments,
    /// Too many requests at once; nothing was done.
    Busy,
    /// There is too little storage left for new checkouts; existing checkouts continue.
    NoRoom,
    /// The records were restored, and payments since the backup are not accounted for yet; nothing was done.
    Unreconciled {
        /// The least time until then.
        left: Span,
    },
    /// A payment could not be stored, so it was not begun.
    NotWritten,
    /// The store did not answer; nothing was done.
    Unavailable,
}

/// An operator's request that is not possible.
#[derive(Clone, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum OperatorRejection {
    /// Only a paid order has this; the checkout is in the state of this name.
    NotPaid(&'static str),
    /// More than what was paid, or nothing.
    RefundTooLarge { left: Money },
    /// Not a multiple of the currency's step.
    RefundNotAWholeStep { step: Money },
    /// Nothing is left to refund.
    NothingToRefund,
    /// Goods are not sent for money that was refunded.
    GoneBack,
    /// Another refund is in progress; only one is made at a time.
    RefundUnderWay,
    /// The reference is already used for something else.
    ReferenceTaken(Reference),
    /// The order does not have this item.
    NotOrdered(ItemId),
    /// More than what was bought and is not sent yet, or nothing.
    NotThatMany {
        item: ItemId,
        /// How many can be sent.
        left: u32,
    },
    /// Everything is already sent.
    NothingToSend,
    /// There is nothing to decide; the checkout is in the state of this name.
    NotFrozen(&'static str),
    /// Stripe's data does not confirm the decision.
    Unverified(Unverified),
}

/// Why a decision is not confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unverified {
    /// The payment that is said to have charged the shopper could not be read at Stripe.
    PaymentUnread(PaymentIntentId),
    NotOfSession(PaymentIntentId),
    OtherMode(PaymentIntentId),
    NotSucceeded(PaymentIntentId, &'static str),
    /// The payment of an attempt that is said to be unpaid has this status, so it may still succeed.
    StillAlive(PaymentIntentId, &'static str),
    /// The payment of an attempt that is said to be unpaid has succeeded.
    Succeeded(PaymentIntentId),
    /// An attempt that is said to be unpaid could not be read at Stripe.
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

/// Its kind, which the logs show.
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
            Self::Shopper(rejection) => rejection.into_str(),
            Self::Host(rejection) => rejection.into_str(),
            Self::Shop(rejection) => rejection.into_str(),
            Self::Operator(rejection) => rejection.into_str(),
        }
    }

    /// Whether a payment was not begun because of the shop, the gateway or Stripe, and not because of the payer.
    #[must_use]
    pub const fn keeps_from_paying(&self) -> bool {
        match self {
            Self::Shop(rejection) => rejection.keeps_from_paying(),
            Self::Shopper(_) | Self::Host(_) | Self::Operator(_) => false,
        }
    }
}

impl ShopRejection {
    /// Failures of the store are not among these, since the timeline cannot be written then either.
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
