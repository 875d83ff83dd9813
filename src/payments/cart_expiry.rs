//! Expires carts without an actor for each: no work on them is in progress, so reading, stepping and writing them is
//! all that an actor would do. A cart that was changed in between has another version, and is left as it is.

use futures_util::future::join_all;

use super::commit::prepare;
use super::dependencies::Dependencies;
use super::merchant_state::MerchantState;
use crate::domain::checkout::driver::change_of;
use crate::domain::checkout::due::priority;
use crate::domain::checkout::model::{Context, Event, Priority};
use crate::domain::ids::SessionId;
use crate::store::CommitError;

/// The result for one cart.
enum Ended {
    /// It is expired now.
    Expired,
    /// It is no longer due, or another commit has changed it.
    Changed,
    /// It has other work due, so its actor must be woken.
    Wakes,
}

/// The result for all due carts.
pub(crate) struct ExpiredCarts {
    pub(crate) count: usize,
    /// Carts with other work due.
    pub(crate) to_wake: Vec<SessionId>,
}

/// Expires the carts that are due.
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
        // The same failure may affect all carts, so one log line reports it.
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
    let Some((_, session)) = &loaded.session else { return Ok(Ended::Changed) };
    if priority(session) != Priority::Cart {
        return Ok(Ended::Wakes);
    }
    let (view, moment) = (merchant.view.load_full(), deps.moment());
    let context = Context { view: &view, moment };
    let Some(change) = change_of(&loaded, Event::TimeOut, &context) else {
        return Ok(Ended::Changed);
    };
    let commit = prepare(deps, merchant, change)?;
    match deps.store.commit(commit).await {
        Ok(_) => Ok(Ended::Expired),
        Err(CommitError::Conflict) => Ok(Ended::Changed),
        Err(error) => Err(error),
    }
}
