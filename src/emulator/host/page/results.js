// Products that were found, and the items that the shopper picks out of them for one checkout.

import { el } from "./elements.js";

const isAvailable = (thing) => thing.availability === "in_stock";

// A list of products. `onShow` is called with a product, `onAdd` with the id and title of something that can be bought.
export function resultList(products, { onShow, onAdd }) {
  return el("ul", { class: "results", "aria-label": "Products found" },
    products.map((product) => resultItem(product, onShow, onAdd)));
}

function resultItem(product, onShow, onAdd) {
  const { title, price, price_varies, variants } = product;
  const sellable = (variants.length ? variants : [product]).filter(isAvailable);
  const choice = variants.length && sellable.length
    ? el("select", { "aria-label": `Variant of ${title}` },
      sellable.map((variant) => el("option", { value: variant.id },
        price_varies ? `${variant.title} · ${variant.price.display}` : variant.title)))
    : null;
  const add = () => {
    const chosen = choice ? sellable.find((variant) => variant.id === choice.value) : product;
    onAdd({ id: chosen.id, title: choice ? `${title}, ${chosen.title}` : title });
  };
  return el("li", {},
    el("div", { class: "product" },
      el("strong", {}, title),
      el("span", { class: "price" }, `${price_varies ? "from " : ""}${price.display}`)),
    el("div", { class: "actions" },
      sellable.length ? choice : el("span", { class: "muted" }, "Not available at the moment"),
      sellable.length
        ? el("button", { type: "button", "aria-label": `Add ${title} to the checkout`, onclick: add }, "Add")
        : null,
      el("button", { type: "button", "aria-label": `Show ${title}`, onclick: () => onShow(product) }, "Show")));
}

// The items picked so far, and the button that starts a checkout with them.
export class Basket {
  #area;
  #items = new Map();
  #onCheckout;

  constructor(area, onCheckout) {
    this.#area = area;
    this.#onCheckout = onCheckout;
  }

  add({ id, title }) {
    const known = this.#items.get(id);
    this.#items.set(id, { title, quantity: (known?.quantity ?? 0) + 1 });
    this.#draw();
  }

  clear() {
    this.#items.clear();
    this.#draw();
  }

  #draw() {
    this.#area.hidden = this.#items.size === 0;
    const texts = [...this.#items.values()].map(({ title, quantity }) => `${quantity} × ${title}`);
    const checkout = () => {
      const items = [...this.#items].map(([id, { quantity }]) => ({ id, quantity }));
      this.clear();
      this.#onCheckout(items, texts);
    };
    this.#area.replaceChildren(
      el("span", {}, texts.join(", ")),
      el("button", { type: "button", onclick: () => this.clear() }, "Empty"),
      el("button", { type: "button", class: "main", onclick: checkout }, "Start a checkout"));
  }
}
