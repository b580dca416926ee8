import type { RateHeaders } from './rate-headers.ts';

/**
 * The rate of one family: where it starts, and what Telnyx announces as its limit, which is then the goal. All in requests a
 * second.
 */
export interface PaceRange {
  start: number;
  announced: number | null;
}

/** Where Telnyx announces no limit, a family never goes above this multiple of its configured start. */
const CEILING = 5;
/** A family never goes below this share of its start. The start is a guess, and Telnyx may allow far less. */
const FLOOR = 0.1;
/** A raise adds this share of the start. */
const STEP = 0.1;
/** Raise only while at least this share of the announced limit is left. */
const COMFORTABLE = 0.5;
/** A rate below the start gains one step each time this much time has passed. */
const RECOVERS_EVERY_MS = 5_000;

/** `rate` within a tenth and five times of `start`; within a tenth of it and the limit where Telnyx announces one. */
export function clampRate(rate: number, { start, announced }: PaceRange): number {
  const [low, high] = announced === null ? [start * FLOOR, start * CEILING] : [Math.min(start * FLOOR, announced), announced];
  return Math.min(high, Math.max(low, rate));
}

/** The rate after a normal answer: a little more while the headers say that there is room; unchanged when they say nothing. */
export function raised(rate: number, seen: RateHeaders, range: PaceRange): number {
  const { limit, remaining } = seen;
  const room = limit !== null && remaining !== null && limit > 0 && remaining / limit >= COMFORTABLE;
  return clampRate(room ? rate + range.start * STEP : rate, range);
}

/** What a 429 leaves of a rate that kept within the announced limit, when it is the first for a while. */
const EASED = 0.9;
/** A 429 within this time of the last one is not the first for a while. */
const AGAIN_MS = 30_000;

/**
 * The rate after a 429. `ageMs` is the time since the last one, `null` when there was none. A first 429 below an announced limit
 * comes from a delay on the way, or from somebody else; every other one says that the rate is too high by far.
 */
export function slowed(rate: number, ageMs: number | null, range: PaceRange): number {
  const first = ageMs === null || ageMs > AGAIN_MS;
  return clampRate(range.announced !== null && first ? rate * EASED : rate / 2, range);
}

/**
 * The rate `ageMs` after it was set. A rate below its goal returns to it with time, without any headers, because somebody else's
 * burst may have caused the 429. The goal is the announced limit, else the start; a rate above the start was announced, and stays.
 */
export function recovered(rate: number, ageMs: number, range: PaceRange): number {
  const goal = range.announced ?? range.start;
  const steps = Math.floor(ageMs / RECOVERS_EVERY_MS);
  return clampRate(rate < goal ? Math.min(goal, rate + steps * goal * STEP) : rate, range);
}
