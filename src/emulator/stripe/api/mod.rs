//! The processing of a request under `/v1`: [`serve`] checks it in Stripe's order and answers it, [`requests`] parses
//! it, and [`wire`] sends its answer.

pub(crate) mod requests;
pub(crate) mod serve;
pub(crate) mod wire;
