import { defaultRepeatStrategy, type RepeatStrategy } from 'bullmq';

const MINUTE_MS = 60_000;
/** A zone is at most 14 hours from UTC. This far from a local time, a change of its clock is surely over or still to come. */
const FAR_MS = 36 * 3_600_000;

/**
 * When a cron line runs next after `after`, both in milliseconds since 1970; `null` for never. It follows BullMQ's own strategy
 * except in nights whose clock jumps over the time of the line. cron-parser skips a midnight that does not exist (`0 0 * * *` in
 * America/Santiago on 6 September 2026), although it moves 02:30 to 03:30. Here such a line runs once, at the moment of the jump.
 */
export function nextRun(pattern: string, tz: string, after: number): number | null {
  const next = defaultRepeatStrategy(after, { pattern, tz }) ?? null;
  // The next time on a clock that never jumps, read as if it were UTC.
  const due = defaultRepeatStrategy(after + offsetAt(after, tz), { pattern, tz: 'UTC' });
  const jump = due === undefined ? null : jumpOver(due, tz);
  if (jump === null || jump.at <= after) return next;
  // A time within the jumped hour is the cron line itself, moved by cron-parser.
  return next === null || next > jump.at + jump.byMs ? jump.at : next;
}

/**
 * `nextRun` for BullMQ. Queues and workers need the same strategy, because a worker plans the run after the one that it begins.
 */
export const repeatStrategy: RepeatStrategy = (after, { pattern, tz }) =>
  pattern === undefined ? undefined : (nextRun(pattern, tz ?? 'UTC', after) ?? undefined);

/** The clock change that skips this local time; `null` when the local time exists. */
function jumpOver(local: number, tz: string): { at: number; byMs: number } | null {
  const before = offsetAt(local - FAR_MS, tz);
  const behind = offsetAt(local + FAR_MS, tz);
  if (behind <= before || offsetAt(local - before, tz) === before || offsetAt(local - behind, tz) === behind) return null;
  let early = local - behind;
  let late = local - before;
  while (late - early > 1) {
    const middle = Math.floor((early + late) / 2);
    if (offsetAt(middle, tz) === before) early = middle;
    else late = middle;
  }
  return { at: late, byMs: behind - before };
}

/** How far the clocks of a zone are ahead of UTC at a moment, in milliseconds. */
function offsetAt(moment: number, tz: string): number {
  const parts = formatterOf(tz).formatToParts(moment);
  const of = (type: string): number => Number(parts.find((part) => part.type === type)?.value);
  const local = Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second'));
  return Math.round((local - moment) / MINUTE_MS) * MINUTE_MS;
}

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatterOf(timeZone: string): Intl.DateTimeFormat {
  const known = formatters.get(timeZone);
  if (known !== undefined) return known;
  const part = 'numeric';
  const made = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    ...{ year: part, month: part, day: part, hour: part, minute: part, second: part },
  });
  formatters.set(timeZone, made);
  return made;
}
