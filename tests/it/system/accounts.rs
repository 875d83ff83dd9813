//! Which Stripe account each merchant's key opens, and what the shops do until that is known.

use serde_json::json;
use stripe_emulator::{Fault, FaultPlan, KeySeed, RequestKind};

use crate::support::client::{Speaks, total};
use crate::support::operator::Operator;
use crate::support::test_gateway::{
    ADMIN_TOKEN, OTHER_ACCOUNT, OTHER_KEY, OTHER_SHOP, SHOP, SHOP_ACCOUNT, SHOP_KEY, Shop, TestGateway,
    account,
};

const ACCOUNT: RequestKind = RequestKind::ReadAccount;

/// One of many small shops.
fn shop(number: usize) -> Shop {
    let file = format!(
        r#"
name = "Shop {number}"
mode = "test"
hosts = ["shop-{number}.localhost"]
currency = "usd"
[stripe]
network_id = "profile_test_shop{number}"
secret_key = "env:MERCHANT_SHOP_{number}__STRIPE_KEY"
[tax]
provider = "none"
[[products]]
id = "gift-note"
title = "Gift Note"
price = 300
shippable = false
"#
    );
    Shop {
        id: format!("shop-{number}"),
        file,
        variable: format!("MERCHANT_SHOP_{number}__STRIPE_KEY"),
        webhook_variable: None,
        account: account(
            &format!("acct_shop{number}"),
            &format!("sk_test_shop{number}x"),
            true,
            &format!("profile_test_shop{number}"),
        ),
    }
}

#[tokio::test]
async fn a_thousand_merchants_start_and_sell_while_stripe_is_slow() {
    const SHOPS: usize = 1000;
    let slow = Fault::DelayBefore { millis: 2000 };
    let mut world = TestGateway::closed((0..SHOPS).map(shop).collect());
    world.wrapper = ["/bin/sh", "-c", "ulimit -n 1024; exec \"$@\"", "sh"].map(str::to_owned).to_vec();
    world.settings.push(("GATEWAY__LOG__FILTER", "info"));
    world.emulator.set_faults(FaultPlan::none().next(ACCOUNT, slow, u32::MAX));
    let http = world.client(Speaks::Modern).http;

    // The first start: every reading takes two seconds, nothing is remembered, and whoever is known sells.
    world.start_until("stripe_account_known", 1);
    let ready = http.get(format!("http://{}/readyz", world.admin_address())).send().await.unwrap();
    assert_eq!(ready.status(), 200);
    let known = logged(&world, "stripe_account_known")["merchant"].as_str().unwrap().to_owned();
    buys_a_note(&world, &known).await;
    let count = world.log().matches("stripe_account_known").count();
    assert!(count < SHOPS / 2, "{count}: the shopper did not wait for all the others");
    world.kill();
    world.emulator.set_faults(FaultPlan::none());
    world.start_gateway();
    world.kill();

    // From now on every reading takes two seconds: what is remembered is taken at once.
    world.emulator.set_faults(FaultPlan::none().next(ACCOUNT, slow, u32::MAX));
    world.start_until("stripe_account_remembered", SHOPS);
    assert!(!world.log().contains("stripe_account_known"), "no shop has waited for Stripe");
    let ready = http.get(format!("http://{}/readyz", world.admin_address())).send().await.unwrap();
    assert_eq!(ready.status(), 200);
    buys_a_note(&world, "shop-999").await;
    assert_eq!(world.ledger().len(), 2);
}

/// A shopper who buys the one thing that these shops sell.
async fn buys_a_note(world: &TestGateway, shop: &str) {
    let client = world.client_of(shop, Speaks::Modern);
    let note = json!({ "items": [{ "id": "gift-note", "quantity": 1 }] });
    let sheet = client.works("create_checkout", note).await["checkout_session"].clone();
    let account = format!("acct_{}", shop.replace('-', ""));
    let token = world.token_of(&account, "pm_card_visa", "usd", total(&sheet));
    let paid = client.complete(&sheet["id"], &token).await;
    assert_eq!(paid["structuredContent"]["status"], "completed", "{paid}");
}

#[test]
fn a_remembered_account_counts_only_for_its_verified_key() {
    let mut world = TestGateway::start();
    world.kill();
    world.start_until("stripe_account_remembered", 2);
    world.kill();

    // A key that was never verified: nothing is taken from the store for it.
    let shop = world.shops.iter_mut().find(|shop| shop.id == SHOP).unwrap();
    shop.account.secret_keys[0].key = "sk_test_canaryNewKey".to_owned();
    world.start_until("stripe_key_refused", 1);
    world.wait_for("stripe_account_remembered", 1);
    let remembered = world.log().matches("stripe_account_remembered").count();
    assert_eq!(remembered, 1, "only the other shop's: {}", world.log());
}

/// The fields of the first line with this event; it must be there.
pub(crate) fn logged(world: &TestGateway, event: &str) -> serde_json::Value {
    world.wait_for(event, 1);
    let log = world.log();
    let line = log.lines().find(|line| line.contains(event)).unwrap_or_else(|| panic!("no {event}: {log}"));
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    if line["fields"].is_object() { line["fields"].clone() } else { line }
}

#[tokio::test]
async fn a_refused_key_blocks_payments_until_stripe_accepts_it_again() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let token = world.token("pm_card_visa", total(&sheet));
    let good = world.shops[0].account.clone();
    let mut other = good.clone();
    other.secret_keys[0].key = "sk_test_canaryRotated".to_owned();
    world.emulator.add_account(&other).unwrap();

    for _ in 0..7 {
        let told = client.complete(&sheet["id"], &token).await;
        let said = told["content"][0]["text"].as_str().unwrap();
        assert!(told["isError"] == true && said.contains("cannot take payments at the moment"), "{told}");
        assert!(said.contains("Nothing was charged") && said.contains("Try again"), "{told}");
    }
    let line = logged(&world, "stripe_key_refused");
    assert_eq!((&line["status"], &line["code"]), (&json!(401), &json!("api_key_expired")), "{line}");
    assert!(line["request_id"].as_str().is_some_and(|id| id.starts_with("req_")), "{line}");
    assert!(!world.log().contains("stripe_breaker_changed"), "Stripe answers: {}", world.log());
    let readyz = format!("http://{}/readyz", world.admin_address());
    let ready = || async { client.http.get(&readyz).send().await.unwrap().text().await.unwrap() };
    let why = "take no payments: harbor-coffee (Stripe refuses its key)";
    assert_eq!(ready().await, format!("ready\n{why}\n"), "the operator is told, and the other shop goes on");
    let asked = |path: &str| {
        world.emulator.exchanges().iter().filter(|exchange| exchange.path.starts_with(path)).count()
    };
    assert!(asked("/v1/shared_payment") <= 2, "it is not asked again for every shopper");

    // The key is good again: the next verification says so.
    world.emulator.add_account(&good).unwrap();
    let known = world.log().matches("stripe_account_known").count();
    world.wait_for("stripe_account_known", known + 1);
    let paid = client.complete(&sheet["id"], &token).await;
    assert_eq!(paid["structuredContent"]["status"], "completed", "{paid}");
    assert_eq!(ready().await, "ready\n");
}

#[tokio::test]
async fn a_restart_tells_an_unverified_account_from_a_refused_key() {
    let mut world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let token = world.token("pm_card_visa", total(&sheet));
    world.kill();
    // A new key, while Stripe cannot be read.
    let former = world.shops[0].account.clone();
    world.shops[0].account.secret_keys[0].key = "sk_test_canaryNewKey".to_owned();
    world.emulator.add_account(&world.shops[0].account).unwrap();
    world.emulator.set_faults(FaultPlan::none().next(ACCOUNT, Fault::DropBefore, u32::MAX));
    world.start_until("stripe_account_unread", 2);
    assert!(!world.log().contains("stripe_key_refused"), "nobody has refused it: {}", world.log());
    let client = world.client(Speaks::Modern);
    let pays = async || {
        let told = client.complete(&sheet["id"], &token).await;
        assert_eq!(told["isError"], true, "{told}");
        told["content"][0]["text"].as_str().unwrap().to_owned()
    };
    let turned_away = |reason: &str| {
        let log = world.log_so_far();
        let lines = log.lines().filter(|line| line.contains("\"payment_not_begun\""));
        lines.filter(|line| line.contains(&format!("\"reason\":\"{reason}\""))).count()
    };
    let said = pays().await;
    assert!(said.contains("just now. Nothing was charged. Try again in a moment"), "{said}");
    assert_eq!((turned_away("account_unknown"), turned_away("payments_off")), (1, 0));

    // Stripe knows that key no more.
    world.emulator.add_account(&former).unwrap();
    world.emulator.set_faults(FaultPlan::none());
    world.wait_for("stripe_key_refused", 1);
    let said = pays().await;
    assert!(said.contains("cannot take payments at the moment. Nothing was charged"), "{said}");
    assert_eq!((turned_away("account_unknown"), turned_away("payments_off")), (1, 1));
    assert!(world.ledger().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_under_way_waits_for_the_account_and_blames_no_key() {
    let mut world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let paid = client.complete(&sheet["id"], &world.token("pm_card_visa", total(&sheet))).await;
    let order = paid["structuredContent"]["order"]["id"].as_str().unwrap().to_owned();
    world.emulator.set_faults(FaultPlan::none().next(RequestKind::CreateRefund, Fault::DropBefore, u32::MAX));
    let asking = {
        let path = format!("orders/{order}/refunds?tenant={SHOP}");
        let url = format!("http://{}/admin/v1/{path}", world.admin_address());
        let request = Operator::of(&world).http.post(url).bearer_auth(ADMIN_TOKEN);
        tokio::spawn(request.header("idempotency-key", "r").body("{\"amount\": 900}").send())
    };
    world.wait_for("refund_unknown", 1);
    world.kill();
    assert!(asking.await.unwrap().is_err(), "nobody is left to answer");
    // A new key, while Stripe cannot be read.
    world.shops[0].account.secret_keys[0].key = "sk_test_canaryNewKey".to_owned();
    world.emulator.add_account(&world.shops[0].account).unwrap();
    world.emulator.set_faults(FaultPlan::none().next(ACCOUNT, Fault::DropBefore, u32::MAX));
    world.start_until("refund_waits_until_the_account_is_known", 1);
    let log = world.log_so_far();
    assert!(!log.contains("refund_waits_for_a_good_key") && !log.contains("stripe_key_refused"), "{log}");
    world.emulator.set_faults(FaultPlan::none());
    world.wait_for("refund_made", 1);
}

#[tokio::test]
async fn a_missing_permission_of_a_restricted_key_is_logged_by_name() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let token = world.token("pm_card_visa", total(&sheet));
    world.emulator.forbid(SHOP_KEY, &[RequestKind::ReadToken]);
    let told = client.complete(&sheet["id"], &token).await;
    let said = told["content"][0]["text"].as_str().unwrap();
    assert!(said.contains("cannot take payments at the moment") && !said.contains("rak_"), "{told}");
    let line = logged(&world, "stripe_permission_missing");
    assert_eq!(line["permission"], "rak_shared_payment_granted_token_read", "{line}");

    world.emulator.forbid(SHOP_KEY, &[RequestKind::CreateIntent]);
    let known = world.log().matches("stripe_account_known").count();
    world.wait_for("stripe_account_known", known + 1);
    let logged = async {
        while !world.log().contains("rak_payment_intent_write") {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        told = client.pay_unheard(&sheet["id"], &token) => panic!("the payment goes on: {told:?}"),
        () = logged => {}
    }
    world.emulator.forbid(SHOP_KEY, &[]);
    world.wait_for("stripe_key_taken_again", 1);
    let paid = client.complete(&sheet["id"], &token).await;
    assert_eq!(paid["structuredContent"]["status"], "completed", "{paid}");
    assert_eq!(world.ledger().len(), 1);
}

/// A shop whose file comes before every other one's, with a key of its own of this account.
fn newcomer(account_id: &str, other_key: (&str, bool), network_id: &str) -> Shop {
    let Shop { file, .. } = shop(0);
    let mut account = account(account_id, "sk_test_canaryNewcomer", true, network_id);
    let (key, may_read_account) = other_key;
    account.secret_keys.push(KeySeed { key: key.to_owned(), may_read_account });
    Shop {
        id: "aaa".to_owned(),
        file: file.replace("MERCHANT_SHOP_0__", "MERCHANT_AAA__"),
        variable: "MERCHANT_AAA__STRIPE_KEY".to_owned(),
        webhook_variable: None,
        account,
    }
}

/// Writes the file of a shop that comes later, and opens its account at Stripe.
fn add(world: &mut TestGateway, shop: Shop) {
    std::fs::write(world.folder.path().join("tenants/aaa.toml"), &shop.file).unwrap();
    world.emulator.add_account(&shop.account).unwrap();
    world.shops.push(shop);
}

async fn readiness(world: &TestGateway) -> String {
    let http = world.client(Speaks::Modern).http;
    let ready = http.get(format!("http://{}/readyz", world.admin_address())).send().await.unwrap();
    ready.text().await.unwrap()
}

#[tokio::test]
async fn another_merchants_account_is_never_remembered_as_ones_own() {
    let mut world = TestGateway::start();
    world.kill();
    add(&mut world, newcomer(SHOP_ACCOUNT, (SHOP_KEY, true), "profile_test_harborcoffee"));
    world.start_until("stripe_account_taken", 1);
    world.wait_for("stripe_account_known", 2);
    let line = logged(&world, "stripe_account_taken");
    assert_eq!(line["merchant"], "aaa", "{line}");
    let why = "take no payments: aaa (another merchant is paid into its Stripe account)";
    assert_eq!(readiness(&world).await, format!("ready\n{why}\n"));
    world.kill();

    // Alone with it the newcomer is paid there, and only Stripe can have said so.
    std::fs::remove_file(world.folder.path().join(format!("tenants/{SHOP}.toml"))).unwrap();
    world.start_until("stripe_account_known", 2);
    let log = world.log();
    assert_eq!(log.matches("stripe_account_remembered").count(), 1, "the other shop's alone: {log}");
}

#[tokio::test]
async fn an_account_stays_with_a_merchant_whose_new_key_is_unverified() {
    const NEW_KEY: &str = "rk_test_canaryNewKey";
    let mut world = TestGateway::start();
    world.kill();
    NEW_KEY.clone_into(&mut world.shops[0].account.secret_keys[0].key);
    add(&mut world, newcomer(SHOP_ACCOUNT, (NEW_KEY, false), "profile_test_harborcoffee"));
    world.start_until("stripe_account_taken", 1);
    let line = logged(&world, "stripe_account_taken");
    assert_eq!(line["merchant"], "aaa", "{line}");
    assert!(line["cause"].as_str().unwrap().contains(&format!("the merchant {SHOP} is paid into")), "{line}");
}

#[tokio::test]
async fn a_verified_key_wins_over_an_account_that_a_file_only_names() {
    let mut world = TestGateway::start();
    world.kill();
    add(&mut world, newcomer(OTHER_ACCOUNT, (OTHER_KEY, false), "profile_test_kilnworks"));
    let why = format!("take no payments: {OTHER_SHOP} (another merchant is paid into its Stripe account)");
    for _ in 0..2 {
        world.start_until("stripe_account_taken", 1);
        let line = logged(&world, "stripe_account_taken");
        assert_eq!(line["merchant"], OTHER_SHOP, "{line}");
        assert!(line["cause"].as_str().unwrap().contains("the merchant aaa is paid into"), "{line}");
        world.wait_for("stripe_account_known", 2);
        assert_eq!(readiness(&world).await, format!("ready\n{why}\n"));
        world.kill();
    }
}

/// The usual shop's key opens another account from now on.
fn move_away(world: &mut TestGateway) {
    let shop = world.shops.iter_mut().find(|shop| shop.id == SHOP).unwrap();
    shop.account = account("acct_moved", "sk_test_canaryMoved", true, "profile_test_moved");
    world.emulator.add_account(&shop.account).unwrap();
}

#[tokio::test]
async fn an_account_is_not_forgotten_before_a_restore_is_reconciled() {
    let mut world = TestGateway::start();
    let copy = world.folder.path().join("copy.sqlite3");
    let copy = copy.to_str().unwrap();
    assert!(world.command("backup").args(["--to", copy]).status().unwrap().success());
    world.kill();
    assert!(world.command("restore").args(["--from", copy]).status().unwrap().success());
    move_away(&mut world);
    world.start_until("stripe_account_differs", 1);
    let forget = json!({ "account": SHOP_ACCOUNT });
    let path = format!("account/forget?tenant={SHOP}");
    let (status, told) = Operator::of(&world).post(&path, forget).await;
    assert_eq!((status, &told["code"]), (409, &json!("unreconciled")), "{told}");
}

#[tokio::test]
async fn an_account_is_not_forgotten_if_only_the_file_names_another() {
    let mut world = TestGateway::start();
    world.kill();
    let path = world.folder.path().join(format!("tenants/{SHOP}.toml"));
    let file = std::fs::read_to_string(&path).unwrap();
    let named = file.replacen("[stripe]", "[stripe]\naccount_id = \"acct_mistyped\"", 1);
    assert_ne!(named, file);
    std::fs::write(&path, named).unwrap();
    world.start_until("stripe_account_differs", 1);
    let operator = Operator::of(&world);
    let is_refused = async || {
        let forget = json!({ "account": SHOP_ACCOUNT });
        let (status, told) = operator.post(&format!("account/forget?tenant={SHOP}"), forget).await;
        assert_eq!((status, &told["code"]), (409, &json!("account_misnamed")), "{told}");
        assert!(told["detail"].as_str().unwrap().contains("correct the file"), "{told}");
    };
    is_refused().await;
    world.wait_for("stripe_account_known", 1);
    let why = format!("take no payments: {SHOP} (its key opens another Stripe account than its file names)");
    assert_eq!(readiness(&world).await, format!("ready\n{why}\n"));

    // The key may not read its account any more; Stripe has said before which one it is.
    world.emulator.forbid(SHOP_KEY, &[ACCOUNT]);
    let before = world.log_so_far().matches("stripe_account_differs").count();
    world.wait_for("stripe_account_differs", before + 2);
    is_refused().await;
}

#[tokio::test]
async fn a_moved_merchant_is_paid_once_its_old_account_is_forgotten() {
    let mut world = TestGateway::start();
    world.kill();
    move_away(&mut world);
    world.start_until("stripe_account_differs", 1);
    let line = logged(&world, "stripe_account_differs");
    assert!(line["cause"].as_str().unwrap().contains("POST /admin/v1/account/forget?tenant="), "{line}");

    let operator = Operator::of(&world);
    let forget = async |shop: &str, account: &str| {
        let (status, told) =
            operator.post(&format!("account/forget?tenant={shop}"), json!({ "account": account })).await;
        (status, told["code"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(forget(SHOP, "acct_moved").await, (409, "account_not_kept".to_owned()));
    world.wait_for("stripe_account_known", 1);
    assert_eq!(forget(OTHER_SHOP, OTHER_ACCOUNT).await, (409, "account_in_use".to_owned()));
    assert_eq!(forget(SHOP, SHOP_ACCOUNT).await, (200, String::new()));
    world.wait_for("stripe_account_known", 2);
    assert_eq!(forget(SHOP, "acct_moved").await, (409, "account_in_use".to_owned()));
    assert_eq!(readiness(&world).await, "ready\n");
}

#[test]
fn a_copied_host_is_rejected_until_the_other_shops_file_is_gone() {
    let mut world = TestGateway::start();
    world.kill();
    let mut copied = newcomer("acct_aaa", ("sk_test_canaryUnused", true), "profile_test_aaa");
    copied.file = copied.file.replace("shop-0.localhost", "kiln.localhost");
    add(&mut world, copied);
    for _ in 0..2 {
        world.start_until("stripe_account_known", 2);
        let line = logged(&world, "tenant_rejected");
        assert_eq!(line["merchant"], "aaa", "{line}");
        let problem = line["cause"].as_str().unwrap();
        assert!(problem.contains("aaa.toml:") && problem.contains("kiln-works.toml:"), "{problem}");
        world.kill();
    }
    std::fs::remove_file(world.folder.path().join(format!("tenants/{OTHER_SHOP}.toml"))).unwrap();
    world.start_until("tenant_opened", 2);
    assert!(!world.log().contains("tenant_rejected"), "{}", world.log());
}
