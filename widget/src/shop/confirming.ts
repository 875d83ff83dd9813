// Polling for a payment that the shop is still processing. Pure.
//
// Invariant: the number of polls is limited. After the last poll, the shopper decides when to check again.

import { type Step, toStep } from './events';
import type { Model } from './model';

/** The delay before each poll, in milliseconds. */
export const POLL_DELAYS = [1500, 2500, 4000, 6000, 10_000, 15_000, 20_000, 30_000] as const;

/** Schedules the next poll while the shop does not know the outcome. `again` is false for the first poll. */
export function scheduleConfirmationPoll(model: Model, again: boolean): Step {
  const polls = again && model.payment.kind === 'confirming' ? model.payment.polls : 0;
  const milliseconds = POLL_DELAYS[polls];
  if (milliseconds === undefined) return toStep({ ...model, payment: { kind: 'confirming', polls, timer: null } });
  const timer = model.counter + 1;
  const payment = { kind: 'confirming', polls: polls + 1, timer } as const;
  return toStep({ ...model, counter: timer, payment }, { type: 'wait', timer, milliseconds });
}
