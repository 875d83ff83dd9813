import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSheetOutcome } from '../src/shop/outcome';

const answer = {
  id: 'chk_1_r1', status: 'completed', currency: 'USD', line_items: [], totals: [],
  order: { id: 'ord_1', checkout_session_id: 'chk_1_r1', permalink_url: 'https://shop.example/orders/ord_1' },
};

test('the widget finds an order, however the host wraps the result', () => {
  for (const value of [answer, { structuredContent: answer }, { result: answer }, { result: { structuredContent: answer } }]) {
    assert.deepEqual(readSheetOutcome(value), { order: true, messages: [] });
  }
});

test('a value without an order reports none', () => {
  for (const value of [{ ...answer, order: undefined }, { status: 'completed' }, null, 'paid', 1, []]) {
    assert.equal(readSheetOutcome(value).order, false);
  }
});

test('the outcome keeps the failure messages of the host and the shop', () => {
  const messages = [{ type: 'error', code: 'payment_declined', content_type: 'plain', content: 'Declined.' }];
  const declined = readSheetOutcome({ structuredContent: { ...answer, order: undefined, messages } });
  assert.deepEqual(declined.messages.map(({ content }) => content), ['Declined.']);
  const failed = readSheetOutcome({ code: 'host_error', message: 'The sheet broke.' });
  assert.deepEqual(failed.messages.map(({ content }) => content), ['The sheet broke.']);
});
