//! `[retention]`: how long data is kept that is not needed permanently, and the limits on unpaid checkouts.

use super::layers::Layers;
use super::{Read, no, within};
use crate::domain::time::Span;

/// The longest time that data is kept, in days: ten years.
const LONGEST: i64 = 3650;

const UNPAID_BUYERS: &str = "retention.unpaid_buyers_days";

/// `[retention]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionConfig {
    /// How long checkouts that ended unpaid are kept.
    pub unpaid_sessions: Span,
    /// How long the buyer and the address of such a checkout are kept: never longer than the checkout.
    pub unpaid_buyers: Span,
    /// How long contents of delivered order events are kept.
    pub delivered_events: Span,
    /// How long contents of parked order events are kept.
    pub parked_events: Span,
    /// How long Stripe's events are kept.
    pub stripe_events: Span,
    /// The most open, unpaid checkouts of all merchants together.
    pub open_checkouts: u64,
    /// The most open, unpaid checkouts of one merchant.
    pub open_checkouts_per_merchant: u64,
    /// The most checkouts of one merchant that ended unpaid.
    pub unpaid_sessions_per_merchant: u64,
}

pub(super) fn read(layers: &mut Layers) -> Option<RetentionConfig> {
    let buyers_are_set = layers.is_set(UNPAID_BUYERS);
    let mut days = |key, least, check: &dyn Fn(u64) -> Read<u64>| {
        layers.read(key, |number: i64| within(number, least, LONGEST).and_then(check))
    };
    let any = |days| Ok(days);
    let unpaid_sessions = days("retention.unpaid_sessions_days", 1, &any);
    let unpaid_buyers = days(UNPAID_BUYERS, 1, &|days| match unpaid_sessions {
        // The default is not an explicit setting: it is reduced to the checkout's time.
        Some(kept) if days > kept && !buyers_are_set => Ok(kept),
        Some(kept) if days > kept => no(
            format!("is {days}, but such a checkout is kept for {kept} days only"),
            format!("set it to {kept} or less, or set retention.unpaid_sessions_days to {days} or more"),
        ),
        Some(_) | None => Ok(days),
    });
    let delivered_events = days("retention.delivered_events_days", 1, &any);
    let parked_events = days("retention.parked_events_days", 1, &any);
    // Stripe repeats an event for three days.
    let stripe_events = days("retention.stripe_events_days", 4, &any);
    let mut most = |key| layers.read(key, |number: i64| within(number, 1, 100_000_000));
    let open_checkouts = most("retention.open_checkouts");
    let open_checkouts_per_merchant = most("retention.open_checkouts_per_merchant");
    let unpaid_sessions_per_merchant = most("retention.unpaid_sessions_per_merchant");
    Some(RetentionConfig {
        unpaid_sessions: span(unpaid_sessions?)?,
        unpaid_buyers: span(unpaid_buyers?)?,
        delivered_events: span(delivered_events?)?,
        parked_events: span(parked_events?)?,
        stripe_events: span(stripe_events?)?,
        open_checkouts: open_checkouts?,
        open_checkouts_per_merchant: open_checkouts_per_merchant?,
        unpaid_sessions_per_merchant: unpaid_sessions_per_merchant?,
    })
}

fn span(days: u64) -> Option<Span> {
    Some(Span::hours(i64::try_from(days).ok()? * 24))
}
