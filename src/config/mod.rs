//! The gateway's and the merchants' configuration: read, checked, and converted to the domain's types.
//!
//! Must not import anything but `domain`, `ports` and `keyring`.
//!
//! Reading order: [`diagnostic`] describes problems and their places, `document` reads TOML with line numbers; with
//! these [`tenant`] reads a merchant's file and [`gateway`] the gateway's own. [`secrets`] resolves a merchant's
//! references and [`gateway_secret`] the gateway's own: [`master_keys`] are the master keys, [`admin_token`] the
//! operators' token. [`tenants_dir`] reads a folder of merchants, [`claims`] resolves conflicting claims, [`usable`]
//! selects the merchants that can be served, `advice` gives warnings, [`check`] reports to a person; [`schema`] is
//! for editors.

pub mod admin_token;
mod advice;
pub mod check;
pub mod claims;
pub mod diagnostic;
mod document;
pub mod gateway;
pub mod gateway_secret;
pub mod master_keys;
pub(crate) mod parallel;
pub mod schema;
pub mod secrets;
pub mod tenant;
pub mod tenants_dir;
pub mod usable;
mod web;
