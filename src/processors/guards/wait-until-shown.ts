import type { WorkDeps } from '../../account/deps.ts';
import { type Chunk, touchChunk } from '../../db/chunks.ts';
import type { PhoneNumber } from '../../db/numbers.ts';
import { type SeenIn, seeing, seenIn } from '../../domain/evidence.ts';
import { checkedAgain, hiddenFor, patienceFor } from '../../domain/streaks.ts';
import type { Prepared } from '../chunk/kind.ts';

/** What earlier checks of the guards of this chunk saw. */
export const seenBefore = (chunk: Chunk): SeenIn<'before_sending'> =>
  seenIn(chunk.evidence, 'before_sending') ?? { phase: 'before_sending' };

/**
 * Records a check of numbers that are not ready, and returns how long to wait. Returns `null` when every number was waited for
 * over the settling window (five windows when it was bought a moment ago). These numbers then end and no longer delay the rest of
 * the chunk.
 */
export async function waitUntilShown(
  deps: WorkDeps,
  chunk: Chunk,
  numbers: string[],
  inventory: ReadonlyMap<string, PhoneNumber>,
  wait: { delayMs: number; reason: string },
): Promise<Extract<Prepared, { kind: 'wait' | 'moved' }> | null> {
  if (numbers.length === 0) return null;
  const now = deps.clock.now();
  const notReady = checkedAgain(seenBefore(chunk).notReady, numbers, now);
  const patience = (n: string) => patienceFor(inventory.get(n)?.purchasedAt, now, deps.timings);
  if (numbers.every((n) => hiddenFor(notReady[n], now, patience(n)))) return null;
  const evidence = seeing(chunk.evidence, { ...seenBefore(chunk), notReady });
  const noted = await touchChunk(deps.db.sql, chunk, now, { evidence });
  return noted === null ? { kind: 'moved' } : { kind: 'wait', chunk: noted, ...wait };
}
