//! The repository itself: who may import whom, and what documents say.

pub mod architecture;
mod documents;
