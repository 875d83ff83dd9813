// Every exchange, with who asked for it and its JSON.

import { el } from "./elements.js";

const LONGEST_TEXT = 600;

const OUTCOMES = { ok: "", odd: "not as expected", refused: "refused", failed: "failed" };

export class Transcript {
  #list;
  #count = 0;

  constructor(list) {
    this.#list = list;
  }

  // `outcome` is one of OUTCOMES; `details` are pairs of a title and a value.
  record({ who, what, outcome = "ok", note = "", details = [] }) {
    this.#count += 1;
    const summary = el("summary", {},
      el("span", { class: "number" }, String(this.#count)),
      el("span", { class: `who ${who.replace(/\W/g, "-")}` }, who),
      el("span", { class: "what" }, what),
      el("span", { class: "outcome" }, OUTCOMES[outcome]),
    );
    const parts = details.map(([title, value]) => [el("h3", {}, title), el("pre", { tabindex: "0" }, shown(value))]);
    const entry = el("li", { class: outcome }, el("details", {}, summary, ...parts.flat()));
    if (note) entry.append(el("p", { class: "note" }, note));
    this.#list.append(entry);
    entry.scrollIntoView({ block: "nearest" });
  }

  clear() {
    this.#list.replaceChildren();
    this.#count = 0;
  }
}

// JSON with its longest texts cut, such as a widget's HTML.
function shown(value) {
  const cut = (_, part) =>
    typeof part === "string" && part.length > LONGEST_TEXT
      ? `${part.slice(0, LONGEST_TEXT)}… (${part.length} characters)`
      : part;
  return typeof value === "string" ? value : JSON.stringify(value, cut, 2);
}
