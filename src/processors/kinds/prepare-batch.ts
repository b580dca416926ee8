import type { WorkDeps } from '../../account/deps.ts';
import { whyCallsStopped } from '../../account/gate.ts';
import { type Chunk, lockUnmoved } from '../../db/chunks.ts';
import { claimsHeld, earlierRequestOn, takeClaims } from '../../db/items.ts';
import { lockRequest } from '../../db/requests.ts';
import type { Outcome } from '../../domain/outcome.ts';
import { noteWait } from '../chunk/after-send.ts';
import { nothingToSend, type Prepared } from '../chunk/prepared.ts';
import { withoutStrangers } from '../guards/drop-not-owned.ts';
import { prepareTags } from '../guards/merge-tags.ts';
import { prepareDelete } from '../guards/release-guards.ts';

const stop = (outcome: Outcome): Prepared => ({ kind: 'stop', outcome });

/**
 * Everything that must be known before a batch call leaves: nobody else works on the numbers, they are ours (one foreign number
 * would refuse the whole batch without naming it), and the guards of this kind of step agree.
 */
export async function prepareBatch(deps: WorkDeps, planned: Chunk): Promise<Prepared> {
  const stopped = (await whyCallsStopped(deps)) ?? (await whoHoldsNumbers(deps, planned));
  if (stopped !== null) return stop(await noteWait(deps, planned, deps.timings.backoffMs, stopped));
  const owned = await deps.telnyx.verifyOwnership(planned.numbers);
  const ours = await withoutStrangers(deps, planned, owned);
  if (ours.kind === 'stop') return ours;
  const { chunk } = ours;
  const numbers = chunk.numbers.filter((n) => owned.has(n));
  if (numbers.length === 0) return stop(await nothingToSend(deps, chunk, { cause: 'nothing_to_send', succeeded: [], ended: [] }));
  const { step } = chunk;
  if (step.kind === 'delete') return prepareDelete(deps, chunk, numbers, step);
  if (step.kind === 'update' && step.tags !== undefined) return prepareTags(deps, chunk, numbers, step);
  return { kind: 'ready', chunk, send: { numbers, step } };
}

/**
 * Claims all numbers or none. Who came first goes first, so that the last change asked for is the one that stays; but what a
 * chunk holds already (from an earlier step or try) it keeps, or two requests could wait for each other.
 */
async function whoHoldsNumbers(deps: WorkDeps, chunk: Chunk): Promise<string | null> {
  const held = await claimsHeld(deps.db.sql, chunk.requestId, chunk.numbers);
  const free = chunk.numbers.filter((n) => !held.has(n));
  if (free.length === 0) return null;
  const earlier = await earlierRequestOn(deps.db.sql, chunk.requestId, free);
  if (earlier !== null) return `waits for ${earlier}, which works on some of these numbers`;
  const at = deps.clock.now();
  return deps.db.sql
    .begin(async (tx) => {
      await lockRequest(tx, chunk.requestId);
      // A claim for a chunk that is over would never be given back.
      if (!(await lockUnmoved(tx, chunk))) throw new ClaimsTaken();
      const got = await takeClaims(tx, chunk.requestId, free, at);
      if (got.size < free.length) throw new ClaimsTaken();
      return null;
    })
    .catch((error: unknown) => {
      if (error instanceof ClaimsTaken) return 'waits for another request, which works on some of these numbers';
      throw error;
    });
}

/** Rolls the claim transaction back; never leaves this file. */
class ClaimsTaken extends Error {}
