//! Disks that cannot be written outside one folder, that are full, or that lack what is usually there. Each is a mount namespace around the real process.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use futures_util::future::{join, join_all};
use merchant_gateway::ports::{Environment as _, SystemEnvironment};
use stripe_emulator::HoldPoint;

use super::{buys, probe, refusal};
use crate::support::client::{Speaks, total};
use crate::support::test_gateway::{TestGateway, usual_shops};

/// Everything is read-only but `data` in the folder that it is started in.
const READ_ONLY: &str = r#"
data="$PWD/data"
mount --make-rprivate /
mount --bind "$data" "$data"
cut -d ' ' -f 2 /proc/self/mounts | sort -ru | while read -r place; do
    [ "$place" = "$data" ] || mount -o remount,bind,ro "$place" 2>/dev/null || :
done
cd /
for folder in . /tmp /var/tmp /usr/tmp /dev/shm; do
    if touch "$folder/canary" 2>/dev/null; then echo "$folder is writable" >&2; exit 97; fi
done
exec "$@"
"#;

/// Runs a command in a mount namespace of its own.
fn namespace(script: &str) -> Vec<String> {
    let mut words = vec!["/usr/bin/unshare", "--mount"];
    let root = Command::new("id").arg("-u").output().is_ok_and(|said| said.stdout == b"0\n");
    if !root {
        words.extend(["--user", "--map-root-user"]);
    }
    words.extend(["--", "/bin/sh", "-e", "-c"]);
    let path = format!("PATH=/usr/sbin:/usr/bin:/sbin:/bin\n{script}");
    words.into_iter().map(str::to_owned).chain([path, "sh".to_owned()]).collect()
}

/// Whether this machine lets a test mount something; where CI does not, that is a failure.
fn can_mount() -> bool {
    let mut words = namespace("mount -t tmpfs tmpfs /mnt").into_iter();
    let tried = Command::new(words.next().unwrap()).args(words).output();
    if tried.is_ok_and(|tried| tried.status.success()) {
        return true;
    }
    assert_ne!(SystemEnvironment.var("CI").as_deref(), Some("true"), "CI must be able to mount a tmpfs");
    eprintln!("skipped: this user may not mount a tmpfs in a namespace of its own");
    false
}

/// A world whose database is in a folder of its own, and whose process runs in that mount namespace.
fn world(script: &str) -> (TestGateway, PathBuf) {
    let mut world = TestGateway::closed(usual_shops());
    let folder = world.folder.path().to_owned();
    let data = folder.join("data");
    std::fs::create_dir(&data).unwrap();
    let setting = |text: String| -> &'static str { text.leak() };
    world.settings.extend([
        ("GATEWAY__TENANTS__DIR", setting(folder.join("tenants").display().to_string())),
        ("GATEWAY__STORE__URL", setting(format!("sqlite:{}", data.join("gateway.sqlite3").display()))),
        // A small disk is little room already.
        ("GATEWAY__STORE__MINIMUM_FREE_BYTES", "0"),
    ]);
    world.wrapper = namespace(script);
    (world, data)
}

#[tokio::test]
async fn sixteen_shoppers_buy_while_only_the_data_folder_is_writable() {
    if !can_mount() {
        return;
    }
    let (mut world, data) = world(READ_ONLY);
    world.start_gateway();
    let shoppers = join_all((0..16).map(|_| buys(&world)));
    tokio::time::timeout(Duration::from_mins(1), shoppers).await.expect("everybody is served");
    assert_eq!(world.ledger().len(), 16);

    let copy = data.join("copy.sqlite3");
    let backup = world.command("backup").args(["--to", copy.to_str().unwrap()]).output().unwrap();
    assert!(backup.status.success(), "{}", String::from_utf8_lossy(&backup.stderr));
    assert_eq!(world.terminate(), Some(0));
}

/// The folder `data` is a small disk of its own.
const SMALL_DISK: &str = r#"
mount --make-rprivate /
mount -t tmpfs -o size=8m,mode=700 tmpfs "$PWD/data"
exec "$@"
"#;

/// Asks `/readyz` until it answers with this status; what it says.
async fn ready_is(world: &TestGateway, admin: &str, status: u16) -> String {
    let client = world.client(Speaks::Modern);
    let asking = async {
        loop {
            let (answered, said) = probe(&client, admin, "/readyz").await;
            if answered == status {
                return said;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking).await.expect("/readyz changes")
}

/// Writes into a new file until nothing more fits.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    while file.write_all(&[0x5a; 4096]).is_ok() {}
}

#[tokio::test]
async fn readyz_reports_a_full_disk_and_the_pending_payment_completes() {
    if !can_mount() {
        return;
    }
    let (mut world, data) = world(SMALL_DISK);
    world.start_gateway();
    let admin = world.admin_address();
    assert_eq!(ready_is(&world, &admin, 200).await, "ready\n");
    // The disk as the process sees it.
    let disk = format!("/proc/{}/root{}", world.process_id(), data.display());
    let rest = Path::new(&disk).join("rest");

    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let token = world.token("pm_card_visa", total(&sheet));
    let hold = world.emulator.hold_next_payment(HoldPoint::AfterEffect);
    let filling = async {
        hold.reached().await;
        fill(&rest);
        hold.release();
        let said = ready_is(&world, &admin, 503).await;
        assert!(said.contains("cannot be written") && said.contains("full"), "{said}");
        assert_eq!(probe(&client, &admin, "/livez").await.0, 200);
        std::fs::remove_file(&rest).unwrap();
        ready_is(&world, &admin, 200).await;
    };
    let (paid, ()) = join(client.complete(&sheet["id"], &token), filling).await;
    assert_ne!(paid["isError"], true, "{paid}");
    world.wait_for(r#""state":"completed""#, 1);
    let again = client.complete(&sheet["id"], &token).await;
    assert_eq!(again["structuredContent"]["status"], "completed", "{again}");
    assert_eq!(world.ledger().len(), 1);

    // Nobody comes meanwhile: only the probe can notice.
    fill(&rest);
    ready_is(&world, &admin, 503).await;
    std::fs::remove_file(&rest).unwrap();
    ready_is(&world, &admin, 200).await;
    assert_eq!(world.terminate(), Some(0));
}

#[test]
fn serve_refuses_to_start_without_ca_certificates() {
    if !can_mount() {
        return;
    }
    let script = "mount --make-rprivate /\nmount -t tmpfs tmpfs /etc/ssl\nexec \"$@\"";
    let (world, _) = world(script);
    let said = refusal(&mut world.command("serve")).expect("Stripe could never be trusted");
    assert!(said.contains("ca-certificates") && said.contains("SSL_CERT_FILE"), "{said}");
}

#[test]
fn serve_refuses_to_start_with_too_few_file_descriptors() {
    let mut world = TestGateway::closed(usual_shops());
    world.wrapper = ["/bin/sh", "-c", "ulimit -n 64; exec \"$@\"", "sh"].map(str::to_owned).to_vec();
    let said = refusal(&mut world.command("serve")).expect("64 are too few");
    for word in ["only 64 files and connections", "LimitNOFILE", "--ulimit"] {
        assert!(said.contains(word), "{word}: {said}");
    }
}
