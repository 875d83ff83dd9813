//! The way of a request under `/v1`: [`server`] takes its bytes, and [`service`] checks them in Stripe's order: key,
//! [`version`], address and parameters ([`form`], [`params`], [`paging`], [`requests`]), and [`idempotency`]; [`error`] is
//! how it is refused, and [`wire`] how its answer travels back.

pub(crate) mod error;
pub(crate) mod form;
pub(crate) mod idempotency;
pub(crate) mod paging;
pub(crate) mod params;
pub(crate) mod requests;
pub(crate) mod server;
pub(crate) mod service;
pub(crate) mod version;
pub(crate) mod wire;
