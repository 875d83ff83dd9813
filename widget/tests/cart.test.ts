import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_LINES, addItem, clampQuantity, mergePatches, replaceItem, toToolArguments } from '../src/shop/cart';

test('quantities stay within the limits of the tools', () => {
  assert.deepEqual([0, 1, 999, 1000, 1.5, Number.NaN].map(clampQuantity), [1, 1, 999, 999, 1, 1]);
});

test('the same item twice becomes one line, and a full cart accepts no other item', () => {
  assert.deepEqual(addItem([{ id: 'a', quantity: 2 }], { id: 'a', quantity: 3 }), [{ id: 'a', quantity: 5 }]);
  const full = Array.from({ length: MAX_LINES }, (_, at) => ({ id: `i${at}`, quantity: 1 }));
  assert.equal(addItem(full, { id: 'more', quantity: 1 }), null);
  assert.equal(addItem(full, { id: 'i0', quantity: 1 })?.length, MAX_LINES);
});

test('a line that changes to a variant in the cart merges with it', () => {
  const cart = [{ id: 'a', quantity: 1 }, { id: 'b', quantity: 2 }];
  assert.deepEqual(replaceItem(cart, 'a', { id: 'b', quantity: 1 }), [{ id: 'b', quantity: 3 }]);
  assert.deepEqual(replaceItem(cart, 'a', { id: 'c', quantity: 4 }), [{ id: 'c', quantity: 4 }, { id: 'b', quantity: 2 }]);
});

test('a later change wins, and a new address drops the shipping option of the old one', () => {
  const patch = mergePatches({ optionId: 'express', items: [{ id: 'a', quantity: 1 }] }, { address: { city: 'Kyoto' } });
  assert.deepEqual(toToolArguments(patch), {
    items: [{ id: 'a', quantity: 1 }], fulfillment_address: { city: 'Kyoto' },
  });
});
