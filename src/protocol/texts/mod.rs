//! Messages about a checkout, in words, once for each audience: shoppers, models, operators.
//!
//! The domain reports events as codes and parameters. This module makes no decisions.

pub(crate) mod catalogue;
pub mod operator;
pub mod wording;
