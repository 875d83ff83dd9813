// The data types of the shop's tool results. `reading.ts` parses the results into them.
//
// Amounts are integers in minor units.

export interface Price {
  readonly amount: number;
  readonly currency: string;
}

export interface OptionValue {
  readonly name: string;
  readonly value: string;
}

export interface Variant {
  readonly id: string;
  readonly title: string;
  readonly options: readonly OptionValue[];
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

/** A payment method that the shop offers for a session: the host's payment sheet, or the shop's hosted page. */
export type OfferedMethod = 'payment_sheet' | 'hosted';

export interface Order {
  /** The order number that people use. */
  readonly number: string | null;
  readonly url: string | null;
}

/** A checkout session at one revision. */
export interface Session {
  /** The payment-sheet object as the server sent it. The widget passes it to the host unchanged. */
  readonly raw: unknown;
  /** The id with the revision, `chk_…_r3`. */
  readonly id: string;
  /** The id without the revision. */
  readonly bareId: string;
  readonly revision: number;
  readonly status: Status;
  readonly currency: string;
  readonly lines: readonly Line[];
  /** The ids of the lines that the shopper cannot buy as they are. */
  readonly unavailableItems: readonly string[];
  readonly totals: readonly TotalRow[];
  readonly options: readonly ShippingOption[];
  readonly optionId: string | null;
  readonly address: Address | null;
  readonly messages: readonly Message[];
  readonly links: readonly Link[];
  /** When this revision expires, RFC 3339. The shopper can pay or edit it until then. */
  readonly expiresAt: string | null;
  readonly offered: readonly OfferedMethod[];
  /** The URL of the shop's hosted page, where the shopper can pay the session. */
  readonly pageUrl: string | null;
  readonly order: Order | null;
  /** Whether buyer and address are withheld, because the host passed on only what a model may read. */
  readonly partial: boolean;
}

/** A parsed tool result. */
export interface ToolResult {
  readonly isError: boolean;
  /** Why the shop refused, in the shopper's language. The text blocks are for models, and the widget never shows them. */
  readonly shopperText: string | null;
  readonly shop: Shop | null;
  readonly products: readonly Product[] | null;
  readonly nextCursor: string | null;
  readonly session: Session | null;
}
