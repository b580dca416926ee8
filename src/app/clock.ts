import type { Sql } from '../db/client.ts';
import { databaseTime } from '../db/health.ts';
import { CLOCK_SKEW_MS, type Clock, createSharedClock } from '../domain/clock.ts';
import { asError } from '../domain/errors.ts';
import type { Log } from '../observability/log.ts';

/** How often the clock of the database is read. Two cheap clocks drift apart by a few milliseconds in this time. */
const READ_EVERY_MS = 30_000;
/** How soon it is noticed that this machine slept, or that somebody set its clock. */
const CHECK_EVERY_MS = 1_000;

export interface KeptClock {
  clock: Clock;
  /** A text for people when the clock of this machine is wrong; `null` when it is right. */
  notice(): string | null;
  aheadMs(): number;
  close(): Promise<void>;
}

/**
 * Keeps the time of the database, which all processes share: one machine writes due times and leases, and another judges them.
 * Throws when the first readings fail because the database is away. Later readings are skipped while it is away.
 */
export async function keepClock(sql: Sql, log: Log, firstReadings: number): Promise<KeptClock> {
  const clock = createSharedClock();
  let toldOff = false;
  let readAt = 0;
  let reading: Promise<void> | null = null;
  const notice = (): string | null => {
    const ahead = clock.aheadMs();
    if (Math.abs(ahead) <= CLOCK_SKEW_MS) return null;
    const seconds = Math.abs(ahead / 1_000).toFixed(1);
    return `the clock of this machine is ${seconds} s ${ahead > 0 ? 'ahead of' : 'behind'} the database; work goes by the database`;
  };
  const read = async (): Promise<void> => {
    const asked = clock.tick();
    const theirs = await databaseTime(sql);
    clock.adjust({ theirs, asked, answered: clock.tick() });
    readAt = clock.tick();
    const off = notice();
    if (off !== null && !toldOff) log.warn({ part: 'clock' }, off);
    toldOff = off !== null;
  };
  for (let n = 0; n < firstReadings; n += 1) await read();
  const timer = setInterval(() => {
    if (reading !== null || (!clock.drifted() && clock.tick() - readAt < READ_EVERY_MS)) return;
    reading = read()
      .catch((error: unknown) => log.debug({ err: asError(error), part: 'clock' }, 'the database did not tell the time'))
      .finally(() => (reading = null));
  }, CHECK_EVERY_MS);
  timer.unref();
  return {
    clock,
    notice,
    aheadMs: clock.aheadMs,
    close: async () => {
      clearInterval(timer);
      await reading;
    },
  };
}

/**
 * Makes the whole process use this clock. BullMQ and Bottleneck write `Date.now()` to Redis and compare it with what other
 * machines wrote there, and neither accepts another clock. Only for processes of our own, never for the library.
 */
export function liveBy(clock: Clock): void {
  Date.now = () => clock.now().getTime();
}
