/** Waits that decide how patient the product is. All in milliseconds; tests pass shorter ones. */
export interface Timings {
  /** How long a claimed submission may take before it counts as lost. Longer than the deadline of a Telnyx call. */
  leaseMs: number;
  /** An unknown outcome is looked up at least this long before "surely not sent" may be said. */
  settleMs: number;
  /** First wait between two looks; it doubles up to `checkMaxMs`. */
  checkMinMs: number;
  checkMaxMs: number;
  /** First wait of a hot poll and the longest one. */
  pollMinMs: number;
  pollMaxMs: number;
  /** An order that is still pending after this long is polled at `coldPollMs`. */
  hotPollMs: number;
  coldPollMs: number;
  /** Wait after a refusal that passes by itself: full job slots, no free number to work on, a closed gate. */
  backoffMs: number;
  /** Open work without a sign of life for this long is put back into the queue. */
  orphanMs: number;
  sweepMs: number;
  /** A gate that closed for lack of funds is probed this often. */
  fundsProbeMs: number;
  /** A balance younger than this counts as known. */
  balanceMs: number;
}

export const DEFAULT_TIMINGS: Timings = {
  leaseMs: 60_000,
  settleMs: 120_000,
  checkMinMs: 2_000,
  checkMaxMs: 30_000,
  pollMinMs: 2_000,
  pollMaxMs: 30_000,
  hotPollMs: 60_000,
  coldPollMs: 300_000,
  backoffMs: 3_000,
  orphanMs: 20_000,
  sweepMs: 5_000,
  fundsProbeMs: 60_000,
  balanceMs: 60_000,
};
