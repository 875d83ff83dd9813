// A product's variants as choices along axes: Size × Colour. Pure.

import type { Product, Variant } from './wire';

export interface Axis {
  readonly name: string;
  readonly values: readonly string[];
}

/** What is chosen on each axis. */
export type Chosen = Readonly<Record<string, string>>;

/** The one axis of variants that no options tell apart; no option can be named so, since options have names. */
const BY_TITLE = '';

/** The axes in the order in which the shop names them; none for a product without variants. */
export function axesOf(product: Product): readonly Axis[] {
  const { variants } = product;
  if (variants.length === 0) return [];
  const names = unique(variants.flatMap((variant) => variant.options.map((option) => option.name)));
  const complete = variants.every((variant) => names.every((name) => valueOn(variant, name) !== null));
  const marks = unique(variants.map((variant) => JSON.stringify(names.map((name) => valueOn(variant, name)))));
  if (names.length === 0 || !complete || marks.length < variants.length) {
    return [{ name: BY_TITLE, values: variants.map((variant) => variant.title) }];
  }
  return names.map((name) => ({ name, values: unique(variants.map((variant) => valueOn(variant, name) ?? '')) }));
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}

function valueOn(variant: Variant, name: string): string | null {
  if (name === BY_TITLE) return variant.title;
  return variant.options.find((option) => option.name === name)?.value ?? null;
}

/** The variant of exactly these choices. */
export function variantOf(product: Product, chosen: Chosen): Variant | null {
  const names = axesOf(product).map((axis) => axis.name);
  return product.variants.find((variant) => names.every((name) => valueOn(variant, name) === chosen[name])) ?? null;
}

/** The choices that make a variant. */
export function choicesOf(product: Product, variant: Variant): Chosen {
  const names = axesOf(product).map((axis) => axis.name);
  return Object.fromEntries(names.map((name) => [name, valueOn(variant, name) ?? '']));
}

/** What is chosen at first: the variant that was asked for, else the first that can be bought, else the first. */
export function firstChoice(product: Product, asked: string | null): Chosen {
  const { variants } = product;
  const variant =
    variants.find((known) => known.id === asked) ?? variants.find((known) => known.available) ?? variants[0];
  return variant ? choicesOf(product, variant) : {};
}

/** Whether something can be bought with this value when all other choices stay. */
export function isOffered(product: Product, chosen: Chosen, axis: string, value: string): boolean {
  return variantOf(product, { ...chosen, [axis]: value })?.available === true;
}

/** The id under which the choice is bought, and whether it can be; `null` where no such combination exists. */
export function buyable(product: Product, chosen: Chosen): { id: string; available: boolean } | null {
  return product.variants.length === 0 ? product : variantOf(product, chosen);
}
