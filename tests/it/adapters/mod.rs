//! One part of the gateway against its counterpart: the store, Stripe's client, the files, the MCP layer, the actors.

mod actors;
mod config;
mod emulator;
mod order_events;
mod protocol;
pub mod store;
mod stripe_client;
mod transport;
