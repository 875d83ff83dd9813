//! What every answer about a session is rendered with.

use super::capability::{Capabilities, Capability};
use crate::domain::ids::{Revision, SessionId};
use crate::domain::merchant::MerchantView;
use crate::domain::time::Timestamp;

/// The merchant, the moment, and what makes capabilities.
#[derive(Clone, Copy, Debug)]
pub struct Rendering<'a> {
    /// The merchant as it is now.
    pub view: &'a MerchantView,
    /// Makes capabilities.
    pub capabilities: &'a Capabilities,
    /// The present.
    pub now: Timestamp,
}

impl Rendering<'_> {
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
