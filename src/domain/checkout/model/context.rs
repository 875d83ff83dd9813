//! The inputs of a step besides the session and the event: the merchant, time and randomness.

use super::rejection::{Rejection, ShopRejection};
use crate::domain::ids::{FlagId, OrderId};
use crate::domain::merchant::{MerchantView, Reconciliation};
use crate::domain::time::Timestamp;

/// The inputs of a step besides the session and the event.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The merchant, at this moment.
    pub view: &'a MerchantView,
    /// Time and randomness.
    pub moment: Moment,
}

impl Context<'_> {
    /// Rejects a change while the records may be older than the events at Stripe.
    pub(crate) fn reliable_records(&self) -> Result<(), Rejection> {
        match self.view.records {
            Reconciliation::NotRestored | Reconciliation::Done { .. } => Ok(()),
            Reconciliation::Pending { until } => {
                Err(Rejection::Shop(ShopRejection::Unreconciled { left: until.since(self.moment.now) }))
            }
        }
    }
}

/// Time and randomness of one step, drawn beforehand.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub now: Timestamp,
    /// A number in `0.0..1.0`, to spread retries.
    pub jitter: f64,
    /// Random bits for the id of an order or a flag made in this step.
    pub random: u128,
    /// Whether Stripe's webhooks about payments have reached this merchant lately. Then a payment becomes known soon
    /// even without polling.
    pub webhooks_arrive: bool,
}

impl Moment {
    pub(crate) fn order_id(&self) -> OrderId {
        OrderId::from_random(self.random)
    }

    /// The id of the flag with this `number` in its step.
    pub(crate) fn flag_id(&self, number: usize) -> FlagId {
        FlagId::from_random(self.random.wrapping_add(number as u128))
    }
}
