//! What hosts speak: wire types and their mapping to the domain.
//!
//! Must not import: an HTTP framework, tokio, sqlx, or any folder but `domain` and `ports`. Invariant: no I/O, no
//! clock, no randomness; the same message and the same view give the same answer.
//!
//! - [`mcp`]: the Model Context Protocol on one `POST /mcp`, modern and legacy; one file per tool.
//! - [`apps`]: the outside forms that ChatGPT and MCP Apps hosts prescribe: payment sheet, product card, widget.
//! - [`order_events`]: what merchants are told of their orders.

pub mod apps;
pub mod mcp;
pub mod order_events;
