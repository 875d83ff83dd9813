// A shop that answers the widget's tool calls as the gateway does, in the same JSON, and whose luck a scenario sets.

const PROVIDER = {
  provider: 'stripe',
  merchant_id: 'profile_test_61TvHarbor',
  supported_payment_methods: [{ type: 'card' }, { type: 'apple_pay' }, { type: 'google_pay' }],
};
const LINKS = [
  { type: 'terms_of_use', url: 'https://harbor.example.com/terms' },
  { type: 'privacy_policy', url: 'https://harbor.example.com/privacy' },
];
const DAY = 86_400_000;

const money = (amount) => ({ amount, currency: 'USD', display: `${(amount / 100).toFixed(2)} USD` });
const variant = (id, weight, grind, amount, availability = 'in_stock') => ({
  id,
  title: `${weight}, ${grind}`,
  options: [{ name: 'Weight', value: weight }, { name: 'Grind', value: grind }],
  price: money(amount),
  availability,
});

export const HUILA = {
  id: 'huila-washed',
  title: 'Huila Washed',
  description: 'Single-origin Colombian coffee, grown at 1,750 m. Cocoa, panela and red apple; a medium roast for every day.',
  category: 'Coffee',
  images: ['https://img.example.com/huila.svg'],
  price: money(1850),
  price_varies: true,
  availability: 'in_stock',
  requires_shipping: true,
  variants: [
    variant('huila-250-beans', '250 g', 'Whole bean', 1850),
    variant('huila-250-filter', '250 g', 'Filter', 1850),
    variant('huila-1000-beans', '1 kg', 'Whole bean', 6200),
    variant('huila-1000-filter', '1 kg', 'Filter', 6200, 'out_of_stock'),
  ],
};
export const MUG = {
  id: 'stoneware-mug',
  title: 'Stoneware Mug',
  description: 'Hand-thrown 300 ml mug in harbour blue. Dishwasher safe.',
  category: 'Gear',
  images: ['https://img.example.com/mug.svg', 'https://gone.example.com/mug-side.jpg'],
  price: money(2400),
  price_varies: false,
  availability: 'in_stock',
  requires_shipping: true,
  variants: [],
};
const GRINDER = {
  ...MUG, id: 'hand-grinder', title: 'Hand Grinder', description: 'Steel burrs, 36 settings.', price: money(8900),
  images: [], availability: 'out_of_stock',
};
const CATALOG = [HUILA, MUG, GRINDER];

export class StandInShop {
  constructor({ countries = ['US'], color = '#0b4f6c', offered = ['payment_sheet'] } = {}) {
    this.offered = offered;
    this.card = {
      name: 'Harbor Coffee Roasters', currency: 'USD', test_mode: true, selling: true, countries, color,
      logo: 'https://img.example.com/logo.svg',
    };
    this.sessions = new Map();
    this.prices = new Map(CATALOG.flatMap((product) => this.#buyable(product).map(({ id, price }) => [id, price.amount])));
    this.gone = new Set(['huila-1000-filter', 'hand-grinder']);
    this.calls = [];
    /** Functions that are called before the next calls are answered, one each. */
    this.before = [];
    /** Results with which the next calls are refused. */
    this.refusals = [];
    this.charges = 0;
  }

  /** Calls a tool as a host does: the result, or a rejection when the scenario makes one. */
  async call(name, args) {
    this.calls.push({ name, args });
    await this.before.shift()?.(name, args);
    const refusal = this.refusals.shift();
    if (refusal) return refusal;
    switch (name) {
      case 'search_products':
        return this.#search(args);
      case 'create_checkout':
        return this.#answer(this.create(args), false);
      case 'update_checkout':
        return this.#update(args);
      case 'start_hosted_checkout':
        return this.#answer(this.session(args.checkout_session_id), false);
      case 'get_checkout':
        return this.#answer(this.session(args.checkout_session_id), true);
      case 'cancel_checkout':
        return this.#cancel(args);
      default:
        throw new Error(`the widget may not call ${name}`);
    }
  }

  /** The result that opens the widget on a product. */
  show(product) {
    return { structuredContent: { product }, _meta: { 'merchant-gateway/shop': this.card } };
  }

  /** The result that opens the widget on a checkout. */
  checkout(items) {
    return this.#answer(this.create({ items }), true);
  }

  create(args) {
    const id = `chk_${String(this.sessions.size + 1).padStart(32, '0')}`;
    const session = { id, revision: 0, state: 'open', notice: null, order: null, address: null, option: null };
    this.sessions.set(id, session);
    this.#apply(session, args);
    return session;
  }

  session(id) {
    return this.sessions.get(id.replace(/_r\d+$/, ''));
  }

  /** Changes a session as if from somewhere else. */
  edit(session, args) {
    this.#apply(session, args);
  }

  /** Makes a session's quote anew without a new revision, as when a line can no longer be sold. */
  reprice(session) {
    this.#price(session);
  }

  /** Makes the quoted prices old. */
  expire(session) {
    session.expired = true;
  }

  setPrice(id, amount) {
    this.prices.set(id, amount);
  }

  /** The order of a session, paid once however often it is asked for. */
  pay(session) {
    if (session.order === null) {
      this.charges += 1;
      session.order = {
        id: `ord_${session.id.slice(4)}`,
        checkout_session_id: `${session.id}_r${session.revision}`,
        permalink_url: `https://harbor.example.com/orders/${session.id}?key=abc`,
      };
      session.state = 'completed';
    }
    return this.completion(session);
  }

  /** The shop's own page of a session. */
  page({ id }) {
    return `https://harbor.example.com/checkout/${id}?key=abc`;
  }

  /** The flat answer of `complete_checkout`. */
  completion(session) {
    const { id, status, currency, line_items, fulfillment_address, fulfillment_options, fulfillment_option_id, totals, messages } =
      this.sheet(session);
    return {
      id, status, currency, buyer: null, line_items, fulfillment_address, fulfillment_options, fulfillment_option_id, totals,
      ...(session.order && { order: session.order }), messages,
    };
  }

  /** The payment-sheet object. */
  sheet(session) {
    const quoted = session.problem === null;
    const status = session.state === 'open'
      ? quoted && !session.expired ? 'ready_for_payment' : 'not_ready_for_payment'
      : session.state;
    return {
      id: `${session.id}_r${session.revision}`,
      payment_provider: PROVIDER,
      payment_mode: 'test',
      status,
      currency: 'USD',
      line_items: session.lines,
      totals: session.totals,
      fulfillment_options: quoted ? session.options : [],
      ...(quoted && { fulfillment_option_id: session.option }),
      fulfillment_address: session.address,
      messages: this.#messages(session),
      links: LINKS,
    };
  }

  #messages(session) {
    const error = (code, param, content) => ({ type: 'error', code, ...(param && { param }), content_type: 'plain', content });
    const info = (content) => ({ type: 'info', content_type: 'plain', content });
    if (session.state === 'canceled') return [info('This checkout was canceled. Nothing was charged.')];
    if (session.state === 'in_progress') return [info('The payment is being processed. Look again in a moment.')];
    if (session.state === 'completed') return [];
    const said = session.notice ? [error(session.notice.code, null, session.notice.text)] : [];
    if (session.problem) said.push(error(...session.problem));
    else if (session.expired) said.push(error('expired', null, 'The prices shown have expired.'));
    return said;
  }

  #buyable(product) {
    return product.variants.length > 0 ? product.variants : [product];
  }

  #name(id) {
    const product = CATALOG.find((known) => this.#buyable(known).some((item) => item.id === id));
    const variant = product?.variants.find((known) => known.id === id);
    return { product, name: variant ? `${product.title} (${variant.title})` : product?.title };
  }

  #apply(session, { items, fulfillment_address: address, fulfillment_option_id: option }) {
    session.revision += 1;
    session.notice = null;
    session.expired = false;
    if (items) session.items = items;
    if (address) {
      session.address = { state: '', postal_code: '', ...address };
      session.option = null;
    }
    if (option) session.option = option;
    this.#price(session);
  }

  #price(session) {
    const line = ({ id, quantity }) => {
      const { product, name } = this.#name(id);
      const amount = this.prices.get(id) * quantity;
      const tax = session.address ? Math.round(amount * 0.08) : 0;
      return {
        id, item: { id, quantity }, name, ...(product.images.length > 0 && { images: product.images }), base_amount: amount,
        discount: 0, subtotal: amount, tax, total: amount + tax,
      };
    };
    session.lines = session.items.map(line);
    const sum = (key) => session.lines.reduce((total, known) => total + known[key], 0);
    const missing = session.items.find(({ id }) => this.gone.has(id));
    session.problem = null;
    if (missing) session.problem = ['out_of_stock', 'line_items', `${this.#name(missing.id).name} is not available at the moment.`];
    else if (!session.address) session.problem = ['missing', 'fulfillment_address', 'A delivery address is needed.'];
    else if (!this.card.countries.includes(session.address.country)) {
      session.problem = ['invalid', 'fulfillment_address', `This shop does not deliver to ${session.address.country}.`];
    }
    const row = (type, display_text, amount) => ({ type, display_text, amount });
    session.totals = [row('items_base_amount', 'Items', sum('base_amount')), row('subtotal', 'Subtotal', sum('subtotal'))];
    if (session.problem) return;
    session.options = [this.#option('standard', 'Standard', 'USPS', 599, 3, 5), this.#option('express', 'Express', 'UPS', 1499, 1, 2)];
    session.option ??= 'standard';
    const shipping = session.options.find(({ id }) => id === session.option).total;
    session.totals.push(
      row('fulfillment', 'Shipping', shipping), row('tax', 'Tax', sum('tax')), row('total', 'Total', sum('total') + shipping),
    );
  }

  #option(id, title, carrier, total, earliest, latest) {
    const after = (days) => new Date(Date.UTC(2026, 10, 23, 12) + days * DAY).toISOString().replace('.000', '');
    return {
      type: 'shipping', id, title, subtitle: carrier, carrier, earliest_delivery_time: after(earliest),
      latest_delivery_time: after(latest), subtotal: total, tax: 0, total,
    };
  }

  #search({ query = '' }) {
    const words = query.toLowerCase().split(/\W+/).filter(Boolean);
    const text = (product) => JSON.stringify(product).toLowerCase();
    const products = CATALOG.filter((product) => words.every((word) => text(product).includes(word)));
    return { structuredContent: { products, total: products.length }, isError: false };
  }

  #update(args) {
    const session = this.session(args.checkout_session_id);
    if (session.state !== 'open') {
      return refused(
        `This checkout is ${session.state}; start another one with create_checkout.`, 'This order cannot be changed any more.',
      );
    }
    if (args.revision !== undefined && args.revision !== session.revision) {
      return refused(
        `This is revision ${args.revision} of the checkout, which is at ${session.revision}; read it with get_checkout.`,
        'The order has changed since it was shown.',
      );
    }
    this.#apply(session, args);
    return this.#answer(session, false);
  }

  #cancel({ checkout_session_id: id }) {
    const session = this.session(id);
    session.state = 'canceled';
    return this.#answer(session, false);
  }

  /** Tools that models see keep buyer and address out of their content. */
  #answer(session, forModel) {
    if (!session) {
      return refused('There is no such checkout in this shop; start one with create_checkout.', 'This order does not exist.');
    }
    const sheet = this.sheet(session);
    const shown = forModel ? { ...sheet, fulfillment_address: null } : sheet;
    const structuredContent = {
      checkout_session: shown, revision: session.revision, expires_at: new Date(Date.now() + 900_000).toISOString(),
      payment_methods_offered: this.offered, ...(this.offered.includes('hosted') && { checkout_url: this.page(session) }),
      ...(session.order && { order: session.order }),
    };
    const unavailable = session.items.map(({ id }) => id).filter((id) => this.gone.has(id));
    const meta = {
      ...(unavailable.length > 0 && { 'merchant-gateway/unavailable_items': unavailable }),
      ...(forModel && { 'merchant-gateway/checkout_session': sheet, 'merchant-gateway/shop': this.card }),
      ...(forModel && session.order && { 'merchant-gateway/order_number': String(1000 + this.charges) }),
    };
    return { structuredContent, isError: false, _meta: meta };
  }
}

/** A refusal: a text for models, and one for the shopper unless the host drops the metadata. */
export function refused(text, shopperText = null) {
  const result = { content: [{ type: 'text', text }], isError: true };
  return shopperText === null ? result : { ...result, _meta: { 'merchant-gateway/shopper_text': shopperText } };
}
