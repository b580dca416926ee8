/** The source of time for leases, settling windows and polls. A test can move it. */
export interface Clock {
  now(): Date;
}

/** The moment `ms` milliseconds after `from`. */
export function after(from: Date, ms: number): Date {
  return new Date(from.getTime() + ms);
}

/** True when the ISO date `at` is at most `ms` milliseconds before `now`. A date in the future is not recent: the clock was set. */
export function isRecent(at: string | undefined, now: Date, ms: number): boolean {
  if (at === undefined) return false;
  const age = now.getTime() - Date.parse(at);
  return age >= 0 && age <= ms;
}

/** `min` doubled `times` times, at most `max`; all in milliseconds. */
export function backoff(times: number, min: number, max: number): number {
  return Math.min(max, min * 2 ** Math.min(Math.max(0, times), 20));
}

/** A machine whose clock differs from the database by more than this many milliseconds gets a warning. */
export const CLOCK_SKEW_MS = 5_000;

/**
 * A correction backwards by more than this many milliseconds applies at once. For a smaller one, the clock stands still until
 * time has caught up.
 */
const FOLLOW_BACK_MS = 1_000;

/** The two counters of this machine, in milliseconds. */
export interface Ticks {
  /** Never jumps; may stand still while the machine is asleep. */
  steady(): number;
  /** Follows the clock of the machine, which people and programs may set. */
  wall(): number;
}

/** Bound when this file loads, because a process of ours may replace `Date.now` by the clock that is made here. */
const wallNow = Date.now.bind(Date);
const MACHINE: Ticks = { steady: () => performance.now(), wall: wallNow };

/** One reading of another clock. `theirs` was read between the moments `asked` and `answered`, all in milliseconds. */
export interface ClockSample {
  theirs: number;
  asked: number;
  answered: number;
}

/** The time of another clock. The counters of this machine keep the time between two readings. */
export interface SharedClock extends Clock {
  /** The steady counter, for the two moments of a sample. */
  tick(): number;
  /** Takes over a reading, unless it agrees with the present time within its own error. */
  adjust(sample: ClockSample): void;
  /**
   * True when the clock of this machine was set, or the machine slept, since the last reading. The other clock should be read
   * again soon.
   */
  drifted(): boolean;
  /** How many milliseconds the clock of this machine is ahead of the other one; 0 before the first reading. */
  aheadMs(): number;
}

/**
 * A clock that several machines share, although their own clocks differ. The longer of the two counters tells how much time has
 * passed since the last reading. The steady counter stands still while a machine sleeps, and a lease must not seem to last longer
 * for that.
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
      // A reading may be wrong by half of the time that it took. A reading within this error changes nothing.
      if (base !== null && Math.abs(read() - present) <= (answered - asked) / 2) return;
      base = { theirs: present, steady, wall: ticks.wall() };
    },
    drifted: () => base !== null && Math.abs(ticks.steady() - base.steady - (ticks.wall() - base.wall)) > FOLLOW_BACK_MS,
    aheadMs: () => (base === null ? 0 : ticks.wall() - read()),
  };
}
