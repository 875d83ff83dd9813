//! What a shopper is told about a session, as data: each channel says it in its own words and language.

use serde::{Deserialize, Serialize};

use super::refused_field::RefusedField;
use super::token::TokenProblem;
use crate::domain::ids::ItemId;

/// What a shopper is told about a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
pub enum Notice {
    /// The payment was declined.
    PaymentDeclined {
        /// Why, as far as Stripe says it.
        reason: DeclineReason,
    },
    /// The bank asks the shopper to confirm the payment, which cannot be done here. Nothing was charged.
    ConfirmationNeeded,
    /// The token cannot be charged any more. Nothing was charged.
    TokenUnusable,
    /// Stripe does not take the request. Nothing was charged.
    RequestRefused {
        /// What of the order it does not take, where it names that.
        field: Option<RefusedField>,
    },
    /// Stripe has refused the payment, and refuses every repeat of it. Nothing was charged.
    PaymentRefused {
        /// What of the order it does not take, where it names that.
        field: Option<RefusedField>,
    },
    /// The payment never reached Stripe. Nothing was charged.
    PaymentNotMade,
    /// An operator found that nothing was charged.
    NothingCharged,
    /// The page at Stripe was closed. Nothing was charged.
    StripeCheckoutClosed,
    /// An item of the order cannot be bought any more.
    ItemUnavailable {
        /// Which.
        item: ItemId,
    },
    /// A payment has come that the checkout does not account for: nobody should pay again.
    PaymentLookedInto,
    /// A payment is under way.
    PaymentUnderWay,
    /// The token cannot pay the order. Nothing was charged.
    TokenRejected {
        /// Why.
        problem: TokenProblem,
    },
    /// The prices shown are too old.
    QuoteExpired,
}

impl Notice {
    /// The payment was declined, and nothing says why.
    pub const DECLINED: Self = Self::PaymentDeclined { reason: DeclineReason::Unknown };

    /// Its kind, as the payment sheet knows it.
    #[must_use]
    pub const fn code(&self) -> NoticeCode {
        match self {
            Self::PaymentDeclined { .. }
            | Self::TokenUnusable
            | Self::RequestRefused { .. }
            | Self::PaymentRefused { .. }
            | Self::PaymentNotMade
            | Self::NothingCharged
            | Self::TokenRejected { .. } => NoticeCode::PaymentDeclined,
            Self::ConfirmationNeeded => NoticeCode::Requires3ds,
            Self::StripeCheckoutClosed | Self::QuoteExpired => NoticeCode::Expired,
            Self::ItemUnavailable { .. } => NoticeCode::OutOfStock,
            Self::PaymentLookedInto | Self::PaymentUnderWay => NoticeCode::Conflict,
        }
    }
}

/// Why a payment was declined, as far as a shopper can do something about it (Stripe's `decline_code`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclineReason {
    /// The bank does not say why, or it is nothing that the shopper is told.
    Unknown,
    /// There is not enough money.
    InsufficientFunds,
    /// The card is too old.
    ExpiredCard,
    /// Its number, date or check digits are wrong.
    IncorrectDetails,
    /// It goes beyond a limit of the card.
    LimitExceeded,
    /// The card cannot be used for this shop, currency or kind of payment.
    NotSupported,
    /// The bank could not be reached: the same may work in a moment.
    TryAgain,
}

/// The kinds of notice (ACP 2025-09-29 `MessageError`). `payment_declined` and `requires_3ds` are shown on the payment sheet,
/// the rest in the widget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeCode {
    /// Something is still to be given.
    Missing,
    /// Something given cannot be used.
    Invalid,
    /// An item cannot be bought now.
    OutOfStock,
    /// The payment was refused.
    PaymentDeclined,
    /// The bank wants the shopper to confirm, which cannot be done here.
    Requires3ds,
    /// The quote or the session is too old.
    Expired,
    /// Another payment is under way.
    Conflict,
}

impl NoticeCode {
    /// The code as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Invalid => "invalid",
            Self::OutOfStock => "out_of_stock",
            Self::PaymentDeclined => "payment_declined",
            Self::Requires3ds => "requires_3ds",
            Self::Expired => "expired",
            Self::Conflict => "conflict",
        }
    }
}
