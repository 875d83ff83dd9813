//! The real process in the surroundings that it is run in: what it writes to, where it may write, which keys it is given.

mod crowds;
mod disks;
mod keys;
mod streams;

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::client::{Client, Speaks, total};
use crate::support::test_gateway::TestGateway;

/// An address that was free a moment ago, for a listener that no log tells of.
fn free_address() -> &'static str {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string().leak()
}

/// What a probe answers.
async fn probe(client: &Client, admin: &str, path: &str) -> (u16, String) {
    let answer = client.http.get(format!("http://{admin}{path}")).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Buys, as soon as the shop knows its account.
async fn buys(world: &TestGateway) -> Value {
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let token = world.token("pm_card_visa", total(&sheet));
    loop {
        let told = client.complete(&sheet["id"], &token).await;
        if told["structuredContent"]["status"] == "completed" {
            return told["structuredContent"].clone();
        }
        let said = told.to_string();
        assert!(said.contains("try again") || said.contains("in_progress"), "{told}");
        tokio::task::yield_now().await;
    }
}

/// Starts a gateway: nothing when it listens, after which it is killed, or why it did not.
fn refusal(command: &mut Command) -> Option<String> {
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    if lines.next().is_some() {
        process.kill().unwrap();
        process.wait().unwrap();
        return None;
    }
    let mut said = String::new();
    process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(1));
    Some(said)
}
