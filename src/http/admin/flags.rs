//! `/admin/v1/flags`: payments that fit no order, until an operator has resolved them.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::read_body;
use super::operator::Operator;
use super::problem::Problem;
use super::reply::{cut, page_limit, reply};
use super::routes;
use crate::domain::ids::FlagId;
use crate::store::{FlagsQuery, KeptFlag, Resolution};

/// The most characters of a resolution.
const LONGEST: usize = 1000;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.service(routes::read("/flags", list)).service(routes::act("/flags/{id}/resolve", resolve));
}

/// A merchant's flags, oldest first; with `open=true` only unresolved ones. `next` is the `after` of the next page,
/// `null` on the last.
async fn list(operator: Operator, request: HttpRequest) -> Result<HttpResponse, Problem> {
    #[derive(Deserialize)]
    struct ListFlagsQuery {
        #[serde(default)]
        open: bool,
        after: Option<FlagId>,
        limit: Option<u32>,
    }
    let merchant = operator.merchant(&request, &["open", "after", "limit"])?;
    let asked = web::Query::<ListFlagsQuery>::from_query(request.query_string()).map_err(|_| {
        Problem::invalid("open is true or false; after is the id of a flag; limit is a number")
    })?;
    let limit = page_limit(asked.limit)?;
    let which = FlagsQuery { open: asked.open, after: asked.after.clone(), limit: limit + 1 };
    let mut found = merchant.records().flags(which).await?;
    let next = cut(&mut found, limit).map(|last| last.flag.id.clone());
    let flags: Vec<Value> = found.iter().map(to_json).collect();
    Ok(reply(&json!({ "flags": flags, "next": next })))
}

/// Resolves a flag: `{"resolution": "refunded in the dashboard"}`. A flag that is already resolved keeps its first
/// text.
async fn resolve(
    operator: Operator,
    path: web::Path<String>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Resolve {
        resolution: String,
    }
    let merchant = operator.merchant(&request, &[])?;
    let Resolve { resolution } = read_body(&body, "{\"resolution\": \"what was done\"}")?;
    let text = resolution.trim();
    if text.is_empty() || text.chars().count() > LONGEST || text.chars().any(char::is_control) {
        return Err(Problem::invalid(format!("a resolution is one line of 1 to {LONGEST} characters")));
    }
    let unknown = || Problem::not_found("this merchant has no such flag");
    let id: FlagId = path.parse().map_err(|_| unknown())?;
    let resolution = Resolution { text: text.to_owned(), at: operator.admin().clock.now() };
    let kept = merchant.resolve_flag(&id, resolution.clone()).await?.ok_or_else(unknown)?;
    // The same text repeats a resolution whose first reply was lost.
    if kept.resolution.as_ref().map(|kept| &kept.text) != Some(&resolution.text) {
        let detail = "this flag was resolved before, and keeps its first resolution; flags shows it";
        return Err(Problem::new(StatusCode::CONFLICT, "already_resolved", detail));
    }
    tracing::warn!(merchant = %merchant.tenant().merchant, flag = %id, resolution = text, "flag_resolved");
    Ok(reply(&to_json(&kept)))
}

fn to_json(kept: &KeptFlag) -> Value {
    let KeptFlag { flag, resolution } = kept;
    json!({
        "id": flag.id, "session": flag.session, "payment_intent": flag.intent, "reason": flag.reason,
        "seen": flag.seen.to_string(),
        "resolution": resolution.as_ref().map(|resolution| json!({
            "text": resolution.text, "at": resolution.at.to_string(),
        })),
    })
}
