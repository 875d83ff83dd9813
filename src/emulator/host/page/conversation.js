// What the shopper and the assistant say.

import { el } from "./elements.js";

export class Conversation {
  #log;

  constructor(log) {
    this.#log = log;
  }

  #say(kind, name, ...content) {
    const turn = el("article", { class: `turn ${kind}`, "aria-label": name }, ...content);
    this.#log.append(turn);
    turn.scrollIntoView({ block: "start" });
    return turn;
  }

  shopper(text) {
    return this.#say("shopper", "You", el("p", {}, text));
  }

  assistant(...content) {
    const parts = content.map((part) => (typeof part === "string" ? el("p", {}, part) : part));
    return this.#say("assistant", "Emulated assistant", ...parts);
  }

  trouble(text) {
    return this.#say("trouble", "Problem", el("p", { role: "alert" }, text));
  }

  clear() {
    this.#log.replaceChildren();
  }
}
