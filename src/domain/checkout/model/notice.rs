//! Messages for the shopper about a session, as data. Each channel puts them into its own words and language.

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use super::refused_field::RefusedField;
use super::token::TokenProblem;
use crate::domain::ids::ItemId;

/// A message for the shopper about a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
pub enum Notice {
    PaymentDeclined {
        /// The reason, as far as Stripe gives one.
        reason: DeclineReason,
    },
    /// The bank asks the shopper to confirm the payment, which is not possible here. Nothing was charged.
    ConfirmationNeeded,
    /// The token can no longer be charged. Nothing was charged.
    TokenUnusable,
    /// Stripe does not accept the request. Nothing was charged.
    RequestRefused {
        /// The field of the order that Stripe does not accept, if it names one.
        field: Option<RefusedField>,
    },
    /// Stripe has refused the payment, and refuses every repeat of it. Nothing was charged.
    PaymentRefused {
        /// The field of the order that Stripe does not accept, if it names one.
        field: Option<RefusedField>,
    },
    /// The payment never reached Stripe. Nothing was charged.
    PaymentNotMade,
    /// An operator found that nothing was charged.
    NothingCharged,
    /// The Stripe Checkout was closed. Nothing was charged.
    StripeCheckoutClosed,
    /// An item of the order can no longer be bought.
    ItemUnavailable {
        item: ItemId,
    },
    /// A payment arrived that the checkout does not account for, so the shopper should not pay again.
    PaymentLookedInto,
    PaymentUnderWay,
    /// The token cannot pay the order. Nothing was charged.
    TokenRejected {
        problem: TokenProblem,
    },
    /// The prices shown are too old.
    QuoteExpired,
}

impl Notice {
    /// The payment was declined without a reason.
    pub const DECLINED: Self = Self::PaymentDeclined { reason: DeclineReason::Unknown };

    /// Its kind, as the payment sheet defines it.
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

/// Why a payment was declined, if the shopper can act on it (Stripe's `decline_code`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclineReason {
    /// The bank gives no reason, or none that the shopper may learn.
    Unknown,
    InsufficientFunds,
    ExpiredCard,
    /// The card's number, date or check digits are wrong.
    IncorrectDetails,
    /// The payment exceeds a limit of the card.
    LimitExceeded,
    /// The card cannot be used for this shop, currency or kind of payment.
    NotSupported,
    /// The bank could not be reached; the same payment may work a moment later.
    TryAgain,
}

/// The kinds of notice (ACP 2025-09-29 `MessageError`). `payment_declined` and `requires_3ds` are shown on the
/// payment sheet, the rest in the widget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum NoticeCode {
    /// Required data is missing.
    Missing,
    /// Given data is not valid.
    Invalid,
    /// An item cannot be bought at present.
    OutOfStock,
    /// The payment was refused.
    PaymentDeclined,
    /// The bank wants the shopper to confirm the payment, which is not possible here.
    #[strum(serialize = "requires_3ds")]
    Requires3ds,
    /// The quote or the session has expired.
    Expired,
    /// Another payment is in progress.
    Conflict,
}
