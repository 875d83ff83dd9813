//! Buyers and postal addresses.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

/// An ISO 3166-1 alpha-2 country code, upper case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CountryCode([u8; 2]);

/// The error for a text that is not a country code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a country code; send the two letters of ISO 3166-1, such as \"US\"")]
pub struct CountryCodeError(String);

impl CountryCode {
    /// The two letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("??")
    }
}

impl FromStr for CountryCode {
    type Err = CountryCodeError;

    /// Parses two letters in any case.
    fn from_str(text: &str) -> Result<Self, CountryCodeError> {
        match text.as_bytes() {
            [first, second] if first.is_ascii_alphabetic() && second.is_ascii_alphabetic() => {
                Ok(Self([first.to_ascii_uppercase(), second.to_ascii_uppercase()]))
            }
            _ => Err(CountryCodeError(text.to_owned())),
        }
    }
}

impl TryFrom<String> for CountryCode {
    type Error = CountryCodeError;
    fn try_from(text: String) -> Result<Self, CountryCodeError> {
        text.parse()
    }
}

impl From<CountryCode> for String {
    fn from(code: CountryCode) -> Self {
        code.as_str().to_owned()
    }
}

impl fmt::Debug for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A field of a buyer or an address, by the names of the payment sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum ContactField {
    Name,
    Email,
    PhoneNumber,
    LineOne,
    LineTwo,
    City,
    State,
    Country,
    PostalCode,
}

impl ContactField {
    /// The longest text, in characters. A mail address has 64, an @ and 255 (RFC 5321).
    #[must_use]
    pub const fn longest(self) -> usize {
        match self {
            Self::Name | Self::LineOne | Self::LineTwo | Self::City | Self::State | Self::Country => 200,
            Self::Email => 320,
            Self::PhoneNumber => 40,
            Self::PostalCode => 20,
        }
    }
}

/// A postal address, with the payment sheet's field names (ACP 2025-09-29 `Address`, plus a phone number).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The recipient.
    pub name: String,
    /// Street and number.
    pub line_one: String,
    /// Flat, floor, company.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line_two: Option<String>,
    /// City; empty where addresses have none.
    pub city: String,
    /// State, province or region, in the form that `places` uses. Empty for a country without regions.
    #[serde(default)]
    pub state: String,
    pub country: CountryCode,
    /// Postal code. Empty for a country without postal codes.
    #[serde(default)]
    pub postal_code: String,
    /// Telephone number for the carrier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
}

/// The buyer, as far as the host has sent the data. Every part may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buyer {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Electronic mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Telephone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
}

impl Buyer {
    /// This buyer, with the missing parts filled in from `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            name: self.name.or(other.name),
            email: self.email.or(other.email),
            phone_number: self.phone_number.or(other.phone_number),
        }
    }
}
