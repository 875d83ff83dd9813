//! What every store keeps because a database may have been restored.

use merchant_gateway::domain::ids::Mode;
use merchant_gateway::domain::time::Timestamp;
use merchant_gateway::store::{Commit, RestoreMarker};

use super::values::*;
use super::{AnyStore, loaded};

/// A restore of this name.
fn marker(id: &str) -> RestoreMarker {
    RestoreMarker { id: id.to_owned(), taken: NOW, restored: NOW }
}

/// Places an order on a session of its own; the number that it gets.
async fn placed(store: &AnyStore, number: u128) -> u32 {
    let mut order = order(number);
    order.order.payment_intent = intent(number);
    store.commit(Commit { order: Some(order), ..create(&harbor(), completed(number)) }).await.unwrap();
    loaded(store, number).await.order.unwrap().number.0
}

pub(super) async fn numbers_that_may_have_been_given_are_never_given_again(store: AnyStore) {
    let kiln = tenant("kiln-works", Mode::Test);
    store.numbers_given(&kiln, &marker("first"), 40).await.unwrap();
    assert_eq!(placed(&store, 1).await, 1001, "another merchant's are its own");
    // An attempt that is undecided here may have become an order elsewhere.
    let from = store.commit(create(&harbor(), ready(50))).await.unwrap();
    let row = attempt(&harbor(), 50, 1, "spt_undecided");
    store.commit(start(from, charging(50), row, &harbor())).await.unwrap();

    store.numbers_given(&harbor(), &marker("first"), 5).await.unwrap();
    assert_eq!(placed(&store, 2).await, 1008, "1001, then one undecided, then five");
    store.numbers_given(&harbor(), &marker("first"), 3).await.unwrap();
    assert_eq!(placed(&store, 3).await, 1009, "the larger count stands");
    store.numbers_given(&harbor(), &marker("first"), 12).await.unwrap();
    assert_eq!(placed(&store, 4).await, 1015, "counted from where it was first looked at");
    store.numbers_given(&harbor(), &marker("second"), 4).await.unwrap();
    assert_eq!(placed(&store, 5).await, 1021, "behind those of every restore");
    store.numbers_given(&harbor(), &marker("third"), 0).await.unwrap();
    assert_eq!(placed(&store, 6).await, 1023);
}

pub(super) async fn a_paid_session_is_found_by_its_payment(store: AnyStore) {
    placed(&store, 7).await;
    assert_eq!(store.session_paid_by(&harbor(), &intent(7)).await.unwrap(), Some(session_id(7)));
    assert_eq!(store.session_paid_by(&harbor(), &intent(8)).await.unwrap(), None);
    let kiln = tenant("kiln-works", Mode::Test);
    assert_eq!(store.session_paid_by(&kiln, &intent(7)).await.unwrap(), None);
    for (tenant, moment, before) in [
        (harbor(), Timestamp::from_seconds(NOW.as_seconds() + 1), true),
        (harbor(), NOW, false),
        (kiln, Timestamp::from_seconds(NOW.as_seconds() + 1), false),
    ] {
        assert_eq!(store.began_before(&tenant, moment).await.unwrap(), before);
    }
    assert!(store.unreconciled(&harbor()).is_empty(), "nothing here was ever restored");
    assert_eq!(store.last_restore(), None);
}
