//! The protocol layer as a host meets it: headers and bytes in, status and bytes out.
//!
//! Every answer that passes through [`host::Host`] is validated against the published schema of its revision.

mod capabilities;
mod contract;
mod descriptors;
mod envelope;
mod fuzz;
mod host;
mod llms;
mod modern;
mod payment;
mod shop;
mod tools;
