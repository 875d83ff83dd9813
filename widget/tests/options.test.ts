import assert from 'node:assert/strict';
import { test } from 'node:test';
import { axesOf, firstChoice, isOffered, selectedItem } from '../src/shop/options';
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

test('variants become one option per axis, in the order of the shop', () => {
  assert.deepEqual(axesOf(tee), [{ name: 'Colour', values: ['Moss', 'Oat'] }, { name: 'Size', values: ['S', 'M'] }]);
});

test('the initial selection is available, unless another variant was requested', () => {
  assert.deepEqual(firstChoice(tee, null), { Colour: 'Moss', Size: 'M' });
  assert.deepEqual(firstChoice(tee, 'oat-s'), { Colour: 'Oat', Size: 'S' });
});

test('a combination that does not exist or is unavailable is not offered', () => {
  assert.equal(isOffered(tee, { Colour: 'Oat', Size: 'S' }, 'Size', 'M'), false);
  assert.equal(isOffered(tee, { Colour: 'Moss', Size: 'M' }, 'Size', 'S'), false);
  assert.equal(isOffered(tee, { Colour: 'Moss', Size: 'M' }, 'Colour', 'Moss'), true);
  assert.equal(selectedItem(tee, { Colour: 'Oat', Size: 'M' }), null);
  assert.deepEqual(selectedItem(tee, { Colour: 'Oat', Size: 'S' })?.id, 'oat-s');
});

test('variants without distinguishing options are selected by their titles', () => {
  const plain = product(variant('a', {}), variant('b', {}));
  assert.deepEqual(axesOf(plain).map((axis) => axis.values), [['a', 'b']]);
  assert.deepEqual(axesOf(product()), []);
});
