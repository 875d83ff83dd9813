// Reads the value that the host's payment sheet returned. Hosts return the shop's answer, the whole tool result, or an
// error of their own. Pure.
//
// Invariants: this value is the host's claim, not a receipt. The widget reads the session before it tells the shopper
// anything about a payment. It shows messages of the shop only, because a host may write its own for developers.

import { fields, readMessages, readOrder } from './reading';
import type { Message } from './wire';

export interface SheetOutcome {
  /** What the host reports; `null` if it reports neither an order nor a failure. */
  readonly report: 'order' | 'failure' | null;
  /** The shop's messages about a failure. */
  readonly messages: readonly Message[];
}

export function readSheetOutcome(value: unknown): SheetOutcome {
  const inner = fields(value)?.['result'];
  const wrappings = [value, fields(value)?.['structuredContent'], inner, fields(inner)?.['structuredContent']];
  const candidates = wrappings.map(fields).filter((candidate) => candidate !== null);
  if (candidates.some((candidate) => readOrder(candidate['order']) !== null)) return { report: 'order', messages: [] };
  const messages = candidates.flatMap((candidate) => readMessages(candidate['messages']));
  const errors = messages.filter(({ type }) => type === 'error');
  const hasFailed = candidates.some(({ message, isError }) => typeof message === 'string' || isError === true);
  return { report: hasFailed || errors.length > 0 ? 'failure' : null, messages: errors };
}
