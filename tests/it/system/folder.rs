//! The folder of merchants changes under a running gateway.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};
use stripe_emulator::{AccountSeed, HoldPoint, KeySeed, RequestKind};

use crate::support::client::{Client, Speaks, total};
use crate::support::operator::Operator;
use crate::support::test_gateway::{OTHER_SHOP, SHOP, TestGateway, account, usual_shops};

const NEW_SHOP: &str = "blue-door";
const NEW_ACCOUNT: &str = "acct_bluedoor";
const NEW_KEY: &str = "sk_test_bluedoor1";
const NETWORK: &str = "profile_test_bluedoor";

/// The sample shop under another name, with its key in a file.
fn new_shop() -> String {
    usual_shops()[0]
        .file
        .replace("coffee.localhost", "blue.localhost")
        .replace("profile_test_harborcoffee", NETWORK)
        .replace("env:MERCHANT_HARBOR_COFFEE__STRIPE_KEY", "file:stripe-key")
}

/// A gateway of the usual shops that a third one was added to.
fn with_new_shop() -> TestGateway {
    let world = TestGateway::start();
    world.emulator.add_account(&account(NEW_ACCOUNT, NEW_KEY, true, NETWORK)).unwrap();
    world.put_secret(NEW_SHOP, "stripe-key", NEW_KEY);
    world.put_tenant(NEW_SHOP, &new_shop());
    world.wait_for("\"tenant_opened\"", 3);
    world.wait_for("\"stripe_account_known\"", 3);
    world
}

async fn pays(world: &TestGateway, client: &Client, account: &str, sheet: &Value) -> Value {
    let token = world.token_of(account, "pm_card_visa", "usd", total(sheet));
    client.complete(&sheet["id"], &token).await["structuredContent"].clone()
}

async fn buys(world: &TestGateway, client: &Client, account: &str) {
    let sheet = client.ready_checkout().await;
    let paid = pays(world, client, account, &sheet).await;
    assert_eq!(paid["status"], "completed", "{paid}");
}

#[tokio::test]
async fn a_merchant_is_added_removed_and_put_back_without_a_restart() {
    let world = with_new_shop();
    let (client, other) = (world.client_of(NEW_SHOP, Speaks::Modern), world.client(Speaks::Modern));
    buys(&world, &client, NEW_ACCOUNT).await;
    let file = world.folder.path().join("tenants").join(format!("{NEW_SHOP}.toml"));
    let endpoint = world.url(&format!("/t/{NEW_SHOP}/mcp"));
    let status = || async { client.http.get(&endpoint).send().await.unwrap().status() };
    assert_eq!(status().await, 405);

    fs::remove_file(&file).unwrap();
    world.wait_for("\"tenant_removed\"", 1);
    assert_eq!(status().await, 404);
    other.ready_checkout().await;

    world.put_tenant(NEW_SHOP, &new_shop());
    world.wait_for("\"tenant_opened\"", 4);
    buys(&world, &client, NEW_ACCOUNT).await;
    assert_eq!(world.ledger().len(), 2);
}

#[tokio::test]
async fn a_payment_under_way_ends_after_its_merchant_was_removed() {
    let world = with_new_shop();
    let client = world.client_of(NEW_SHOP, Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let file = world.folder.path().join("tenants").join(format!("{NEW_SHOP}.toml"));
    let hold = world.emulator.hold_next_payment(HoldPoint::AfterEffect);
    let removing = async {
        hold.reached().await;
        fs::remove_file(file).unwrap();
        world.wait_for("\"tenant_removed\"", 1);
        hold.release();
    };
    let (paid, ()) = futures_util::future::join(pays(&world, &client, NEW_ACCOUNT, &sheet), removing).await;
    assert_eq!(paid["status"], "completed", "{paid}");
    assert_eq!(world.ledger().len(), 1);
}

#[tokio::test]
async fn a_changed_price_is_sold_and_a_price_that_was_shown_is_kept() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let shown = client.ready_checkout().await;
    let changed = usual_shops()[0].file.replace("price = 1850", "price = 2000");
    world.put_tenant(SHOP, &changed);
    world.wait_for("\"tenant_changed\"", 1);

    let later = client.ready_checkout().await;
    assert!(total(&later) > total(&shown), "{later}");
    let paid = pays(&world, &client, "acct_harbor", &shown).await;
    assert_eq!(paid["status"], "completed", "{paid}");
    assert_eq!(world.ledger()[0].amount, total(&shown));
    let log = world.log_so_far();
    assert!(log.contains("\"generation\":2"), "{log}");
    assert_eq!(log.matches("\"stripe_account_known\"").count(), 2, "the account was not asked for again");
}

#[tokio::test]
async fn a_broken_file_leaves_its_merchant_as_it_is() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let good = &usual_shops()[0].file;
    world.put_tenant(SHOP, &good.replace("currency = \"usd\"", "currency = \"usd"));
    world.wait_for("\"keeps_on\":true", 1);
    buys(&world, &client, "acct_harbor").await;
    let readyz = format!("http://{}/readyz", world.admin_address());
    let ready = || async { client.http.get(&readyz).send().await.unwrap().text().await.unwrap() };
    let said = ready().await;
    assert!(said.contains("keep their last good configuration: harbor-coffee"), "{said}");

    world.put_tenant(SHOP, &good.replace("price = 1850", "price = 1900"));
    world.wait_for("\"tenant_changed\"", 1);
    world.log_so_far();
    let said = ready().await;
    assert!(said.starts_with("ready") && !said.contains("last good"), "{said}");
}

#[tokio::test]
async fn a_key_that_was_rotated_in_its_file_is_used() {
    let world = with_new_shop();
    let client = world.client_of(NEW_SHOP, Speaks::Modern);
    world.emulator.add_account(&account(NEW_ACCOUNT, "sk_test_bluedoor2", true, NETWORK)).unwrap();
    world.put_secret(NEW_SHOP, "stripe-key", "sk_test_bluedoor2");
    world.wait_for("\"stripe_account_known\"", 4);
    buys(&world, &client, NEW_ACCOUNT).await;
}

#[tokio::test]
async fn a_next_key_replaces_the_present_one_without_a_pause() {
    let mut world = with_new_shop();
    let client = world.client_of(NEW_SHOP, Speaks::Modern);
    let keys =
        [NEW_KEY, "sk_test_bluedoor2"].map(|key| KeySeed { key: key.to_owned(), may_read_account: true });
    let both = AccountSeed { secret_keys: keys.to_vec(), ..account(NEW_ACCOUNT, NEW_KEY, true, NETWORK) };
    world.emulator.add_account(&both).unwrap();
    let naming_both = new_shop().replace("[stripe]", "[stripe]\nnext_secret_key = \"file:next-key\"");

    // A key of another account is not used, and the present one goes on.
    world.put_secret(NEW_SHOP, "next-key", "sk_test_elsewhere1");
    let elsewhere = account("acct_elsewhere", "sk_test_elsewhere1", true, "profile_test_elsewhere");
    world.emulator.add_account(&elsewhere).unwrap();
    world.put_tenant(NEW_SHOP, &naming_both);
    world.wait_for("\"next_stripe_key_not_used\"", 1);
    assert!(world.log().contains("it opens the Stripe account acct_elsewhere"), "{}", world.log());
    buys(&world, &client, NEW_ACCOUNT).await;

    // The right one is used at once; the one before may then expire at Stripe.
    world.put_secret(NEW_SHOP, "next-key", "sk_test_bluedoor2");
    world.wait_for("\"stripe_key_replaced\"", 1);
    let log = world.log();
    assert!(!log.contains("payments_off"), "{log}");
    world.emulator.add_account(&account(NEW_ACCOUNT, "sk_test_bluedoor2", true, NETWORK)).unwrap();
    buys(&world, &client, NEW_ACCOUNT).await;

    // So it is after a restart, and after the file names the new one alone.
    assert_eq!(world.terminate(), Some(0));
    world.start_until("\"stripe_key_replaced\"", 1);
    let client = world.client_of(NEW_SHOP, Speaks::Modern);
    buys(&world, &client, NEW_ACCOUNT).await;
    world.put_tenant(NEW_SHOP, &new_shop().replace("file:stripe-key", "file:next-key"));
    world.wait_for("\"tenant_changed\"", 1);
    buys(&world, &client, NEW_ACCOUNT).await;
    assert_eq!(world.ledger().len(), 4);
}

#[tokio::test]
async fn a_next_key_helps_where_the_present_one_lacks_a_permission() {
    let world = with_new_shop();
    let client = world.client_of(NEW_SHOP, Speaks::Modern);
    world.emulator.forbid(NEW_KEY, &[RequestKind::CreateIntent]);
    let sheet = client.ready_checkout().await;
    let refused = pays(&world, &client, NEW_ACCOUNT, &sheet).await;
    assert_ne!(refused["status"], "completed", "{refused}");
    let keys =
        [NEW_KEY, "sk_test_bluedoor2"].map(|key| KeySeed { key: key.to_owned(), may_read_account: true });
    let both = AccountSeed { secret_keys: keys.to_vec(), ..account(NEW_ACCOUNT, NEW_KEY, true, NETWORK) };
    world.emulator.add_account(&both).unwrap();
    world.put_secret(NEW_SHOP, "next-key", "sk_test_bluedoor2");
    world.put_tenant(
        NEW_SHOP,
        &new_shop().replace("[stripe]", "[stripe]\nnext_secret_key = \"file:next-key\""),
    );
    world.wait_for("\"stripe_key_replaced\"", 1);
    buys(&world, &client, NEW_ACCOUNT).await;
}

#[tokio::test]
async fn a_next_key_never_decides_which_account_is_paid() {
    let world = TestGateway::start();
    world.emulator.add_account(&account(NEW_ACCOUNT, NEW_KEY, true, NETWORK)).unwrap();
    let elsewhere = account("acct_elsewhere", "sk_test_elsewhere1", true, "profile_test_elsewhere");
    world.emulator.add_account(&elsewhere).unwrap();
    let silent = account("acct_silent", "rk_test_silent1", false, "profile_test_silent");
    world.emulator.add_account(&silent).unwrap();
    world.put_secret(NEW_SHOP, "stripe-key", NEW_KEY);
    for (index, next) in ["sk_test_elsewhere1", "rk_test_silent1"].into_iter().enumerate() {
        // A new merchant, whose account is not known yet, with both keys from its first moment on.
        world.put_secret(NEW_SHOP, "next-key", next);
        world.put_tenant(
            NEW_SHOP,
            &new_shop().replace("[stripe]", "[stripe]\nnext_secret_key = \"file:next-key\""),
        );
        world.wait_for("\"next_stripe_key_not_used\"", index + 1);
        buys(&world, &world.client_of(NEW_SHOP, Speaks::Modern), NEW_ACCOUNT).await;
    }
    assert_eq!(world.log().matches("\"stripe_key_replaced\"").count(), 0);
}

#[tokio::test]
async fn a_key_of_another_account_stops_payments_and_charges_nothing() {
    let world = with_new_shop();
    let client = world.client_of(NEW_SHOP, Speaks::Modern);
    let sheet = client.ready_checkout().await;
    world
        .emulator
        .add_account(&account("acct_foreign", "sk_test_foreign1", true, "profile_test_foreign"))
        .unwrap();
    world.put_secret(NEW_SHOP, "stripe-key", "sk_test_foreign1");
    world.wait_for("\"stripe_account_differs\"", 1);
    let token = world.token_of(NEW_ACCOUNT, "pm_card_visa", "usd", total(&sheet));
    let said = client.complete(&sheet["id"], &token).await;
    assert_eq!(said["isError"], true, "{said}");
    assert!(world.ledger().is_empty());

    world.put_secret(NEW_SHOP, "stripe-key", NEW_KEY);
    world.wait_for("\"stripe_account_known\"", 4);
    let paid = pays(&world, &client, NEW_ACCOUNT, &sheet).await;
    assert_eq!(paid["status"], "completed", "{paid}");
}

#[tokio::test]
async fn a_host_of_another_merchant_is_not_taken_by_a_change() {
    let world = TestGateway::start();
    let other = &usual_shops()[1].file;
    world.put_tenant(OTHER_SHOP, &other.replace("kiln.localhost", "coffee.localhost"));
    world.wait_for("\"keeps_on\":true", 1);
    let log = world.log_so_far();
    assert!(
        log.contains("kiln-works.toml") && log.contains("already belongs to tenants/harbor-coffee.toml"),
        "{log}"
    );
    assert!(!log.contains("\"tenant_changed\""), "{log}");
    buys(&world, &world.client(Speaks::Modern), "acct_harbor").await;
}

#[tokio::test]
async fn a_suspended_merchant_takes_no_payment_until_it_is_resumed() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let good = &usual_shops()[0].file;
    world.put_tenant(SHOP, &good.replace("status = \"active\"", "status = \"suspended\""));
    world.wait_for("\"tenant_changed\"", 1);
    let token = world.token("pm_card_visa", total(&sheet));
    let said = client.complete(&sheet["id"], &token).await;
    assert!(said["content"][0]["text"].as_str().unwrap().contains("does not take orders"), "{said}");
    world.put_tenant(SHOP, good);
    world.wait_for("\"tenant_changed\"", 2);
    let paid = pays(&world, &client, "acct_harbor", &sheet).await;
    assert_eq!(paid["status"], "completed", "{paid}");
}

#[tokio::test]
async fn a_merchant_whose_file_is_broken_is_served_after_a_restart_too() {
    let mut world = TestGateway::start();
    let shown = world.client(Speaks::Modern).ready_checkout().await;
    world.put_tenant(SHOP, "name = ");
    world.wait_for("\"keeps_on\":true", 1);
    assert_eq!(world.terminate(), Some(0));

    world.start_gateway();
    assert!(world.log_so_far().contains("\"keeps_on\":true"));
    let client = world.client(Speaks::Modern);
    let paid = pays(&world, &client, "acct_harbor", &shown).await;
    assert_eq!(paid["status"], "completed", "{paid}");
    world.put_tenant(SHOP, &usual_shops()[0].file.replace("price = 1850", "price = 1900"));
    world.wait_for("\"tenant_changed\"", 1);
    assert!(total(&client.ready_checkout().await) > total(&shown));
}

#[tokio::test]
async fn a_file_that_is_gone_at_a_start_is_not_served() {
    let mut world = TestGateway::start();
    assert_eq!(world.terminate(), Some(0));
    fs::remove_file(world.folder.path().join("tenants").join(format!("{OTHER_SHOP}.toml"))).unwrap();
    world.start_until("\"tenant_opened\"", 1);
    let endpoint = world.url(&format!("/t/{OTHER_SHOP}/mcp"));
    assert_eq!(reqwest::get(endpoint).await.unwrap().status(), 404);
}

#[tokio::test]
async fn operators_see_what_is_served_and_what_is_wrong_and_reload() {
    let world = TestGateway::start();
    let operator = Operator::of(&world);
    let (_, served) = operator.get("tenants").await;
    let ids: Vec<&str> =
        served["tenants"].as_array().unwrap().iter().map(|tenant| tenant["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [SHOP, OTHER_SHOP]);
    let harbor = &served["tenants"][0];
    assert_eq!(
        (&harbor["status"], &harbor["generation"], &harbor["mode"]),
        (&json!("active"), &json!(1), &json!("test"))
    );
    assert_eq!(operator.get("problems").await.1, json!({ "problems": [] }));

    let good = &usual_shops()[0].file;
    world.put_tenant(SHOP, &good.replace("price = 1850", "price = \"18.50\""));
    let (_, answer) = operator.post("reload", json!({})).await;
    let problem = &answer["problems"][0];
    assert_eq!((&problem["tenant"], &problem["served"]), (&json!(SHOP), &json!(true)), "{answer}");
    assert!(problem["line"].as_u64() > Some(0) && problem["key"] == "products[0].price", "{answer}");
    assert_eq!(operator.get("problems").await.1["problems"], answer["problems"]);
    let (status, _) = operator.get("problems?tenant=harbor-coffee").await;
    assert_eq!(status, 400);

    let listen = format!("admin.listen={}", world.admin_address());
    let reload = || world.command("reload").args(["--set", &listen]).output().unwrap();
    let told = reload();
    let said = String::from_utf8_lossy(&told.stdout).into_owned();
    assert_eq!(told.status.code(), Some(1), "{said}");
    assert!(
        said.contains("products[0].price") && said.contains("merchants served: 2; problems: 1"),
        "{said}"
    );
    let tenant = |words: &[&str]| {
        let output = world.command("tenant").args(words).args(["--set", &listen]).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, all) = tenant(&["list"]);
    assert!(code == Some(1) && all.contains("kiln-works") && all.contains("problems: 1"), "{all}");
    let (code, shown) = tenant(&["show", SHOP]);
    assert!(
        code == Some(1) && shown.contains("endpoint  https://links.example/t/harbor-coffee/mcp"),
        "{shown}"
    );
    assert!(shown.contains("products[0].price"), "{shown}");
    assert_eq!(tenant(&["show", OTHER_SHOP]).0, Some(0));
    assert_eq!(tenant(&["show", "nobody"]), (Some(1), String::new()));
    world.put_tenant(SHOP, &good.replace("price = 1850", "price = 1900"));
    let told = reload();
    assert_eq!(String::from_utf8_lossy(&told.stdout), "merchants served: 2; problems: 0\n");
    assert!(told.status.success());
    let changed = operator.get("tenants").await.1;
    assert_eq!(changed["tenants"][0]["generation"], 2);
}

#[tokio::test]
async fn a_renamed_file_sells_in_the_same_account_under_its_new_name() {
    let world = with_new_shop();
    buys(&world, &world.client_of(NEW_SHOP, Speaks::Modern), NEW_ACCOUNT).await;
    let folder = world.folder.path();
    fs::rename(folder.join("secrets").join(NEW_SHOP), folder.join("secrets/red-door")).unwrap();
    fs::rename(folder.join("tenants/blue-door.toml"), folder.join("tenants/red-door.toml")).unwrap();
    world.wait_for("\"tenant_opened\"", 4);
    world.wait_for("\"stripe_account_known\"", 4);
    buys(&world, &world.client_of("red-door", Speaks::Modern), NEW_ACCOUNT).await;
}

#[tokio::test]
async fn a_payment_under_way_ends_in_a_process_without_its_file() {
    let mut world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let token = world.token("pm_card_visa", total(&sheet));
    let hold = world.emulator.hold_next_payment(HoldPoint::AfterEffect);
    let (lost, ()) = futures_util::future::join(client.pay_unheard(&sheet["id"], &token), async {
        hold.reached().await;
        world.kill();
        hold.release();
    })
    .await;
    assert!(lost.is_err());
    // Without the other merchant's file too, there is nobody to serve, and still something to finish.
    fs::remove_file(world.tenant_file(SHOP)).unwrap();
    fs::remove_file(world.tenant_file(OTHER_SHOP)).unwrap();

    world.start_until("\"removed_tenant_finishes\"", 1);
    world.wait_for("\"state\":\"completed\"", 1);
    assert_eq!(world.ledger().len(), 1);
    let endpoint = world.url(&format!("/t/{SHOP}/mcp"));
    assert_eq!(reqwest::get(endpoint).await.unwrap().status(), 404);
    let log = world.log_so_far();
    assert!(!log.contains("stripe_account_taken"), "{log}");
}

#[tokio::test]
async fn a_file_behind_a_link_that_is_swapped_is_read_again() {
    // As Kubernetes mounts a ConfigMap: files are links into a folder, and that folder's link is swapped.
    let mut world = TestGateway::closed(usual_shops());
    let tenants = world.folder.path().join("tenants");
    let version = |name: &str, price: &str| {
        fs::create_dir(tenants.join(name)).unwrap();
        for shop in usual_shops() {
            let file = shop.file.replace("price = 1850", &format!("price = {price}"));
            fs::write(tenants.join(name).join(format!("{}.toml", shop.id)), file).unwrap();
        }
    };
    version("..1", "1850");
    symlink("..1", tenants.join("..data")).unwrap();
    for shop in usual_shops() {
        let file = tenants.join(format!("{}.toml", shop.id));
        fs::remove_file(&file).unwrap();
        symlink(format!("..data/{}.toml", shop.id), file).unwrap();
    }
    world.start_gateway();
    let before = total(&world.client(Speaks::Modern).ready_checkout().await);

    version("..2", "1900");
    symlink("..2", tenants.join("..data.tmp")).unwrap();
    fs::rename(tenants.join("..data.tmp"), tenants.join("..data")).unwrap();
    world.wait_for("\"tenant_changed\"", 1);
    assert!(total(&world.client(Speaks::Modern).ready_checkout().await) > before);
}

#[tokio::test]
async fn a_file_that_is_written_piece_by_piece_is_not_read_half() {
    let world = TestGateway::start();
    let changed = usual_shops()[0].file.replace("price = 1850", "price = 1900");
    let mut file =
        fs::File::create(world.folder.path().join("tenants").join(format!("{SHOP}.toml"))).unwrap();
    for piece in changed.as_bytes().chunks(64) {
        file.write_all(piece).unwrap();
        file.sync_data().unwrap();
    }
    world.wait_for("\"tenant_changed\"", 1);
    let log = world.log_so_far();
    assert_eq!(log.matches("\"tenant_changed\"").count(), 1);
    assert!(!log.contains("\"tenant_rejected\""), "{log}");
}
