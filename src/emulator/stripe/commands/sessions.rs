//! Commands about Checkout Sessions.

use crate::stripe::objects::checkout_session::SessionView;
use crate::stripe::objects::new_session::NewSession;
use crate::stripe::params::paging::PageParams;
use crate::stripe::request_kind::RequestKind;

/// A command about Checkout Sessions.
#[derive(Clone, Debug)]
pub(crate) enum SessionCommand {
    /// `POST /v1/checkout/sessions`.
    Create(Box<NewSession>, SessionView),
    /// `GET /v1/checkout/sessions/{id}`.
    Read(String, SessionView),
    /// `GET /v1/checkout/sessions`.
    List(SessionList),
    /// `POST /v1/checkout/sessions/{id}/expire`.
    Expire(String, SessionView),
    /// `GET /v1/checkout/sessions/{id}/line_items`.
    Lines(String, PageParams),
}

impl SessionCommand {
    /// What kind of request it came by.
    pub(super) const fn kind(&self) -> RequestKind {
        match self {
            Self::Create(..) => RequestKind::CreateSession,
            Self::Read(..) => RequestKind::ReadSession,
            Self::List(_) => RequestKind::ListSessions,
            Self::Expire(..) => RequestKind::ExpireSession,
            Self::Lines(..) => RequestKind::ListSessionLines,
        }
    }
}

/// A page of sessions.
#[derive(Clone, Debug)]
pub(crate) struct SessionList {
    /// Which page.
    pub(crate) page: PageParams,
    /// Only the one that this payment belongs to.
    pub(crate) payment_intent: Option<String>,
    /// Only those with this status.
    pub(crate) status: Option<String>,
    /// The fields to expand.
    pub(crate) view: SessionView,
}
