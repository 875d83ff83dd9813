//! Ambient effects as parameters: clock, randomness and environment; the limit on open files, the priority of threads.
//!
//! Production code uses the `System…` forms, tests use forms that they control. Must not import anything but
//! `domain`.

mod clock;
mod descriptors;
mod environment;
mod ids;
mod priority;

pub use clock::{Clock, ManualClock, SystemClock};
pub use descriptors::{descriptor_limit, raise_descriptor_limit};
pub use environment::{Environment, FixedEnvironment, SystemEnvironment};
pub use ids::{Ids, SeededIds, SystemIds};
pub use priority::lower_thread_priority;
