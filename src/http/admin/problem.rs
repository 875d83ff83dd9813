//! Rejections as RFC 9457 problem details: a status, a stable code, and a text that says what to do.

use std::fmt;

use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::middleware::ErrorHandlerResponse;
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;

use crate::domain::checkout::model::{
    HostRejection, OperatorRejection, Rejection, ShopRejection, ShopperRejection,
};
use crate::protocol::texts::operator;
use crate::store::StoreError;

/// The media type of a rejection.
const PROBLEM: &str = "application/problem+json";

/// A rejection of the admin API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into() }
    }

    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", detail)
    }

    pub(super) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        match self.status {
            StatusCode::UNAUTHORIZED => {
                response.insert_header(("www-authenticate", "Bearer realm=\"merchant-gateway\""));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                response.insert_header(("retry-after", "1"));
            }
            _ => {}
        }
        let title = self.status.canonical_reason().unwrap_or("Refused");
        let body = json!({
            "type": format!("urn:merchant-gateway:problem:{}", self.code), "title": title,
            "status": self.status.as_u16(), "code": self.code, "detail": self.detail,
        });
        response.content_type(PROBLEM).body(body.to_string())
    }
}

/// Rejections by middleware, before a handler of ours (such as a body too large), have the same form.
#[expect(clippy::unnecessary_wraps, reason = "the form that the middleware wants")]
pub(super) fn render_as_problem<B>(
    response: ServiceResponse<B>,
) -> actix_web::Result<ErrorHandlerResponse<B>> {
    let status = response.status();
    let kind = response.headers().get(CONTENT_TYPE);
    if kind.is_some_and(|kind| kind == PROBLEM) {
        return Ok(ErrorHandlerResponse::Response(response.map_into_left_body()));
    }
    let (code, detail) = match status {
        StatusCode::PAYLOAD_TOO_LARGE => ("too_large", "the body is larger than any that is taken here"),
        _ => ("refused", "the request could not be taken"),
    };
    let told = Problem::new(status, code, detail).error_response().map_into_right_body();
    Ok(ErrorHandlerResponse::Response(response.into_response(told)))
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(cause = %error, "admin_store_failed");
        Self::unavailable("the store did not answer; the log says why")
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let text = operator::rejection(&rejection);
        match rejection {
            Rejection::Host(HostRejection::NotFound) => {
                Self::not_found("there is no such session of this merchant")
            }
            Rejection::Operator(rejection) => {
                let (status, code) = impossible(&rejection);
                Self::new(status, code, text)
            }
            Rejection::Shopper(ShopperRejection::Undecided) => {
                Self::unavailable("the session is still working; try again in a moment")
            }
            Rejection::Shop(ShopRejection::AccountUnknown) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "account_unknown",
                "the merchant's Stripe account is not known yet, or its key opens another than the one that was paid; the \
                 log says which; try again with the same Idempotency-Key",
            ),
            Rejection::Shop(ShopRejection::PaymentsOff) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "payments_off",
                "the merchant cannot take payments; /readyz and the log say why; try again when that is mended",
            ),
            Rejection::Shop(
                ShopRejection::Busy
                | ShopRejection::NoRoom
                | ShopRejection::Unreconciled { .. }
                | ShopRejection::NotWritten
                | ShopRejection::Unavailable,
            ) => Self::unavailable(text),
            Rejection::Shopper(_)
            | Rejection::Host(HostRejection::StaleRevision { .. } | HostRejection::RevisionMissing)
            | Rejection::Shop(
                ShopRejection::Suspended
                | ShopRejection::ClockDiffers
                | ShopRejection::TokenUnread
                | ShopRejection::TooManyPayments,
            ) => Self::new(StatusCode::CONFLICT, "conflict", text),
        }
    }
}

/// The status and code of an operator's request that is not possible.
const fn impossible(rejection: &OperatorRejection) -> (StatusCode, &'static str) {
    match rejection {
        OperatorRejection::NotFrozen(_) => (StatusCode::CONFLICT, "not_frozen"),
        OperatorRejection::Unverified(_) => (StatusCode::CONFLICT, "unverified"),
        OperatorRejection::NotPaid(_) => (StatusCode::CONFLICT, "not_paid"),
        OperatorRejection::RefundTooLarge { .. } | OperatorRejection::NothingToRefund => {
            (StatusCode::CONFLICT, "refund_too_large")
        }
        OperatorRejection::RefundNotAWholeStep { .. } => (StatusCode::BAD_REQUEST, "refund_not_a_whole_step"),
        OperatorRejection::RefundUnderWay => (StatusCode::CONFLICT, "refund_under_way"),
        OperatorRejection::ReferenceTaken(_) => (StatusCode::CONFLICT, "reference_taken"),
        OperatorRejection::GoneBack => (StatusCode::CONFLICT, "order_refunded"),
        OperatorRejection::NotOrdered(_)
        | OperatorRejection::NotThatMany { .. }
        | OperatorRejection::NothingToSend => (StatusCode::CONFLICT, "not_that_many"),
    }
}
