// A host that greets and then gives nothing, or something that is none of this shop's: the widget shows the shop by itself.
// Pure.
//
// Invariant: nothing that the host gave, however late, and nothing that the shopper did is lost by it.

import { browse } from './browsing';
import { type Step, to } from './events';
import type { Model } from './model';

/** How long the host may take to give the tool's result, in milliseconds. */
export const PATIENCE = 5000;

/** What the host can do, which it tells again when that changes. From the first time on its result is waited for. */
export function capable(model: Model, connected: boolean): Step {
  if (!connected || model.screen !== 'waiting' || model.patience !== null) return to(model);
  const timer = model.counter + 1;
  return to({ ...model, counter: timer, patience: timer }, { type: 'wait', timer, milliseconds: PATIENCE });
}

/** Nothing came that can be shown. */
export function outOfPatience(model: Model): Step {
  const busy = model.flight !== null || model.notices.length > 0 || (model.saved?.session ?? null) !== null;
  return model.screen === 'waiting' && !busy ? browse(model) : to(model);
}
