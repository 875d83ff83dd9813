// A widget in its sandboxed frame, and the host's side of `window.openai`. What the widget asks for is allowed or refused
// here. A frame is known by its window: a sandboxed document has no origin to know it by.

import { el, isWebAddress } from "./elements.js";
import { problemsOf } from "./session-object.js";
import { checkoutOf } from "./wallet-offer.js";

const USUAL_HEIGHT = 480;
const LEAST_HEIGHT = 80;
const MAX_INLINE_HEIGHT = 2000;

export class WidgetFrame {
  #merchant;
  #host;
  #transcript;
  #globals;
  #frame;
  #card;
  #uri;

  // The checkout that the widget shows, if any.
  checkout;

  // `host` is what the page offers to widgets: theme, paymentSheet, rights, pay(), followUp(), openExternal().
  constructor({ merchant, toolInput, toolResult, host, transcript }) {
    this.#merchant = merchant;
    this.#host = host;
    this.#transcript = transcript;
    this.checkout = checkoutOf(toolResult);
    const result = { ...toolResult, _meta: { ...toolResult._meta, "openai/widgetSessionId": crypto.randomUUID() } };
    this.#globals = {
      toolInput,
      toolOutput: toolResult.structuredContent ?? null,
      toolResponseMetadata: { status: "complete", call_tool_result: result, mcp_tool_result: result },
      widgetState: null,
      theme: host.theme,
      locale: navigator.language,
      displayMode: "inline",
      maxHeight: MAX_INLINE_HEIGHT,
      safeArea: { insets: { top: 0, right: 0, bottom: 0, left: 0 } },
      userAgent: { device: { type: "desktop" }, capabilities: { hover: true, touch: navigator.maxTouchPoints > 0 } },
      view: { mode: "inline", params: null },
    };
  }

  // Prepares the widget and gives the element that shows it.
  async show(uri) {
    this.#uri = uri;
    const address = await this.#prepare();
    this.#frame = el("iframe", {
      title: `Widget of ${this.#merchant.name}`, sandbox: this.#host.rights, src: address, referrerpolicy: "no-referrer",
    });
    this.#frame.style.height = `${USUAL_HEIGHT}px`;
    this.#frame.style.colorScheme = this.#host.theme;
    const close = el("button", { type: "button", class: "close", onclick: () => this.#display("inline") }, "Leave full screen");
    this.#card = el("section", { class: "widget", "aria-label": "Widget" }, close, this.#frame);
    window.addEventListener("message", this.#listen);
    return this.#card;
  }

  #prepare() {
    return this.#merchant.prepareWidget(this.#uri, this.#globals, this.#host.paymentSheet);
  }

  // Opens the widget anew with the state that it saved, as hosts do, so that it looks at its checkout again.
  async reload() {
    this.#frame.src = await this.#prepare();
  }

  // Tells the widget that something about the host has changed.
  change(globals) {
    Object.assign(this.#globals, globals);
    if (globals.theme) this.#frame.style.colorScheme = globals.theme;
    this.#post({ globals });
  }

  remove() {
    window.removeEventListener("message", this.#listen);
    this.#card.remove();
  }

  // A sandboxed document's origin is opaque and cannot be named; the page's policy keeps any other out of the frame.
  #post(message) {
    this.#frame.contentWindow?.postMessage({ openai: 1, ...message }, "*");
  }

  #listen = async ({ source, data }) => {
    if (source !== this.#frame.contentWindow) return;
    if (data?.jsonrpc === "2.0") {
      this.#declineMcpApps(data);
      return;
    }
    if (data?.openai !== 1) return;
    const { call, method, params } = data;
    try {
      const answer = this.#methods[method];
      if (!answer) throw new Error(`This host has no ${method}.`);
      const result = await answer(params);
      if (call) this.#post({ call, result: result ?? null });
    } catch (error) {
      if (call) this.#post({ call, error: error.message });
    }
  };

  // The other bridge, which this host does not speak: the widget is told so instead of left to wait.
  #declineMcpApps({ id, method }) {
    if (id === undefined || method === undefined) return;
    const error = { code: -32601, message: "This host speaks window.openai only." };
    this.#frame.contentWindow?.postMessage({ jsonrpc: "2.0", id, error }, "*");
  }

  #methods = {
    callTool: async ({ name, args }) => {
      const result = await this.#merchant.call("widget", name, args);
      this.checkout = checkoutOf(result) ?? this.checkout;
      return result;
    },
    requestCheckout: (session) => this.#requestCheckout(session),
    setWidgetState: (state) => this.change({ widgetState: state }),
    notifyIntrinsicHeight: (height) => {
      if (!Number.isFinite(height) || this.#globals.displayMode !== "inline") return;
      const allowed = Math.min(Math.max(Math.ceil(height), LEAST_HEIGHT), MAX_INLINE_HEIGHT);
      this.#frame.style.height = `${allowed}px`;
    },
    requestDisplayMode: ({ mode }) => {
      const granted = mode === "fullscreen" ? "fullscreen" : "inline";
      this.#note(`requestDisplayMode ${mode}`, granted === mode ? "ok" : "refused", `Granted: ${granted}.`);
      this.#display(granted);
      return { mode: granted };
    },
    sendFollowUpMessage: ({ prompt }) => {
      this.#note("sendFollowUpMessage", "ok", prompt);
      this.#host.followUp(String(prompt));
    },
    openExternal: ({ href }) => {
      if (!isWebAddress(href)) {
        this.#note("openExternal", "refused", `${href} is no web address.`);
        throw new Error("Only web addresses can be opened.");
      }
      this.#note("openExternal", "ok", href);
      this.#host.openExternal(href);
    },
    setOpenInAppUrl: ({ href }) => this.#note("setOpenInAppUrl", "ok", href),
    requestClose: () => {
      this.#note("requestClose", "ok", "");
      this.remove();
    },
  };

  #display(mode) {
    this.#card.classList.toggle("fullscreen", mode === "fullscreen");
    const maxHeight = mode === "fullscreen" ? window.innerHeight : MAX_INLINE_HEIGHT;
    this.change({ displayMode: mode, maxHeight, view: { mode, params: null } });
  }

  #note(what, outcome, note, details = []) {
    this.#transcript.record({ who: "widget", what, outcome, note, details });
  }

  // Resolves with the order, or with the error that the sheet does not show; rejects when the shopper cancels.
  async #requestCheckout(session) {
    const problems = problemsOf(session);
    const essential = problems.some((problem) => problem.essential);
    const told = problems.map(({ at, says }) => `${at} ${says}.`).join("\n");
    const outcome = essential ? "refused" : problems.length ? "odd" : "ok";
    this.#note("requestCheckout", outcome, told, [["session", session]]);
    if (essential) throw new Error(`The payment sheet cannot open: ${told.replaceAll("\n", " ")}`);
    try {
      const value = await this.#host.pay(this.#merchant, session);
      this.#transcript.record({ who: "host", what: "requestCheckout resolves", details: [["value", value]] });
      return value;
    } catch (error) {
      this.#transcript.record({ who: "host", what: "requestCheckout rejects", note: error.message });
      throw error;
    }
  }
}
