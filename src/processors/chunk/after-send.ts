import type { WorkDeps } from '../../account/deps.ts';
import { closedByFailure } from '../../account/gate.ts';
import { getAccount } from '../../db/account.ts';
import { type Chunk, getChunk, moveChunk, touchChunk } from '../../db/chunks.ts';
import type { SqlOrTx } from '../../db/client.ts';
import { newLeaseToken } from '../../db/ids.ts';
import { markInFlight, markPending } from '../../db/items.ts';
import { getRequest, lockRequest, type Request, refreshRequest } from '../../db/requests.ts';
import { after } from '../../domain/clock.ts';
import { ProvisioningError } from '../../domain/errors.ts';
import { done, type Outcome, snooze } from '../../domain/outcome.ts';
import type { Step } from '../../domain/step.ts';
import { carriedOver, type Lineage } from '../../domain/submission.ts';
import type { LastLook } from '../../telnyx/gateway.ts';
import { settleChunk } from './settle.ts';

/**
 * Somebody else moved the chunk, or its request no longer wants it sent: the row is looked at again. Not `skipped`, which ends the
 * job: an open chunk without a job waits for the sweep, and looks like work that the queue has lost.
 */
export const movedByOthers: Outcome = snooze(1_000, 'somebody else moved this chunk');

/**
 * Commits the intent before the call leaves: the exact numbers, the settings and a lease. From here on a crash makes the chunk
 * ambiguous, never "not sent".
 */
export async function claimSubmission(
  deps: WorkDeps,
  chunk: Chunk,
  send: { numbers: string[]; step: Step },
): Promise<Chunk | null> {
  const at = deps.clock.now();
  return deps.db.sql.begin(async (tx) => {
    const request = await lockRequest(tx, chunk.requestId);
    if (request === null || (await whyNotSent(tx, request, chunk)) !== null) return null;
    const claimed = await moveChunk(tx, chunk, {
      cause: 'claim',
      at,
      patch: {
        numbers: send.numbers,
        step: send.step,
        attempt: chunk.attempt + 1,
        leaseToken: newLeaseToken(),
        leaseUntil: after(at, deps.timings.leaseMs),
        nextRunAt: after(at, deps.timings.leaseMs),
        submittingAt: at,
        // Looks of an earlier stage say nothing about this submission; how often it was resent does.
        evidence: { because: 'sent', looks: [], ...carriedOver(chunk.evidence) },
        error: null,
      },
    });
    if (claimed === null) return null;
    const carried = await markInFlight(tx, chunk.id, at);
    if (chunk.kind === 'order' && carried !== send.numbers.length)
      throw new ProvisioningError(
        'items_moved',
        'bug',
        `chunk ${chunk.id} orders ${send.numbers.length} numbers for ${carried} items`,
      );
    await refreshRequest(tx, chunk.requestId, at);
    return claimed;
  });
}

/**
 * The last look behind the lock of the request: a worker may have slept since it asked. Who was told that a cancel or a closed
 * gate stands must not see another order leave.
 */
async function whyNotSent(sql: SqlOrTx, request: Request, chunk: Chunk): Promise<string | null> {
  if (request.cancelRequestedAt !== null && !finishesNumbers(request, chunk)) return 'the request was cancelled';
  return chunk.kind === 'order' && !(await getAccount(sql)).gateOpen ? 'the account gate is closed' : null;
}

/** Numbers that are bought stay bought: what still belongs to them (tags) is finished, so that no half-made number is left. */
const finishesNumbers = (request: Request, chunk: Chunk): boolean => request.kind === 'buy' && chunk.kind !== 'order';

/**
 * What the gateway asks when the turn of a claimed call has come, which may be seconds after the claim. A call whose lease is
 * over must not leave: others may have concluded that it never did. Nor one whose request was cancelled, nor an order while the
 * gate is closed: however long the queue of the limiter, a closed gate stops all spending at once.
 */
export function lastLook(deps: WorkDeps, claimed: Chunk): LastLook {
  const stop = (why: string) => new ProvisioningError('held_back', 'retry', `nothing was sent: ${why}`);
  return async () => {
    if (claimed.leaseUntil !== null && deps.clock.now() >= claimed.leaseUntil) throw stop('its lease is over');
    const request = await getRequest(deps.db.sql, claimed.requestId);
    const why = request === null ? 'there is no such request' : await whyNotSent(deps.db.sql, request, claimed);
    if (why !== null) throw stop(why);
  };
}

/** Notes that Telnyx took the call. If the lease ran out meanwhile, the reply is the evidence that ends the doubt. */
export async function noteAccepted(deps: WorkDeps, chunk: Chunk, telnyxId: string): Promise<Chunk | null> {
  const at = deps.clock.now();
  const patch = {
    telnyxId,
    submittedAt: at,
    polls: 0,
    nextRunAt: after(at, deps.timings.pollMinMs),
    leaseToken: null,
    leaseUntil: null,
  };
  const moved = await moveChunk(deps.db.sql, chunk, { cause: 'accepted', at, patch });
  if (moved !== null) return moved;
  const now = await getChunk(deps.db.sql, chunk.id);
  if (now?.state !== 'ambiguous') return null;
  // The looks so far were about the lost reply; the next ones are about the order itself.
  const evidence = now.evidence === null ? {} : { evidence: { ...now.evidence, looks: [] } };
  return moveChunk(deps.db.sql, now, { cause: 'found', at, patch: { ...patch, ...evidence } });
}

/** The call surely had no effect and may go out again: back to planned with the same numbers. */
export async function tryLater(
  deps: WorkDeps,
  chunk: Chunk,
  failure: ProvisioningError,
  how: { countAttempt?: boolean; lineage?: Lineage } = {},
): Promise<Outcome> {
  const at = deps.clock.now();
  const delayMs = failure.retryAfterMs ?? deps.timings.backoffMs;
  await closedByFailure(deps, failure);
  const moved = await deps.db.sql.begin(async (tx) => {
    await lockRequest(tx, chunk.requestId);
    const row = await moveChunk(tx, chunk, {
      cause: 'try_later',
      at,
      detail: { code: failure.code },
      patch: {
        attempt: how.countAttempt === true ? chunk.attempt : chunk.attempt - 1,
        ...(how.lineage !== undefined && {
          evidence: { because: failure.code, looks: [], ...carriedOver(chunk.evidence), ...how.lineage },
        }),
        leaseToken: null,
        leaseUntil: null,
        nextRunAt: after(at, delayMs),
        errorCode: failure.code,
        error: failure.message,
      },
    });
    if (row !== null) await markPending(tx, chunk.id, at);
    return row;
  });
  return moved === null ? movedByOthers : snooze(delayMs, failure.code);
}

/** What a call that was sent threw. Anything but a failure that the gateway has judged is ambiguous: the call may have left. */
export function failureOfSending(thrown: unknown, what: 'order' | 'batch'): ProvisioningError {
  if (thrown instanceof ProvisioningError) return thrown;
  const text = `the ${what} call ended unexpectedly: ${String(thrown)}`;
  return new ProvisioningError('unknown_outcome', 'ambiguous', text, { cause: thrown });
}

/** Nobody knows whether the call took effect: it will be looked up, never repeated on a guess. */
export async function noteReplyLost(
  deps: WorkDeps,
  chunk: Chunk,
  failure: ProvisioningError,
  cause: 'reply_lost' | 'maybe_ours_already' = 'reply_lost',
): Promise<Chunk | null> {
  const at = deps.clock.now();
  deps.log.warn(
    { chunkId: chunk.id, requestId: chunk.requestId, code: failure.code },
    `outcome unknown, looking it up: ${failure.message}`,
  );
  return moveChunk(deps.db.sql, chunk, {
    cause,
    at,
    detail: { code: failure.code, details: failure.details },
    patch: {
      ambiguousAt: at,
      nextRunAt: after(at, deps.timings.lookMinMs),
      leaseToken: null,
      leaseUntil: null,
      evidence: {
        because: failure.code,
        looks: [],
        ...carriedOver(chunk.evidence),
        ...(failure.numbers.length > 0 && { named: failure.numbers }),
      },
      errorCode: failure.code,
      error: failure.message,
    },
  });
}

/** Telnyx refused for good: every number of the chunk fails with the reason that Telnyx gave. */
export async function failAll(deps: WorkDeps, chunk: Chunk, failure: ProvisioningError): Promise<Outcome> {
  const settled = await settleChunk(deps, chunk, {
    cause: 'refused',
    succeeded: [],
    ended: chunk.numbers.map((phoneNumber) => ({
      phoneNumber,
      status: 'failed',
      reasonCode: failure.code,
      reason: failure.message,
    })),
    patch: { errorCode: failure.code, error: failure.message },
    detail: { code: failure.code, details: failure.details },
  });
  return settled ? done(`refused: ${failure.code}`) : movedByOthers;
}

/** Before anything is sent: cancels the chunk when its request was cancelled. `null` when the work may go on. */
export async function cancelledBeforeSending(deps: WorkDeps, chunk: Chunk): Promise<Outcome | null> {
  const request = await getRequest(deps.db.sql, chunk.requestId);
  if (request === null || request.cancelRequestedAt === null) return null;
  if (finishesNumbers(request, chunk)) return null;
  const settled = await settleChunk(deps, chunk, {
    cause: 'cancel',
    succeeded: [],
    ended: chunk.numbers.map((phoneNumber) => ({
      phoneNumber,
      status: 'cancelled',
      reasonCode: 'cancelled',
      reason: 'the request was cancelled before this number was sent',
    })),
  });
  return settled ? done('cancelled') : movedByOthers;
}

/** Notes a wait without a move, so that the sweep knows the chunk is looked after. */
export async function noteWait(deps: WorkDeps, chunk: Chunk, delayMs: number, reason: string): Promise<Outcome> {
  await touchChunk(deps.db.sql, chunk, deps.clock.now(), { nextRunAt: after(deps.clock.now(), delayMs), error: reason });
  return snooze(delayMs, reason);
}
