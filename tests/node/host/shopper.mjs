// What a shopper does inside the buy widget. Everything that depends on how the widget looks is in this file, and it goes
// by roles and labels alone.

// Where the shopper may have things sent, by country. A shop that delivers to none of these needs a line here.
const ADDRESSES = {
  US: { line_one: "12 Mill Lane", city: "Los Angeles", state: "CA", postal_code: "90001" },
  JP: { line_one: "2-4-1 Jinbocho", city: "Chiyoda", state: "Tokyo", postal_code: "101-0051" },
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

  get payButton() {
    return this.widget.getByRole("button", { name: /^(pay|buy)\b/i });
  }

  // The field's own name may be decorated, so it is looked for by how it begins.
  field(name) {
    return this.widget.getByLabel(FIELDS[name]).first();
  }

  // Goes on until the widget offers to pay.
  async makePayable() {
    const begin = this.widget.getByRole("button", { name: /^(show total|continue|check ?out)/i });
    await this.payButton.or(this.field("line_one")).or(begin).first().waitFor();
    if (await this.payButton.isVisible()) return;
    if (await this.field("line_one").isVisible()) {
      await this.giveAddress();
      await this.widget.getByRole("button", { name: /shipping|continue|address|total/i }).first().click();
    } else {
      await begin.first().click();
    }
    await this.payButton.waitFor();
  }

  async giveAddress() {
    const country = this.widget.getByLabel(/^country/i).first();
    const isList = (await country.evaluate((field) => field.tagName)) === "SELECT";
    const chosen = isList ? await country.inputValue() : "US";
    const address = ADDRESSES[chosen];
    if (!address) throw new Error(`the shopper has no address in ${chosen}`);
    if (!isList) await country.fill(chosen);
    for (const [name, value] of Object.entries({ name: "Ada Lovelace", ...address })) await this.fill(name, value);
  }

  async fill(name, value) {
    const field = this.field(name);
    if (!(await field.isVisible())) return;
    if ((await field.evaluate((element) => element.tagName)) === "SELECT") await field.selectOption(value);
    else await field.fill(value);
  }

  async pay() {
    await this.payButton.click();
  }

  // Waits until the widget says that the order is paid.
  async seesPaid() {
    await this.widget.getByText(/thank you|is paid|order confirmed/i).first().waitFor();
  }

  // Waits until the widget says something in these words.
  async sees(words) {
    await this.widget.getByText(words).first().waitFor();
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
