//! The master key, held against the database that it opens.

use std::process::Command;

use super::{buys, refusal};
use crate::support::client::Speaks;
use crate::support::test_gateway::{MASTER_KEY, TestGateway};

const OTHER: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f91";
const PREVIOUS: &str = "GATEWAY__SECRETS__PREVIOUS_MASTER_KEYS";

/// The gateway with this key, and those before it.
fn with_keys(world: &TestGateway, key: &str, previous: &[&str]) -> Command {
    let mut command = world.command("serve");
    let names: Vec<String> = (0..previous.len()).map(|at| format!("env:FORMER_{at}")).collect();
    command.env("GATEWAY_MASTER_KEY", key).env(PREVIOUS, names.join(","));
    command.envs(previous.iter().enumerate().map(|(at, key)| (format!("FORMER_{at}"), key)));
    command
}

async fn order_page(world: &TestGateway, path: &str) -> u16 {
    let client = world.client(Speaks::Modern);
    client.http.get(world.url(path)).send().await.unwrap().status().as_u16()
}

/// Buys; gives the path of the order's page.
async fn order(world: &TestGateway) -> String {
    let bought = buys(world).await;
    let link = bought["order"]["permalink_url"].as_str().unwrap();
    link.strip_prefix("https://links.example").unwrap().to_owned()
}

#[tokio::test]
async fn a_master_key_that_the_database_does_not_know_does_not_start() {
    let mut world = TestGateway::start();
    let path = order(&world).await;
    assert_eq!(world.terminate(), Some(0));

    let said = refusal(&mut with_keys(&world, OTHER, &[])).expect("it does not start");
    for word in ["GATEWAY_MASTER_KEY", "merchant-gateway.sqlite3", "secrets.previous_master_keys"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(!said.contains(OTHER) && !said.contains(MASTER_KEY), "{said}");

    world.start_gateway();
    assert_eq!(order_page(&world, &path).await, 200, "the right key still opens everything");
    assert_eq!(world.terminate(), Some(0));
    let lost = refusal(with_keys(&world, OTHER, &[]).arg("--master-key-lost"));
    assert_eq!(lost, None, "a key that is lost for good is given up in words");
    assert_eq!(refusal(&mut with_keys(&world, OTHER, &[])), None, "once");
}

#[tokio::test]
async fn a_rotated_master_key_replaces_the_former_one() {
    let mut world = TestGateway::start();
    let path = order(&world).await;
    let copy = world.folder.path().join("copy.sqlite3");
    let copy = copy.to_str().unwrap();
    assert!(world.command("backup").args(["--to", copy]).status().unwrap().success());
    assert_eq!(world.terminate(), Some(0));

    world.settings.extend([
        ("GATEWAY_MASTER_KEY", OTHER),
        ("GATEWAY_FORMER_KEY", MASTER_KEY),
        (PREVIOUS, "env:GATEWAY_FORMER_KEY"),
    ]);
    world.start_gateway();
    assert_eq!(order_page(&world, &path).await, 200, "links of the former key still open");
    assert!(!world.log_so_far().contains("former_master_key_not_given"), "{}", world.log());
    assert_eq!(world.terminate(), Some(0));

    let back = refusal(&mut with_keys(&world, MASTER_KEY, &[]));
    assert!(
        back.is_some_and(|said| said.contains("previous_master_keys")),
        "the former key alone is wrong now"
    );
    world.settings.push((PREVIOUS, ""));
    world.start_gateway();
    assert!(world.log_so_far().contains("former_master_key_not_given"), "{}", world.log());
    assert_eq!(world.terminate(), Some(0));

    // A copy from before the rotation was served with the former key.
    assert!(world.command("restore").args(["--from", copy]).status().unwrap().success());
    let said = refusal(&mut with_keys(&world, OTHER, &[])).expect("links of the former key would not open");
    assert!(said.contains("previous_master_keys"), "{said}");
    assert_eq!(refusal(&mut with_keys(&world, OTHER, &[MASTER_KEY])), None);
}
