//! The gateway's and the merchants' configuration: read, explained, and turned into the domain's types.
//!
//! Must not import anything but `domain`, `ports` and `keyring`.
//!
//! Reading order: [`diagnostic`] says what is wrong and where, `document` reads TOML that knows its lines; with these
//! [`tenant`] reads a merchant's file and [`gateway`] the gateway's own. [`secrets`] follows a merchant's references and
//! [`gateway_secret`] the gateway's own: [`master_keys`] are the master keys, [`admin_token`] the operators' token. [`tenants_dir`] reads a folder of merchants,
//! [`claims`] says who has what two of them claim, [`usable`] which of them can be served, `advice` what in them is worth a second look, [`check`] explains it to a person; [`schema`] is for their editor.

pub mod admin_token;
mod advice;
pub mod check;
pub mod claims;
pub mod diagnostic;
mod document;
pub mod gateway;
pub mod gateway_secret;
pub mod master_keys;
pub mod schema;
pub mod secrets;
pub mod tenant;
pub mod tenants_dir;
pub mod usable;
mod web;
