// What a document may hold before the widget takes its place: forms that do the essential without a script.
//
// Invariant: nothing that was typed into them is ever taken away.

/** The ids of the parts: the forms, their style, and the widget's, which waits. */
const [FORMS, STYLE, OWN_STYLE] = ['plain', 'plain-style', 'app-style'] as const;

export class PlainPage {
  private forms: HTMLElement | null;
  private used = false;

  constructor(private readonly document: Document) {
    this.forms = document.getElementById(FORMS);
    const use = (): void => {
      this.used = true;
    };
    for (const sign of ['input', 'submit']) this.forms?.addEventListener(sign, use);
  }

  /** Whether the forms stay for now: the widget has nothing to show yet, or somebody has begun to fill them in. */
  stays(ready: boolean): boolean {
    return this.forms !== null && (this.used || !ready);
  }

  /** Leaves the document to the widget. Tells whether the focus went with the forms. */
  giveWay(): boolean {
    const { forms, document } = this;
    if (!forms) return false;
    this.forms = null;
    const focused = forms.contains(document.activeElement);
    forms.remove();
    document.getElementById(STYLE)?.remove();
    document.getElementById(OWN_STYLE)?.removeAttribute('media');
    return focused;
  }
}
