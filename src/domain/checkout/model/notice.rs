//! What a shopper is told about a session.

use serde::{Deserialize, Serialize};

/// What a shopper is told about a session: an error on the payment sheet (ACP 2025-09-29 `MessageError`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The kind.
    pub code: NoticeCode,
    /// Plain text.
    pub text: String,
}

/// The kinds of notice. `payment_declined` and `requires_3ds` are shown on the payment sheet, the rest in the widget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    #[serde(rename = "requires_3ds")]
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
