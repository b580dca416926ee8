import type { Paint } from './output.ts';

/** How many of the last digits of an id a terminal shows. They are random, so they tell ids apart. */
const SHOWN_DIGITS = 8;
const OURS = /^[a-z]+_[0-9a-f]{32}$/;

/** An id as people see it: its last digits on a terminal, where every command takes them; the whole id elsewhere. */
export function idText(id: string, paint: Paint): string {
  return paint.width !== null && OURS.test(id) ? id.slice(-SHOWN_DIGITS) : id;
}

const STEPS: readonly (readonly [ms: number, unit: string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
];
/** A moment further away than this is told by its date. */
const FAR_MS = 30 * 86_400_000;

/** A moment as people see it: `3 min ago` on a terminal, the exact time elsewhere. */
export function timeText(at: string, paint: Paint, now = Date.now()): string {
  if (paint.width === null) return at;
  const ms = now - Date.parse(at);
  if (!Number.isFinite(ms)) return at;
  if (Math.abs(ms) >= FAR_MS) return at.slice(0, 10);
  const [size, unit] = STEPS.find(([least]) => Math.abs(ms) >= least) ?? [1_000, 's'];
  const amount = `${Math.floor(Math.abs(ms) / size)} ${unit}`;
  if (Math.abs(ms) < 1_000) return 'just now';
  return ms > 0 ? `${amount} ago` : `in ${amount}`;
}
