// The tables of the gateway that the page needs, cut down to what it reads of them.

import { readFileSync } from 'node:fs';

const CURRENCIES = new URL('../../src/domain/tables/currencies.json', import.meta.url);

/** How many decimals each currency has at Stripe, where they are not two. */
function digits() {
  const rows = JSON.parse(readFileSync(CURRENCIES, 'utf8'));
  return Object.fromEntries(rows.filter((row) => row.digits !== 2).map((row) => [row.code.toUpperCase(), row.digits]));
}

const MODULES = { 'virtual:digits': digits };

/** A Vite plugin. */
export function tables() {
  return {
    name: 'tables',
    resolveId: (id) => (id in MODULES ? `\0${id}` : null),
    load: (id) => (id.slice(1) in MODULES ? `export default ${JSON.stringify(MODULES[id.slice(1)]())};` : null),
  };
}
