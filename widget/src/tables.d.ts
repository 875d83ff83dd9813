// What `scripts/tables.mjs` makes of the gateway's tables.

declare module 'virtual:digits' {
  /** How many decimals a currency has at Stripe, by upper-case code, where they are not two. */
  const digits: Readonly<Record<string, 0 | 3>>;
  export default digits;
}

declare module 'virtual:needs' {
  /** Every country, and which fields its addresses must have: `c`ity, `r`egion, `p`ostal code. */
  const needs: Readonly<Record<string, string>>;
  export default needs;
}

declare module 'virtual:regions' {
  /** The regions to choose from, by country: `CA=California|…`. */
  const regions: Readonly<Record<string, string>>;
  export default regions;
}
