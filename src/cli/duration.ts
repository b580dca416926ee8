import { invalid } from '../domain/errors.ts';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/gy;
/** Node's timers overflow above 24.8 days and would fire at once. */
const LONGEST_MS = 24 * 86_400_000;

/**
 * Reads `90s`, `10m`, `1h30m`, in milliseconds. The unit is required, so that nobody waits ten hours instead of ten minutes.
 * Errors: `validation_failed`.
 */
export function parseDuration(text: string, option: string): number {
  let total = 0;
  let at = 0;
  for (const match of text.trim().matchAll(PART)) {
    total += Number(match[1]) * (UNITS[match[2] ?? ''] ?? Number.NaN);
    at += match[0].length;
  }
  if (at === 0 || at !== text.trim().length || total <= 0) {
    throw invalid([{ path: option, message: `"${text}" is not a duration; write it with a unit, such as 90s, 10m or 1h30m` }]);
  }
  if (total > LONGEST_MS) throw invalid([{ path: option, message: `"${text}" is longer than 24 days` }]);
  return Math.round(total);
}
