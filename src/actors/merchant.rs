//! The merchant actor: the single writer of what a merchant is. Readers take the published view without a mailbox.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, WrapFuture};
use arc_swap::ArcSwap;
use secrecy::SecretString;

use super::account::{Learned, Unlearned, learn, remembered};
use super::inbox::WebhookDesk;
use super::reconciliation::Unreconciled;
use super::services::Services;
use crate::domain::ids::{AccountId, Tenant};
use crate::domain::merchant::{MerchantView, PaymentsOff, Records};
use crate::runtime::outbox::Receiver;
use crate::runtime::{MerchantLimiter, StripeGate};
use crate::stripe::SellerAccount;

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
    /// The key that opens the account.
    pub(super) key: SecretString,
    pub(super) limiter: MerchantLimiter,
    pub(super) gate: StripeGate,
    /// Where order events go; without one they are kept, and sent to nobody.
    pub(super) receiver: Option<Receiver>,
    pub(super) webhooks: WebhookDesk,
    /// Whether Stripe itself has said which account the key opens. Where a restricted key may not read its account, the
    /// configuration's word is taken for paying, but a payment that its listing does not show is not taken for absent.
    pub(super) account_proved: AtomicBool,
}

impl Shared {
    pub(super) fn new(setup: &MerchantSetup, services: &Services) -> Self {
        let tenant = setup.view.tenant();
        let owed = !services.reconciliation.unreconciled(&tenant).is_empty();
        let records = if owed { Records::Unreconciled } else { reliable(services) };
        let view = MerchantView {
            account: None,
            payments_off: Some(PaymentsOff::Unverified),
            records,
            ..setup.view.clone()
        };
        Self {
            tenant,
            limiter: MerchantLimiter::new(&view.limits),
            gate: StripeGate::new(Arc::clone(&services.places)),
            key: setup.key.clone(),
            receiver: setup.receiver.clone(),
            webhooks: WebhookDesk::new(setup.webhook_secrets.clone()),
            account_proved: AtomicBool::new(false),
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

    /// From now on payments are taken on this account.
    fn take(&self, learned: Learned) {
        let Learned { account, proved } = learned;
        self.shared.account_proved.store(proved, Ordering::Release);
        let records = reliable(&self.services);
        self.publish(|view| {
            view.account = Some(account);
            view.payments_off = None;
            view.records = records;
        });
    }

    /// The account could not be learned: says why, and tries again later. No place at Stripe is held meanwhile.
    fn missed(&mut self, error: &Unlearned, ctx: &mut Context<Self>) {
        tracing::warn!(merchant = %self.shared.tenant.merchant, %error, "stripe_account_unknown");
        if let Some(off) = error.off() {
            self.publish(|view| view.payments_off = Some(off));
        }
        // Where it is known when the next try can be the last, it is not made later than then.
        let jittered = self.pause.mul_f64(0.75 + 0.5 * self.services.ids.fraction());
        let pause = match error {
            Unlearned::Restored(Unreconciled::Settling { left }) => jittered.min(left.to_duration()),
            Unlearned::Restored(_)
            | Unlearned::Stripe(_)
            | Unlearned::Store(_)
            | Unlearned::Disagrees { .. }
            | Unlearned::Lost => jittered,
        };
        ctx.notify_later(LearnAccount, pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
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
        ctx.notify(Recall);
    }
}

/// Takes the account from the store where the key is the one that it was verified with; Stripe is asked afterwards.
#[derive(Message)]
#[rtype(result = "()")]
struct Recall;

/// Finds out at Stripe which account the key opens; until it is known nothing is charged.
#[derive(Message)]
#[rtype(result = "()")]
struct LearnAccount;

impl Handler<Recall> for MerchantActor {
    type Result = ();

    fn handle(&mut self, _: Recall, ctx: &mut Self::Context) {
        let (services, shared) = (Arc::clone(&self.services), Arc::clone(&self.shared));
        let given = self.given_account.clone();
        let work = async move {
            let io = services.io.clone();
            let recalling = async move { remembered(&services, &shared, given.as_ref()).await };
            io.run(recalling).await.ok().flatten()
        };
        ctx.spawn(work.into_actor(self).map(|remembered, actor, ctx| {
            if let Some(learned) = remembered {
                let (merchant, account) = (&actor.shared.tenant.merchant, &learned.account);
                tracing::info!(%merchant, %account, proved = learned.proved, "stripe_account_remembered");
                actor.take(learned);
            }
            ctx.notify(LearnAccount);
        }));
    }
}

impl Handler<LearnAccount> for MerchantActor {
    type Result = ();

    fn handle(&mut self, _: LearnAccount, ctx: &mut Self::Context) {
        let (services, shared) = (Arc::clone(&self.services), Arc::clone(&self.shared));
        let given = self.given_account.clone();
        let work = async move {
            let io = services.io.clone();
            let learning = async move { learn(&services, &shared, given).await };
            io.run(learning).await.unwrap_or(Err(Unlearned::Lost))
        };
        ctx.spawn(work.into_actor(self).map(|learned, actor, ctx| match learned {
            Ok(learned) => {
                let (merchant, account) = (&actor.shared.tenant.merchant, &learned.account);
                tracing::info!(%merchant, %account, proved = learned.proved, "stripe_account_known");
                actor.take(learned);
                actor.pause = FIRST_PAUSE;
            }
            Err(error) => actor.missed(&error, ctx),
        }));
    }
}
