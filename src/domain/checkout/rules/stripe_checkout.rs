//! Paying on a page at Stripe: how such a page is opened, watched and closed, and what each look at it means.
//!
//! A page is an attempt of its own. Invariants: its address is known to nobody before the session awaits payment there,
//! so a page whose opening was never heard of can be paid by nobody; once the address is out, nothing else of the session
//! may be paid, edited or canceled until Stripe has confirmed that the page is closed; a page that was paid is an order,
//! whatever else was wanted meanwhile.
//! Source: Stripe API `2026-09-30.preview`, Checkout Sessions.

use super::completion::completed_by;
use super::flags::flag;
use super::payable::payable;
use super::stripe_checkout_polling::{poll_again, poll_backoff, put_off, standing};
use crate::domain::checkout::model::{
    AttemptEnd, AttemptIntent, AttemptMove, AttemptObservation, CancelReason, Charging, CloseReason, Context,
    Effect, Event, ExpectedPayment, FailedReads, FlagReason, FreezeReason, IdempotencyKey, LONGEST_PAUSE,
    NotOffered, Notice, Observation, PaymentIntentStatus, PaymentSource, Phase, RefusedField, Rejection,
    Session, ShopRejection, ShopperRejection, State, StripeCheckout, StripeCheckoutAttempt,
    StripeCheckoutSnapshot, StripeCheckoutStatus, Transition, Work, pause,
};
use crate::domain::ids::{AttemptNumber, PaymentIntentId, Revision};
use crate::domain::pricing::Quote;
use crate::domain::sends::Sends;
use crate::domain::time::{Span, Timestamp};

/// How long a page can be paid. Stripe's least is 30 minutes, from when the request arrives.
const LIFETIME: Span = Span::minutes(31);

/// How long the request to open a page is repeated: later, less than Stripe's least would be left of the page's life.
const REPEAT: Span = Span::seconds(60);

impl StripeCheckoutAttempt {
    /// What an operator decides about, when no reading can tell.
    fn frozen_charge(&self, intent: Option<PaymentIntentId>) -> Charging {
        Charging {
            quote: self.quote.clone(),
            attempt: self.attempt,
            started: self.started,
            repeat_until: self.expires,
            charge: self.charge.clone(),
            intent,
            phase: Phase::Reading { absent_since: None },
            tries: 0,
            sends: Sends::default(),
            failed_reads: self.failed_reads,
            next_try: self.next_try,
        }
    }
}

/// The shopper wants to pay on a page at Stripe.
pub(crate) fn open(
    session: &Session,
    seen: Option<Revision>,
    context: &Context<'_>,
) -> Result<Transition, Rejection> {
    payable(session, seen, context)?;
    if !context.view.checkout.method.opens_pages() {
        return Err(Rejection::Shopper(ShopperRejection::NotOffered(NotOffered::StripeCheckout)));
    }
    if session.has_opened_enough() {
        return Err(Rejection::Shopper(ShopperRejection::NotOffered(NotOffered::AnotherStripeCheckout)));
    }
    let (State::Ready { quote }, Some(account)) = (&session.state, &context.view.account) else {
        return Err(Rejection::Shop(ShopRejection::AccountUnknown));
    };
    let now = context.moment.now;
    let number = AttemptNumber(session.attempts).next();
    let charge = ExpectedPayment {
        total: quote.total,
        session: session.id.clone(),
        revision: session.revision,
        attempt: number,
    };
    let expires = now + LIFETIME;
    // What is shown there is honoured as long as it can be paid there, whichever way it is paid in the end.
    let quote = Quote { expires: quote.expires.max(expires), ..quote.clone() };
    let hosted = StripeCheckoutAttempt {
        quote: quote.clone(),
        attempt: number,
        started: now,
        expires,
        charge: charge.clone(),
        tries: 0,
        awaited: false,
        returns: 0,
        failed_reads: FailedReads::default(),
        next_try: now,
    };
    let intent = AttemptIntent {
        number,
        idempotency_key: IdempotencyKey::of_stripe_checkout(&context.view.tenant(), account, &charge),
        charge,
        means: PaymentSource::StripeCheckout {
            quote: Box::new(quote.clone()),
            expires: hosted.expires,
            email: session.inputs.buyer.email.clone(),
        },
        account: account.clone(),
        receipt_email: context.view.checkout.receipt_email_of(&session.inputs.buyer),
        shipping: session.inputs.address.clone(),
        carrier: quote.carrier(),
        started: now,
        repeat_until: now + REPEAT,
    };
    let mut next = session.clone();
    next.attempts = number.0;
    next.pages += 1;
    next.account = Some(account.clone());
    next.notice = None;
    next.expires = session.expires.max(hosted.expires);
    next.state = State::OpeningHosted(hosted);
    Ok(Transition {
        attempt: Some(AttemptMove::Start(Box::new(intent))),
        effect: Some(Effect::CreateStripeCheckout(number)),
        ..Transition::to(next)
    })
}

/// What is to be done for a page that is being opened, and due.
pub(crate) fn opening(hosted: &StripeCheckoutAttempt, now: Timestamp) -> Work {
    let attempt = hosted.attempt;
    if now >= hosted.started + REPEAT {
        Work::Step(Box::new(Event::RepeatingEnded))
    } else if hosted.tries == 0 {
        // Due, and never told of: the answer to the first request died with the process that waited for it.
        Work::Step(Box::new(Event::AttemptObserved { attempt, seen: AttemptObservation::unanswered() }))
    } else {
        Work::Run(Effect::CreateStripeCheckout(attempt))
    }
}

/// Something else is wanted of a session whose page is open: the page is closed first.
pub(crate) fn close(
    session: &Session,
    reason: CloseReason,
    context: &Context<'_>,
) -> Result<Transition, Rejection> {
    let State::AwaitingHosted { hosted, page } = &session.state else {
        return Err(Rejection::Shopper(ShopperRejection::Undecided));
    };
    let mut hosted = hosted.clone();
    enter(&mut hosted, context.moment.now);
    let effect = Effect::ExpireStripeCheckout { attempt: hosted.attempt, page: page.id.clone(), tries: 0 };
    let mut next = session.clone();
    next.state = State::ClosingHosted { hosted, page: page.clone(), reason };
    Ok(Transition { effect: Some(effect), ..Transition::to(next) })
}

/// Applies what was seen of the page of a session in one of the hosted states.
pub(crate) fn apply_observation(
    session: &Session,
    hosted: &StripeCheckoutAttempt,
    seen: Observation,
    context: &Context<'_>,
) -> Transition {
    let opening = matches!(session.state, State::OpeningHosted(_));
    match seen {
        Observation::StripeCheckout(page) => stripe_checkout_seen(session, hosted, &page, context),
        // Of a page that was asked for, nobody has the address yet: whatever became of it, it will not be paid.
        Observation::RequestRefused { detail } | Observation::RefusedForGood { detail } if opening => {
            let mut transition = unopened(session, hosted, context);
            transition.next.notice =
                RefusedField::named_in(&detail).map(|field| Notice::RequestRefused { field: Some(field) });
            transition
        }
        Observation::IdempotencyConflict if opening => unopened(session, hosted, context),
        Observation::Inconclusive(unknown) if opening && unknown.not_sent => {
            not_asked_for(session, hosted, context)
        }
        Observation::Inconclusive(unknown) if opening && unknown.is_final() => {
            unopened(session, hosted, context)
        }
        Observation::Inconclusive(unknown) if opening => again(session, hosted, unknown.retry_after, context),
        Observation::KeyRefused | Observation::OtherAccount if opening => {
            again(session, hosted, None, context)
        }
        Observation::KeyRefused
        | Observation::OtherAccount
        | Observation::Inconclusive(_)
        | Observation::ReadFailed
        | Observation::Absent { .. }
        | Observation::RequestRefused { .. }
        | Observation::RefusedForGood { .. }
        | Observation::IdempotencyConflict => failed_reads(session, hosted, context),
        Observation::PutOff { after } => put_off(session, hosted, after, context),
        // Answers to questions that are not asked about a page.
        Observation::PaymentIntent(_) | Observation::Declined { .. } | Observation::TokenRefused { .. } => {
            again(session, hosted, None, context)
        }
    }
}

fn stripe_checkout_seen(
    session: &Session,
    hosted: &StripeCheckoutAttempt,
    page: &StripeCheckoutSnapshot,
    context: &Context<'_>,
) -> Transition {
    let mut hosted = hosted.clone();
    hosted.failed_reads = FailedReads::default();
    let hosted = &hosted;
    match page.status {
        StripeCheckoutStatus::Open => still_open(session, hosted, page, context),
        StripeCheckoutStatus::Expired => closed(session, hosted, context),
        StripeCheckoutStatus::Paid => paid(session, hosted, page, context),
        StripeCheckoutStatus::Free => disagrees(session, hosted, page, context),
        StripeCheckoutStatus::Unpaid => match page.intent.as_ref().and_then(|(_, status)| *status) {
            Some(PaymentIntentStatus::Succeeded) => paid(session, hosted, page, context),
            Some(PaymentIntentStatus::RequiresPaymentMethod | PaymentIntentStatus::Canceled) => {
                failed(session, hosted, Notice::DECLINED, context)
            }
            Some(
                PaymentIntentStatus::RequiresConfirmation
                | PaymentIntentStatus::RequiresAction
                | PaymentIntentStatus::Processing
                | PaymentIntentStatus::RequiresCapture,
            )
            | None => again(session, hosted, None, context),
        },
    }
}

fn still_open(
    session: &Session,
    hosted: &StripeCheckoutAttempt,
    seen: &StripeCheckoutSnapshot,
    context: &Context<'_>,
) -> Transition {
    match &session.state {
        State::AwaitingHosted { .. } => return poll_again(session, hosted, context),
        State::OpeningHosted(_) => {}
        State::ClosingHosted { .. }
        | State::Open { .. }
        | State::Ready { .. }
        | State::Charging(_)
        | State::Frozen { .. }
        | State::Completed { .. }
        | State::Canceled { .. }
        | State::Expired => return again(session, hosted, None, context),
    }
    let Some(url) = seen.url.clone().filter(|_| agrees(hosted, seen, context)) else {
        // Not the page that was asked for, or one that cannot be shown: nobody gets its address.
        return unopened(session, hosted, context);
    };
    let mut hosted = hosted.clone();
    enter(&mut hosted, context.moment.now);
    hosted.next_try = context.moment.now + poll_backoff(&hosted, context);
    let mut next = session.clone();
    next.state = State::AwaitingHosted { hosted, page: StripeCheckout { id: seen.id.clone(), url } };
    Transition::to(next)
}

fn paid(
    session: &Session,
    hosted: &StripeCheckoutAttempt,
    page: &StripeCheckoutSnapshot,
    context: &Context<'_>,
) -> Transition {
    match &page.intent {
        Some((intent, _)) if agrees(hosted, page, context) => {
            let mut session = session.clone();
            // The one who pays is believed: what was said there goes before what was said here.
            session.inputs.buyer = page.buyer.clone().or(session.inputs.buyer);
            completed_by(&session, &hosted.frozen_charge(Some(intent.clone())), intent, context)
        }
        Some(_) | None => disagrees(session, hosted, page, context),
    }
}

/// A page that was used in a way that nobody asked for: an operator decides, and its payment is flagged.
fn disagrees(
    session: &Session,
    hosted: &StripeCheckoutAttempt,
    page: &StripeCheckoutSnapshot,
    context: &Context<'_>,
) -> Transition {
    let intent = page.intent.as_ref().map(|(intent, _)| intent.clone());
    let mut transition = frozen(session, hosted, intent.clone(), FreezeReason::PaymentDisagrees);
    if let Some(intent) = intent {
        flag(&mut transition, &intent, FlagReason::PaymentDisagrees, context);
    }
    transition
}

fn frozen(
    session: &Session,
    hosted: &StripeCheckoutAttempt,
    intent: Option<PaymentIntentId>,
    reason: FreezeReason,
) -> Transition {
    let mut next = session.clone();
    next.state = State::Frozen { charging: hosted.frozen_charge(intent), reason };
    Transition::to(next)
}

fn agrees(hosted: &StripeCheckoutAttempt, page: &StripeCheckoutSnapshot, context: &Context<'_>) -> bool {
    let charge = &hosted.charge;
    page.amount == charge.total
        && page.livemode == context.view.mode.livemode()
        && page.session.as_ref() == Some(&charge.session)
        && page.revision == Some(charge.revision)
        && page.attempt == Some(charge.attempt)
}

/// The page was never opened.
pub(crate) fn unopened(
    session: &Session,
    hosted: &StripeCheckoutAttempt,
    context: &Context<'_>,
) -> Transition {
    over(session, hosted, AttemptEnd::NotCreated, context)
}

/// Stripe was not asked for the page now. Where it was not asked before either, the page counts as none.
fn not_asked_for(session: &Session, hosted: &StripeCheckoutAttempt, context: &Context<'_>) -> Transition {
    let mut transition = unopened(session, hosted, context);
    transition.next.pages_not_asked += u32::from(hosted.tries == 0);
    transition
}

/// Stripe confirms that the page is closed and unpaid.
fn closed(session: &Session, hosted: &StripeCheckoutAttempt, context: &Context<'_>) -> Transition {
    over(session, hosted, AttemptEnd::Failed { notice: Notice::PageClosed }, context)
}

/// The payment on the page was refused.
fn failed(
    session: &Session,
    hosted: &StripeCheckoutAttempt,
    notice: Notice,
    context: &Context<'_>,
) -> Transition {
    let end = AttemptEnd::Failed { notice: notice.clone() };
    let mut transition = over(session, hosted, end, context);
    transition.next.notice = Some(notice);
    transition
}

/// The attempt is over and nothing was paid: the session is payable again, if it was not given up and there is time left.
fn over(
    session: &Session,
    hosted: &StripeCheckoutAttempt,
    end: AttemptEnd,
    context: &Context<'_>,
) -> Transition {
    let mut next = session.clone();
    next.notice = None;
    next.state = if matches!(session.state, State::ClosingHosted { reason: CloseReason::Cancel, .. }) {
        State::Canceled { reason: CancelReason::Shopper }
    } else if session.expires <= context.moment.now {
        State::Expired
    } else {
        State::Ready { quote: hosted.quote.clone() }
    };
    let ended = AttemptMove::Update { number: hosted.attempt, end: Some(end), erase_token: true };
    Transition { attempt: Some(ended), ..Transition::to(next) }
}

/// A look did not come to its end.
pub(crate) fn failed_reads(
    session: &Session,
    hosted: &StripeCheckoutAttempt,
    context: &Context<'_>,
) -> Transition {
    let mut hosted = hosted.clone();
    if hosted.failed_reads.failed(hosted.next_try, context.moment.now) {
        return frozen(session, &hosted, None, FreezeReason::Unreadable);
    }
    again(session, &hosted, None, context)
}

/// The same again after a pause.
fn again(
    session: &Session,
    hosted: &StripeCheckoutAttempt,
    at_least: Option<Span>,
    context: &Context<'_>,
) -> Transition {
    let mut hosted = hosted.clone();
    let mut pause = pause(hosted.tries, at_least, context.moment.jitter);
    hosted.tries = hosted.tries.saturating_add(1);
    if matches!(session.state, State::OpeningHosted(_)) {
        // No pause outlasts the last moment to send.
        let left = (hosted.started + REPEAT).since(context.moment.now);
        pause = pause.min(left.max(Span::millis(0)));
    }
    hosted.next_try = context.moment.now + pause.min(LONGEST_PAUSE);
    standing(session, hosted)
}

/// Another state begins, and its tries are counted anew.
fn enter(hosted: &mut StripeCheckoutAttempt, next_try: Timestamp) {
    hosted.tries = 0;
    hosted.awaited = false;
    hosted.failed_reads = FailedReads::default();
    hosted.next_try = next_try;
}
