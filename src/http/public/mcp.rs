//! The thin adapter between actix-web and `protocol/mcp`: reads the body, takes from the limits, runs the call.

use std::borrow::Cow;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD};
use actix_web::{HttpRequest, HttpResponse, web};
use tokio::time::Instant;

use super::Public;
use super::body::{self, BodyError};
use super::cors;
use super::mcp_line::{Line, RATE_LIMITED, millis_since};
use super::tenant_request::{RequestRejected, TenantRequest, not_found};
use super::wallet_door::WalletDoor;
use crate::actors::MerchantHandle;
use crate::domain::checkout::model::{Command, HostRejection, Patch, Rejection, ShopperRejection};
use crate::domain::ids::SessionId;
use crate::limiter::{Budget, Source};
use crate::protocol::capability::Capability;
use crate::protocol::mcp::{
    Accepted, CallOutcome, Caller, HeaderValue, Headers, Parts, Response, SessionCall, Target, ToolCall,
    ToolName, WalletCall, WalletOutcome, accept, answer_from_view, finish, forbidden_origin,
    method_not_allowed, payload_too_large, rate_limited,
};
use crate::protocol::mpp::terms::payable;

/// `POST /mcp`.
pub(super) async fn post(
    request: HttpRequest,
    payload: web::Payload,
    public: web::Data<Public>,
) -> HttpResponse {
    let tenant_request = match TenantRequest::of(&request, &public) {
        Ok(tenant_request) => tenant_request,
        Err(RequestRejected::Unknown) => return not_found(),
        Err(RequestRejected::Origin) => return send(forbidden_origin()),
    };
    let mut response = match body::read(payload, public.settings.max_body).await {
        Ok(body) => {
            let headers = ReceivedHeaders(&request);
            let parts = Parts { headers: &headers, received: public.clock.now() };
            send(answer(&tenant_request, &parts, &body).await)
        }
        Err(BodyError::TooLarge) => send(payload_too_large()),
        Err(BodyError::Lost) => HttpResponse::RequestTimeout().finish(),
    };
    cors::readable(&mut response, tenant_request.origin.as_ref());
    response
}

/// `OPTIONS /mcp`: a browser asks whether a page of another origin may call.
pub(super) async fn preflight(request: HttpRequest, public: web::Data<Public>) -> HttpResponse {
    let headers = request.headers();
    let asked = headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    match TenantRequest::of(&request, &public) {
        Ok(TenantRequest { origin: Some(origin), .. }) if asked => {
            cors::preflight(&origin, headers.get(ACCESS_CONTROL_REQUEST_HEADERS))
        }
        Ok(_) | Err(_) => not_allowed(request, public).await,
    }
}

/// Any other method: there is no stream and no session to open or to end.
pub(super) async fn not_allowed(request: HttpRequest, public: web::Data<Public>) -> HttpResponse {
    match TenantRequest::of(&request, &public) {
        Ok(tenant_request) => {
            let mut response = send(method_not_allowed());
            cors::readable(&mut response, tenant_request.origin.as_ref());
            response
        }
        Err(RequestRejected::Unknown) => not_found(),
        Err(RequestRejected::Origin) => send(forbidden_origin()),
    }
}

/// One message in, one response out.
async fn answer(tenant_request: &TenantRequest, parts: &Parts<'_>, body: &[u8]) -> Response {
    let merchant = &tenant_request.merchant;
    let began = Instant::now();
    let view = merchant.view();
    match accept(parts, body, &view) {
        Accepted::Reply(response, caller) => {
            let source = source_of(tenant_request, &caller);
            if let Err(too_many) = merchant.limiter().take(Budget::Request, &source)
                && !is_handshake(&caller, &response)
            {
                let line = Line { outcome: RATE_LIMITED, status: 429, ..Line::of(merchant, &caller, began) };
                line.write();
                return rate_limited(&caller, seconds(too_many.retry_after));
            }
            Line::of(merchant, &caller, began).answered(&response).write();
            response
        }
        Accepted::Call(call, context) => {
            let caller = context.caller().clone();
            let tool = context.tool();
            let line = Line {
                tool: Some(tool),
                session: named(merchant, &call),
                ..Line::of(merchant, &caller, began)
            };
            let source = source_of(tenant_request, &caller);
            if let Err(too_many) = merchant.limiter().take(budget(merchant, &call), &source) {
                if let Some(held) = payment_of(merchant, &call) {
                    // The call may repeat a payment that is in progress or done, and the session was not checked.
                    let response = finish(*context, CallOutcome::InProgress(held), merchant.capabilities());
                    let code = Some("too_many_requests");
                    Line { code, ..line.answered(&response) }.write();
                    return response;
                }
                Line { outcome: RATE_LIMITED, status: 429, ..line }.write();
                return rate_limited(&caller, seconds(too_many.retry_after));
            }
            let outcome = match *call {
                ToolCall::Read(read) => answer_from_view(&read, &view),
                ToolCall::Session(call) => {
                    let waiting =
                        Waiting { merchant, tool, session: line.session.clone(), began, hung_up: true };
                    let outcome = run(merchant, *call, source).await;
                    waiting.answered();
                    outcome
                }
                ToolCall::Wallet(call) => {
                    let waiting =
                        Waiting { merchant, tool, session: line.session.clone(), began, hung_up: true };
                    let outcome = pay_with_wallet(merchant, *call, source).await;
                    waiting.answered();
                    outcome
                }
            };
            let line = line.of_outcome(&outcome);
            let response = finish(*context, outcome, merchant.capabilities());
            line.answered(&response).write();
            response
        }
    }
}

/// The source of a call: its network and its shopper.
fn source_of(tenant_request: &TenantRequest, caller: &Caller) -> Source {
    Source { network: tenant_request.network, subject: caller.subject().map(str::to_owned) }
}

/// The budget of a call. A payment takes from the payment limits only when it is about to reach Stripe, in its
/// session.
fn budget<'a>(merchant: &MerchantHandle, call: &'a ToolCall) -> Budget<'a> {
    let call = match call {
        ToolCall::Read(_) => return Budget::Request,
        ToolCall::Wallet(call) => {
            return merchant.opened(&call.session).map_or(Budget::Unknown, |id| Budget::Held(id.as_str()));
        }
        ToolCall::Session(call) => call,
    };
    match (&call.target, &call.command) {
        // An item that is not sold begins no checkout.
        (Target::New, Command::Create { patch: Patch { cart: Some(cart), .. }, .. })
            if merchant.view().sells_all_of(cart) =>
        {
            Budget::Checkout
        }
        (Target::New, _) => Budget::Request,
        (Target::Existing(claimed), command) => match (merchant.opened(claimed), command) {
            (None, _) => Budget::Unknown,
            (Some(session), Command::Complete(_)) => Budget::Status(session.as_str()),
            (Some(session), _) => Budget::Held(session.as_str()),
        },
    }
}

/// The session of a payment call, if the caller holds its capability.
fn payment_of(merchant: &MerchantHandle, call: &ToolCall) -> Option<Capability> {
    let call = match call {
        ToolCall::Read(_) => return None,
        // Without a credential nothing is paid.
        ToolCall::Wallet(call) if !matches!(call.credential, Ok(Some(_))) => return None,
        ToolCall::Wallet(call) => return merchant.opened(&call.session).map(|_| call.session.clone()),
        ToolCall::Session(call) => call,
    };
    match (&call.target, &call.command) {
        (Target::Existing(claimed), Command::Complete(_)) => {
            merchant.opened(claimed).map(|_| claimed.clone())
        }
        _ => None,
    }
}

/// The id of a call's session, if the caller holds its capability.
fn named(merchant: &MerchantHandle, call: &ToolCall) -> Option<SessionId> {
    let call = match call {
        ToolCall::Read(_) => return None,
        ToolCall::Wallet(call) => return merchant.opened(&call.session).cloned(),
        ToolCall::Session(call) => call,
    };
    match &call.target {
        Target::Existing(claimed) => merchant.opened(claimed).cloned(),
        Target::New => None,
    }
}

/// Handshake requests get prepared replies, which cost no more than a rejection would.
fn is_handshake(caller: &Caller, response: &Response) -> bool {
    let method = caller.method();
    response.status < 300
        && matches!(method, "initialize" | "server/discover" | "ping" | "notification" | "tools/list")
}

async fn run(
    merchant: &MerchantHandle,
    SessionCall { target, command }: SessionCall,
    source: Source,
) -> CallOutcome {
    let answered = match (&target, command) {
        (Target::New, Command::Create { patch, host }) => {
            let created = merchant.create(patch, host).await;
            if let Ok(answer) = &created {
                merchant.limiter().began(answer.session.id.as_str(), &source);
            }
            created
        }
        (Target::New, _) => Err(Rejection::Host(HostRejection::NotFound)),
        (Target::Existing(claimed), command) => match merchant.opened(claimed) {
            Some(session) => {
                let pays = matches!(command, Command::Complete(_));
                let answer = merchant.ask_from(session, command, source.clone()).await;
                if pays && answer.as_ref().is_ok_and(|answer| answer.order.is_some()) {
                    merchant.limiter().paid(session.as_str(), &source);
                }
                answer
            }
            None => Err(Rejection::Host(HostRejection::NotFound)),
        },
    };
    match (answered, target) {
        (Ok(answer), _) => CallOutcome::Session(answer),
        (Err(Rejection::Shopper(ShopperRejection::Undecided)), Target::Existing(session)) => {
            CallOutcome::InProgress(session)
        }
        (Err(rejection), _) => CallOutcome::Refused(rejection),
    }
}

/// Answers a client that pays by itself, inside MCP.
async fn pay_with_wallet(merchant: &MerchantHandle, call: WalletCall, source: Source) -> CallOutcome {
    let WalletCall { session, credential, user_agent } = call;
    let Some(id) = merchant.opened(&session) else {
        return CallOutcome::Refused(Rejection::Host(HostRejection::NotFound));
    };
    let door = WalletDoor { merchant, id, source: &source, user_agent: user_agent.as_deref() };
    let challenge = credential.as_ref().ok().and_then(|sent| Some(sent.as_ref()?.challenge.id.clone()));
    let reply = match merchant.ask(id, Command::Read).await {
        Ok(present) => {
            let current = present.session.revision;
            let is_stale = session.revision().is_some_and(|seen| seen != current);
            if is_stale && payable(&present.session, &merchant.view(), merchant.now()).is_ok() {
                // Whoever pays has seen another total.
                return CallOutcome::Refused(Rejection::Host(HostRejection::StaleRevision { current }));
            }
            door.reply(&present, credential).await
        }
        Err(rejection @ Rejection::Host(HostRejection::NotFound)) => return CallOutcome::Refused(rejection),
        Err(rejection) => door.unread(&rejection),
    };
    CallOutcome::Wallet(Box::new(WalletOutcome { session, challenge, reply }))
}

/// A client that waits for a session. When it hangs up, its request is dropped at once, and the session is notified
/// (2026-07-28 "Cancellation"): uncommitted work stops, committed work continues. This is logged here, since the
/// request would otherwise leave no log line.
struct Waiting<'a> {
    merchant: &'a MerchantHandle,
    tool: ToolName,
    session: Option<SessionId>,
    began: Instant,
    hung_up: bool,
}

impl Waiting<'_> {
    /// The client did not hang up.
    fn answered(mut self) {
        self.hung_up = false;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.hung_up {
            return;
        }
        tracing::info!(
            merchant = %self.merchant.tenant().merchant,
            session = self.session.as_ref().map(SessionId::as_str),
            tool = self.tool.into_str(),
            duration_ms = millis_since(self.began),
            "mcp_abandoned"
        );
    }
}

fn seconds(wait: Duration) -> u32 {
    u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}

fn send(response: Response) -> HttpResponse {
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut builder = HttpResponse::build(status);
    for (name, value) in response.headers {
        builder.insert_header((name, value));
    }
    builder.body(response.body)
}

/// The headers of a request, as the protocol reads them.
struct ReceivedHeaders<'a>(&'a HttpRequest);

impl Headers for ReceivedHeaders<'_> {
    fn get(&self, name: &'static str) -> HeaderValue<'_> {
        let mut values = self.0.headers().get_all(name);
        match (values.next(), values.next()) {
            (None, _) => HeaderValue::Absent,
            (Some(value), None) => value.to_str().map_or(HeaderValue::Unusable, HeaderValue::Text),
            (Some(_), Some(_)) => HeaderValue::Unusable,
        }
    }

    fn list(&self, name: &'static str) -> Option<Cow<'_, str>> {
        let mut lines = self.0.headers().get_all(name).map(|line| line.to_str().unwrap_or_default());
        let first = Cow::Borrowed(lines.next()?);
        Some(lines.fold(first, |list, line| Cow::Owned(format!("{list},{line}"))))
    }
}
