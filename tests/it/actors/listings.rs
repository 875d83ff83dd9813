//! Charges whose payment has no known id are found by listings: long ones hold up nobody, and what one has read stays read.

use std::time::Duration;

use merchant_gateway::domain::checkout::session::Session;
use tokio::time::{Instant, sleep};

use super::house::{House, on_one_thread};

async fn state(house: &House, session: &Session) -> &'static str {
    house.row(house.merchants[0].tenant(), &session.id).await.session.unwrap().1.state.name()
}

/// A checkout that is being paid, and of whose payment nothing is known but what a listing shows.
async fn paying(house: &House, token: &str) -> Session {
    let session = house.ready().await;
    let (merchant, id) = (house.merchants[0].clone(), session.id.clone());
    let payment = house.payment(&session, token);
    tokio::task::spawn_local(async move { merchant.ask(&id, payment).await });
    sleep(Duration::from_millis(100)).await;
    session
}

#[test]
fn an_endless_listing_of_an_old_attempt_holds_up_no_fresh_one() {
    on_one_thread(async {
        let house = House::calm().await;
        house.weather.write(|script| {
            script.charges_tell_nothing = true;
            script.listings_fail = true;
            script.old_listings_never_end = true;
            script.readings_take = Duration::from_millis(300);
        });
        let old = paying(&house, "spt_oldone0001").await;
        sleep(Duration::from_mins(63)).await;
        house.weather.write(|script| script.listings_fail = false);
        let before = house.weather.counted("listing");
        sleep(Duration::from_mins(2)).await;
        assert!(house.weather.counted("listing") > before + 100, "the old attempt's is under way");
        let fresh = paying(&house, "spt_freshone01").await;
        sleep(Duration::from_secs(3)).await;
        assert_eq!((state(&house, &old).await, state(&house, &fresh).await), ("charging", "completed"));
        house.weather.write(|script| script.old_listings_never_end = false);
        sleep(Duration::from_mins(5)).await;
        assert_eq!(state(&house, &old).await, "completed");
    });
}

#[test]
fn a_listing_of_which_pages_fail_is_gone_on_with_and_not_begun_anew() {
    on_one_thread(async {
        let house = House::calm().await;
        house.weather.write(|script| {
            script.charges_tell_nothing = true;
            script.listing_pages = 12;
        });
        let began = Instant::now();
        let session = paying(&house, "spt_pages00001").await;
        while state(&house, &session).await != "completed" {
            assert!(began.elapsed() < Duration::from_mins(10));
            sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(house.weather.counted("listing begun"), 1);
    });
}
