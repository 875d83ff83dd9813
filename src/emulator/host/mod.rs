//! A host like ChatGPT on loopback: a page on which an assistant without a model shops, and the servers behind it.
//!
//! Two servers, because a host keeps foreign content on an origin of its own: [`backend`] serves the page and its
//! requests, [`sandbox`] the widgets. For the merchants the host is like a real one, an MCP client over HTTP
//! ([`merchant_client`]) without any merchant's key; payment tokens come from the emulated Stripe ([`token`]) and
//! never reach the page. They pay on the host's sheet ([`payment`]) or by an agent's wallet ([`wallet`]). [`admission`]
//! decides which requests are accepted.
//!
//! The page's own part, in `page/`, is the host for widgets and shoppers: `window.openai`, the rules about which
//! caller may call which tool, the payment sheet, and the screen on which the owner of a wallet approves.
//!
//! Must import the Stripe beside it only to grant tokens. Invariant: the host talks to the
//! merchants that it was started with and to no other address.

mod admission;
mod backend;
mod challenge;
mod host_error;
mod merchant_client;
mod page;
mod payment;
mod sandbox;
mod token;
mod wallet;
mod widget_document;

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use crate::loopback::{self, Loopback};
use crate::stripe::Emulator;

use backend::HostBackend;
use merchant_client::MerchantClient;
use sandbox::Sandbox;

/// Returns 128 random bits. A test's may be predictable.
pub type RandomId = Arc<dyn Fn() -> u128 + Send + Sync>;

/// A shop of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostMerchant {
    /// Its id in the host's own addresses.
    pub id: String,
    /// The name shown to the shopper.
    pub name: String,
    /// Its MCP endpoint.
    pub mcp_url: String,
}

/// The options of a host's start.
pub struct HostOptions {
    /// Where the page is served, on 127.0.0.1. The sandbox takes a free port.
    pub page: TcpListener,
    /// The shops to choose from.
    pub merchants: Vec<HostMerchant>,
    /// The source of the shopper's anonymous name and the widgets' addresses.
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

    /// The address of the page, such as `http://127.0.0.1:8090`.
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
