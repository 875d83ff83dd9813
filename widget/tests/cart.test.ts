import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_LINES, added, bounded, merged, replaced, toArguments } from '../src/shop/cart';

test('quantities stay within what the tools take', () => {
  assert.deepEqual([0, 1, 999, 1000, 1.5, Number.NaN].map(bounded), [1, 1, 999, 999, 1, 1]);
});

test('the same item twice is one line, and a full cart takes no other', () => {
  assert.deepEqual(added([{ id: 'a', quantity: 2 }], { id: 'a', quantity: 3 }), [{ id: 'a', quantity: 5 }]);
  const full = Array.from({ length: MAX_LINES }, (_, at) => ({ id: `i${at}`, quantity: 1 }));
  assert.equal(added(full, { id: 'more', quantity: 1 }), null);
  assert.equal(added(full, { id: 'i0', quantity: 1 })?.length, MAX_LINES);
});

test('a line changed to a variant that is there already joins it', () => {
  const cart = [{ id: 'a', quantity: 1 }, { id: 'b', quantity: 2 }];
  assert.deepEqual(replaced(cart, 'a', { id: 'b', quantity: 1 }), [{ id: 'b', quantity: 3 }]);
  assert.deepEqual(replaced(cart, 'a', { id: 'c', quantity: 4 }), [{ id: 'c', quantity: 4 }, { id: 'b', quantity: 2 }]);
});

test('a later change wins, and a new address lets go of the option that belonged to the old one', () => {
  const patch = merged({ optionId: 'express', items: [{ id: 'a', quantity: 1 }] }, { address: { city: 'Kyoto' } });
  assert.deepEqual(toArguments(patch), {
    items: [{ id: 'a', quantity: 1 }], fulfillment_address: { city: 'Kyoto' },
  });
});
