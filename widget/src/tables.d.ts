// What `scripts/tables.mjs` makes of the gateway's tables.

declare module 'virtual:digits' {
  /** How many decimals a currency has at Stripe, by upper-case code, where they are not two. */
  const digits: Readonly<Record<string, 0 | 3>>;
  export default digits;
}
