//! Many payments of one checkout at once, and probes by the thousand.

use std::time::Duration;

use futures_util::future::join_all;
use sqlx::{ConnectOptions as _, Connection as _, Row as _, sqlite::SqliteConnectOptions};

use crate::support::client::{Speaks, total};
use crate::support::test_gateway::{TestGateway, usual_shops};
use crate::support::wallet::{Told, Wallet, credential, payable};

/// A world whose first shop limits nobody who pays.
fn unlimited() -> TestGateway {
    let mut shops = usual_shops();
    shops[0]
        .limit("payments_per_minute = 10000\nrequests_per_second = 10000\nper_shopper_per_minute = 10000");
    TestGateway::of_shops(shops)
}

/// Sends the same until the checkout is paid, as the answers ask for.
async fn until_paid(wallet: &Wallet<'_>, sent: &serde_json::Value) -> Told {
    loop {
        let told = wallet.sends(sent).await;
        match told.status {
            200 => return told,
            202 | 429 | 503 => {
                // No longer than the answer asks for.
                let seconds = told.header("retry-after").unwrap().parse::<u64>().unwrap();
                tokio::time::sleep(Duration::from_secs(seconds.min(1))).await;
            }
            _ => panic!("{told:?}"),
        }
    }
}

#[tokio::test]
async fn five_and_fifty_payments_at_once_are_one_charge() {
    let world = unlimited();
    let client = world.client(Speaks::Modern);
    for (payments, is_one_token) in [(5, true), (5, false), (50, true), (50, false)] {
        let (sheet, offered) = payable(&client).await;
        let wallet = Wallet::of(&world, &offered);
        let challenge = wallet.asks().await.challenge();
        let before = world.ledger().len();
        let one = world.token("pm_card_visa", total(&sheet));
        let sent: Vec<_> = (0..payments)
            .map(|_| if is_one_token { one.clone() } else { world.token("pm_card_visa", total(&sheet)) })
            .map(|token| credential(&challenge, &token))
            .collect();
        let told = join_all(sent.iter().map(|sent| until_paid(&wallet, sent))).await;
        assert_eq!(world.ledger().len(), before + 1, "{payments}");
        assert!(told.iter().all(|answer| answer.body == told[0].body), "all hear the same order");
        let receipts = told.iter().filter(|answer| answer.receipt().is_some()).count();
        assert_eq!(
            receipts,
            if is_one_token { payments } else { 1 },
            "whose token has paid gets the receipt"
        );
    }
}

#[tokio::test]
async fn probes_by_the_thousand_store_nothing_and_keep_nobody_from_paying() {
    const PROBES: usize = 3000;
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let (_, offered) = payable(&client).await;
    let (_, of_other) = payable(&client).await;
    let (wallet, other) = (Wallet::of(&world, &offered), Wallet::of(&world, &of_other));
    let challenge = wallet.asks().await.challenge();
    let before = rows(&world).await;
    let (mut challenged, mut put_off) = (0, 0);
    for _ in 0..PROBES / 50 {
        let told = join_all((0..50).map(|_| wallet.asks())).await;
        for answer in told {
            match answer.status {
                402 => {
                    assert_eq!(answer.challenge(), challenge);
                    challenged += 1;
                }
                429 => {
                    assert!(answer.header("retry-after").is_some());
                    put_off += 1;
                }
                _ => panic!("{answer:?}"),
            }
        }
    }
    assert!(challenged > 0 && put_off > 0, "{challenged} challenged, {put_off} put off");
    assert_eq!(rows(&world).await, before, "a probe stores nothing");
    // Whoever has another checkout of this shop pays meanwhile.
    let paid = other.pays(&other.asks().await.challenge(), "pm_card_visa").await;
    assert_eq!(paid.status, 200, "{paid:?}");
}

/// Every session row with its version, and how many rows of other tables there are.
async fn rows(world: &TestGateway) -> Vec<(String, i64)> {
    let path = world.folder.path().join("merchant-gateway.sqlite3");
    let mut database = SqliteConnectOptions::new().filename(path).read_only(true).connect().await.unwrap();
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name";
    let names: Vec<String> =
        sqlx::query(tables).fetch_all(&mut database).await.unwrap().iter().map(|row| row.get(0)).collect();
    let mut counted = Vec::new();
    for name in names {
        let count = sqlx::query(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {name}")));
        counted.push((name, count.fetch_one(&mut database).await.unwrap().get(0)));
    }
    for row in sqlx::query("SELECT id, version FROM sessions").fetch_all(&mut database).await.unwrap() {
        counted.push((row.get(0), row.get(1)));
    }
    database.close().await.unwrap();
    counted
}
