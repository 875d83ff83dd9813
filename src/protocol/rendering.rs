//! The inputs for rendering any reply about a session.

use super::capability::{Capabilities, Capability};
use super::texts::wording::Wording;
use crate::domain::ids::{Revision, SessionId};
use crate::domain::language::Language;
use crate::domain::merchant::MerchantView;
use crate::domain::time::Timestamp;

/// The merchant, the moment, and the capabilities.
#[derive(Clone, Copy, Debug)]
pub struct Rendering<'a> {
    pub view: &'a MerchantView,
    pub capabilities: &'a Capabilities,
    pub language: Language,
    pub now: Timestamp,
}

impl<'a> Rendering<'a> {
    /// The messages for the shopper.
    #[must_use]
    pub fn shopper(&self) -> Wording<'a> {
        Wording::for_shopper(self.view, self.language)
    }

    /// The id of a session of this merchant in tools, with the revision that is shown.
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
