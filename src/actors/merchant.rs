//! The merchant actor: the single writer of a merchant's state. Readers use the published view without a mailbox.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use actix::{
    Actor, ActorFutureExt, Addr, ArbiterHandle, AsyncContext, Context, Handler, Message, SpawnHandle,
    StreamHandler, WrapFuture,
};
use arc_swap::ArcSwapOption;

use crate::domain::ids::AccountId;
use crate::domain::merchant::{MerchantView, PaymentsOff};
use crate::payments::Dependencies;
use crate::payments::account::{
    AccountCheckError, Missed, VerifiedAccount, claim, remembered, verify_account,
};
use crate::payments::key_status::{KeyStatus, log_refusal};
use crate::payments::merchant_state::{MerchantState, reliable_records};
use crate::payments::payees::AccountTaken;
use crate::payments::reconciliation::Unreconciled;
use crate::stripe::KeyReport;
use crate::telemetry::millis;

/// The first and the longest pause between tries to verify the account.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// How long no new payment begins after Stripe refused a charge with the key, unless a repeat is accepted before.
const LONGEST_CHARGE_PAUSE: Duration = Duration::from_mins(10);

/// The address of a merchant's actor: one that ended with a panic has a successor. Holding this keeps the actor
/// alive.
pub(super) type MerchantAddress = Arc<ArcSwapOption<Addr<MerchantActor>>>;

pub(super) struct MerchantActor {
    shared: Arc<MerchantState>,
    deps: Arc<Dependencies>,
    given_account: Option<AccountId>,
    thread: ArbiterHandle,
    /// The address of this actor and of its successor; gone once no handle holds it.
    address: Weak<ArcSwapOption<Addr<Self>>>,
    started: bool,
    /// Whether the account is being verified, or will be after a pause.
    verifying: bool,
    /// The timer of the next verification, while it waits.
    next_try: Option<SpawnHandle>,
    pause: Duration,
    missed: Missed,
}

impl MerchantActor {
    /// Starts the actor of a merchant on a thread.
    pub(super) fn start_on(
        thread: &ArbiterHandle,
        (shared, deps): (Arc<MerchantState>, Arc<Dependencies>),
        given_account: Option<AccountId>,
    ) -> MerchantAddress {
        let address = MerchantAddress::default();
        let actor = Self {
            shared,
            deps,
            given_account,
            thread: thread.clone(),
            address: Arc::downgrade(&address),
            started: false,
            verifying: true,
            next_try: None,
            pause: FIRST_PAUSE,
            missed: Missed::default(),
        };
        actor.start_at(&address);
        address
    }

    fn start_at(self, address: &MerchantAddress) {
        let thread = self.thread.clone();
        address.store(Some(Arc::new(Self::start_in_arbiter(&thread, |_| self))));
    }

    /// The actor that continues where this one crashed. It waits before it verifies, as after any failure.
    fn successor(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            deps: Arc::clone(&self.deps),
            given_account: self.given_account.clone(),
            thread: self.thread.clone(),
            address: Weak::clone(&self.address),
            started: false,
            verifying: true,
            next_try: None,
            pause: (self.pause * 2).min(LONGEST_PAUSE),
            missed: Missed::default(),
        }
    }

    /// From now on payments use this account, unless the key is refused.
    fn take(&self, verified: VerifiedAccount) {
        let VerifiedAccount { account, verified_by_stripe, reports: _ } = verified;
        self.shared.account_verified_by_stripe.store(verified_by_stripe, Ordering::Release);
        let (records, off) = (reliable_records(&self.deps), self.shared.key_status.off());
        self.publish(|view| {
            view.account = Some(account);
            view.payments_off = off;
            view.records = records;
        });
    }

    /// The verification failed: logs why, and tries again later. No place at Stripe is held meanwhile.
    fn missed(&mut self, error: &AccountCheckError, ctx: &mut Context<Self>) {
        if let Some(off) = error.off() {
            self.publish(|view| {
                // No request is made to another account, whatever waits.
                if matches!(off, PaymentsOff::OtherAccount | PaymentsOff::AccountMisnamed) {
                    view.account = None;
                }
                view.payments_off = Some(off);
            });
        }
        let pause = match error {
            // A reading before then would not count.
            AccountCheckError::Restored(Unreconciled::Settling { left }) => left.to_duration(),
            AccountCheckError::Restored(_)
            | AccountCheckError::Stripe(_)
            | AccountCheckError::Store(_)
            | AccountCheckError::NotGiven { .. }
            | AccountCheckError::NotKept { .. }
            | AccountCheckError::Taken(_)
            | AccountCheckError::Lost => self.next_pause(),
        };
        if self.missed.is_news(error) {
            error.log(&self.shared.tenant.merchant, pause);
        }
        self.verify_in(pause, ctx);
    }

    /// Verifies the account after a pause.
    fn verify_in(&mut self, pause: Duration, ctx: &mut Context<Self>) {
        self.verifying = true;
        self.next_try = Some(ctx.notify_later(VerifyAccount, pause));
    }

    /// The account is verified: payments are accepted, unless the key was refused since.
    fn verified(&mut self, verified: VerifiedAccount, ctx: &mut Context<Self>) {
        let account = (&verified.account, verified.verified_by_stripe);
        // Another merchant may have claimed it meanwhile.
        if let Err(taken) = claim(&self.deps, &self.shared, account) {
            self.missed(&taken.into(), ctx);
            return;
        }
        let (merchant, account) = (&self.shared.tenant.merchant, &verified.account);
        tracing::info!(%merchant, %account, verified_by_stripe = verified.verified_by_stripe, "stripe_account_known");
        // A missing permission shows at the next payment that needs it; that payment is rejected, and the next try is
        // put off for longer.
        self.shared.key_status.verified(verified.reports);
        self.take(verified);
        self.verifying = false;
        self.missed = Missed::default();
        if self.shared.key_status.off().is_some() {
            let pause = self.next_pause();
            self.verify_in(pause, ctx);
        }
    }

    /// The pause before the next try; each pause is longer than the last.
    fn next_pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        pause.mul_f64(0.75 + 0.5 * self.deps.ids.fraction())
    }

    /// Publishes the effect of the key's refusals on new payments.
    fn publish_refusals(&self) {
        let off = self.shared.key_status.off();
        let view = self.shared.view.load();
        // Only a verification removes any other reason.
        let of_key = matches!(
            view.payments_off,
            None | Some(PaymentsOff::KeyRefused | PaymentsOff::NotPermitted { .. })
        );
        if of_key && view.payments_off != off {
            self.publish(|view| view.payments_off = off);
        }
    }

    /// Publishes a changed copy of the present view.
    fn publish(&self, change: impl FnOnce(&mut MerchantView)) {
        let mut view = MerchantView::clone(&self.shared.view.load());
        change(&mut view);
        self.shared.view.store(Arc::new(view));
    }
}

impl Actor for MerchantActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.started = true;
        let next = async |news: Arc<KeyStatus>| Some((news.next().await, news));
        ctx.add_stream(futures_util::stream::unfold(Arc::clone(&self.shared.key_status), next));
        let this = ctx.address().downgrade();
        self.deps.payees.subscribe(self.shared.tenant.merchant.clone(), move |taken| {
            if let Some(actor) = this.upgrade() {
                actor.do_send(GaveWay(taken));
            }
        });
        if self.pause == FIRST_PAUSE {
            ctx.notify(Recall);
        } else {
            let next_try_ms = millis(self.pause);
            tracing::warn!(merchant = %self.shared.tenant.merchant, next_try_ms, "merchant_actor_restarted");
            ctx.notify_later(Recall, self.pause);
        }
    }
}

impl Drop for MerchantActor {
    /// A panic ends only this actor; without a successor, the merchant's key and account would never be updated
    /// again. While a handle has its address, an actor ends only by a panic, or with its thread, on which no
    /// successor starts.
    fn drop(&mut self) {
        if let Some(address) = self.address.upgrade().filter(|_| self.started) {
            self.successor().start_at(&address);
        }
    }
}

/// Uses the stored account if the key is the one that it was verified with; Stripe is asked afterwards.
#[derive(Message)]
#[rtype(result = "()")]
struct Recall;

/// Stripe confirmed that another merchant's key belongs to the account that only this merchant's file names.
#[derive(Message)]
#[rtype(result = "()")]
struct GaveWay(AccountTaken);

/// Verifies the account now, without waiting for the next try.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct VerifyNow;

/// Reads the account of the key at Stripe; until it is known nothing is charged.
#[derive(Message)]
#[rtype(result = "()")]
struct VerifyAccount;

impl Handler<Recall> for MerchantActor {
    type Result = ();

    fn handle(&mut self, _: Recall, ctx: &mut Self::Context) {
        let (deps, shared) = (Arc::clone(&self.deps), Arc::clone(&self.shared));
        let given = self.given_account.clone();
        let work = async move { remembered(&deps, &shared, given.as_ref()).await };
        ctx.spawn(work.into_actor(self).map(|remembered, actor, ctx| {
            let still = |verified: &VerifiedAccount| {
                claim(&actor.deps, &actor.shared, (&verified.account, verified.verified_by_stripe)).is_ok()
            };
            if let Some(verified) = remembered.filter(still) {
                let (merchant, account) = (&actor.shared.tenant.merchant, &verified.account);
                tracing::info!(%merchant, %account, verified_by_stripe = verified.verified_by_stripe, "stripe_account_remembered");
                actor.take(verified);
            }
            ctx.notify(VerifyAccount);
        }));
    }
}

impl Handler<VerifyAccount> for MerchantActor {
    type Result = ();

    fn handle(&mut self, _: VerifyAccount, ctx: &mut Self::Context) {
        self.next_try = None;
        let (deps, shared) = (Arc::clone(&self.deps), Arc::clone(&self.shared));
        let given = self.given_account.clone();
        let work = async move {
            let io = deps.io.clone();
            let learning = async move { verify_account(&deps, &shared, given).await };
            io.run(learning).await.unwrap_or(Err(AccountCheckError::Lost))
        };
        ctx.spawn(work.into_actor(self).map(|verified, actor, ctx| match verified {
            Ok(verified) => actor.verified(verified, ctx),
            Err(error) => actor.missed(&error, ctx),
        }));
    }
}

impl Handler<VerifyNow> for MerchantActor {
    type Result = ();

    fn handle(&mut self, _: VerifyNow, ctx: &mut Self::Context) {
        if let Some(waiting) = self.next_try.take() {
            ctx.cancel_future(waiting);
            self.pause = FIRST_PAUSE;
            ctx.notify(VerifyAccount);
        }
    }
}

impl Handler<GaveWay> for MerchantActor {
    type Result = ();

    fn handle(&mut self, GaveWay(taken): GaveWay, ctx: &mut Self::Context) {
        // A verification that is in progress or scheduled reports by itself.
        if self.verifying {
            self.publish(|view| view.payments_off = Some(PaymentsOff::AccountTaken));
        } else {
            self.missed(&taken.into(), ctx);
        }
    }
}

impl StreamHandler<KeyReport> for MerchantActor {
    /// The source of reports about the key has ended; the merchant remains.
    fn finished(&mut self, _: &mut Self::Context) {}

    fn handle(&mut self, report: KeyReport, ctx: &mut Self::Context) {
        match report {
            // The gate has already handled it.
            KeyReport::Limited { .. } => return,
            KeyReport::Taken(usage) => {
                let (merchant, usage) = (&self.shared.tenant.merchant, usage.as_str());
                tracing::info!(%merchant, usage, "stripe_key_taken_again");
                self.pause = FIRST_PAUSE;
            }
            KeyReport::Refused(refusal) => {
                let mut next_try = None;
                if !self.verifying && self.shared.key_status.off().is_some() {
                    // A payment in progress is repeated and reports by itself; another payment would only join it.
                    let longest = if self.shared.key_status.refuses_charges() {
                        LONGEST_CHARGE_PAUSE
                    } else {
                        Duration::ZERO
                    };
                    let pause = self.next_pause().max(longest);
                    self.verify_in(pause, ctx);
                    next_try = Some(pause);
                }
                log_refusal(&self.shared.tenant.merchant, &refusal, next_try);
            }
        }
        self.publish_refusals();
    }
}
