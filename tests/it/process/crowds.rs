//! Connections of strangers who say nothing, to a process with few descriptors.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{join, join_all};
use futures_util::stream::FuturesUnordered;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::buys;
use crate::support::world::{World, usual_shops};

/// How many connections the public listener takes under the limit below.
const TAKEN: usize = 64;

#[tokio::test]
async fn strangers_who_open_connections_and_say_nothing_are_closed_and_a_shopper_pays() {
    let mut world = World::closed(usual_shops());
    world.wrapper = ["/bin/sh", "-c", "ulimit -n 320; exec \"$@\"", "sh"].map(str::to_owned).to_vec();
    world.settings.push(("GATEWAY__PUBLIC__WORKERS", "1"));
    world.start_gateway();
    let address = world.url("").replace("http://", "");
    let idle = join_all((0..TAKEN + 20).map(|_| TcpStream::connect(address.as_str()))).await;
    let closing: FuturesUnordered<_> = idle
        .into_iter()
        .map(async |stranger| {
            let mut heard = Vec::new();
            // Closed with an answer or without one, by a reset or not.
            let _ = stranger.unwrap().read_to_end(&mut heard).await;
            assert!(
                heard.is_empty() || heard.starts_with(b"HTTP/1.1 408 "),
                "{}",
                String::from_utf8_lossy(&heard)
            );
        })
        .collect();
    // All that were there first: whoever came after them has as long again.
    let both = join(closing.take(TAKEN).count(), buys(&world));
    let (closed, _) = tokio::time::timeout(Duration::from_mins(1), both)
        .await
        .expect("the strangers are closed, the shopper pays");
    assert_eq!(closed, TAKEN);
    assert_eq!(world.ledger().len(), 1);
    assert_eq!(world.terminate(), Some(0));
}
