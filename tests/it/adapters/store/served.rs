//! The hosts and accounts of merchants that were served.

use merchant_gateway::domain::checkout::model::{
    CancelReason, Session, State, Unconfirmed, UnmatchedPayment,
};
use merchant_gateway::domain::ids::{AttemptNumber, Mode, StripeEventId, Tenant};
use merchant_gateway::domain::retry::Retry;
use merchant_gateway::domain::sends::Sends;
use merchant_gateway::domain::stripe_event::StripeEvent;
use merchant_gateway::domain::time::{Span, Timestamp};
use merchant_gateway::store::{
    AttemptRow, Commit, EventState, Forgetting, Holdings, ServedHost, ServedTenant,
};

use super::AnyStore;
use super::values::*;

pub(super) async fn a_host_belongs_to_the_tenant_that_was_last_served_there(store: AnyStore) {
    let kiln = tenant("kiln", Mode::Test);
    assert_eq!(store.holdings().await.unwrap(), Holdings::default());
    let serve = async |served: &[(&Tenant, &[&str])], seconds| {
        let hosts = |hosts: &[&str]| hosts.iter().map(|host| (*host).to_owned()).collect();
        let served = served.iter().map(|(tenant, names)| ServedTenant {
            tenant: (*tenant).clone(),
            hosts: hosts(names),
            config: format!("since {seconds}"),
        });
        store.serve_tenants(served.collect(), Timestamp::from_seconds(seconds)).await.unwrap();
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
    let configs = async |merchant: &str| {
        let found = store.served_configs(&merchant.parse().unwrap()).await.unwrap();
        found.into_iter().map(|found| (found.config, found.removed)).collect::<Vec<_>>()
    };
    let since = |seconds: i64, removed| (format!("since {seconds}"), removed);
    assert_eq!(configs("kiln").await, [since(3, false)]);
    assert_eq!(configs(harbor().merchant.as_str()).await, [since(2, false)]);
    assert_eq!(configs("unknown").await, []);
    let live = tenant("kiln", Mode::Live);
    serve(&[(&live, &["one"])], 4).await;
    assert_eq!(configs("kiln").await, [since(4, false), since(3, true)], "the other mode is not served now");
    store.remove_served_but(vec![harbor().merchant]).await.unwrap();
    assert_eq!(configs("kiln").await, [since(4, true), since(3, true)]);
    let held = store.holdings().await.unwrap().hosts;
    assert!(held.iter().all(|row| row.tenant == harbor()), "what was removed holds no host: {held:?}");
    assert_eq!(configs(harbor().merchant.as_str()).await, [since(2, false)]);
    let back = serve(&[(&live, &["one"])], 5).await;
    assert!(back.contains(&row("one", &live, 5)), "it has come back, and is new there: {back:?}");
    assert_eq!(configs("kiln").await, [since(5, false), since(3, true)]);

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

/// A session of which a payment is still to be read.
fn told(session: Session) -> Session {
    let payment = UnmatchedPayment { payment: intent(9), retry: Retry { tries: 3, ..Retry::at(NOW) } };
    Session { unmatched_payments: vec![payment], ..session }
}

/// A session of which an operator called an attempt unpaid that could not be read.
pub(super) fn unread(session: Session) -> Session {
    let unconfirmed = Unconfirmed {
        attempt: AttemptNumber(1),
        intent: None,
        repeat_until: NOW,
        sends: Sends::default(),
        retry: Retry { tries: 3, ..Retry::at(NOW) },
        arrived_by: None,
    };
    Session { unconfirmed: Some(unconfirmed), ..session }
}

pub(super) async fn an_account_is_kept_while_a_payment_on_it_is_unread(store: AnyStore) {
    let own = account("acct_1Harbor");
    store.remember_account(&harbor(), &own, &verified("f")).await.unwrap();
    let forget = async || store.forget_account(&harbor(), &own).await.unwrap();
    let ended = |number| in_state(number, State::Canceled { reason: CancelReason::Shopper });
    let endings = [
        (told(completed(1)), completed(1), succeeded(1)),
        (told(ended(2)), ended(2), dead()),
        (unread(completed(3)), completed(3), succeeded(3)),
        (unread(ended(4)), ended(4), dead()),
    ];
    for (number, (open, over, end)) in (1..).zip(endings) {
        let from = store.commit(create(&harbor(), ready(number))).await.unwrap();
        let row = attempt(&harbor(), number, 1, &format!("spt_{number}"));
        let from = store.commit(start(from, charging(number), row, &harbor())).await.unwrap();
        let decided = Commit { due_at: Some(NOW), ..update(from, open, (1, Some(end)), false) };
        let from = store.commit(decided).await.unwrap();
        assert_eq!(forget().await, Forgetting::Undecided(session_id(number)));
        // What else is due of a session that is over has nothing to do with payments.
        store.commit(Commit { due_at: Some(NOW), ..change(&harbor(), from, over) }).await.unwrap();
    }
    // Nobody knows which account a session is paid into that has no attempt.
    let from = store.commit(create(&harbor(), told(ready(5)))).await.unwrap();
    assert_eq!(forget().await, Forgetting::Undecided(session_id(5)));
    store.commit(change(&harbor(), from, ready(5))).await.unwrap();
    // An attempt on an account that was forgotten before.
    let from = store.commit(create(&harbor(), ready(6))).await.unwrap();
    let row = AttemptRow { account: account("acct_0Former"), ..attempt(&harbor(), 6, 1, "spt_6") };
    let from = store.commit(start(from, charging(6), row, &harbor())).await.unwrap();
    store.commit(update(from, told(ended(6)), (1, Some(dead())), false)).await.unwrap();
    assert_eq!(forget().await, Forgetting::Forgotten);
}

pub(super) async fn an_account_is_not_forgotten_while_an_event_of_stripes_waits(store: AnyStore) {
    let own = account("acct_1Harbor");
    let event = |id: &str, seconds| StripeEvent {
        id: id.parse().unwrap(),
        kind: "payment_intent.succeeded".parse().unwrap(),
        object: None,
        session: Some(session_id(1)),
        intent: Some(intent(1)),
        received: NOW + Span::seconds(seconds),
    };
    let kiln = tenant("kiln", Mode::Test);
    for shop in [harbor(), kiln] {
        store.remember_account(&shop, &own, &verified("f")).await.unwrap();
        for (id, seconds) in [("evt_2", 1), ("evt_1", 2)] {
            store.keep_event(&shop, event(id, seconds), EventState::Waiting).await.unwrap();
        }
    }
    store.keep_event(&harbor(), event("evt_0", 0), EventState::Ignored).await.unwrap();
    let forget = async || store.forget_account(&harbor(), &own).await.unwrap();
    for (id, state) in [("evt_2", EventState::Followed), ("evt_1", EventState::Ignored)] {
        let id = id.parse().unwrap();
        assert_eq!(forget().await, Forgetting::EventsWait(StripeEventId::clone(&id)));
        store.event_followed(&harbor(), &id, state).await.unwrap();
    }
    assert_eq!(forget().await, Forgetting::Forgotten);
}
