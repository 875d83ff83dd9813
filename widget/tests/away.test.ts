import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PAUSES } from '../src/shop/away';
import type { Effect, Event } from '../src/shop/events';
import { FIRST, type Model, payable, waysToPay } from '../src/shop/model';
import { readAnswer } from '../src/shop/reading';
import { readSaved, step, toSave } from '../src/shop/step';

const PAGE = 'https://shop.example/checkout/chk_1?key=abc';

/** What the shop answers of the one session. */
function answer(changes: { revision?: number; status?: string; offered?: string[]; total?: number; messages?: unknown[]; beside?: object } = {}) {
  const { revision = 1, status = 'ready_for_payment', offered = ['payment_sheet', 'hosted'], total = 500, messages = [] } = changes;
  return readAnswer({
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

/** The widget under events, and the effects of the last one. */
class Widget {
  effects: readonly Effect[] = [];

  constructor(public model: Model = FIRST) {}

  after(...events: Event[]): this {
    for (const event of events) ({ model: this.model, effects: this.effects } = step(this.model, event));
    return this;
  }

  /** The shop answers the call under way. */
  answered(changes: Parameters<typeof answer>[0] = {}): this {
    return this.after({ type: 'answered', call: this.model.flight?.call ?? -1, answer: answer(changes) });
  }

  get asked(): string[] {
    return this.effects.flatMap((effect) => (effect.type === 'call' ? [effect.tool] : []));
  }

  get waits(): { timer: number; milliseconds: number } {
    const [wait] = this.effects.filter((effect) => effect.type === 'wait');
    assert(wait, 'nothing is waited for');
    return wait;
  }
}

/** An order that is shown and confirmed. */
function shown(changes: Parameters<typeof answer>[0] = {}, canPay = false): Widget {
  const given: Event = { type: 'given', answer: answer(changes), asked: null };
  return new Widget().after({ type: 'capable', connected: true, canPay, ownPage: false }, given).answered(changes);
}

function away(): Widget {
  return shown().after({ type: 'pay', way: 'page' }).answered();
}

test('the sheet goes first where both shop and host have it, else the page where the shop has one', () => {
  const both = ['payment_sheet', 'hosted'];
  assert.deepEqual(waysToPay(shown({ offered: both }, true).model), ['sheet', 'page']);
  assert.deepEqual(waysToPay(shown({ offered: both }, false).model), ['page']);
  assert.deepEqual(waysToPay(shown({ offered: ['hosted'] }, true).model), ['page']);
  assert.deepEqual(waysToPay(shown({ offered: ['payment_sheet'] }, false).model), []);
  assert.equal(payable(shown({ offered: ['payment_sheet'] }, false).model), false);
  assert.deepEqual(waysToPay(shown({ beside: { payment_methods_offered: undefined } }, true).model), ['sheet']);
});

test('a way that is not there opens nothing', () => {
  assert.deepEqual(shown({ offered: ['hosted'] }, true).after({ type: 'pay', way: 'sheet' }).effects, []);
  assert.deepEqual(shown({ offered: ['payment_sheet'] }, true).after({ type: 'pay', way: 'page' }).effects, []);
});

test('the page is opened once the shop has confirmed the order that is shown', () => {
  const widget = shown().after({ type: 'pay', way: 'page' });
  assert.deepEqual([widget.asked, widget.model.payment.kind], [['start_hosted_checkout'], 'leaving']);
  assert.deepEqual(widget.after({ type: 'pay', way: 'page' }).effects, [], 'a double click asks once');
  widget.answered();
  assert.deepEqual(widget.effects[0], { type: 'open_page', url: PAGE });
  assert.equal(widget.waits.milliseconds, PAUSES[0]);
});

test('another revision, another total or an order that cannot be paid opens nothing', () => {
  for (const changes of [{ revision: 2 }, { total: 600 }, { status: 'not_ready_for_payment' }, { beside: { checkout_url: 'javascript:alert(1)' } }]) {
    const widget = shown().after({ type: 'pay', way: 'page' }).answered(changes);
    assert.deepEqual([widget.effects, widget.model.payment.kind], [[], 'idle'], JSON.stringify(changes));
  }
  assert.deepEqual(
    shown().after({ type: 'pay', way: 'page' }).answered({ beside: { checkout_url: undefined } }).model.notices,
    [{ kind: 'own', key: 'no_page' }],
  );
});

test('pauses grow to half a minute and go on, and start anew when the shopper comes back', () => {
  const widget = away();
  const pauses: number[] = [];
  for (let at = 0; at < 9; at += 1) {
    const { timer, milliseconds } = widget.waits;
    pauses.push(milliseconds);
    assert.deepEqual(widget.after({ type: 'woken', timer: timer - 1 }).asked, [], 'another timer is none of it');
    assert.deepEqual(widget.after({ type: 'woken', timer }).asked, ['get_checkout']);
    widget.answered();
  }
  assert.deepEqual(pauses, [...PAUSES, 30_000, 30_000]);
  assert.deepEqual(widget.after({ type: 'seen', visible: true }).asked, ['get_checkout']);
  assert.deepEqual(widget.after({ type: 'seen', visible: true }).asked, [], 'a look is under way');
  assert.equal(widget.answered().waits.milliseconds, PAUSES[0]);
});

test('nobody is asked while nobody looks', () => {
  const widget = away();
  const { timer } = widget.waits;
  widget.after({ type: 'seen', visible: false }, { type: 'woken', timer });
  assert.deepEqual(widget.effects, []);
  assert.deepEqual(widget.after({ type: 'seen', visible: true }).asked, ['get_checkout']);
  widget.after({ type: 'seen', visible: false }).answered();
  assert.deepEqual(widget.effects, [], 'an answer that comes while nobody looks is the last one');
});

test('a look that fails is told and followed by the next one', () => {
  const widget = away();
  widget.after({ type: 'woken', timer: widget.waits.timer });
  widget.after({ type: 'lost', call: widget.model.flight?.call ?? -1 });
  assert.deepEqual([widget.model.payment.kind, widget.model.notices], ['away', [{ kind: 'own', key: 'no_answer' }]]);
  widget.after({ type: 'woken', timer: widget.waits.timer }).answered();
  assert.deepEqual([widget.model.payment.kind, widget.model.notices], ['away', []]);
});

test('what ends the waiting: an order, an end, an error, another revision', () => {
  const look = (changes: Parameters<typeof answer>[0]): Model =>
    away().after({ type: 'seen', visible: true }).answered(changes).model;
  const order = { order: { id: 'ord_1', permalink_url: 'https://shop.example/orders/ord_1' } };
  const paid = look({ status: 'completed', beside: order });
  assert.deepEqual([paid.payment.kind, paid.session?.order?.number], ['idle', '1001']);
  assert.equal(look({ status: 'canceled' }).payment.kind, 'idle');
  const declined = look({ messages: [{ type: 'error', code: 'payment_declined', content: 'Declined.' }] });
  assert.deepEqual([declined.payment.kind, declined.notices], ['idle', [{ kind: 'own', key: 'sheet_closed' }]]);
  const edited = look({ revision: 2, total: 600 });
  assert.deepEqual([edited.payment.kind, edited.notices], ['idle', [{ kind: 'own', key: 'changed_elsewhere' }]]);
  assert.equal(look({ status: 'in_progress' }).payment.kind, 'away', 'the shop is still working on it');
});

test('a page that the host did not open can be opened again', () => {
  const widget = away().after({ type: 'unopened' });
  assert.equal(widget.model.payment.kind === 'away' && widget.model.payment.opened, false);
  widget.after({ type: 'open_again' });
  assert.deepEqual(widget.effects[0], { type: 'open_page', url: PAGE });
  assert.equal(widget.model.payment.kind === 'away' && widget.model.payment.opened, true);
  assert.deepEqual(shown().after({ type: 'open_again' }).effects, [], 'before it was opened at all');
});

test('the shopper can have the order back, also while the shop is being asked', () => {
  const widget = away().after({ type: 'seen', visible: true }, { type: 'check' });
  assert.deepEqual([widget.asked, widget.model.payment.kind], [['get_checkout'], 'checking']);
  assert.equal(widget.answered().model.payment.kind, 'idle');
  assert.equal(payable(widget.model), true);
});

test('drawn anew while the shopper is away, the widget goes on waiting', () => {
  const saved = readSaved(JSON.parse(JSON.stringify(toSave(away().model))));
  const widget = new Widget().after({ type: 'started', saved }).answered();
  assert.equal(widget.model.payment.kind, 'away');
  assert.equal(widget.waits.milliseconds, PAUSES[0]);
  const home = new Widget().after({ type: 'started', saved: readSaved(toSave(shown().model)) }).answered();
  assert.equal(home.model.payment.kind, 'idle');
});
