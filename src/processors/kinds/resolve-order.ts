import type { WorkDeps } from '../../account/deps.ts';
import { closedByFailure } from '../../account/gate.ts';
import { type Chunk, type ChunkPatch, touchChunk } from '../../db/chunks.ts';
import { after } from '../../domain/clock.ts';
import { ProvisioningError } from '../../domain/errors.ts';
import { done, type Outcome, snooze } from '../../domain/outcome.ts';
import { backoff, decideOrder, type Evidence } from '../../domain/submission.ts';
import { movedByOthers } from '../chunk/after-send.ts';
import { adopt, park, sendAgain } from '../chunk/look-up.ts';
import { ownedByRequest } from './owned-by-request.ts';
import { settleOrder } from './settle-order.ts';
import { takeApart } from './take-apart.ts';

/** Looks that are refused for good are made for this many settling windows before a person is asked. */
const REFUSED_WINDOWS = 5;

/**
 * Finds out what became of an order whose outcome is unknown: by its reference and by ownership, over the settling window. One
 * look is enough where Telnyx has clearly refused the only call that carried these numbers.
 */
export async function resolveOrder(deps: WorkDeps, chunk: Chunk): Promise<Outcome> {
  const look = await lookAround(deps, chunk);
  if (look instanceof ProvisioningError) return afterFailedLook(deps, chunk, look);
  const { evidence, owned } = look;
  const decision = decideOrder(
    { evidence, numbers: chunk.numbers.length, since: chunk.ambiguousAt ?? chunk.updatedAt, now: deps.clock.now() },
    deps.timings,
  );
  switch (decision.kind) {
    case 'look_again':
      return wait(deps, chunk, decision.delayMs, { evidence });
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
      return settled ? done('all numbers are ours although no order was found') : movedByOthers;
    }
    case 'refused': {
      const parts = await takeApart(deps, chunk, evidence, { owned, windowOver: decision.windowOver });
      // Nothing of the order is on sale: our own call may have taken it all, and only the whole window proves the contrary.
      if (parts === 'unproven')
        return wait(deps, chunk, deps.timings.lookMinMs, { evidence: { ...evidence, wholeWindow: true } });
      return parts;
    }
    case 'not_sent':
      return sendAgain(deps, chunk, evidence);
    case 'contradiction':
      return park(deps, chunk, { ...evidence, ownedNumbers: [...owned.keys()], conclusion: decision.why });
  }
}

/** One look at both sources. A look that failed proves nothing and is not counted. */
async function lookAround(
  deps: WorkDeps,
  chunk: Chunk,
): Promise<{ evidence: Evidence; owned: Map<string, string> } | ProvisioningError> {
  try {
    const orders = await deps.telnyx.findOrders(chunk.customerReference);
    const owned = await ownedByRequest(deps, chunk);
    const before = chunk.evidence ?? { because: 'unknown', looks: [] };
    const look = { at: deps.clock.now().toISOString(), found: orders.map((o) => o.id), owned: owned.size };
    return { evidence: { ...before, looks: [...before.looks, look] }, owned };
  } catch (error) {
    if (!(error instanceof ProvisioningError)) throw error;
    await closedByFailure(deps, error);
    return error;
  }
}

/** Looked again with growing waits; a refusal that stays for several windows is for a person. */
async function afterFailedLook(deps: WorkDeps, chunk: Chunk, failure: ProvisioningError): Promise<Outcome> {
  const { timings: t } = deps;
  const age = deps.clock.now().getTime() - (chunk.ambiguousAt ?? chunk.updatedAt).getTime();
  if (failure.disposition === 'rejected' && age > REFUSED_WINDOWS * t.settleMs) {
    const before = chunk.evidence ?? { because: 'unknown', looks: [] };
    return park(deps, chunk, { ...before, conclusion: `what became of it cannot be looked up: ${failure.message}` });
  }
  const delayMs = Math.max(failure.retryAfterMs ?? 0, backoff(chunk.polls, t.backoffMs, t.lookMaxMs));
  return wait(deps, chunk, delayMs, { polls: chunk.polls + 1 });
}

async function wait(deps: WorkDeps, chunk: Chunk, delayMs: number, patch: ChunkPatch): Promise<Outcome> {
  const at = deps.clock.now();
  await touchChunk(deps.db.sql, chunk, at, { ...patch, nextRunAt: after(at, delayMs) });
  return snooze(delayMs, 'looking up what became of it');
}
