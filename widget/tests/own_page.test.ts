import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LEAVING } from '../src/shop/away';
import type { Effect, Event } from '../src/shop/events';
import { FIRST, type Model, payable } from '../src/shop/model';
import { readAnswer } from '../src/shop/reading';
import { readSaved, step } from '../src/shop/step';

interface Told {
  readonly id?: string;
  readonly revision?: number;
  readonly status?: string;
  readonly total?: number;
  readonly beside?: object;
}

const pageOf = (id: string): string => `https://shop.example/checkout/${id}?key=abc`;

/** What the shop answers of a session. */
function answer({ id = 'chk_1', revision = 1, status = 'ready_for_payment', total = 500, beside = {} }: Told = {}) {
  return readAnswer({
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

/** The widget as the shop's page of `chk_1`. */
class Page {
  model: Model = FIRST;
  effects: readonly Effect[] = [];

  constructor() {
    this.after({ type: 'started', saved: readSaved({ version: 1, session: 'chk_1' }) });
    assert.deepEqual(this.asked, ['get_checkout']);
    this.after({ type: 'capable', connected: true, canPay: false, ownPage: true });
  }

  after(...events: Event[]): this {
    for (const event of events) ({ model: this.model, effects: this.effects } = step(this.model, event));
    return this;
  }

  /** The shop answers the call under way. */
  answered(told: Told = {}): this {
    return this.after({ type: 'answered', call: this.model.flight?.call ?? -1, answer: answer(told) });
  }

  get asked(): string[] {
    return this.effects.flatMap((effect) => (effect.type === 'call' ? [effect.tool] : []));
  }
}

/** A page whose order can be paid, and one that is being left for it. */
const shown = (): Page => new Page().answered();
const left = (): Page => shown().after({ type: 'pay', way: 'page' }).answered();

test('the order is shown from one reading; when that fails nothing is', () => {
  const page = shown();
  assert.deepEqual([page.model.screen, payable(page.model), page.asked], ['checkout', true, []]);
  const silent = new Page();
  silent.after({ type: 'lost', call: silent.model.flight?.call ?? -1 });
  assert.equal(silent.model.screen, 'waiting');
});

test('paying leaves for the payment of the revision that the shop has just confirmed', () => {
  const page = shown().after({ type: 'pay', way: 'page' });
  assert.deepEqual([page.asked, page.model.payment.kind], [['start_hosted_checkout'], 'leaving']);
  page.answered();
  const [go, wait, ...others] = page.effects;
  assert.deepEqual(go, { type: 'go_on', url: pageOf('chk_1'), revision: 1 });
  assert(wait?.type === 'wait' && wait.milliseconds === LEAVING && others.length === 0);
  assert.equal(payable(page.model), false);
  assert.deepEqual(page.after({ type: 'pay', way: 'page' }).effects, [], 'a second click leaves once');
});

test('an order that is not what was shown is shown instead of being paid', () => {
  for (const told of [{ revision: 2 }, { total: 600 }, { status: 'not_ready_for_payment' }, { status: 'completed' }]) {
    const page = shown().after({ type: 'pay', way: 'page' }).answered(told);
    assert.deepEqual([page.effects, page.model.payment.kind], [[], 'idle'], JSON.stringify(told));
  }
});

test('back on the page, the shop is asked what became of the order', () => {
  const unpaid = left().after({ type: 'returned' });
  assert.deepEqual([unpaid.asked, unpaid.model.payment.kind], [['get_checkout'], 'checking']);
  assert.deepEqual(unpaid.after({ type: 'returned' }).effects, [], 'once');
  assert.equal(payable(unpaid.answered().model), true);
  assert.deepEqual(unpaid.model.notices, []);
  const order = { order: { id: 'ord_1', permalink_url: 'https://shop.example/orders/ord_1' } };
  const paid = left().after({ type: 'returned' }).answered({ status: 'completed', beside: order });
  assert.equal(paid.model.session?.order?.number, '1001');
  const busy = left().after({ type: 'returned' }).answered({ status: 'in_progress' });
  assert.equal(busy.model.payment.kind, 'confirming');
  const silent = left().after({ type: 'returned' });
  silent.after({ type: 'lost', call: silent.model.flight?.call ?? -1 });
  assert.equal(silent.model.payment.kind, 'unsure');
  assert.deepEqual(silent.after({ type: 'returned' }).asked, ['get_checkout']);
});

test('a browser that was stopped on its way is not waited for without end', () => {
  const page = left();
  const [, wait] = page.effects;
  assert(wait?.type === 'wait');
  page.after({ type: 'woken', timer: wait.timer });
  assert.deepEqual(page.asked, ['get_checkout']);
  assert.equal(payable(page.answered().model), true);
  assert.deepEqual(page.after({ type: 'woken', timer: wait.timer }).effects, [], 'a timer of before is none of it');
});

test('an order that is begun again has a page of its own', () => {
  const ended = shown().after({ type: 'cancel' }).answered({ status: 'canceled' });
  assert.deepEqual(ended.after({ type: 'restart' }).asked, ['create_checkout']);
  ended.answered({ id: 'chk_2' });
  assert.deepEqual(ended.effects[0], { type: 'become', url: pageOf('chk_2') });
  assert.equal(ended.model.session?.bareId, 'chk_2');
  ended.after({ type: 'pay', way: 'page' }).answered({ id: 'chk_2' });
  assert.deepEqual(ended.effects[0], { type: 'go_on', url: pageOf('chk_2'), revision: 1 });
  const pageless = shown().after({ type: 'cancel' }).answered({ status: 'canceled' }).after({ type: 'restart' });
  pageless.answered({ id: 'chk_2', beside: { checkout_url: undefined } });
  assert(pageless.effects.every((effect) => effect.type !== 'become'));
});
