// The events that the widget receives and the effects that it causes, both as plain data.

import type { Model, PaymentMethod, SavedState } from './model';
import type { Address, ToolResult } from './wire';

export type Event =
  // From the host.
  | { readonly type: 'started'; readonly saved: SavedState | null }
  | { readonly type: 'capabilities'; readonly connected: boolean; readonly canPay: boolean; readonly ownPage: boolean }
  | { readonly type: 'tool_result'; readonly result: ToolResult; readonly requestedItem: string | null }
  | { readonly type: 'cancelled' }
  /** The page of the widget became visible or hidden, or got the focus. */
  | { readonly type: 'visibility'; readonly visible: boolean }
  /** The browser restored the page from its back/forward cache. */
  | { readonly type: 'page_restored' }
  // Outcomes of effects.
  | { readonly type: 'call_answered'; readonly call: number; readonly result: ToolResult }
  | { readonly type: 'call_failed'; readonly call: number }
  | { readonly type: 'sheet_resolved'; readonly attempt: number; readonly value: unknown }
  | { readonly type: 'sheet_rejected'; readonly attempt: number }
  | { readonly type: 'open_page_failed' }
  | { readonly type: 'timer_fired'; readonly timer: number }
  // From the shopper: choosing.
  | { readonly type: 'browse' }
  | { readonly type: 'search'; readonly query: string }
  | { readonly type: 'load_more' }
  | { readonly type: 'open'; readonly product: string }
  | { readonly type: 'choose_option'; readonly axis: string; readonly value: string }
  | { readonly type: 'set_quantity'; readonly quantity: number }
  | { readonly type: 'buy' }
  | { readonly type: 'back' }
  // From the shopper: the order.
  | { readonly type: 'line_quantity'; readonly id: string; readonly quantity: number }
  | { readonly type: 'line_remove'; readonly id: string }
  | { readonly type: 'line_change'; readonly id: string }
  | { readonly type: 'address_edit'; readonly open: boolean }
  | { readonly type: 'address'; readonly address: Address }
  | { readonly type: 'shipping'; readonly id: string }
  | { readonly type: 'renew' }
  | { readonly type: 'cancel' }
  | { readonly type: 'restart' }
  | { readonly type: 'dismiss_review' }
  | { readonly type: 'pay'; readonly method: PaymentMethod }
  | { readonly type: 'open_again' }
  | { readonly type: 'check' };

export type Effect =
  | { readonly type: 'call'; readonly call: number; readonly tool: string; readonly args: Readonly<Record<string, unknown>> }
  | { readonly type: 'pay'; readonly attempt: number; readonly sheet: unknown }
  | { readonly type: 'open_page'; readonly url: string }
  /** Submits the payment of a revision from the shop's own page. */
  | { readonly type: 'submit_payment'; readonly url: string; readonly revision: number }
  /** Replaces the shop's own page with the page of another order. */
  | { readonly type: 'replace_page'; readonly url: string }
  | { readonly type: 'wait'; readonly timer: number; readonly milliseconds: number }
  | { readonly type: 'wait_until'; readonly timer: number; readonly moment: string };

/** The next state and the effects to run. */
export interface Step {
  readonly model: Model;
  readonly effects: readonly Effect[];
}

export function toStep(model: Model, ...effects: Effect[]): Step {
  return { model, effects };
}
