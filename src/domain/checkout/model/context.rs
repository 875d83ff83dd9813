//! What a step may know besides the session: the merchant, time and chance.

use super::rejection::{Rejection, ShopRejection};
use crate::domain::ids::{FlagId, OrderId};
use crate::domain::merchant::{MerchantView, Reconciliation};
use crate::domain::time::Timestamp;

/// What a step may know besides the session.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The merchant, at this moment.
    pub view: &'a MerchantView,
    /// Time and chance.
    pub moment: Moment,
}

impl Context<'_> {
    /// Refuses what must not be done on records that may be older than what happened.
    pub(crate) fn reliable_records(&self) -> Result<(), Rejection> {
        match self.view.records {
            Reconciliation::NotRestored | Reconciliation::Done { .. } => Ok(()),
            Reconciliation::Pending { until } => {
                Err(Rejection::Shop(ShopRejection::Unreconciled { left: until.since(self.moment.now) }))
            }
        }
    }
}

/// Time and chance at one step, drawn beforehand.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The present.
    pub now: Timestamp,
    /// A number in `0.0..1.0`, to spread retries.
    pub jitter: f64,
    /// Random bits, for the id of an order or a flag made in this step.
    pub random: u128,
    /// Whether Stripe's webhooks about payments have reached this merchant lately, so that a payment is heard of soon though
    /// nobody looks.
    pub webhooks_arrive: bool,
}

impl Moment {
    pub(crate) fn order_id(&self) -> OrderId {
        OrderId::from_random(self.random)
    }

    /// The id of the flag that is the `number`th of its step.
    pub(crate) fn flag_id(&self, number: usize) -> FlagId {
        FlagId::from_random(self.random.wrapping_add(number as u128))
    }
}
