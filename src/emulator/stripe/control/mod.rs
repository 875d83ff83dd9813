//! Control over HTTP for a test in another process, which can also read the results: [`routes`], and
//! [`webhook_routes`] for webhooks.

mod routes;
mod webhook_routes;

pub(crate) use routes::scope;
