import type { WorkDeps } from '../../account/deps.ts';
import { HEALS_BY_ITSELF } from '../../account/gate.ts';
import type { Chunk } from '../../db/chunks.ts';
import { takeNumbers } from '../../db/take-numbers.ts';
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
  const isLarge = planned.numbers.length > deps.limits.batchSize;
  const taken = await takeNumbers(deps.db.sql, planned, deps.clock.now(), [...HEALS_BY_ITSELF]);
  if (taken.kind === 'gate_closed') return wait(`the account gate is closed: ${taken.reasonCode}`);
  if (taken.kind !== 'taken') {
    const held = `waits for ${taken.kind === 'waits_for' ? taken.requestId : 'another request'}, which works on some of these numbers`;
    return isLarge ? inBatches(deps, planned, held) : wait(held);
  }
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
