/** What an order says of one number, and what ownership says. */
export interface LineFact {
  phoneNumber: string;
  /** The order line's status; `null` when the order has no line for the number. */
  lineStatus: string | null;
  owned: boolean;
}

export type NumberVerdict = 'bought' | 'lost' | 'unclear';

/** Final words of an order and of its lines; `cancelled` and `deleted` are in the guide only. Anything else may still change. */
const FINAL: ReadonlySet<string> = new Set(['success', 'failure', 'failed', 'cancelled', 'deleted']);

/** True when Telnyx will not change an order or line of this status any more. */
export function isFinalStatus(status: string): boolean {
  return FINAL.has(status);
}

export interface Patience {
  /** Checks of ownership since the order became final, this one included. */
  checks: number;
  /** True when the settling window since then is over. */
  windowOver: boolean;
  /** True when a line that is still open has been waited for long enough: several settling windows. */
  linesOver: boolean;
  /** Sent before: an earlier order may hold the number although this one calls it failed. */
  resent?: boolean;
}

/**
 * Ownership is the fact, the line status the hint: both must agree before a number counts as bought or lost, and ownership lags
 * behind the order by seconds. When they still disagree after the window, delivery wins over failure: a number that is ours is
 * paid for, and one that a final order calls a success is delivered although not editable yet (toll-free can take days).
 */
export function judgeNumber(fact: LineFact, patience: Patience): NumberVerdict {
  if (fact.lineStatus === 'success') {
    if (fact.owned) return 'bought';
    return patience.windowOver ? 'bought' : 'unclear';
  }
  if (fact.owned) return patience.windowOver ? 'bought' : 'unclear';
  // Parts of an order end on their own: one may still deliver although the order is called a failure.
  if (fact.lineStatus !== null && !isFinalStatus(fact.lineStatus) && !patience.linesOver) return 'unclear';
  if (fact.lineStatus === null) return patience.windowOver && patience.checks >= 3 ? 'lost' : 'unclear';
  return patience.checks >= 2 && (patience.windowOver || patience.resent !== true) ? 'lost' : 'unclear';
}

/**
 * What can be said of a number while its order still waits for others: it is bought when its own line is a success and it is
 * ours. `failed` is a hint: it becomes a loss when no check shows the number for a settling window. A line that fell over its paperwork is
 * judged with the whole order.
 */
export function judgeEarly(fact: LineFact & { requirementsMet: boolean | null }): 'bought' | 'failed' | 'open' {
  if (fact.lineStatus === null || !isFinalStatus(fact.lineStatus)) return 'open';
  if (fact.lineStatus === 'success') return fact.owned ? 'bought' : 'open';
  return fact.owned || fact.requirementsMet === false ? 'open' : 'failed';
}
