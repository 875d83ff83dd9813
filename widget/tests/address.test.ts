import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changeCountry, missingFields, requiredFields } from '../src/shop/address';
import { countries, regionsOf } from '../src/shop/places';

test('the form lists every state, and sends the value that belongs on a parcel', () => {
  const states = regionsOf('US').map(({ code }) => code);
  for (const code of ['CA', 'DC', 'PR', 'GU', 'VI', 'AS', 'MP', 'AP']) assert.ok(states.includes(code), code);
  assert.deepEqual(regionsOf('AU').find(({ code }) => code === 'NSW'), { code: 'NSW', name: 'New South Wales' });
  assert.deepEqual(regionsOf('JP')[0], { code: 'Hokkaido', name: 'Hokkaido' });
  assert.deepEqual(regionsOf('DE'), []);
});

test('the country determines the required fields', () => {
  const of = (country: string) => requiredFields(country).filter((field) => ['city', 'state', 'postal_code'].includes(field));
  assert.deepEqual(of('US'), ['city', 'state', 'postal_code']);
  assert.deepEqual(of('DE'), ['city', 'postal_code']);
  assert.deepEqual(of('IT'), ['city', 'state', 'postal_code']);
  assert.deepEqual(of('SG'), ['postal_code']);
  assert.deepEqual(of('AG'), []);
  assert.deepEqual(missingFields({ name: 'Ada', line_one: '1 Mill Lane', city: 'Berlin', country: 'DE' }), ['postal_code']);
});

test('a change of country keeps the region only where the new country has the same code', () => {
  assert.equal(changeCountry({ state: 'wa' }, 'AU').state, 'WA');
  assert.equal(changeCountry({ state: 'CA' }, 'DE').state, undefined);
});

test('a shop without a list of countries offers every country', () => {
  const all = countries([], 'en');
  assert.equal(all.length, 250);
  assert.ok(all.some(({ code, name }) => code === 'DE' && name === 'Germany'));
});
