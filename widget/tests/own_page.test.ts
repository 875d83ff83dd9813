import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Effect, Event } from '../src/shop/events';
import { NAVIGATION_TIMEOUT } from '../src/shop/hosted_payment';
import { INITIAL_MODEL, type Model, isPayable } from '../src/shop/model';
import { readToolResult } from '../src/shop/reading';
import { readSavedState, step } from '../src/shop/step';

interface SessionChanges {
  readonly id?: string;
  readonly revision?: number;
  readonly status?: string;
  readonly total?: number;
  readonly beside?: object;
}

const pageOf = (id: string): string => `https://shop.example/checkout/${id}?key=abc`;

/** The shop's result for a session. */
function toolResult({ id = 'chk_1', revision = 1, status = 'ready_for_payment', total = 500, beside = {} }: SessionChanges = {}) {
  return readToolResult({
    _meta: { 'merchant-gateway/order_number': '1001' },
    structuredContent: {
      checkout_session: {
        id: `${id}_r${revision}`, status, currency: 'USD', totals: [{ type: 'total', display_text: 'Total', amount: total }],
        line_items: [{ id: 'l', item: { id: 'mug', quantity: 2 }, base_amount: 500 }], fulfillment_address: { name: 'Ada' },
      },
      revision, payment_methods_offered: ['hosted'], checkout_url: pageOf(id), ...beside,
    },
  });
}

/** The widget as the shop's own page of `chk_1`. */
class Page {
  model: Model = INITIAL_MODEL;
  effects: readonly Effect[] = [];

  constructor() {
    this.after({ type: 'started', saved: readSavedState({ version: 1, session: 'chk_1' }) });
    assert.deepEqual(this.calledTools, ['get_checkout']);
    this.after({ type: 'capabilities', connected: true, canPay: false, ownPage: true });
  }

  after(...events: Event[]): this {
    for (const event of events) ({ model: this.model, effects: this.effects } = step(this.model, event));
    return this;
  }

  /** The shop answers the call in flight. */
  answered(changes: SessionChanges = {}): this {
    return this.after({ type: 'call_answered', call: this.model.inFlight?.call ?? -1, result: toolResult(changes) });
  }

  get calledTools(): string[] {
    return this.effects.flatMap((effect) => (effect.type === 'call' ? [effect.tool] : []));
  }
}

/** A page with a payable order, and a page that submits the payment. */
const shown = (): Page => new Page().answered();
const left = (): Page => shown().after({ type: 'pay', method: 'page' }).answered();

test('the page shows the order after one read, and nothing if that read fails', () => {
  const page = shown();
  assert.deepEqual([page.model.screen, isPayable(page.model), page.calledTools], ['checkout', true, []]);
  const silent = new Page();
  silent.after({ type: 'call_failed', call: silent.model.inFlight?.call ?? -1 });
  assert.equal(silent.model.screen, 'waiting');
});

test('the page submits the payment of the revision that the shop has just confirmed', () => {
  const page = shown().after({ type: 'pay', method: 'page' });
  assert.deepEqual([page.calledTools, page.model.payment.kind], [['start_hosted_checkout'], 'opening_page']);
  page.answered();
  const [go, wait, ...others] = page.effects;
  assert.deepEqual(go, { type: 'submit_payment', url: pageOf('chk_1'), revision: 1 });
  assert(wait?.type === 'wait' && wait.milliseconds === NAVIGATION_TIMEOUT && others.length === 0);
  assert.equal(isPayable(page.model), false);
  assert.deepEqual(page.after({ type: 'pay', method: 'page' }).effects, [], 'a second click submits once');
});

test('an order that differs from the shown order is shown and not paid', () => {
  for (const changes of [{ revision: 2 }, { total: 600 }, { status: 'not_ready_for_payment' }, { status: 'completed' }]) {
    const page = shown().after({ type: 'pay', method: 'page' }).answered(changes);
    assert.deepEqual([page.effects, page.model.payment.kind], [[], 'idle'], JSON.stringify(changes));
  }
});

test('a restored page reads the outcome of the payment from the shop', () => {
  const unpaid = left().after({ type: 'page_restored' });
  assert.deepEqual([unpaid.calledTools, unpaid.model.payment.kind], [['get_checkout'], 'checking']);
  assert.deepEqual(unpaid.after({ type: 'page_restored' }).effects, [], 'once');
  assert.equal(isPayable(unpaid.answered().model), true);
  assert.deepEqual(unpaid.model.notices, []);
  const order = { order: { id: 'ord_1', permalink_url: 'https://shop.example/orders/ord_1' } };
  const paid = left().after({ type: 'page_restored' }).answered({ status: 'completed', beside: order });
  assert.equal(paid.model.session?.order?.number, '1001');
  const busy = left().after({ type: 'page_restored' }).answered({ status: 'in_progress' });
  assert.equal(busy.model.payment.kind, 'confirming');
  const silent = left().after({ type: 'page_restored' });
  silent.after({ type: 'call_failed', call: silent.model.inFlight?.call ?? -1 });
  assert.equal(silent.model.payment.kind, 'unknown');
  assert.deepEqual(silent.after({ type: 'page_restored' }).calledTools, ['get_checkout']);
});

test('the wait for a stopped navigation ends at the timeout', () => {
  const page = left();
  const [, wait] = page.effects;
  assert(wait?.type === 'wait');
  page.after({ type: 'timer_fired', timer: wait.timer });
  assert.deepEqual(page.calledTools, ['get_checkout']);
  assert.equal(isPayable(page.answered().model), true);
  assert.deepEqual(page.after({ type: 'timer_fired', timer: wait.timer }).effects, [], 'an earlier timer has no effect');
});

test('a restarted order has its own page', () => {
  const ended = shown().after({ type: 'cancel' }).answered({ status: 'canceled' });
  assert.deepEqual(ended.after({ type: 'restart' }).calledTools, ['create_checkout']);
  ended.answered({ id: 'chk_2' });
  assert.deepEqual(ended.effects[0], { type: 'replace_page', url: pageOf('chk_2') });
  assert.equal(ended.model.session?.bareId, 'chk_2');
  ended.after({ type: 'pay', method: 'page' }).answered({ id: 'chk_2' });
  assert.deepEqual(ended.effects[0], { type: 'submit_payment', url: pageOf('chk_2'), revision: 1 });
  const pageless = shown().after({ type: 'cancel' }).answered({ status: 'canceled' }).after({ type: 'restart' });
  pageless.answered({ id: 'chk_2', beside: { checkout_url: undefined } });
  assert(pageless.effects.every((effect) => effect.type !== 'replace_page'));
});
