// The screen of an agent's wallet, in three steps: the shop's challenge, the approval by the wallet's owner, the outcome.
// The wallet pays by the Machine Payments Protocol over HTTP 402; its requests are made by the host's own server.

import { el, outsideLink } from "./elements.js";
import { textOf } from "./merchant.js";
import { money } from "./money.js";
import { SHOPPER, cardChoice } from "./payment-sheet.js";
import { offerIn } from "./wallet-offer.js";

const STEPS = ["Challenge", "Approval", "Outcome"];

export class WalletScreen {
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

  // Shows the screen until it is closed. Resolves with what came of it: `order` and `challenge` of a payment; `declined` by
  // the owner; `undecided`, a payment whose outcome is not known; `tried`, whether the shop's checkout may have changed.
  async open(merchant, offer) {
    if (this.#dialog.open) throw new Error("The wallet is open already.");
    return new Promise((resolve) => {
      const visit = new Visit(this.#dialog, this.#cards, merchant, offer, (ended) => {
        this.#close = null;
        this.#dialog.close();
        resolve(ended);
      });
      this.#close = () => visit.leave();
      this.#dialog.replaceChildren();
      this.#dialog.showModal();
      visit.ask();
    });
  }
}

// One visit of the owner to the wallet.
class Visit {
  #dialog;
  #cards;
  #merchant;
  #offer;
  #end;
  #busy = false;
  #ended = { tried: false };

  constructor(dialog, cards, merchant, offer, end) {
    this.#dialog = dialog;
    this.#cards = cards;
    this.#merchant = merchant;
    this.#offer = offer;
    this.#end = end;
  }

  leave() {
    if (!this.#busy) this.#end(this.#ended);
  }

  // Step 1: the wallet asks the shop's address.
  async ask() {
    if (!this.#offer.url) return this.#askForEmail();
    await this.#wait(0, "The wallet asks the shop…", async () => {
      const { challenge, exchange } = await this.#merchant.askForChallenge(this.#offer.url);
      if (challenge) this.#showChallenge(challenge, exchange);
      else this.#showAnswer(exchange.status, exchange.answer.body);
    });
  }

  #showChallenge(challenge, { answer }) {
    const body = [
      el("p", {}, "The shop answers HTTP 402, Payment Required, and says what it wants:"),
      el("dl", { "aria-label": "Challenge" },
        row("Amount", amountOf(challenge), true),
        row("To", challenge.realm),
        challenge.description ? row("For", challenge.description) : null,
        row("Network ID at Stripe", challenge.network_id),
        challenge.expires ? row("Valid until", moment(challenge.expires)) : null),
      el("details", { class: "raw" },
        el("summary", {}, "The header as it was sent"),
        el("pre", { tabindex: "0" }, `WWW-Authenticate: ${answer.headers["www-authenticate"]}`)),
    ];
    this.#draw(0, "The shop's challenge", body,
      button("Cancel", () => this.leave()),
      button("Continue to the approval", () => this.#showApproval(challenge), "main"));
  }

  // Step 2: the owner of the wallet decides.
  #showApproval(challenge) {
    const cards = el("fieldset", { class: "cards" }, el("legend", {}, "Pay with the test card"), this.#cards.map(cardChoice));
    const body = [
      el("p", {}, `${this.#merchant.name} asks for ${amountOf(challenge)}. Your agent says what it is for:`),
      el("blockquote", {}, this.#offer.purchase_context),
      cards,
      el("p", { class: "muted" }, "After the approval, the wallet obtains a token for exactly this amount and this shop."),
    ];
    this.#draw(1, `Approve ${amountOf(challenge)}`, body,
      button("Decline", () => this.#end({ declined: true, tried: this.#ended.tried })),
      button("Approve", () => this.#pay(challenge, cards.querySelector("input:checked").value), "main"));
  }

  async #pay(challenge, card) {
    await this.#wait(1, "The wallet pays…", async () => {
      this.#ended = { undecided: true, tried: true };
      const paid = await this.#merchant.payWithWallet({ url: this.#offer.url, card, approved: challenge });
      if (paid.order) this.#showPaid(paid.order, paid.receipt, challenge);
      else if (paid.problem) this.#showProblem(paid.problem);
      else this.#showUndecided();
    });
  }

  // Step 3: the outcome.
  #showPaid(order, receipt, challenge) {
    this.#ended = { order, challenge, tried: true };
    const body = [
      el("dl", { "aria-label": "Receipt" },
        row("Amount", amountOf(challenge), true),
        row("Order", order.order?.id ?? "unknown"),
        receipt ? row("Payment at Stripe", receipt.reference) : null,
        receipt ? row("Paid at", moment(receipt.timestamp)) : null),
      receipt ? null : el("p", { class: "muted" }, "The answer had no receipt: another payment had paid this checkout already."),
      order.order?.permalink_url ? el("p", {}, outsideLink(order.order.permalink_url, "Order status page")) : null,
    ];
    this.#draw(2, "Paid", body, button("Done", () => this.leave(), "main"));
  }

  #showProblem(problem) {
    this.#ended = { tried: true };
    this.#draw(2, "Not paid", [alertOf(problem)],
      button("Close", () => this.leave()),
      button("Try again with another card", () => this.ask(), "main"));
  }

  #showUndecided() {
    this.#ended = { undecided: true, tried: true };
    this.#draw(2, "Not decided yet", [el("p", {}, "The shop does not know the outcome of the payment yet. Do not pay again.")],
      button("Close", () => this.leave()),
      button("Ask the shop again", () => this.ask(), "main"));
  }

  // The shop's answer to a request without a credential, when it is no challenge.
  #showAnswer(status, body) {
    if (status === 200) this.#showPaid(body, null, this.#offer);
    else if (status === 202) this.#showUndecided();
    else {
      const problem = typeof body === "object" && body !== null ? body : { title: `HTTP ${status}` };
      this.#ended = { tried: true };
      this.#draw(2, "Not paid", [alertOf(problem)], button("Close", () => this.leave()));
    }
  }

  // Goods that are not sent go to an email address, and the protocol has no place for one: the host tells it by a tool.
  #askForEmail() {
    this.#draw(0, "An address is missing",
      [alertOf({ detail: "These goods are delivered by email, and the shop knows no email address yet." })],
      button("Close", () => this.leave()),
      button(`Tell the shop ${SHOPPER.email}`, () => this.#tellEmail(), "main"));
  }

  async #tellEmail() {
    await this.#wait(0, "The shop is told your email address…", async () => {
      const buyer = { email: SHOPPER.email };
      const args = { checkout_session_id: this.#offer.checkout_session_id, buyer };
      const result = await this.#merchant.call("host", "update_checkout", args);
      this.#offer = offerIn(result) ?? this.#offer;
      if (!this.#offer.url) throw new Error(textOf(result) || "The shop did not take the email address.");
    });
    if (this.#offer.url) await this.ask();
  }

  // Does something that must not be interrupted; what goes wrong is shown.
  async #wait(step, words, task) {
    this.#busy = true;
    this.#draw(step, words, []);
    this.#dialog.setAttribute("aria-busy", "true");
    let failed = null;
    await task().catch((error) => { failed = error; });
    this.#dialog.removeAttribute("aria-busy");
    this.#busy = false;
    if (!failed) return;
    this.#draw(2, "No outcome", [alertOf({ detail: failed.message })],
      button("Close", () => this.leave()),
      button("Ask the shop again", () => this.ask(), "main"));
  }

  // Draws a step. Its heading takes the focus, so that a screen reader reads on from there.
  #draw(step, title, body, ...buttons) {
    const heading = el("h3", { tabindex: "-1", autofocus: true }, title);
    const steps = STEPS.map((name, index) => el("li", { "aria-current": index === step ? "step" : null }, name));
    this.#dialog.replaceChildren(el("div", { class: "screen" },
      el("h2", { id: "wallet-screen-title" }, `An agent's wallet for ${this.#merchant.name}`),
      el("p", { class: "muted" }, "Emulated wallet, paying over HTTP 402. Test mode: no real money moves."),
      el("ol", { class: "steps", "aria-label": "Steps" }, steps),
      heading,
      body,
      el("div", { class: "foot" }, el("div", { class: "actions" }, buttons))));
    heading.focus();
  }
}

const amountOf = ({ amount, currency }) => money(amount, currency.toUpperCase());

const moment = (text) => el("time", { datetime: text }, new Date(text).toLocaleString());

const button = (name, onclick, kind = null) => el("button", { type: "button", class: kind, onclick }, name);

function row(name, value, isTotal = false) {
  return el("div", { class: isTotal ? "row total" : "row" }, el("dt", {}, name), el("dd", {}, value));
}

const alertOf = ({ title, detail }) => el("p", { role: "alert", class: "alert" }, detail ?? title ?? "The shop does not say why.");
