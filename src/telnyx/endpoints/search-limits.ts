/** Halved no further: below this the limit is hardly the reason, and a purchase of thousands would need a search for each few. */
export const SMALLEST_LIMIT = 20;

/** What this process has learned about the largest `limit` of a search, which Telnyx documents nowhere. */
export interface SearchLimits {
  /** The limit to send when `wanted` rows are wanted. */
  fitting(wanted: number): number;
  /** An answer came to this limit: a refusal of one as large is about something else. */
  noteAccepted(limit: number): void;
  /** The limit was refused. The next one to try, or `null` when there is none. */
  halve(limit: number): number | null;
  /** Whether the limit may be the reason of a refusal that names none. */
  isSuspect(limit: number): boolean;
}

export function searchLimits(): SearchLimits {
  let cap = Number.POSITIVE_INFINITY;
  let accepted = SMALLEST_LIMIT;
  return {
    fitting: (wanted) => Math.min(wanted, cap),
    noteAccepted: (limit) => {
      accepted = Math.max(accepted, limit);
    },
    halve: (limit) => {
      if (limit <= SMALLEST_LIMIT) return null;
      const half = Math.max(SMALLEST_LIMIT, Math.floor(limit / 2));
      cap = Math.min(cap, half);
      // What was accepted once may be refused today: Telnyx may have lowered it.
      accepted = SMALLEST_LIMIT;
      return half;
    },
    isSuspect: (limit) => limit > accepted,
  };
}
