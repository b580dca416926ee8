/** Anything that answers header look-ups by lower-case name: a fetch `Headers`, or a stub in a test. */
export interface HeaderSource {
  get(name: string): string | null;
}

/** What an answer says about the rate limit of its endpoint. Missing or unreadable values are `null`. */
export interface RateHeaders {
  /** `x-ratelimit-limit`, verbatim. */
  announced: string | null;
  /** First figure of `x-ratelimit-limit`. */
  limit: number | null;
  /** The tightest window that the header names (`2000, 2000;w=1`). */
  window: { calls: number; ms: number } | null;
  remaining: number | null;
  /** Milliseconds until the window starts anew. */
  resetMs: number | null;
}

/** The longest wait that a header may cause. A wrong header must not stop the product for a year. */
export const LONGEST_WAIT_MS = 10 * 60_000;

/** A value above this is a Unix time in seconds; a value below it is a duration in seconds. Telnyx documents both. */
const EPOCH_FROM = 1e9;

/**
 * A `date` header is in whole seconds. For the length of a window the middle of its second is taken; after a 429 its begin, because
 * a wait that is too short is refused again.
 */
const HALF_A_SECOND = 500;

/** Reads `x-ratelimit-*`; Telnyx sends them on normal answers too. `now` counts only for an answer without a `date`. */
export function readRateHeaders(headers: HeaderSource, now: Date): RateHeaders {
  const answeredAt = timeOf(headers, now, HALF_A_SECOND);
  const announced = headers.get('x-ratelimit-limit');
  return {
    announced,
    limit: firstNumber(announced),
    window: tightestWindow(announced),
    remaining: firstNumber(headers.get('x-ratelimit-remaining')),
    resetMs: secondsOrEpoch(headers.get('x-ratelimit-reset'), answeredAt),
  };
}

/**
 * How long to wait after a 429, in milliseconds, at most ten minutes. It is the larger value of `x-ratelimit-reset` (seconds or
 * epoch) and `retry-after` (seconds or date), because the two may differ. `undefined` when neither names a future moment: zero,
 * or a moment that has passed, says nothing about a call that was refused just now.
 */
export function retryAfterMs(headers: HeaderSource, now: Date): number | undefined {
  const answeredAt = timeOf(headers, now, 0);
  const reset = secondsOrEpoch(headers.get('x-ratelimit-reset'), answeredAt) ?? 0;
  const ms = Math.max(reset, retryAfter(headers.get('retry-after'), answeredAt) ?? 0);
  return ms > 0 ? ms : undefined;
}

/** When Telnyx answered, by its own clock, because moments in its headers are by that clock too. Ours may be wrong. */
function timeOf(headers: HeaderSource, now: Date, afterDateMs: number): number {
  const date = httpDate(headers.get('date') ?? '');
  return date === null ? now.getTime() : date + afterDateMs;
}

/** An HTTP date begins with the day of the week. `Date.parse` would also make a date of `-5`. */
const HTTP_DATE = /^(mon|tue|wed|thu|fri|sat|sun)/i;

function httpDate(text: string): number | null {
  const date = HTTP_DATE.test(text.trim()) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? null : date;
}

function retryAfter(text: string | null, answeredAt: number): number | null {
  if (text === null) return null;
  const seconds = secondsOrEpoch(text, answeredAt);
  if (seconds !== null) return seconds;
  const date = httpDate(text);
  return date === null ? null : clamp(date - answeredAt);
}

function secondsOrEpoch(text: string | null, answeredAt: number): number | null {
  const value = firstNumber(text);
  if (value === null) return null;
  return clamp(value > EPOCH_FROM ? value * 1000 - answeredAt : value * 1000);
}

function clamp(ms: number): number {
  return Math.ceil(Math.min(LONGEST_WAIT_MS, Math.max(0, ms)));
}

/** The number that `text` starts with: `60`, `2000, 2000;w=1`. */
function firstNumber(text: string | null): number | null {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(?:[,;]|$)/.exec(text ?? '');
  return match?.[1] === undefined ? null : Number(match[1]);
}

/** The tightest of all `count;w=seconds` parts. */
function tightestWindow(text: string | null): RateHeaders['window'] {
  let tightest: RateHeaders['window'] = null;
  for (const part of (text ?? '').split(',')) {
    const match = /^\s*(\d+)\s*;\s*w=(\d+)\s*$/.exec(part);
    const [calls, ms] = [Number(match?.[1] ?? 0), Number(match?.[2] ?? 0) * 1_000];
    if (calls === 0 || ms === 0) continue;
    if (tightest === null || calls / ms < tightest.calls / tightest.ms) tightest = { calls, ms };
  }
  return tightest;
}
