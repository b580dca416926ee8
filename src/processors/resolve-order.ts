import { type Chunk, moveChunk, touchChunk } from '../db/chunks.ts';
import { markPending } from '../db/items.ts';
import { lockRequest, refreshRequest } from '../db/requests.ts';
import { after } from '../domain/clock.ts';
import { ProvisioningError } from '../domain/errors.ts';
import { type Outcome, skipped, snooze } from '../domain/outcome.ts';
import { decideOrder, type Evidence } from '../domain/submission.ts';
import { closedByFailure } from '../reconcile/account-gate.ts';
import type { WorkDeps } from '../reconcile/deps.ts';
import { settleOrder } from './settle-order.ts';
import { movedByOthers } from './submission.ts';
import { splitOrLose } from './submit-order.ts';

/** Finds out what became of an order whose reply was lost: by its reference and by ownership, over the settling window. */
export async function resolveOrder(deps: WorkDeps, chunk: Chunk): Promise<Outcome> {
  const look = await lookAround(deps, chunk);
  if (look === null) return wait(deps, chunk, deps.timings.backoffMs, chunk.evidence);
  const { evidence, owned } = look;
  const decision = decideOrder(
    { evidence, numbers: chunk.numbers.length, since: chunk.ambiguousAt ?? chunk.updatedAt, now: deps.clock.now() },
    deps.timings,
  );
  switch (decision.kind) {
    case 'look_again':
      return wait(deps, chunk, decision.delayMs, evidence);
    case 'adopt':
      return adopt(deps, chunk, decision.telnyxId, evidence);
    case 'owned_without_order': {
      const bought = chunk.numbers.map((phoneNumber) => ({ phoneNumber, telnyxId: owned.get(phoneNumber) ?? null }));
      const settled = await settleOrder(deps, chunk, {
        cause: 'owned_without_order',
        bought,
        lost: [],
        orderStatus: 'not found, but all numbers are ours',
      });
      return settled ? skipped('all numbers are ours although no order was found') : movedByOthers;
    }
    case 'not_sent':
      if (evidence.because === 'numbers_gone') return splitOrLose(deps, chunk, 'surely_gone', 'numbers_gone');
      return sendAgain(deps, chunk, evidence);
    case 'contradiction':
      return park(deps, chunk, { ...evidence, ownedNumbers: [...owned.keys()], conclusion: decision.why });
  }
}

/** One look at both sources. A look that failed proves nothing and is not counted. */
async function lookAround(deps: WorkDeps, chunk: Chunk): Promise<{ evidence: Evidence; owned: Map<string, string> } | null> {
  try {
    const orders = await deps.telnyx.findOrders(chunk.customerReference);
    const owned = await deps.telnyx.verifyOwnership(chunk.numbers);
    const before = chunk.evidence ?? { because: 'unknown', looks: [] };
    const look = { at: deps.clock.now().toISOString(), found: orders.map((o) => o.id), owned: owned.size };
    return { evidence: { ...before, looks: [...before.looks, look] }, owned };
  } catch (error) {
    if (!(error instanceof ProvisioningError)) throw error;
    await closedByFailure(deps, error);
    return null;
  }
}

async function wait(deps: WorkDeps, chunk: Chunk, delayMs: number, evidence: Evidence | null): Promise<Outcome> {
  const at = deps.clock.now();
  await touchChunk(deps.db.sql, chunk, at, { ...(evidence !== null && { evidence }), nextRunAt: after(at, delayMs) });
  return snooze(delayMs, 'looking up what became of it');
}

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
  return moved === null ? movedByOthers : skipped('needs attention');
}
