//! How many requests to Stripe are under way at once, and how often it is read: in the whole process ([`places`]), and of one
//! merchant's account ([`gate`], with the [`pace`] of readings and the [`newcomers`] that are not begun).

mod gate;
mod newcomers;
mod pace;
mod places;

pub(super) use gate::{PutOff, Slot, StripeGate};
pub(super) use pace::{Many, Reading};
pub use places::StripePlaces;
pub(super) use places::Verification;
