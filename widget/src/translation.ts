// A browser's page translation replaces text nodes with its own elements. Preact keeps updating the nodes that it created,
// so its updates would be invisible.
//
// Invariant: this module reverts foreign changes of the page before Preact renders. If the render changes nothing, it
// applies them again. Otherwise the translator finds the new texts and translates them.

import { options } from 'preact';

const WATCHED = { childList: true, characterData: true, subtree: true } as const;

export class Translation {
  private done: MutationRecord[] = [];
  private readonly observer = new MutationObserver((records) => void this.done.push(...records));

  constructor(place: Node) {
    this.observer.observe(place, WATCHED);
    // Components also render on their own.
    options.debounceRendering = (draw) => queueMicrotask(() => this.around(draw));
  }

  /** Renders onto the page as Preact left it. */
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

/** Replaces nodes of a parent with others. */
function exchange(parent: Node, old: NodeList, fresh: NodeList, next: Node | null): void {
  for (const node of old) if (node.parentNode === parent) parent.removeChild(node);
  for (const node of fresh) parent.insertBefore(node, next?.parentNode === parent ? next : null);
}
