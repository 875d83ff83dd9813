// Amounts as a person reads them. An amount is an integer of minor units; nothing here adds, rounds or divides: digits
// are only placed before and behind the decimal mark, and Intl writes them in the shopper's way.

import digits from 'virtual:digits';

/** How many decimals the currency's major unit has. Stripe says so, not ISO 4217: MGA is charged without, ISK with two. */
export function exponent(currency: string): 0 | 2 | 3 {
  return digits[currency.toUpperCase()] ?? 2;
}

/** The amount as a decimal number in text: `1850` of USD is `18.50`. */
export function decimal(minor: number, currency: string): string {
  const places = exponent(currency);
  const sign = minor < 0 ? '-' : '';
  const digits = String(minor).replace('-', '').padStart(places + 1, '0');
  if (places === 0) return sign + digits;
  return `${sign}${digits.slice(0, -places)}.${digits.slice(-places)}`;
}

/** The amount with its currency, in the language of `locale`. */
export function formatMoney(minor: number, currency: string, locale: string): string {
  const text = decimal(minor, currency);
  const places = exponent(currency);
  try {
    const format = new Intl.NumberFormat(locale, {
      style: 'currency',
      currency,
      minimumFractionDigits: places,
      maximumFractionDigits: places,
    });
    // Given as text, so that no binary fraction ever stands for the amount.
    return format.format(text as Intl.StringNumericLiteral);
  } catch {
    // A locale or currency that this browser cannot write.
    return `${text} ${currency}`;
  }
}
