//! The page's server: its files, and the few requests of the page to its backend.
//!
//! Must not import the emulated Stripe's state. Invariants: a forwarded message goes to a configured merchant; every
//! request with a body is JSON and comes from the page (see [`super::admission`]).

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use actix_web::http::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, HOST, USER_AGENT};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::admission::{own_page_only, standing_headers};
use super::host_error::HostError;
use super::merchant_client::{MerchantClient, Message, Shopper};
use super::page::{self, CURRENCIES, FILES, INDEX, PageFile};
use super::payment::Approval;
use super::sandbox::{RIGHTS, Sandbox};
use super::token;
use super::wallet::{ChallengeWanted, WalletApproval};
use super::widget_document::WidgetDocument;
use super::{HostMerchant, RandomId};
use crate::stripe::StripeService;

/// The largest body that the page sends: a tool's result, on its way back into a widget.
const MAX_BODY: usize = 4 * 1024 * 1024;

/// What the handlers share.
pub(super) struct HostBackend {
    /// The shops to choose from.
    pub(super) merchants: Vec<HostMerchant>,
    /// The client for them.
    pub(super) client: MerchantClient,
    /// The source of tokens.
    pub(super) stripe: Arc<StripeService>,
    /// The server for widgets.
    pub(super) sandbox: Arc<Sandbox>,
    /// The source of their names.
    pub(super) random_id: RandomId,
}

impl HostBackend {
    fn merchant(&self, id: &str) -> Result<&HostMerchant, HostError> {
        let found = self.merchants.iter().find(|merchant| merchant.id == id);
        found.ok_or_else(|| HostError::UnknownMerchant(id.to_owned()))
    }
}

/// The server of a listener, which runs on a thread of its own.
pub(super) fn serve(listener: TcpListener, backend: &Arc<HostBackend>) -> io::Result<actix_web::dev::Server> {
    let backend = Arc::clone(backend);
    let policy = page::policy(&backend.sandbox.origin());
    let server = HttpServer::new(move || {
        let mut app = App::new()
            .app_data(web::Data::new(backend.sandbox.page()))
            .app_data(web::PayloadConfig::new(MAX_BODY))
            .app_data(web::Data::from(Arc::clone(&backend)))
            .wrap(from_fn(own_page_only))
            .wrap(standing_headers().add(("Content-Security-Policy", policy.clone())))
            .route("/api/host", web::get().to(describe))
            .route("/api/merchants/{merchant}/messages", web::post().to(forward))
            .route("/api/merchants/{merchant}/widgets", web::post().to(prepare_widget))
            .route("/api/merchants/{merchant}/payments", web::post().to(pay))
            .route("/api/merchants/{merchant}/wallet/challenges", web::post().to(ask_for_challenge))
            .route("/api/merchants/{merchant}/wallet/payments", web::post().to(pay_with_wallet))
            .default_service(web::to(async || Err::<HttpResponse, _>(HostError::NotFound)));
        for file in [INDEX, CURRENCIES].into_iter().chain(FILES) {
            app = app.route(file.path, web::get().to(move || async move { serve_file(file) }));
        }
        app
    })
    .workers(1)
    .disable_signals()
    .shutdown_timeout(1)
    .listen(listener)?;
    Ok(server.run())
}

fn serve_file(file: PageFile) -> HttpResponse {
    HttpResponse::Ok().content_type(file.content_type).body(file.text)
}

/// The data that the page needs at its start.
async fn describe(backend: web::Data<HostBackend>) -> HttpResponse {
    let merchants: Vec<Value> = backend
        .merchants
        .iter()
        .map(|HostMerchant { id, name, mcp_url }| json!({ "id": id, "name": name, "mcp_url": mcp_url }))
        .collect();
    HttpResponse::Ok().json(json!({
        "merchants": merchants,
        "cards": token::cards(),
        "sandbox": { "origin": backend.sandbox.origin(), "rights": RIGHTS },
    }))
}

/// Sends a message of the page to a merchant.
async fn forward(
    request: HttpRequest,
    id: web::Path<String>,
    body: Body,
    backend: web::Data<HostBackend>,
) -> Result<HttpResponse, HostError> {
    let merchant = backend.merchant(&id)?;
    let message: Message = read(&request, &body)?;
    let trip = backend.client.send(merchant, message, &shopper(&request)).await?;
    Ok(HttpResponse::Ok().json(trip))
}

/// A widget to show.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WidgetWanted {
    /// The resource.
    uri: String,
    /// The initial values of `window.openai`.
    globals: Map<String, Value>,
    /// Whether it can pay.
    payment_sheet: bool,
}

/// Reads a widget from its merchant and puts it into the sandbox.
async fn prepare_widget(
    request: HttpRequest,
    id: web::Path<String>,
    body: Body,
    backend: web::Data<HostBackend>,
) -> Result<HttpResponse, HostError> {
    let merchant = backend.merchant(&id)?;
    let WidgetWanted { uri, globals, payment_sheet } = read(&request, &body)?;
    let mut params = Map::new();
    params.insert("uri".to_owned(), json!(uri));
    let message = Message { id: json!(1), method: "resources/read".to_owned(), params };
    let trip = backend.client.send(merchant, message, &shopper(&request)).await?;
    if let Some(error) = trip.answer["error"]["message"].as_str() {
        return Err(HostError::Widget(format!("{} says: {error}", merchant.name)));
    }
    let page = format!("http://{}", header(&request, HOST.as_str()).to_ascii_lowercase());
    let setup = json!({ "page": page, "globals": globals, "paymentSheet": payment_sheet });
    let document = WidgetDocument::of(&trip.answer["result"], &setup).map_err(HostError::Widget)?;
    let (policy, left_out) = (document.policy.clone(), document.left_out.clone());
    let url = backend.sandbox.put(format!("{:032x}", (backend.random_id)()), document);
    Ok(HttpResponse::Ok().json(json!({ "url": url, "policy": policy, "left_out": left_out, "read": trip })))
}

/// Handles the shopper's payment on the sheet.
async fn pay(
    request: HttpRequest,
    id: web::Path<String>,
    body: Body,
    backend: web::Data<HostBackend>,
) -> Result<HttpResponse, HostError> {
    let merchant = backend.merchant(&id)?;
    let approval: Approval = read(&request, &body)?;
    let trip = approval.execute(merchant, &backend.client, &backend.stripe, &shopper(&request)).await?;
    Ok(HttpResponse::Ok().json(trip))
}

/// Asks a merchant for a challenge, before the wallet's owner approves.
async fn ask_for_challenge(
    request: HttpRequest,
    id: web::Path<String>,
    body: Body,
    backend: web::Data<HostBackend>,
) -> Result<HttpResponse, HostError> {
    let merchant = backend.merchant(&id)?;
    let wanted: ChallengeWanted = read(&request, &body)?;
    Ok(HttpResponse::Ok().json(wanted.ask(merchant, &backend.client).await?))
}

/// Handles the payment that the wallet's owner approved.
async fn pay_with_wallet(
    request: HttpRequest,
    id: web::Path<String>,
    body: Body,
    backend: web::Data<HostBackend>,
) -> Result<HttpResponse, HostError> {
    let merchant = backend.merchant(&id)?;
    let approval: WalletApproval = read(&request, &body)?;
    let outcome = approval.execute(merchant, &backend.client, &backend.stripe).await?;
    Ok(HttpResponse::Ok().json(outcome))
}

/// A body that may be too long.
type Body = Result<web::Bytes, actix_web::Error>;

/// Parses a JSON body. Its type is checked because no form of another site can send it.
fn read<T: DeserializeOwned>(request: &HttpRequest, body: &Body) -> Result<T, HostError> {
    if header(request, CONTENT_TYPE.as_str()) != "application/json" {
        return Err(HostError::Request("its Content-Type must be application/json".to_owned()));
    }
    let body = body.as_ref().map_err(|error| HostError::Request(error.to_string()))?;
    serde_json::from_slice(body).map_err(|error| HostError::Request(error.to_string()))
}

fn shopper(request: &HttpRequest) -> Shopper {
    let languages = header(request, ACCEPT_LANGUAGE.as_str());
    let first = languages.split([',', ';']).next().unwrap_or_default().trim();
    Shopper {
        locale: if first.is_empty() || first == "*" { "en-US" } else { first }.to_owned(),
        user_agent: header(request, USER_AGENT.as_str()).to_owned(),
    }
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> &'a str {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
