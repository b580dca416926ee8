import type { WorkDeps } from '../../account/deps.ts';
import { type Chunk, touchChunk } from '../../db/chunks.ts';
import type { PhoneNumber } from '../../db/numbers.ts';
import { hiddenFor, lookedAgain, patienceFor } from '../../domain/looks.ts';
import type { Outcome } from '../../domain/outcome.ts';
import type { Evidence } from '../../domain/submission.ts';
import { movedByOthers, noteWait } from '../chunk/after-send.ts';

/**
 * Notes a look at numbers that are not ready, and says how long to wait for them. `null` when each was waited for over the
 * settling window, five of them when it was bought a moment ago: then they end, and no longer hold up the rest of the chunk.
 */
export async function waitForReady(
  deps: WorkDeps,
  chunk: Chunk,
  numbers: string[],
  inventory: ReadonlyMap<string, PhoneNumber>,
  wait: { delayMs: number; reason: string },
): Promise<Outcome | null> {
  if (numbers.length === 0) return null;
  const now = deps.clock.now();
  const notReady = lookedAgain(chunk.evidence?.notReady, numbers, now);
  const patience = (n: string) => patienceFor(inventory.get(n)?.purchasedAt, now, deps.timings);
  if (numbers.every((n) => hiddenFor(notReady[n], now, patience(n)))) return null;
  const noted = await touchChunk(deps.db.sql, chunk, now, { evidence: { ...lookedAt(chunk), notReady } });
  return noted === null ? movedByOthers : noteWait(deps, noted, wait.delayMs, wait.reason);
}

/** What is known so far of a chunk that was not sent yet; how often it was sent before stays with it. */
export const lookedAt = (chunk: Chunk): Evidence => chunk.evidence ?? { because: 'not_sent_yet', looks: [] };
