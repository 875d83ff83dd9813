//! What every answer about a session is rendered with.

use super::capability::{Capabilities, Capability};
use super::texts::shopper::ShopperTexts;
use crate::domain::ids::{Revision, SessionId};
use crate::domain::language::Language;
use crate::domain::merchant::MerchantView;
use crate::domain::time::Timestamp;

/// The merchant, the moment, and what makes capabilities.
#[derive(Clone, Copy, Debug)]
pub struct Rendering<'a> {
    /// The merchant as it is now.
    pub view: &'a MerchantView,
    /// Makes capabilities.
    pub capabilities: &'a Capabilities,
    /// The language of the shopper.
    pub language: Language,
    /// The present.
    pub now: Timestamp,
}

impl<'a> Rendering<'a> {
    /// The words for the shopper.
    #[must_use]
    pub const fn shopper(&self) -> ShopperTexts<'a> {
        ShopperTexts::of(self.view, self.language)
    }

    /// The text by which tools take a session of this merchant, with the revision that is shown.
    #[must_use]
    pub fn id(&self, session: &SessionId, revision: Revision) -> String {
        self.capability(session, Some(revision)).expose()
    }

    /// The capability of a session of this merchant.
    #[must_use]
    pub fn capability(&self, session: &SessionId, revision: Option<Revision>) -> Capability {
        self.capabilities.of(&self.view.tenant(), session, revision)
    }
}
