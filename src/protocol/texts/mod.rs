//! What is said of a checkout, in words, once for each audience: shoppers, models, operators.
//!
//! The domain says what happened as codes and parameters. Nothing here decides anything.

pub(crate) mod catalogue;
pub mod model;
pub mod operator;
pub mod shopper;
