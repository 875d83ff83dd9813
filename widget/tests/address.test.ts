import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inCountry, missing, required } from '../src/shop/address';
import { countries, parts } from '../src/shop/places';

test('every state that there is can be chosen, and what is written on a parcel is sent', () => {
  const states = parts('US').map(({ code }) => code);
  for (const code of ['CA', 'DC', 'PR', 'GU', 'VI', 'AS', 'MP', 'AP']) assert.ok(states.includes(code), code);
  assert.deepEqual(parts('AU').find(({ code }) => code === 'NSW'), { code: 'NSW', name: 'New South Wales' });
  assert.deepEqual(parts('JP')[0], { code: 'Hokkaido', name: 'Hokkaido' });
  assert.deepEqual(parts('DE'), []);
});

test('the fields that an address must have are those of its country', () => {
  const of = (country: string) => required(country).filter((field) => ['city', 'state', 'postal_code'].includes(field));
  assert.deepEqual(of('US'), ['city', 'state', 'postal_code']);
  assert.deepEqual(of('DE'), ['city', 'postal_code']);
  assert.deepEqual(of('IT'), ['city', 'state', 'postal_code']);
  assert.deepEqual(of('SG'), ['postal_code']);
  assert.deepEqual(of('AG'), []);
  assert.deepEqual(missing({ name: 'Ada', line_one: '1 Mill Lane', city: 'Berlin', country: 'DE' }), ['postal_code']);
});

test('a region stays in another country only where that has one of the same letters', () => {
  assert.equal(inCountry({ state: 'wa' }, 'AU').state, 'WA');
  assert.equal(inCountry({ state: 'CA' }, 'DE').state, undefined);
});

test('a shop that does not say where it sells offers every country', () => {
  const all = countries([], 'en');
  assert.equal(all.length, 250);
  assert.ok(all.some(({ code, name }) => code === 'DE' && name === 'Germany'));
});
