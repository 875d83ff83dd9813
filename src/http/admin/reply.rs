//! Replies of the admin API: JSON that no cache keeps, and lists page by page.

use actix_web::HttpResponse;
use serde_json::Value;

use super::problem::Problem;

/// How many entries a page has if the request does not say.
const PAGE: u32 = 50;

/// The most entries of a page.
const LARGEST_PAGE: u32 = 200;

/// A reply with a body.
pub(super) fn reply(body: &Value) -> HttpResponse {
    HttpResponse::Ok().insert_header(("cache-control", "no-store")).json(body)
}

/// How many entries the requested page has.
pub(super) fn page_limit(asked: Option<u32>) -> Result<u32, Problem> {
    let limit = asked.unwrap_or(PAGE);
    if (1..=LARGEST_PAGE).contains(&limit) {
        Ok(limit)
    } else {
        Err(Problem::invalid(format!("limit is a number from 1 to {LARGEST_PAGE}")))
    }
}

/// Cuts off what was read beyond the page; returns the last entry if there was more.
pub(super) fn cut<T>(found: &mut Vec<T>, limit: u32) -> Option<&T> {
    let page = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > page;
    found.truncate(page);
    found.last().filter(|_| more)
}
