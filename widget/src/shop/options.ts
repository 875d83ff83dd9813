// A product's variants as options along axes, such as Size × Colour. Pure.

import type { Product, Variant } from './wire';

export interface Axis {
  readonly name: string;
  readonly values: readonly string[];
}

/** The selected value on each axis. */
export type SelectedOptions = Readonly<Record<string, string>>;

/** The only axis of variants that no option distinguishes. No option has this name, because option names are not empty. */
const BY_TITLE = '';

/** The axes in the shop's order. A product without variants has none. */
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

/** The variant with exactly these options. */
export function variantOf(product: Product, chosen: SelectedOptions): Variant | null {
  const names = axesOf(product).map((axis) => axis.name);
  return product.variants.find((variant) => names.every((name) => valueOn(variant, name) === chosen[name])) ?? null;
}

/** The options of a variant. */
export function choicesOf(product: Product, variant: Variant): SelectedOptions {
  const names = axesOf(product).map((axis) => axis.name);
  return Object.fromEntries(names.map((name) => [name, valueOn(variant, name) ?? '']));
}

/** The initial selection: the requested variant, else the first available variant, else the first variant. */
export function firstChoice(product: Product, requestedId: string | null): SelectedOptions {
  const { variants } = product;
  const variant =
    variants.find((known) => known.id === requestedId) ?? variants.find((known) => known.available) ?? variants[0];
  return variant ? choicesOf(product, variant) : {};
}

/** Whether the variant with this value is available while all other selected options stay. */
export function isOffered(product: Product, chosen: SelectedOptions, axis: string, value: string): boolean {
  return variantOf(product, { ...chosen, [axis]: value })?.available === true;
}

/** The item that the selection stands for; `null` where no such combination exists. */
export function selectedItem(product: Product, chosen: SelectedOptions): { id: string; available: boolean } | null {
  return product.variants.length === 0 ? product : variantOf(product, chosen);
}
