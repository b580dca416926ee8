import { type Hold, holdOf, MOST_CALLS, type Window, waitFor } from './window.ts';

/** What all processes of the product know of one endpoint family. */
export interface SharedPace {
  /** How long the pause still lasts; 0 for none. */
  pausedMs: number;
  /** The rate that was set last; `null` when nobody has changed it. */
  rate: number | null;
  /** How long that rate has been in force. */
  ageMs: number;
  /** What Telnyx allows, as far as its headers said so. */
  window: Window | null;
  /** How long ago an answer confirmed that window. */
  windowAgeMs: number;
  /** How long the next call must wait: for room, or for the answer to the first call, which tells the window. */
  fullMs: number;
  /** This call is the first one of its family, and the others wait for its answer. */
  first: boolean;
}

/** The state that all processes of the product share, per endpoint family. All times are in milliseconds. */
export interface PaceStore {
  read(family: string): Promise<SharedPace>;
  /**
   * Counts a call when no pause holds it back, nor the window of Telnyx, nor `cap`, which the operator set; and says which of them
   * does. `call` is unique.
   */
  enter(family: string, call: string, cap: Hold | null): Promise<SharedPace>;
  /** A call that was counted a while ago leaves or arrives only now, so it counts from now on. */
  late(family: string, call: string): Promise<void>;
  /**
   * Telnyx says that `used` calls of a window are used up, which began `beganMs` ago. Those that are not ours were made by others,
   * and count like ours.
   */
  used(family: string, used: number, beganMs: number): Promise<void>;
  setWindow(family: string, window: Window): Promise<void>;
  /** The first call has ended and told no window, so the next ones need not wait for its answer. */
  answered(family: string): Promise<void>;
  /** Starts or lengthens a pause. True when it started one: only then the caller slows the rate. */
  pause(family: string, ms: number): Promise<boolean>;
  /** Sets a rate that is in force after `delayMs`. A rate does not age during the pause that came with it. */
  setRate(family: string, rate: number, delayMs?: number): Promise<void>;
}

/** The others wait this long for the answer to the first call of a family, and check this often. */
export const FIRST_ANSWER_MS = 2_000;
export const FIRST_CHECK_MS = 50;
/** What was learned is forgotten after this time without a confirmation. */
export const LEARNED_TTL_MS = 10 * 60_000;
/** A window began up to this much earlier than its reset says, because resets are whole seconds and answers take time. */
export const RESET_SLACK_MS = 1_250;

interface LocalFamily {
  until: number;
  rate: { value: number; since: number } | null;
  window: { value: Window; since: number } | null;
  calls: { call: string; at: number }[];
  /** Until when the others wait for the answer to the first call; `null` before it. */
  firstUntil: number | null;
}

/** For a single process without Redis. Its clock only goes forward. */
export function localPaceStore(): PaceStore {
  const families = new Map<string, LocalFamily>();
  const of = (family: string): LocalFamily => {
    const found = families.get(family) ?? { until: 0, rate: null, window: null, calls: [], firstUntil: null };
    families.set(family, found);
    const forgotten = performance.now() - LEARNED_TTL_MS;
    if (found.window !== null && found.window.since < forgotten) found.window = null;
    return found;
  };
  const shared = ({ until, rate, window, calls, firstUntil }: LocalFamily, cap: Hold | null): SharedPace => {
    const now = performance.now();
    const times = calls.map(({ at }) => at);
    const holds = [...(window === null ? [] : [holdOf(window.value)]), ...(cap === null ? [] : [cap])];
    const untold = window === null && (firstUntil ?? 0) > now;
    return {
      pausedMs: Math.max(0, until - now),
      rate: rate?.value ?? null,
      ageMs: rate === null ? 0 : Math.max(0, now - rate.since),
      window: window?.value ?? null,
      windowAgeMs: window === null ? 0 : now - window.since,
      fullMs: Math.max(untold ? FIRST_CHECK_MS : 0, waitFor(times, holds, now)),
      first: window === null && firstUntil === null,
    };
  };
  const count = (f: LocalFamily, call: string, at: number): void => {
    f.calls = f.calls.filter((known) => known.call !== call);
    f.calls.push({ call, at });
    f.calls.sort((a, b) => a.at - b.at);
    f.calls.splice(0, f.calls.length - MOST_CALLS);
  };
  return {
    read: async (family) => shared(of(family), null),
    enter: async (family, call, cap) => {
      const f = of(family);
      const found = shared(f, cap);
      if (found.pausedMs > 0 || found.fullMs > 0) return found;
      if (found.first) f.firstUntil = performance.now() + FIRST_ANSWER_MS;
      count(f, call, performance.now());
      return found;
    },
    late: async (family, call) => count(of(family), call, performance.now()),
    used: async (family, used, beganMs) => {
      const f = of(family);
      const began = performance.now() - beganMs;
      const ours = f.calls.filter(({ at }) => at > began - RESET_SLACK_MS).length;
      for (let n = ours; n < used; n += 1) count(f, `others-${began}-${n}`, began);
    },
    setWindow: async (family, window) => {
      of(family).window = { value: window, since: performance.now() };
    },
    answered: async (family) => {
      of(family).firstUntil = 0;
    },
    pause: async (family, ms) => {
      const f = of(family);
      const [before, now] = [f.until, performance.now()];
      f.until = Math.max(before, now + ms);
      return before <= now;
    },
    setRate: async (family, rate, delayMs = 0) => {
      of(family).rate = { value: rate, since: performance.now() + delayMs };
    },
  };
}
