//! Stripe's API versions: the value of a `Stripe-Version` header, and the parts of the API that it enables.
//!
//! Must not import the state. Invariant: Shared Payment Tokens exist only on public previews from 2026-04-22 on; on a
//! GA version they are as unknown as they are at Stripe.

use super::error::StripeError;

/// The version of a request without the header: the account's default, a GA version.
pub(crate) const ACCOUNT_DEFAULT: &str = "2026-10-28.endive";
const FIRST_WITH_TOKENS: &str = "2026-04-22";
const FIRST_WITHOUT_PAYMENT_METHOD_TYPES_PREVIEW: &str = "2026-08-26";
const FIRST_WITHOUT_PAYMENT_METHOD_TYPES: &str = "2026-09-30";

/// A version, `YYYY-MM-DD` or `YYYY-MM-DD.name`.
#[derive(Clone, Debug)]
pub(crate) struct ApiVersion(String);

impl ApiVersion {
    /// Parses the header; without one, the account's default is used.
    pub(crate) fn parse(header: Option<&str>) -> Result<Self, StripeError> {
        let text = header.unwrap_or(ACCOUNT_DEFAULT);
        if is_version(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(StripeError::invalid_request(format!("Invalid Stripe API version: {text}")))
        }
    }

    /// The version as the header writes it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether Shared Payment Tokens exist in this version.
    pub(crate) fn has_shared_payment_tokens(&self) -> bool {
        self.is_preview() && self.date() >= FIRST_WITH_TOKENS
    }

    /// Whether `payment_method_types` was removed from PaymentIntents in this version.
    pub(crate) fn lacks_payment_method_types(&self) -> bool {
        let first = if self.is_preview() {
            FIRST_WITHOUT_PAYMENT_METHOD_TYPES_PREVIEW
        } else {
            FIRST_WITHOUT_PAYMENT_METHOD_TYPES
        };
        self.date() >= first
    }

    fn is_preview(&self) -> bool {
        self.0.ends_with(".preview")
    }

    fn date(&self) -> &str {
        self.0.get(..10).unwrap_or_default()
    }
}

fn is_version(text: &str) -> bool {
    let (date, name) = match text.split_once('.') {
        Some((date, name)) => (date, Some(name)),
        None => (text, None),
    };
    let named =
        name.is_none_or(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase()));
    named && date.len() == 10 && date.parse::<jiff::civil::Date>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> ApiVersion {
        ApiVersion::parse(Some(text)).unwrap()
    }

    #[test]
    fn tokens_exist_only_on_previews_from_april_2026() {
        assert!(version("2026-09-30.preview").has_shared_payment_tokens());
        assert!(version("2026-04-22.preview").has_shared_payment_tokens());
        assert!(!version("2026-03-25.preview").has_shared_payment_tokens());
        assert!(!version("2026-10-28.endive").has_shared_payment_tokens());
        assert!(!ApiVersion::parse(None).unwrap().has_shared_payment_tokens());
    }

    #[test]
    fn nonsense_is_not_a_version() {
        for text in ["", "latest", "2026-13-01.preview", "2026-09-30.", "2026-09-30.Preview", "26-9-30"] {
            assert!(ApiVersion::parse(Some(text)).is_err(), "{text}");
        }
    }
}
