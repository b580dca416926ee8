import { type FamilyState, rangeOf, syncShared } from './family.ts';
import { raised, slowed } from './pace.ts';
import { type HeaderSource, type RateHeaders, readRateHeaders, retryAfterMs } from './rate-headers.ts';
import { toRemember, windowOf } from './window.ts';

/** The pause after a 429 that names no time. */
const DEFAULT_PAUSE_MS = 2_000;
const SHORTEST_PAUSE_MS = 250;
const RAISE_EVERY_MS = 1_000;
/** From this share of the limit on, calls that others made are counted like ours. */
const NEARLY_USED = 0.25;

/** Takes over what an answer of Telnyx says about the limit of its family, and shares it with all processes. */
export async function learn(state: FamilyState, status: number, headers: HeaderSource): Promise<void> {
  const now = new Date(Date.now());
  const seen = readRateHeaders(headers, now);
  state.connected = true;
  state.announced = seen.announced ?? state.announced;
  if (status === 429) {
    await slowDown(state, Math.max(SHORTEST_PAUSE_MS, retryAfterMs(headers, now) ?? DEFAULT_PAUSE_MS));
    return;
  }
  await learnWindow(state, seen);
  const { limit, remaining, resetMs } = seen;
  // Figures of another limit of the family are not those of the window that is known.
  if (state.window !== null && limit === state.window.calls) {
    if (remaining === null || remaining > limit * NEARLY_USED) return;
    const beganMs = Math.max(0, state.window.ms - (resetMs ?? 0));
    await state.store.used(state.family, limit - remaining, beganMs);
  } else if (remaining === 0 && resetMs !== null && resetMs > 0) {
    state.pausedUntil = Math.max(state.pausedUntil, performance.now() + resetMs);
    await state.store.pause(state.family, resetMs);
  } else if (state.window === null && status < 400) {
    await raise(state, seen);
  }
}

async function slowDown(state: FamilyState, ms: number): Promise<void> {
  state.pausedUntil = Math.max(state.pausedUntil, performance.now() + ms);
  const lower = slowed(state.rate, state.ageMs, rangeOf(state));
  // Telnyx refuses many calls of one burst together. Only the first refusal slows the rate.
  if (!(await state.store.pause(state.family, ms))) return;
  // A 429 at the lowest rate sets that rate again, so that its recovery starts again.
  await setRate(state, lower, ms);
}

/** Shares the window that an answer shows, unless a tighter one is known. */
async function learnWindow(state: FamilyState, seen: RateHeaders): Promise<void> {
  const window = windowOf(seen);
  const remember = window === null ? null : toRemember(window, state.window, performance.now() - state.windowSeenAt);
  if (remember === null) return;
  state.window = remember;
  state.windowSeenAt = performance.now();
  await state.store.setWindow(state.family, remember);
}

/** Headers that show room, but no window, raise the rate a little. */
async function raise(state: FamilyState, seen: RateHeaders): Promise<void> {
  if (performance.now() - state.raisedAt < RAISE_EVERY_MS) return;
  state.raisedAt = performance.now();
  // The shared state is read first, because this call may have left before another process got a 429.
  await syncShared(state, () => state.store.read(state.family));
  if (state.pausedUntil > performance.now()) return;
  const higher = raised(state.rate, seen, rangeOf(state));
  if (higher !== state.rate) await setRate(state, higher, 0);
}

async function setRate(state: FamilyState, rate: number, delayMs: number): Promise<void> {
  state.rate = rate;
  await state.store.setRate(state.family, rate, delayMs);
}
