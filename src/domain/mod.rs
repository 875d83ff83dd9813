//! The shop and its checkout as plain data and pure functions.
//!
//! Must not import: tokio, actix, reqwest, sqlx, a clock, randomness, the environment, or any other folder.
//!
//! Reading order: [`money`] and [`ids`]; then the products ([`catalog`]), the destinations ([`address`],
//! [`shipping`], [`tax`]) and the seller ([`merchant`]); [`cart`] and [`pricing`] turn a request into a quote;
//! [`checkout`] turns the quote into a paid [`order`] with its [`origin`], and [`order_event`]s notify the merchant. A
//! [`stripe_event`] reports that something may have changed at Stripe.

pub mod address;
pub mod cart;
pub mod catalog;
pub mod channels;
pub mod checkout;
pub mod contact;
mod currency;
pub mod ids;
pub mod language;
pub mod merchant;
pub mod money;
pub mod order;
pub mod order_event;
pub mod origin;
pub mod places;
mod postal_codes;
pub mod pricing;
pub mod retry;
mod search;
pub mod sends;
pub mod shipping;
pub mod stripe_event;
pub mod tax;
pub mod text;
pub mod time;
mod words;
