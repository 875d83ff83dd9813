import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toShopperText } from '../src/shop/messages';
import { INITIAL_MODEL } from '../src/shop/model';

test('the text for shoppers leaves out clauses for models and hosts', () => {
  for (const [content, shown] of [
    [
      'This payment could not be taken, and nothing was charged. Please pay on the shop\'s own page instead; start_hosted_checkout ' +
        'tells where it is. payment_data.token is not a Shared Payment Token. Send the Shared Payment Token (spt_…) that the ' +
        'payment sheet gave.',
      'This payment could not be taken, and nothing was charged. Please pay on the shop\'s own page instead.',
    ],
    [
      'The prices shown have expired; refresh the checkout with update_checkout and show it again.',
      'The prices shown have expired.',
    ],
    ['items[0].quantity is too large. Send a whole number from 1 to 999.', 'Items[0].quantity is too large.'],
  ] as const) {
    assert.equal(toShopperText(content, INITIAL_MODEL), shown);
  }
});
