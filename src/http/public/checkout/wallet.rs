//! `/checkout/{session}/wallet/{key}`: where an agent's wallet pays a checkout, by the Machine Payments Protocol over
//! HTTP 402.
//!
//! The key shows the amount and the state of one checkout, and nothing else of it until it is paid. `GET` and `POST` are
//! the same, and a body means nothing. Invariants: a request without a credential changes and stores nothing; the amount is
//! the checkout's own; neither the key nor a credential nor a receipt is logged.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, AUTHORIZATION, HeaderValue, USER_AGENT};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use tokio::time::Instant;

use super::redirect;
use crate::actors::MerchantHandle;
use crate::domain::checkout::model::{Command, HostRejection, Rejection};
use crate::domain::ids::SessionId;
use crate::domain::origin::user_agent;
use crate::http::public::Public;
use crate::http::public::body::{self, BodyError};
use crate::http::public::tenant_request::{TenantRequest, not_found};
use crate::http::public::wallet_door::WalletDoor;
use crate::limiter::{Budget, Source};
use crate::protocol::mpp::credential::Credential;
use crate::protocol::mpp::reply::{Reply, body_too_large, too_many_requests};

/// The longest body that is read.
const MAX_BODY: usize = 16 * 1024;

/// The path's parts; the tenant prefix may precede the session.
#[derive(Deserialize)]
pub(super) struct WalletPath {
    session: String,
    key: String,
}

/// A wallet with a valid key of a checkout.
struct Wallet {
    merchant: MerchantHandle,
    id: SessionId,
    source: Source,
    user_agent: Option<String>,
}

pub(super) async fn answer(
    request: HttpRequest,
    path: web::Path<WalletPath>,
    public: web::Data<Public>,
    payload: web::Payload,
) -> HttpResponse {
    let began = Instant::now();
    let Some(wallet) = Wallet::of(&request, &path, &public) else { return not_found() };
    let Some(reply) = wallet.answer(&request, payload).await else { return not_found() };
    match reply {
        Answered::Page(page) => redirect(&page),
        Answered::Wallet(reply) => {
            wallet.log(&reply, began.elapsed());
            send(*reply)
        }
    }
}

/// What is answered.
enum Answered {
    /// A browser is led to the page for people.
    Page(String),
    Wallet(Box<Reply>),
}

impl Wallet {
    fn of(request: &HttpRequest, path: &WalletPath, public: &Public) -> Option<Self> {
        let tenant_request = TenantRequest::of(request, public).ok()?;
        let id = path.session.parse::<SessionId>().ok()?;
        let (source, merchant) = (tenant_request.source(), tenant_request.merchant);
        let opens = merchant.links().opens_wallet(merchant.tenant(), &id, &path.key);
        let sent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
        let user_agent = sent.and_then(user_agent);
        opens.then_some(Self { merchant, id, source, user_agent })
    }

    /// Answers with the state of the checkout, or pays it first; `None` if there is no such checkout.
    async fn answer(&self, request: &HttpRequest, payload: web::Payload) -> Option<Answered> {
        let taken = self.merchant.limiter().take(Budget::Held(self.id.as_str()), &self.source);
        if let Err(too_many) = taken {
            let seconds = u32::try_from(too_many.retry_after.as_secs()).unwrap_or(u32::MAX);
            return Some(Answered::Wallet(Box::new(too_many_requests(seconds.max(1)))));
        }
        if matches!(body::read(payload, MAX_BODY).await, Err(BodyError::TooLarge)) {
            return Some(Answered::Wallet(Box::new(body_too_large())));
        }
        let door = WalletDoor {
            merchant: &self.merchant,
            id: &self.id,
            source: &self.source,
            user_agent: self.user_agent.as_deref(),
        };
        let present = match self.merchant.ask(&self.id, Command::Read).await {
            Ok(present) => present,
            Err(Rejection::Host(HostRejection::NotFound)) => return None,
            Err(rejection) => return Some(Answered::Wallet(Box::new(door.unread(&rejection)))),
        };
        if let Some(page) = present.checkout_page.as_deref().filter(|_| is_browser(request)) {
            return Some(Answered::Page(page.to_owned()));
        }
        let values = request.headers().get_all(AUTHORIZATION).filter_map(|value| value.to_str().ok());
        let reply = door.reply(&present, Credential::of(values)).await;
        Some(Answered::Wallet(Box::new(reply)))
    }

    fn log(&self, reply: &Reply, took: Duration) {
        tracing::info!(
            merchant = %self.merchant.tenant().merchant,
            session = self.id.as_str(),
            status = reply.status,
            outcome = reply.outcome,
            code = reply.code,
            user_agent = self.user_agent.as_deref(),
            duration_ms = crate::telemetry::millis(took),
            "wallet_answered"
        );
    }
}

/// Whether a browser asks: no wallet accepts HTML by name.
fn is_browser(request: &HttpRequest) -> bool {
    let accepted = request.headers().get(ACCEPT).map(HeaderValue::as_bytes).unwrap_or_default();
    accepted.windows(9).any(|part| part.eq_ignore_ascii_case(b"text/html"))
}

fn send(reply: Reply) -> HttpResponse {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut builder = HttpResponse::build(status);
    let stored = if reply.receipt.is_some() { "private, no-store" } else { "no-store" };
    builder.insert_header(("cache-control", stored)).insert_header(("referrer-policy", "no-referrer"));
    if let Some(challenge) = reply.challenge {
        builder.insert_header(("www-authenticate", challenge.header()));
    }
    if let Some(receipt) = reply.receipt {
        builder.insert_header(("payment-receipt", receipt.header()));
    }
    if let Some(seconds) = reply.retry_after {
        builder.insert_header(("retry-after", seconds));
    }
    builder.content_type(reply.media_type).body(reply.body)
}
