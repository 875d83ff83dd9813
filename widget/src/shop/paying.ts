// The payment: opening the host's sheet once, and finding out what came of it. Pure.
//
// Invariants: one sheet at a time; nothing is said about money before the shop was asked, unless the sheet brought an
// order.

import { type Step, to } from './events';
import { type Model, type Notice, payable } from './model';
import { readOutcome } from './outcome';
import { read } from './session_calls';

/** Opens the sheet with the session exactly as the shop made it. */
export function pay(model: Model): Step {
  if (!payable(model) || !model.session) return to(model);
  const attempt = model.counter + 1;
  const next: Model = { ...model, counter: attempt, notices: [], payment: { kind: 'open', attempt } };
  return to(next, { type: 'pay', attempt, sheet: model.session.raw });
}

/** The sheet gave something back. */
export function paid(model: Model, attempt: number, value: unknown): Step {
  const { session } = model;
  const outcome = readOutcome(value);
  if (outcome.kind === 'paid' && session) {
    // However late it comes, an order ends the matter; its rows are what was charged.
    const receipt = outcome.session?.bareId === session.bareId ? outcome.session : session;
    return to({
      ...model,
      session: { ...receipt, links: session.links, status: 'completed', order: outcome.order, messages: [] },
      payment: { kind: 'idle' }, flight: null, queued: null, review: null, notices: [], stale: false, editingAddress: false,
    });
  }
  if (!isOpen(model, attempt)) return to(model);
  const then = outcome.kind === 'unpaid' ? outcome.said.map((message): Notice => ({ kind: 'message', message })) : [];
  return check(model, then);
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
  if (model.flight) return to(model);
  const looked: Model = { ...model, payment: { kind: 'checking' }, notices: [] };
  return read(looked, 'payment', then);
}

/** A timer rang. */
export function woken(model: Model, timer: number): Step {
  const { payment, expiry, flight } = model;
  if (payment.kind === 'confirming' && payment.timer === timer && !flight) return read(model, 'poll');
  if (expiry?.timer === timer && payment.kind === 'idle' && !flight && model.session?.id === expiry.id) {
    return read(model, 'expiry');
  }
  return to(model);
}
