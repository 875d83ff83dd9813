//! The merchant actor: the single writer of a merchant's state. Readers use the published view without a mailbox.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use actix::{
    Actor, ActorFutureExt, Addr, ArbiterHandle, AsyncContext, Context, Handler, Message, SpawnHandle,
    StreamHandler, WrapFuture,
};
use arc_swap::ArcSwapOption;
use tokio::sync::oneshot;

use crate::domain::merchant::{MerchantView, PaymentsOff};
use crate::payments::account::{
    AccountCheckError, Missed, VerifiedAccount, claim, remembered, verify_account,
};
use crate::payments::key_status::{KeyStatus, log_refusal};
use crate::payments::merchant_state::reliable_records;
use crate::payments::payees::AccountTaken;
use crate::payments::reconciliation::Unreconciled;
use crate::payments::{Dependencies, MerchantSetup, MerchantState, PresentMerchant};
use crate::stripe::KeyReport;
use crate::telemetry::millis;

/// The first and the longest pause between tries to verify the account.
pub(super) const FIRST_PAUSE: Duration = Duration::from_secs(1);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// How long no new payment begins after Stripe refused a charge with the key, unless a repeat is accepted before.
const LONGEST_CHARGE_PAUSE: Duration = Duration::from_mins(10);

/// The address of a merchant's actor: one that ended with a panic has a successor. Holding this keeps the actor
/// alive.
pub(super) type MerchantAddress = Arc<ArcSwapOption<Addr<MerchantActor>>>;

pub(super) struct MerchantActor {
    pub(super) merchant: Arc<PresentMerchant>,
    pub(super) deps: Arc<Dependencies>,
    thread: ArbiterHandle,
    /// The address of this actor and of its successor; gone once no handle holds it.
    address: Weak<ArcSwapOption<Addr<Self>>>,
    started: bool,
    /// Whether the account is being verified, or will be after a pause.
    pub(super) verifying: bool,
    /// The timer of the next verification, while it waits.
    pub(super) next_try: Option<SpawnHandle>,
    /// The stream of reports about the present key.
    reports: Option<SpawnHandle>,
    pub(super) pause: Duration,
    pub(super) missed: Missed,
    /// The pause before the next verification of the next key, and why the last one failed.
    pub(super) pause_of_next_key: Duration,
    pub(super) missed_of_next_key: Option<String>,
}

impl MerchantActor {
    /// Starts the actor of a merchant on a thread.
    pub(super) fn start_on(
        thread: &ArbiterHandle,
        (merchant, deps): (Arc<PresentMerchant>, Arc<Dependencies>),
    ) -> MerchantAddress {
        let address = MerchantAddress::default();
        let actor = Self {
            merchant,
            deps,
            thread: thread.clone(),
            address: Arc::downgrade(&address),
            started: false,
            verifying: true,
            next_try: None,
            reports: None,
            pause: FIRST_PAUSE,
            missed: Missed::default(),
            pause_of_next_key: FIRST_PAUSE,
            missed_of_next_key: None,
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
            merchant: Arc::clone(&self.merchant),
            deps: Arc::clone(&self.deps),
            thread: self.thread.clone(),
            address: Weak::clone(&self.address),
            started: false,
            verifying: true,
            next_try: None,
            reports: None,
            pause: (self.pause * 2).min(LONGEST_PAUSE),
            missed: Missed::default(),
            pause_of_next_key: FIRST_PAUSE,
            missed_of_next_key: None,
        }
    }

    /// From now on payments use this account, unless the key is refused.
    pub(super) fn take(&self, merchant: &MerchantState, verified: VerifiedAccount) {
        let VerifiedAccount { account, verified_by_stripe, reports: _ } = verified;
        merchant.key.account_verified_by_stripe.store(verified_by_stripe, Ordering::Release);
        let (records, off) = (reliable_records(&self.deps), merchant.key.status.off());
        publish(merchant, |view| {
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
            error.log(&self.merchant.load().tenant.merchant, pause);
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
        let present = self.merchant.load_full();
        let account = (&verified.account, verified.verified_by_stripe);
        // Another merchant may have claimed it meanwhile.
        if let Err(taken) = claim(&self.deps, &present, account) {
            self.missed(&taken.into(), ctx);
            return;
        }
        let (merchant, account) = (&present.tenant.merchant, &verified.account);
        tracing::info!(%merchant, %account, verified_by_stripe = verified.verified_by_stripe, "stripe_account_known");
        // A missing permission shows at the next payment that needs it; that payment is rejected, and the next try is
        // put off for longer.
        present.key.status.verified(verified.reports);
        self.take(&present, verified);
        self.verifying = false;
        self.missed = Missed::default();
        // Also where the present key lacks a permission: the next one may have it.
        self.verify_next_key(ctx);
        if present.key.status.off().is_some() {
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
        let merchant = self.merchant.load();
        let (off, view) = (merchant.key.status.off(), merchant.view.load());
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
        publish(&self.merchant.load(), change);
    }

    /// Handles Stripe's reports about the present key, and no others.
    pub(super) fn follow_reports(&mut self, ctx: &mut Context<Self>) {
        let next = async |reports: Arc<KeyStatus>| Some((reports.next().await, reports));
        let of_key = Arc::clone(&self.merchant.load().key.status);
        let stream = ctx.add_stream(futures_util::stream::unfold(of_key, next));
        if let Some(earlier) = self.reports.replace(stream) {
            ctx.cancel_future(earlier);
        }
    }
}

/// Publishes a changed copy of a generation's view.
fn publish(merchant: &MerchantState, change: impl FnOnce(&mut MerchantView)) {
    let mut view = MerchantView::clone(&merchant.view.load());
    change(&mut view);
    merchant.view.store(Arc::new(view));
}

impl Actor for MerchantActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.started = true;
        self.follow_reports(ctx);
        let this = ctx.address().downgrade();
        self.deps.payees.subscribe(self.merchant.load().tenant.clone(), move |taken| {
            if let Some(actor) = this.upgrade() {
                actor.do_send(GaveWay(taken));
            }
        });
        if self.pause == FIRST_PAUSE {
            ctx.notify(Recall);
        } else {
            let next_try_ms = millis(self.pause);
            tracing::warn!(merchant = %self.merchant.load().tenant.merchant, next_try_ms, "merchant_actor_restarted");
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

/// Replaces the configuration by the next generation.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Apply {
    pub(super) setup: Box<MerchantSetup>,
    pub(super) applied: oneshot::Sender<()>,
}

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
        let (deps, merchant) = (Arc::clone(&self.deps), self.merchant.load_full());
        let candidate = merchant.with_next_key(&deps).map(Arc::new);
        let work = async move {
            if let Some(verified) = remembered(&deps, &merchant).await {
                return (merchant, None, Some(verified));
            }
            // An earlier process may have used the next key already.
            let verified = match &candidate {
                Some(candidate) => remembered(&deps, candidate).await,
                None => None,
            };
            let verified = verified.filter(|verified| verified.verified_by_stripe);
            (merchant, candidate.filter(|_| verified.is_some()), verified)
        };
        ctx.spawn(work.into_actor(self).map(|(merchant, candidate, remembered), actor, ctx| {
            if !merchant.has_account_of(&actor.merchant.load()) {
                return;
            }
            // The candidate is of the generation that was read, which must not come back in the place of a later one.
            if candidate.is_some() && !Arc::ptr_eq(&merchant, &actor.merchant.load()) {
                ctx.notify(Recall);
                return;
            }
            let still = |verified: &VerifiedAccount| {
                claim(&actor.deps, &merchant, (&verified.account, verified.verified_by_stripe)).is_ok()
            };
            if let Some(verified) = remembered.filter(still) {
                let (id, account) = (&merchant.tenant.merchant, &verified.account);
                tracing::info!(merchant = %id, %account, verified_by_stripe = verified.verified_by_stripe, "stripe_account_remembered");
                match candidate {
                    Some(candidate) => actor.use_next_key(candidate, verified, ctx),
                    None => actor.take(&actor.merchant.load(), verified),
                }
            }
            ctx.notify(VerifyAccount);
        }));
    }
}

impl Handler<VerifyAccount> for MerchantActor {
    type Result = ();

    fn handle(&mut self, _: VerifyAccount, ctx: &mut Self::Context) {
        self.next_try = None;
        let (deps, merchant) = (Arc::clone(&self.deps), self.merchant.load_full());
        let asked = Arc::clone(&merchant);
        let verifying = self.deps.io.run(async move { verify_account(&deps, &asked).await });
        let verified = async move { verifying.await.unwrap_or(Err(AccountCheckError::Lost)) };
        ctx.spawn(verified.into_actor(self).map(move |verified, actor, ctx| {
            // A later generation with another key has begun its own verification.
            if !merchant.has_account_of(&actor.merchant.load()) {
                return;
            }
            match verified {
                Ok(verified) => actor.verified(verified, ctx),
                Err(error) => actor.missed(&error, ctx),
            }
        }));
    }
}

impl Handler<Apply> for MerchantActor {
    type Result = ();

    fn handle(&mut self, Apply { setup, applied }: Apply, ctx: &mut Self::Context) {
        let present = self.merchant.load_full();
        let next = Arc::new(present.next(&setup, &self.deps));
        let goes_on = next.has_account_of(&present);
        self.merchant.store(next);
        (self.pause_of_next_key, self.missed_of_next_key) = (FIRST_PAUSE, None);
        if goes_on {
            self.verify_next_key(ctx);
        } else {
            self.follow_reports(ctx);
            if let Some(waiting) = self.next_try.take() {
                ctx.cancel_future(waiting);
            }
            (self.verifying, self.pause, self.missed) = (true, FIRST_PAUSE, Missed::default());
            ctx.notify(Recall);
        }
        // Whoever asked may have gone.
        let _ = applied.send(());
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
        let present = self.merchant.load_full();
        match report {
            // The gate has already handled it.
            KeyReport::Limited { .. } => return,
            KeyReport::Taken(usage) => {
                let (merchant, usage) = (&present.tenant.merchant, usage.as_str());
                tracing::info!(%merchant, usage, "stripe_key_taken_again");
                self.pause = FIRST_PAUSE;
            }
            KeyReport::Refused(refusal) => {
                let mut next_try = None;
                if !self.verifying && present.key.status.off().is_some() {
                    // A payment in progress is repeated and reports by itself; another payment would only join it.
                    let longest = if present.key.status.refuses_charges() {
                        LONGEST_CHARGE_PAUSE
                    } else {
                        Duration::ZERO
                    };
                    let pause = self.next_pause().max(longest);
                    self.verify_in(pause, ctx);
                    next_try = Some(pause);
                }
                log_refusal(&present.tenant.merchant, &refusal, next_try);
            }
        }
        self.publish_refusals();
    }
}
