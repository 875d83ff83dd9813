import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PAUSES } from '../src/shop/away';
import type { Effect, Event } from '../src/shop/events';
import { FIRST, type Model, payable } from '../src/shop/model';
import { PATIENCE } from '../src/shop/patience';
import { readAnswer } from '../src/shop/reading';
import { step } from '../src/shop/step';
import { LOOKS } from '../src/shop/watching';

interface Told {
  readonly revision?: number;
  readonly status?: string;
  readonly messages?: readonly unknown[];
}

const ORDER = { id: 'ord_1', permalink_url: 'https://shop.example/orders/ord_1' };

/** What the shop answers of the one session. */
function answer({ revision = 1, status = 'ready_for_payment', messages = [] }: Told = {}) {
  return readAnswer({
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

/** What a host gives that claims an order. */
const CLAIM = { id: 'chk_1_r1', status: 'completed', order: { id: 'ord_9', permalink_url: 'https://host.example/9' } };

const HOST: Event = { type: 'capable', connected: true, canPay: true, ownPage: false };

class Widget {
  model: Model = FIRST;
  effects: readonly Effect[] = [];

  after(...events: Event[]): this {
    for (const event of events) ({ model: this.model, effects: this.effects } = step(this.model, event));
    return this;
  }

  answered(told: Told = {}): this {
    const call = this.model.flight?.call ?? this.model.watch?.call ?? -1;
    return this.after({ type: 'answered', call, answer: answer(told) });
  }

  /** The timer rings that was set last. */
  rings(): this {
    return this.after({ type: 'woken', timer: this.waits.timer });
  }

  get asked(): string[] {
    return this.effects.flatMap((effect) => (effect.type === 'call' ? [effect.tool] : []));
  }

  get waits(): { timer: number; milliseconds: number } {
    const [wait] = this.effects.filter((effect) => effect.type === 'wait');
    assert(wait, 'nothing is waited for');
    return wait;
  }

  get keys(): string[] {
    return this.model.notices.map((notice) => (notice.kind === 'own' ? notice.key : notice.kind));
  }
}

/** An order that is shown and confirmed; the same with the sheet open. */
const shown = (): Widget => new Widget().after(HOST, { type: 'given', answer: answer(), asked: null }).answered();
const open = (): Widget => shown().after({ type: 'pay', way: 'sheet' });
const attempt = ({ model }: Widget): number => (model.payment.kind === 'open' ? model.payment.attempt : -1);
const closed = (): Widget => {
  const widget = open();
  return widget.after({ type: 'unpaid', attempt: attempt(widget) }).answered();
};

test('an order that the host tells of is shown as paid once the shop says so', () => {
  const widget = open();
  widget.after({ type: 'paid', attempt: attempt(widget), value: CLAIM });
  assert.deepEqual([widget.model.session?.status, widget.asked], ['ready_for_payment', ['get_checkout']]);
  widget.answered({ status: 'completed' });
  assert.deepEqual([widget.model.session?.status, widget.model.session?.order?.number], ['completed', '1001']);
  assert.deepEqual([widget.keys, widget.model.watch], [[], null]);
});

test('an order that the host made up is no receipt, and can be paid', () => {
  const widget = open();
  widget.after({ type: 'paid', attempt: attempt(widget), value: CLAIM }).answered();
  assert.deepEqual([widget.model.session?.status, widget.model.session?.order], ['ready_for_payment', null]);
  assert.deepEqual([widget.keys, payable(widget.model)], [['not_received'], true]);
});

test('an order that the host tells of late is asked for, unless nothing waits for it', () => {
  const widget = open();
  const late: Event = { type: 'paid', attempt: attempt(widget), value: CLAIM };
  widget.after({ type: 'check' }).answered();
  assert.equal(widget.model.payment.kind, 'idle');
  assert.deepEqual(widget.after(late).asked, ['get_checkout']);
  widget.answered({ status: 'completed' });
  assert.equal(widget.model.session?.status, 'completed');
  assert.deepEqual(widget.after(late).effects, []);
});

test('a sheet that was closed may still pay, so the shop is asked for a while, ever less often', () => {
  const widget = closed();
  assert.deepEqual([widget.keys, payable(widget.model)], [['sheet_closed'], true]);
  const pauses: number[] = [];
  for (let at = 0; at < LOOKS; at += 1) {
    pauses.push(widget.waits.milliseconds);
    assert.deepEqual(widget.rings().asked, ['get_checkout']);
    assert.equal(payable(widget.model), true, 'a look stands in nobody’s way');
    widget.answered();
    assert.deepEqual(widget.keys, ['sheet_closed']);
  }
  assert.deepEqual([pauses.slice(0, PAUSES.length), pauses.at(-1), widget.effects], [[...PAUSES], 30_000, []]);
});

test('what is paid after all is shown, wherever the shopper is', () => {
  const widget = closed();
  const { timer } = widget.waits;
  widget.after({ type: 'browse' }, { type: 'woken', timer }).answered({ status: 'completed' });
  assert.deepEqual([widget.model.session?.status, widget.model.screen, widget.model.watch], ['completed', 'checkout', null]);
});

test('a page that is open in another tab is looked after once the shopper is back', () => {
  const widget = shown().after({ type: 'pay', way: 'page' }).answered().after({ type: 'check' }).answered();
  assert.deepEqual([widget.model.payment.kind, payable(widget.model)], ['idle', true]);
  assert.deepEqual(widget.rings().asked, ['get_checkout']);
  assert.equal(widget.answered({ status: 'completed' }).model.session?.order?.number, '1001');
});

test('a payment that cannot be asked after is looked for by itself', () => {
  const widget = open();
  widget.after({ type: 'unpaid', attempt: attempt(widget) });
  widget.after({ type: 'lost', call: widget.model.flight?.call ?? -1 });
  assert.equal(widget.model.payment.kind, 'unsure');
  assert.deepEqual(widget.rings().asked, ['get_checkout']);
  widget.after({ type: 'lost', call: widget.model.watch?.call ?? -1 });
  assert.equal(widget.model.payment.kind, 'unsure', 'nothing is known yet');
  widget.rings().answered();
  assert.deepEqual([widget.model.payment.kind, widget.keys], ['idle', ['sheet_closed']]);
});

test('nobody looks on while nobody sees the widget, beside another call, or with a sheet open', () => {
  const hidden = closed();
  const { timer } = hidden.waits;
  assert.deepEqual(hidden.after({ type: 'seen', visible: false }, { type: 'woken', timer }).effects, []);
  assert.deepEqual(hidden.after({ type: 'seen', visible: true }).asked, ['get_checkout']);
  assert.deepEqual(hidden.after({ type: 'seen', visible: true }).asked, [], 'a look is under way');

  const busy = closed();
  const [first] = [busy.waits];
  busy.after({ type: 'line_quantity', id: 'mug', quantity: 2 }, { type: 'woken', timer: first.timer });
  assert.deepEqual([busy.asked, busy.waits.milliseconds > 0], [[], true]);

  const again = closed();
  const before = again.waits;
  again.after({ type: 'pay', way: 'sheet' }, { type: 'woken', timer: before.timer });
  assert.deepEqual(again.effects, []);
});

test('an order that was changed elsewhere while it was looked after is told', () => {
  const widget = closed().rings().answered({ revision: 2 });
  assert.deepEqual(widget.keys, ['changed_elsewhere']);
});

test('a host that gives nothing, or nothing of this shop, leaves the shopper before its products', () => {
  const nothing: Event = { type: 'given', answer: readAnswer({ structuredContent: { weather: 'fine' } }), asked: null };
  for (const events of [[], [nothing]]) {
    const widget = new Widget().after({ type: 'started', saved: null }, HOST);
    assert.equal(widget.waits.milliseconds, PATIENCE);
    const { timer } = widget.waits;
    widget.after(HOST, ...events);
    assert.deepEqual([widget.effects, widget.model.screen], [[], 'waiting']);
    assert.deepEqual(widget.after({ type: 'woken', timer }).asked, ['search_products']);
    assert.equal(widget.model.screen, 'list');
  }
});

test('what comes late is shown, and takes nothing away that was chosen meanwhile', () => {
  const products = ['mug', 'cup'].map((id) => ({ id, title: id, price: { amount: 500, currency: 'USD' }, availability: 'in_stock' }));
  const listed: Event = { type: 'given', answer: readAnswer({ structuredContent: { product: products[1] } }), asked: null };
  const waiting = (): Widget => {
    const widget = new Widget().after({ type: 'started', saved: null }, HOST).rings();
    return widget.after({ type: 'answered', call: widget.model.listing.call ?? -1, answer: readAnswer({ structuredContent: { products } }) });
  };
  assert.equal(waiting().after(listed).model.selection?.product.id, 'cup');
  assert.equal(waiting().after({ type: 'open', product: 'mug' }, listed).model.selection?.product.id, 'mug');
  assert.equal(waiting().after({ type: 'given', answer: answer(), asked: null }).model.screen, 'checkout');
});

test('what comes in time is waited for no longer', () => {
  const widget = new Widget().after({ type: 'started', saved: null }, HOST);
  const { timer } = widget.waits;
  widget.after({ type: 'given', answer: answer(), asked: null }).answered();
  assert.deepEqual(widget.after({ type: 'woken', timer }).effects, []);
});
