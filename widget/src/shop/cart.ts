// What is to be bought: items and their quantities, within the bounds of the shop's tools. Pure.

import type { Address, Item } from './wire';

/** The most of one item, as the tools' schemas have it. */
export const MAX_QUANTITY = 999;

/** The most different items. */
export const MAX_LINES = 50;

/** A change to a session: what is absent stays as it is. */
export interface Patch {
  readonly items?: readonly Item[];
  readonly address?: Address;
  readonly optionId?: string;
}

/** A quantity that the tools take. */
export function bounded(quantity: number): number {
  return Number.isInteger(quantity) ? Math.min(Math.max(quantity, 1), MAX_QUANTITY) : 1;
}

/** The cart with so many more of an item; `null` when it is full. */
export function added(items: readonly Item[], item: Item): readonly Item[] | null {
  const held = items.find((known) => known.id === item.id);
  if (held) return withQuantity(items, item.id, bounded(held.quantity + item.quantity));
  return items.length < MAX_LINES ? [...items, { id: item.id, quantity: bounded(item.quantity) }] : null;
}

export function withQuantity(items: readonly Item[], id: string, quantity: number): readonly Item[] {
  return items.map((item) => (item.id === id ? { id, quantity: bounded(quantity) } : item));
}

export function without(items: readonly Item[], id: string): readonly Item[] {
  return items.filter((item) => item.id !== id);
}

/** The cart with one item in another's place; the quantities of equal items become one line. */
export function replaced(items: readonly Item[], id: string, item: Item): readonly Item[] {
  const at = items.findIndex((known) => known.id === id);
  if (at < 0) return added(items, item) ?? items;
  if (id !== item.id && items.some((known) => known.id === item.id)) {
    return added(without(items, id), item) ?? items;
  }
  return items.map((known, place) => (place === at ? { id: item.id, quantity: bounded(item.quantity) } : known));
}

/** Two changes as one: the later wins where both speak. */
export function merged(earlier: Patch | null, later: Patch): Patch {
  const patch = { ...earlier, ...later };
  // A shipping option belongs to the address that it was offered for.
  if (later.address && !later.optionId) delete (patch as { optionId?: string }).optionId;
  return patch;
}

/** The change in the tools' own names. */
export function toArguments(patch: Patch): Record<string, unknown> {
  return {
    ...(patch.items && { items: patch.items.map(({ id, quantity }) => ({ id, quantity })) }),
    ...(patch.address && { fulfillment_address: patch.address }),
    ...(patch.optionId && { fulfillment_option_id: patch.optionId }),
  };
}
