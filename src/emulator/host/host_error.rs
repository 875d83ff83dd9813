//! Errors for the page, with the texts that it shows.
//!
//! Must not import the parts that fail. Invariant: every response that is not a success is `{"error": "…"}`.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;

use crate::stripe::Refusal;

/// Why a request of the page failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum HostError {
    /// The `Host` header has another name.
    #[error("this server answers only as 127.0.0.1 and localhost, on its own port")]
    ForeignHost,
    /// Another page sent the request.
    #[error("only the host's own page may ask this")]
    ForeignOrigin,
    /// There is nothing at this address.
    #[error("there is nothing here")]
    NotFound,
    /// The merchant is not configured.
    #[error("this host knows no merchant \"{0}\"; reload the page to see those that it knows")]
    UnknownMerchant(String),
    /// The page's request is not valid.
    #[error("the request cannot be used: {0}")]
    Request(String),
    /// The merchant did not answer.
    #[error("{merchant} does not answer at {url}: {why}; is the gateway running?")]
    Unreachable {
        /// The shop's name.
        merchant: String,
        /// Its endpoint.
        url: String,
        /// The cause.
        why: String,
    },
    /// The merchant's answer is not a JSON-RPC message.
    #[error("{merchant} answered HTTP {status} with something that is no JSON-RPC message")]
    NotJsonRpc {
        /// The shop's name.
        merchant: String,
        /// The answer's status.
        status: u16,
    },
    /// A widget's resource cannot be shown.
    #[error("the widget cannot be shown: {0}")]
    Widget(String),
    /// The emulated Stripe did not grant a token.
    #[error("no payment token: {0}")]
    Token(#[from] Refusal),
    /// The sheet names a merchant that the emulated Stripe does not know.
    #[error("no payment token: the emulated Stripe knows no merchant with the profile \"{0}\"")]
    UnknownProfile(String),
}

impl ResponseError for HostError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::ForeignHost => StatusCode::MISDIRECTED_REQUEST,
            Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::NotFound | Self::UnknownMerchant(_) => StatusCode::NOT_FOUND,
            Self::Request(_) => StatusCode::BAD_REQUEST,
            Self::Unreachable { .. } | Self::NotJsonRpc { .. } => StatusCode::BAD_GATEWAY,
            Self::Widget(_) | Self::Token(_) | Self::UnknownProfile(_) => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status_code()).json(json!({ "error": self.to_string() }))
    }
}
