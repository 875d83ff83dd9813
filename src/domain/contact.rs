//! Parsing of the buyer and the address that a shopper or an agent writes.
//!
//! Invariants: a text is one line of bounded length, without control characters; a blank text counts as absent; an
//! address is in a known place, because taxes depend on it.

use url::Host;

use super::address::{Address, ContactField};
use super::places::{self, PlaceError, Written};

/// A field that is missing or wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct ContactError {
    pub field: ContactField,
    pub problem: ContactProblem,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContactProblem {
    #[error("is missing")]
    Missing,
    #[error("is too long")]
    TooLong,
    #[error("holds control characters")]
    ControlCharacters,
    #[error("is not a mail address")]
    NotAnEmail,
    #[error(transparent)]
    Place(PlaceError),
}

impl ContactError {
    /// Whether the field is missing, as opposed to wrong.
    #[must_use]
    pub const fn is_missing(&self) -> bool {
        match &self.problem {
            ContactProblem::Missing => true,
            ContactProblem::Place(error) => error.is_missing(),
            ContactProblem::TooLong | ContactProblem::ControlCharacters | ContactProblem::NotAnEmail => false,
        }
    }

    /// What to write instead.
    #[must_use]
    pub fn remedy(&self) -> String {
        match &self.problem {
            ContactProblem::NotAnEmail => "one such as ada@example.com".to_owned(),
            ContactProblem::Place(error) => error.remedy(),
            ContactProblem::Missing | ContactProblem::TooLong | ContactProblem::ControlCharacters => {
                format!("a text of 1 to {} characters", self.field.longest())
            }
        }
    }
}

/// The text of a field, trimmed and in one line; `None` if it is blank.
pub fn text(field: ContactField, written: &str) -> Result<Option<String>, ContactError> {
    let wrong = |problem| Err(ContactError { field, problem });
    let line = in_one_line(written);
    let text = line.as_deref().unwrap_or(written).trim();
    if text.chars().count() > field.longest() {
        wrong(ContactProblem::TooLong)
    } else if text.chars().any(char::is_control) {
        wrong(ContactProblem::ControlCharacters)
    } else {
        Ok((!text.is_empty()).then(|| text.to_owned()))
    }
}

/// A mail address in the form that Stripe accepts; `None` if it is blank.
pub fn email(written: &str) -> Result<Option<String>, ContactError> {
    let Some(text) = text(ContactField::Email, written)? else { return Ok(None) };
    let email = with_ascii_host(&text).unwrap_or(text);
    // The ASCII form may be longer.
    if email.len() <= ContactField::Email.longest() && is_email(&email) {
        Ok(Some(email))
    } else {
        Err(ContactError { field: ContactField::Email, problem: ContactProblem::NotAnEmail })
    }
}

/// An address as it was written. A blank field counts as absent.
#[derive(Clone, Copy, Debug, Default)]
pub struct AddressText<'a> {
    pub name: &'a str,
    pub line_one: &'a str,
    pub line_two: &'a str,
    pub city: &'a str,
    pub state: &'a str,
    pub country: &'a str,
    pub postal_code: &'a str,
    pub phone_number: &'a str,
}

impl AddressText<'_> {
    /// The address, in the form in which the shop stores it.
    pub fn parse(self) -> Result<Address, ContactError> {
        let needed = |field, written| {
            text(field, written)?.ok_or(ContactError { field, problem: ContactProblem::Missing })
        };
        let optional = |field, written| Ok(text(field, written)?.unwrap_or_default());
        let name = needed(ContactField::Name, self.name)?;
        let line_one = needed(ContactField::LineOne, self.line_one)?;
        let city = optional(ContactField::City, self.city)?;
        let place = places::place(Written {
            country: &needed(ContactField::Country, self.country)?,
            region: &optional(ContactField::State, self.state)?,
            city: &city,
            postal_code: &optional(ContactField::PostalCode, self.postal_code)?,
        })
        .map_err(|error| ContactError { field: error.field(), problem: ContactProblem::Place(error) })?;
        Ok(Address {
            name,
            line_one,
            line_two: text(ContactField::LineTwo, self.line_two)?,
            city,
            state: place.region,
            country: place.country,
            postal_code: place.postal_code,
            phone_number: text(ContactField::PhoneNumber, self.phone_number)?,
        })
    }
}

const fn breaks_line(letter: char) -> bool {
    matches!(letter, '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// A text with a blank for each run of line breaks and tabs; `None` where there are none.
#[must_use]
pub fn in_one_line(text: &str) -> Option<String> {
    let parts = || text.split(breaks_line).map(str::trim).filter(|part| !part.is_empty());
    text.contains(breaks_line).then(|| parts().collect::<Vec<_>>().join(" "))
}

/// A mail address with its host in ASCII (IDNA), which mail servers use; `None` if it already is, or is not a host.
fn with_ascii_host(email: &str) -> Option<String> {
    let (local, host) = email.rsplit_once('@')?;
    if host.is_ascii() {
        return None;
    }
    match Host::parse(host).ok()? {
        Host::Domain(host) => Some(format!("{local}@{host}")),
        Host::Ipv4(_) | Host::Ipv6(_) => None,
    }
}

/// Whether Stripe accepts the form: plain characters, one `@`, and a host with a dot in it. Only a delivered mail
/// could prove that the address exists.
fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.split_once('@') else { return false };
    let labels = || host.split('.');
    let label = |label: &str| {
        let inner = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        !label.is_empty() && inner && !label.starts_with('-') && !label.ends_with('-')
    };
    let dots = !local.starts_with('.') && !local.ends_with('.') && !local.contains("..");
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"()<>[]:;,\\\"@".contains(&byte);
    (1..=64).contains(&local.len())
        && dots
        && local.bytes().all(plain)
        && labels().count() > 1
        && labels().all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_address_has_the_form_that_stripe_takes() {
        for good in ["ada@example.com", "a.b+c@mail.example.co.uk", "x@x-y.io", "o'neil@example.com"] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "ada",
            "ada@",
            "@example.com",
            "ada@example",
            "a@@b.com",
            "a@b@c.com",
            "ada@-x.com",
            "ada@x-.com",
            "ada@.com",
            "ada@example.",
            ".ada@example.com",
            "ada.@example.com",
            "a..b@example.com",
            "a b@example.com",
            "ada@exa mple.com",
            "ad<a@example.com",
            "\u{e4}da@example.com",
            "ada@ex\u{e4}mple.com",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
        assert!(!is_email(&format!("{}@example.com", "a".repeat(65))));
    }

    #[test]
    fn the_host_of_a_mail_address_is_written_in_ascii() {
        for (written, meant) in [
            ("ada@b\u{fc}cher.example", Some("ada@xn--bcher-kva.example")),
            ("ada@B\u{dc}CHER.example", Some("ada@xn--bcher-kva.example")),
            ("ada@\u{4f8b}\u{5b50}.example", Some("ada@xn--fsqu00a.example")),
            ("ada@example.com", None),
            ("\u{e4}da@example.com", None),
            ("ada", None),
            ("ada@b\u{fc}ch er.example", None),
        ] {
            assert_eq!(with_ascii_host(written).as_deref(), meant, "{written}");
        }
    }

    #[test]
    fn other_control_characters_stay_and_are_refused_later() {
        assert_eq!(in_one_line("a\u{0}b"), None);
        assert_eq!(in_one_line("a\u{0}\nb").as_deref(), Some("a\u{0} b"));
    }

    #[test]
    fn a_blank_text_is_absent_and_a_long_one_is_rejected() {
        for field in
            [ContactField::Name, ContactField::Email, ContactField::PhoneNumber, ContactField::PostalCode]
        {
            let most = "x".repeat(field.longest());
            assert_eq!(text(field, " \n\t "), Ok(None));
            assert_eq!(text(field, &format!(" {most}\n")), Ok(Some(most.clone())));
            let long = text(field, &format!("{most}x")).unwrap_err();
            assert_eq!((long.field, long.problem), (field, ContactProblem::TooLong));
        }
        let hidden = text(ContactField::City, "a\u{0}b").unwrap_err();
        assert_eq!(hidden.problem, ContactProblem::ControlCharacters);
    }

    #[test]
    fn an_address_names_the_first_field_that_is_missing_or_wrong() {
        let whole = AddressText {
            name: "Ada",
            line_one: "12 Mill\nLane",
            city: "New York",
            state: "new york",
            country: "usa",
            postal_code: "10001",
            ..AddressText::default()
        };
        let address = whole.parse().unwrap();
        assert_eq!((address.line_one.as_str(), address.state.as_str()), ("12 Mill Lane", "NY"));
        assert_eq!((address.line_two, address.phone_number), (None, None));
        for (wrong, field, is_missing) in [
            (AddressText { name: " ", ..whole }, ContactField::Name, true),
            (AddressText { line_one: "", ..whole }, ContactField::LineOne, true),
            (AddressText { city: "", ..whole }, ContactField::City, true),
            (AddressText { country: "", ..whole }, ContactField::Country, true),
            (AddressText { country: "Narnia", ..whole }, ContactField::Country, false),
            (AddressText { state: "Narnia", ..whole }, ContactField::State, false),
            (AddressText { postal_code: "1", ..whole }, ContactField::PostalCode, false),
            (AddressText { phone_number: "1\u{0}", ..whole }, ContactField::PhoneNumber, false),
        ] {
            let error = wrong.parse().unwrap_err();
            assert_eq!((error.field, error.is_missing()), (field, is_missing), "{error}");
        }
    }
}
