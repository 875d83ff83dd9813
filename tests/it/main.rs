//! The one integration binary.

mod protocol;
mod support;
