/** How long the product waits, all in milliseconds. Tests pass shorter waits. */
export interface Timings {
  /** How long a claimed call may take before its outcome counts as unknown. Longer than the deadline of a Telnyx call. */
  leaseMs: number;
  /** The settling window: how long an unknown outcome is checked before it may be called "not sent". */
  settleMs: number;
  /** First wait between two checks. It doubles up to `checkMaxMs`. */
  checkMinMs: number;
  checkMaxMs: number;
  /** A call writes tags at most this long after the read began that they were merged with; otherwise they are read again. */
  tagsMs: number;
  /** An update does not ask ownership again for numbers that ownership showed within this time. A release always asks. */
  ownedMs: number;
  /** How long claimed numbers of a buy line wait for those of other buy lines, to share an order with them. */
  shareOrderMs: number;
  /** First wait between two polls. It doubles up to `pollMaxMs`. */
  pollMinMs: number;
  pollMaxMs: number;
  /** Shortest time between two calls of the list that tells which batch jobs are over. */
  listEveryMs: number;
  /** An order that is still open after this long is polled at most every `coldPollMs`. */
  hotPollMs: number;
  coldPollMs: number;
  /** Wait after something that passes by itself: full job slots, numbers that another request holds, a closed account gate. */
  backoffMs: number;
  /** Open work that is overdue for this long, and that the queue does not know, is put back into the queue. */
  orphanMs: number;
  /** Wait between two sweeps. */
  sweepMs: number;
  /** Wait between two probes of an account gate that closed for lack of funds. */
  fundsProbeMs: number;
  /** A stored balance older than this is read again before money is spent. */
  balanceMs: number;
}

export const DEFAULT_TIMINGS: Timings = {
  leaseMs: 60_000,
  settleMs: 120_000,
  checkMinMs: 2_000,
  checkMaxMs: 30_000,
  tagsMs: 60_000,
  ownedMs: 30_000,
  shareOrderMs: 5_000,
  pollMinMs: 2_000,
  pollMaxMs: 30_000,
  listEveryMs: 1_000,
  hotPollMs: 60_000,
  coldPollMs: 300_000,
  backoffMs: 3_000,
  orphanMs: 20_000,
  sweepMs: 5_000,
  fundsProbeMs: 60_000,
  balanceMs: 60_000,
};
