// What a newer state of a session says differently from the one that the shopper saw. Amounts are compared, never
// computed with. Pure.

import type { Line, Session } from './wire';

export type Change =
  | { readonly kind: 'total'; readonly before: number; readonly after: number }
  | { readonly kind: 'price'; readonly name: string; readonly before: number; readonly after: number }
  | { readonly kind: 'gone'; readonly name: string };

/** Changes that the shopper has to see before paying. */
export interface Review {
  readonly changes: readonly Change[];
  readonly currency: string;
}

/**
 * What changed although nobody asked for it. `asked` tells whether the shopper changed something in this step: then
 * a new total is what was wanted, and only a line that costs another price at the same quantity is news.
 */
export function review(before: Session, after: Session, asked: boolean, removed: readonly string[]): Review | null {
  const changes: Change[] = [];
  for (const line of before.lines) {
    const now = after.lines.find((known) => known.id === line.id);
    if (now) changes.push(...ofPrice(line, now));
    else if (!removed.includes(line.id)) changes.push({ kind: 'gone', name: line.name });
  }
  const totalBefore = totalOf(before);
  const totalAfter = totalOf(after);
  if (!asked && totalBefore !== null && totalAfter !== null && totalBefore !== totalAfter) {
    changes.push({ kind: 'total', before: totalBefore, after: totalAfter });
  }
  return changes.length > 0 ? { changes, currency: after.currency } : null;
}

function ofPrice(before: Line, after: Line): Change[] {
  const same = before.quantity !== after.quantity || before.baseAmount === after.baseAmount;
  return same ? [] : [{ kind: 'price', name: after.name, before: before.baseAmount, after: after.baseAmount }];
}

/** The row of what is charged; a session without a quote has none. */
export function totalOf(session: Session): number | null {
  return session.totals.find((row) => row.type === 'total')?.amount ?? null;
}
