//! The state of an order in one word, for the people who ship the goods.

use strum::{EnumString, IntoStaticStr, VariantNames};

use super::OrderActivity;
use crate::domain::pricing::Quote;

/// The state of an order. If several hold at once, the one that matters more for shipping applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum OrderState {
    /// The whole payment was refunded.
    Refunded,
    /// The buyer's bank disputes the payment.
    Disputed,
    /// Everything was sent.
    Sent,
    /// Some of it was sent.
    PartlySent,
    /// It is paid, and nothing was sent yet.
    Paid,
}

impl OrderState {
    /// The state of an order with this activity.
    #[must_use]
    pub fn of(activity: &OrderActivity, quote: &Quote) -> Self {
        let gone_back = activity.refunds.iter().filter(|refund| refund.has_left());
        let gone_back = gone_back.fold(0_i64, |sum, refund| sum.saturating_add(refund.amount.minor));
        if gone_back > 0 && gone_back >= activity.paid.unwrap_or(quote.total).minor {
            return Self::Refunded;
        }
        if activity.disputes.iter().any(|dispute| dispute.status.is_open()) {
            return Self::Disputed;
        }
        let count = |quantities: &mut dyn Iterator<Item = u32>| quantities.map(u64::from).sum::<u64>();
        let bought = count(&mut quote.lines.iter().map(|line| line.quantity));
        let sent =
            count(&mut activity.fulfillments.iter().flat_map(|told| &told.items).map(|item| item.quantity));
        match sent {
            0 => Self::Paid,
            sent if sent < bought => Self::PartlySent,
            _ => Self::Sent,
        }
    }
}
