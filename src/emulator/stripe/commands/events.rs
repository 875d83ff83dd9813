//! Commands about events.

use crate::stripe::params::paging::PageParams;
use crate::stripe::request_kind::RequestKind;

/// A command about events.
#[derive(Clone, Debug)]
pub(crate) enum EventCommand {
    /// `GET /v1/events/{id}`.
    Read(String),
    /// `GET /v1/events`: a page, and the kinds of event that are asked for.
    List(PageParams, Option<Vec<String>>),
}

impl EventCommand {
    /// The kind of its request.
    pub(super) const fn kind(&self) -> RequestKind {
        match self {
            Self::Read(_) => RequestKind::ReadEvent,
            Self::List(..) => RequestKind::ListEvents,
        }
    }
}
