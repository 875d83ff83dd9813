// Countries and their regions, for the address form. The gateway uses the same tables.

import needs from 'virtual:needs';
import regions from 'virtual:regions';

export interface Place {
  readonly code: string;
  readonly name: string;
}

/** The selectable countries, named and sorted in the shopper's language. */
export function countries(offered: readonly string[], locale: string): readonly Place[] {
  const codes = offered.length > 0 ? offered : Object.keys(needs);
  const names = new Intl.DisplayNames(locale, { type: 'region' });
  const places = codes.map((code) => ({ code, name: names.of(code) ?? code }));
  return places.sort((one, other) => one.name.localeCompare(other.name, locale));
}

/** The selectable regions of a country. Empty where the shopper types the region, or where there is none. */
export function regionsOf(country: string): readonly Place[] {
  const listed = regions[country]?.split('|') ?? [];
  return listed.map((entry) => {
    const [code = '', name = code] = entry.split('=');
    return { code, name };
  });
}

/** Whether the addresses of a country require a city, a region and a postal code. */
export function requiredParts(country: string): Readonly<Record<'city' | 'state' | 'postal_code', boolean>> {
  const letters = needs[country] ?? 'c';
  return { city: letters.includes('c'), state: letters.includes('r'), postal_code: letters.includes('p') };
}
