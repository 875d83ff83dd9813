//! Programs of others that use the gateway: browsers, the official clients and the conformance suite.

mod browser;
mod conformance;
mod inspector;
mod widget;
