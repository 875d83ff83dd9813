//! Connections of strangers who say nothing, or not all, to a process with few descriptors, or what is no HTTP.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{Either, join_all, select};
use futures_util::stream::FuturesUnordered;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::buys;
use crate::support::test_gateway::{TestGateway, usual_shops};

/// How many connections the public listener takes under the limit below.
const TAKEN: usize = 64;

/// What strangers send: nothing, a request without its end, a request without its body.
const BEGINNINGS: [&str; 3] = [
    "",
    "POST /mcp HTTP/1.1\r\nHost: shop.example\r\nX-Long: ",
    "POST /t/harbor-coffee/mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
];

/// What scanners send to a plain port: a TLS greeting, the opening of HTTP/2, a broken request line, a broken header.
const NO_HTTP: [&[u8]; 4] = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x00\x01GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost shop.example\r\n\r\n",
];

#[tokio::test]
async fn what_is_no_http_is_told_at_debug_and_never_as_an_error() {
    let world = TestGateway::start();
    let address = world.url("").replace("http://", "");
    for bytes in NO_HTTP {
        let mut scanner = TcpStream::connect(address.as_str()).await.unwrap();
        scanner.write_all(bytes).await.unwrap();
        // Answered or not, by a reset or not: closed.
        let _ = scanner.read_to_end(&mut Vec::new()).await;
    }
    let log = world.log_so_far();
    let lines = || log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let told: Vec<Value> = lines().filter(|line| line["message"] == "connection_broken").collect();
    assert_eq!(told.len(), NO_HTTP.len(), "{log}");
    for line in told {
        assert_eq!(line["level"], "DEBUG");
        assert!(line["cause"].as_str().unwrap().contains("stream error"), "{line}");
    }
    let of_actix = |line: &Value| line["target"].as_str().unwrap().starts_with("actix");
    let is_grave = |line: &Value| line["level"] == "ERROR" || (line["level"] == "WARN" && of_actix(line));
    let grave: Vec<Value> = lines().filter(is_grave).collect();
    assert_eq!(grave, Vec::<Value>::new());
}

#[tokio::test]
async fn unfinished_requests_yield_to_a_shopper_and_are_closed_later() {
    let mut world = TestGateway::closed(usual_shops());
    world.wrapper = ["/bin/sh", "-c", "ulimit -n 320; exec \"$@\"", "sh"].map(str::to_owned).to_vec();
    world.settings.push(("GATEWAY__PUBLIC__WORKERS", "1"));
    world.start_gateway();
    let address = world.url("").replace("http://", "");
    let strangers = join_all((0..3 * TAKEN).map(async |number| {
        let mut stranger = TcpStream::connect(address.as_str()).await.unwrap();
        // One that has given way already hears nothing of what it says.
        let _ = stranger.write_all(BEGINNINGS[number % BEGINNINGS.len()].as_bytes()).await;
        stranger
    }))
    .await;
    let closing: FuturesUnordered<_> = strangers
        .into_iter()
        .map(async |mut stranger| {
            let mut heard = Vec::new();
            // Closed with an answer or without one, by a reset or not.
            let _ = stranger.read_to_end(&mut heard).await;
            String::from_utf8_lossy(&heard).into_owned()
        })
        .collect();
    // Whoever waited for the strangers' ten seconds would hear of one whose time is over.
    let mut gave_way = 0;
    let mut closing = closing.inspect(|heard| gave_way += usize::from(heard.is_empty()));
    let timed_out = std::pin::pin!(
        closing.by_ref().skip_while(|heard| std::future::ready(heard.is_empty())).into_future()
    );
    assert!(
        matches!(select(timed_out, std::pin::pin!(buys(&world))).await, Either::Right(_)),
        "a shopper waited"
    );
    let rest = tokio::time::timeout(Duration::from_mins(1), closing.count()).await;
    assert!(rest.is_ok(), "every stranger is closed in the end");
    assert!((2 * TAKEN..3 * TAKEN).contains(&gave_way), "{gave_way}");
    assert_eq!(world.ledger().len(), 1);
    assert_eq!(world.terminate(), Some(0));
}
