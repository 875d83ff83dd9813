// What a browser's translation does to a page's texts. Runs in the page, so it stands on its own.

/**
 * Replaces every text of the widget by elements of the translator's, which keep nothing of the node. Tells how many there
 * were that it had not seen before.
 */
export function translate() {
  const walker = document.createTreeWalker(document.getElementById('app'), NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) texts.push(walker.currentNode);
  const fresh = texts.filter((text) => text.data.trim() !== '' && !text.parentElement.closest('font, [translate=no]'));
  for (const text of fresh) {
    const font = document.createElement('font');
    font.append(document.createElement('font'));
    font.firstChild.textContent = `⟦${text.data}⟧`;
    text.replaceWith(font);
  }
  return fresh.length;
}
