// The payment sheet: what is paid, for whom, with which card. On approval the host grants a token and calls the shop's
// complete_checkout; what the sheet does with the answer is in `settle`.

import { el, outsideLink } from "./elements.js";
import { textOf } from "./merchant.js";
import { money } from "./money.js";
import { totalOf } from "./session-object.js";

// The errors that are shown on the sheet, where another card may be chosen. All others go to the widget.
const SHOWN_HERE = ["payment_declined", "requires_3ds"];

// Whom the host believes to be the shopper, and where the card's bills go when nothing is delivered.
export const SHOPPER = { name: "Ada Lovelace", email: "ada@example.com", phone_number: null };
const BILLING = {
  name: SHOPPER.name, line_one: "12 Mill Lane", city: "Springfield", state: "CA", country: "US", postal_code: "90001",
};

export class PaymentSheet {
  #dialog;
  #cards;
  #close = null;

  constructor(dialog, cards) {
    this.#dialog = dialog;
    this.#cards = cards;
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.#close?.();
    });
  }

  // Shows the sheet until it is paid, handed back to the widget, or canceled. Resolves with the tool's
  // structuredContent; rejects when the shopper cancels or the payment cannot be carried out.
  open(merchant, session) {
    if (this.#dialog.open) return Promise.reject(new Error("The payment sheet is open already."));
    return new Promise((resolve, reject) => {
      const end = (finish) => {
        this.#close = null;
        this.#dialog.close();
        finish();
      };
      const cancel = () => end(() => reject(new Error("The shopper canceled the payment.")));
      this.#close = cancel;
      this.#draw(merchant, session, cancel, async (approval, sheet) => {
        sheet.wait(true);
        this.#close = null;
        try {
          const settled = resultOf(await merchant.pay(approval));
          if ("value" in settled) return end(() => resolve(settled.value));
          sheet.alert(settled.alert);
        } catch (error) {
          return end(() => reject(error));
        }
        this.#close = cancel;
        sheet.wait(false);
      });
      this.#dialog.showModal();
    });
  }

  #draw(merchant, session, cancel, pay) {
    const currency = session.currency.toUpperCase();
    const total = money(totalOf(session), currency);
    const name = el("input", { name: "name", autocomplete: "name", required: true, value: session.buyer?.name ?? SHOPPER.name });
    const email = el("input", { name: "email", type: "email", autocomplete: "email", required: true, value: session.buyer?.email ?? SHOPPER.email });
    const alert = el("p", { role: "alert", class: "alert" });
    const payButton = el("button", { type: "submit", class: "main", autofocus: true }, `Pay ${total}`);
    const cancelButton = el("button", { type: "button", onclick: cancel }, "Cancel");
    const form = el("form", {},
      el("h2", { id: "payment-sheet-title" }, `Pay ${merchant.name}`),
      el("p", { class: "muted" }, "Payment sheet of an emulated host. Test mode: no real money moves."),
      lines(session, currency),
      delivery(session),
      el("fieldset", { class: "person" }, el("legend", {}, "You"),
        el("label", {}, "Your name", name),
        el("label", {}, "Your email", email)),
      el("fieldset", { class: "cards" }, el("legend", {}, "Test card"), this.#cards.map(cardChoice)),
      pages(session),
      el("div", { class: "foot" }, alert, el("div", { class: "actions" }, cancelButton, payButton)));
    const sheet = {
      alert: (text) => alert.replaceChildren(text),
      wait: (waiting) => {
        payButton.textContent = waiting ? "Paying…" : `Pay ${total}`;
        form.querySelectorAll("button, input").forEach((control) => { control.disabled = waiting; });
        form.setAttribute("aria-busy", String(waiting));
        if (waiting) alert.replaceChildren();
      },
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const approval = {
        checkout_session_id: session.id,
        provider: session.payment_provider.provider,
        merchant_id: session.payment_provider.merchant_id,
        currency,
        total: totalOf(session),
        card: new FormData(form).get("card"),
        buyer: { ...SHOPPER, name: name.value, email: email.value },
        billing_address: session.fulfillment_address ?? BILLING,
      };
      pay(approval, sheet);
    });
    this.#dialog.replaceChildren(form);
  }
}

// What an answer of complete_checkout means to the host: a value for the widget, or an alert on the sheet. A tool error
// or a broken answer is a failure of the host's call, so the widget's promise rejects.
export function resultOf(result) {
  const answer = result.structuredContent;
  if (result.isError || !answer) throw new Error(textOf(result) || "The shop's answer says nothing.");
  const error = (answer.messages ?? []).find((message) => message.type === "error");
  // A session that can no longer be paid is the widget's matter, whatever ended it.
  const payable = answer.status === "ready_for_payment";
  if (!answer.order && payable && error && SHOWN_HERE.includes(error.code)) return { alert: error.content };
  return { value: answer };
}

function lines(session, currency) {
  const bought = (session.line_items ?? []).map((line) =>
    el("div", { class: "row" },
      el("dt", {}, `${line.item?.quantity ?? "?"} × ${line.name ?? line.item?.id ?? line.id}`),
      el("dd", {}, money(line.base_amount, currency))));
  const rows = session.totals.map((row) =>
    el("div", { class: row.type === "total" ? "row total" : "row" },
      el("dt", {}, row.display_text),
      el("dd", {}, `${["items_discount", "discount"].includes(row.type) ? "−" : ""}${money(row.amount, currency)}`)));
  return [
    el("dl", { "aria-label": "Items" }, bought),
    el("dl", { "aria-label": "Totals", class: "totals" }, rows),
  ];
}

function delivery(session) {
  const address = session.fulfillment_address;
  if (!address) return null;
  const option = (session.fulfillment_options ?? []).find(({ id }) => id === session.fulfillment_option_id);
  const street = [address.line_one, address.line_two].filter(Boolean).join(", ");
  const town = [address.city, address.state, address.postal_code, address.country].filter(Boolean).join(", ");
  const way = option ? [option.title, option.carrier ?? option.subtitle].filter(Boolean).join(" · ") : null;
  return el("section", { "aria-label": "Delivery", class: "delivery" },
    el("h3", {}, "Delivery"),
    el("p", {}, [address.name, street, town].filter(Boolean).join(" · ")),
    way ? el("p", { class: "muted" }, way) : null);
}

// A test card to choose, in a form or a group.
export function cardChoice(card, index) {
  return el("label", { class: "card" },
    el("input", { type: "radio", name: "card", value: card.id, checked: index === 0 }),
    el("span", {}, `${card.name} `, el("small", {}, card.comes_to)));
}

function pages(session) {
  const names = { terms_of_use: "Terms of use", privacy_policy: "Privacy policy", support_url: "Support" };
  const links = (session.links ?? []).filter((link) => names[link.type]);
  return el("p", { class: "pages" }, links.map((link) => outsideLink(link.url, names[link.type])));
}
