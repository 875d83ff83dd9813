// The emulated host: a shopper, an assistant that understands nothing and says so, and one merchant at a time.

import { describeHost } from "./backend.js";
import { Conversation } from "./conversation.js";
import { el, outsideLink } from "./elements.js";
import { Merchant, textOf } from "./merchant.js";
import { money } from "./money.js";
import { PaymentSheet } from "./payment-sheet.js";
import { Basket, resultList } from "./results.js";
import { totalOf } from "./session-object.js";
import { Transcript } from "./transcript.js";
import { WalletOffer } from "./wallet-offer.js";
import { WalletScreen } from "./wallet.js";
import { WidgetFrame } from "./widget-frame.js";

const part = (id) => document.getElementById(id);
const conversation = new Conversation(part("conversation"));
const transcript = new Transcript(part("exchanges"));
const basket = new Basket(part("basket"), (items, texts) => startCheckout(items, texts));
const walletOffer = new WalletOffer(part("wallet-offer"), (offer) => payWithWallet(offer));
const dialog = part("external");
const widgets = new Set();
let merchants = [];
let merchant = null;
let sheet = null;
let wallet = null;

// What the page offers to widgets.
const host = {
  theme: matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light",
  paymentSheet: true,
  rights: "",
  pay,
  followUp: (prompt) => {
    conversation.shopper(prompt);
    conversation.assistant("The widget wrote that for you. A model would answer it now; this assistant only searches.");
  },
  openExternal: (href) => {
    dialog.querySelector("p").replaceChildren("The widget wants to open ", outsideLink(href, href));
    dialog.showModal();
  },
};

async function begin() {
  setTheme(host.theme);
  part("theme").addEventListener("change", (event) => setTheme(event.target.checked ? "dark" : "light"));
  part("payment").addEventListener("change", (event) => { host.paymentSheet = event.target.checked; });
  part("merchant").addEventListener("change", (event) => choose(event.target.value));
  part("everything").addEventListener("click", () => search(""));
  part("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    const words = part("words").value.trim();
    part("words").value = "";
    search(words);
  });
  dialog.querySelector("button").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", ({ target }) => { if (target instanceof HTMLAnchorElement) dialog.close(); });
  const known = await describeHost();
  merchants = known.merchants;
  host.rights = known.sandbox.rights;
  sheet = new PaymentSheet(part("payment-sheet"), known.cards);
  wallet = new WalletScreen(part("wallet-screen"), known.cards);
  part("merchant").replaceChildren(...merchants.map(({ id, name }) => el("option", { value: id }, name)));
  if (merchants.length) await choose(merchants[0].id);
  else conversation.trouble("This host was started without merchants.");
}

function setTheme(theme) {
  host.theme = theme;
  document.documentElement.dataset.theme = theme;
  part("theme").checked = theme === "dark";
  for (const widget of widgets) widget.change({ theme });
}

// Opens a connection to a merchant; the conversation begins anew.
async function choose(id) {
  for (const widget of widgets) widget.remove();
  widgets.clear();
  conversation.clear();
  transcript.clear();
  basket.clear();
  walletOffer.clear();
  const chosen = new Merchant(merchants.find((known) => known.id === id), transcript, (result) => {
    if (merchant === chosen) walletOffer.note(result);
  });
  merchant = chosen;
  part("endpoint").textContent = chosen.url;
  await attempt(async () => {
    await chosen.open();
    if (merchant !== chosen) return;
    conversation.assistant(
      `Connected to ${chosen.name}. I am no model: I search the shop for your words as they are, and call the tool that ` +
      "you press a button for. Every exchange is in the transcript.",
    );
  });
}

// Does something for the shopper. What goes wrong is said in the conversation.
async function attempt(task) {
  document.body.setAttribute("aria-busy", "true");
  try {
    await task();
  } catch (error) {
    conversation.trouble(error.message);
  }
  document.body.removeAttribute("aria-busy");
}

const search = (words) => attempt(async () => {
  conversation.shopper(words || "Show me everything.");
  const result = await merchant.call("model", "search_products", words ? { query: words } : {});
  if (result.isError) throw new Error(`${merchant.name} says: ${textOf(result)}`);
  const { products, total } = result.structuredContent;
  const said = el("p", {}, products.length ? `${merchant.name} has ${products.length} of ${total} for that:` : textOf(result));
  conversation.assistant(said, products.length
    ? resultList(products, { onShow: showProduct, onAdd: (item) => basket.add(item) })
    : null);
});

const showProduct = (product) => attempt(async () => {
  conversation.shopper(`Show me ${product.title}.`);
  await showTool("show-buy-product-widget", { product: product.id });
});

const startCheckout = (items, texts) => attempt(async () => {
  conversation.shopper(`I want to buy ${texts.join(", ")}.`);
  await showTool("checkout_session", { checkout_session: { items } });
});

// Calls a tool on the model's side and shows its widget.
async function showTool(name, args) {
  const shop = merchant;
  const result = await shop.call("model", name, args);
  if (result.isError) throw new Error(`${shop.name} says: ${textOf(result)}`);
  const uri = shop.widgetOf(name);
  if (!uri) throw new Error(`${name} names no widget.`);
  const widget = new WidgetFrame({ merchant: shop, toolInput: args, toolResult: result, host, transcript });
  const shown = await widget.show(uri);
  if (merchant !== shop) return;
  widgets.add(widget);
  conversation.assistant(textOf(result), shown);
}

// Shows the payment sheet for a widget.
async function pay(shop, session) {
  const answer = await sheet.open(shop, session);
  const { order } = answer;
  if (order) {
    sayPaid(`Paid ${money(totalOf(session), session.currency.toUpperCase())} to ${shop.name}. `, order);
  } else if (answer.status === "in_progress") {
    conversation.assistant("The payment is not decided yet. The widget can look again.");
  }
  return answer;
}

// Shows the wallet's screen for an offer, and says in the conversation what came of it.
async function payWithWallet(offer) {
  const shop = merchant;
  const { order, challenge, declined, undecided, tried } = await wallet.open(shop, offer);
  if (order) {
    const amount = money(challenge.amount, challenge.currency.toUpperCase());
    sayPaid(`Paid ${amount} to ${shop.name} with a wallet. `, order.order);
  } else if (declined) {
    conversation.assistant("You declined the payment in the wallet. Nothing was paid.");
  } else if (undecided) {
    conversation.assistant("The payment with the wallet is not decided yet. The widget can look again.");
  }
  if (tried) await attempt(() => lookAgain(shop, offer));
  // The button that had the focus may be gone with the offer.
  if (document.activeElement === document.body) part("words").focus();
}

// After a payment outside the widget, the model's side looks at the checkout, and the widgets that show it do.
async function lookAgain(shop, { checkout, checkout_session_id }) {
  await shop.call("model", "get_checkout", { checkout_session_id });
  const showing = [...widgets].filter((widget) => widget.checkout === checkout);
  await Promise.all(showing.map((widget) => widget.reload()));
}

function sayPaid(words, order) {
  conversation.assistant(
    el("p", {}, words, el("strong", {}, `Order ${order.id}`)),
    el("p", {}, outsideLink(order.permalink_url, "Order status page")),
  );
}

begin().catch((error) => conversation.trouble(error.message));
