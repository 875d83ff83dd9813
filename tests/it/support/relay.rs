//! A wire to Stripe that a test can hold: it passes bytes both ways, and keeps back the first question about a token.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use tokio::sync::watch;

/// What the kept-back request begins with.
const KEPT_BACK: &[u8] = b"GET /v1/shared_payment/granted_tokens/";

/// The wire; it is there until the test's process ends.
pub struct Relay {
    address: SocketAddr,
    reached: watch::Receiver<bool>,
    release: Sender<()>,
}

/// What the connections of a wire share: whoever holds the release keeps back.
struct Gate {
    reached: watch::Sender<bool>,
    release: std::sync::Mutex<Option<Receiver<()>>>,
}

impl Relay {
    /// A wire to `http://127.0.0.1:…`.
    pub fn to(base_url: &str) -> Self {
        let target: SocketAddr = base_url.strip_prefix("http://").unwrap().parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (reached, seen) = watch::channel(false);
        let (release, released) = channel();
        let gate = Arc::new(Gate { reached, release: std::sync::Mutex::new(Some(released)) });
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(target).unwrap());
                let (mut from_server, mut to_client) =
                    (server.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || std::io::copy(&mut from_server, &mut to_client));
                let gate = Arc::clone(&gate);
                std::thread::spawn(move || pass(client, server, &gate));
            }
        });
        Self { address, reached: seen, release }
    }

    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until the question is kept back.
    pub async fn reached(&self) {
        self.reached.clone().wait_for(|reached| *reached).await.unwrap();
    }

    /// Lets the question pass.
    pub fn release(&self) {
        self.release.send(()).unwrap();
    }
}

/// Passes what is sent, and keeps back the first question about a token until it is released.
fn pass(mut from: TcpStream, mut to: TcpStream, gate: &Gate) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let bytes = &buffer[..length];
        if bytes.starts_with(KEPT_BACK)
            && let Some(release) = gate.release.lock().unwrap().take()
        {
            gate.reached.send_replace(true);
            let _ = release.recv();
        }
        if to.write_all(bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Write);
}
