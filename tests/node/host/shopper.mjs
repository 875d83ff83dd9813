// What a shopper does inside the buy widget. Everything that depends on how the widget looks is in this file, and it goes
// by roles and labels alone.

// Where the shopper may have things sent, by country. A shop that delivers to none of these needs a line here.
const ADDRESSES = {
  US: { line_one: "12 Mill Lane", city: "Los Angeles", state: "CA", postal_code: "90001" },
  JP: { line_one: "2-4-1 Jinbocho", city: "Chiyoda", state: "Tokyo", postal_code: "101-0051" },
  CA: { line_one: "88 Harbour Street", city: "Toronto", state: "ON", postal_code: "M5J 0C3" },
  GB: { line_one: "221B Baker Street", city: "London", state: "", postal_code: "NW1 6XE" },
  DE: { line_one: "Lindenstraße 9", city: "Berlin", state: "", postal_code: "10969" },
};

const FIELDS = {
  name: /^(full )?name/i,
  line_one: /^(street|address(?!.*2))/i,
  city: /^(city|town)/i,
  state: /^(state|region|province|prefecture)/i,
  postal_code: /^(postal|post ?code|zip)/i,
};

export class Shopper {
  // `widget` is the frame locator of a widget.
  constructor(widget) {
    this.widget = widget;
  }

  button(name) {
    return this.widget.getByRole("button", { name }).filter({ visible: true });
  }

  // The main one: beside it there may be a second way to pay.
  get payButton() {
    return this.button(/^(pay|buy)\b/i).first();
  }

  field(name) {
    return this.widget.getByLabel(FIELDS[name]).filter({ visible: true }).first();
  }

  // From the product, or the order, to an order that can be paid: what the widget asks for next is given.
  async makePayable() {
    const goOn = this.button(/^(continue|show total|check ?out)/i).first();
    await this.payButton.or(this.field("line_one")).or(goOn).first().waitFor();
    if (!(await this.field("line_one").isVisible()) && (await goOn.isVisible())) {
      await press(goOn);
      await this.payButton.or(this.field("line_one")).first().waitFor();
    }
    if (await this.field("line_one").isVisible() && !(await this.payButton.isVisible())) {
      await this.giveAddress();
      await press(this.button(/shipping|address|total/i).first());
    }
    await this.payButton.waitFor();
  }

  async giveAddress() {
    const { country, address } = await this.chooseCountry();
    if (!address) throw new Error(`the shopper has no address in ${country}`);
    for (const [name, value] of Object.entries({ name: "Ada Lovelace", ...address })) await this.fill(name, value);
  }

  // A widget that asks for no country has but one, which is taken for the United States.
  async chooseCountry() {
    const field = this.widget.getByLabel(/^country/i).filter({ visible: true }).first();
    if (!(await field.isVisible())) return { country: "US", address: ADDRESSES.US };
    if (!(await isList(field))) {
      await field.fill("US");
      return { country: "US", address: ADDRESSES.US };
    }
    const offered = await field.locator("option").evaluateAll((options) => options.map((option) => option.value));
    const country = offered.find((code) => code in ADDRESSES) ?? offered.join(", ");
    if (country in ADDRESSES) await field.selectOption(country);
    return { country, address: ADDRESSES[country] };
  }

  async fill(name, value) {
    const field = this.field(name);
    if (!(await field.isVisible())) return;
    if (await isList(field)) await field.selectOption(value);
    else await field.fill(value);
  }

  async pay() {
    await press(this.payButton);
  }

  // Presses a button of the widget, by its whole name.
  async press(name) {
    await press(this.widget.getByRole("button", { name, exact: true }).filter({ visible: true }).first());
  }

  // Pays once the widget has caught up with the last change.
  async payAgain() {
    await this.widget.getByText(/Updating/).filter({ visible: true }).first().waitFor({ state: "detached" });
    await this.pay();
  }

  // Waits until the widget says that the order is paid.
  async seesPaid() {
    await this.sees(/thank you/i);
  }

  // Waits until the widget says that no payment was made.
  async seesUnpaid() {
    await this.sees(/not made|no payment was taken/i);
  }

  async sees(words) {
    await this.widget.getByText(words).filter({ visible: true }).first().waitFor();
  }

  // Asks the host to leave for the order's page.
  async openOrder() {
    const name = /^order status/i;
    await press(this.button(name).or(this.widget.getByRole("link", { name })).first());
  }

  // Calls a tool as a widget's script does. Gives "answered" or the words of the refusal.
  async callTool(name, args) {
    const call = (_, [tool, given]) =>
      window.openai.callTool(tool, given).then(() => "answered", (error) => error.message);
    return this.widget.locator("body").evaluate(call, [name, args]);
  }

  async global(name) {
    return this.widget.locator("body").evaluate((_, key) => window.openai[key], name);
  }
}

const isList = (field) => field.evaluate((element) => element.tagName === "SELECT");

// Clicks once the mouse is known to have arrived. The frame is a process of its own, and just after the page has scrolled
// the browser may still send the mouse to where the frame was.
async function press(control) {
  for (let tries = 0; tries < 100; tries += 1) {
    await control.hover();
    if (await control.evaluate((element) => element.matches(":hover"))) {
      await control.click();
      return;
    }
  }
  throw new Error(`the mouse does not reach ${control}`);
}
