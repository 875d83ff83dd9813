import assert from 'node:assert/strict';
import { test } from 'node:test';
import { axesOf, buyable, firstChoice, isOffered } from '../src/shop/options';
import type { Product, Variant } from '../src/shop/wire';

function variant(id: string, options: Record<string, string>, available = true): Variant {
  const named = Object.entries(options).map(([name, value]) => ({ name, value }));
  return { id, title: Object.values(options).join(', ') || id, options: named, price: { amount: 1, currency: 'USD' }, available };
}

function product(...variants: Variant[]): Product {
  const price = { amount: 1, currency: 'USD' };
  return { id: 'tee', title: 'Tee', description: '', images: [], price, priceVaries: false, available: true, variants };
}

const tee = product(
  variant('moss-s', { Colour: 'Moss', Size: 'S' }, false),
  variant('moss-m', { Colour: 'Moss', Size: 'M' }),
  variant('oat-s', { Colour: 'Oat', Size: 'S' }),
);

test('variants become one choice per axis, in the order of the shop', () => {
  assert.deepEqual(axesOf(tee), [{ name: 'Colour', values: ['Moss', 'Oat'] }, { name: 'Size', values: ['S', 'M'] }]);
});

test('the first choice can be bought, unless another variant was asked for', () => {
  assert.deepEqual(firstChoice(tee, null), { Colour: 'Moss', Size: 'M' });
  assert.deepEqual(firstChoice(tee, 'oat-s'), { Colour: 'Oat', Size: 'S' });
});

test('a combination that does not exist or is gone is not offered', () => {
  assert.equal(isOffered(tee, { Colour: 'Oat', Size: 'S' }, 'Size', 'M'), false);
  assert.equal(isOffered(tee, { Colour: 'Moss', Size: 'M' }, 'Size', 'S'), false);
  assert.equal(isOffered(tee, { Colour: 'Moss', Size: 'M' }, 'Colour', 'Moss'), true);
  assert.equal(buyable(tee, { Colour: 'Oat', Size: 'M' }), null);
  assert.deepEqual(buyable(tee, { Colour: 'Oat', Size: 'S' })?.id, 'oat-s');
});

test('variants that no options tell apart are chosen by their titles', () => {
  const plain = product(variant('a', {}), variant('b', {}));
  assert.deepEqual(axesOf(plain).map((axis) => axis.values), [['a', 'b']]);
  assert.deepEqual(axesOf(product()), []);
});
