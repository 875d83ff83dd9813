// The address form's fields and what is missing in it. Pure.

import { needed, parts } from './places';
import type { Address, AddressField } from './wire';

/** The longest texts that the shop's tools take. */
export const LONGEST: Readonly<Record<AddressField, number>> = {
  name: 200, line_one: 200, line_two: 200, city: 200, state: 200, postal_code: 20, country: 2, phone_number: 40,
};

/** The fields that must be filled in for a country. */
export function required(country: string): readonly AddressField[] {
  const { city, state, postal_code } = needed(country);
  const always: readonly AddressField[] = ['name', 'line_one', 'country'];
  return [...always, ...(city ? ['city'] as const : []), ...(state ? ['state'] as const : []),
    ...(postal_code ? ['postal_code'] as const : [])];
}

/** The required fields that are blank. */
export function missing(address: Address): readonly AddressField[] {
  return required(address.country ?? '').filter((field) => (address[field] ?? '').trim() === '');
}

/** The address as it is sent: trimmed, without what is blank. */
export function tidied(address: Address): Address {
  const entries = Object.entries(address).map(([field, value]) => [field, value.trim()] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== '')) as Address;
}

/** Another country: a part of the old one means nothing in it. */
export function inCountry(address: Address, country: string): Address {
  const { state: written, ...rest } = address;
  const state = parts(country).find(({ code }) => code.toUpperCase() === written?.toUpperCase())?.code;
  return state ? { ...rest, country, state } : { ...rest, country };
}
