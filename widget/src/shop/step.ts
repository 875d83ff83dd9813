// The transition function of the widget: `step(model, event)` returns the next state and the effects. Pure. The modules that
// it imports handle the individual events.

import {
  addToOrder, goBack, isSearch, loadMore, openLineProduct, openProduct, search, searchFailed, searchSucceeded, showList,
} from './browsing';
import { clampQuantity, withQuantity, withoutItem } from './cart';
import { type Event, type Step, toStep } from './events';
import { type Model, type SavedState, isEditable, wantedItems } from './model';
import { variantOf } from './options';
import {
  checkPayment, openPageFailed, pageRestored, reopenHostedPage, sheetRejected, sheetResolved, startPayment, timerFired,
  visibilityChanged,
} from './paying';
import { callAnswered, callFailed, callSession, changeOrder, refreshSession } from './session_calls';
import { receiveToolResult, restoreSession, start, startOver } from './tool_result';
import { capabilitiesChanged } from './tool_result_timeout';
import { isWatchPoll, watchPollAnswered } from './watching';

export function step(model: Model, event: Event): Step {
  switch (event.type) {
    case 'started':
      return start(model, event.saved);
    case 'capabilities':
      return capabilitiesChanged({ ...model, canPay: event.canPay, ownPage: event.ownPage }, event.connected);
    case 'tool_result':
      return receiveToolResult(model, event.result, event.requestedItem);
    case 'cancelled':
      if (model.screen !== 'waiting') return toStep(model);
      return toStep({ ...model, notices: [{ kind: 'widget', key: 'tool_cancelled' }] });
    case 'visibility':
      return visibilityChanged(model, event.visible);
    case 'page_restored':
      return pageRestored(model);
    case 'call_answered':
      if (isWatchPoll(model, event.call)) return watchPollAnswered(model, event.result);
      if (isSearch(model, event.call)) return searchSucceeded(model, event.result);
      return callAnswered(model, event.call, event.result);
    case 'call_failed':
      if (isWatchPoll(model, event.call)) return watchPollAnswered(model, null);
      return isSearch(model, event.call) ? searchFailed(model) : callFailed(model, event.call);
    case 'sheet_resolved':
      return sheetResolved(model, event.attempt, event.value);
    case 'sheet_rejected':
      return sheetRejected(model, event.attempt);
    case 'open_page_failed':
      return openPageFailed(model);
    case 'timer_fired':
      return timerFired(model, event.timer);
    case 'browse':
      return showList(model);
    case 'search':
      return search(model, event.query);
    case 'load_more':
      return loadMore(model);
    case 'open': {
      const product = model.known[event.product];
      return product ? openProduct(model, product) : toStep(model);
    }
    case 'choose_option':
      return chooseOption(model, event.axis, event.value);
    case 'set_quantity':
      return setQuantity(model, event.quantity);
    case 'buy':
      return addToOrder(model);
    case 'back':
      return goBack(model);
    case 'line_quantity':
      return changeOrder(model, { items: withQuantity(wantedItems(model), event.id, event.quantity) });
    case 'line_remove':
      return removeLine(model, event.id);
    case 'line_change':
      return isEditable(model) ? openLineProduct(model, event.id) : toStep(model);
    case 'address_edit':
      return isEditable(model) ? toStep({ ...model, editingAddress: event.open }) : toStep(model);
    case 'address':
      return changeOrder(model, { address: event.address });
    case 'shipping':
      return changeOrder(model, { optionId: event.id });
    case 'renew':
      return renew(model);
    case 'cancel':
      return isEditable(model) && model.session && !model.inFlight ? callSession(model, { kind: 'cancel' }) : toStep(model);
    case 'restart':
      return restart(model);
    case 'dismiss_review':
      return toStep({ ...model, review: null, notices: [] });
    case 'pay':
      return startPayment(model, event.method);
    case 'open_again':
      return reopenHostedPage(model);
    case 'check':
      return refresh(model);
  }
}

function chooseOption(model: Model, axis: string, value: string): Step {
  const { selection } = model;
  if (!selection || model.buying) return toStep(model);
  return toStep({ ...model, selection: { ...selection, chosen: { ...selection.chosen, [axis]: value } } });
}

function setQuantity(model: Model, quantity: number): Step {
  const { selection } = model;
  if (!selection || model.buying) return toStep(model);
  return toStep({ ...model, selection: { ...selection, quantity: clampQuantity(quantity) } });
}

/** Removes a line. The tools accept no empty cart, so removing the last line cancels the order. */
function removeLine(model: Model, id: string): Step {
  const items = withoutItem(wantedItems(model), id);
  if (items.length > 0) return changeOrder(model, { items });
  return step(model, { type: 'cancel' });
}

/** Asks for fresh prices. */
function renew(model: Model): Step {
  const { session } = model;
  if (!session || !isEditable(model) || model.inFlight) return toStep(model);
  // Sending the address again removes a shipping option that the shop no longer offers.
  const unoffered = session.messages.some((message) => message.param === 'fulfillment_option_id');
  const patch = unoffered && session.address ? { address: session.address } : {};
  return callSession({ ...model, notices: [] }, { kind: 'update', patch, renew: true });
}

/** Creates the same order again after it ended. Without a confirmed order, starts again from the host's tool result. */
function restart(model: Model): Step {
  const { session } = model;
  if (!session || session.lines.length === 0 || model.stale) return startOver(model);
  const items = session.lines.map(({ id, quantity }) => ({ id, quantity }));
  const patch = session.address ? { items, address: session.address } : { items };
  return model.inFlight ? toStep(model) : callSession({ ...model, notices: [] }, { kind: 'create', patch });
}

/** Reads again whatever is uncertain. */
function refresh(model: Model): Step {
  if (model.payment.kind === 'hosted_payment') return checkPayment(model);
  if (model.inFlight) return toStep(model);
  if (!model.session) return model.saved?.session ? restoreSession(model, model.saved.session) : toStep(model);
  if (model.payment.kind === 'idle') return refreshSession({ ...model, notices: [] }, 'shopper');
  return checkPayment(model);
}

/** The part of the state that the host keeps. */
export function toSavedState(model: Model): SavedState {
  const { selection } = model;
  const item = selection && variantOf(selection.product, selection.chosen);
  return {
    version: 1,
    session: model.session?.bareId ?? model.saved?.session ?? null,
    hostedPayment: model.session ? model.payment.kind === 'hosted_payment' : model.saved?.hostedPayment === true,
    screen: model.screen,
    product: selection?.product.id ?? null,
    item: item?.id ?? null,
    quantity: selection?.quantity ?? 1,
  };
}

/** Parses a saved state; `null` if this widget did not write it. */
export function readSavedState(value: unknown): SavedState | null {
  const saved = value as Partial<SavedState> | null | undefined;
  if (typeof saved !== 'object' || saved?.version !== 1) return null;
  const text = (known: unknown): string | null => (typeof known === 'string' ? known : null);
  return {
    version: 1,
    session: text(saved.session),
    hostedPayment: saved.hostedPayment === true,
    screen: saved.screen === 'product' || saved.screen === 'list' || saved.screen === 'checkout' ? saved.screen : 'waiting',
    product: text(saved.product),
    item: text(saved.item),
    quantity: clampQuantity(Number(saved.quantity)),
  };
}
