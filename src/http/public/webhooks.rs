//! `POST /webhooks/stripe`: Stripe reports an event on a merchant's account.
//!
//! Every possible rejection comes before the store is asked: the header is checked before the body is read, the body
//! before it is parsed. An event gets a 2xx once it is durable, and is processed afterwards; Stripe sends every other
//! one again. A sender of many unsigned requests loses the connection each time, and does not delay signed ones.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::Public;
use super::body::{self, BodyError};
use super::tenant_request::{TenantRequest, not_found};
use crate::actors::MerchantHandle;
use crate::domain::stripe_event::StripeEvent;
use crate::limiter::{Budget, Source};
use crate::stripe::webhook::{MAX_BODY, Refusal, Signature};

const SIGNATURE: &str = "stripe-signature";

/// Why there is no event.
enum WebhookError {
    Refused(Refusal),
    /// The body was not complete.
    Lost,
}

impl From<Refusal> for WebhookError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Accepts an event.
pub(super) async fn take(
    request: HttpRequest,
    payload: web::Payload,
    public: web::Data<Public>,
) -> HttpResponse {
    let Ok(TenantRequest { merchant, .. }) = TenantRequest::of(&request, &public) else { return not_found() };
    if !merchant.takes_webhooks() {
        return not_found();
    }
    match received(&merchant, &request, payload).await {
        Ok(event) => match merchant.take_event(event).await {
            Ok(()) => HttpResponse::Ok().finish(),
            Err(error) => {
                tracing::error!(merchant = %merchant.tenant().merchant, cause = %error, "stripe_event_not_kept");
                HttpResponse::ServiceUnavailable().finish()
            }
        },
        Err(WebhookError::Refused(refusal)) => {
            merchant.webhook_refused(refusal);
            refused(&merchant, refusal)
        }
        Err(WebhookError::Lost) => HttpResponse::RequestTimeout().finish(),
    }
}

/// The event in a request.
async fn received(
    merchant: &MerchantHandle,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<StripeEvent, WebhookError> {
    let mut headers = request.headers().get_all(SIGNATURE);
    let (Some(header), None) = (headers.next(), headers.next()) else { return Err(Refusal::Unsigned.into()) };
    let header = header.to_str().map_err(|_| Refusal::Unsigned)?;
    let signature = Signature::read(header, merchant.now())?;
    let body = body::read(payload, MAX_BODY).await.map_err(|unread| match unread {
        BodyError::TooLarge => WebhookError::Refused(Refusal::TooLarge),
        BodyError::Lost => WebhookError::Lost,
    })?;
    Ok(merchant.open_webhook(&signature, &body)?)
}

fn refused(merchant: &MerchantHandle, refusal: Refusal) -> HttpResponse {
    let taken = if refusal.is_signed() {
        Ok(())
    } else {
        merchant.limiter().take(Budget::Unsigned, &Source::default())
    };
    let mut answer = match taken {
        Ok(()) => HttpResponse::build(status(refusal)),
        Err(too_many) => {
            let mut answer = HttpResponse::TooManyRequests();
            answer.insert_header(("retry-after", too_many.retry_after.as_secs().max(1))).force_close();
            answer
        }
    };
    answer.content_type("text/plain; charset=utf-8").body(format!("Refused: {refusal}.\n"))
}

const fn status(refusal: Refusal) -> StatusCode {
    match refusal {
        Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::Unsigned
        | Refusal::Stale
        | Refusal::Forged
        | Refusal::Unreadable
        | Refusal::WrongMode
        | Refusal::ForeignAccount => StatusCode::BAD_REQUEST,
    }
}
