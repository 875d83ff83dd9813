// Tool calls that concern the session, and their results. Pure.
//
// Invariants: a result counts only while its call is in flight, and never replaces a newer revision. After a call with an
// unknown outcome, the widget reads the session before it shows the session as confirmed.

import { type Patch, mergePatches, toToolArguments } from './cart';
import { scheduleConfirmationPoll } from './confirming';
import { type Effect, type Step, toStep } from './events';
import { HOSTED_PAYMENT, canOpenHostedPage, isPaymentPending, openHostedPage, scheduleHostedPoll } from './hosted_payment';
import { type Model, type Notice, type ReadReason, type SessionCall, asksForAddress, hasEnded, isEditable } from './model';
import { type Review, compareSessions } from './review';
import { watch } from './watching';
import type { Session, ToolResult } from './wire';

/** Starts a call. The caller makes sure that no other call is in flight. */
export function callSession(model: Model, sessionCall: SessionCall): Step {
  const call = model.counter + 1;
  const next = { ...model, counter: call, inFlight: { call, sessionCall } };
  return toStep(next, { type: 'call', call, ...toToolCall(model.session, sessionCall) });
}

function toToolCall(session: Session | null, sessionCall: SessionCall): { tool: string; args: Record<string, unknown> } {
  const named = { checkout_session_id: session?.bareId ?? '' };
  switch (sessionCall.kind) {
    case 'create':
      return { tool: 'create_checkout', args: toToolArguments(sessionCall.patch) };
    case 'update':
      // The revision that the widget shows, so that the update does not overwrite a change made elsewhere.
      return {
        tool: 'update_checkout',
        args: { ...named, revision: session?.revision, ...toToolArguments(sessionCall.patch) },
      };
    case 'cancel':
      return { tool: 'cancel_checkout', args: named };
    case 'start':
      return { tool: 'start_hosted_checkout', args: named };
    case 'read':
      return { tool: 'get_checkout', args: { checkout_session_id: sessionCall.id } };
  }
}

/** Reads the current session from the shop. */
export function refreshSession(model: Model, reason: ReadReason, then: readonly Notice[] = []): Step {
  return model.session ? callSession(model, { kind: 'read', reason, id: model.session.bareId, then }) : toStep(model);
}

/** Sends the shopper's change now, or queues it behind the call in flight. */
export function changeOrder(model: Model, patch: Patch): Step {
  if (!isEditable(model)) return toStep(model);
  // A change to the order acknowledges the notices and the review.
  const acknowledged = { ...model, notices: [], review: null };
  if (acknowledged.inFlight) return toStep({ ...acknowledged, queued: mergePatches(acknowledged.queued, patch) });
  return send(acknowledged, patch);
}

function send(model: Model, patch: Patch): Step {
  const { session } = model;
  if (session && !hasEnded(session)) return callSession(model, { kind: 'update', patch, renew: false });
  return patch.items ? callSession(model, { kind: 'create', patch }) : toStep(model);
}

/** Handles the result of a call. */
export function callAnswered(model: Model, call: number, result: ToolResult): Step {
  const inFlight = model.inFlight;
  if (inFlight?.call !== call) return toStep(model);
  const settled: Model = { ...model, inFlight: null, shop: result.shop ?? model.shop };
  if (result.session) return applySession(settled, inFlight.sessionCall, result.session);
  const refused: Notice = { kind: 'refused', text: result.shopperText };
  const notice: Notice = result.isError ? refused : { kind: 'widget', key: 'no_answer' };
  return handleCallFailure(settled, inFlight.sessionCall, notice);
}

/** Handles a call without a result: a timeout or a failure of the host. The shop may have executed the call. */
export function callFailed(model: Model, call: number): Step {
  const inFlight = model.inFlight;
  if (inFlight?.call !== call) return toStep(model);
  return handleCallFailure({ ...model, inFlight: null }, inFlight.sessionCall, { kind: 'widget', key: 'no_answer' });
}

/** Makes a session the one that the widget shows. */
export function applySession(model: Model, sessionCall: SessionCall, result: Session): Step {
  const before = model.session?.bareId === result.bareId ? model.session : null;
  const session = before ? mergeSession(before, result) : result;
  const requested = sessionCall.kind === 'update' && !sessionCall.renew;
  // A session from the host may be of any age, so differences from it need no review.
  const fromHost = sessionCall.kind === 'read' && sessionCall.reason === 'tool_result';
  const comparable = before && !fromHost && !hasEnded(session);
  const newReview = comparable ? compareSessions(before, session, requested, removedBy(sessionCall, before)) : null;
  const next: Model = {
    ...model,
    session,
    stale: false,
    ...screenAfter(model, sessionCall, session),
    payment: resumesHostedPayment(model, sessionCall) ? HOSTED_PAYMENT : model.payment,
    review: hasEnded(session) ? null : (newReview ?? (requested ? null : model.review)),
    notices: noticesAfter(sessionCall, before, session, newReview),
    editingAddress: editsAddressAfter(model, sessionCall, session),
  };
  const step = continueAfter(next, sessionCall);
  const { pageUrl } = session;
  if (sessionCall.kind !== 'create' || !model.ownPage || !pageUrl) return step;
  return toStep(step.model, { type: 'replace_page', url: pageUrl }, ...step.effects);
}

/** Merges a newer revision of a session into an older one. */
function mergeSession(before: Session, after: Session): Session {
  if (after.revision < before.revision) return before;
  const kept = { ...after, order: after.order ?? before.order, links: after.links.length > 0 ? after.links : before.links };
  if (!after.partial) return kept;
  // The same revision is the same object. The host then gets the complete one, which holds the address.
  const raw = after.id === before.id && after.status === before.status ? before.raw : after.raw;
  return { ...kept, address: before.address, raw };
}

/** The screen after a call: the order, once it holds the selection. */
function screenAfter(
  model: Model, sessionCall: SessionCall, after: Session,
): Pick<Model, 'screen' | 'selection' | 'buying'> {
  const bought = model.buying && model.queued === null;
  // The widget was restored, or the order was paid while another screen was open.
  const reason = sessionCall.kind === 'read' ? sessionCall.reason : null;
  const restored = reason === 'restore' || (reason === 'watch' && after.status === 'completed');
  if (bought) return { screen: 'checkout', selection: null, buying: false };
  return { screen: restored ? 'checkout' : model.screen, selection: model.selection, buying: model.buying };
}

/** Whether the widget was restored while the shopper is on the hosted page. */
function resumesHostedPayment(model: Model, sessionCall: SessionCall): boolean {
  return sessionCall.kind === 'read' && sessionCall.reason === 'restore' && model.saved?.hostedPayment === true;
}

function removedBy(sessionCall: SessionCall, before: Session): readonly string[] {
  const items = sessionCall.kind === 'update' ? sessionCall.patch.items : undefined;
  return items ? before.lines.map(({ id }) => id).filter((id) => items.every((item) => item.id !== id)) : [];
}

function noticesAfter(
  sessionCall: SessionCall, before: Session | null, after: Session, newReview: Review | null,
): readonly Notice[] {
  if (after.status === 'completed') return [];
  if (sessionCall.kind === 'update' && sessionCall.renew) {
    return newReview === null && after.status === 'ready_for_payment' ? [{ kind: 'widget', key: 'prices_fresh' }] : [];
  }
  const moved = before !== null && after.revision !== before.revision;
  if (sessionCall.kind === 'start') {
    if (moved) return [{ kind: 'widget', key: 'changed_elsewhere' }];
    return after.status === 'ready_for_payment' && after.pageUrl === null ? [{ kind: 'widget', key: 'no_page' }] : [];
  }
  if (sessionCall.kind !== 'read') return [];
  if (sessionCall.reason === 'page') {
    if (moved) return [{ kind: 'widget', key: 'changed_elsewhere' }];
    return isPaymentPending(after) || hasEnded(after) ? [] : [{ kind: 'widget', key: 'sheet_closed' }];
  }
  if ((sessionCall.reason === 'error' || sessionCall.reason === 'watch') && after.status === 'canceled') return [];
  if (sessionCall.reason === 'watch' && moved) return [{ kind: 'widget', key: 'changed_elsewhere' }];
  // A newer revision caused the refusal, so the notice tells that the order changed.
  if (sessionCall.reason === 'error' && moved) {
    const uncertain = sessionCall.then.some((notice) => notice.kind === 'widget');
    return [{ kind: 'widget', key: uncertain ? 'reread' : 'changed_elsewhere' }];
  }
  return sessionCall.then;
}

function editsAddressAfter(model: Model, sessionCall: SessionCall, session: Session): boolean {
  if (asksForAddress(session)) return true;
  const sent = (sessionCall.kind === 'update' || sessionCall.kind === 'create') && sessionCall.patch.address !== undefined;
  return model.editingAddress && !sent && !hasEnded(session) && session.address !== null;
}

/** The step that follows from the new session. */
function continueAfter(model: Model, sessionCall: SessionCall): Step {
  const { session, queued, payment } = model;
  if (sessionCall.kind === 'start' && canOpenHostedPage(model)) return openHostedPage(model);
  const quiet = model.notices.length === 0 && model.review === null;
  if (payment.kind === 'hosted_payment' && session && isPaymentPending(session) && quiet) return scheduleHostedPoll(model);
  if (session?.status === 'in_progress') {
    const again = sessionCall.kind === 'read' && sessionCall.reason === 'poll';
    return scheduleConfirmationPoll({ ...model, queued: null, watch: null }, again);
  }
  const idle: Model = { ...model, payment: { kind: 'idle' }, queued: null };
  if (hasEnded(session)) return toStep({ ...idle, watch: null });
  const step = queued ? send(idle, queued) : watchExpiry(idle);
  if (sessionCall.kind !== 'read' || !WATCHED_REASONS.has(sessionCall.reason)) return step;
  const polls = sessionCall.reason === 'watch' ? (model.watch?.polls ?? 0) : 0;
  return chain(step, watch(step.model, polls));
}

/** The reads after which a payment may still arrive, so that the widget keeps polling. */
const WATCHED_REASONS: ReadonlySet<string> = new Set(['payment', 'page', 'watch']);

/** Appends to a step another step that starts from its model. */
function chain(first: Step, second: Step): Step {
  return toStep(second.model, ...first.effects, ...second.effects);
}

/** Reads the session when its prices expire. Once per revision, because the shopper's clock may be wrong. */
function watchExpiry(model: Model): Step {
  const { session, expiry } = model;
  if (!session?.expiresAt || session.status !== 'ready_for_payment' || expiry?.id === session.id) return toStep(model);
  const timer = model.counter + 1;
  const effect: Effect = { type: 'wait_until', timer, moment: session.expiresAt };
  return toStep({ ...model, counter: timer, expiry: { timer, id: session.id } }, effect);
}

/** Handles a failed call: drops the queued change, and reads the session again where it may have changed. */
function handleCallFailure(model: Model, sessionCall: SessionCall, notice: Notice): Step {
  // No page opened, so no payment is in progress.
  const payment = sessionCall.kind === 'start' ? ({ kind: 'idle' } as const) : model.payment;
  const next: Model = { ...model, queued: null, buying: false, payment };
  if (sessionCall.kind === 'create') return toStep({ ...next, notices: [notice] });
  if (sessionCall.kind !== 'read') return refreshSession({ ...next, stale: true }, 'error', [notice]);
  switch (sessionCall.reason) {
    case 'restore':
      return toStep({ ...next, notices: [notice] });
    case 'poll':
      return scheduleConfirmationPoll(next, true);
    case 'page':
      return scheduleHostedPoll({ ...next, notices: [notice] });
    case 'payment':
      return watch({ ...next, payment: { kind: 'unknown' }, notices: notice.kind === 'refused' ? [notice] : [] });
    case 'tool_result':
    case 'error':
    case 'expiry':
    case 'watch':
    case 'shopper':
      return toStep({ ...next, stale: true, notices: [...sessionCall.then, notice] });
  }
}
