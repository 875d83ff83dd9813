// The timeout for the host's tool result. If a connected host sends no result, or a result of another shop's tool, the
// widget shows the product list. Pure.
//
// Invariant: the timeout discards neither a late tool result nor anything that the shopper did.

import { showList } from './browsing';
import { type Step, toStep } from './events';
import type { Model } from './model';

/** How long the host may take to send the tool result, in milliseconds. */
export const TOOL_RESULT_TIMEOUT = 5000;

/** Handles a change of the host's capabilities. The first one starts the timeout. */
export function capabilitiesChanged(model: Model, connected: boolean): Step {
  if (!connected || model.screen !== 'waiting' || model.toolResultTimer !== null) return toStep(model);
  const timer = model.counter + 1;
  const next: Model = { ...model, counter: timer, toolResultTimer: timer };
  return toStep(next, { type: 'wait', timer, milliseconds: TOOL_RESULT_TIMEOUT });
}

/** The timeout ended without a result that the widget can show. */
export function toolResultTimedOut(model: Model): Step {
  const busy = model.inFlight !== null || model.notices.length > 0 || (model.saved?.session ?? null) !== null;
  return model.screen === 'waiting' && !busy ? showList(model) : toStep(model);
}
