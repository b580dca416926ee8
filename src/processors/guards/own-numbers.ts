import type { WorkDeps } from '../../account/deps.ts';
import { whyCallsStopped } from '../../account/gate.ts';
import { type Chunk, lockUnmoved } from '../../db/chunks.ts';
import { claimsHeld, earlierRequestOn, takeClaims } from '../../db/items.ts';
import { lockRequest } from '../../db/requests.ts';
import { isRelease } from '../../domain/blockers.ts';
import { isRecent } from '../../domain/clock.ts';
import { type E164, inSlices } from '../../domain/phone-number.ts';
import type { Prepared } from '../chunk/kind.ts';
import { dropNotOwned } from './drop-not-owned.ts';

/** The numbers of a chunk that the account owns and that no other request works on, or why nothing is sent now. */
export type OwnNumbers = { kind: 'own'; chunk: Chunk; numbers: E164[]; askedAt?: Date } | Exclude<Prepared, { kind: 'ready' }>;

/**
 * The guards of every call on numbers of the account: the account gate lets calls through, no other request works on the numbers,
 * and the account owns them. One number that is not owned makes Telnyx refuse the whole batch without naming it.
 */
export async function ownNumbers(deps: WorkDeps, planned: Chunk): Promise<OwnNumbers> {
  const wait = (reason: string): OwnNumbers => ({ kind: 'wait', chunk: planned, delayMs: deps.timings.backoffMs, reason });
  const stopped = await whyCallsStopped(deps);
  if (stopped !== null) return wait(stopped);
  const isLarge = planned.numbers.length > deps.limits.batchSize;
  const held = await whoHoldsNumbers(deps, planned);
  if (held !== null) return isLarge ? inBatches(deps, planned, held) : wait(held);
  if (wasSeenOwned(deps, planned)) return { kind: 'own', chunk: planned, numbers: planned.numbers };
  const askedAt = deps.clock.now();
  const owned = await (isRelease(planned.step)
    ? deps.telnyx.verifyOwnership(planned.numbers)
    : deps.ownership.check(deps.telnyx, planned.numbers));
  if (isLarge && !planned.numbers.every((n) => owned.has(n)))
    return inBatches(deps, planned, 'ownership does not show all numbers');
  const left = await dropNotOwned(deps, planned, owned);
  if (left.kind !== 'go_on') return left;
  const { chunk } = left;
  const numbers = chunk.numbers.filter((n) => owned.has(n));
  return numbers.length === 0
    ? { kind: 'settle', chunk, settlement: { cause: 'nothing_to_send' } }
    : { kind: 'own', chunk, numbers, askedAt };
}

/**
 * True when ownership showed all numbers of the chunk a moment ago, so that an update need not ask again. A number may leave the
 * account meanwhile: Telnyx then refuses the batch, and the next attempt asks. A release always asks.
 */
function wasSeenOwned(deps: WorkDeps, chunk: Chunk): boolean {
  if (isRelease(chunk.step) || chunk.submittingAt !== null) return false;
  return isRecent(chunk.payload?.ownedAt, deps.clock.now(), deps.timings.ownedMs);
}

/** Cuts a chunk that is larger than a batch, so that a number which must wait delays no more than a batch. */
function inBatches(deps: WorkDeps, chunk: Chunk, why: string): OwnNumbers {
  const again = inSlices(chunk.numbers, deps.limits.batchSize).map((numbers) => ({ numbers }));
  return { kind: 'settle', chunk, settlement: { cause: 'split', again, detail: { batches: again.length, because: why } } };
}

/** For a kind whose only guard is `ownNumbers`, and whose call carries just what its step says. */
export async function readyIfOwn(deps: WorkDeps, planned: Chunk): Promise<Prepared> {
  const own = await ownNumbers(deps, planned);
  return own.kind === 'own' ? { kind: 'ready', chunk: own.chunk, numbers: own.numbers, payload: {} } : own;
}

/**
 * Claims all numbers or none, and returns why it could not. The earlier request goes first, so that the last change that was
 * asked for wins. A chunk keeps the claims of its earlier steps and attempts; otherwise two requests could wait for each other.
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
      // Nobody would ever release a claim for a chunk that is over.
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

/** Thrown to roll back the claim transaction. It never leaves this file. */
class ClaimsTaken extends Error {}
