import type { RateHeaders } from './rate-headers.ts';

/**
 * The rate of one family: where it starts, the cap that the operator set, and the pace that keeps within what Telnyx announces.
 * All in requests a second; `null` where there is none. With a cap, the start is the cap.
 */
export interface PaceRange {
  start: number;
  cap: number | null;
  announced: number | null;
}

/** Where neither a cap nor Telnyx names a limit, a family never goes above this multiple of its start. */
const CEILING = 5;
/** A family never goes below this share of its start. The start is a guess, and Telnyx may allow far less. */
const FLOOR = 0.1;
/** A raise adds this share of the start. */
const STEP = 0.1;
/** Raise only while at least this share of the announced limit is left. */
const COMFORTABLE = 0.5;
/** A rate below the goal gains one step each time this much time has passed. */
const RECOVERS_EVERY_MS = 5_000;

/**
 * The rate that a family returns to. What Telnyx announces rules, up and down; a cap is never exceeded. Without an announced limit
 * it is the start.
 */
export function goalOf({ start, cap, announced }: PaceRange): number {
  return Math.min(announced ?? start, cap ?? Number.POSITIVE_INFINITY);
}

/** `rate`, at least a tenth of the start, at most the goal, or five times the start where nothing names a limit. */
export function clampRate(rate: number, range: PaceRange): number {
  const high = range.announced === null && range.cap === null ? range.start * CEILING : goalOf(range);
  return Math.min(high, Math.max(range.start * FLOOR, rate));
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
 * burst may have caused the 429. A rate above the goal was raised by headers, and stays.
 */
export function recovered(rate: number, ageMs: number, range: PaceRange): number {
  const goal = goalOf(range);
  const steps = Math.floor(ageMs / RECOVERS_EVERY_MS);
  return clampRate(rate < goal ? Math.min(goal, rate + steps * goal * STEP) : rate, range);
}

/** How much faster than the window of Telnyx slots are handed out. */
const AHEAD = 1.2;

/**
 * The rate at which slots are handed out. At its full announced pace a family is held by its window. Slots then come a little
 * faster, so that what a late process has lost is caught up. A slowed rate and a cap are kept slot by slot.
 */
export function slotRate(rate: number, range: PaceRange): number {
  const { announced, cap } = range;
  return announced !== null && rate >= announced ? Math.min(rate * AHEAD, cap ?? Number.POSITIVE_INFINITY) : rate;
}
