// The forms that a document may hold before the widget replaces them. They work without a script.
//
// Invariant: the widget never discards what the shopper typed into them.

/** The element ids: the forms, their style sheet, and the widget's style sheet, which is inactive at first. */
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

  /** Whether the forms stay for now: the widget has nothing to show yet, or the shopper has used a form. */
  stays(ready: boolean): boolean {
    return this.forms !== null && (this.used || !ready);
  }

  /** Removes the forms in favour of the widget. Returns whether the focus was in the forms. */
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
