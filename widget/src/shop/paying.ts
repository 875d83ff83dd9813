// The payment: the widget opens the host's payment sheet or the shop's hosted page, then reads the outcome. Pure.
//
// Invariants: only one sheet or page is open at a time. Whatever the host reports, the widget reads the session before it
// tells the shopper anything about a payment.

import { type Step, toStep } from './events';
import { HOSTED_PAYMENT, openHostedPage, scheduleHostedPoll } from './hosted_payment';
import { type Model, type Notice, type PaymentMethod, hasEnded, isPayable, paymentMethods } from './model';
import { readSheetOutcome } from './outcome';
import { callSession, refreshSession } from './session_calls';
import { toolResultTimedOut } from './tool_result_timeout';
import { pollWatch } from './watching';

/** Opens the payment sheet with the session exactly as the server sent it, or asks for the hosted page. */
export function startPayment(model: Model, method: PaymentMethod): Step {
  if (!isPayable(model) || !model.session || !paymentMethods(model).includes(method)) return toStep(model);
  if (method === 'page') {
    return callSession({ ...model, notices: [], payment: { kind: 'opening_page', timer: null } }, { kind: 'start' });
  }
  const attempt = model.counter + 1;
  const next: Model = { ...model, counter: attempt, notices: [], watch: null, payment: { kind: 'sheet_open', attempt } };
  return toStep(next, { type: 'pay', attempt, sheet: model.session.raw });
}

/** The payment sheet returned a value. */
export function sheetResolved(model: Model, attempt: number, value: unknown): Step {
  const outcome = readSheetOutcome(value);
  if (isSheetOpen(model, attempt)) {
    const notices = outcome.messages.map((message): Notice => ({ kind: 'message', message }));
    const isUnexplained = outcome.report !== null && notices.length === 0;
    return checkPayment(model, isUnexplained ? [{ kind: 'widget', key: 'not_received' }] : notices);
  }
  // A reported order is a reason to read the session, however late it arrives.
  const { kind } = model.payment;
  const waits = kind === 'idle' || kind === 'unknown';
  return outcome.report === 'order' && waits && !hasEnded(model.session) ? checkPayment(model) : toStep(model);
}

/** The shopper closed the sheet without paying, or the host failed. The host does not tell which. */
export function sheetRejected(model: Model, attempt: number): Step {
  return isSheetOpen(model, attempt) ? checkPayment(model, [{ kind: 'widget', key: 'sheet_closed' }]) : toStep(model);
}

function isSheetOpen(model: Model, attempt: number): boolean {
  return model.payment.kind === 'sheet_open' && model.payment.attempt === attempt;
}

/** Reads the outcome of the payment from the shop. */
export function checkPayment(model: Model, then: readonly Notice[] = []): Step {
  // This read supersedes any other read in flight.
  if (model.inFlight && model.inFlight.sessionCall.kind !== 'read') return toStep(model);
  const looked: Model = { ...model, inFlight: null, payment: { kind: 'checking' }, notices: [] };
  return refreshSession(looked, 'payment', then);
}

/** Opens the hosted page again. Its URL stays the same. */
export function reopenHostedPage(model: Model): Step {
  return model.payment.kind === 'hosted_payment' ? openHostedPage(model) : toStep(model);
}

/** The host did not open the page, so the widget shows its URL instead. */
export function openPageFailed(model: Model): Step {
  const { payment } = model;
  return toStep(payment.kind === 'hosted_payment' ? { ...model, payment: { ...payment, opened: false } } : model);
}

/** Handles a change of visibility. A shopper who returns from the hosted page sees the outcome at once. */
export function visibilityChanged(model: Model, visible: boolean): Step {
  const next: Model = { ...model, visible };
  const { payment, inFlight } = next;
  if (visible && payment.kind !== 'hosted_payment') return model.visible ? toStep(next) : pollWatch(next);
  if (!visible || payment.kind !== 'hosted_payment' || inFlight) return toStep(next);
  return refreshSession({ ...next, payment: { ...HOSTED_PAYMENT, opened: payment.opened } }, 'page');
}

/** The browser restored the page from its cache. The order may have been paid in the meantime. */
export function pageRestored(model: Model): Step {
  switch (model.payment.kind) {
    case 'idle':
    case 'opening_page':
    case 'unknown':
      return model.inFlight ? toStep(model) : checkPayment(model);
    case 'hosted_payment':
      return visibilityChanged(model, true);
    // In each of these states the widget reads the session anyway.
    case 'sheet_open':
    case 'checking':
    case 'confirming':
      return toStep(model);
  }
}

/** Handles a timer. */
export function timerFired(model: Model, timer: number): Step {
  const { payment, expiry, inFlight } = model;
  if (model.watch?.timer === timer) return pollWatch(model);
  if (model.toolResultTimer === timer) return toolResultTimedOut(model);
  if (payment.kind === 'hosted_payment' && payment.timer === timer && !inFlight) {
    if (!model.visible) return scheduleHostedPoll(model);
    return refreshSession({ ...model, payment: { ...payment, timer: null } }, 'page');
  }
  if (payment.kind === 'opening_page' && payment.timer === timer && !inFlight) return checkPayment(model);
  // The hosted page has its own expiry. The widget watches the prices again afterwards.
  if ((payment.kind === 'hosted_payment' || payment.kind === 'opening_page') && expiry?.timer === timer) {
    return toStep({ ...model, expiry: null });
  }
  if (payment.kind === 'confirming' && payment.timer === timer && !inFlight) return refreshSession(model, 'poll');
  if (expiry?.timer === timer && payment.kind === 'idle' && !inFlight && model.session?.id === expiry.id) {
    return refreshSession(model, 'expiry');
  }
  return toStep(model);
}
