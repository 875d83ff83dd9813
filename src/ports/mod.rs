//! The ambient things as parameters: what time it is, what is random, what the environment says,
//! how much this process may open.
//!
//! Production passes the `System…` forms, tests pass forms that they steer. Must not import anything but `domain`.

mod clock;
mod descriptors;
mod environment;
mod ids;

pub use clock::{Clock, ManualClock, SystemClock};
pub use descriptors::{descriptor_limit, raise_descriptor_limit};
pub use environment::{Environment, FixedEnvironment, SystemEnvironment};
pub use ids::{Ids, SeededIds, SystemIds};
