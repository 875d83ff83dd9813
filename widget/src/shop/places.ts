// Countries and their regions, for the address form. The gateway reads the same tables.

import needs from 'virtual:needs';
import regions from 'virtual:regions';

export interface Place {
  readonly code: string;
  readonly name: string;
}

/** The countries to choose from, named and sorted in the shopper's language. */
export function countries(offered: readonly string[], locale: string): readonly Place[] {
  const codes = offered.length > 0 ? offered : Object.keys(needs);
  const names = new Intl.DisplayNames(locale, { type: 'region' });
  const places = codes.map((code) => ({ code, name: names.of(code) ?? code }));
  return places.sort((one, other) => one.name.localeCompare(other.name, locale));
}

/** The regions of a country that are chosen by name; empty where they are typed, or where there are none. */
export function parts(country: string): readonly Place[] {
  const listed = regions[country]?.split('|') ?? [];
  return listed.map((entry) => {
    const [code = '', name = code] = entry.split('=');
    return { code, name };
  });
}

/** Whether the addresses of a country must have a city, a region, a postal code. */
export function needed(country: string): Readonly<Record<'city' | 'state' | 'postal_code', boolean>> {
  const letters = needs[country] ?? 'c';
  return { city: letters.includes('c'), state: letters.includes('r'), postal_code: letters.includes('p') };
}
