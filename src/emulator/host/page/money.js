// Minor units as a person reads them: digits are moved, nothing is computed. The exponents are Stripe's.

const WITHOUT_DECIMALS = new Set([
  "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF",
]);
const WITH_THREE_DECIMALS = new Set(["BHD", "JOD", "KWD", "OMR", "TND"]);

export function money(amount, currency) {
  const places = WITHOUT_DECIMALS.has(currency) ? 0 : WITH_THREE_DECIMALS.has(currency) ? 3 : 2;
  if (!Number.isSafeInteger(amount)) return `${amount} ${currency}`;
  const digits = String(Math.abs(amount)).padStart(places + 1, "0");
  const whole = digits.slice(0, digits.length - places);
  const decimals = places ? `.${digits.slice(-places)}` : "";
  return `${amount < 0 ? "−" : ""}${whole}${decimals} ${currency}`;
}
