import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Effect, Event } from '../src/shop/events';
import { messagesToShow } from '../src/shop/messages';
import { INITIAL_MODEL, type Model } from '../src/shop/model';
import { readToolResult } from '../src/shop/reading';
import { step } from '../src/shop/step';

const FOR_MODELS = 'This checkout was canceled; start another one with create_checkout.';

interface Changes {
  readonly messages?: readonly unknown[];
  readonly meta?: object;
}

/** The shop's result for an order of two lines. */
function toolResult({ messages = [], meta = {} }: Changes = {}) {
  const line = (id: string): object => ({ id: `line-${id}`, item: { id, quantity: 1 }, name: id, base_amount: 500 });
  return readToolResult({
    _meta: meta,
    structuredContent: {
      checkout_session: {
        id: 'chk_1_r1', status: 'not_ready_for_payment', currency: 'USD', messages, totals: [],
        line_items: [line('mug'), line('tee-m')], fulfillment_address: { name: 'Ada' },
      },
      revision: 1,
    },
  });
}

/** The shop's refusal. Its text block is for models. */
function refusal(meta?: object) {
  return readToolResult({ isError: true, content: [{ type: 'text', text: FOR_MODELS }], ...(meta && { _meta: meta }) });
}

function after(model: Model, ...events: Event[]): { model: Model; effects: readonly Effect[] } {
  let effects: readonly Effect[] = [];
  for (const event of events) ({ model, effects } = step(model, event));
  return { model, effects };
}

/** A widget that shows an order, and the widget after the shop refuses a change of it. */
function shown(changes: Changes = {}): Model {
  const { model } = after(INITIAL_MODEL, { type: 'tool_result', result: toolResult(changes), requestedItem: null });
  return after(model, { type: 'call_answered', call: model.inFlight?.call ?? -1, result: toolResult(changes) }).model;
}
function refused(meta?: object): Model {
  const { model } = after(shown(), { type: 'line_quantity', id: 'mug', quantity: 2 });
  const { model: reading } = after(model, { type: 'call_answered', call: model.inFlight?.call ?? -1, result: refusal(meta) });
  return after(reading, { type: 'call_answered', call: reading.inFlight?.call ?? -1, result: toolResult() }).model;
}

test('the messages of the shop come through unchanged', () => {
  const contents = [
    'the mug "Sea" costs less; send_checkout is a word like any other',
    'Items[0].quantity: "tee-m". Send it again',
    '  Das Produkt „Tasse“ ist nicht verfügbar  ',
  ];
  const messages = contents.map((content) => ({ type: 'error', code: 'out_of_stock', param: 'line_items', content }));
  assert.deepEqual(messagesToShow(shown({ messages })).map(({ content }) => content), contents);
});

test('the same text is shown once, and the request for the first address not at all', () => {
  const first = { type: 'error', code: 'missing', param: 'fulfillment_address', content: 'A delivery address is needed.' };
  const other = { type: 'info', content: 'Hello.' };
  assert.deepEqual(messagesToShow(shown({ messages: [first, other, other] })).map(({ content }) => content), ['Hello.']);
});

test('the metadata names the lines that cannot be bought, and no text does', () => {
  const messages = [{ type: 'error', code: 'out_of_stock', param: 'line_items', content: '"mug" is not available' }];
  const about = (meta: object): readonly string[] | undefined => shown({ messages, meta }).session?.unavailableItems;
  assert.deepEqual(about({ 'merchant-gateway/unavailable_items': ['tee-m'] }), ['tee-m']);
  for (const meta of [{}, { 'merchant-gateway/unavailable_items': 'mug' }, { 'merchant-gateway/unavailable_items': [1, null] }]) {
    assert.deepEqual(about(meta), [], JSON.stringify(meta));
  }
});

test('the complete session in the metadata has the unavailable lines, too', () => {
  const { session } = toolResult();
  const meta = { 'merchant-gateway/checkout_session': session?.raw, 'merchant-gateway/unavailable_items': ['mug'] };
  assert.deepEqual(readToolResult({ _meta: meta, structuredContent: { revision: 1 } }).session?.unavailableItems, ['mug']);
});

test('a refusal shows the text for shoppers, and never the one for models', () => {
  assert.deepEqual(refused({ 'merchant-gateway/shopper_text': 'Diese Bestellung ist beendet.' }).notices, [
    { kind: 'refused', text: 'Diese Bestellung ist beendet.' },
  ]);
  for (const meta of [undefined, {}, { 'merchant-gateway/shopper_text': '' }, { 'merchant-gateway/shopper_text': ['x'] }]) {
    assert.deepEqual(refused(meta).notices, [{ kind: 'refused', text: null }], JSON.stringify(meta));
  }
});

test('a refusal that opens the widget is shown in the same way', () => {
  const opened = (meta?: object): Model =>
    after(INITIAL_MODEL, { type: 'tool_result', result: refusal(meta), requestedItem: null }).model;
  assert.deepEqual(opened({ 'merchant-gateway/shopper_text': 'Not here.' }).notices, [{ kind: 'refused', text: 'Not here.' }]);
  assert.deepEqual(opened().notices, [{ kind: 'refused', text: null }]);
});
