//! Ambient effects as parameters: clock, randomness, environment, and the limit on open files.
//!
//! Production code uses the `System…` forms, tests use forms that they control. Must not import anything but
//! `domain`.

mod clock;
mod descriptors;
mod environment;
mod ids;

pub use clock::{Clock, ManualClock, SystemClock};
pub use descriptors::{descriptor_limit, raise_descriptor_limit};
pub use environment::{Environment, FixedEnvironment, SystemEnvironment};
pub use ids::{Ids, SeededIds, SystemIds};
