//! A merchant's receiver of order events, which does as it is told and keeps what arrived.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// How long a letter is waited for.
const PATIENCE: Duration = Duration::from_mins(1);

/// What it does with a request.
#[derive(Clone, Debug)]
pub enum Does {
    Takes,
    /// Status line and further headers, such as `500 Oops\r\nX: y`.
    Answers(&'static str),
    /// Never answers.
    Hangs,
    /// Takes it, and goes away without an answer.
    TakesUnheard,
    /// Takes it, and never comes to the end of its answer, which it sends as fast as it is read.
    Floods,
    /// The same, and says nothing more after a while.
    Dribbles,
}

impl Does {
    /// Whether what is sent is taken.
    const fn takes(&self) -> bool {
        match self {
            Self::Takes | Self::TakesUnheard | Self::Floods | Self::Dribbles => true,
            Self::Answers(_) | Self::Hangs => false,
        }
    }
}

/// A request as it arrived; the names of its headers are in lower case.
#[derive(Clone, Debug)]
pub struct Received {
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
    /// Whether it was taken.
    pub taken: bool,
}

#[derive(Default)]
struct Inbox {
    received: Mutex<Vec<Received>>,
    /// How much was written of each answer without an end, until nobody listened any more.
    endless: Mutex<Vec<usize>>,
    changed: Condvar,
}

/// Chooses what is done with the next request.
type Choice = Box<dyn FnMut() -> Does + Send>;

pub struct OrderReceiver {
    pub port: u16,
    inbox: Arc<Inbox>,
    does: Arc<Mutex<Choice>>,
}

impl OrderReceiver {
    pub fn start(does: Does) -> Self {
        Self::choosing(move || does.clone())
    }

    /// One that does something else every time.
    pub fn choosing(does: impl FnMut() -> Does + Send + 'static) -> Self {
        let does: Choice = Box::new(does);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let receiver = Self { port, inbox: Arc::default(), does: Arc::new(Mutex::new(does)) };
        let (inbox, does) = (Arc::clone(&receiver.inbox), Arc::clone(&receiver.does));
        // Ends with the test's process.
        std::thread::spawn(move || {
            let mut hanging = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some(mut request) = read(&mut stream) else { continue };
                let does = does.lock().unwrap()();
                request.taken = does.takes();
                inbox.received.lock().unwrap().push(request);
                inbox.changed.notify_all();
                let head = match does {
                    Does::Takes => "204 No Content",
                    Does::Answers(head) => head,
                    Does::Hangs => {
                        hanging.push(stream);
                        continue;
                    }
                    Does::TakesUnheard => continue,
                    Does::Floods | Does::Dribbles => {
                        let (inbox, fast) = (Arc::clone(&inbox), matches!(does, Does::Floods));
                        std::thread::spawn(move || inbox.endless(stream, fast));
                        continue;
                    }
                };
                let _ = write!(stream, "HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            }
        });
        receiver
    }

    pub fn now_does(&self, does: Does) {
        *self.does.lock().unwrap() = Box::new(move || does.clone());
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook?key=canary-hook-key", self.port)
    }

    /// Waits until so many requests have arrived; gives all.
    pub fn received(&self, count: usize) -> Vec<Received> {
        let received = self.inbox.received.lock().unwrap();
        let missing = |received: &mut Vec<Received>| received.len() < count;
        let (received, waited) = self.inbox.changed.wait_timeout_while(received, PATIENCE, missing).unwrap();
        assert!(!waited.timed_out(), "only {} of {count} requests arrived", received.len());
        received.clone()
    }

    /// Waits until nobody listens any more to so many answers without an end; gives how much was written of each.
    pub fn given_up(&self, count: usize) -> Vec<usize> {
        let endless = self.inbox.endless.lock().unwrap();
        let missing = |endless: &mut Vec<usize>| endless.len() < count;
        let (endless, waited) = self.inbox.changed.wait_timeout_while(endless, PATIENCE, missing).unwrap();
        assert!(!waited.timed_out(), "somebody still listens");
        endless.clone()
    }
}

impl Inbox {
    /// An answer without an end.
    fn endless(&self, mut stream: TcpStream, fast: bool) {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        let mut written = 0;
        if fast {
            while let Ok(more) = stream.write(&[b'x'; 4096]) {
                written += more;
            }
        } else {
            written += stream.write(b"x").unwrap();
            // Until the other side goes away.
            while stream.read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
        }
        self.endless.lock().unwrap().push(written);
        self.changed.notify_all();
    }
}

/// One request with a `Content-Length`.
fn read(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..at].to_vec()).unwrap();
            let mut lines = head.split("\r\n");
            let path = lines.next()?.split(' ').nth(1)?.to_owned();
            let headers: BTreeMap<String, String> = lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect();
            let length: usize = headers.get("content-length").map_or(Ok(0), |length| length.parse()).ok()?;
            if bytes.len() >= at + 4 + length {
                let body = String::from_utf8(bytes[at + 4..at + 4 + length].to_vec()).unwrap();
                return Some(Received { path, headers, body, taken: false });
            }
        }
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&buffer[..read]);
    }
}
