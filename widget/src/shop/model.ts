// The widget's whole state, and what can be read from it. Pure.
//
// Invariants: one session call is under way at a time (`flight`), later wishes wait in `queued`; nothing can be paid
// unless what is shown is the server's present revision and nothing is pending (`payable`).

import type { Patch } from './cart';
import type { Chosen } from './options';
import type { Review } from './review';
import type { Answer, Item, Message, Product, Session, Shop } from './wire';

export type Screen = 'waiting' | 'list' | 'product' | 'checkout';

/** What is being chosen on the product's screen. */
export interface Selection {
  readonly product: Product;
  readonly chosen: Chosen;
  readonly quantity: number;
  /** The line of the cart whose place the choice takes. */
  readonly replaces: string | null;
}

/** The list of products: what was searched for, and how much is there. */
export interface Listing {
  readonly query: string;
  readonly products: readonly Product[];
  readonly cursor: string | null;
  /** The search under way; an answer to any other is too late. */
  readonly call: number | null;
  /** The line of the cart whose product is looked for. */
  readonly lookup: string | null;
  readonly failed: boolean;
}

/** Why a session is read. */
export type Why = 'restore' | 'given' | 'error' | 'expiry' | 'payment' | 'poll' | 'page' | 'watch' | 'asked';

/** A call to the session. */
export type Ask =
  | { readonly kind: 'create'; readonly patch: Patch }
  | { readonly kind: 'update'; readonly patch: Patch; readonly renew: boolean }
  | { readonly kind: 'cancel' }
  /** Where the shop's own page is. Changes nothing. */
  | { readonly kind: 'start' }
  | { readonly kind: 'read'; readonly why: Why; readonly id: string; readonly then: readonly Notice[] };

/** A way to pay: the host's sheet, or by way of the shop's own page in a browser, which the widget itself may be. */
export type Way = 'sheet' | 'page';

export interface Flight {
  readonly call: number;
  readonly ask: Ask;
}

/** Where a payment stands. Whether it was made is the session's to say. */
export type Payment =
  | { readonly kind: 'idle' }
  /** The host's sheet is open. */
  | { readonly kind: 'open'; readonly attempt: number }
  /** The sheet is closed and the shop is asked what came of it. */
  | { readonly kind: 'checking' }
  /** The shop does not know yet; `timer` is what wakes the next look, absent once they are used up. */
  | { readonly kind: 'confirming'; readonly tries: number; readonly timer: number | null }
  /** The shop is asked for its page; where the widget is that page, it is then being left, and `timer` ends the waiting. */
  | { readonly kind: 'leaving'; readonly timer: number | null }
  /**
   * The shopper is on the shop's page, if the host did open it. `timer` wakes the next look, absent while one is under
   * way and while nobody sees the widget.
   */
  | { readonly kind: 'away'; readonly opened: boolean; readonly looks: number; readonly timer: number | null }
  /** The shop could not be asked. */
  | { readonly kind: 'unsure' };

/** Looking on, beside whatever else happens, at an order that may still be paid. */
export interface Watch {
  /** The session, without its revision. */
  readonly id: string;
  readonly looks: number;
  /** What wakes the next look; absent while one is under way, while nobody sees the widget, and after the last one. */
  readonly timer: number | null;
  /** The look under way. */
  readonly call: number | null;
}

export type OwnNotice =
  | 'sheet_closed' | 'not_received' | 'changed_elsewhere' | 'reread' | 'no_answer' | 'prices_fresh' | 'options_unknown' | 'cart_full'
  | 'tool_cancelled' | 'no_page';

/** Something to tell. */
export type Notice =
  | { readonly kind: 'own'; readonly key: OwnNotice }
  | { readonly kind: 'message'; readonly message: Message }
  | { readonly kind: 'refused'; readonly text: string };

/** What survives a restart of the widget. Hosts may show it to the model: never an address, never a token. */
export interface Saved {
  readonly version: 1;
  readonly session: string | null;
  /** Whether the shopper was on the shop's page. */
  readonly away: boolean;
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
  /** Whether the page that holds the widget can be seen. */
  readonly visible: boolean;
  readonly shop: Shop | null;
  readonly screen: Screen;
  readonly selection: Selection | null;
  /** Whether the selection is on its way into the order, and the shopper goes there when it is in. */
  readonly buying: boolean;
  readonly listing: Listing;
  /** Every product seen, by id. */
  readonly known: Readonly<Record<string, Product>>;
  readonly session: Session | null;
  /** Whether the shown session has yet to be confirmed by the shop. */
  readonly stale: boolean;
  readonly flight: Flight | null;
  readonly queued: Patch | null;
  readonly editingAddress: boolean;
  readonly payment: Payment;
  readonly review: Review | null;
  readonly notices: readonly Notice[];
  /** The host's last tool output, to tell a repetition from news, and to fall back on. */
  readonly given: Answer | null;
  readonly saved: Saved | null;
  /** The timer that looks at the session when its prices expire. */
  readonly expiry: { readonly timer: number; readonly id: string } | null;
  readonly watch: Watch | null;
  /** The timer that ends the waiting for what the host gives. */
  readonly patience: number | null;
  /** Numbers given out to calls, attempts and timers. */
  readonly counter: number;
}

export const EMPTY_LISTING: Listing = {
  query: '', products: [], cursor: null, call: null, lookup: null, failed: false,
};

export const FIRST: Model = {
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
  flight: null,
  queued: null,
  editingAddress: false,
  payment: { kind: 'idle' },
  review: null,
  notices: [],
  given: null,
  saved: null,
  expiry: null,
  watch: null,
  patience: null,
  counter: 0,
};

/** Whether a call that changes the session is under way or waiting. */
export function isChanging(model: Model): boolean {
  const asked = model.flight?.ask.kind;
  return model.queued !== null || asked === 'create' || asked === 'update' || asked === 'cancel';
}

/** Whether the session is over, paid or not. */
export function hasEnded(session: Session | null): boolean {
  return session?.status === 'canceled' || session?.status === 'completed';
}

/** Whether the shopper may change the cart now. */
export function isEditable(model: Model): boolean {
  return model.payment.kind === 'idle' && model.session?.status !== 'completed' && model.session?.status !== 'in_progress';
}

/** The ways to pay that the shop takes and this host has, the best one first. */
export function waysToPay({ session, canPay }: Model): readonly Way[] {
  const offered = session?.offered ?? [];
  return [
    ...(canPay && offered.includes('payment_sheet') ? ['sheet' as const] : []),
    ...(offered.includes('hosted') ? ['page' as const] : []),
  ];
}

/** Whether Pay may be pressed: what is shown is what would be charged. */
export function payable(model: Model): boolean {
  return (
    waysToPay(model).length > 0 && model.session?.status === 'ready_for_payment' && model.payment.kind === 'idle' &&
    !model.stale && model.flight === null && model.queued === null && model.review === null && !model.editingAddress
  );
}

/** Whether the shop does not know yet what becomes of a payment. */
export function isConfirming({ payment }: Model, session: Session): boolean {
  return payment.kind === 'confirming' || (payment.kind === 'away' && session.status === 'in_progress');
}

/** The change on its way: what waits over what was sent. */
function onItsWay(model: Model): Patch {
  const ask = model.flight?.ask;
  return { ...(ask?.kind === 'create' || ask?.kind === 'update' ? ask.patch : {}), ...model.queued };
}

/** The cart as the shopper wants it: what is on its way, else what the session has. */
export function wantedItems(model: Model): readonly Item[] {
  return onItsWay(model).items ?? (model.session?.lines ?? []).map(({ id, quantity }) => ({ id, quantity }));
}

/** The shipping option as the shopper wants it. */
export function wantedOption(model: Model): string | null {
  return onItsWay(model).optionId ?? model.session?.optionId ?? null;
}

/** Whether the session has to do with an address at all: goods that are only downloaded may not. */
export function needsAddress(session: Session): boolean {
  return session.address !== null || session.options.length > 0 || asksForAddress(session);
}

/** Whether the shop wants an address, or another one. */
export function asksForAddress(session: Session): boolean {
  return session.messages.some((message) => message.type === 'error' && message.param === 'fulfillment_address');
}

/**
 * Whether asking for fresh prices is the way on: nothing about the order itself stands in the way. A shipping option
 * that is no longer offered is let go by sending the address again.
 */
export function renewable(session: Session): boolean {
  const own = session.messages.some(
    (message) => message.type === 'error' && message.param !== null && message.param !== 'fulfillment_option_id',
  );
  return session.status === 'not_ready_for_payment' && !own;
}

/** The product of which an item is a form, if it was seen. */
export function productOf(model: Model, item: string): Product | null {
  const products = Object.values(model.known);
  return products.find(({ id, variants }) => id === item || variants.some((variant) => variant.id === item)) ?? null;
}
