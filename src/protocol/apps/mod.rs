//! The wire forms that ChatGPT and MCP Apps hosts prescribe.
//!
//! Must not import [`super::mcp`]. Invariant: every amount is the quote's or the catalog's own, in integer minor
//! units; nothing is computed here but what [`crate::domain::money`] computes.
//!
//! - [`payment_sheet`]: the session object for `window.openai.requestCheckout`, with [`line_items`],
//!   [`fulfillment`] and [`messages`] as its parts.
//! - [`completion`]: the flat result of `complete_checkout`, rendered once and stored.
//! - [`product_card`]: the form of a product in tool results and in the widget.
//! - [`widget`]: the buy widget as an MCP resource; [`widget_parts`]: the same for a page of the gateway's own.

pub mod completion;
pub mod fulfillment;
pub mod line_items;
pub mod messages;
pub mod payment_sheet;
pub mod product_card;
pub mod widget;
pub mod widget_parts;
