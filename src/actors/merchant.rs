//! The merchant actor: the single writer of what a merchant is. Readers take the published view without a mailbox.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, WrapFuture};
use arc_swap::ArcSwap;
use secrecy::SecretString;

use super::inbox::WebhookDesk;
use super::payees::AccountTaken;
use super::reconciliation::{Unreconciled, reconcile};
use super::services::Services;
use crate::domain::ids::{AccountId, Tenant};
use crate::domain::merchant::{MerchantView, Records};
use crate::runtime::outbox::Receiver;
use crate::runtime::{MerchantLimiter, StripeGate};
use crate::store::Store;
use crate::stripe::{AccountError, SellerAccount};

/// The first and the longest pause between tries to learn the account.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// A merchant as its configuration describes it, ready to be opened.
#[derive(Clone, Debug)]
pub struct MerchantSetup {
    /// The view; its `account` is not looked at.
    pub view: MerchantView,
    /// `stripe.account_id`, where it is given.
    pub given_account: Option<AccountId>,
    /// Whether another merchant may be paid into the same account.
    pub shares_account: bool,
    /// The secret key.
    pub key: SecretString,
    /// Where its order events go.
    pub receiver: Option<Receiver>,
    /// What signs Stripe's webhooks to it; without one it takes none.
    pub webhook_secrets: Vec<SecretString>,
}

/// What a merchant's actor publishes and its handles read.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) tenant: Tenant,
    pub(super) view: ArcSwap<MerchantView>,
    pub(super) stripe: ArcSwap<Box<dyn SellerAccount>>,
    pub(super) limiter: MerchantLimiter,
    pub(super) gate: StripeGate,
    /// Where order events go; without one they are kept, and sent to nobody.
    pub(super) receiver: Option<Receiver>,
    pub(super) webhooks: WebhookDesk,
    shares_account: bool,
    /// Whether Stripe itself has said which account the key opens. Where a restricted key may not read its account, the
    /// configuration's word is taken for paying, but a payment that its listing does not show is not taken for absent.
    pub(super) account_proved: AtomicBool,
}

impl Shared {
    pub(super) fn new(setup: &MerchantSetup, services: &Services) -> Self {
        let tenant = setup.view.tenant();
        let owed = !services.reconciliation.unreconciled(&tenant).is_empty();
        let records = if owed { Records::Unreconciled } else { reliable(services) };
        let view = MerchantView { account: None, records, ..setup.view.clone() };
        Self {
            tenant,
            limiter: MerchantLimiter::new(&view.limits),
            gate: StripeGate::default(),
            receiver: setup.receiver.clone(),
            webhooks: WebhookDesk::new(setup.webhook_secrets.clone()),
            account_proved: AtomicBool::new(false),
            shares_account: setup.shares_account,
            view: ArcSwap::from_pointee(view),
            stripe: ArcSwap::from_pointee(services.stripe.account(setup.key.clone())),
        }
    }
}

/// The records of a merchant that has nothing to account for.
fn reliable(services: &Services) -> Records {
    let restored = services.reconciliation.last_restore();
    restored.map_or(Records::Whole, |restored| Records::Reconciled { restored })
}

pub(super) struct MerchantActor {
    shared: Arc<Shared>,
    services: Arc<Services>,
    given_account: Option<AccountId>,
    pause: Duration,
}

impl MerchantActor {
    pub(super) fn new(
        shared: Arc<Shared>,
        services: Arc<Services>,
        given_account: Option<AccountId>,
    ) -> Self {
        Self { shared, services, given_account, pause: FIRST_PAUSE }
    }

    /// Makes a new view of the present one and publishes it.
    fn publish(&self, change: impl FnOnce(&mut MerchantView)) {
        let mut view = MerchantView::clone(&self.shared.view.load());
        change(&mut view);
        self.shared.view.store(Arc::new(view));
    }
}

impl Actor for MerchantActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.notify(LearnAccount);
    }
}

/// Finds out which Stripe account the key opens; until then nothing is charged.
#[derive(Message)]
#[rtype(result = "()")]
struct LearnAccount;

/// An account that is known.
struct Learned {
    account: AccountId,
    /// Stripe said it, not only the configuration.
    proved: bool,
}

/// Why the account is not known.
#[derive(Debug, thiserror::Error)]
enum Unlearned {
    #[error(transparent)]
    Stripe(#[from] AccountError),
    #[error("the store: {0}")]
    Store(#[from] crate::store::StoreError),
    #[error(
        "the key opens the Stripe account {opened}, but this merchant's is {known}; \
         payments stay off until the key or stripe.account_id is put right"
    )]
    Disagrees { opened: AccountId, known: AccountId },
    #[error("{0}; payments stay off until then")]
    Taken(#[from] AccountTaken),
    #[error("the database was restored, and what was paid since is not accounted for yet: {0}")]
    Restored(#[from] Unreconciled),
    #[error("the work was lost")]
    Lost,
}

impl Handler<LearnAccount> for MerchantActor {
    type Result = ();

    fn handle(&mut self, _: LearnAccount, ctx: &mut Self::Context) {
        let services = Arc::clone(&self.services);
        let shared = Arc::clone(&self.shared);
        let given = self.given_account.clone();
        let work = async move {
            let io = services.io.clone();
            let learning = async move {
                let stripe = shared.stripe.load_full();
                let store = services.store.as_ref();
                let learned = learn(store, stripe.as_ref().as_ref(), &shared.tenant, given).await?;
                services.payees.claim(&learned.account, &shared.tenant.merchant, shared.shares_account)?;
                reconcile(&services, &shared, (&learned.account, learned.proved)).await?;
                Ok(learned)
            };
            io.run(learning).await.unwrap_or(Err(Unlearned::Lost))
        };
        ctx.spawn(work.into_actor(self).map(|learned, actor, ctx| match learned {
            Ok(Learned { account, proved }) => {
                tracing::info!(merchant = %actor.shared.tenant.merchant, %account, proved, "stripe_account_known");
                actor.shared.account_proved.store(proved, Ordering::Release);
                let records = reliable(&actor.services);
                actor.publish(|view| {
                    view.account = Some(account);
                    view.records = records;
                });
            }
            Err(error) => {
                tracing::warn!(merchant = %actor.shared.tenant.merchant, %error, "stripe_account_unknown");
                // Where it is known when the next try can be the last, it is not made later than then.
                let pause = match &error {
                    Unlearned::Restored(Unreconciled::Settling { left }) => actor.pause.min(left.to_duration()),
                    Unlearned::Restored(_)
                    | Unlearned::Stripe(_)
                    | Unlearned::Store(_)
                    | Unlearned::Disagrees { .. }
                    | Unlearned::Taken(_)
                    | Unlearned::Lost => actor.pause,
                };
                ctx.notify_later(LearnAccount, pause);
                actor.pause = (actor.pause * 2).min(LONGEST_PAUSE);
            }
        }));
    }
}

/// Given, learned and remembered must agree, so that a key of another account never takes this merchant's money.
async fn learn(
    store: &dyn Store,
    stripe: &dyn SellerAccount,
    tenant: &Tenant,
    given: Option<AccountId>,
) -> Result<Learned, Unlearned> {
    let (opened, proved) = match (stripe.account_id().await, &given) {
        (Ok(opened), _) => (opened, true),
        (Err(AccountError::NotPermitted), Some(given)) => (given.clone(), false),
        (Err(error), _) => return Err(error.into()),
    };
    if let Some(known) = given.filter(|given| *given != opened) {
        return Err(Unlearned::Disagrees { opened, known });
    }
    let known = store.remember_account(tenant, &opened).await?;
    if known == opened {
        Ok(Learned { account: known, proved })
    } else {
        Err(Unlearned::Disagrees { opened, known })
    }
}
