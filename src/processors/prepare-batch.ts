import { type Chunk, lockUnmoved, touchChunk } from '../db/chunks.ts';
import { claimsHeld, earlierRequestOn, endItems, type ItemEnd, takeClaims } from '../db/items.ts';
import { changeNumbers, getNumbers, type PhoneNumber } from '../db/numbers.ts';
import { lockRequest } from '../db/requests.ts';
import type { Outcome } from '../domain/outcome.ts';
import { whyCallsStopped } from '../reconcile/account-gate.ts';
import type { WorkDeps } from '../reconcile/deps.ts';
import { prepareDelete } from './prepare-delete.ts';
import { prepareTags } from './prepare-tags.ts';
import { nothingToSend, type Prepared } from './prepared.ts';
import { movedByOthers, noteWait } from './submission.ts';

const stop = (outcome: Outcome): Prepared => ({ kind: 'stop', outcome });

/**
 * Everything that must be known before a batch call leaves: nobody else works on the numbers, they are ours (one foreign number
 * would refuse the whole batch without naming it), and the guards of this kind of step agree.
 */
export async function prepareBatch(deps: WorkDeps, chunk: Chunk): Promise<Prepared> {
  const stopped = (await whyCallsStopped(deps)) ?? (await whoHoldsNumbers(deps, chunk));
  if (stopped !== null) return stop(await noteWait(deps, chunk, deps.timings.backoffMs, stopped));
  const owned = await deps.telnyx.verifyOwnership(chunk.numbers);
  const strangers = chunk.numbers.filter((n) => !owned.has(n));
  if (strangers.length > 0) {
    const looked = await lookAgainFirst(deps, chunk, strangers);
    if (looked !== null) return stop(looked);
    if (!(await endStrangers(deps, chunk, strangers))) return stop(movedByOthers);
  }
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

/**
 * Ownership lags behind purchases by seconds: a number that our inventory calls ours is looked at again over the settling
 * window before it is called foreign. `null` when enough was seen.
 */
async function lookAgainFirst(deps: WorkDeps, chunk: Chunk, strangers: string[]): Promise<Outcome | null> {
  const known = await getNumbers(deps.db.sql, strangers);
  if (![...known.values()].some((n) => n.state === 'owned')) return null;
  const now = deps.clock.now();
  const looks = [
    ...(chunk.evidence?.looks ?? []),
    { at: now.toISOString(), found: [], owned: chunk.numbers.length - strangers.length },
  ];
  const since = new Date(looks[0]?.at ?? now).getTime();
  const youngest = Math.max(...[...known.values()].map((n) => n.purchasedAt?.getTime() ?? 0));
  const isFresh = now.getTime() - youngest < deps.timings.settleMs * 5;
  const patience = isFresh ? deps.timings.settleMs : deps.timings.lookMinMs;
  if (looks.length >= 2 && now.getTime() - since >= patience) return null;
  const delayMs = deps.timings.lookMinMs;
  await touchChunk(deps.db.sql, chunk, now, { evidence: { because: 'not_seen_as_ours', looks } });
  return noteWait(deps, chunk, delayMs, 'ownership does not show all numbers yet');
}

/** Numbers that are not ours end here, so that they do not sink the others of the batch. False when others have the chunk. */
async function endStrangers(deps: WorkDeps, chunk: Chunk, strangers: string[]): Promise<boolean> {
  const at = deps.clock.now();
  return deps.db.sql.begin(async (tx) => {
    await lockRequest(tx, chunk.requestId);
    if (!(await lockUnmoved(tx, chunk))) return false;
    const known = await getNumbers(tx, strangers);
    await endItems(
      tx,
      chunk,
      strangers.map((n) => strangerEnd(n, known.get(n), chunk)),
      at,
    );
    // What this very request bought is paid for and may only not be editable yet: a reconciliation judges it, not we.
    const gone = [...known.values()]
      .filter((n) => n.state === 'owned' && n.boughtBy !== chunk.requestId)
      .map((n) => n.phoneNumber);
    await changeNumbers(
      tx,
      gone,
      { state: 'missing' },
      { cause: 'not_owned', at, requestId: chunk.requestId, chunkId: chunk.id },
    );
    return true;
  });
}

function strangerEnd(phoneNumber: string, known: PhoneNumber | undefined, chunk: Chunk): ItemEnd {
  if (chunk.kind === 'delete')
    return {
      phoneNumber,
      status: 'skipped',
      reasonCode: 'already_gone',
      reason: 'Telnyx does not show this number as ours any more',
    };
  if (known?.boughtBy === chunk.requestId)
    return {
      phoneNumber,
      status: 'failed',
      reasonCode: 'not_editable_yet',
      reason: 'bought, but Telnyx does not show it as editable yet: its settings were not applied; apply them later by an update',
    };
  const reason =
    known === undefined ? 'the account does not own this number' : 'Telnyx does not show this number as ours any more';
  return { phoneNumber, status: 'failed', reasonCode: 'not_owned', reason };
}
