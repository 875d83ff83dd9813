//! Carts whose time is over, without an actor each: nothing of them is under way, so reading, stepping and writing them is
//! all that an actor would do. A cart that was changed in between has another version, and stays as it is.

use futures_util::future::join_all;

use super::commit::prepare;
use super::dependencies::Dependencies;
use super::merchant_state::MerchantState;
use crate::domain::checkout::driver::change_of;
use crate::domain::checkout::due::priority;
use crate::domain::checkout::model::{Context, Event, Priority};
use crate::domain::ids::SessionId;
use crate::store::CommitError;

/// What became of a cart.
enum Ended {
    /// It is expired now.
    Expired,
    /// It is not due any more, or another has changed it.
    Changed,
    /// More than its time is to be looked after.
    Wakes,
}

/// What became of carts that were due.
pub(crate) struct ExpiredCarts {
    /// How many have ended.
    pub(crate) count: usize,
    /// Those of which more than their time is to be looked after.
    pub(crate) to_wake: Vec<SessionId>,
}

/// Ends the carts that are due.
pub(crate) async fn expire_carts(
    deps: &Dependencies,
    merchant: &MerchantState,
    carts: Vec<SessionId>,
) -> ExpiredCarts {
    let (mut count, mut to_wake, mut failure) = (0_usize, Vec::new(), None);
    let all = join_all(carts.iter().map(|id| expire_cart(deps, merchant, id))).await;
    for (id, ended) in carts.into_iter().zip(all) {
        match ended {
            Ok(Ended::Expired) => count += 1,
            Ok(Ended::Changed) => {}
            Ok(Ended::Wakes) => to_wake.push(id),
            Err(error) => failure = Some((id, error)),
        }
    }
    if let Some((session, error)) = failure {
        let merchant = &merchant.tenant.merchant;
        // What keeps one from being read or written may keep all of them: one line tells of them.
        tracing::error!(%merchant, %session, cause = %error, "carts_not_expired");
    }
    ExpiredCarts { count, to_wake }
}

async fn expire_cart(
    deps: &Dependencies,
    merchant: &MerchantState,
    id: &SessionId,
) -> Result<Ended, CommitError> {
    let loaded = deps.store.load(&merchant.tenant, id, None).await?;
    let Some((version, session)) = loaded.session else { return Ok(Ended::Changed) };
    if priority(&session) != Priority::Cart {
        return Ok(Ended::Wakes);
    }
    let (view, moment) = (merchant.view.load_full(), deps.moment());
    let context = Context { view: &view, moment };
    let Some(change) = change_of((version, &session), Event::TimeOut, &context) else {
        return Ok(Ended::Changed);
    };
    let commit = prepare(deps, merchant, change).await?;
    match deps.store.commit(commit).await {
        Ok(_) => Ok(Ended::Expired),
        Err(CommitError::Conflict) => Ok(Ended::Changed),
        Err(error) => Err(error),
    }
}
