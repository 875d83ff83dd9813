// What the host's payment sheet gave back, read liberally: hosts hand on the shop's answer bare, or as the whole tool
// result, or an error of their own. Pure.
//
// Invariant: this is the host's word, and no receipt. Whatever it is, the shop is asked before a word is said about money.

import { fields, readAnswer, readMessages, readOrder } from './reading';
import type { Message } from './wire';

export interface Outcome {
  /** Whether the host tells of an order. */
  readonly order: boolean;
  /** What it says of a failure. */
  readonly said: readonly Message[];
}

export function readOutcome(value: unknown): Outcome {
  const inner = fields(value)?.['result'];
  const candidates = [value, fields(value)?.['structuredContent'], inner, fields(inner)?.['structuredContent']];
  const order = candidates.some((candidate) => readOrder(fields(candidate)?.['order']) !== null);
  return { order, said: order ? [] : said(value) };
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
