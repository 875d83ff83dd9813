//! Order events out: kept until they are taken, in order per order, whatever one receiver does to another's.
//!
//! `delivery` and `fault` drive the dispatcher over days of a clock that they move; `receivers` lets the real binary deliver
//! over HTTP.

mod delivery;
mod faults;
mod post;
mod receivers;
mod words;
