// Formats amounts for people. An amount is an integer in minor units. This module does no arithmetic on amounts: it only
// inserts the decimal mark, and Intl formats the result in the shopper's locale.

import digits from 'virtual:digits';

/** The number of decimals of a currency, by Stripe and not by ISO 4217: MGA has none, ISK has two. */
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
    // The argument is text, so that no binary fraction represents the amount.
    return format.format(text as Intl.StringNumericLiteral);
  } catch {
    // The browser does not support this locale or currency.
    return `${text} ${currency}`;
  }
}
