//! `GET /llms.txt`: how an agent buys in a shop.

use actix_web::{HttpRequest, HttpResponse, web};

use super::Public;
use super::tenant_request::{TenantRequest, not_found};
use crate::protocol::llms::llms_txt;

/// Returns the shop's text. It changes with the shop's file, so it is not kept.
pub(super) async fn answer(request: HttpRequest, public: web::Data<Public>) -> HttpResponse {
    let Ok(TenantRequest { merchant, .. }) = TenantRequest::of(&request, &public) else { return not_found() };
    let view = merchant.view();
    let text = llms_txt(&view, &merchant.links().base(&view));
    HttpResponse::Ok()
        .insert_header(("cache-control", "no-cache"))
        .content_type("text/plain; charset=utf-8")
        .body(text)
}
