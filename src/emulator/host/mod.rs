//! A host like ChatGPT on loopback: a page on which an assistant without a model shops, and the servers behind it.
//!
//! Two servers, because a host keeps what it shows of others on an origin of its own: [`backend`] serves the page and what
//! the page asks of its backend, [`sandbox`] the widgets. Towards the merchants the host is what a real one is, an MCP
//! client over HTTP ([`merchant_client`]) that holds nobody's key; payment tokens come from the emulated Stripe
//! ([`payment`]) and never reach the page. Who may ask at all is decided in [`admission`].
//!
//! The page's own part, in `page/`, is the host as widgets and shoppers know it: `window.openai`, the rules about who
//! may call which tool, and the payment sheet.
//!
//! Must import the Stripe beside it only to grant tokens. Invariant: the host talks to the
//! merchants that it was started with and to no other address.

mod admission;
mod backend;
mod host_error;
mod merchant_client;
mod page;
mod payment;
mod sandbox;
mod widget_document;

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use crate::loopback::{self, Loopback};
use crate::stripe::Emulator;

use backend::HostBackend;
use merchant_client::MerchantClient;
use sandbox::Sandbox;

/// Gives 128 random bits. A test's may be predictable.
pub type RandomId = Arc<dyn Fn() -> u128 + Send + Sync>;

/// A shop that the host knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostMerchant {
    /// How the host's own addresses name it.
    pub id: String,
    /// How it is shown.
    pub name: String,
    /// Its MCP endpoint.
    pub mcp_url: String,
}

/// How a host starts.
pub struct HostOptions {
    /// Where the page is served, on 127.0.0.1. The sandbox takes a free port.
    pub page: TcpListener,
    /// The shops to choose from.
    pub merchants: Vec<HostMerchant>,
    /// Where the shopper's anonymous name and the addresses of widgets come from.
    pub random_id: RandomId,
}

/// A running host. It stops when it is dropped.
#[derive(Debug)]
pub struct Host {
    backend: Loopback,
    sandbox: Loopback,
}

impl Host {
    /// Starts on threads of its own and returns once it accepts connections. Payments are made with tokens of `stripe`.
    pub fn start(options: HostOptions, stripe: &Emulator) -> io::Result<Self> {
        let HostOptions { page, merchants, random_id } = options;
        let frames = loopback::bind(0)?;
        let page_port = page.local_addr()?.port();
        let sandbox = Arc::new(Sandbox::new(page_port, frames.local_addr()?.port()));
        let subject = format!("emulated/{:032x}", random_id());
        let backend = Arc::new(HostBackend {
            merchants,
            client: MerchantClient::new(subject).map_err(io::Error::other)?,
            stripe: Arc::clone(&stripe.service),
            sandbox: Arc::clone(&sandbox),
            random_id,
        });
        let sandbox =
            Loopback::start("host-sandbox", frames, move |listener| sandbox::serve(listener, &sandbox))?;
        let backend = Loopback::start("host-page", page, move |listener| backend::serve(listener, &backend))?;
        Ok(Self { backend, sandbox })
    }

    /// Where the page is, such as `http://127.0.0.1:8090`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.backend.address())
    }

    /// Stops serving and closes all connections.
    pub fn stop(&mut self) {
        self.backend.stop();
        self.sandbox.stop();
    }
}
