//! `GET /.well-known/openai-apps-challenge`: how OpenAI verifies that a merchant's host is the merchant's.

use actix_web::{HttpRequest, HttpResponse, web};

use super::Public;
use super::tenant_request::{TenantRequest, not_found};

/// Returns the merchant's token as plain text; 404 if it has none.
pub(super) async fn answer(request: HttpRequest, public: web::Data<Public>) -> HttpResponse {
    let challenge = TenantRequest::of(&request, &public)
        .ok()
        .and_then(|tenant_request| tenant_request.merchant.view().chatgpt.challenge.clone());
    match challenge {
        Some(token) => HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(token),
        None => not_found(),
    }
}
