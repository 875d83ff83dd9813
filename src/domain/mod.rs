//! The shop and its checkout as plain data and pure functions.
//!
//! Must not import: tokio, actix, reqwest, sqlx, a clock, randomness, the environment, or any other folder.
//!
//! Reading order: [`money`] and [`ids`], then what is sold ([`catalog`]), to where ([`address`], [`shipping`],
//! [`tax`]), by whom ([`merchant`]); [`cart`] and [`pricing`] turn what is asked for into a quote; [`checkout`] takes the
//! quote to a paid [`order`], of which the merchant is told by [`order_event`]s. A [`stripe_event`] says where something
//! may have happened.

pub mod address;
pub mod cart;
pub mod catalog;
pub mod channels;
pub mod checkout;
mod currency;
pub mod ids;
pub mod language;
pub mod merchant;
pub mod money;
pub mod order;
pub mod order_event;
pub mod places;
mod postal_codes;
pub mod pricing;
pub mod retry;
mod search;
pub mod sends;
pub mod shipping;
pub mod stripe_event;
pub mod tax;
pub mod time;
mod words;
