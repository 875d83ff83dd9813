//! Limits on the simultaneous requests to Stripe and on the rate of readings: of the whole process ([`places`]), and
//! of one merchant's account ([`gate`], with the [`pace`] of readings and the [`newcomers`], which are payments that
//! have not begun).

mod gate;
mod newcomers;
mod pace;
mod places;

pub(super) use gate::{PutOff, Slot, StripeGate};
pub(super) use pace::{Many, Reading};
pub use places::StripePlaces;
pub(super) use places::Verification;
