//! Access to the API: a handler that takes an [`Operator`] cannot be called without the token.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest, web};
use serde::Deserialize;

use super::Admin;
use super::problem::Problem;
use crate::actors::MerchantHandle;
use crate::domain::ids::{MerchantId, Tenant};

/// A caller that has sent the token.
pub(super) struct Operator {
    admin: web::Data<Admin>,
}

/// The query parameters of every request.
const TENANT: &str = "tenant";
const MODE: &str = "mode";

/// The merchant of a request: `?tenant=harbor-coffee`, in the mode that it is served in, or in the one of `&mode=live`.
#[derive(Deserialize)]
struct About {
    tenant: String,
    mode: Option<String>,
}

impl Operator {
    pub(super) fn admin(&self) -> &Admin {
        &self.admin
    }

    /// The merchant that the request names; `known` are the other allowed query parameters. An unknown or repeated
    /// parameter is rejected: a misspelt filter must not answer like one that matches.
    pub(super) fn merchant(&self, request: &HttpRequest, known: &[&str]) -> Result<MerchantHandle, Problem> {
        let mut seen: Vec<String> = Vec::new();
        for (name, _) in url::form_urlencoded::parse(request.query_string().as_bytes()) {
            if name != TENANT && name != MODE && !known.contains(&name.as_ref()) {
                let names: Vec<&str> = [TENANT, MODE].into_iter().chain(known.iter().copied()).collect();
                let (name, names) = (name.escape_debug(), names.join(", "));
                return Err(Problem::invalid(format!(
                    "\"{name}\" is no query parameter here; known are {names}"
                )));
            }
            if seen.iter().any(|earlier| *earlier == name) {
                return Err(Problem::invalid(format!(
                    "the query parameter \"{name}\" is there twice; keep one"
                )));
            }
            seen.push(name.into_owned());
        }
        let about = web::Query::<About>::from_query(request.query_string()).map_err(|_| {
            Problem::invalid("name the merchant as a query parameter, such as ?tenant=harbor-coffee")
        })?;
        let directory = &self.admin.directory;
        let id: Option<MerchantId> = about.tenant.parse().ok();
        let merchant = match (id, about.mode.as_deref()) {
            (Some(id), None) => directory.by_id(&id),
            (Some(merchant), Some(mode)) => {
                let mode = mode.parse().map_err(|_| Problem::invalid("mode is \"test\" or \"live\""))?;
                directory.known(&Tenant { merchant, mode })
            }
            (None, _) => None,
        };
        merchant.ok_or_else(|| Problem::not_found("no merchant of this id is served here"))
    }
}

impl FromRequest for Operator {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(shown(request))
    }
}

fn shown(request: &HttpRequest) -> Result<Operator, Problem> {
    let admin = request.app_data::<web::Data<Admin>>().cloned().ok_or_else(|| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the listener is not set up")
    })?;
    let Some(token) = &admin.token else {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "closed",
            "the API is closed because no token is configured; set admin.token, such as \"env:GATEWAY_ADMIN_TOKEN\"",
        ));
    };
    let mut offered = request.headers().get_all(AUTHORIZATION);
    let one = offered.next().filter(|_| offered.next().is_none()).and_then(|value| value.to_str().ok());
    let bearer =
        one.and_then(|text| text.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    match bearer {
        Some((_, offered)) if token.is(offered.trim()) => Ok(Operator { admin }),
        Some(_) | None => Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "send the token of admin.token as Authorization: Bearer …",
        )),
    }
}
