import type { RateHeaders } from './rate-headers.ts';

/** The rate of one family: where it starts, and how far it may go. All in requests a second. */
export interface PaceRange {
  start: number;
  announced: number | null;
}

/** Telnyx publishes no limits, so a family never goes above this multiple of its configured start. */
const CEILING = 5;
/** A raise adds this share of the start. */
const STEP = 0.1;
/** Raise only while at least this share of the announced limit is left. */
const COMFORTABLE = 0.5;

/** `rate` within `start` and 5 x `start`, and never above what Telnyx announces as its limit per second. */
export function clampRate(rate: number, { start, announced }: PaceRange): number {
  const within = Math.min(start * CEILING, Math.max(start, rate));
  return announced === null ? within : Math.min(within, announced);
}

/** The rate after a normal answer: a little more while the headers say that there is room; unchanged when they say nothing. */
export function raised(rate: number, seen: RateHeaders, range: PaceRange): number {
  const { limit, remaining } = seen;
  const room = limit !== null && remaining !== null && limit > 0 && remaining / limit >= COMFORTABLE;
  return clampRate(room ? rate + range.start * STEP : rate, range);
}

/** The rate after a 429. */
export function halved(rate: number, range: PaceRange): number {
  return clampRate(rate / 2, range);
}
