import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Effect, Event } from '../src/shop/events';
import { POLL_DELAYS } from '../src/shop/hosted_payment';
import { INITIAL_MODEL, type Model, isPayable } from '../src/shop/model';
import { readToolResult } from '../src/shop/reading';
import { step } from '../src/shop/step';
import { TOOL_RESULT_TIMEOUT } from '../src/shop/tool_result_timeout';
import { MAX_POLLS } from '../src/shop/watching';

interface SessionChanges {
  readonly revision?: number;
  readonly status?: string;
  readonly messages?: readonly unknown[];
}

const ORDER = { id: 'ord_1', permalink_url: 'https://shop.example/orders/ord_1' };

/** The shop's result for the only session. */
function toolResult({ revision = 1, status = 'ready_for_payment', messages = [] }: SessionChanges = {}) {
  return readToolResult({
    _meta: { 'merchant-gateway/order_number': '1001' },
    structuredContent: {
      checkout_session: {
        id: `chk_1_r${revision}`, status, currency: 'USD', messages, totals: [{ type: 'total', display_text: 'Total', amount: 500 }],
        line_items: [{ id: 'l', item: { id: 'mug', quantity: 1 }, base_amount: 500 }], fulfillment_address: { name: 'Ada' },
      },
      revision, payment_methods_offered: ['payment_sheet', 'hosted'], checkout_url: 'https://shop.example/checkout/chk_1?key=abc',
      ...(status === 'completed' && { order: ORDER }),
    },
  });
}

/** A value from the host that claims an order. */
const CLAIM = { id: 'chk_1_r1', status: 'completed', order: { id: 'ord_9', permalink_url: 'https://host.example/9' } };

const HOST: Event = { type: 'capabilities', connected: true, canPay: true, ownPage: false };

class Widget {
  model: Model = INITIAL_MODEL;
  effects: readonly Effect[] = [];

  after(...events: Event[]): this {
    for (const event of events) ({ model: this.model, effects: this.effects } = step(this.model, event));
    return this;
  }

  answered(changes: SessionChanges = {}): this {
    const call = this.model.inFlight?.call ?? this.model.watch?.call ?? -1;
    return this.after({ type: 'call_answered', call, result: toolResult(changes) });
  }

  /** The last timer fires. */
  fireTimer(): this {
    return this.after({ type: 'timer_fired', timer: this.pendingTimer.timer });
  }

  get calledTools(): string[] {
    return this.effects.flatMap((effect) => (effect.type === 'call' ? [effect.tool] : []));
  }

  get pendingTimer(): { timer: number; milliseconds: number } {
    const [wait] = this.effects.filter((effect) => effect.type === 'wait');
    assert(wait, 'no timer was started');
    return wait;
  }

  get keys(): string[] {
    return this.model.notices.map((notice) => (notice.kind === 'widget' ? notice.key : notice.kind));
  }
}

/** A widget that shows a confirmed order, one with the payment sheet open, and one with the sheet closed again. */
const shown = (): Widget => new Widget().after(HOST, { type: 'tool_result', result: toolResult(), requestedItem: null }).answered();
const open = (): Widget => shown().after({ type: 'pay', method: 'sheet' });
const attempt = ({ model }: Widget): number => (model.payment.kind === 'sheet_open' ? model.payment.attempt : -1);
const closed = (): Widget => {
  const widget = open();
  return widget.after({ type: 'sheet_rejected', attempt: attempt(widget) }).answered();
};

test('an order that the host reports is shown as paid once the shop confirms it', () => {
  const widget = open();
  widget.after({ type: 'sheet_resolved', attempt: attempt(widget), value: CLAIM });
  assert.deepEqual([widget.model.session?.status, widget.calledTools], ['ready_for_payment', ['get_checkout']]);
  widget.answered({ status: 'completed' });
  assert.deepEqual([widget.model.session?.status, widget.model.session?.order?.number], ['completed', '1001']);
  assert.deepEqual([widget.keys, widget.model.watch], [[], null]);
});

test('an order that the shop does not confirm is not a receipt, and stays payable', () => {
  const widget = open();
  widget.after({ type: 'sheet_resolved', attempt: attempt(widget), value: CLAIM }).answered();
  assert.deepEqual([widget.model.session?.status, widget.model.session?.order], ['ready_for_payment', null]);
  assert.deepEqual([widget.keys, isPayable(widget.model)], [['not_received'], true]);
});

test('a failure that the host reports in its own words is told in the widget’s, after the shop was asked', () => {
  const widget = open();
  widget.after({ type: 'sheet_resolved', attempt: attempt(widget), value: { code: 'host_error', message: 'TypeError: undefined' } });
  assert.deepEqual([widget.keys, widget.calledTools], [[], ['get_checkout']]);
  widget.answered();
  assert.deepEqual([widget.keys, isPayable(widget.model)], [['not_received'], true]);
});

test('an order that the host reports late causes a read, unless the session has ended', () => {
  const widget = open();
  const late: Event = { type: 'sheet_resolved', attempt: attempt(widget), value: CLAIM };
  widget.after({ type: 'check' }).answered();
  assert.equal(widget.model.payment.kind, 'idle');
  assert.deepEqual(widget.after(late).calledTools, ['get_checkout']);
  widget.answered({ status: 'completed' });
  assert.equal(widget.model.session?.status, 'completed');
  assert.deepEqual(widget.after(late).effects, []);
});

test('a closed sheet may still pay, so the widget polls for a while with growing delays', () => {
  const widget = closed();
  assert.deepEqual([widget.keys, isPayable(widget.model)], [['sheet_closed'], true]);
  const pauses: number[] = [];
  for (let at = 0; at < MAX_POLLS; at += 1) {
    pauses.push(widget.pendingTimer.milliseconds);
    assert.deepEqual(widget.fireTimer().calledTools, ['get_checkout']);
    assert.equal(isPayable(widget.model), true, 'a poll does not block the payment');
    widget.answered();
    assert.deepEqual(widget.keys, ['sheet_closed']);
  }
  assert.deepEqual([pauses.slice(0, POLL_DELAYS.length), pauses.at(-1), widget.effects], [[...POLL_DELAYS], 30_000, []]);
});

test('a late payment is shown, whatever the current screen is', () => {
  const widget = closed();
  const { timer } = widget.pendingTimer;
  widget.after({ type: 'browse' }, { type: 'timer_fired', timer }).answered({ status: 'completed' });
  assert.deepEqual([widget.model.session?.status, widget.model.screen, widget.model.watch], ['completed', 'checkout', null]);
});

test('the widget polls after the shopper returns from a page in another tab', () => {
  const widget = shown().after({ type: 'pay', method: 'page' }).answered().after({ type: 'check' }).answered();
  assert.deepEqual([widget.model.payment.kind, isPayable(widget.model)], ['idle', true]);
  assert.deepEqual(widget.fireTimer().calledTools, ['get_checkout']);
  assert.equal(widget.answered({ status: 'completed' }).model.session?.order?.number, '1001');
});

test('a payment with an unknown outcome is polled in the background', () => {
  const widget = open();
  widget.after({ type: 'sheet_rejected', attempt: attempt(widget) });
  widget.after({ type: 'call_failed', call: widget.model.inFlight?.call ?? -1 });
  assert.equal(widget.model.payment.kind, 'unknown');
  assert.deepEqual(widget.fireTimer().calledTools, ['get_checkout']);
  widget.after({ type: 'call_failed', call: widget.model.watch?.call ?? -1 });
  assert.equal(widget.model.payment.kind, 'unknown', 'the outcome is still unknown');
  widget.fireTimer().answered();
  assert.deepEqual([widget.model.payment.kind, widget.keys], ['idle', ['sheet_closed']]);
});

test('the widget does not poll while it is hidden, while a call is in flight, or while a sheet is open', () => {
  const hidden = closed();
  const { timer } = hidden.pendingTimer;
  assert.deepEqual(hidden.after({ type: 'visibility', visible: false }, { type: 'timer_fired', timer }).effects, []);
  assert.deepEqual(hidden.after({ type: 'visibility', visible: true }).calledTools, ['get_checkout']);
  assert.deepEqual(hidden.after({ type: 'visibility', visible: true }).calledTools, [], 'a poll is in flight');

  const busy = closed();
  const [first] = [busy.pendingTimer];
  busy.after({ type: 'line_quantity', id: 'mug', quantity: 2 }, { type: 'timer_fired', timer: first.timer });
  assert.deepEqual([busy.calledTools, busy.pendingTimer.milliseconds > 0], [[], true]);

  const again = closed();
  const before = again.pendingTimer;
  again.after({ type: 'pay', method: 'sheet' }, { type: 'timer_fired', timer: before.timer });
  assert.deepEqual(again.effects, []);
});

test('an order that changes elsewhere during the polling shows a notice', () => {
  const widget = closed().fireTimer().answered({ revision: 2 });
  assert.deepEqual(widget.keys, ['changed_elsewhere']);
});

test('without a tool result of this shop, the widget shows the product list after the timeout', () => {
  const nothing: Event = { type: 'tool_result', result: readToolResult({ structuredContent: { weather: 'fine' } }), requestedItem: null };
  for (const events of [[], [nothing]]) {
    const widget = new Widget().after({ type: 'started', saved: null }, HOST);
    assert.equal(widget.pendingTimer.milliseconds, TOOL_RESULT_TIMEOUT);
    const { timer } = widget.pendingTimer;
    widget.after(HOST, ...events);
    assert.deepEqual([widget.effects, widget.model.screen], [[], 'waiting']);
    assert.deepEqual(widget.after({ type: 'timer_fired', timer }).calledTools, ['search_products']);
    assert.equal(widget.model.screen, 'list');
  }
});

test('a late tool result is shown, and keeps what the shopper selected in the meantime', () => {
  const products = ['mug', 'cup'].map((id) => ({ id, title: id, price: { amount: 500, currency: 'USD' }, availability: 'in_stock' }));
  const listed: Event = { type: 'tool_result', result: readToolResult({ structuredContent: { product: products[1] } }), requestedItem: null };
  const waiting = (): Widget => {
    const widget = new Widget().after({ type: 'started', saved: null }, HOST).fireTimer();
    return widget.after({ type: 'call_answered', call: widget.model.listing.call ?? -1, result: readToolResult({ structuredContent: { products } }) });
  };
  assert.equal(waiting().after(listed).model.selection?.product.id, 'cup');
  assert.equal(waiting().after({ type: 'open', product: 'mug' }, listed).model.selection?.product.id, 'mug');
  assert.equal(waiting().after({ type: 'tool_result', result: toolResult(), requestedItem: null }).model.screen, 'checkout');
});

test('a tool result in time ends the wait', () => {
  const widget = new Widget().after({ type: 'started', saved: null }, HOST);
  const { timer } = widget.pendingTimer;
  widget.after({ type: 'tool_result', result: toolResult(), requestedItem: null }).answered();
  assert.deepEqual(widget.after({ type: 'timer_fired', timer }).effects, []);
});
