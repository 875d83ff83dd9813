// Minor units as a person reads them: digits are moved, nothing is computed. The exponents are Stripe's.

import currencies from "../../../domain/tables/currencies.json" with { type: "json" };

const DIGITS = new Map(currencies.map(({ code, digits }) => [code.toUpperCase(), digits]));

export function money(amount, currency) {
  const places = DIGITS.get(currency) ?? 2;
  if (!Number.isSafeInteger(amount)) return `${amount} ${currency}`;
  const digits = String(Math.abs(amount)).padStart(places + 1, "0");
  const whole = digits.slice(0, digits.length - places);
  const decimals = places ? `.${digits.slice(-places)}` : "";
  return `${amount < 0 ? "−" : ""}${whole}${decimals} ${currency}`;
}
