// What the host provides: the tool result that opened the widget, and the state that the widget saved earlier. Pure.
//
// Invariant: a session from the host may be outdated, because hosts repeat results and restore the widget much later.
// The widget therefore reads the session from the shop before the shopper can pay it.

import { openProduct, rememberProducts, showList } from './browsing';
import { type Step, toStep } from './events';
import { EMPTY_LISTING, type Model, type SavedState } from './model';
import { choicesOf } from './options';
import { callSession, refreshSession } from './session_calls';
import type { Product, Session, ToolResult } from './wire';

/** Starts the widget. If a session was saved, the widget reads that session first. */
export function start(model: Model, saved: SavedState | null): Step {
  return saved?.session ? restoreSession({ ...model, saved }, saved.session) : toStep({ ...model, saved });
}

export function restoreSession(model: Model, id: string): Step {
  return callSession({ ...model, notices: [] }, { kind: 'read', reason: 'restore', id, then: [] });
}

/** Handles a tool result from the host. Hosts may repeat one. */
export function receiveToolResult(model: Model, result: ToolResult, requestedItem: string | null): Step {
  const shop = result.shop ?? model.shop;
  // Where two bridges deliver the same result, one of them may lack the shop.
  if (model.toolResult && fingerprint(model.toolResult) === fingerprint(result)) return toStep({ ...model, shop });
  const first = model.toolResult === null;
  const next: Model = { ...model, toolResult: result, shop };
  // The saved session takes precedence over the result that first opened the widget.
  if (first && model.saved?.session) return toStep(withProducts(next, result));
  // The result arrived late, and the shopper has selected something in the meantime.
  if (first && !result.session && (model.selection || model.session)) {
    return toStep(rememberProducts(next, result.products ?? []));
  }
  return show(next, result, requestedItem);
}

/** Identifies a result by the objects that it shows, whatever its wording, to detect repetitions. */
function fingerprint({ session, products, isError }: ToolResult): string {
  return JSON.stringify([session?.id, session?.status, products?.map(({ id }) => id), isError]);
}

/** Starts again from the host's tool result and drops the session. */
export function startOver(model: Model): Step {
  const next: Model = { ...model, saved: null, session: null, stale: false, notices: [] };
  const step = model.toolResult ? show(next, model.toolResult, null) : showList(next);
  const empty = step.model.screen === 'waiting' || (step.model.screen === 'checkout' && !step.model.session);
  return empty && step.model.notices.length === 0 ? showList(step.model) : step;
}

function show(model: Model, result: ToolResult, requestedItem: string | null): Step {
  if (result.session) return showSession(model, result.session);
  if (result.products) return showProducts(withProducts(model, result), result.products, requestedItem);
  if (!result.isError) return toStep(model);
  return toStep({ ...model, notices: [{ kind: 'refused', text: result.shopperText }] });
}

function showSession(model: Model, session: Session): Step {
  const { session: present } = model;
  if (present?.bareId === session.bareId) {
    // Our own calls deliver their own results. Only a newer revision, made elsewhere, matters here.
    const isNewer = session.revision > present.revision && model.payment.kind === 'idle' && model.inFlight === null;
    return isNewer ? refreshSession(model, 'tool_result') : toStep(model);
  }
  if (model.inFlight !== null || model.payment.kind !== 'idle') return toStep(model);
  const next: Model = { ...model, session, stale: true, screen: 'checkout', review: null, editingAddress: false };
  return refreshSession(next, 'tool_result');
}

function withProducts(model: Model, result: ToolResult): Model {
  if (!result.products) return model;
  const listing = { ...EMPTY_LISTING, products: result.products, cursor: result.nextCursor };
  return { ...rememberProducts(model, result.products), listing };
}

function showProducts(model: Model, products: readonly Product[], requestedItem: string | null): Step {
  const { saved } = model;
  const kept = products.find(({ id }) => id === saved?.product);
  if (saved && kept && saved.screen === 'product') {
    const variant = kept.variants.find(({ id }) => id === saved.item);
    const step = openProduct(model, kept, saved.item, null, saved.quantity);
    if (!variant || !step.model.selection) return step;
    return toStep({ ...step.model, selection: { ...step.model.selection, chosen: choicesOf(kept, variant) } });
  }
  const [only, ...others] = products;
  return only && others.length === 0 ? openProduct(model, only, requestedItem) : toStep({ ...model, screen: 'list' });
}
