// Payment on the shop's hosted page. The widget opens that page in another tab and polls the session until it knows the
// outcome. Where the widget itself is that page, it submits the payment in the same tab. Pure.
//
// Invariants: the widget opens the page only for the order that it shows. It polls only while the shopper can see the
// widget, and the delay between polls grows.

import { type Step, toStep } from './events';
import { type Model, isPayable } from './model';
import type { Session } from './wire';

/** The delay before each poll, in milliseconds. The last delay repeats. */
export const POLL_DELAYS = [2000, 3000, 5000, 8000, 13_000, 20_000, 30_000] as const;

/** How long the browser may take to leave the shop's page, in milliseconds. It exceeds the shop's own timeout a little. */
export const NAVIGATION_TIMEOUT = 25_000;

/** The state right after the hosted page opened. */
export const HOSTED_PAYMENT = { kind: 'hosted_payment', opened: true, polls: 0, timer: null } as const;

/** Whether the order that the shop just confirmed is the order that the shopper chose to pay. */
export function canOpenHostedPage(model: Model): boolean {
  return isPayable({ ...model, payment: { kind: 'idle' } }) && model.notices.length === 0 && model.session?.pageUrl !== null;
}

/** Opens the hosted page and starts to poll. On the shop's own page, submits the payment instead. */
export function openHostedPage(model: Model): Step {
  const { session } = model;
  const url = session?.pageUrl;
  if (!session || !url) return toStep(model);
  if (model.ownPage) return navigateToPayment(model, url, session.revision);
  const { model: next, effects } = scheduleHostedPoll({ ...model, payment: HOSTED_PAYMENT });
  return toStep(next, { type: 'open_page', url }, ...effects);
}

/** Submits the payment, which leaves this page. If the timeout fires on this page, the shopper stopped the navigation. */
function navigateToPayment(model: Model, url: string, revision: number): Step {
  const timer = model.counter + 1;
  const next: Model = { ...model, counter: timer, payment: { kind: 'opening_page', timer } };
  return toStep(next, { type: 'submit_payment', url, revision }, { type: 'wait', timer, milliseconds: NAVIGATION_TIMEOUT });
}

/** Whether the shopper can still pay on the hosted page, or is paying there now. */
export function isPaymentPending(session: Session): boolean {
  const failed = session.messages.some((message) => message.type === 'error');
  return !failed && (session.status === 'ready_for_payment' || session.status === 'in_progress');
}

/** Schedules the next poll, if the widget is visible. */
export function scheduleHostedPoll(model: Model): Step {
  const { payment, visible } = model;
  if (payment.kind !== 'hosted_payment') return toStep(model);
  if (!visible) return toStep({ ...model, payment: { ...payment, timer: null } });
  const timer = model.counter + 1;
  const milliseconds = POLL_DELAYS[payment.polls] ?? POLL_DELAYS[POLL_DELAYS.length - 1] ?? 0;
  const next: Model = { ...model, counter: timer, payment: { ...payment, polls: payment.polls + 1, timer } };
  return toStep(next, { type: 'wait', timer, milliseconds });
}
