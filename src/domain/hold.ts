import { endsIn, type ItemCounts, type RequestKind } from './request.ts';
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

/** How many numbers have ended and failed since a person last resumed, and whether that is more than `stopAbove` (a percentage) allows. */
export function failuresIn(
  r: { stopAbove: number | null; canary: number | null; acceptedFailed: number; acceptedEnded: number },
  counts: ItemCounts,
): { failed: number; ended: number; tooMany: boolean } {
  const ended = endsIn(counts) - r.acceptedEnded;
  const failed = counts.failed - r.acceptedFailed;
  const isEnough = ended >= Math.max(FEWEST_ENDS, r.canary ?? 0);
  return { failed, ended, tooMany: r.stopAbove !== null && isEnough && failed * 100 > r.stopAbove * ended };
}
