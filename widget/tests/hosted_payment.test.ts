import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Effect, Event } from '../src/shop/events';
import { POLL_DELAYS } from '../src/shop/hosted_payment';
import { INITIAL_MODEL, type Model, isPayable, paymentMethods } from '../src/shop/model';
import { readToolResult } from '../src/shop/reading';
import { readSavedState, step, toSavedState } from '../src/shop/step';

const PAGE = 'https://shop.example/checkout/chk_1?key=abc';

/** The shop's result for the only session. */
function toolResult(changes: { revision?: number; status?: string; offered?: string[]; total?: number; messages?: unknown[]; beside?: object } = {}) {
  const { revision = 1, status = 'ready_for_payment', offered = ['payment_sheet', 'hosted'], total = 500, messages = [] } = changes;
  return readToolResult({
    _meta: { 'merchant-gateway/order_number': '1001' },
    structuredContent: {
      checkout_session: {
        id: `chk_1_r${revision}`, status, currency: 'USD', messages, totals: [{ type: 'total', display_text: 'Total', amount: total }],
        line_items: [{ id: 'l', item: { id: 'mug', quantity: 1 }, base_amount: 500 }],
        fulfillment_address: { name: 'Ada' },
      },
      revision, payment_methods_offered: offered, checkout_url: PAGE, ...changes.beside,
    },
  });
}

/** The widget, and the effects of the last event. */
class Widget {
  effects: readonly Effect[] = [];

  constructor(public model: Model = INITIAL_MODEL) {}

  after(...events: Event[]): this {
    for (const event of events) ({ model: this.model, effects: this.effects } = step(this.model, event));
    return this;
  }

  /** The shop answers the call in flight. */
  answered(changes: Parameters<typeof toolResult>[0] = {}): this {
    return this.after({ type: 'call_answered', call: this.model.inFlight?.call ?? -1, result: toolResult(changes) });
  }

  get calledTools(): string[] {
    return this.effects.flatMap((effect) => (effect.type === 'call' ? [effect.tool] : []));
  }

  get pendingTimer(): { timer: number; milliseconds: number } {
    const [wait] = this.effects.filter((effect) => effect.type === 'wait');
    assert(wait, 'no timer was started');
    return wait;
  }
}

/** A widget that shows a confirmed order. */
function shown(changes: Parameters<typeof toolResult>[0] = {}, canPay = false): Widget {
  const opening: Event = { type: 'tool_result', result: toolResult(changes), requestedItem: null };
  return new Widget().after({ type: 'capabilities', connected: true, canPay, ownPage: false }, opening).answered(changes);
}

function onHostedPage(): Widget {
  return shown().after({ type: 'pay', method: 'page' }).answered();
}

test('the payment sheet comes first where shop and host support it, else the hosted page where the shop has one', () => {
  const both = ['payment_sheet', 'hosted'];
  assert.deepEqual(paymentMethods(shown({ offered: both }, true).model), ['sheet', 'page']);
  assert.deepEqual(paymentMethods(shown({ offered: both }, false).model), ['page']);
  assert.deepEqual(paymentMethods(shown({ offered: ['hosted'] }, true).model), ['page']);
  assert.deepEqual(paymentMethods(shown({ offered: ['payment_sheet'] }, false).model), []);
  assert.equal(isPayable(shown({ offered: ['payment_sheet'] }, false).model), false);
  assert.deepEqual(paymentMethods(shown({ beside: { payment_methods_offered: undefined } }, true).model), ['sheet']);
});

test('an unavailable payment method opens nothing', () => {
  assert.deepEqual(shown({ offered: ['hosted'] }, true).after({ type: 'pay', method: 'sheet' }).effects, []);
  assert.deepEqual(shown({ offered: ['payment_sheet'] }, true).after({ type: 'pay', method: 'page' }).effects, []);
});

test('the hosted page opens after the shop has confirmed the shown order', () => {
  const widget = shown().after({ type: 'pay', method: 'page' });
  assert.deepEqual([widget.calledTools, widget.model.payment.kind], [['start_hosted_checkout'], 'opening_page']);
  assert.deepEqual(widget.after({ type: 'pay', method: 'page' }).effects, [], 'a double click calls once');
  widget.answered();
  assert.deepEqual(widget.effects[0], { type: 'open_page', url: PAGE });
  assert.equal(widget.pendingTimer.milliseconds, POLL_DELAYS[0]);
});

test('another revision, another total or an unpayable order opens nothing', () => {
  for (const changes of [{ revision: 2 }, { total: 600 }, { status: 'not_ready_for_payment' }, { beside: { checkout_url: 'javascript:alert(1)' } }]) {
    const widget = shown().after({ type: 'pay', method: 'page' }).answered(changes);
    assert.deepEqual([widget.effects, widget.model.payment.kind], [[], 'idle'], JSON.stringify(changes));
  }
  assert.deepEqual(
    shown().after({ type: 'pay', method: 'page' }).answered({ beside: { checkout_url: undefined } }).model.notices,
    [{ kind: 'widget', key: 'no_page' }],
  );
});

test('the delay between polls grows to half a minute, and starts again when the shopper returns', () => {
  const widget = onHostedPage();
  const pauses: number[] = [];
  for (let at = 0; at < 9; at += 1) {
    const { timer, milliseconds } = widget.pendingTimer;
    pauses.push(milliseconds);
    assert.deepEqual(widget.after({ type: 'timer_fired', timer: timer - 1 }).calledTools, [], 'another timer has no effect');
    assert.deepEqual(widget.after({ type: 'timer_fired', timer }).calledTools, ['get_checkout']);
    widget.answered();
  }
  assert.deepEqual(pauses, [...POLL_DELAYS, 30_000, 30_000]);
  assert.deepEqual(widget.after({ type: 'visibility', visible: true }).calledTools, ['get_checkout']);
  assert.deepEqual(widget.after({ type: 'visibility', visible: true }).calledTools, [], 'a poll is in flight');
  assert.equal(widget.answered().pendingTimer.milliseconds, POLL_DELAYS[0]);
});

test('a hidden widget does not poll', () => {
  const widget = onHostedPage();
  const { timer } = widget.pendingTimer;
  widget.after({ type: 'visibility', visible: false }, { type: 'timer_fired', timer });
  assert.deepEqual(widget.effects, []);
  assert.deepEqual(widget.after({ type: 'visibility', visible: true }).calledTools, ['get_checkout']);
  widget.after({ type: 'visibility', visible: false }).answered();
  assert.deepEqual(widget.effects, [], 'a result that arrives while the widget is hidden starts no poll');
});

test('a failed poll shows a notice, and the next poll follows', () => {
  const widget = onHostedPage();
  widget.after({ type: 'timer_fired', timer: widget.pendingTimer.timer });
  widget.after({ type: 'call_failed', call: widget.model.inFlight?.call ?? -1 });
  assert.deepEqual([widget.model.payment.kind, widget.model.notices], ['hosted_payment', [{ kind: 'widget', key: 'no_answer' }]]);
  widget.after({ type: 'timer_fired', timer: widget.pendingTimer.timer }).answered();
  assert.deepEqual([widget.model.payment.kind, widget.model.notices], ['hosted_payment', []]);
});

test('an order, a cancellation, an error or another revision ends the polling', () => {
  const resultOf = (changes: Parameters<typeof toolResult>[0]): Model =>
    onHostedPage().after({ type: 'visibility', visible: true }).answered(changes).model;
  const order = { order: { id: 'ord_1', permalink_url: 'https://shop.example/orders/ord_1' } };
  const paid = resultOf({ status: 'completed', beside: order });
  assert.deepEqual([paid.payment.kind, paid.session?.order?.number], ['idle', '1001']);
  assert.equal(resultOf({ status: 'canceled' }).payment.kind, 'idle');
  const declined = resultOf({ messages: [{ type: 'error', code: 'payment_declined', content: 'Declined.' }] });
  assert.deepEqual([declined.payment.kind, declined.notices], ['idle', [{ kind: 'widget', key: 'sheet_closed' }]]);
  const edited = resultOf({ revision: 2, total: 600 });
  assert.deepEqual([edited.payment.kind, edited.notices], ['idle', [{ kind: 'widget', key: 'changed_elsewhere' }]]);
  assert.equal(resultOf({ status: 'in_progress' }).payment.kind, 'hosted_payment', 'the shop is still processing the payment');
});

test('the shopper can open a page again that the host did not open', () => {
  const widget = onHostedPage().after({ type: 'open_page_failed' });
  assert.equal(widget.model.payment.kind === 'hosted_payment' && widget.model.payment.opened, false);
  widget.after({ type: 'open_again' });
  assert.deepEqual(widget.effects[0], { type: 'open_page', url: PAGE });
  assert.equal(widget.model.payment.kind === 'hosted_payment' && widget.model.payment.opened, true);
  assert.deepEqual(shown().after({ type: 'open_again' }).effects, [], 'no page was open');
});

test('the shopper can return to the order, also while a poll is in flight', () => {
  const widget = onHostedPage().after({ type: 'visibility', visible: true }, { type: 'check' });
  assert.deepEqual([widget.calledTools, widget.model.payment.kind], [['get_checkout'], 'checking']);
  assert.equal(widget.answered().model.payment.kind, 'idle');
  assert.equal(isPayable(widget.model), true);
});

test('a widget that is restored during a hosted payment resumes polling', () => {
  const saved = readSavedState(JSON.parse(JSON.stringify(toSavedState(onHostedPage().model))));
  const widget = new Widget().after({ type: 'started', saved }).answered();
  assert.equal(widget.model.payment.kind, 'hosted_payment');
  assert.equal(widget.pendingTimer.milliseconds, POLL_DELAYS[0]);
  const home = new Widget().after({ type: 'started', saved: readSavedState(toSavedState(shown().model)) }).answered();
  assert.equal(home.model.payment.kind, 'idle');
});
