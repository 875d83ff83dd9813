// The widget's whole state, and what the widget derives from it. Pure.
//
// Invariants: at most one session call is in flight (`inFlight`), and later changes wait in `queued`. The shopper can pay
// only while the widget shows the server's current revision and no change is pending (`isPayable`).

import type { Patch } from './cart';
import type { SelectedOptions } from './options';
import type { Review } from './review';
import type { Item, Message, Product, Session, Shop, ToolResult } from './wire';

export type Screen = 'waiting' | 'list' | 'product' | 'checkout';

/** The selection on the product's screen. */
export interface Selection {
  readonly product: Product;
  readonly chosen: SelectedOptions;
  readonly quantity: number;
  /** The order line that the selection replaces. */
  readonly replaces: string | null;
}

/** The product list: the query and the products loaded so far. */
export interface Listing {
  readonly query: string;
  readonly products: readonly Product[];
  readonly cursor: string | null;
  /** The search in flight. The widget ignores results of earlier searches. */
  readonly call: number | null;
  /** The order line whose product the search looks for. */
  readonly lookup: string | null;
  readonly failed: boolean;
}

/** Why the widget reads a session. */
export type ReadReason = 'restore' | 'tool_result' | 'error' | 'expiry' | 'payment' | 'poll' | 'page' | 'watch' | 'shopper';

/** A tool call that concerns the session. */
export type SessionCall =
  | { readonly kind: 'create'; readonly patch: Patch }
  | { readonly kind: 'update'; readonly patch: Patch; readonly renew: boolean }
  | { readonly kind: 'cancel' }
  /** Asks for the URL of the shop's hosted page. Changes nothing. */
  | { readonly kind: 'start' }
  | { readonly kind: 'read'; readonly reason: ReadReason; readonly id: string; readonly then: readonly Notice[] };

/** How the shopper pays: on the host's payment sheet, or on the shop's hosted page, which the widget itself may be. */
export type PaymentMethod = 'sheet' | 'page';

/** The session call in flight. */
export interface InFlight {
  readonly call: number;
  readonly sessionCall: SessionCall;
}

/** The state of a payment attempt. Only the session tells whether the order is paid. */
export type Payment =
  | { readonly kind: 'idle' }
  /** The host's payment sheet is open. */
  | { readonly kind: 'sheet_open'; readonly attempt: number }
  /** The sheet is closed, and the widget reads the outcome from the shop. */
  | { readonly kind: 'checking' }
  /** The shop does not know the outcome yet. `timer` starts the next poll; it is `null` after the last poll. */
  | { readonly kind: 'confirming'; readonly polls: number; readonly timer: number | null }
  /** The widget asks for the hosted page. On the shop's own page it then submits the payment, and `timer` is the timeout. */
  | { readonly kind: 'opening_page'; readonly timer: number | null }
  /**
   * The shopper pays on the hosted page. `opened` tells whether the host opened it. `timer` starts the next poll; it is
   * `null` while a poll is in flight and while the widget is hidden.
   */
  | { readonly kind: 'hosted_payment'; readonly opened: boolean; readonly polls: number; readonly timer: number | null }
  /** The widget could not read the outcome. */
  | { readonly kind: 'unknown' };

/** Background polling of an order that may still be paid. */
export interface PaymentWatch {
  /** The session id without its revision. */
  readonly id: string;
  readonly polls: number;
  /** Starts the next poll; `null` while a poll is in flight, while the widget is hidden, and after the last poll. */
  readonly timer: number | null;
  /** The poll in flight. */
  readonly call: number | null;
}

export type WidgetNotice =
  | 'sheet_closed' | 'not_received' | 'changed_elsewhere' | 'reread' | 'no_answer' | 'prices_fresh' | 'options_unknown' | 'cart_full'
  | 'tool_cancelled' | 'no_page';

/** A notice to the shopper: from the widget, from the session, or a refusal by the shop, with the shop's text if it sent one. */
export type Notice =
  | { readonly kind: 'widget'; readonly key: WidgetNotice }
  | { readonly kind: 'message'; readonly message: Message }
  | { readonly kind: 'refused'; readonly text: string | null };

/** The state that hosts keep for the widget. Hosts may show it to the model, so it holds no address and no token. */
export interface SavedState {
  readonly version: 1;
  readonly session: string | null;
  /** Whether the shopper was on the hosted page. Hosts store the key under this name. */
  readonly hostedPayment: boolean;
  readonly screen: Screen;
  readonly product: string | null;
  readonly item: string | null;
  readonly quantity: number;
}

export interface Model {
  /** Whether the host has a payment sheet. */
  readonly canPay: boolean;
  /** Whether the widget is the shop's own page. */
  readonly ownPage: boolean;
  /** Whether the page of the widget is visible. */
  readonly visible: boolean;
  readonly shop: Shop | null;
  readonly screen: Screen;
  readonly selection: Selection | null;
  /** Whether the widget is adding the selection to the order. It shows the order once that is done. */
  readonly buying: boolean;
  readonly listing: Listing;
  /** Every product received so far, by id. */
  readonly known: Readonly<Record<string, Product>>;
  readonly session: Session | null;
  /** Whether the shop has yet to confirm the session that the widget shows. */
  readonly stale: boolean;
  readonly inFlight: InFlight | null;
  readonly queued: Patch | null;
  readonly editingAddress: boolean;
  readonly payment: Payment;
  readonly review: Review | null;
  readonly notices: readonly Notice[];
  /** The host's last tool result. It serves to detect repetitions and as a fallback. */
  readonly toolResult: ToolResult | null;
  readonly saved: SavedState | null;
  /** The timer that reads the session when its prices expire. */
  readonly expiry: { readonly timer: number; readonly id: string } | null;
  readonly watch: PaymentWatch | null;
  /** The timer that ends the wait for the host's tool result. */
  readonly toolResultTimer: number | null;
  /** The last number assigned to a call, an attempt or a timer. */
  readonly counter: number;
}

export const EMPTY_LISTING: Listing = {
  query: '', products: [], cursor: null, call: null, lookup: null, failed: false,
};

export const INITIAL_MODEL: Model = {
  canPay: false,
  ownPage: false,
  visible: true,
  shop: null,
  screen: 'waiting',
  selection: null,
  buying: false,
  listing: EMPTY_LISTING,
  known: {},
  session: null,
  stale: false,
  inFlight: null,
  queued: null,
  editingAddress: false,
  payment: { kind: 'idle' },
  review: null,
  notices: [],
  toolResult: null,
  saved: null,
  expiry: null,
  watch: null,
  toolResultTimer: null,
  counter: 0,
};

/** Whether a call that changes the session is in flight or queued. */
export function isChanging(model: Model): boolean {
  const callKind = model.inFlight?.sessionCall.kind;
  return model.queued !== null || callKind === 'create' || callKind === 'update' || callKind === 'cancel';
}

/** Whether the session has ended, paid or not. */
export function hasEnded(session: Session | null): boolean {
  return session?.status === 'canceled' || session?.status === 'completed';
}

/** Whether the shopper may change the cart now. */
export function isEditable(model: Model): boolean {
  return model.payment.kind === 'idle' && model.session?.status !== 'completed' && model.session?.status !== 'in_progress';
}

/** The payment methods that the shop accepts and this host supports, the preferred one first. */
export function paymentMethods({ session, canPay }: Model): readonly PaymentMethod[] {
  const offered = session?.offered ?? [];
  return [
    ...(canPay && offered.includes('payment_sheet') ? ['sheet' as const] : []),
    ...(offered.includes('hosted') ? ['page' as const] : []),
  ];
}

/** Whether the Pay button is enabled: the widget shows exactly what the shop would charge. */
export function isPayable(model: Model): boolean {
  return (
    paymentMethods(model).length > 0 && model.session?.status === 'ready_for_payment' && model.payment.kind === 'idle' &&
    !model.stale && model.inFlight === null && model.queued === null && model.review === null && !model.editingAddress
  );
}

/** Whether the shop does not know the outcome of a payment yet. */
export function isConfirming({ payment }: Model, session: Session): boolean {
  return payment.kind === 'confirming' || (payment.kind === 'hosted_payment' && session.status === 'in_progress');
}

/** The change in flight, merged with the queued change. */
function pendingPatch(model: Model): Patch {
  const sessionCall = model.inFlight?.sessionCall;
  return { ...(sessionCall?.kind === 'create' || sessionCall?.kind === 'update' ? sessionCall.patch : {}), ...model.queued };
}

/** The cart as the shopper wants it: the pending change, else the session. */
export function wantedItems(model: Model): readonly Item[] {
  return pendingPatch(model).items ?? (model.session?.lines ?? []).map(({ id, quantity }) => ({ id, quantity }));
}

/** The shipping option as the shopper wants it. */
export function wantedOption(model: Model): string | null {
  return pendingPatch(model).optionId ?? model.session?.optionId ?? null;
}

/** Whether the session involves an address at all. Goods that are only downloaded may not need one. */
export function needsAddress(session: Session): boolean {
  return session.address !== null || session.options.length > 0 || asksForAddress(session);
}

/** Whether the shop requires an address, or a different one. */
export function asksForAddress(session: Session): boolean {
  return session.messages.some((message) => message.type === 'error' && message.param === 'fulfillment_address');
}

/**
 * Whether a price refresh solves the problem: no error concerns the order itself. Sending the address again removes a
 * shipping option that the shop no longer offers.
 */
export function isRenewable(session: Session): boolean {
  const own = session.messages.some(
    (message) => message.type === 'error' && message.param !== null && message.param !== 'fulfillment_option_id',
  );
  return session.status === 'not_ready_for_payment' && !own;
}

/** The product that an item belongs to, if the widget has received that product. */
export function productOf(model: Model, item: string): Product | null {
  const products = Object.values(model.known);
  return products.find(({ id, variants }) => id === item || variants.some((variant) => variant.id === item)) ?? null;
}
