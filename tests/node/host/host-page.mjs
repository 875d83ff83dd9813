// The emulated host's page as a person uses it: by roles and labels.

import { Shopper } from "./shopper.mjs";

export class HostPage {
  constructor(page, url) {
    this.page = page;
    this.url = url;
  }

  async open() {
    await this.page.goto(this.url);
    await this.page.getByRole("combobox", { name: "Merchant" }).waitFor();
    await this.said(/^Connected to /);
  }

  async merchants() {
    return this.page.getByRole("combobox", { name: "Merchant" }).locator("option").allTextContents();
  }

  async choose(merchant) {
    await this.page.getByRole("combobox", { name: "Merchant" }).selectOption({ label: merchant });
    await this.said(`Connected to ${merchant}`);
  }

  // Waits until the conversation says something.
  async said(words) {
    await this.page.getByRole("log").getByText(words).last().waitFor();
  }

  async ask(words) {
    await this.page.getByRole("textbox", { name: "Ask for a product" }).fill(words);
    await this.page.getByRole("button", { name: "Ask", exact: true }).click();
  }

  async showEverything() {
    await this.page.getByRole("button", { name: "Show everything" }).click();
    await this.results().first().waitFor();
  }

  results() {
    return this.page.getByRole("list", { name: "Products found" }).last().getByRole("listitem");
  }

  // Those of the products found that can be bought now.
  buyable() {
    return this.results().filter({ has: this.page.getByRole("button", { name: /^Add / }) });
  }

  // Shows a product in the widget; gives the shopper in front of it.
  async show(product) {
    await product.getByRole("button", { name: /^Show / }).click();
    return this.widget();
  }

  async widget() {
    const frames = this.page.getByRole("region", { name: "Widget", exact: true }).locator("iframe");
    await frames.last().waitFor();
    return new Shopper(frames.last().contentFrame());
  }

  get sheet() {
    return this.page.getByRole("dialog", { name: /^Pay / });
  }

  get payButton() {
    return this.sheet.getByRole("button", { name: /^Pay / });
  }

  // Pays on the open sheet with a card, by how its name begins. Gives the total as the sheet's button tells it.
  async payWith(card) {
    await this.sheet.getByRole("radio", { name: card }).check();
    const total = (await this.payButton.textContent()).replace(/^Pay /, "");
    await this.payButton.click();
    return total;
  }

  get walletButton() {
    return this.page.getByRole("button", { name: "Pay with an agent's wallet" });
  }

  get wallet() {
    return this.page.getByRole("dialog", { name: /^An agent's wallet/ });
  }

  // Waits until the wallet is at a step.
  async walletStep(name) {
    await this.wallet.locator("[aria-current=step]").getByText(name).waitFor();
    await this.wallet.getByRole("button").first().waitFor();
  }

  // Follows the link that a widget wants to open: the new tab.
  async follow() {
    const leave = this.page.getByRole("dialog", { name: "Leave the conversation" });
    const opened = this.page.context().waitForEvent("page");
    await leave.getByRole("link").click();
    return opened;
  }

  async usePaymentSheet(used) {
    await this.page.getByRole("switch", { name: "Payment sheet" }).setChecked(used);
  }

  async cancelSheet() {
    await this.sheet.getByRole("button", { name: "Cancel" }).click();
    await this.sheet.waitFor({ state: "hidden" });
  }

  // What the host says of the latest order, and what the widget was given for it.
  async receipt() {
    const turn = this.page.getByRole("article", { name: "Emulated assistant" })
      .filter({ has: this.page.getByRole("link", { name: "Order status page" }) }).last();
    await turn.waitFor();
    const order = (await turn.getByText(/^Order ord_/).last().textContent()).replace("Order ", "");
    const paid = (await turn.getByText(/^Paid /).first().textContent()).match(/^Paid (\S+ [A-Z]{3}) to /)[1];
    const permalink = await turn.getByRole("link", { name: "Order status page" }).getAttribute("href");
    const resolved = this.exchanges("requestCheckout resolves").last();
    await resolved.filter({ hasText: order }).waitFor();
    const value = JSON.parse(await resolved.locator("pre").textContent());
    return {
      order, paid, permalink,
      session: value.order.checkout_session_id,
      amount: value.totals.find((row) => row.type === "total").amount,
      currency: value.currency,
    };
  }

  // The transcript's entries about something.
  exchanges(what) {
    return this.page.getByRole("complementary", { name: "Transcript" }).locator("details")
      .filter({ has: this.page.locator(".what", { hasText: what }) });
  }

  // What the latest call of a tool gave.
  async latestAnswer(tool) {
    const text = await this.exchanges(tool).last().locator("pre").last().textContent();
    return JSON.parse(text).result.structuredContent;
  }

  // The transcript's entries as "who what", oldest first.
  async transcript() {
    const entries = this.page.getByRole("complementary", { name: "Transcript" }).locator("summary");
    return entries.evaluateAll((all) =>
      all.map((entry) => [".who", ".what"].map((part) => entry.querySelector(part).textContent).join(" ")));
  }

  async screenshot(path) {
    await this.page.screenshot({ path });
  }
}
