// The modules that `scripts/tables.mjs` generates from the gateway's tables.

declare module 'virtual:digits' {
  /** The number of decimals of each currency at Stripe, by upper-case code, where it is not two. */
  const digits: Readonly<Record<string, 0 | 3>>;
  export default digits;
}

declare module 'virtual:needs' {
  /** The fields that the addresses of each country require: `c`ity, `r`egion, `p`ostal code. */
  const needs: Readonly<Record<string, string>>;
  export default needs;
}

declare module 'virtual:regions' {
  /** The selectable regions of each country: `CA=California|…`. */
  const regions: Readonly<Record<string, string>>;
  export default regions;
}
