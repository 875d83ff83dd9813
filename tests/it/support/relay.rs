//! Wires to Stripe that a test can hold: they pass bytes both ways, and keep back the first question about a token, or all
//! that is asked under one key.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};

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
    release: Mutex<Option<Receiver<()>>>,
}

impl Relay {
    /// A wire to `http://127.0.0.1:…`.
    pub fn to(base_url: &str) -> Self {
        let (reached, seen) = watch::channel(false);
        let (release, released) = channel();
        let gate = Arc::new(Gate { reached, release: Mutex::new(Some(released)) });
        let address = wire(base_url, move |from, to| pass(from, to, &gate));
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

/// Listens, and passes each connection on to `http://127.0.0.1:…`: what is answered as it is, what is asked as `asked` does.
fn wire(base_url: &str, asked: impl Fn(TcpStream, TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let target: SocketAddr = base_url.strip_prefix("http://").unwrap().parse().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(target).unwrap());
            let (mut from_server, mut to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            std::thread::spawn(move || {
                drop(std::io::copy(&mut from_server, &mut to_client));
                // The client hears that the server has hung up, as it does of an idle connection.
                drop(to_client.shutdown(Shutdown::Both));
            });
            let asked = asked.clone();
            std::thread::spawn(move || asked(client, server));
        }
    });
    address
}

/// A wire on which all that is asked under one key can be made to hang; it is there until the test's process ends.
pub struct HangingWire {
    address: SocketAddr,
    hold: Arc<KeyHold>,
}

#[derive(Default)]
struct KeyHold {
    /// Whether requests hang, and how many have been kept back.
    hangs: Mutex<(bool, usize)>,
    changed: Condvar,
}

impl HangingWire {
    /// A wire to `http://127.0.0.1:…`.
    pub fn to(base_url: &str, key: &str) -> Self {
        let hold = Arc::<KeyHold>::default();
        let (of_wire, key) = (Arc::clone(&hold), key.to_owned());
        let address = wire(base_url, move |from, to| pass_others(from, to, (&of_wire, key.as_bytes())));
        Self { address, hold }
    }

    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Keeps back all that is asked under the key from now on, or lets it pass.
    pub fn hang(&self, hangs: bool) {
        self.hold.hangs.lock().unwrap().0 = hangs;
        self.hold.changed.notify_all();
    }

    /// How many requests were kept back so far.
    pub fn kept_back(&self) -> usize {
        self.hold.hangs.lock().unwrap().1
    }
}

/// Passes what is sent, and keeps back what is sent under the key for as long as that hangs.
fn pass_others(mut from: TcpStream, mut to: TcpStream, (hold, key): (&KeyHold, &[u8])) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let bytes = &buffer[..length];
        if bytes.windows(key.len()).any(|window| window == key) {
            let mut hangs = hold.hangs.lock().unwrap();
            hangs.1 += usize::from(hangs.0);
            drop(hold.changed.wait_while(hangs, |(hangs, _)| *hangs).unwrap());
        }
        if to.write_all(bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Write);
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

/// A wire that keeps what passes on it, in the order in which it passed; it is there until the test's process ends.
pub struct Recorder {
    address: SocketAddr,
    kept: Arc<Mutex<Vec<u8>>>,
}

impl Recorder {
    /// A wire to `http://127.0.0.1:…`.
    pub fn to(base_url: &str) -> Self {
        let target: SocketAddr = base_url.strip_prefix("http://").unwrap().parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let kept: Arc<Mutex<Vec<u8>>> = Arc::default();
        let keeps = Arc::clone(&kept);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(target).unwrap());
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let keeps = Arc::clone(&keeps);
                    std::thread::spawn(move || keep(from, to, &keeps));
                }
            }
        });
        Self { address, kept }
    }

    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All that has passed. What is asked is answered before anything else is asked.
    pub fn kept(&self) -> String {
        String::from_utf8(self.kept.lock().unwrap().clone()).unwrap()
    }
}

fn keep(mut from: TcpStream, mut to: TcpStream, kept: &Mutex<Vec<u8>>) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        kept.lock().unwrap().extend_from_slice(&bytes[..read]);
        if to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    drop(to.shutdown(Shutdown::Both));
}
