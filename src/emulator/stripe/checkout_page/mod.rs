//! The hosted page of a Checkout Session, where the shopper pays in a browser: this emulator's `checkout.stripe.com`.
//!
//! Must not import the API's requests. The page needs no script and runs none. Invariant: an action in a browser has
//! the same effect as a test's call of [`crate::stripe::Emulator`].

mod page;
mod shopper;

pub use shopper::HostedOutcome;

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, LOCATION, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, Scope, web};
use serde::Deserialize;

use crate::stripe::refusal::Refusal;
use crate::stripe::service::StripeService;
use page::{PayPage, Stage};

/// The pages.
pub(crate) fn scope() -> Scope {
    web::scope("/c/pay/{session}")
        .route("", web::get().to(show))
        .route("", web::post().to(pay))
        .route("/authenticate", web::post().to(authenticate))
}

async fn show(session: web::Path<String>, service: web::Data<StripeService>) -> HttpResponse {
    match service.hosted_page(&session) {
        Some(page) => respond(&page, None),
        None => not_found(),
    }
}

#[derive(Deserialize)]
struct PayForm {
    payment_method: String,
    email: Option<String>,
}

async fn pay(
    request: HttpRequest,
    session: web::Path<String>,
    form: web::Form<PayForm>,
    service: web::Data<StripeService>,
) -> HttpResponse {
    if comes_from_elsewhere(&request) {
        return HttpResponse::Forbidden().finish();
    }
    let PayForm { payment_method, email } = form.into_inner();
    let email = email.as_deref().filter(|email| email.contains('@'));
    let first = service.state().webhooks.next_number();
    let paid = service.pay_hosted(&session, &payment_method, email);
    service.wait_for_webhooks_since(first).await;
    after(&session, paid, &service)
}

#[derive(Deserialize)]
struct AuthenticateForm {
    answer: String,
}

async fn authenticate(
    request: HttpRequest,
    session: web::Path<String>,
    form: web::Form<AuthenticateForm>,
    service: web::Data<StripeService>,
) -> HttpResponse {
    if comes_from_elsewhere(&request) {
        return HttpResponse::Forbidden().finish();
    }
    let first = service.state().webhooks.next_number();
    let authenticated = service.authenticate_hosted(&session, form.answer == "complete");
    service.wait_for_webhooks_since(first).await;
    after(&session, authenticated, &service)
}

/// Whether a form was sent by another site's page.
fn comes_from_elsewhere(request: &HttpRequest) -> bool {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let own = header(HOST).map(|host| format!("http://{host}"));
    // Browsers send `null` for a page without a referrer, such as this one.
    header(ORIGIN).is_some_and(|origin| origin != "null" && Some(origin) != own.as_deref())
}

/// Redirects a shopper who is done to the seller; otherwise shows the page in its present state.
fn after(session: &str, outcome: Result<HostedOutcome, Refusal>, service: &StripeService) -> HttpResponse {
    let Some(page) = service.hosted_page(session) else { return not_found() };
    match outcome {
        Ok(HostedOutcome::Completed { success_url }) => see_other(success_url),
        Ok(HostedOutcome::Declined { message }) => respond(&page, Some(&message)),
        // A second payment by a double click: the first one counts.
        Err(Refusal::SessionNotOpen { .. }) if page.stage == Stage::Complete => see_other(page.success_url),
        Ok(HostedOutcome::NeedsAuthentication) | Err(Refusal::SessionNotOpen { .. }) => respond(&page, None),
        Err(refusal) => respond(&page, Some(&refusal.to_string())),
    }
}

fn see_other(address: String) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, address)).finish()
}

fn not_found() -> HttpResponse {
    HttpResponse::NotFound().content_type("text/plain; charset=utf-8").body("There is no such page.\n")
}

fn respond(page: &PayPage, message: Option<&str>) -> HttpResponse {
    let mut response = match page.stage {
        Stage::Expired => HttpResponse::Gone(),
        Stage::Pay if message.is_some() => HttpResponse::PaymentRequired(),
        Stage::Pay | Stage::Authenticate | Stage::Complete => HttpResponse::Ok(),
    };
    response
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, page.policy()))
        .insert_header((REFERRER_POLICY, "same-origin"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header(("X-Robots-Tag", "noindex"))
        .body(page.render(message))
}
