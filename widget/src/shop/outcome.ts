// Reads the value that the host's payment sheet returned. Hosts return the shop's answer, the whole tool result, or an
// error of their own. Pure.
//
// Invariant: this value is the host's claim, not a receipt. The widget reads the session before it tells the shopper
// anything about a payment.

import { fields, readMessages, readOrder, readToolResult } from './reading';
import type { Message } from './wire';

export interface SheetOutcome {
  /** Whether the host reports an order. */
  readonly order: boolean;
  /** The messages of a failure. */
  readonly messages: readonly Message[];
}

export function readSheetOutcome(value: unknown): SheetOutcome {
  const inner = fields(value)?.['result'];
  const candidates = [value, fields(value)?.['structuredContent'], inner, fields(inner)?.['structuredContent']];
  const order = candidates.some((candidate) => readOrder(fields(candidate)?.['order']) !== null);
  return { order, messages: order ? [] : failureMessages(value) };
}

function failureMessages(value: unknown): readonly Message[] {
  const answer = fields(value);
  if (!answer) return [];
  const content = fields(answer['structuredContent']) ?? answer;
  const messages = readMessages(content['messages']).filter((message) => message.type === 'error');
  if (messages.length > 0) return messages;
  if (typeof content['message'] === 'string' && content['message'] !== '') {
    const code = typeof content['code'] === 'string' ? content['code'] : null;
    return [{ type: 'error', code, param: null, content: content['message'] }];
  }
  const result = readToolResult(value);
  return result.isError && result.text ? [{ type: 'error', code: null, param: null, content: result.text }] : [];
}
