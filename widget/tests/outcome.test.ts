import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOutcome } from '../src/shop/outcome';

const answer = {
  id: 'chk_1_r1', status: 'completed', currency: 'USD', line_items: [], totals: [],
  order: { id: 'ord_1', checkout_session_id: 'chk_1_r1', permalink_url: 'https://shop.example/orders/ord_1' },
};

test('an order is found, however deep the host wraps the answer', () => {
  for (const value of [answer, { structuredContent: answer }, { result: answer }, { result: { structuredContent: answer } }]) {
    assert.deepEqual(readOutcome(value), { order: true, said: [] });
  }
});

test('without an order none is claimed, whatever else is', () => {
  for (const value of [{ ...answer, order: undefined }, { status: 'completed' }, null, 'paid', 1, []]) {
    assert.equal(readOutcome(value).order, false);
  }
});

test('what the host or the shop said of a failure is kept', () => {
  const messages = [{ type: 'error', code: 'payment_declined', content_type: 'plain', content: 'Declined.' }];
  const declined = readOutcome({ structuredContent: { ...answer, order: undefined, messages } });
  assert.deepEqual(declined.said.map(({ content }) => content), ['Declined.']);
  const failed = readOutcome({ code: 'host_error', message: 'The sheet broke.' });
  assert.deepEqual(failed.said.map(({ content }) => content), ['The sheet broke.']);
});
