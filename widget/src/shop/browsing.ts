// Looking at products and choosing one. Pure.

import { added, bounded, replaced } from './cart';
import { type Step, to } from './events';
import { EMPTY_LISTING, type Listing, type Model, hasEnded, productOf, wantedItems } from './model';
import { buyable, firstChoice } from './options';
import { change } from './session_calls';
import type { Answer, Product } from './wire';

const PAGE = 20;

/** Remembers products by id. */
export function remember(model: Model, products: readonly Product[]): Model {
  const seen = Object.fromEntries(products.map((product) => [product.id, product]));
  return { ...model, known: { ...model.known, ...seen } };
}

/** Opens a product's screen. `item` is the variant to begin with, `replaces` the line whose place it takes. */
export function open(
  model: Model, product: Product, item: string | null = null, replaces: string | null = null, quantity = 1,
): Step {
  const selection = { product, chosen: firstChoice(product, item), quantity: bounded(quantity), replaces };
  return to({ ...model, screen: 'product', selection, buying: false, notices: [] });
}

/** Goes to the list; what the host gave may have been one product only, so the shop is asked for more. */
export function browse(model: Model): Step {
  const next: Model = { ...model, screen: 'list', selection: null, buying: false, notices: [] };
  const { listing } = model;
  return listing.products.length > 1 || listing.call !== null ? to(next) : search(next, '');
}

/** Searches; the latest search is the one that counts. */
export function search(model: Model, query: string): Step {
  const wanted = query.trim();
  return list({ ...model, listing: { ...EMPTY_LISTING, query: wanted } }, { query: wanted, limit: PAGE });
}

export function more(model: Model): Step {
  const { query, cursor, call } = model.listing;
  return cursor === null || call !== null ? to(model) : list(model, { query, limit: PAGE, cursor });
}

/** Opens the product of a line, looking for it by the line's name when it was not seen yet. */
export function openLine(model: Model, id: string): Step {
  const line = model.session?.lines.find((known) => known.id === id);
  if (!line) return to(model);
  const product = productOf(model, id);
  const quantity = wantedItems(model).find((item) => item.id === id)?.quantity ?? line.quantity;
  if (product) return open(model, product, id, id, quantity);
  const next: Model = { ...model, notices: [], listing: { ...EMPTY_LISTING, lookup: id } };
  return list(next, { query: line.name.slice(0, 200), limit: PAGE });
}

function list(model: Model, args: { query: string; limit: number; cursor?: string }): Step {
  const call = model.counter + 1;
  const { query, ...rest } = args;
  const next = { ...model, counter: call, listing: { ...model.listing, call, failed: false } };
  return to(next, { type: 'call', call, tool: 'search_products', args: query ? { query, ...rest } : rest });
}

/** Whether a call is the search under way. */
export function isSearch(model: Model, call: number): boolean {
  return model.listing.call === call;
}

/** A search was answered. */
export function listed(model: Model, answer: Answer): Step {
  const { listing } = model;
  const found = answer.isError ? null : answer.products;
  if (found === null) return notListed(model);
  const known = remember(model, found);
  if (listing.lookup !== null) return lookedUp({ ...known, listing: EMPTY_LISTING }, listing.lookup);
  const fresh = found.filter((product) => listing.products.every(({ id }) => id !== product.id));
  const next: Listing = {
    ...listing, products: [...listing.products, ...fresh], cursor: answer.nextCursor, call: null,
  };
  return to({ ...known, listing: next });
}

export function notListed(model: Model): Step {
  const { listing } = model;
  if (listing.lookup === null) return to({ ...model, listing: { ...listing, call: null, failed: true } });
  return to({ ...model, listing: EMPTY_LISTING, notices: [{ kind: 'own', key: 'options_unknown' }] });
}

function lookedUp(model: Model, id: string): Step {
  if (productOf(model, id)) return openLine(model, id);
  return to({ ...model, notices: [{ kind: 'own', key: 'options_unknown' }] });
}

/** Puts the choice into the order. */
export function buy(model: Model): Step {
  const { selection } = model;
  const item = selection && buyable(selection.product, selection.chosen);
  if (!selection || !item?.available || model.buying) return to(model);
  const wanted = { id: item.id, quantity: selection.quantity };
  const held = hasEnded(model.session) ? [] : wantedItems(model);
  const items = selection.replaces === null ? added(held, wanted) : replaced(held, selection.replaces, wanted);
  if (items === null) return to({ ...model, notices: [{ kind: 'own', key: 'cart_full' }] });
  return change({ ...model, buying: true }, { items });
}

/** One screen back. */
export function back(model: Model): Step {
  const next: Model = { ...model, buying: false, selection: null, notices: [] };
  const several = model.listing.products.length > 1;
  if (model.screen === 'product' && model.selection?.replaces === null && several) return to({ ...next, screen: 'list' });
  if (model.session) return to({ ...next, screen: 'checkout' });
  return several ? to({ ...next, screen: 'list' }) : to(model);
}
