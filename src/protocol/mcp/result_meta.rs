//! The members at the end of every result: `resultType`, its cache lifetime, and the server's name.

use std::sync::LazyLock;

use serde_json::json;

use super::era::Era;

/// The server's name in `serverInfo`.
pub(super) const SERVER_NAME: &str = "merchant-gateway";

/// `{"name": …, "version": …}`.
pub(super) static SERVER_INFO: LazyLock<String> =
    LazyLock::new(|| json!({ "name": SERVER_NAME, "version": env!("CARGO_PKG_VERSION") }).to_string());

/// How long a result may be cached, and by whom (2026-07-28 `CacheableResult`). No result depends on the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cache {
    /// Not a list: a tool's result.
    No,
    /// `server/discover`: its instructions change with a merchant's file, so a minute.
    Discovery,
    /// Tools, resources, templates: fixed by the contract version; only the widget's content and its image hosts
    /// change. Five minutes.
    List,
}

impl Cache {
    const fn millis(self) -> Option<u32> {
        match self {
            Self::No => None,
            Self::Discovery => Some(60_000),
            Self::List => Some(300_000),
        }
    }
}

/// The members that a result of this era ends with, after at least one other: `,"resultType":…}`. `meta` is the
/// content of the result's `_meta` besides the server's name, as the inside of an object.
pub(super) fn tail(era: Era, cache: Cache, meta: &str) -> String {
    match era {
        Era::Legacy if meta.is_empty() => "}".to_owned(),
        Era::Legacy => format!(r#","_meta":{{{meta}}}}}"#),
        Era::Modern => {
            let info = SERVER_INFO.as_str();
            let cache = cache
                .millis()
                .map_or_else(String::new, |millis| format!(r#","ttlMs":{millis},"cacheScope":"public""#));
            let comma = if meta.is_empty() { "" } else { "," };
            format!(
                r#","resultType":"complete"{cache},"_meta":{{"io.modelcontextprotocol/serverInfo":{info}{comma}{meta}}}}}"#
            )
        }
    }
}
