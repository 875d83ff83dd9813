// Looking on at an order after a payment came to nothing, as far as the shop knows: a sheet that was closed or that took too
// long may still pay, and so may a page that is open in another tab. Pure.
//
// Invariants: it never stands in the shopper's way; it is bounded, ever less often, and asks nobody while nobody looks.

import { PAUSES } from './away';
import { type Step, to } from './events';
import type { Model, Notice } from './model';
import { adopt } from './session_calls';
import type { Answer } from './wire';

/** How often the shop is asked: for about ten minutes. */
export const LOOKS = 24;

/** Waits for the next look. `looks` is how many there were. */
export function watch(model: Model, looks = 0): Step {
  const { session, visible } = model;
  if (!session || session.status === 'completed' || session.status === 'canceled') return to({ ...model, watch: null });
  const next = { id: session.bareId, looks, timer: null, call: null };
  if (!visible || looks >= LOOKS) return to({ ...model, watch: next });
  const timer = model.counter + 1;
  const milliseconds = PAUSES[looks] ?? PAUSES[PAUSES.length - 1] ?? 0;
  return to({ ...model, counter: timer, watch: { ...next, looks: looks + 1, timer } }, { type: 'wait', timer, milliseconds });
}

/** Whether an order that is paid would be news: no payment is under way, whose own end is asked for. */
function isOpenToNews({ payment, session, watch: watched }: Model): boolean {
  return (payment.kind === 'idle' || payment.kind === 'unsure') && session !== null && session.bareId === watched?.id;
}

/** Looks now, unless a look is under way, or a call that tells as much. */
export function lookOn(model: Model): Step {
  const { watch: watched, flight } = model;
  if (!watched || watched.call !== null) return to(model);
  if (!isOpenToNews(model)) return to({ ...model, watch: null });
  if (flight || !model.visible) return watch(model, watched.looks);
  const call = model.counter + 1;
  return to(
    { ...model, counter: call, watch: { ...watched, timer: null, call } },
    { type: 'call', call, tool: 'get_checkout', args: { checkout_session_id: watched.id } },
  );
}

/** Whether a call is the look under way. */
export function isLook({ watch: watched }: Model, call: number): boolean {
  return watched !== null && watched.call === call;
}

/** The shop answered the look, or did not. */
export function lookedOn(model: Model, answer: Answer | null): Step {
  const { watch: watched, payment, flight } = model;
  const looks = watched?.looks ?? 0;
  if (!isOpenToNews(model)) return to({ ...model, watch: null });
  if (!answer?.session || flight) return watch(model, looks);
  const closed: Notice = { kind: 'own', key: 'sheet_closed' };
  const then = payment.kind === 'unsure' ? [closed] : model.notices;
  return adopt(model, { kind: 'read', why: 'watch', id: answer.session.bareId, then }, answer.session);
}
