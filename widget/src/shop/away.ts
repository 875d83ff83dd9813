// Paying on the shop's own page: leaving for it in another tab, and looking until the shop knows what came of it. Where the
// widget is that page, it goes on to the payment in the same tab. Pure.
//
// Invariants: the page is opened only for the order that is shown; the shop is asked only while somebody can see the
// answer, and ever less often.

import { type Step, to } from './events';
import { type Model, payable } from './model';
import type { Session } from './wire';

/** How long to wait before each look, in milliseconds; the last one goes on. */
export const PAUSES = [2000, 3000, 5000, 8000, 13_000, 20_000, 30_000] as const;

/** How long the browser may take to leave the shop's page: a little more than the shop itself. */
export const LEAVING = 25_000;

/** The shopper has just left. */
export const AWAY = { kind: 'away', opened: true, looks: 0, timer: null } as const;

/** Whether the order, as the shop has just told it, is the one that the shopper wants to pay. */
export function mayLeave(model: Model): boolean {
  return payable({ ...model, payment: { kind: 'idle' } }) && model.notices.length === 0 && model.session?.pageUrl !== null;
}

/** Opens the page, and begins to look; or goes on from it. */
export function leave(model: Model): Step {
  const { session } = model;
  const url = session?.pageUrl;
  if (!session || !url) return to(model);
  if (model.ownPage) return goOn(model, url, session.revision);
  const { model: next, effects } = linger({ ...model, payment: AWAY });
  return to(next, { type: 'open_page', url }, ...effects);
}

/** Leaves this page. When it is still here after a while, the shopper has stopped the browser. */
function goOn(model: Model, url: string, revision: number): Step {
  const timer = model.counter + 1;
  const next: Model = { ...model, counter: timer, payment: { kind: 'leaving', timer } };
  return to(next, { type: 'go_on', url, revision }, { type: 'wait', timer, milliseconds: LEAVING });
}

/** Whether the payment may still be made on the page, or is being made there. */
export function isPending(session: Session): boolean {
  const failed = session.messages.some((message) => message.type === 'error');
  return !failed && (session.status === 'ready_for_payment' || session.status === 'in_progress');
}

/** Waits for the next look, if anybody looks at the widget. */
export function linger(model: Model): Step {
  const { payment, visible } = model;
  if (payment.kind !== 'away') return to(model);
  if (!visible) return to({ ...model, payment: { ...payment, timer: null } });
  const timer = model.counter + 1;
  const milliseconds = PAUSES[payment.looks] ?? PAUSES[PAUSES.length - 1] ?? 0;
  const next: Model = { ...model, counter: timer, payment: { ...payment, looks: payment.looks + 1, timer } };
  return to(next, { type: 'wait', timer, milliseconds });
}
