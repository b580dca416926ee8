import type { WorkDeps } from '../../account/deps.ts';
import { type Chunk, moveChunk } from '../../db/chunks.ts';
import { markPending } from '../../db/items.ts';
import { lockRequest, refreshRequest } from '../../db/requests.ts';
import { done, type Outcome, snooze } from '../../domain/outcome.ts';
import type { Evidence } from '../../domain/submission.ts';
import { movedByOthers } from './after-send.ts';

/** Follows the order (or job) that carries our reference as if its reply had arrived. */
export async function adopt(deps: WorkDeps, chunk: Chunk, telnyxId: string, evidence: Evidence): Promise<Outcome> {
  const at = deps.clock.now();
  // The looks so far were about the lost reply; the next ones are about the order itself.
  const moved = await moveChunk(deps.db.sql, chunk, {
    cause: 'found',
    at,
    detail: { evidence },
    patch: {
      telnyxId,
      submittedAt: at,
      polls: 0,
      nextRunAt: at,
      evidence: { ...evidence, looks: [] },
      errorCode: null,
      error: null,
    },
  });
  return moved === null ? movedByOthers : snooze(0, 'found');
}

/** All evidence says that nothing was sent: the same numbers go out again, so that a late first try and this one collide. */
export async function sendAgain(deps: WorkDeps, chunk: Chunk, evidence: Evidence): Promise<Outcome> {
  const at = deps.clock.now();
  const moved = await deps.db.sql.begin(async (tx) => {
    await lockRequest(tx, chunk.requestId);
    const row = await moveChunk(tx, chunk, {
      cause: 'not_sent',
      at,
      detail: { evidence },
      patch: { nextRunAt: at, evidence: { ...evidence, looks: [], resent: (evidence.resent ?? 0) + 1 } },
    });
    if (row !== null) await markPending(tx, chunk.id, at);
    return row;
  });
  return moved === null ? movedByOthers : snooze(0, 'surely not sent, sending the same numbers again');
}

/** Contradictory evidence is for a person: parked with all that was seen. */
export async function park(deps: WorkDeps, chunk: Chunk, evidence: Evidence): Promise<Outcome> {
  const at = deps.clock.now();
  const moved = await deps.db.sql.begin(async (tx) => {
    await lockRequest(tx, chunk.requestId);
    const row = await moveChunk(tx, chunk, {
      cause: 'contradiction',
      at,
      detail: { evidence },
      patch: { evidence, nextRunAt: null },
    });
    if (row !== null) await refreshRequest(tx, chunk.requestId, at);
    return row;
  });
  if (moved !== null) {
    deps.log.error({ chunkId: chunk.id, requestId: chunk.requestId }, `needs attention: ${evidence.conclusion}`);
  }
  return moved === null ? movedByOthers : done('parked: a person must decide');
}
