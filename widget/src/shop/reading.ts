// Parses the results of the shop's tools. It drops values of the wrong shape, so that no other code checks them again.

import {
  ADDRESS_FIELDS, type Address, type Line, type Link, type Message, type OfferedMethod, type OptionValue, type Order,
  type Price, type Product, type Session, type ShippingOption, type Shop, type Status, type ToolResult, type TotalRow,
  type Variant,
} from './wire';

const FULL_SHEET = 'merchant-gateway/checkout_session';
const SHOP = 'merchant-gateway/shop';
const NUMBER = 'merchant-gateway/order_number';
const UNAVAILABLE = 'merchant-gateway/unavailable_items';
const SHOPPER_TEXT = 'merchant-gateway/shopper_text';

type Fields = Readonly<Record<string, unknown>>;

export function fields(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null;
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function amount(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : null;
}

/** The readable members of a list. */
function list<T>(value: unknown, read: (member: Fields) => T | null): T[] {
  if (!Array.isArray(value)) return [];
  const members = value.map((member: unknown) => {
    const known = fields(member);
    return known && read(known);
  });
  return members.filter((member): member is T & {} => member !== null);
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((member): member is string => typeof member === 'string') : [];
}

function readPrice(value: unknown): Price | null {
  const price = fields(value);
  const minor = amount(price?.['amount']);
  const currency = text(price?.['currency']);
  return minor === null || currency === null ? null : { amount: minor, currency };
}

function readChoice(choice: Fields): OptionValue | null {
  const name = text(choice['name']);
  const value = text(choice['value']);
  return name && value ? { name, value } : null;
}

function readVariant(variant: Fields): Variant | null {
  const id = text(variant['id']);
  const price = readPrice(variant['price']);
  if (!id || !price) return null;
  return {
    id,
    title: text(variant['title']) ?? id,
    options: list(variant['options'], readChoice),
    price,
    available: variant['availability'] === 'in_stock',
  };
}

function readProduct(product: Fields): Product | null {
  const id = text(product['id']);
  const price = readPrice(product['price']);
  if (!id || !price) return null;
  return {
    id,
    title: text(product['title']) ?? id,
    description: text(product['description']) ?? '',
    images: texts(product['images']),
    price,
    priceVaries: product['price_varies'] === true,
    available: product['availability'] === 'in_stock',
    variants: list(product['variants'], readVariant),
  };
}

function readShop(value: unknown): Shop | null {
  const shop = fields(value);
  const name = text(shop?.['name']);
  if (!shop || !name) return null;
  return {
    name,
    testMode: shop['test_mode'] === true,
    selling: shop['selling'] !== false,
    countries: texts(shop['countries']).filter((code) => /^[A-Z]{2}$/.test(code)),
    color: text(shop['color']),
    logo: text(shop['logo']),
  };
}

function readLine(line: Fields): Line | null {
  const item = fields(line['item']);
  const id = text(item?.['id']);
  const quantity = amount(item?.['quantity']);
  const baseAmount = amount(line['base_amount']);
  if (!id || quantity === null || baseAmount === null) return null;
  return {
    id,
    quantity,
    name: text(line['name']) ?? id,
    images: texts(line['images']),
    baseAmount,
    discount: amount(line['discount']) ?? 0,
    subtotal: amount(line['subtotal']) ?? baseAmount,
  };
}

function readTotal(row: Fields): TotalRow | null {
  const type = text(row['type']);
  const minor = amount(row['amount']);
  return type && minor !== null ? { type, text: text(row['display_text']) ?? type, amount: minor } : null;
}

function readOption(option: Fields): ShippingOption | null {
  const id = text(option['id']);
  const total = amount(option['total']);
  if (!id || total === null) return null;
  return {
    id,
    title: text(option['title']) ?? id,
    subtitle: text(option['subtitle']),
    earliest: text(option['earliest_delivery_time']),
    latest: text(option['latest_delivery_time']),
    total,
  };
}

function readMessage(message: Fields): Message | null {
  const content = text(message['content']);
  if (!content) return null;
  return {
    type: message['type'] === 'error' ? 'error' : 'info',
    code: text(message['code']),
    param: text(message['param']),
    content,
  };
}

/** The messages of a session or of a payment result. */
export function readMessages(value: unknown): Message[] {
  return list(value, readMessage);
}

function readAddress(value: unknown): Address | null {
  const source = fields(value);
  if (!source) return null;
  const address: Address = {};
  for (const field of ADDRESS_FIELDS) {
    const known = text(source[field]);
    if (known) address[field] = known;
  }
  return address;
}

function readLink(link: Fields): Link | null {
  const type = text(link['type']);
  const url = text(link['url']);
  return type && url && isWebAddress(url) ? { type, url } : null;
}

/** Whether a text is a URL that the widget may open: http or https only. */
export function isWebAddress(url: string): boolean {
  return /^https?:\/\/[^\s]+$/i.test(url);
}

function webAddress(value: unknown): string | null {
  const url = text(value);
  return url && isWebAddress(url) ? url : null;
}

export function readOrder(value: unknown, number: unknown = null): Order | null {
  const order = fields(value);
  if (!text(order?.['id'])) return null;
  return { number: text(number), url: webAddress(order?.['permalink_url']) };
}

const STATUSES: readonly Status[] = [
  'not_ready_for_payment', 'ready_for_payment', 'in_progress', 'completed', 'canceled',
];

const OFFERS: readonly OfferedMethod[] = ['payment_sheet', 'hosted'];

/** Older results lack the field. They offer the payment sheet only. */
function readOffered(value: unknown): readonly OfferedMethod[] {
  const methods = Array.isArray(value) ? texts(value) : ['payment_sheet'];
  return OFFERS.filter((offer) => methods.includes(offer));
}

/** Parses a session object. `beside` holds the fields next to it in the result, and those of the result's `_meta`. */
export function readSession(value: unknown, beside: Fields, partial: boolean): Session | null {
  const sheet = fields(value);
  const id = text(sheet?.['id']);
  const status = STATUSES.find((known) => known === sheet?.['status']);
  const currency = text(sheet?.['currency']);
  if (!sheet || !id || !status || !currency) return null;
  const [, bareId = id, named] = /^(.+)_r(\d+)$/.exec(id) ?? [];
  return {
    raw: value,
    id,
    bareId,
    revision: amount(beside['revision']) ?? Number(named ?? 0),
    status,
    currency,
    lines: list(sheet['line_items'], readLine),
    unavailableItems: texts(beside[UNAVAILABLE]),
    totals: list(sheet['totals'], readTotal),
    options: list(sheet['fulfillment_options'], readOption),
    optionId: text(sheet['fulfillment_option_id']),
    address: readAddress(sheet['fulfillment_address']),
    messages: readMessages(sheet['messages']),
    links: list(sheet['links'], readLink),
    expiresAt: text(beside['expires_at']),
    offered: readOffered(beside['payment_methods_offered']),
    pageUrl: webAddress(beside['checkout_url']),
    order: readOrder(beside['order'], beside[NUMBER]),
    partial,
  };
}

/** Parses a tool result. */
export function readToolResult(value: unknown): ToolResult {
  const result = fields(value) ?? {};
  const meta = fields(result['_meta']) ?? {};
  const content = fields(result['structuredContent']) ?? readText(result['content']);
  const beside: Fields = { ...content, [NUMBER]: meta[NUMBER], [UNAVAILABLE]: meta[UNAVAILABLE] };
  const product = fields(content['product']);
  const single = product && readProduct(product);
  const products = Array.isArray(content['products']) ? list(content['products'], readProduct) : null;
  const full = readSession(meta[FULL_SHEET], beside, false);
  const sheet = content['checkout_session'];
  return {
    isError: result['isError'] === true,
    shopperText: text(meta[SHOPPER_TEXT]),
    shop: readShop(meta[SHOP]),
    products: single ? [single] : products,
    nextCursor: text(content['next_cursor']),
    // Only `complete_checkout` returns the session's fields at the top level.
    session: full ?? readSession(sheet, beside, isAddressWithheld(sheet)) ?? readSession(content, beside, false),
  };
}

/** Reads the data from the text blocks, for hosts that pass on nothing else. The shop writes it into one of them. */
function readText(value: unknown): Fields {
  for (const block of list(value, (part) => text(part['text']))) {
    try {
      const content = fields(JSON.parse(block));
      if (content) return content;
    } catch {
      // The block holds a sentence, not data.
    }
  }
  return {};
}

/**
 * Results that a model reads leave out the buyer and the address. An address that is absent and not required was
 * withheld. If the goods need no address, the answer makes no difference.
 */
function isAddressWithheld(value: unknown): boolean {
  const sheet = fields(value);
  const isRequested = readMessages(sheet?.['messages']).some(
    (message) => message.code === 'missing' && message.param === 'fulfillment_address',
  );
  return sheet !== null && !sheet['fulfillment_address'] && !isRequested;
}
