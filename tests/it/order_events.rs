//! Order events out: kept until they are taken, in order per order, whatever one receiver does to another's.
//!
//! `delivery` drives the dispatcher over days of a clock that it moves; `receivers` lets the real binary deliver over HTTP.

mod delivery;
mod receivers;
mod words;
