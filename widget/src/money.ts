// Amounts as a person reads them. An amount is an integer of minor units; nothing here adds, rounds or divides: digits
// are only placed before and behind the decimal mark, and Intl writes them in the shopper's way.

// How many decimals a major unit has is Stripe's to say, not ISO 4217's: Stripe charges MGA without decimals, ISK with
// two (docs.stripe.com/currencies).
const ZERO_DECIMAL = new Set([
  'BIF', 'CLP', 'DJF', 'GNF', 'JPY', 'KMF', 'KRW', 'MGA', 'PYG', 'RWF', 'VND', 'VUV', 'XAF', 'XOF', 'XPF',
]);
const THREE_DECIMAL = new Set(['BHD', 'JOD', 'KWD', 'OMR', 'TND']);

/** How many decimals the currency's major unit has at Stripe. */
export function exponent(currency: string): 0 | 2 | 3 {
  const code = currency.toUpperCase();
  if (ZERO_DECIMAL.has(code)) return 0;
  return THREE_DECIMAL.has(code) ? 3 : 2;
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
