//! What hosts speak: wire types and their mapping to the domain.
//!
//! Must not import: an HTTP framework, tokio, sqlx, or any folder but `domain`, `ports`, `keyring` and `config`.
//! Invariant: no I/O, no clock, no randomness; the same message, view and keys give the same answer.
//!
//! - [`mcp`]: the Model Context Protocol on one `POST /mcp`, modern and legacy; one file per tool.
//! - [`apps`]: the outside forms that ChatGPT and MCP Apps hosts prescribe: payment sheet, product card, widget.
//! - [`capability`]: what opens a session, beside its name. [`links`]: the addresses of a merchant's own pages.
//! - [`rendering`]: what every answer is rendered with. [`texts`]: what is said of a checkout, once for each audience.
//! - [`order_events`]: what merchants are told of their orders.

pub mod apps;
pub mod capability;
pub mod links;
pub mod mcp;
pub mod order_events;
pub mod rendering;
pub mod texts;
