//! The problems of the protocol, as `application/problem+json` (RFC 9457).
//!
//! Source: draft-httpauth-payment-02, "Problem types".

use strum::IntoStaticStr;

/// What each type begins with.
const TYPES: &str = "https://paymentauth.org/problems/";

/// A type of problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum ProblemType {
    /// No credential was sent.
    PaymentRequired,
    MalformedCredential,
    InvalidPayload,
    /// The credential answers no challenge of this checkout as it is.
    InvalidChallenge,
    PaymentExpired,
    /// The token cannot be used, or the payment was declined.
    VerificationFailed,
    /// The bank asks for a confirmation, which this way of paying does not have.
    PaymentActionRequired,
    /// The token is for less than the total.
    PaymentInsufficient,
    MethodUnsupported,
    BadRequest,
}

impl ProblemType {
    /// The `type`.
    #[must_use]
    pub fn uri(self) -> String {
        format!("{TYPES}{}", self.code())
    }

    /// The last part of the `type`.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.into()
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::MethodUnsupported | Self::BadRequest => 400,
            Self::PaymentRequired
            | Self::MalformedCredential
            | Self::InvalidPayload
            | Self::InvalidChallenge
            | Self::PaymentExpired
            | Self::VerificationFailed
            | Self::PaymentActionRequired
            | Self::PaymentInsufficient => 402,
        }
    }

    /// The `title`.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::PaymentRequired => "Payment required",
            Self::MalformedCredential => "Malformed credential",
            Self::InvalidPayload => "Invalid payload",
            Self::InvalidChallenge => "Invalid challenge",
            Self::PaymentExpired => "Challenge expired",
            Self::VerificationFailed => "Payment failed",
            Self::PaymentActionRequired => "Confirmation required",
            Self::PaymentInsufficient => "Token too small",
            Self::MethodUnsupported => "Method not supported",
            Self::BadRequest => "Bad request",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_named_as_the_specification_names_it() {
        assert_eq!(ProblemType::PaymentRequired.uri(), "https://paymentauth.org/problems/payment-required");
        assert_eq!(
            ProblemType::PaymentActionRequired.uri(),
            "https://paymentauth.org/problems/payment-action-required"
        );
        assert_eq!((ProblemType::InvalidChallenge.status(), ProblemType::BadRequest.status()), (402, 400));
    }
}
