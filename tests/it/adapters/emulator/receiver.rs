//! A seller's webhook endpoint on loopback: it answers as it is told, and keeps what it got.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// What was received.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

impl Received {
    pub(super) fn event(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(super) fn kind(&self) -> String {
        self.event()["type"].as_str().unwrap().to_owned()
    }
}

/// The endpoint; it is there until the test's process ends.
pub(super) struct Receiver {
    pub(super) url: String,
    got: Arc<Mutex<Vec<Received>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl Receiver {
    /// Answers 200, and these statuses before that.
    pub(super) fn start(answers: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let receiver = Self {
            url: format!("http://{}/webhooks/stripe", listener.local_addr().unwrap()),
            got: Arc::default(),
            answers: Arc::new(Mutex::new(answers.iter().copied().collect())),
        };
        let (got, answers) = (Arc::clone(&receiver.got), Arc::clone(&receiver.answers));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let request = read(&stream);
                got.lock().unwrap().push(request);
                let status = answers.lock().unwrap().pop_front().unwrap_or(200);
                answer(stream, status);
            }
        });
        receiver
    }

    /// What came so far.
    pub(super) fn got(&self) -> Vec<Received> {
        self.got.lock().unwrap().clone()
    }

    /// The kinds of event that came so far.
    pub(super) fn kinds(&self) -> Vec<String> {
        self.got().iter().map(Received::kind).collect()
    }
}

fn read(stream: &TcpStream) -> Received {
    let mut reader = BufReader::new(stream);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end().split_once(": ") {
            Some((name, value)) => drop(headers.insert(name.to_lowercase(), value.to_owned())),
            None if line.trim_end().is_empty() => break,
            None => drop(headers.insert("request".to_owned(), line.trim_end().to_owned())),
        }
    }
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    Received { headers, body: String::from_utf8(body).unwrap() }
}

fn answer(mut stream: TcpStream, status: u16) {
    let head = format!("HTTP/1.1 {status} Told\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    // A sender that has gone away needs no answer.
    drop(stream.write_all(head.as_bytes()));
}
