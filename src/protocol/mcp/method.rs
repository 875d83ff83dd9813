//! The methods that are served, and their eras.
//!
//! Invariant: a method that is not in [`Method::ALL`] gets a not-found error.

use super::era::Era;

/// A method that is served in some era.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Discover,
    Initialize,
    Ping,
    ToolsList,
    ToolsCall,
    ResourcesList,
    ResourcesRead,
    TemplatesList,
}

impl Method {
    const ALL: [Self; 8] = [
        Self::ToolsCall,
        Self::ToolsList,
        Self::ResourcesRead,
        Self::ResourcesList,
        Self::TemplatesList,
        Self::Discover,
        Self::Initialize,
        Self::Ping,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Discover => "server/discover",
            Self::Initialize => "initialize",
            Self::Ping => "ping",
            Self::ToolsList => "tools/list",
            Self::ToolsCall => "tools/call",
            Self::ResourcesList => "resources/list",
            Self::ResourcesRead => "resources/read",
            Self::TemplatesList => "resources/templates/list",
        }
    }

    /// 2026-07-28 removed `initialize` and `ping`; `server/discover` came with it.
    const fn served_in(self, era: Era) -> bool {
        match self {
            Self::Discover => matches!(era, Era::Modern),
            Self::Initialize | Self::Ping => matches!(era, Era::Legacy),
            Self::ToolsList
            | Self::ToolsCall
            | Self::ResourcesList
            | Self::ResourcesRead
            | Self::TemplatesList => true,
        }
    }

    pub(super) fn find(name: &str, era: Era) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name && method.served_in(era))
    }
}
