/** Where the product gets the time from: leases, settling windows and polls all use it, so that a test can move it. */
export interface Clock {
  now(): Date;
}

export const systemClock: Clock = { now: () => new Date(Date.now()) };

/** The moment `ms` milliseconds after `from`. */
export function after(from: Date, ms: number): Date {
  return new Date(from.getTime() + ms);
}

/** `min` doubled `times` times, at most `max`; all in milliseconds. */
export function backoff(times: number, min: number, max: number): number {
  return Math.min(max, min * 2 ** Math.min(Math.max(0, times), 20));
}

/** A machine that is further than this from the database is told so. */
export const CLOCK_SKEW_MS = 5_000;

/** A correction backwards that is larger than this is followed at once; a smaller one makes the clock stand still for as long. */
const FOLLOW_BACK_MS = 1_000;

/** The two counters of this machine, in milliseconds. */
export interface Ticks {
  /** Never jumps; may stand still while the machine is asleep. */
  steady(): number;
  /** Follows whoever sets the clock of the machine. */
  wall(): number;
}

/** Kept at load: `Date.now` of a process of ours may be told to follow the clock that is made here. */
const wallNow = Date.now.bind(Date);
const MACHINE: Ticks = { steady: () => performance.now(), wall: wallNow };

/** One question for the time: `theirs` was read somewhere between the two moments, in milliseconds since the epoch. */
export interface ClockSample {
  theirs: number;
  asked: number;
  answered: number;
}

/** The time of another clock. Between two readings of it, the counters of this machine keep the time. */
export interface SharedClock extends Clock {
  /** The steady counter, for the two moments of a sample. */
  tick(): number;
  adjust(sample: ClockSample): void;
  /** The clock of this machine was set, or the machine slept, since the last sample: look again soon. */
  drifted(): boolean;
  /** How far the clock of this machine is ahead of the other one, in milliseconds; 0 before the first sample. */
  aheadMs(): number;
}

/**
 * A clock that several machines share, although their own clocks differ. The longer of the two counters tells how much time has
 * passed since the last sample: the steady one stands still while a machine sleeps, and a lease must not seem to last longer.
 */
export function createSharedClock(ticks: Ticks = MACHINE): SharedClock {
  let base: { theirs: number; steady: number; wall: number } | null = null;
  let last = 0;
  const read = (): number => {
    if (base === null) return ticks.wall();
    return base.theirs + Math.max(ticks.steady() - base.steady, ticks.wall() - base.wall);
  };
  return {
    now: () => {
      const t = read();
      last = last - t > FOLLOW_BACK_MS ? t : Math.max(last, t);
      return new Date(last);
    },
    tick: ticks.steady,
    adjust: ({ theirs, asked, answered }) => {
      const steady = ticks.steady();
      const present = theirs + (steady - (asked + answered) / 2);
      // The answer may be wrong by half of its way: one that agrees with what we have so far teaches nothing.
      if (base !== null && Math.abs(read() - present) <= (answered - asked) / 2) return;
      base = { theirs: present, steady, wall: ticks.wall() };
    },
    drifted: () => base !== null && Math.abs(ticks.steady() - base.steady - (ticks.wall() - base.wall)) > FOLLOW_BACK_MS,
    aheadMs: () => (base === null ? 0 : ticks.wall() - read()),
  };
}
