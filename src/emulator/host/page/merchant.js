// The connection to one merchant: its tools, who may call them, and the record of every call.

import { approvePayment, askForChallenge, payWithWallet, prepareWidget, sendMessage } from "./backend.js";
import { whyNot, widgetOf } from "./tool-access.js";

export class Merchant {
  #transcript;
  #onResult;
  #tools = new Map();
  #messages = 0;

  // `onResult` is called with every result of a tool, whoever called it.
  constructor({ id, name, mcp_url }, transcript, onResult) {
    Object.assign(this, { id, name, url: mcp_url });
    this.#transcript = transcript;
    this.#onResult = onResult;
  }

  // Asks the shop what it is and what it can do.
  async open() {
    const known = await this.#send("host", "server/discover", {});
    let cursor;
    do {
      const page = await this.#send("host", "tools/list", cursor ? { cursor } : {});
      for (const tool of page.tools) this.#tools.set(tool.name, tool);
      cursor = page.nextCursor;
    } while (cursor);
    return known.instructions ?? "";
  }

  // Calls a tool for the "model", a "widget" or the "host". Gives the tool's result, one that says isError too.
  async call(who, name, args) {
    const refused = whyNot(who, name, this.#tools.get(name));
    if (refused) {
      const details = [["arguments", args]];
      this.#transcript.record({ who: WHO[who], what: name, outcome: "refused", note: `Refused: ${refused}.`, details });
      throw new Error(`Refused by the host: ${refused}.`);
    }
    return this.#send(who, "tools/call", { name, arguments: args });
  }

  widgetOf(name) {
    return widgetOf(this.#tools.get(name));
  }

  // Has a widget put into the sandbox; gives its address there.
  async prepareWidget(uri, globals, paymentSheet) {
    try {
      const prepared = await prepareWidget(this.id, { uri, globals, payment_sheet: paymentSheet });
      const note = prepared.left_out.length ? `Not granted by the host: ${prepared.left_out.join("; ")}.` : "";
      const details = [...exchange(prepared.read), ["Content-Security-Policy", prepared.policy]];
      this.#transcript.record({ who: WHO.host, what: `resources/read ${uri}`, note, details });
      return prepared.url;
    } catch (error) {
      this.#transcript.record({ who: WHO.host, what: `resources/read ${uri}`, outcome: "failed", note: error.message });
      throw error;
    }
  }

  // The host pays: a token for this sheet, then complete_checkout. Gives the tool's result.
  async pay(approval) {
    return this.#record("host", "complete_checkout", [["approved on the sheet", approval]], () =>
      approvePayment(this.id, approval));
  }

  // The wallet asks its address of a checkout. Gives the challenge, or null, and the exchange.
  async askForChallenge(url) {
    const told = await this.#recordFailure("GET, for the challenge", { url }, () => askForChallenge(this.id, url));
    this.#recordExchange("GET, for the challenge", told.exchange, [200, 202, 402]);
    return told;
  }

  // The wallet pays what its owner approved. Gives the order, the receipt or the problem.
  async payWithWallet(approval) {
    const told = await this.#recordFailure("GET, with the credential", { approval }, () => payWithWallet(this.id, approval));
    const [asked, paid] = told.exchanges;
    this.#recordExchange("GET, after the approval", asked, [200, 202, 402]);
    if (told.grant) {
      this.#transcript.record({ who: WHO.wallet, what: "token granted", details: [["granted by the emulated Stripe", told.grant]] });
    }
    if (paid) this.#recordExchange("GET, with the credential", paid, [200, 202]);
    return told;
  }

  async #recordFailure(what, asked, run) {
    try {
      return await run();
    } catch (error) {
      this.#transcript.record({ who: WHO.wallet, what, outcome: "failed", note: error.message, details: Object.entries(asked) });
      throw error;
    }
  }

  #recordExchange(what, { sent, status, answer }, good) {
    const failed = !good.includes(status);
    const note = failed ? (answer.body?.detail ?? answer.body?.title ?? `HTTP ${status}`) : "";
    this.#transcript.record({
      who: WHO.wallet, what, outcome: failed ? "failed" : "ok", note, details: exchange({ sent, status, answer }),
    });
  }

  async #send(who, method, params) {
    this.#messages += 1;
    const what = method === "tools/call" ? params.name : method;
    return this.#record(who, what, [["asked", params]], () =>
      sendMessage(this.id, { id: this.#messages, method, params }));
  }

  // Runs an exchange and writes down what came of it. Gives its result; a JSON-RPC error is thrown.
  async #record(who, what, asked, run) {
    const entry = { who: WHO[who], what };
    let trip;
    try {
      trip = await run();
    } catch (error) {
      this.#transcript.record({ ...entry, outcome: "failed", note: error.message, details: asked });
      throw error;
    }
    const { result, error } = trip.answer;
    const words = error ? `${error.message} (JSON-RPC ${error.code}, HTTP ${trip.status})` : textOf(result);
    const failed = Boolean(error) || result?.isError === true;
    const note = failed ? words : errorsIn(result);
    this.#transcript.record({ ...entry, outcome: failed ? "failed" : "ok", note, details: exchange(trip) });
    if (error) throw new Error(`${this.name} says: ${words}`);
    this.#onResult(result);
    return result;
  }
}

const WHO = { host: "host", model: "model side", widget: "widget", wallet: "wallet" };

const exchange = (trip) => [["sent", trip.sent], [`answer, HTTP ${trip.status}`, trip.answer]];

// What a result says in words. The JSON of its structuredContent, which tools also send as text, is left out.
export function textOf(result) {
  const texts = (result?.content ?? []).filter((part) => part.type === "text").map((part) => part.text);
  return texts.filter((text) => !text.startsWith("{")).join("\n");
}

// The errors that an otherwise normal result carries, such as a decline.
function errorsIn(result) {
  const messages = result.structuredContent?.messages ?? result.structuredContent?.checkout_session?.messages ?? [];
  const errors = messages.filter((message) => message.type === "error");
  return errors.map(({ code, content }) => `${code}: ${content}`).join("\n");
}
