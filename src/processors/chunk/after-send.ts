import type { WorkDeps } from '../../account/deps.ts';
import { closedByFailure } from '../../account/gate.ts';
import { type Chunk, getChunk, moveChunk } from '../../db/chunks.ts';
import { costOfChunk } from '../../db/items.ts';
import { lockRequest } from '../../db/requests.ts';
import { clearedNote } from '../../domain/blockers.ts';
import { after } from '../../domain/clock.ts';
import { ProvisioningError } from '../../domain/errors.ts';
import { type History, seeing } from '../../domain/evidence.ts';
import { done, type Outcome, snooze } from '../../domain/outcome.ts';
import { costInLog } from '../../producers/log-lines.ts';
import type { ChunkKind, Sent } from './kind.ts';
import { inHalves, type Settlement, settleChunk } from './settle.ts';
import { movedByOthers, pause } from './wait.ts';

/**
 * Records that Telnyx accepted the call. The lease may have run out before the reply came, and the chunk is then ambiguous. The
 * reply is evidence, so it ends the doubt.
 */
export async function noteAccepted(deps: WorkDeps, kind: ChunkKind, chunk: Chunk, sent: Sent): Promise<Outcome> {
  const at = deps.clock.now();
  const telnyxId = typeof sent === 'string' ? sent : sent.id;
  const { delayMs, wake } = kind.firstPoll?.(deps, { ...chunk, telnyxId, submittedAt: at, polls: 0 }, sent) ?? {
    delayMs: deps.timings.pollMinMs,
  };
  const patch = {
    telnyxId,
    submittedAt: at,
    polls: 0,
    nextRunAt: after(at, delayMs),
    leaseToken: null,
    leaseUntil: null,
  };
  const accepted = pause(kind, delayMs, 'accepted', wake);
  await logSent(deps, kind, { ...chunk, telnyxId });
  if ((await moveChunk(deps.db.sql, chunk, { cause: 'accepted', at, patch })) !== null) return accepted;
  const now = await getChunk(deps.db.sql, chunk.id);
  if (now?.state !== 'ambiguous') return movedByOthers;
  return (await moveChunk(deps.db.sql, now, { cause: 'found', at, patch })) === null ? movedByOthers : accepted;
}

/** Logs that Telnyx took a call: which, for how many numbers and, of an order, at what price. */
async function logSent(deps: WorkDeps, kind: ChunkKind, { id, requestId, numbers, telnyxId, kind: name }: Chunk): Promise<void> {
  const fields = { requestId, chunkId: id, kind: name, count: numbers.length };
  if (!kind.buys) return deps.log.info({ ...fields, ...(telnyxId !== null && { telnyxJobId: telnyxId }) }, 'sent');
  const cost = costInLog(await costOfChunk(deps.db.sql, id));
  deps.log.info({ ...fields, ...(telnyxId !== null && { orderId: telnyxId }), cost }, 'order sent');
}

/** Decides what a failed call means. Its kind decides first, then the disposition of the error. */
export async function afterFailure(deps: WorkDeps, kind: ChunkKind, chunk: Chunk, thrown: unknown): Promise<Outcome> {
  const failure = failureOfSending(thrown, kind);
  const refusal = await kind.refused(deps, chunk, failure);
  switch (refusal.kind) {
    case 'maybe_ours':
      return lookUpLater(deps, kind, chunk, failure, failure.disposition === 'ambiguous' ? 'reply_lost' : 'maybe_ours_already');
    case 'retry':
      return tryLater(deps, chunk, failure, refusal.history);
    case 'split':
      if (chunk.numbers.length > 1) return settle(deps, chunk, splitOf(chunk, failure, refusal.history), 'halved');
      return settle(deps, chunk, failedAll(chunk, failure), 'refused');
    case 'drop':
      return settle(deps, chunk, droppedFrom(chunk, failure, refusal.numbers), 'went out again without the refused numbers');
    case 'settle':
      return settle(deps, chunk, refusal.settlement, refusal.said);
    case 'by_disposition':
      return byDisposition(deps, kind, chunk, failure);
  }
}

function byDisposition(deps: WorkDeps, kind: ChunkKind, chunk: Chunk, failure: ProvisioningError): Promise<Outcome> {
  switch (failure.disposition) {
    case 'ambiguous':
      return lookUpLater(deps, kind, chunk, failure, 'reply_lost');
    // `job_cap` (no free job slot at Telnyx) counts as "retry": the chunk gives its slot back and waits.
    case 'retry':
    case 'account':
      return putBack(deps, chunk, failure, { attempt: chunk.attempt - 1 });
    case 'rejected':
    case 'bug':
      return settle(deps, chunk, failedAll(chunk, failure), 'refused');
  }
}

/**
 * Turns whatever was thrown into an error of ours. An error that the gateway did not judge is ambiguous, because the call may
 * have left.
 */
function failureOfSending(thrown: unknown, kind: ChunkKind): ProvisioningError {
  if (thrown instanceof ProvisioningError) return thrown;
  const text = `the ${kind.buys ? 'order' : 'batch'} call ended unexpectedly: ${String(thrown)}`;
  return new ProvisioningError('unknown_outcome', 'ambiguous', text, { cause: thrown });
}

/**
 * Makes the chunk ambiguous: nobody knows whether the call took effect. The account is checked, and the call is never repeated on
 * a guess.
 */
async function lookUpLater(
  deps: WorkDeps,
  kind: ChunkKind,
  chunk: Chunk,
  failure: ProvisioningError,
  cause: 'reply_lost' | 'maybe_ours_already',
): Promise<Outcome> {
  const at = deps.clock.now();
  deps.log.warn({ code: failure.code }, `outcome unknown, checking the account: ${failure.message}`);
  const named = failure.numbers.length > 0 ? { named: failure.numbers } : {};
  await moveChunk(deps.db.sql, chunk, {
    cause,
    at,
    detail: { code: failure.code, details: failure.details },
    patch: {
      ambiguousAt: at,
      nextRunAt: after(at, deps.timings.checkMinMs),
      leaseToken: null,
      leaseUntil: null,
      evidence: seeing(chunk.evidence, { phase: 'unknown', because: failure.code, checks: [], ...named }),
      errorCode: failure.code,
      error: failure.message,
    },
  });
  return pause(
    kind,
    deps.timings.checkMinMs,
    cause === 'reply_lost' ? 'reply lost' : 'refused, checking whether the numbers are ours',
  );
}

/** Puts the chunk back after a refusal that a later call may not meet. Unlike a wait, this attempt counts. */
const tryLater = (deps: WorkDeps, chunk: Chunk, failure: ProvisioningError, history?: History): Promise<Outcome> =>
  putBack(deps, chunk, failure, { attempt: chunk.attempt, ...(history !== undefined && { history }) });

/** Puts the chunk back to planned with the same numbers. The call had no effect for certain, so it may go out again. */
async function putBack(
  deps: WorkDeps,
  chunk: Chunk,
  failure: ProvisioningError,
  how: { attempt: number; history?: History },
): Promise<Outcome> {
  const at = deps.clock.now();
  const delayMs = failure.retryAfterMs ?? deps.timings.backoffMs;
  await closedByFailure(deps, failure);
  const moved = await deps.db.sql.begin(async (tx) => {
    await lockRequest(tx, chunk.requestId);
    return moveChunk(tx, chunk, {
      cause: 'try_later',
      at,
      detail: { code: failure.code },
      patch: {
        attempt: how.attempt,
        ...(how.history !== undefined && { evidence: seeing(chunk.evidence, { phase: 'before_sending' }, how.history) }),
        leaseToken: null,
        leaseUntil: null,
        nextRunAt: after(at, delayMs),
        errorCode: failure.code,
        error: failure.message,
      },
    });
  });
  return moved === null ? movedByOthers : snooze(delayMs, failure.code);
}

async function settle(deps: WorkDeps, chunk: Chunk, settlement: Settlement, said: string): Promise<Outcome> {
  return (await settleChunk(deps, chunk, settlement)) ? done(`${said}: ${settlement.cause}`) : movedByOthers;
}

/** The code and text of a refusal, for the row of the chunk and for its event. */
const whatWasRefused = (failure: ProvisioningError): Pick<Settlement, 'patch' | 'detail'> => ({
  patch: { errorCode: failure.code, error: failure.message },
  detail: { code: failure.code, details: failure.details },
});

/** Telnyx refused the call for good, so every number fails with the reason that Telnyx gave. */
function failedAll(chunk: Chunk, failure: ProvisioningError): Settlement {
  const reason = `${failure.message}${clearedNote(chunk.step)}`;
  return {
    cause: 'refused',
    ended: chunk.numbers.map((phoneNumber) => ({ phoneNumber, status: 'failed', reasonCode: failure.code, reason })),
    ...whatWasRefused(failure),
  };
}

/** Both halves of a refused chunk go out again, each as a chunk of its own. */
const splitOf = (chunk: Chunk, failure: ProvisioningError, history: History = {}): Settlement => ({
  cause: 'refused_split',
  detail: { code: failure.code },
  again: inHalves(chunk.numbers, { history }),
});

/**
 * The numbers that Telnyx named fail, and the others go out again. All numbers fail when Telnyx named all of them or none of the
 * chunk.
 */
function droppedFrom(chunk: Chunk, failure: ProvisioningError, numbers: string[]): Settlement {
  const dropped = new Set(numbers);
  const rest = chunk.numbers.filter((n) => !dropped.has(n));
  if (rest.length === 0 || rest.length === chunk.numbers.length) return failedAll(chunk, failure);
  const ended = failedAll({ ...chunk, numbers: chunk.numbers.filter((n) => dropped.has(n)) }, failure).ended ?? [];
  return {
    cause: 'refused_split',
    ended,
    again: [{ numbers: rest }],
    detail: { ...whatWasRefused(failure).detail, dropped: ended.length },
  };
}
