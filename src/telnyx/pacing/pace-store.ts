import { type Window, waitFor } from './window.ts';

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
  /** How long the next call must wait: for room in the window, or for the answer to the first call, which tells the window. */
  fullMs: number;
}

/** The state that all processes of the product share, per endpoint family. All times are in milliseconds. */
export interface PaceStore {
  read(family: string): Promise<SharedPace>;
  /** Counts a call in the window when neither a pause nor the window holds it back, and says which. `call` is unique. */
  enter(family: string, call: string): Promise<SharedPace>;
  /** A call that was counted `lateMs` ago leaves only now, so it counts from now on. */
  late(family: string, call: string): Promise<void>;
  /**
   * Telnyx says that `used` calls of a window are used up, which began `beganMs` ago. Those that are not ours were made by others,
   * and count like ours.
   */
  used(family: string, used: number, beganMs: number): Promise<void>;
  setWindow(family: string, window: Window): Promise<void>;
  /** A call has ended that told no window, so the next ones need not wait for its answer. */
  answered(family: string): Promise<void>;
  /** Starts or lengthens a pause. True when it started one: only then the caller slows the rate. */
  pause(family: string, ms: number): Promise<boolean>;
  /** Sets a rate that is in force after `delayMs`. A rate does not age during the pause that came with it. */
  setRate(family: string, rate: number, delayMs?: number): Promise<void>;
}

/** The others wait this long for the answer to the first call of a family, and check this often. */
export const FIRST_ANSWER_MS = 2_000;
export const FIRST_CHECK_MS = 50;
/** Calls that are remembered while no window is known. */
export const REMEMBERED = 100;
/** A window began up to this much earlier than its reset says, because resets are whole seconds and answers take time. */
export const RESET_SLACK_MS = 1_250;

interface LocalFamily {
  until: number;
  rate: { value: number; since: number } | null;
  window: Window | null;
  calls: { call: string; at: number }[];
  /** Until when the others wait for the answer to the first call; `null` before it. */
  firstUntil: number | null;
}

/** For a single process without Redis. */
export function localPaceStore(): PaceStore {
  const families = new Map<string, LocalFamily>();
  const of = (family: string): LocalFamily => {
    const found = families.get(family) ?? { until: 0, rate: null, window: null, calls: [], firstUntil: null };
    families.set(family, found);
    return found;
  };
  const shared = ({ until, rate, window, calls, firstUntil }: LocalFamily): SharedPace => {
    const now = Date.now();
    const times = calls.map(({ at }) => at);
    return {
      pausedMs: Math.max(0, until - now),
      rate: rate?.value ?? null,
      ageMs: rate === null ? 0 : Math.max(0, now - rate.since),
      window,
      fullMs: window !== null ? waitFor(times, window, now) : (firstUntil ?? 0) > now ? FIRST_CHECK_MS : 0,
    };
  };
  const count = (f: LocalFamily, call: string, at: number): void => {
    f.calls.push({ call, at });
    f.calls.sort((a, b) => a.at - b.at);
    f.calls.splice(0, f.calls.length - (f.window?.calls ?? REMEMBERED));
  };
  return {
    read: async (family) => shared(of(family)),
    enter: async (family, call) => {
      const f = of(family);
      const found = shared(f);
      if (found.pausedMs > 0 || found.fullMs > 0) return found;
      f.firstUntil ??= Date.now() + FIRST_ANSWER_MS;
      count(f, call, Date.now());
      return found;
    },
    late: async (family, call) => {
      const f = of(family);
      const at = f.calls.findIndex((c) => c.call === call);
      if (at >= 0) count(f, f.calls.splice(at, 1)[0]?.call ?? call, Date.now());
    },
    used: async (family, used, beganMs) => {
      const f = of(family);
      const began = Date.now() - beganMs;
      const ours = f.calls.filter(({ at }) => at > began - RESET_SLACK_MS).length;
      for (let n = ours; n < used; n += 1) count(f, `others-${began}-${n}`, began);
    },
    setWindow: async (family, window) => {
      of(family).window = window;
    },
    answered: async (family) => {
      of(family).firstUntil = 0;
    },
    pause: async (family, ms) => {
      const f = of(family);
      const before = f.until;
      f.until = Math.max(before, Date.now() + ms);
      return before <= Date.now();
    },
    setRate: async (family, rate, delayMs = 0) => {
      of(family).rate = { value: rate, since: Date.now() + delayMs };
    },
  };
}
