// The payment: opening the host's sheet once, or the shop's page, and finding out what came of it. Pure.
//
// Invariants: one sheet or page at a time; nothing is said about money before the shop was asked, whatever the host says.

import { AWAY, leave, linger } from './away';
import { type Step, to } from './events';
import { type Model, type Notice, type Way, hasEnded, payable, waysToPay } from './model';
import { readOutcome } from './outcome';
import { outOfPatience } from './patience';
import { ask, read } from './session_calls';
import { lookOn } from './watching';

/** Opens the sheet with the session exactly as the shop made it, or asks the shop for its page. */
export function pay(model: Model, way: Way): Step {
  if (!payable(model) || !model.session || !waysToPay(model).includes(way)) return to(model);
  if (way === 'page') return ask({ ...model, notices: [], payment: { kind: 'leaving', timer: null } }, { kind: 'start' });
  const attempt = model.counter + 1;
  const next: Model = { ...model, counter: attempt, notices: [], watch: null, payment: { kind: 'open', attempt } };
  return to(next, { type: 'pay', attempt, sheet: model.session.raw });
}

/** The sheet gave something back. */
export function paid(model: Model, attempt: number, value: unknown): Step {
  const outcome = readOutcome(value);
  if (isOpen(model, attempt)) {
    const said = outcome.said.map((message): Notice => ({ kind: 'message', message }));
    return check(model, outcome.order ? [{ kind: 'own', key: 'not_received' }] : said);
  }
  // However late it comes, an order is a reason to ask.
  const { kind } = model.payment;
  const waits = kind === 'idle' || kind === 'unsure';
  return outcome.order && waits && !hasEnded(model.session) ? check(model) : to(model);
}

/** The sheet was closed without paying, or the host failed: which, it does not say. */
export function unpaid(model: Model, attempt: number): Step {
  return isOpen(model, attempt) ? check(model, [{ kind: 'own', key: 'sheet_closed' }]) : to(model);
}

function isOpen(model: Model, attempt: number): boolean {
  return model.payment.kind === 'open' && model.payment.attempt === attempt;
}

/** Asks the shop what came of the payment. */
export function check(model: Model, then: readonly Notice[] = []): Step {
  // Another look that is under way is let go: this one counts.
  if (model.flight && model.flight.ask.kind !== 'read') return to(model);
  const looked: Model = { ...model, flight: null, payment: { kind: 'checking' }, notices: [] };
  return read(looked, 'payment', then);
}

/** Opens the shop's page once more; its address stays the same. */
export function openAgain(model: Model): Step {
  return model.payment.kind === 'away' ? leave(model) : to(model);
}

/** The host did not open the page: its address is shown instead. */
export function unopened(model: Model): Step {
  const { payment } = model;
  return to(payment.kind === 'away' ? { ...model, payment: { ...payment, opened: false } } : model);
}

/** Who comes back from the shop's page wants to see at once what came of it. */
export function seen(model: Model, visible: boolean): Step {
  const next: Model = { ...model, visible };
  const { payment, flight } = next;
  if (visible && payment.kind !== 'away') return model.visible ? to(next) : lookOn(next);
  if (!visible || payment.kind !== 'away' || flight) return to(next);
  return read({ ...next, payment: { ...AWAY, opened: payment.opened } }, 'page');
}

/** The browser shows the page as it was left, and the order may have been paid meanwhile. */
export function returned(model: Model): Step {
  switch (model.payment.kind) {
    case 'idle':
    case 'leaving':
    case 'unsure':
      return model.flight ? to(model) : check(model);
    case 'away':
      return seen(model, true);
    // Each of these is being looked at.
    case 'open':
    case 'checking':
    case 'confirming':
      return to(model);
  }
}

/** A timer rang. */
export function woken(model: Model, timer: number): Step {
  const { payment, expiry, flight } = model;
  if (model.watch?.timer === timer) return lookOn(model);
  if (model.patience === timer) return outOfPatience(model);
  if (payment.kind === 'away' && payment.timer === timer && !flight) {
    return model.visible ? read({ ...model, payment: { ...payment, timer: null } }, 'page') : linger(model);
  }
  if (payment.kind === 'leaving' && payment.timer === timer && !flight) return check(model);
  // The page has an end of its own; the prices are watched again afterwards.
  if ((payment.kind === 'away' || payment.kind === 'leaving') && expiry?.timer === timer) return to({ ...model, expiry: null });
  if (payment.kind === 'confirming' && payment.timer === timer && !flight) return read(model, 'poll');
  if (expiry?.timer === timer && payment.kind === 'idle' && !flight && model.session?.id === expiry.id) {
    return read(model, 'expiry');
  }
  return to(model);
}
