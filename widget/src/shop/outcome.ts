// What the host's payment sheet gave back, read liberally: hosts hand on the shop's answer bare, or as the whole tool
// result, or an error of their own. Pure.
//
// Invariant: only an order says paid. Everything else is asked of the shop before a word is said about money.

import { fields, readAnswer, readMessages, readOrder, readSession } from './reading';
import type { Message, Order, Session } from './wire';

export type Outcome =
  | { readonly kind: 'paid'; readonly order: Order; readonly session: Session | null }
  | { readonly kind: 'unpaid'; readonly said: readonly Message[] };

export function readOutcome(value: unknown): Outcome {
  const inner = fields(value)?.['result'];
  const candidates = [value, fields(value)?.['structuredContent'], inner, fields(inner)?.['structuredContent']];
  for (const candidate of candidates) {
    const answer = fields(candidate);
    const order = readOrder(answer?.['order']);
    // The whole answer is a receipt: the rows that were charged.
    if (answer && order) return { kind: 'paid', order, session: readSession(answer, answer, false) };
  }
  return { kind: 'unpaid', said: said(value) };
}

function said(value: unknown): readonly Message[] {
  const answer = fields(value);
  if (!answer) return [];
  const content = fields(answer['structuredContent']) ?? answer;
  const messages = readMessages(content['messages']).filter((message) => message.type === 'error');
  if (messages.length > 0) return messages;
  if (typeof content['message'] === 'string' && content['message'] !== '') {
    const code = typeof content['code'] === 'string' ? content['code'] : null;
    return [{ type: 'error', code, param: null, content: content['message'] }];
  }
  const result = readAnswer(value);
  return result.isError && result.text ? [{ type: 'error', code: null, param: null, content: result.text }] : [];
}
