import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import de from '../../src/protocol/texts/de.json';
import en from '../../src/protocol/texts/en.json';
import { fill, localizationFor } from '../src/text/catalogue';

/** The texts of all sections by their full keys, such as `widget.back`. */
function textsOf(value: unknown, key: string): [string, string][] {
  if (typeof value === 'string') return [[key, value]];
  assert(typeof value === 'object' && value !== null && !Array.isArray(value), `${key} is neither a text nor a section`);
  return Object.entries(value).flatMap(([name, member]) => textsOf(member, key ? `${key}.${name}` : name));
}

function placeholdersOf(text: string): string[] {
  return [...text.matchAll(/\{(\w*)\}/g)].map(([, name = '']) => name).sort();
}

/** The widget's source, without its catalogues. */
function source(folder = join(process.cwd(), 'src')): string {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /\.tsx?$/.test(name));
  return files.map((name) => readFileSync(join(folder, name), 'utf8')).join('\n');
}

test('every language has the same texts with the same placeholders', () => {
  const [reference, translated] = [textsOf(en, ''), textsOf(de, '')];
  assert.deepEqual(translated.map(([key]) => key).sort(), reference.map(([key]) => key).sort());
  const german = new Map(translated);
  for (const [key, text] of reference) {
    const translation = german.get(key) ?? '';
    assert.deepEqual(placeholdersOf(translation), placeholdersOf(text), key);
    for (const one of [text, translation]) {
      assert.equal(one.trim(), one, key);
      assert.notEqual(one, '', key);
      assert.doesNotMatch(one.replaceAll(/\{[a-z_]+\}/g, ''), /[{}]/, `${key} has a brace that belongs to no placeholder`);
    }
  }
});

test('the widget uses every text of its section, and fills exactly the placeholders that a text has', () => {
  const code = source();
  for (const [key, text] of Object.entries(en.widget)) {
    // The shop's kinds of totals name these keys.
    if (!key.startsWith('row_')) assert.match(code, new RegExp(`text\\.${key}\\b|'${key}'`), `${key} is not used`);
    const uses = code.match(new RegExp(`text\\.${key}\\b`, 'g')) ?? [];
    const fillings = [...code.matchAll(new RegExp(`fill\\(text\\.${key}, \\{([^}]*)\\}\\)`, 'g'))];
    const wanted = placeholdersOf(text);
    assert.equal(fillings.length, wanted.length > 0 ? uses.length : 0, `${key} is filled where it has placeholders`);
    for (const [, values = ''] of fillings) {
      const given = values.split(/,(?![^(]*\))/).map((value) => value.trim().split(':')[0]).sort();
      assert.deepEqual(given, wanted, key);
    }
  }
});

test('values are put in literally, and a missing value is visible', () => {
  assert.equal(fill('{name} costs {after}, not {before}.', { name: '{after} $& $1', after: '$5', before: 4 }), '{after} $& $1 costs $5, not 4.');
  assert.equal(fill('{number} of {count}', { count: 2 }), '{number} of 2');
});

test('the language of a locale chooses the texts, and English stands in for a language without any', () => {
  assert.deepEqual([localizationFor('de_at').text.back, localizationFor('de_at').locale], ['Zurück', 'de-AT']);
  assert.deepEqual([localizationFor('fr-FR').text.back, localizationFor('fr-FR').locale], ['Back', 'en-US']);
  assert.equal(localizationFor('constructor').language, 'en');
});
