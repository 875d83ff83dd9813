//! Lists in Stripe's form: page by page, newest first, filtered by creation time.
//!
//! Must not import the state. Invariant: following `starting_after` from page to page shows each object once.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::Params;
use crate::stripe::error::StripeError;

/// An object in a list.
pub(crate) trait Listed {
    /// Its name in Stripe's messages.
    const KIND: &'static str;
    /// Its id.
    fn id(&self) -> &str;
    /// When it was made, in seconds.
    fn created(&self) -> i64;
}

/// The requested page.
#[derive(Clone, Debug)]
pub(crate) struct PageParams {
    limit: usize,
    starting_after: Option<String>,
    ending_before: Option<String>,
    created: RangeInclusive<i64>,
}

/// A page: its objects, and whether there are more.
#[derive(Debug)]
pub(crate) struct Picked<'a, T> {
    items: Vec<&'a T>,
    has_more: bool,
}

impl PageParams {
    /// Reads `limit` and the cursors.
    pub(crate) fn parse(params: &mut Params) -> Result<Self, StripeError> {
        let limit = params.integer_within("limit", 1, 100)?.unwrap_or(10);
        let starting_after = params.text("starting_after")?;
        let ending_before = params.text("ending_before")?;
        if starting_after.is_some() && ending_before.is_some() {
            return Err(StripeError::invalid_request(
                "You may only specify one of these parameters: ending_before, starting_after.",
            )
            .with_code("parameters_exclusive")
            .with_param("ending_before"));
        }
        let limit = usize::try_from(limit).unwrap_or(1);
        Ok(Self { limit, starting_after, ending_before, created: i64::MIN..=i64::MAX })
    }

    /// Also reads `created`.
    pub(crate) fn parse_with_created(params: &mut Params) -> Result<Self, StripeError> {
        let created = created(params)?;
        Ok(Self { created, ..Self::parse(params)? })
    }

    /// The page of the admitted objects; `all` is oldest first.
    pub(crate) fn pick<'a, T: Listed>(
        &self,
        all: &'a [T],
        admits: impl Fn(&T) -> bool,
    ) -> Result<Picked<'a, T>, StripeError> {
        let position = |id: &String, param: &str| {
            all.iter().position(|item| item.id() == id).ok_or_else(|| {
                StripeError::invalid_request(format!("No such {}: '{id}'", T::KIND))
                    .with_code("resource_missing")
                    .with_param(param)
            })
        };
        let after = self.starting_after.as_ref().map(|id| position(id, "starting_after")).transpose()?;
        let before = self.ending_before.as_ref().map(|id| position(id, "ending_before")).transpose()?;
        let older_than = after.unwrap_or(all.len());
        let newer_than = before.map_or(0, |position| position + 1);
        // Only one of the two cursors can be given, so the range is never inverted.
        let within = all.get(newer_than..older_than).unwrap_or_default().iter();
        let candidates = within.filter(|item| self.created.contains(&item.created()) && admits(item));
        let mut items: Vec<&T> = if before.is_some() {
            let mut nearest: Vec<_> = candidates.take(self.limit + 1).collect();
            nearest.reverse();
            nearest
        } else {
            candidates.rev().take(self.limit + 1).collect()
        };
        let has_more = items.len() > self.limit;
        if has_more && before.is_some() {
            items.remove(0);
        }
        items.truncate(self.limit);
        Ok(Picked { items, has_more })
    }
}

impl<T> Picked<'_, T> {
    /// The list object of an address.
    pub(crate) fn to_json(&self, url: &str, show: impl Fn(&T) -> Value) -> Value {
        let data: Vec<Value> = self.items.iter().map(|item| show(item)).collect();
        json!({"object": "list", "data": data, "has_more": self.has_more, "url": url})
    }
}

/// The seconds that `created` admits.
fn created(params: &mut Params) -> Result<RangeInclusive<i64>, StripeError> {
    if !params.is_hash("created") {
        return Ok(params.integer("created")?.map_or(i64::MIN..=i64::MAX, |second| second..=second));
    }
    let Some(mut range) = params.hash("created")? else { return Ok(i64::MIN..=i64::MAX) };
    let from = range.integer("gte")?.unwrap_or(i64::MIN);
    let after = range.integer("gt")?.map_or(i64::MIN, |second| second.saturating_add(1));
    let to = range.integer("lte")?.unwrap_or(i64::MAX);
    let before = range.integer("lt")?.map_or(i64::MAX, |second| second.saturating_sub(1));
    range.finish(&[])?;
    Ok(from.max(after)..=to.min(before))
}
