//! The way of a request under `/v1`: [`serve`] checks it in Stripe's order and answers it, [`requests`] reads what it asks
//! for, and [`wire`] is how its answer travels back.

pub(crate) mod requests;
pub(crate) mod serve;
pub(crate) mod wire;
