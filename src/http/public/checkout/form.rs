//! The forms of the checkout page.

use actix_web::web;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::domain::address::Buyer;
use crate::domain::checkout::model::{Command, Patch};
use crate::domain::contact::{self, AddressText, ContactError};
use crate::domain::ids::Revision;
use crate::domain::language::Language;
use crate::http::public::body;
use crate::http::public::html::PageKind;
use crate::protocol::texts::catalogue;

/// The largest form, in bytes.
const MAX_FORM: usize = 16 * 1024;

/// A form's fields; `None` if the body is not one of our forms, too long, or too slow.
pub(super) async fn read<T: DeserializeOwned>(payload: web::Payload) -> Option<T> {
    let body = body::read(payload, MAX_FORM).await.ok()?;
    // A form is encoded like a query.
    let form = web::Query::<T>::from_query(std::str::from_utf8(&body).ok()?);
    form.ok().map(web::Query::into_inner)
}

/// The payment form.
#[derive(Deserialize)]
pub(super) struct Pay {
    revision: u32,
}

impl Pay {
    pub(super) const fn command(&self) -> Command {
        Command::OpenStripeCheckout { revision: Some(Revision(self.revision)) }
    }

    /// Whether it was shown for this revision.
    pub(super) const fn is_of(&self, revision: Revision) -> bool {
        self.revision == revision.0
    }
}

/// The result of the last form, for the page that is shown again.
#[derive(Clone, Copy, Default)]
pub(super) struct LastSubmission<'a> {
    /// The message about it.
    pub(super) said: Option<&'a str>,
    /// The submitted values, so that the shopper need not type them again.
    pub(super) typed: Option<&'a Edit>,
    /// Whether the page keeps its forms.
    plain: bool,
}

impl<'a> LastSubmission<'a> {
    pub(super) const fn said(text: &'a str) -> Self {
        Self { said: Some(text), typed: None, plain: true }
    }

    pub(super) const fn plain() -> Self {
        Self { said: None, typed: None, plain: true }
    }

    pub(super) const fn wrong(text: &'a str, typed: &'a Edit) -> Self {
        Self { said: Some(text), typed: Some(typed), plain: true }
    }

    /// The kind of page: a reply to a form keeps the forms, which show the message and the submitted values.
    pub(super) const fn page(&self) -> PageKind {
        if self.plain { PageKind::Forms } else { PageKind::Widget }
    }
}

/// The form of buyer, address and shipping. An empty field counts as absent.
#[derive(Deserialize)]
pub(super) struct Edit {
    revision: u32,
    #[serde(default)]
    pub(super) email: String,
    #[serde(default)]
    pub(super) option: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) line_one: String,
    #[serde(default)]
    pub(super) line_two: String,
    #[serde(default)]
    pub(super) city: String,
    #[serde(default)]
    pub(super) state: String,
    #[serde(default)]
    pub(super) postal_code: String,
    #[serde(default)]
    pub(super) country: String,
    #[serde(default)]
    pub(super) phone_number: String,
    /// The country of the shown shipping options; empty if none were shown.
    #[serde(default)]
    pub(super) options_of: String,
}

impl Edit {
    /// The command; `Err` names the wrong field and the problem.
    pub(super) fn command(&self) -> Result<Command, FormError> {
        Ok(Command::Update { revision: Some(Revision(self.revision)), patch: self.patch()? })
    }

    fn patch(&self) -> Result<Patch, FormError> {
        let written = AddressText {
            name: &self.name,
            line_one: &self.line_one,
            line_two: &self.line_two,
            city: &self.city,
            state: &self.state,
            country: &self.country,
            postal_code: &self.postal_code,
            phone_number: &self.phone_number,
        };
        let has_address = [&self.name, &self.line_one, &self.city, &self.postal_code]
            .iter()
            .any(|field| !field.trim().is_empty());
        let email = contact::email(&self.email)?;
        Ok(Patch {
            cart: None,
            buyer: email.map(|email| Buyer { email: Some(email), ..Buyer::default() }),
            address: has_address.then(|| written.parse()).transpose()?,
            // An option chosen for another country may not be offered in this one.
            option_id: Some(&self.option)
                .filter(|id| !id.is_empty() && self.options_of == self.country)
                .map(|id| id.parse().map_err(|_| FormError::Unreadable))
                .transpose()?,
        })
    }
}

/// Why a form has no effect.
#[derive(Debug)]
pub(super) enum FormError {
    Contact(ContactError),
    /// Our page does not send such a form.
    Unreadable,
}

impl From<ContactError> for FormError {
    fn from(error: ContactError) -> Self {
        Self::Contact(error)
    }
}

impl FormError {
    /// The message for a shopper.
    pub(super) fn message(&self, language: Language) -> String {
        match self {
            Self::Contact(wrong) => catalogue::wrong_field(language, wrong.field, wrong.is_missing()),
            Self::Unreadable => catalogue::of(language).page.form_unreadable.clone(),
        }
    }
}
