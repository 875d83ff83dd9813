// Product list, search, product selection, and adding to the order. Pure.

import { addItem, clampQuantity, replaceItem } from './cart';
import { type Step, toStep } from './events';
import { EMPTY_LISTING, type Listing, type Model, hasEnded, productOf, wantedItems } from './model';
import { firstChoice, selectedItem } from './options';
import { changeOrder } from './session_calls';
import type { Product, ToolResult } from './wire';

const PAGE = 20;

/** Stores products by id. */
export function rememberProducts(model: Model, products: readonly Product[]): Model {
  const byId = Object.fromEntries(products.map((product) => [product.id, product]));
  return { ...model, known: { ...model.known, ...byId } };
}

/** Opens a product's screen. `item` is the preselected variant. `replaces` is the order line that the choice replaces. */
export function openProduct(
  model: Model, product: Product, item: string | null = null, replaces: string | null = null, quantity = 1,
): Step {
  const selection = { product, chosen: firstChoice(product, item), quantity: clampQuantity(quantity), replaces };
  return toStep({ ...model, screen: 'product', selection, buying: false, notices: [] });
}

/** Shows the list. The host's tool result may hold one product only, so the widget searches for more then. */
export function showList(model: Model): Step {
  const next: Model = { ...model, screen: 'list', selection: null, buying: false, notices: [] };
  const { listing } = model;
  return listing.products.length > 1 || listing.call !== null ? toStep(next) : search(next, '');
}

/** Starts a search. It supersedes any earlier search. */
export function search(model: Model, query: string): Step {
  const wanted = query.trim();
  return requestListing({ ...model, listing: { ...EMPTY_LISTING, query: wanted } }, { query: wanted, limit: PAGE });
}

export function loadMore(model: Model): Step {
  const { query, cursor, call } = model.listing;
  return cursor === null || call !== null ? toStep(model) : requestListing(model, { query, limit: PAGE, cursor });
}

/** Opens the product of an order line. If the widget does not hold that product, it searches for the line's name. */
export function openLineProduct(model: Model, id: string): Step {
  const line = model.session?.lines.find((known) => known.id === id);
  if (!line) return toStep(model);
  const product = productOf(model, id);
  const quantity = wantedItems(model).find((item) => item.id === id)?.quantity ?? line.quantity;
  if (product) return openProduct(model, product, id, id, quantity);
  const next: Model = { ...model, notices: [], listing: { ...EMPTY_LISTING, lookup: id } };
  return requestListing(next, { query: line.name.slice(0, 200), limit: PAGE });
}

function requestListing(model: Model, args: { query: string; limit: number; cursor?: string }): Step {
  const call = model.counter + 1;
  const { query, ...rest } = args;
  const next = { ...model, counter: call, listing: { ...model.listing, call, failed: false } };
  return toStep(next, { type: 'call', call, tool: 'search_products', args: query ? { query, ...rest } : rest });
}

/** Whether a call is the search in flight. */
export function isSearch(model: Model, call: number): boolean {
  return model.listing.call === call;
}

/** Handles the result of a search. */
export function searchSucceeded(model: Model, result: ToolResult): Step {
  const { listing } = model;
  const found = result.isError ? null : result.products;
  if (found === null) return searchFailed(model);
  const known = rememberProducts(model, found);
  if (listing.lookup !== null) return lookupSucceeded({ ...known, listing: EMPTY_LISTING }, listing.lookup);
  const fresh = found.filter((product) => listing.products.every(({ id }) => id !== product.id));
  const next: Listing = {
    ...listing, products: [...listing.products, ...fresh], cursor: result.nextCursor, call: null,
  };
  return toStep({ ...known, listing: next });
}

export function searchFailed(model: Model): Step {
  const { listing } = model;
  if (listing.lookup === null) return toStep({ ...model, listing: { ...listing, call: null, failed: true } });
  return toStep({ ...model, listing: EMPTY_LISTING, notices: [{ kind: 'widget', key: 'options_unknown' }] });
}

function lookupSucceeded(model: Model, id: string): Step {
  if (productOf(model, id)) return openLineProduct(model, id);
  return toStep({ ...model, notices: [{ kind: 'widget', key: 'options_unknown' }] });
}

/** Adds the selection to the order. */
export function addToOrder(model: Model): Step {
  const { selection } = model;
  const item = selection && selectedItem(selection.product, selection.chosen);
  if (!selection || !item?.available || model.buying) return toStep(model);
  const wanted = { id: item.id, quantity: selection.quantity };
  const held = hasEnded(model.session) ? [] : wantedItems(model);
  const items = selection.replaces === null ? addItem(held, wanted) : replaceItem(held, selection.replaces, wanted);
  if (items === null) return toStep({ ...model, notices: [{ kind: 'widget', key: 'cart_full' }] });
  return changeOrder({ ...model, buying: true }, { items });
}

/** Goes one screen back. */
export function goBack(model: Model): Step {
  const next: Model = { ...model, buying: false, selection: null, notices: [] };
  const several = model.listing.products.length > 1;
  const isNewItem = model.screen === 'product' && model.selection?.replaces === null;
  if (isNewItem && several) return toStep({ ...next, screen: 'list' });
  if (model.session) return toStep({ ...next, screen: 'checkout' });
  return several ? toStep({ ...next, screen: 'list' }) : toStep(model);
}
