//! The methods that are served, and their eras.
//!
//! Invariant: a method that is not in [`Method`] gets a not-found error.

use strum::{EnumString, IntoStaticStr};

use super::era::Era;

/// A method that is served in some era.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, EnumString)]
#[strum(const_into_str)]
pub(super) enum Method {
    #[strum(serialize = "server/discover")]
    Discover,
    #[strum(serialize = "initialize")]
    Initialize,
    #[strum(serialize = "ping")]
    Ping,
    #[strum(serialize = "tools/list")]
    ToolsList,
    #[strum(serialize = "tools/call")]
    ToolsCall,
    #[strum(serialize = "resources/list")]
    ResourcesList,
    #[strum(serialize = "resources/read")]
    ResourcesRead,
    #[strum(serialize = "resources/templates/list")]
    TemplatesList,
}

impl Method {
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
        name.parse().ok().filter(|method: &Self| method.served_in(era))
    }
}
