// Every transition of the widget: `step(model, event)` gives the next state and what to do. Pure; the sections are in
// the files that it calls.

import { back, browse, buy, isSearch, listed, more, notListed, open, openLine, search } from './browsing';
import { bounded, withQuantity, without } from './cart';
import { type Event, type Step, to } from './events';
import { forget, given, restore, started } from './given';
import { type Model, type Saved, isEditable, wantedItems } from './model';
import { variantOf } from './options';
import { capable } from './patience';
import { check, openAgain, paid, pay, returned, seen, unopened, unpaid, woken } from './paying';
import { answered, ask, change, lost, read } from './session_calls';
import { isLook, lookedOn } from './watching';

export function step(model: Model, event: Event): Step {
  switch (event.type) {
    case 'started':
      return started(model, event.saved);
    case 'capable':
      return capable({ ...model, canPay: event.canPay, ownPage: event.ownPage }, event.connected);
    case 'given':
      return given(model, event.answer, event.asked);
    case 'cancelled':
      return model.screen === 'waiting' ? to({ ...model, notices: [{ kind: 'own', key: 'tool_cancelled' }] }) : to(model);
    case 'seen':
      return seen(model, event.visible);
    case 'returned':
      return returned(model);
    case 'answered':
      if (isLook(model, event.call)) return lookedOn(model, event.answer);
      return isSearch(model, event.call) ? listed(model, event.answer) : answered(model, event.call, event.answer);
    case 'lost':
      if (isLook(model, event.call)) return lookedOn(model, null);
      return isSearch(model, event.call) ? notListed(model) : lost(model, event.call);
    case 'paid':
      return paid(model, event.attempt, event.value);
    case 'unpaid':
      return unpaid(model, event.attempt);
    case 'unopened':
      return unopened(model);
    case 'woken':
      return woken(model, event.timer);
    case 'browse':
      return browse(model);
    case 'search':
      return search(model, event.query);
    case 'more':
      return more(model);
    case 'open': {
      const product = model.known[event.product];
      return product ? open(model, product) : to(model);
    }
    case 'choose':
      return choose(model, event.axis, event.value);
    case 'count':
      return count(model, event.quantity);
    case 'buy':
      return buy(model);
    case 'back':
      return back(model);
    case 'line_quantity':
      return change(model, { items: withQuantity(wantedItems(model), event.id, event.quantity) });
    case 'line_remove':
      return removeLine(model, event.id);
    case 'line_change':
      return isEditable(model) ? openLine(model, event.id) : to(model);
    case 'address_edit':
      return isEditable(model) ? to({ ...model, editingAddress: event.open }) : to(model);
    case 'address':
      return change(model, { address: event.address });
    case 'shipping':
      return change(model, { optionId: event.id });
    case 'renew':
      return renew(model);
    case 'cancel':
      return isEditable(model) && model.session && !model.flight ? ask(model, { kind: 'cancel' }) : to(model);
    case 'restart':
      return restart(model);
    case 'reviewed':
      return to({ ...model, review: null, notices: [] });
    case 'pay':
      return pay(model, event.way);
    case 'open_again':
      return openAgain(model);
    case 'check':
      return look(model);
  }
}

function choose(model: Model, axis: string, value: string): Step {
  const { selection } = model;
  if (!selection || model.buying) return to(model);
  return to({ ...model, selection: { ...selection, chosen: { ...selection.chosen, [axis]: value } } });
}

function count(model: Model, quantity: number): Step {
  const { selection } = model;
  if (!selection || model.buying) return to(model);
  return to({ ...model, selection: { ...selection, quantity: bounded(quantity) } });
}

/** The tools take no empty cart: without its last line, the order is cancelled. */
function removeLine(model: Model, id: string): Step {
  const items = without(wantedItems(model), id);
  if (items.length > 0) return change(model, { items });
  return step(model, { type: 'cancel' });
}

/** Asks for fresh prices. */
function renew(model: Model): Step {
  const { session } = model;
  if (!session || !isEditable(model) || model.flight) return to(model);
  // An option that is no longer offered goes with its address; the address is sent again to be rid of it.
  const unoffered = session.messages.some((message) => message.param === 'fulfillment_option_id');
  const patch = unoffered && session.address ? { address: session.address } : {};
  return ask({ ...model, notices: [] }, { kind: 'update', patch, renew: true });
}

/** The same order again after its end, or what the host gave when there is nothing to go by. */
function restart(model: Model): Step {
  const { session } = model;
  if (!session || session.lines.length === 0 || model.stale) return forget(model);
  const items = session.lines.map(({ id, quantity }) => ({ id, quantity }));
  const patch = session.address ? { items, address: session.address } : { items };
  return model.flight ? to(model) : ask({ ...model, notices: [] }, { kind: 'create', patch });
}

/** Looks again at whatever is in doubt. */
function look(model: Model): Step {
  if (model.payment.kind === 'away') return check(model);
  if (model.flight) return to(model);
  if (!model.session) return model.saved?.session ? restore(model, model.saved.session) : to(model);
  if (model.payment.kind === 'idle') return read({ ...model, notices: [] }, 'asked');
  return check(model);
}

/** What is worth keeping of a state. */
export function toSave(model: Model): Saved {
  const { selection } = model;
  const item = selection && variantOf(selection.product, selection.chosen);
  return {
    version: 1,
    session: model.session?.bareId ?? model.saved?.session ?? null,
    away: model.session ? model.payment.kind === 'away' : model.saved?.away === true,
    screen: model.screen,
    product: selection?.product.id ?? null,
    item: item?.id ?? null,
    quantity: selection?.quantity ?? 1,
  };
}

/** What was kept, if it is ours. */
export function readSaved(value: unknown): Saved | null {
  const saved = value as Partial<Saved> | null | undefined;
  if (typeof saved !== 'object' || saved?.version !== 1) return null;
  const text = (known: unknown): string | null => (typeof known === 'string' ? known : null);
  return {
    version: 1,
    session: text(saved.session),
    away: saved.away === true,
    screen: saved.screen === 'product' || saved.screen === 'list' || saved.screen === 'checkout' ? saved.screen : 'waiting',
    product: text(saved.product),
    item: text(saved.item),
    quantity: bounded(Number(saved.quantity)),
  };
}
