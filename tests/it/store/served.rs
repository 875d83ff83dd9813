//! The hosts and accounts of merchants that were served.

use merchant_gateway::domain::checkout::session::{CancelReason, State};
use merchant_gateway::domain::ids::{Mode, Tenant};
use merchant_gateway::domain::time::Timestamp;
use merchant_gateway::store::{Commit, Forgetting, Holdings, ServedHost};

use super::AnyStore;
use super::values::*;

pub(super) async fn a_host_belongs_to_the_tenant_that_was_served_there_last_and_since_then(store: AnyStore) {
    let kiln = tenant("kiln", Mode::Test);
    assert_eq!(store.holdings().await.unwrap(), Holdings::default());
    let serve = async |served: &[(&Tenant, &[&str])], seconds| {
        let hosts = |hosts: &[&str]| hosts.iter().map(|host| (*host).to_owned()).collect();
        let served = served.iter().map(|(tenant, names)| ((*tenant).clone(), hosts(names))).collect();
        store.serve_hosts(served, Timestamp::from_seconds(seconds)).await.unwrap();
        store.holdings().await.unwrap().hosts
    };
    let row = |host: &str, tenant: &Tenant, seconds| ServedHost {
        host: host.to_owned(),
        tenant: tenant.clone(),
        since: Timestamp::from_seconds(seconds),
    };
    let first = serve(&[(&harbor(), &["one", "two"]), (&kiln, &["three"])], 1).await;
    assert_eq!(first, [row("one", &harbor(), 1), row("three", &kiln, 1), row("two", &harbor(), 1)]);
    let moved = serve(&[(&harbor(), &["two", "three"]), (&kiln, &["one"])], 2).await;
    assert_eq!(moved, [row("one", &kiln, 2), row("three", &harbor(), 2), row("two", &harbor(), 1)]);
    let alone = serve(&[(&kiln, &["one"])], 3).await;
    assert_eq!(alone, moved, "of one that is not served now, its hosts are remembered");

    store.remember_account(&harbor(), &account("acct_1Harbor"), &verified("f")).await.unwrap();
    let accounts = store.holdings().await.unwrap().accounts;
    assert_eq!(accounts, [(harbor(), kept(account("acct_1Harbor"), "f"))]);
}

pub(super) async fn an_account_is_forgotten_once_everything_on_it_is_decided(store: AnyStore) {
    let (own, other) = (account("acct_1Harbor"), account("acct_2Other"));
    let forget = async |which| store.forget_account(&harbor(), which).await.unwrap();
    assert_eq!(forget(&own).await, Forgetting::NotKept(None));
    store.remember_account(&harbor(), &own, &verified("f")).await.unwrap();
    store.remember_account(&tenant("kiln", Mode::Test), &own, &verified("f")).await.unwrap();
    assert_eq!(forget(&other).await, Forgetting::NotKept(Some(own.clone())));

    let from = store.commit(create(&harbor(), ready(1))).await.unwrap();
    let row = attempt(&harbor(), 1, 1, "spt_one");
    assert_eq!(row.account, own);
    let from = store.commit(start(from, charging(1), row, &harbor())).await.unwrap();
    assert_eq!(forget(&own).await, Forgetting::Undecided(session_id(1)));
    store.commit(update(from, completed(1), (1, Some(succeeded(1))), false)).await.unwrap();
    assert_eq!(forget(&own).await, Forgetting::Forgotten);
    assert_eq!(store.account(&harbor()).await.unwrap(), None);
    assert!(store.account(&tenant("kiln", Mode::Test)).await.unwrap().is_some(), "another tenant's stays");
    assert_eq!(store.remember_account(&harbor(), &other, &verified("g")).await.unwrap(), other);
}

pub(super) async fn an_account_is_not_forgotten_while_a_reading_of_it_is_due(store: AnyStore) {
    let own = account("acct_1Harbor");
    store.remember_account(&harbor(), &own, &verified("f")).await.unwrap();
    let from = store.commit(create(&harbor(), ready(1))).await.unwrap();
    let row = attempt(&harbor(), 1, 1, "spt_one");
    let from = store.commit(start(from, charging(1), row, &harbor())).await.unwrap();
    let canceled = in_state(1, State::Canceled { reason: CancelReason::Shopper });
    let ended = update(from, canceled.clone(), (1, Some(dead())), false);
    let from = store.commit(Commit { due_at: Some(NOW), ..ended }).await.unwrap();
    let forget = async || store.forget_account(&harbor(), &own).await.unwrap();
    assert_eq!(forget().await, Forgetting::Undecided(session_id(1)));
    store.commit(change(&harbor(), from, canceled)).await.unwrap();
    assert_eq!(forget().await, Forgetting::Forgotten);
}
