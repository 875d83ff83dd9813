// The fields of the address form, and which of them are missing. Pure.

import { regionsOf, requiredParts } from './places';
import type { Address, AddressField } from './wire';

/** The longest text that the shop's tools accept in each field. */
export const MAX_LENGTHS: Readonly<Record<AddressField, number>> = {
  name: 200, line_one: 200, line_two: 200, city: 200, state: 200, postal_code: 20, country: 2, phone_number: 40,
};

/** The fields that an address in a country requires. */
export function requiredFields(country: string): readonly AddressField[] {
  const { city, state, postal_code } = requiredParts(country);
  const always: readonly AddressField[] = ['name', 'line_one', 'country'];
  return [...always, ...(city ? ['city'] as const : []), ...(state ? ['state'] as const : []),
    ...(postal_code ? ['postal_code'] as const : [])];
}

/** The required fields that are blank. */
export function missingFields(address: Address): readonly AddressField[] {
  return requiredFields(address.country ?? '').filter((field) => (address[field] ?? '').trim() === '');
}

/** The address as the widget sends it: every value is trimmed, and blank fields are left out. */
export function trimAddress(address: Address): Address {
  const entries = Object.entries(address).map(([field, value]) => [field, value.trim()] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== '')) as Address;
}

/** Changes the country. The state stays only where the new country has a state with the same code. */
export function changeCountry(address: Address, country: string): Address {
  const { state: written, ...rest } = address;
  const state = regionsOf(country).find(({ code }) => code.toUpperCase() === written?.toUpperCase())?.code;
  return state ? { ...rest, country, state } : { ...rest, country };
}
