// A payment that the shop is still working on. Pure.
//
// Invariant: looking is bounded; after the last look it is the shopper's to ask again.

import { type Step, to } from './events';
import type { Model } from './model';

/** How long to wait before each look, in milliseconds. */
export const LOOKS = [1500, 2500, 4000, 6000, 10_000, 15_000, 20_000, 30_000] as const;

/** The shop does not know yet: wait, then look again. `again` is false when this is news. */
export function confirm(model: Model, again: boolean): Step {
  const tries = again && model.payment.kind === 'confirming' ? model.payment.tries : 0;
  const milliseconds = LOOKS[tries];
  if (milliseconds === undefined) return to({ ...model, payment: { kind: 'confirming', tries, timer: null } });
  const timer = model.counter + 1;
  const payment = { kind: 'confirming', tries: tries + 1, timer } as const;
  return to({ ...model, counter: timer, payment }, { type: 'wait', timer, milliseconds });
}
