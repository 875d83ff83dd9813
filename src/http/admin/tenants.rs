//! `/admin/v1/tenants`, `/admin/v1/problems` and `/admin/v1/reload`: which merchants are served, what is wrong in their
//! files, and reading them again now.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::operator::Operator;
use super::problem::Problem;
use super::reply::reply;
use super::routes;
use crate::actors::Directory;
use crate::config::diagnostic::Diagnostic;
use crate::config::tenant::TenantConfig;
use crate::tenants::FolderStatus;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(routes::read("/tenants", list))
        .service(routes::read("/problems", problems))
        .service(routes::act("/reload", reload));
}

/// The merchants that are served, by id, each with its present configuration.
async fn list(operator: Operator, request: HttpRequest) -> Result<HttpResponse, Problem> {
    without_query(&request)?;
    let (status, directory) = (operator.admin().folder.status(), &operator.admin().directory);
    let merchants: Vec<Value> =
        status.merchants.iter().filter_map(|tenant| merchant(tenant, directory)).collect();
    Ok(reply(&json!({ "tenants": merchants })))
}

/// The problems of the merchants' files and secrets, as the last reading found them.
async fn problems(operator: Operator, request: HttpRequest) -> Result<HttpResponse, Problem> {
    without_query(&request)?;
    Ok(reply(&json!({ "problems": to_json(&operator.admin().folder.status()) })))
}

/// Reads the merchants' files and secrets again, applies what has changed, and then replies.
async fn reload(operator: Operator, request: HttpRequest) -> Result<HttpResponse, Problem> {
    without_query(&request)?;
    let status = operator.admin().folder.reload().await?;
    Ok(reply(&json!({ "served": status.merchants.len(), "problems": to_json(&status) })))
}

/// These addresses are about all merchants: a parameter that names one would be ignored.
fn without_query(request: &HttpRequest) -> Result<(), Problem> {
    if request.query_string().is_empty() {
        Ok(())
    } else {
        Err(Problem::invalid("this address is about all merchants and has no query parameters"))
    }
}

fn merchant(tenant: &TenantConfig, directory: &Directory) -> Option<Value> {
    let handle = directory.by_id(tenant.id())?;
    let view = handle.view();
    Some(json!({
        "id": view.id, "name": view.name, "mode": view.mode, "status": view.status.into_str(), "hosts": view.hosts,
        "mcp_url": format!("{}/mcp", handle.link_base()), "generation": view.generation, "file": tenant.file(), "account": view.account,
        "payments_off": view.payments_off.as_ref().map(ToString::to_string),
    }))
}

/// Each problem, with the merchant of its file, and whether that merchant is served with an earlier configuration.
fn to_json(status: &FolderStatus) -> Vec<Value> {
    let problem = |(merchant, problem): (String, &Diagnostic)| {
        let mut json = serde_json::to_value(problem).unwrap_or_default();
        if let Value::Object(json) = &mut json {
            json.insert("served".to_owned(), status.is_served(&merchant).into());
            json.insert("tenant".to_owned(), merchant.into());
        }
        json
    };
    status.mistakes().map(problem).collect()
}
