/**
 * The limit is halved no further. A smaller one is hardly the reason of a refusal, and thousands of numbers would need too many
 * searches.
 */
export const SMALLEST_LIMIT = 20;

/** What this process has learned about the largest `limit` of a search, which Telnyx documents nowhere. */
export interface SearchLimits {
  /** The limit to send when `wanted` rows are wanted. */
  fitting(wanted: number): number;
  /** Telnyx answered a search with this limit, so a refusal of the same limit has another reason. */
  noteAccepted(limit: number): void;
  /** Notes that the limit was refused. Returns the next one to try, or `null` when there is none. */
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
      // Telnyx may have lowered its limit, so an earlier acceptance no longer counts.
      accepted = SMALLEST_LIMIT;
      return half;
    },
    isSuspect: (limit) => limit > accepted,
  };
}
