//! The key that replaces a merchant's present key: verified while the present one stays in use, and then used.
//!
//! Invariant: a next key never decides which account a merchant is paid into: it is used only if Stripe itself says that it
//! opens the account of the present key.

use std::sync::{Arc, Weak};

use actix::{ActorFutureExt as _, AsyncContext as _, Context, Handler, Message, WrapFuture as _};

use super::merchant::{FIRST_PAUSE, LONGEST_PAUSE, MerchantActor};
use crate::payments::MerchantState;
use crate::payments::account::{AccountCheckError, Missed, VerifiedAccount, claim, verify_next_key};

/// Verifies the account of the next key of this generation again.
#[derive(Message)]
#[rtype(result = "()")]
struct VerifyNextKey(Weak<MerchantState>);

impl MerchantActor {
    /// Verifies the account of the next key, if there is one, once that of the present key is known. The present key stays
    /// in use meanwhile.
    pub(super) fn verify_next_key(&self, ctx: &mut Context<Self>) {
        let present = self.merchant.load_full();
        // While a request about the present key is under way, its end decides.
        let is_asking = self.verifying && self.next_try.is_none();
        let account = present.view.load().account.clone().filter(|_| !is_asking);
        let (Some(account), Some(candidate)) = (account, present.with_next_key(&self.deps)) else { return };
        let (deps, candidate) = (Arc::clone(&self.deps), Arc::new(candidate));
        let asked = Arc::clone(&candidate);
        let verifying = self.deps.io.run(async move { verify_next_key(&deps, &asked, &account).await });
        let verified = async move { verifying.await.unwrap_or(Err(AccountCheckError::Lost)) };
        ctx.spawn(verified.into_actor(self).map(move |verified, actor, ctx| {
            // A later generation has begun its own verification.
            if !Arc::ptr_eq(&present, &actor.merchant.load()) {
                return;
            }
            // Another merchant may have claimed the account meanwhile.
            let verified = verified.and_then(|verified| {
                claim(&actor.deps, &candidate, (&verified.account, true))?;
                Ok(verified)
            });
            match verified {
                Ok(verified) => actor.use_next_key(candidate, verified, ctx),
                Err(error) => actor.missed_next_key(&error, ctx),
            }
        }));
    }

    /// The next key cannot be used yet: logs each new reason, and tries again later.
    fn missed_next_key(&mut self, error: &AccountCheckError, ctx: &mut Context<Self>) {
        let pause = self.pause_of_next_key.mul_f64(0.75 + 0.5 * self.deps.ids.fraction());
        self.pause_of_next_key = (self.pause_of_next_key * 2).min(LONGEST_PAUSE);
        let present = self.merchant.load_full();
        let reason = error.to_string();
        if self.missed_of_next_key.replace(reason.clone()).is_none_or(|earlier| earlier != reason) {
            error.log_of_next_key(&present.tenant.merchant, pause);
        }
        ctx.notify_later(VerifyNextKey(Arc::downgrade(&present)), pause);
    }

    /// The next key opens the merchant's account: it is used from now on.
    pub(super) fn use_next_key(
        &mut self,
        candidate: Arc<MerchantState>,
        verified: VerifiedAccount,
        ctx: &mut Context<Self>,
    ) {
        let (merchant, account) = (&candidate.tenant.merchant, &verified.account);
        tracing::info!(%merchant, %account, "stripe_key_replaced");
        self.take(&candidate, verified);
        self.merchant.store(candidate);
        self.follow_reports(ctx);
        if let Some(waiting) = self.next_try.take() {
            ctx.cancel_future(waiting);
        }
        (self.verifying, self.pause, self.missed) = (false, FIRST_PAUSE, Missed::default());
    }
}

impl Handler<VerifyNextKey> for MerchantActor {
    type Result = ();

    fn handle(&mut self, VerifyNextKey(of): VerifyNextKey, ctx: &mut Self::Context) {
        if of.upgrade().is_some_and(|of| Arc::ptr_eq(&of, &self.merchant.load())) {
            self.verify_next_key(ctx);
        }
    }
}
