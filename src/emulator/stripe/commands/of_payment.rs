//! Lists of what belongs to payments: refunds and disputes alike.

use crate::stripe::params::paging::PageParams;

/// A page of what belongs to a payment.
#[derive(Clone, Debug)]
pub(crate) struct OfPayment {
    /// Which page.
    pub(crate) page: PageParams,
    /// Only those of this payment.
    pub(crate) payment_intent: Option<String>,
    /// Only those of this charge.
    pub(crate) charge: Option<String>,
}

impl OfPayment {
    /// Whether something of this payment and charge is asked for.
    pub(crate) fn admits(&self, intent: &str, charge: &str) -> bool {
        self.payment_intent.as_deref().is_none_or(|asked| asked == intent)
            && self.charge.as_deref().is_none_or(|asked| asked == charge)
    }
}
