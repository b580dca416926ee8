import type { RequestKind } from './request.ts';
import type { StepKind } from './step.ts';

/** What of a request may hold its calls back. */
export interface Holds {
  kind: RequestKind;
  cancelRequestedAt: Date | null;
  pausedAt: Date | null;
  startAt: Date | null;
  canary: number | null;
  canaryPassedAt: Date | null;
  allOrNothing: boolean;
  allClaimedAt: Date | null;
}

/** Why a call is held back, and until when. `until` is null when an act, and not the clock, ends the hold. */
export interface Held {
  why: 'paused' | 'starts_later' | 'canary' | 'not_all_claimed';
  reason: string;
  until: Date | null;
}

/** The place of the chunks of the canary among those of an update. All other chunks stand behind them. */
export const CANARY_POSITION = 0;

/** True while the numbers behind the canary must wait. */
export const awaitsCanary = (r: Pick<Holds, 'canary' | 'canaryPassedAt'>): boolean =>
  r.canary !== null && r.canaryPassedAt === null;

/**
 * Why nothing of the request may leave now, or `null`. A cancelled request is held by nothing, because what is left of it must end.
 */
export function heldBack(r: Holds, now: Date): Held | null {
  if (r.cancelRequestedAt !== null) return null;
  if (r.pausedAt !== null) return { why: 'paused', reason: 'the request is paused', until: null };
  if (r.startAt !== null && r.startAt > now)
    return { why: 'starts_later', reason: `the request starts at ${r.startAt.toISOString()}`, until: r.startAt };
  return null;
}

/** Why this chunk may not be sent now, or `null`. */
export function chunkHeldBack(r: Holds, chunk: { kind: StepKind; position: number }, now: Date): Held | null {
  const held = heldBack(r, now);
  if (held !== null || r.cancelRequestedAt !== null) return held;
  // A buy claims no numbers behind its canary, so all its chunks belong to it.
  if (awaitsCanary(r) && r.kind === 'update' && chunk.position > CANARY_POSITION)
    return { why: 'canary', reason: 'the first numbers are tried before this one', until: null };
  if (r.allOrNothing && r.allClaimedAt === null && chunk.kind === 'order')
    return { why: 'not_all_claimed', reason: 'nothing is ordered before every number is claimed', until: null };
  return null;
}

/** The fewest numbers that must have ended before the share of the failed ones is judged. */
const FEWEST_ENDS = 20;

/** True when more of the numbers have failed than `stopAbove` (a percentage) allows. Ends that a person has accepted do not count. */
export function failsTooOften(
  r: { stopAbove: number | null; canary: number | null; acceptedFailed: number; acceptedEnded: number },
  counts: { failed: number; ended: number },
): boolean {
  if (r.stopAbove === null) return false;
  const ended = counts.ended - r.acceptedEnded;
  const failed = counts.failed - r.acceptedFailed;
  return ended >= Math.max(FEWEST_ENDS, r.canary ?? 0) && failed * 100 > r.stopAbove * ended;
}
