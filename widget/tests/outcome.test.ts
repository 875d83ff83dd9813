import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSheetOutcome } from '../src/shop/outcome';

const answer = {
  id: 'chk_1_r1', status: 'completed', currency: 'USD', line_items: [], totals: [],
  order: { id: 'ord_1', checkout_session_id: 'chk_1_r1', permalink_url: 'https://shop.example/orders/ord_1' },
};

test('the widget finds an order, however the host wraps the result', () => {
  for (const value of [answer, { structuredContent: answer }, { result: answer }, { result: { structuredContent: answer } }]) {
    assert.deepEqual(readSheetOutcome(value), { report: 'order', messages: [] });
  }
});

test('a value without an order reports none', () => {
  for (const value of [{ ...answer, order: undefined }, { status: 'completed' }, null, 'paid', 1, []]) {
    assert.deepEqual(readSheetOutcome(value), { report: null, messages: [] });
  }
});

test('the outcome keeps the error messages of the shop, however the host wraps them', () => {
  const messages = [
    { type: 'error', code: 'payment_declined', content_type: 'plain', content: 'Declined.' },
    { type: 'info', content_type: 'plain', content: 'Hello.' },
  ];
  const declined = { ...answer, order: undefined, messages };
  for (const value of [declined, { structuredContent: declined, isError: true }, { result: { structuredContent: declined } }]) {
    const { report, messages: kept } = readSheetOutcome(value);
    assert.deepEqual([report, kept.map(({ content }) => content)], ['failure', ['Declined.']]);
  }
});

test('a failure in words of the host is known as a failure, and its words are dropped', () => {
  const block = { content: [{ type: 'text', text: 'payment_data.token is not a Shared Payment Token.' }], isError: true };
  for (const value of [{ code: 'host_error', message: 'TypeError: undefined' }, block, { result: block }]) {
    assert.deepEqual(readSheetOutcome(value), { report: 'failure', messages: [] });
  }
});
