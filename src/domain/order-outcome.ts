/** What an order and ownership say of one number. */
export interface LineFact {
  phoneNumber: string;
  /** The status of the order line; `null` when the order has no line for the number. */
  lineStatus: string | null;
  owned: boolean;
}

/** How a number of a finished order ends; `unclear` asks for another check. */
export type NumberVerdict = 'bought' | 'lost' | 'unclear';

/**
 * Final statuses of orders and order lines. `cancelled` and `deleted` appear only in the guide of Telnyx. Any other status may
 * still change.
 */
const FINAL: ReadonlySet<string> = new Set(['success', 'failure', 'failed', 'cancelled', 'deleted']);

/** True when Telnyx does not change an order or order line of this status any more. */
export function isFinalStatus(status: string): boolean {
  return FINAL.has(status);
}

/** How long a finished order has been checked. */
export interface Patience {
  /** Checks of ownership since the order became final, this one included. */
  checks: number;
  /** True when the settling window since then has passed. */
  windowOver: boolean;
  /** True when an open order line has been waited for over several settling windows. */
  linesOver: boolean;
  /** True when the numbers were sent before. An earlier order may then hold a number that this order calls failed. */
  resent?: boolean;
}

/**
 * Decides how a number of a finished order ends. Ownership is the fact and the status of the order line is a hint: both must
 * agree before a number counts as bought or lost, because ownership lags by seconds. When they still disagree after the window,
 * the number counts as bought. A number that is ours is paid for. A number that a final order calls a success is delivered
 * although it cannot be edited yet (toll-free numbers can take days).
 */
export function judgeNumber(fact: LineFact, patience: Patience): NumberVerdict {
  if (fact.lineStatus === 'success') {
    if (fact.owned) return 'bought';
    return patience.windowOver ? 'bought' : 'unclear';
  }
  if (fact.owned) return patience.windowOver ? 'bought' : 'unclear';
  // Telnyx ends each part of an order on its own, so a part may still deliver although the order failed.
  if (fact.lineStatus !== null && !isFinalStatus(fact.lineStatus) && !patience.linesOver) return 'unclear';
  if (fact.lineStatus === null) return patience.windowOver && patience.checks >= 3 ? 'lost' : 'unclear';
  return patience.checks >= 2 && (patience.windowOver || patience.resent !== true) ? 'lost' : 'unclear';
}

/**
 * Decides what is known of a number while its order is still open. A number is bought when its own order line is a success and
 * the number is ours. `failed` is only a hint: the number counts as lost when no check shows it for a settling window. A line
 * that failed for its paperwork is judged with the whole order.
 */
export function judgeEarly(fact: LineFact & { requirementsMet: boolean | null }): 'bought' | 'failed' | 'open' {
  if (fact.lineStatus === null || !isFinalStatus(fact.lineStatus)) return 'open';
  if (fact.lineStatus === 'success') return fact.owned ? 'bought' : 'open';
  return fact.owned || fact.requirementsMet === false ? 'open' : 'failed';
}
