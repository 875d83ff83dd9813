//! The server of the widgets, on an origin of its own.
//!
//! Must not import the page or the payment. Invariants: it serves documents that the page's backend put there and
//! nothing else; each runs in an opaque origin, framed by the host's page alone.

use std::collections::VecDeque;
use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::middleware::from_fn;
use actix_web::{App, HttpResponse, HttpServer, web};

use super::admission::{OwnPort, own_page_only, standing_headers};
use super::host_error::HostError;
use super::widget_document::WidgetDocument;

/// What a widget may do: run and use forms. Without `allow-same-origin` it has no origin, so widgets share nothing with
/// each other, the page or the merchants.
pub(super) const RIGHTS: &str = "allow-scripts allow-forms";

/// Older documents are forgotten, so that a long-lived host does not grow without bound.
const DOCUMENTS_KEPT: usize = 64;

/// The documents, under unguessable names.
#[derive(Debug)]
pub(super) struct Sandbox {
    page: OwnPort,
    own: OwnPort,
    documents: Mutex<VecDeque<(String, WidgetDocument)>>,
}

impl Sandbox {
    /// An empty sandbox for the page on one port, served on another.
    pub(super) const fn new(page: u16, own: u16) -> Self {
        Self { page: OwnPort(page), own: OwnPort(own), documents: Mutex::new(VecDeque::new()) }
    }

    /// The port of the page.
    pub(super) const fn page(&self) -> OwnPort {
        self.page
    }

    /// Where documents are served: another host name than the page's usual one, and another port.
    pub(super) fn origin(&self) -> String {
        let [_, localhost] = self.own.origins();
        localhost
    }

    /// Puts a document there; gives its address.
    pub(super) fn put(&self, name: String, document: WidgetDocument) -> String {
        let address = format!("{}/widgets/{name}", self.origin());
        let mut documents = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        if documents.len() >= DOCUMENTS_KEPT {
            documents.pop_front();
        }
        documents.push_back((name, document));
        address
    }

    fn get(&self, name: &str) -> Option<WidgetDocument> {
        let documents = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        documents.iter().find(|(known, _)| known == name).map(|(_, document)| document.clone())
    }
}

/// The server of a listener, to be run on a thread of its own.
pub(super) fn serve(listener: TcpListener, sandbox: &Arc<Sandbox>) -> io::Result<actix_web::dev::Server> {
    let sandbox = Arc::clone(sandbox);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(sandbox.own))
            .app_data(web::Data::from(Arc::clone(&sandbox)))
            .wrap(from_fn(own_page_only))
            .wrap(standing_headers())
            .route("/widgets/{name}", web::get().to(show))
            .default_service(web::to(async || Err::<HttpResponse, _>(HostError::NotFound)))
    })
    .workers(1)
    .disable_signals()
    .shutdown_timeout(1)
    .listen(listener)?;
    Ok(server.run())
}

async fn show(name: web::Path<String>, sandbox: web::Data<Sandbox>) -> Result<HttpResponse, HostError> {
    let WidgetDocument { html, policy, .. } = sandbox.get(&name).ok_or(HostError::NotFound)?;
    let page = sandbox.page.origins().join(" ");
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((
            "Content-Security-Policy",
            format!("{policy}; frame-ancestors {page}; sandbox {RIGHTS}"),
        ))
        .body(html))
}
