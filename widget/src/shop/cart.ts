// The cart: items and quantities, within the limits of the shop's tools. Pure.

import type { Address, Item } from './wire';

/** The largest quantity of one item, as the tools' schemas define it. */
export const MAX_QUANTITY = 999;

/** The largest number of different items. */
export const MAX_LINES = 50;

/** A change to a session. Absent fields stay as they are. */
export interface Patch {
  readonly items?: readonly Item[];
  readonly address?: Address;
  readonly optionId?: string;
}

/** The nearest quantity that the tools accept. */
export function clampQuantity(quantity: number): number {
  return Number.isInteger(quantity) ? Math.min(Math.max(quantity, 1), MAX_QUANTITY) : 1;
}

/** The cart with an item added; `null` when the cart is full. */
export function addItem(items: readonly Item[], item: Item): readonly Item[] | null {
  const held = items.find((known) => known.id === item.id);
  if (held) return withQuantity(items, item.id, clampQuantity(held.quantity + item.quantity));
  return items.length < MAX_LINES ? [...items, { id: item.id, quantity: clampQuantity(item.quantity) }] : null;
}

export function withQuantity(items: readonly Item[], id: string, quantity: number): readonly Item[] {
  return items.map((item) => (item.id === id ? { id, quantity: clampQuantity(quantity) } : item));
}

export function withoutItem(items: readonly Item[], id: string): readonly Item[] {
  return items.filter((item) => item.id !== id);
}

/** The cart with one item replaced by another. Equal items merge into one line. */
export function replaceItem(items: readonly Item[], id: string, item: Item): readonly Item[] {
  const at = items.findIndex((known) => known.id === id);
  if (at < 0) return addItem(items, item) ?? items;
  if (id !== item.id && items.some((known) => known.id === item.id)) {
    return addItem(withoutItem(items, id), item) ?? items;
  }
  return items.map((known, place) => (place === at ? { id: item.id, quantity: clampQuantity(item.quantity) } : known));
}

/** Merges two changes. The later change wins where both set a field. */
export function mergePatches(earlier: Patch | null, later: Patch): Patch {
  const patch = { ...earlier, ...later };
  // A shipping option is valid only for the address that it was offered for.
  if (later.address && !later.optionId) delete (patch as { optionId?: string }).optionId;
  return patch;
}

/** The change as tool arguments. */
export function toToolArguments(patch: Patch): Record<string, unknown> {
  return {
    ...(patch.items && { items: patch.items.map(({ id, quantity }) => ({ id, quantity })) }),
    ...(patch.address && { fulfillment_address: patch.address }),
    ...(patch.optionId && { fulfillment_option_id: patch.optionId }),
  };
}
