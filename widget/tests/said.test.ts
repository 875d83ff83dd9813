import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIRST } from '../src/shop/model';
import { forShopper } from '../src/shop/said';

test('what is meant for models and hosts is left out for shoppers', () => {
  for (const [said, told] of [
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
    assert.equal(forShopper(said, FIRST), told);
  }
});
