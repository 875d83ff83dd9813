//! How a test in another process steers the emulator over HTTP, and looks at what happened: [`routes`], and
//! [`webhook_routes`] for webhooks.

mod routes;
mod webhook_routes;

pub(crate) use routes::scope;
