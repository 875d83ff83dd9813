//! Standard error that nobody reads, that cannot be written, that comes back.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, pipe};
use std::process::{Command, Stdio};

use super::{buys, free_address, probe};
use crate::support::client::Speaks;
use crate::support::test_gateway::{TestGateway, usual_shops};

/// What a pipe holds before a writer waits.
const PIPE_BYTES: usize = 64 * 1024;

fn world(admin: &'static str) -> TestGateway {
    let mut world = TestGateway::closed(usual_shops());
    world.settings.push(("GATEWAY__ADMIN__LISTEN", admin));
    world
}

async fn is_up(world: &TestGateway, admin: &str) {
    let client = world.client(Speaks::Modern);
    for path in ["/livez", "/readyz"] {
        assert_eq!(probe(&client, admin, path).await.0, 200, "{path}");
    }
}

#[tokio::test]
async fn a_log_without_a_reader_blocks_nothing_and_counts_lost_lines() {
    let admin = free_address();
    let mut world = world(admin);
    let log = world.folder.path().join("log.pipe");
    assert!(Command::new("mkfifo").arg(&log).status().unwrap().success());
    let reader = OpenOptions::new().read(true).write(true).open(&log).unwrap();
    let writer = OpenOptions::new().write(true).open(&log).unwrap();
    drop(reader);
    world.start_telling(writer);
    let bought = buys(&world).await;
    assert!(bought["order"]["id"].is_string(), "{bought}");
    is_up(&world, admin).await;

    let mut lines = BufReader::new(File::open(&log).unwrap()).lines();
    let told =
        std::thread::spawn(move || lines.find(|line| line.as_ref().unwrap().contains("log_lines_lost")));
    while !told.is_finished() {
        // Each says something.
        buys(&world).await;
    }
    let told: serde_json::Value = serde_json::from_str(&told.join().unwrap().unwrap().unwrap()).unwrap();
    assert!(told["lines"].as_u64().is_some_and(|lines| lines > 10), "{told}");
    assert_eq!(world.terminate(), Some(0));
}

#[tokio::test]
async fn a_log_on_a_full_disk_stops_nothing() {
    let admin = free_address();
    let mut world = world(admin);
    world.start_telling(OpenOptions::new().write(true).open("/dev/full").unwrap());
    buys(&world).await;
    is_up(&world, admin).await;
    assert_eq!(world.terminate(), Some(0));
}

#[tokio::test]
async fn a_log_that_nobody_reads_stops_nothing() {
    let admin = free_address();
    let mut world = world(admin);
    world.settings.push(("GATEWAY__LOG__FILTER", "trace"));
    let (mut unread, errors) = pipe().unwrap();
    world.start_telling(errors);
    for _ in 0..3 {
        buys(&world).await;
    }
    is_up(&world, admin).await;
    assert_eq!(world.terminate(), Some(0));
    let mut kept = String::new();
    unread.read_to_string(&mut kept).unwrap();
    assert!(kept.len() > PIPE_BYTES / 2 && !kept.contains("\"stopping\""), "it was not full: {}", kept.len());
}

#[tokio::test]
async fn no_standard_error_at_all_stops_nothing() {
    let admin = free_address();
    let mut world = world(admin);
    world.wrapper = ["/bin/sh", "-c", "exec \"$@\" 2>&-", "sh"].map(str::to_owned).to_vec();
    world.start_telling(Stdio::null());
    buys(&world).await;
    is_up(&world, admin).await;
    assert_eq!(world.terminate(), Some(0));
}

#[test]
fn a_command_fails_when_its_output_cannot_be_written() {
    let world = TestGateway::closed(usual_shops());
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    for (command, arguments) in [("schema", &["tenant"][..]), ("check", &["--json"]), ("check", &[])] {
        let lost = world.command(command).args(arguments).stdout(full()).output().unwrap();
        let said = String::from_utf8(lost.stderr).unwrap();
        assert_eq!(lost.status.code(), Some(1), "{command}: {said}");
        assert!(said.contains("cannot write to standard output"), "{command}: {said}");
        let (unread, out) = pipe().unwrap();
        drop(unread);
        let left = world.command(command).args(arguments).stdout(out).output().unwrap();
        assert_eq!(left.status.code(), Some(0), "a reader that has gone wants no more");
    }
}

#[test]
fn a_start_that_fails_tells_why_though_the_filter_is_off() {
    let world = TestGateway::closed(usual_shops());
    let mut command = world.command("serve");
    command.env("GATEWAY__LOG__FILTER", "off").env("GATEWAY_MASTER_KEY", "");
    let failed = command.output().unwrap();
    let said = String::from_utf8(failed.stderr).unwrap();
    assert_eq!(failed.status.code(), Some(1));
    assert!(said.contains("serve_failed") && said.contains("is empty"), "{said}");
}

#[test]
fn a_start_that_fails_ends_though_nobody_reads_why() {
    let world = TestGateway::closed(usual_shops());
    let (_unread, mut errors) = pipe().unwrap();
    std::io::Write::write_all(&mut errors, &vec![b' '; PIPE_BYTES]).unwrap();
    let mut process = world.command("serve").env("GATEWAY_MASTER_KEY", "").stderr(errors).spawn().unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(1));
}

#[tokio::test]
async fn the_last_log_lines_are_written_and_sighup_stops_nothing() {
    let mut world = TestGateway::start();
    let log = world.log_so_far();
    assert!(log.contains("sighup_received"), "{log}");
    buys(&world).await;
    assert_eq!(world.terminate(), Some(0));
    let log = world.log();
    assert!(log.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{log}");
    assert!(log.contains("\"message\":\"stopping\""), "{log}");
}
