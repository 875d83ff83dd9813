// The tables of the gateway that the page needs, cut down to what it reads of them.

import { readFileSync } from 'node:fs';

// The countries whose regions are chosen from a list: of the others, the shop knows a region by whatever name is typed.
const CHOSEN = ['AE', 'AU', 'BR', 'CA', 'HK', 'IN', 'JP', 'KR', 'MX', 'TW', 'US'];

function table(name) {
  return JSON.parse(readFileSync(new URL(`../../src/domain/tables/${name}.json`, import.meta.url), 'utf8'));
}

/** How many decimals each currency has at Stripe, where they are not two. */
function digits() {
  const rows = table('currencies').filter((row) => row.digits !== 2);
  return Object.fromEntries(rows.map((row) => [row.code.toUpperCase(), row.digits]));
}

/** Which fields the addresses of each country must have: `c`ity, `r`egion, `p`ostal code. */
function needs() {
  const letters = (row) => ['city', 'region', 'postal'].filter((field) => row[field] === 'required').map((field) => field[0]);
  return Object.fromEntries(table('places').map((row) => [row.code, letters(row).join('')]));
}

/** The regions to choose from: `CA=California|…`. */
function regions() {
  const text = (row) => row.regions.map(({ key, name }) => (key === name ? key : `${key}=${name}`)).join('|');
  return Object.fromEntries(table('places').filter(({ code }) => CHOSEN.includes(code)).map((row) => [row.code, text(row)]));
}

const MODULES = { 'virtual:digits': digits, 'virtual:needs': needs, 'virtual:regions': regions };

/** A Vite plugin. */
export function tables() {
  return {
    name: 'tables',
    resolveId: (id) => (id in MODULES ? `\0${id}` : null),
    load: (id) => (id.slice(1) in MODULES ? `export default ${JSON.stringify(MODULES[id.slice(1)]())};` : null),
  };
}
