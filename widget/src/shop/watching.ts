// Background polling after a payment attempt without a known payment. A closed or slow payment sheet may still pay, and so
// may a hosted page in another tab. Pure.
//
// Invariants: polling never blocks the shopper. The number of polls is limited, the delay between them grows, and the
// widget does not poll while it is hidden.

import { type Step, toStep } from './events';
import { POLL_DELAYS } from './hosted_payment';
import type { Model, Notice, PaymentWatch } from './model';
import { applySession } from './session_calls';
import type { ToolResult } from './wire';

/** The largest number of polls. They take about ten minutes. */
export const MAX_POLLS = 24;

/** Schedules the next poll. `polls` is the number of polls so far. */
export function watch(model: Model, polls = 0): Step {
  const { session, visible } = model;
  if (!session || session.status === 'completed' || session.status === 'canceled') return toStep({ ...model, watch: null });
  const idle: PaymentWatch = { id: session.bareId, polls, timer: null, call: null };
  if (!visible || polls >= MAX_POLLS) return toStep({ ...model, watch: idle });
  const timer = model.counter + 1;
  const milliseconds = POLL_DELAYS[polls] ?? POLL_DELAYS[POLL_DELAYS.length - 1] ?? 0;
  const next: Model = { ...model, counter: timer, watch: { ...idle, polls: polls + 1, timer } };
  return toStep(next, { type: 'wait', timer, milliseconds });
}

/** Whether a poll may report a payment: no payment attempt is active that reads its own outcome. */
function canReportPayment({ payment, session, watch: watched }: Model): boolean {
  return (payment.kind === 'idle' || payment.kind === 'unknown') && session !== null && session.bareId === watched?.id;
}

/** Polls now, unless a poll or a session call is in flight. */
export function pollWatch(model: Model): Step {
  const { watch: watched, inFlight } = model;
  if (!watched || watched.call !== null) return toStep(model);
  if (!canReportPayment(model)) return toStep({ ...model, watch: null });
  if (inFlight || !model.visible) return watch(model, watched.polls);
  const call = model.counter + 1;
  return toStep(
    { ...model, counter: call, watch: { ...watched, timer: null, call } },
    { type: 'call', call, tool: 'get_checkout', args: { checkout_session_id: watched.id } },
  );
}

/** Whether a call is the poll in flight. */
export function isWatchPoll({ watch: watched }: Model, call: number): boolean {
  return watched !== null && watched.call === call;
}

/** Handles the result of a poll; `null` if the poll failed. */
export function watchPollAnswered(model: Model, result: ToolResult | null): Step {
  const { watch: watched, payment, inFlight } = model;
  const polls = watched?.polls ?? 0;
  if (!canReportPayment(model)) return toStep({ ...model, watch: null });
  if (!result?.session || inFlight) return watch(model, polls);
  const closed: Notice = { kind: 'widget', key: 'sheet_closed' };
  const then = payment.kind === 'unknown' ? [closed] : model.notices;
  return applySession(model, { kind: 'read', reason: 'watch', id: result.session.bareId, then }, result.session);
}
