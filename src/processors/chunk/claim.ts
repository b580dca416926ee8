import type { WorkDeps } from '../../account/deps.ts';
import { getAccount } from '../../db/account.ts';
import { type Chunk, moveChunk } from '../../db/chunks.ts';
import type { SqlOrTx, Tx } from '../../db/client.ts';
import { pause } from '../../db/holds.ts';
import { newLeaseToken } from '../../db/ids.ts';
import { countItems } from '../../db/items.ts';
import { getRequest, lockRequest, type Request, refreshRequest } from '../../db/requests.ts';
import { isSlotFree, lockForSlot } from '../../db/slots.ts';
import { clearedNote } from '../../domain/blockers.ts';
import { after, isRecent } from '../../domain/clock.ts';
import { ProvisioningError } from '../../domain/errors.ts';
import { seeing } from '../../domain/evidence.ts';
import { chunkHeldBack, failuresIn, type Holds } from '../../domain/hold.ts';
import type { E164 } from '../../domain/phone-number.ts';
import type { Payload } from '../../domain/step.ts';
import { logBegin } from '../../producers/log-lines.ts';
import type { LastCheck } from '../../telnyx/gateway.ts';
import type { ChunkKind } from './kind.ts';
import type { Settlement } from './settle.ts';

/**
 * Commits the intent before the call leaves: the exact numbers, the payload and a lease. From here on, a crash makes the chunk
 * ambiguous, never "not sent". A kind that takes a job slot takes it here. Returns `null` when the call must not leave, or when
 * another worker moved the chunk, and `no_slot` when no slot is free.
 */
export async function claimChunk(
  deps: WorkDeps,
  kind: ChunkKind,
  chunk: Chunk,
  call: { numbers: E164[]; payload: Payload },
): Promise<Chunk | null | 'no_slot'> {
  const at = deps.clock.now();
  return deps.db.sql.begin(async (tx) => {
    const request = await (kind.jobSlot === true ? lockForSlot(tx, chunk.requestId) : lockRequest(tx, chunk.requestId));
    if (request === null || (await whyNotSent(tx, kind, request, chunk, at)) !== null) return null;
    if (await pausedByFailures(tx, request, at)) return null;
    const claimed = await moveChunk(tx, chunk, {
      cause: 'claim',
      at,
      ...(kind.buys && { items: call.numbers.length }),
      ...(kind.jobSlot === true && { freeSlotOf: deps.slots.most }),
      patch: {
        ...call,
        attempt: chunk.attempt + 1,
        leaseToken: newLeaseToken(),
        leaseUntil: after(at, deps.timings.leaseMs),
        nextRunAt: after(at, deps.timings.leaseMs),
        submittingAt: at,
        evidence: seeing(chunk.evidence, { phase: 'before_sending' }),
        error: null,
      },
    });
    if (claimed === null) return kind.jobSlot === true && !(await isSlotFree(tx, deps.slots.most)) ? 'no_slot' : null;
    // A claim changes no other status: it only makes a queued request a running one.
    if (request.status !== 'running') logBegin(deps, request, await refreshRequest(tx, chunk.requestId, at, request));
    return claimed;
  });
}

/**
 * Checked again while holding the request lock, because the worker may have been suspended. Once a user was told that a cancel, a pause
 * or a closed gate is in force, no call that it stops may leave.
 */
async function whyNotSent(sql: SqlOrTx, kind: ChunkKind, request: Request, chunk: Chunk, now: Date): Promise<string | null> {
  if (isCancelled(request, kind)) return 'the request was cancelled';
  const held = chunkHeldBack(request, chunk, now);
  if (held !== null) return held.reason;
  return kind.buys && !(await getAccount(sql)).gateOpen ? 'the account gate is closed' : null;
}

/**
 * Pauses the request when more of its numbers have failed than it allows. Asked at each claim, under the request lock, so that no call
 * leaves after the share is passed.
 */
async function pausedByFailures(tx: Tx, request: Request, at: Date): Promise<boolean> {
  if (request.stopAbove === null || request.cancelRequestedAt !== null) return false;
  const counts = await countItems(tx, request.id);
  const failures = failuresIn(request, counts);
  if (!failures.tooMany) return false;
  const since = request.acceptedEnded > 0 ? ' since it was resumed' : '';
  const text = `${failures.failed} of the ${failures.ended} numbers that ended${since} have failed, more than ${request.stopAbove}%`;
  await pause(tx, request, { code: 'too_many_failures', text, at });
  return true;
}

/**
 * True when a cancel stops this chunk. A cancel of a buy stops its orders only: a bought number stays bought, so its next steps
 * (tags) are done, and no number is left half configured.
 */
const isCancelled = (request: Holds, kind: ChunkKind): boolean =>
  request.cancelRequestedAt !== null && (kind.buys || request.kind !== 'buy');

/**
 * The check that the gateway makes when a claimed call leaves the rate limiter, which may be seconds after the claim. It throws
 * `held_back` (retry) in four cases: the lease is over, because other workers may have concluded that the call never left; its tags
 * were read too long ago, because somebody may have changed them since; the request is cancelled or held back; or the call is an order and the
 * account gate is closed.
 */
export function lastCheck(deps: WorkDeps, kind: ChunkKind, claimed: Chunk): LastCheck {
  const stop = (why: string) => new ProvisioningError('held_back', 'retry', `nothing was sent: ${why}`);
  return async () => {
    if (claimed.leaseUntil !== null && deps.clock.now() >= claimed.leaseUntil) throw stop('its lease is over');
    const readAt = claimed.payload?.tagsReadAt;
    if (readAt !== undefined && !isRecent(readAt, deps.clock.now(), deps.timings.tagsMs))
      throw stop('its tags were read too long ago');
    const request = await getRequest(deps.db.sql, claimed.requestId);
    const why =
      request === null ? 'there is no such request' : await whyNotSent(deps.db.sql, kind, request, claimed, deps.clock.now());
    if (why !== null) throw stop(why);
  };
}

/** The settlement of a planned chunk whose request is cancelled; `null` when the chunk may be sent. */
export function cancelledBeforeSending(kind: ChunkKind, chunk: Chunk, request: Holds): Settlement | null {
  if (!isCancelled(request, kind)) return null;
  const reason = `the request was cancelled before this number was sent${clearedNote(chunk.step)}`;
  return {
    cause: 'cancel',
    ended: chunk.numbers.map((phoneNumber) => ({ phoneNumber, status: 'cancelled', reasonCode: 'cancelled', reason })),
  };
}
