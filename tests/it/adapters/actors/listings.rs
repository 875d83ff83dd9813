//! Charges whose payment has no known id are found by listings: long ones hold up nobody, and what one has read stays read.

use std::time::Duration;

use merchant_gateway::domain::checkout::model::Session;
use tokio::time::{Instant, sleep};

use super::harness::{ActorHarness, on_one_thread};

async fn state(harness: &ActorHarness, session: &Session) -> &'static str {
    harness.row(harness.merchants[0].tenant(), &session.id).await.session.unwrap().1.state.into_str()
}

/// A checkout that is being paid, and of whose payment nothing is known but what a listing shows.
async fn paying(harness: &ActorHarness, token: &str) -> Session {
    let session = harness.ready().await;
    let (merchant, id) = (harness.merchants[0].clone(), session.id.clone());
    let payment = harness.payment(&session, token);
    tokio::task::spawn_local(async move { merchant.ask(&id, payment).await });
    sleep(Duration::from_millis(100)).await;
    session
}

#[test]
fn an_endless_listing_of_an_old_attempt_holds_up_no_fresh_one() {
    on_one_thread(async {
        let harness = ActorHarness::calm().await;
        harness.faults.write(|script| {
            script.charges_tell_nothing = true;
            script.listings_fail = true;
            script.old_listings_never_end = true;
            script.readings_take = Duration::from_millis(300);
        });
        let old = paying(&harness, "spt_oldone0001").await;
        sleep(Duration::from_mins(63)).await;
        harness.faults.write(|script| script.listings_fail = false);
        let before = harness.faults.counted("listing");
        sleep(Duration::from_mins(2)).await;
        assert!(harness.faults.counted("listing") > before + 100, "the old attempt's is under way");
        let fresh = paying(&harness, "spt_freshone01").await;
        sleep(Duration::from_secs(3)).await;
        assert_eq!((state(&harness, &old).await, state(&harness, &fresh).await), ("charging", "completed"));
        harness.faults.write(|script| script.old_listings_never_end = false);
        sleep(Duration::from_mins(5)).await;
        assert_eq!(state(&harness, &old).await, "completed");
    });
}

#[test]
fn a_listing_with_failed_pages_resumes_instead_of_restarting() {
    on_one_thread(async {
        let harness = ActorHarness::calm().await;
        harness.faults.write(|script| {
            script.charges_tell_nothing = true;
            script.listing_pages = 12;
        });
        let began = Instant::now();
        let session = paying(&harness, "spt_pages00001").await;
        while state(&harness, &session).await != "completed" {
            assert!(began.elapsed() < Duration::from_mins(10));
            sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(harness.faults.counted("listing begun"), 1);
    });
}
