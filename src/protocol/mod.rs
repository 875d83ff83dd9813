//! The wire protocols of hosts: their types and the mapping to the domain.
//!
//! Must not import: an HTTP framework, tokio, sqlx, or any folder but `domain`, `ports`, `keyring` and `config`.
//! Invariant: no I/O, no clock, no randomness; the same message, view and keys give the same reply.
//!
//! - [`mcp`]: the Model Context Protocol on one `POST /mcp`, modern and legacy; one file per tool.
//! - [`apps`]: the wire forms that ChatGPT and MCP Apps hosts prescribe: payment sheet, product card, widget.
//! - [`mpp`]: the Machine Payments Protocol, by which an agent's wallet pays over HTTP 402.
//! - [`capability`]: the id of a session with its MAC. [`links`]: the addresses of a merchant's own pages.
//! - [`llms`]: what a shop says of itself to agents, in `/llms.txt`.
//! - [`rendering`]: the inputs of every reply's rendering. [`texts`]: messages about a checkout,
//!   once for each audience.
//! - [`order_events`]: the events that merchants receive about their orders.

pub mod apps;
pub mod capability;
pub mod links;
pub mod llms;
pub mod mcp;
pub mod mpp;
pub mod order_events;
pub mod rendering;
pub mod texts;
