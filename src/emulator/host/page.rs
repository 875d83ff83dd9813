//! The page's files, compiled in, and the policy that the page runs under.
//!
//! Must not import the backend. Invariant: the page runs only the code of these files, and frames only the sandbox.

use crate::currencies;

/// A file of the page.
#[derive(Clone, Copy)]
pub(super) struct PageFile {
    /// Its path.
    pub(super) path: &'static str,
    /// Its `Content-Type`.
    pub(super) content_type: &'static str,
    /// Its content.
    pub(super) text: &'static str,
}

macro_rules! page_files {
    ($($name:literal as $content_type:literal),* $(,)?) => {
        [$(PageFile {
            path: concat!("/", $name),
            content_type: $content_type,
            text: include_str!(concat!("page/", $name)),
        }),*]
    };
}

/// The page itself; served at `/`.
pub(super) const INDEX: PageFile =
    PageFile { path: "/", content_type: "text/html; charset=utf-8", text: include_str!("page/index.html") };

/// The decimals of each currency, at a path that the page can use.
pub(super) const CURRENCIES: PageFile = PageFile {
    path: "/domain/tables/currencies.json",
    content_type: "application/json",
    text: currencies::TABLE,
};

/// The files that the page loads.
pub(super) const FILES: [PageFile; 15] = page_files![
    "page.css" as "text/css; charset=utf-8",
    "main.js" as "text/javascript; charset=utf-8",
    "backend.js" as "text/javascript; charset=utf-8",
    "conversation.js" as "text/javascript; charset=utf-8",
    "elements.js" as "text/javascript; charset=utf-8",
    "merchant.js" as "text/javascript; charset=utf-8",
    "money.js" as "text/javascript; charset=utf-8",
    "payment-sheet.js" as "text/javascript; charset=utf-8",
    "session-object.js" as "text/javascript; charset=utf-8",
    "tool-access.js" as "text/javascript; charset=utf-8",
    "transcript.js" as "text/javascript; charset=utf-8",
    "wallet.js" as "text/javascript; charset=utf-8",
    "wallet-offer.js" as "text/javascript; charset=utf-8",
    "results.js" as "text/javascript; charset=utf-8",
    "widget-frame.js" as "text/javascript; charset=utf-8",
];

/// The page's own `Content-Security-Policy`.
pub(super) fn policy(sandbox_origin: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         frame-src {sandbox_origin}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}
