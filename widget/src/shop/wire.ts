// What the shop's tools answer, as the widget knows it. `reading.ts` makes these of what arrives.
//
// Amounts are integers of minor units.

export interface Price {
  readonly amount: number;
  readonly currency: string;
}

export interface Choice {
  readonly name: string;
  readonly value: string;
}

export interface Variant {
  readonly id: string;
  readonly title: string;
  readonly options: readonly Choice[];
  readonly price: Price;
  readonly available: boolean;
}

export interface Product {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly images: readonly string[];
  readonly price: Price;
  readonly priceVaries: boolean;
  readonly available: boolean;
  readonly variants: readonly Variant[];
}

export interface Shop {
  readonly name: string;
  readonly testMode: boolean;
  readonly selling: boolean;
  readonly countries: readonly string[];
  readonly color: string | null;
  readonly logo: string | null;
}

export interface Item {
  readonly id: string;
  readonly quantity: number;
}

export interface Line extends Item {
  readonly name: string;
  readonly images: readonly string[];
  readonly baseAmount: number;
  readonly discount: number;
  readonly subtotal: number;
}

export interface TotalRow {
  readonly type: string;
  readonly text: string;
  readonly amount: number;
}

export interface ShippingOption {
  readonly id: string;
  readonly title: string;
  readonly subtitle: string | null;
  readonly earliest: string | null;
  readonly latest: string | null;
  readonly total: number;
}

export const ADDRESS_FIELDS = [
  'name', 'line_one', 'line_two', 'city', 'state', 'postal_code', 'country', 'phone_number',
] as const;
export type AddressField = (typeof ADDRESS_FIELDS)[number];
export type Address = Partial<Record<AddressField, string>>;

export interface Message {
  readonly type: 'error' | 'info';
  readonly code: string | null;
  readonly param: string | null;
  readonly content: string;
}

export interface Link {
  readonly type: string;
  readonly url: string;
}

export type Status = 'not_ready_for_payment' | 'ready_for_payment' | 'in_progress' | 'completed' | 'canceled';

/** How a session can be paid: on the host's payment sheet, or on the shop's own page of it. */
export type Offer = 'payment_sheet' | 'hosted';

export interface Order {
  /** What people call it. */
  readonly number: string | null;
  readonly url: string | null;
}

/** A checkout session as it stands. */
export interface Session {
  /** The payment-sheet object as the server made it: what the host is given to pay, untouched. */
  readonly raw: unknown;
  /** With its revision, `chk_…_r3`. */
  readonly id: string;
  /** Without it. */
  readonly bareId: string;
  readonly revision: number;
  readonly status: Status;
  readonly currency: string;
  readonly lines: readonly Line[];
  readonly totals: readonly TotalRow[];
  readonly options: readonly ShippingOption[];
  readonly optionId: string | null;
  readonly address: Address | null;
  readonly messages: readonly Message[];
  readonly links: readonly Link[];
  /** Until when it can be paid or edited as it stands, RFC 3339. */
  readonly expiresAt: string | null;
  readonly offered: readonly Offer[];
  /** The shop's own page of the session, where it can be paid. */
  readonly pageUrl: string | null;
  readonly order: Order | null;
  /** Whether buyer and address were kept back, because the host passed on only what a model may read. */
  readonly partial: boolean;
}

/** A tool's result, taken apart. */
export interface Answer {
  readonly isError: boolean;
  /** What the text blocks say; only errors need it. */
  readonly text: string;
  readonly shop: Shop | null;
  readonly products: readonly Product[] | null;
  readonly nextCursor: string | null;
  readonly session: Session | null;
}
