//! How a test steers the emulator, and what it sees of it: [`routes`] over HTTP for another process, [`hold`] to stop a
//! payment midway, [`records`] to look at what happened, [`refusal`] for what cannot be done.

pub(crate) mod hold;
pub(crate) mod records;
pub(crate) mod refusal;
mod routes;

pub(crate) use routes::scope;
