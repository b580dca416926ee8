import type { Ledger } from '../../src/simulator/index.ts';
import type { Notes } from './notes.ts';

/** A long lag can still hide what was done this long before it began. */
const LONGEST_LAG_MS = 900_000;

/**
 * Numbers that were ordered or delivered while a lag hid them for longer than the settling window. The checks that said "not
 * there" were wrong, and no program could know it. Only these numbers are excused from what follows from such checks.
 */
export function laggedNumbers(notes: Notes, ledger: Ledger): ReadonlySet<string> {
  const wasHidden = (at: string): boolean => {
    const ms = Date.parse(at);
    return notes.longLags.some(({ from, until }) => ms >= from - LONGEST_LAG_MS && ms <= until);
  };
  if (notes.longLags.length === 0) return new Set();
  return new Set([
    ...ledger.orders.filter((o) => wasHidden(o.at)).flatMap((o) => o.numbers),
    ...ledger.bought.filter((b) => wasHidden(b.at)).map((b) => b.phone_number),
  ]);
}
