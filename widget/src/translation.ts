// A browser's translation puts elements of its own in the place of texts, and Preact goes on writing into the texts that it
// made: what changes would be written where nobody sees it.
//
// Invariant: whatever others did to the page is undone before Preact draws. Where the drawing changes nothing it is done
// again; else the translator sees new texts, and translates them.

import { options } from 'preact';

const WATCHED = { childList: true, characterData: true, subtree: true } as const;

export class Translation {
  private done: MutationRecord[] = [];
  private readonly observer = new MutationObserver((records) => void this.done.push(...records));

  constructor(place: Node) {
    this.observer.observe(place, WATCHED);
    // Components draw themselves, too.
    options.debounceRendering = (draw) => queueMicrotask(() => this.around(draw));
  }

  /** Draws on the page as Preact left it. */
  around(draw: () => void): void {
    const foreign = [...this.done, ...this.observer.takeRecords()];
    for (const { target, addedNodes, removedNodes, nextSibling } of [...foreign].reverse()) {
      exchange(target, addedNodes, removedNodes, nextSibling);
    }
    this.done = [];
    this.observer.takeRecords();
    draw();
    if (this.observer.takeRecords().length > 0) return;
    for (const { target, addedNodes, removedNodes, nextSibling } of foreign) {
      exchange(target, removedNodes, addedNodes, nextSibling);
    }
    this.done = foreign;
    this.observer.takeRecords();
  }
}

/** Puts nodes of one parent in the place of others. */
function exchange(parent: Node, old: NodeList, fresh: NodeList, next: Node | null): void {
  for (const node of old) if (node.parentNode === parent) parent.removeChild(node);
  for (const node of fresh) parent.insertBefore(node, next?.parentNode === parent ? next : null);
}
