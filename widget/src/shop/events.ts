// What can happen to the widget, and what it does about it: both are data.

import type { Model, Saved, Way } from './model';
import type { Address, Answer } from './wire';

export type Event =
  // From the host.
  | { readonly type: 'started'; readonly saved: Saved | null }
  | { readonly type: 'capable'; readonly connected: boolean; readonly canPay: boolean; readonly ownPage: boolean }
  | { readonly type: 'given'; readonly answer: Answer; readonly asked: string | null }
  | { readonly type: 'cancelled' }
  /** The page that holds the widget came into view or went out of it, or the shopper turned to it. */
  | { readonly type: 'seen'; readonly visible: boolean }
  /** The shopper went back to the page, and the browser shows it as it was left. */
  | { readonly type: 'returned' }
  // What became of effects.
  | { readonly type: 'answered'; readonly call: number; readonly answer: Answer }
  | { readonly type: 'lost'; readonly call: number }
  | { readonly type: 'paid'; readonly attempt: number; readonly value: unknown }
  | { readonly type: 'unpaid'; readonly attempt: number }
  | { readonly type: 'unopened' }
  | { readonly type: 'woken'; readonly timer: number }
  // From the shopper: choosing.
  | { readonly type: 'browse' }
  | { readonly type: 'search'; readonly query: string }
  | { readonly type: 'more' }
  | { readonly type: 'open'; readonly product: string }
  | { readonly type: 'choose'; readonly axis: string; readonly value: string }
  | { readonly type: 'count'; readonly quantity: number }
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
  | { readonly type: 'reviewed' }
  | { readonly type: 'pay'; readonly way: Way }
  | { readonly type: 'open_again' }
  | { readonly type: 'check' };

export type Effect =
  | { readonly type: 'call'; readonly call: number; readonly tool: string; readonly args: Readonly<Record<string, unknown>> }
  | { readonly type: 'pay'; readonly attempt: number; readonly sheet: unknown }
  | { readonly type: 'open_page'; readonly url: string }
  /** Leaves the shop's own page for the payment of a revision. */
  | { readonly type: 'go_on'; readonly url: string; readonly revision: number }
  /** The shop's own page is another order's from now on. */
  | { readonly type: 'become'; readonly url: string }
  | { readonly type: 'wait'; readonly timer: number; readonly milliseconds: number }
  | { readonly type: 'wait_until'; readonly timer: number; readonly moment: string };

/** Where an event leads. */
export interface Step {
  readonly model: Model;
  readonly effects: readonly Effect[];
}

export function to(model: Model, ...effects: Effect[]): Step {
  return { model, effects };
}
