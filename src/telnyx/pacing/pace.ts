import type { RateHeaders } from './rate-headers.ts';

/** The rate of one family: where it starts, and how far it may go. All in requests a second. */
export interface PaceRange {
  start: number;
  announced: number | null;
}

/** Telnyx publishes no limits, so a family never goes above this multiple of its configured start. */
const CEILING = 5;
/** A family never goes below this share of its start. The start is a guess, and Telnyx may allow far less. */
const FLOOR = 0.1;
/** A raise adds this share of the start. */
const STEP = 0.1;
/** Raise only while at least this share of the announced limit is left. */
const COMFORTABLE = 0.5;
/** A rate below the start gains one step each time this much time has passed. */
const RECOVERS_EVERY_MS = 5_000;

/** `rate` within a tenth and five times of `start`, and never above what Telnyx announces as its limit per second. */
export function clampRate(rate: number, { start, announced }: PaceRange): number {
  const within = Math.min(start * CEILING, Math.max(start * FLOOR, rate));
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

/**
 * The rate `ageMs` after it was set. A rate below the start returns to it with time, without any headers, because somebody else's
 * burst may have caused the 429. A rate above the start was announced, and stays.
 */
export function recovered(rate: number, ageMs: number, range: PaceRange): number {
  const steps = Math.floor(ageMs / RECOVERS_EVERY_MS);
  return clampRate(rate < range.start ? Math.min(range.start, rate + steps * range.start * STEP) : rate, range);
}
