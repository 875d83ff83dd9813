// Compares a newer revision of a session with the one that the shopper saw. It compares amounts and computes none. Pure.

import type { Line, Session } from './wire';

export type Change =
  | { readonly kind: 'total'; readonly before: number; readonly after: number }
  | { readonly kind: 'price'; readonly name: string; readonly before: number; readonly after: number }
  | { readonly kind: 'gone'; readonly name: string };

/** The changes that the shopper must acknowledge before paying. */
export interface Review {
  readonly changes: readonly Change[];
  readonly currency: string;
}

/**
 * The changes that the shopper did not request. `requested` tells whether the shopper changed the order in this step. A
 * new total is expected then, so only a line with a different price at the same quantity counts.
 */
export function compareSessions(
  before: Session, after: Session, requested: boolean, removed: readonly string[],
): Review | null {
  const changes: Change[] = [];
  for (const line of before.lines) {
    const now = after.lines.find((known) => known.id === line.id);
    if (now) changes.push(...priceChanges(line, now));
    else if (!removed.includes(line.id)) changes.push({ kind: 'gone', name: line.name });
  }
  const totalBefore = totalOf(before);
  const totalAfter = totalOf(after);
  if (!requested && totalBefore !== null && totalAfter !== null && totalBefore !== totalAfter) {
    changes.push({ kind: 'total', before: totalBefore, after: totalAfter });
  }
  return changes.length > 0 ? { changes, currency: after.currency } : null;
}

function priceChanges(before: Line, after: Line): Change[] {
  const same = before.quantity !== after.quantity || before.baseAmount === after.baseAmount;
  return same ? [] : [{ kind: 'price', name: after.name, before: before.baseAmount, after: after.baseAmount }];
}

/** The amount that the shop charges; `null` for a session without a quote. */
export function totalOf(session: Session): number | null {
  return session.totals.find((row) => row.type === 'total')?.amount ?? null;
}
