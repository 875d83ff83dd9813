// The offer to pay with an agent's wallet, as the latest result about a checkout makes it. Shown beside the basket.

import { el } from "./elements.js";
import { money } from "./money.js";
import { totalOf } from "./session-object.js";

// The name of the checkout that a tool's result is about: chk_…, without what follows it; null for a result about none.
export function checkoutOf(result) {
  const id = idIn(result);
  return typeof id === "string" && id.startsWith("chk_") ? id.split("_").slice(0, 2).join("_") : null;
}

const idIn = (result) => result?.structuredContent?.checkout_session?.id ?? result?.structuredContent?.id;

// What a result changes: an offer, null when the checkout has none any more, undefined when the result does not tell.
export function offerIn(result) {
  const checkout = checkoutOf(result);
  const content = result?.structuredContent;
  if (!checkout) return undefined;
  // As tools take it: with its key, without the revision.
  const checkout_session_id = idIn(result).replace(/_r\d+$/, "");
  if (content.wallet_payment) return { ...content.wallet_payment, checkout, checkout_session_id };
  // Goods that are not sent go to an email address; until the shop knows one, it tells no address to pay at.
  const session = content.checkout_session;
  const takesWallets = content.payment_methods_offered?.includes("wallet");
  if (takesWallets && session?.status === "ready_for_payment" && !session.buyer?.email) {
    return { url: null, amount: totalOf(session), currency: session.currency, checkout, checkout_session_id };
  }
  // complete_checkout tells of no wallet, so a declined card leaves the offer as it is.
  if (!content.checkout_session && content.status === "ready_for_payment") return undefined;
  return null;
}

export class WalletOffer {
  #area;
  #onPay;
  #offer = null;

  constructor(area, onPay) {
    this.#area = area;
    this.#onPay = onPay;
  }

  // Takes notice of a tool's result.
  note(result) {
    const offer = offerIn(result);
    if (offer) this.#show(offer);
    else if (offer === null && this.#offer?.checkout === checkoutOf(result)) this.clear();
  }

  clear() {
    this.#offer = null;
    this.#area.hidden = true;
    this.#area.replaceChildren();
  }

  #show(offer) {
    this.#offer = offer;
    this.#area.hidden = false;
    const amount = money(offer.amount, offer.currency.toUpperCase());
    // The same button stays, so that it keeps the focus while results come in.
    const text = el("span", {}, `The open checkout: ${amount}`);
    const shown = this.#area.querySelector("span");
    if (shown) shown.replaceWith(text);
    else this.#area.replaceChildren(text, this.#button());
  }

  #button() {
    return el("button", { type: "button", onclick: () => this.#onPay(this.#offer) }, "Pay with an agent's wallet");
  }
}
