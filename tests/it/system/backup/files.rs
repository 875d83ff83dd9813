//! What a backup and a restore do with files, and which files are not served from.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{backed_up, begin, behind, database, refusal, restored, run, works, world};
use crate::support::orders::ORDERS;
use crate::support::test_gateway::TestGateway;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_backed_up_or_restored_is_told_and_left_as_it_is() {
    let mut world = world();
    begin(&world, &ORDERS[0]).await.paid(&world).await;
    let target = world.folder.path().join("copy.sqlite3");
    let target = target.to_str().unwrap();
    works(&run(&world, "backup", &["--to", target]));
    let said = refusal(&run(&world, "backup", &["--to", target]));
    assert!(said.contains("exists already"), "{said}");
    let said = refusal(&run(&world, "restore", &["--from", target]));
    assert!(said.contains("stop it first"), "{said}");
    assert_eq!(world.terminate(), Some(0));

    let live = database(&world, "");
    let whole = fs::read(&live).unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = world.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let mut torn = fs::read(target).unwrap();
    let middle = torn.len() / 2;
    torn[middle..].fill(0x5a);
    for (from, remedy) in [
        (file("nothing.sqlite3", b"what is this"), "is no database; --from names a file"),
        (file("empty.sqlite3", b""), "is no database; --from names a file"),
        (world.folder.path().join("tenants").to_str().unwrap().to_owned(), "is no file; --from names a file"),
        (file("unmarked.sqlite3", &whole), "use a file that the backup command wrote"),
        (file("torn.sqlite3", &torn), "damaged"),
        (world.folder.path().join("absent").to_str().unwrap().to_owned(), "there is no backup"),
    ] {
        let said = refusal(&run(&world, "restore", &["--from", &from]));
        assert!(said.contains(remedy), "{from}: {said}");
        assert_eq!(fs::read(&live).unwrap(), whole, "{from}");
    }
    assert!(!database(&world, ".restores").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_restore_is_not_served_until_it_is_rerun() {
    let mut world = world();
    let checkout = begin(&world, &ORDERS[0]).await;
    let target = world.folder.path().join("copy.sqlite3");
    let target = target.to_str().unwrap();
    works(&run(&world, "backup", &["--to", target]));
    checkout.paid(&world).await;
    assert_eq!(world.terminate(), Some(0));
    // As it lies after a power cut between the old database's move and the new one's: its log is not moved yet.
    let record = json!([{ "id": "feed", "taken": 1, "restored": 2, "moving": true }]);
    fs::write(database(&world, ".restores"), record.to_string()).unwrap();
    fs::copy(target, database(&world, ".restoring")).unwrap();
    fs::rename(database(&world, ""), database(&world, ".before-feed")).unwrap();
    fs::write(database(&world, "-wal"), "its log").unwrap();
    let said = refusal(&run(&world, "serve", &[]));
    assert!(said.contains("run it again, which completes it") && said.contains(".before-"), "{said}");
    works(&run(&world, "restore", &["--from", target]));
    assert_eq!(
        fs::read(database(&world, ".before-feed-wal")).unwrap(),
        b"its log",
        "all of it is in one place"
    );
    assert!(!database(&world, ".restoring").exists());
    world.start_gateway();
    let told = checkout.pay(&world).await;
    assert_eq!(told["structuredContent"]["status"], "completed", "{told}");
    assert_eq!(world.ledger().len(), 1);
    assert_eq!(world.terminate(), Some(0));
    works(&run(&world, "restore", &["--from", target]));
    assert_eq!(remembered(&world).len(), 2, "one that was completed is another than the next");

    // Broken off after its last move, before it could say so: none that comes later is taken for it.
    let mut said = remembered(&world);
    said[1]["moving"] = json!(true);
    fs::write(database(&world, ".restores"), json!(said).to_string()).unwrap();
    works(&run(&world, "restore", &["--from", target]));
    fs::copy(target, database(&world, ".restoring")).unwrap();
    works(&run(&world, "restore", &["--from", target]));
    let ids = |all: Vec<Value>| all.into_iter().map(|known| known["id"].clone()).collect::<Vec<_>>();
    assert_eq!(remembered(&world).len(), 4);
    assert_eq!(ids(remembered(&world))[..2], ids(said)[..]);
    world.start_gateway();
    assert_eq!(world.ledger().len(), 1);
}

/// What the folder remembers of restores.
fn remembered(world: &TestGateway) -> Vec<Value> {
    serde_json::from_slice(&fs::read(database(world, ".restores")).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leftover_wal_never_overlays_the_restored_database() {
    let mut world = world();
    let checkout = begin(&world, &ORDERS[0]).await;
    let target = backed_up(&world, "copy.sqlite3");
    checkout.paid(&world).await;
    world.kill();
    assert!(fs::metadata(database(&world, "-wal")).unwrap().len() > 0, "a killed gateway leaves its log");
    fs::remove_file(database(&world, "")).unwrap();
    works(&run(&world, "restore", &["--from", &target]));
    for ending in ["-wal", "-shm"] {
        assert!(!database(&world, ending).exists(), "{ending}");
    }
    assert_eq!(fs::read(database(&world, "")).unwrap(), fs::read(&target).unwrap());
    world.start_gateway();
    let told = checkout.pay(&world).await;
    assert_eq!(told["structuredContent"]["status"], "completed", "{told}");
    assert_eq!(world.ledger().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hand_copied_database_is_refused_but_a_crashed_one_is_not() {
    let mut world = world();
    let checkout = begin(&world, &ORDERS[0]).await;
    let target = backed_up(&world, "copy.sqlite3");
    assert_eq!(world.terminate(), Some(0));
    let older = world.folder.path().join("older.sqlite3");
    fs::copy(database(&world, ""), &older).unwrap();
    world.start_gateway();
    checkout.paid(&world).await;
    for _ in 0..3 {
        world.kill();
        world.start_gateway();
    }
    assert_eq!(world.terminate(), Some(0));
    let newest = fs::read(database(&world, "")).unwrap();

    for (copy, word) in [(Path::new(&target), "was put here without the restore"), (&older, "is older than")]
    {
        fs::copy(copy, database(&world, "")).unwrap();
        let said = refusal(&run(&world, "serve", &[]));
        assert!(said.contains(word) && said.contains("merchant-gateway restore --from"), "{said}");
        assert_eq!(fs::read(database(&world, "")).unwrap(), fs::read(copy).unwrap(), "it is left as it is");
    }
    let in_place = database(&world, "").to_str().unwrap().to_owned();
    let said = refusal(&run(&world, "restore", &["--from", &in_place]));
    assert!(said.contains("move it elsewhere first"), "{said}");

    fs::write(database(&world, ""), &newest).unwrap();
    world.start_gateway();
    assert_eq!(world.terminate(), Some(0));
    restored(&mut world, &target);
    world.kill();
    world.start_gateway();
    let told = checkout.pay(&world).await;
    assert_eq!(told["structuredContent"]["status"], "completed", "{told}");
    assert_eq!(world.ledger().len(), 1);

    // Whoever begins anew on purpose is not kept from it.
    assert_eq!(world.terminate(), Some(0));
    fs::remove_file(database(&world, "")).unwrap();
    world.start_gateway();
    world.kill();
    world.start_gateway();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_carries_a_pending_reconciliation_to_a_new_folder() {
    let mut world = world();
    let checkout = begin(&world, &ORDERS[0]).await;
    let first = backed_up(&world, "first.sqlite3");
    checkout.paid(&world).await;
    assert_eq!(world.terminate(), Some(0));
    works(&run(&world, "restore", &["--from", &first]));
    let second = backed_up(&world, "second.sqlite3");
    let owed = remembered(&world);

    // The machine is lost, and all that its folder remembered.
    for ending in ["", ".restores", ".openings"] {
        drop(fs::remove_file(database(&world, ending)));
    }
    works(&run(&world, "restore", &["--from", &second]));
    let exchanges = world.emulator.exchanges().len();
    world.start_gateway();
    assert!(world.log_so_far().contains("\"restores\":2"), "{}", world.log());
    let taken = owed[0]["taken"].as_i64().unwrap() / 1000 - 600;
    let listed = world.emulator.exchanges().split_off(exchanges);
    let from = ("created[gte]".to_owned(), taken.to_string());
    assert!(listed.iter().any(|seen| seen.path == "/v1/payment_intents" && seen.query.contains(&from)));
    let bounded = |seen: &&stripe_emulator::Exchange| {
        let lists = ["/v1/payment_intents", "/v1/checkout/sessions", "/v1/refunds", "/v1/disputes"];
        lists.contains(&seen.path.as_str()) && seen.method == "GET"
    };
    for seen in listed.iter().filter(bounded) {
        assert!(seen.query.iter().any(|(name, _)| name == "created[lte]"), "{:?}", seen.query);
    }
    let told = checkout.pay(&world).await;
    assert_eq!(told["structuredContent"]["status"], "completed", "{told}");
    assert_eq!(world.ledger().len(), 1);

    // Once it is paid off, a backup carries it as paid off; also to where the file alone is moved.
    let third = backed_up(&world, "third.sqlite3");
    assert_eq!(world.terminate(), Some(0));
    restored(&mut world, &third);
    assert!(world.log_so_far().contains("\"restores\":1"), "{}", world.log());
    let mut copy = behind(&third).await;
    let carried: i64 =
        sqlx::query_scalar("SELECT count(*) FROM restores").fetch_one(&mut copy).await.unwrap();
    assert_eq!(carried, 2);
    assert_eq!(world.terminate(), Some(0));
    for ending in [".restores", ".openings"] {
        fs::remove_file(database(&world, ending)).unwrap();
    }
    world.start_gateway();
    assert!(!world.log_so_far().contains("restore_reconciled"), "{}", world.log());
}
