import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ProvisioningError } from '../../domain/errors.ts';
import { DEFAULT_RATES, type RateFamily } from '../../domain/rate-families.ts';
import { limiterUnavailable } from '../failures/failures.ts';
import type { FamilyLimit } from '../gateway.ts';
import { goalOf, type PaceRange, recovered, slotRate } from './pace.ts';
import type { PaceStore, SharedPace } from './pace-store.ts';
import { answerOfLimiter, type Pacer } from './pacer.ts';
import { type Hold, holdOfCap, LATE_MS, paceOf, type Window } from './window.ts';

/** One endpoint family as this process sees it. Moments are those of `performance.now()`, which no change of the clock moves. */
export interface FamilyState {
  readonly family: RateFamily;
  readonly store: PaceStore;
  readonly pacer: Pacer;
  readonly start: number;
  /** The rate that the operator set, which is never exceeded, and its hold; `null` when none was set. */
  readonly cap: number | null;
  readonly capHold: Hold | null;
  announced: string | null;
  window: Window | null;
  /** When an answer last confirmed the window. */
  windowSeenAt: number;
  rate: number;
  /** How long the rate that a 429 or a raise set has been in force; `null` when none has. */
  ageMs: number | null;
  pausedUntil: number;
  brokenUntil: number;
  raisedAt: number;
  readAt: number;
  /** Telnyx has answered a call of this process. Before that, a call may arrive late because its connection is new. */
  connected: boolean;
}

/** The right to make one call. */
export interface Turn {
  /** Told right before the call leaves, which may be a while after its turn came. */
  leaves(): void;
  /** Told when the call has ended, whether or not it left. */
  ended(): void;
}

const REDIS_PATIENCE_MS = 2_000;
/** After Redis failed, callers are refused for this long without asking it again. */
const BROKEN_MS = 1_000;
/** What all processes know is read again before a slot is taken when this process read it longer ago than this. */
const FRESH_MS = 250;

export function newFamily(family: RateFamily, store: PaceStore, pacer: Pacer, cap: number | null): FamilyState {
  const start = cap ?? DEFAULT_RATES[family];
  return {
    family,
    store,
    pacer,
    start,
    cap,
    capHold: cap === null ? null : holdOfCap(cap),
    announced: null,
    window: null,
    windowSeenAt: 0,
    rate: start,
    ageMs: null,
    pausedUntil: 0,
    brokenUntil: 0,
    raisedAt: Number.NEGATIVE_INFINITY,
    readAt: Number.NEGATIVE_INFINITY,
    connected: false,
  };
}

export function rangeOf({ start, cap, window }: FamilyState): PaceRange {
  return { start, cap, announced: window === null ? null : paceOf(window) };
}

/**
 * Takes a slot of the pacer, which spreads the calls evenly over all processes, and then a place in the window, which holds
 * whatever the delays are. A call that finds no place waits for one and books no second slot.
 */
export async function waitForTurn(state: FamilyState, maxWaitMs: number, closing: AbortSignal): Promise<Turn> {
  const { store, family, pacer } = state;
  const waitOut = async (ms: number): Promise<void> => {
    if (ms > maxWaitMs) throw paused(family, ms, 'Telnyx asked for a pause');
    if (ms > 0) await sleep(ms, undefined, { signal: closing });
  };
  if (performance.now() - state.readAt > FRESH_MS)
    await waitOut(waitOf(state, await syncShared(state, () => store.read(family))));
  await guarded(state, () => pacer.slot(slotRate(state.rate, rangeOf(state))));
  for (;;) {
    const call = randomUUID();
    const askedAt = performance.now();
    const shared = await syncShared(state, () => store.enter(family, call, state.capHold));
    const ms = waitOf(state, shared);
    if (ms === 0) return newTurn(state, call, askedAt, shared.first);
    await waitOut(ms);
  }
}

function newTurn(state: FamilyState, call: string, askedAt: number, first: boolean): Turn {
  const { store, family } = state;
  let connecting = false;
  const tell = (told: Promise<void>): void => {
    told.catch(() => {
      state.brokenUntil = performance.now() + BROKEN_MS;
    });
  };
  return {
    leaves: () => {
      connecting = !state.connected;
      if (!connecting && performance.now() - askedAt >= LATE_MS) tell(store.late(family, call));
    },
    ended: () => {
      if (connecting) tell(store.late(family, call));
      // The first call of a family goes alone, so that its answer tells the limit. This one tells nothing, and the others may go.
      if (first && state.window === null) tell(store.answered(family));
    },
  };
}

/** For how many milliseconds no call of the family may leave. */
function waitOf(state: FamilyState, shared: SharedPace): number {
  return Math.ceil(Math.max(0, state.pausedUntil - performance.now(), shared.fullMs));
}

/** Takes over what all processes know. */
export async function syncShared(state: FamilyState, ask: () => Promise<SharedPace>): Promise<SharedPace> {
  const shared = await guarded(state, () => answerOfLimiter(ask(), REDIS_PATIENCE_MS));
  const now = performance.now();
  state.readAt = now;
  state.pausedUntil = Math.max(state.pausedUntil, shared.pausedMs > 0 ? now + shared.pausedMs : 0);
  state.window = shared.window;
  state.windowSeenAt = now - shared.windowAgeMs;
  state.ageMs = shared.rate === null ? null : shared.ageMs;
  const range = rangeOf(state);
  state.rate = recovered(shared.rate ?? goalOf(range), shared.ageMs, range);
  return shared;
}

async function guarded<T>(state: FamilyState, ask: () => Promise<T>): Promise<T> {
  if (state.brokenUntil > performance.now()) throw limiterUnavailable('it failed a moment ago');
  try {
    return await ask();
  } catch (error) {
    state.brokenUntil = performance.now() + BROKEN_MS;
    throw limiterUnavailable(error instanceof Error ? error.message : String(error));
  }
}

export function paused(family: RateFamily, ms: number, why: string): ProvisioningError {
  const retryIn = Math.ceil(ms);
  return new ProvisioningError('rate_limited', 'retry', `no call was made to ${family}: ${why}`, { retryAfterMs: retryIn });
}

export function shown({ family, rate, announced, pausedUntil }: FamilyState): FamilyLimit {
  const pausedMs = pausedUntil - performance.now();
  return {
    family,
    perSecond: rate,
    announced,
    pausedUntil: pausedMs > 0 ? new Date(Date.now() + pausedMs).toISOString() : null,
  };
}
