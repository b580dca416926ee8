import type { WorkDeps } from '../../account/deps.ts';
import { closedByFailure } from '../../account/gate.ts';
import { type Chunk, type ChunkPatch, moveChunk, touchChunk } from '../../db/chunks.ts';
import { lockRequest, refreshRequest } from '../../db/requests.ts';
import { after, backoff } from '../../domain/clock.ts';
import { ProvisioningError } from '../../domain/errors.ts';
import { type Evidence, historyOf, type SeenIn, seeing, seenIn } from '../../domain/evidence.ts';
import { decideLostCall } from '../../domain/lost-call.ts';
import { done, type Outcome, snooze } from '../../domain/outcome.ts';
import type { ChunkKind, Doubt, Found } from './kind.ts';
import { settleChunk } from './settle.ts';
import { movedByOthers, pause } from './wait.ts';

/** Checks that Telnyx refuses for good are made for this many settling windows before a person is asked. */
const REFUSED_WINDOWS = 5;

/** What the checks of an unknown outcome saw so far. */
const unknown = (chunk: Chunk): SeenIn<'unknown'> =>
  seenIn(chunk.evidence, 'unknown') ?? { phase: 'unknown', because: 'unknown', checks: [] };

/**
 * Finds out what became of a call whose outcome is unknown, by one check after the other over the settling window. One check is
 * enough where Telnyx has clearly refused the only call that carried these numbers.
 */
export async function lookUp(deps: WorkDeps, kind: ChunkKind, chunk: Chunk): Promise<Outcome> {
  const found = await check(deps, kind, chunk);
  if (found instanceof ProvisioningError) return afterFailedCheck(deps, kind, chunk, found);
  const now = deps.clock.now();
  const before = unknown(chunk);
  const seen = { at: now.toISOString(), found: found.ids, owned: found.owned.size };
  const evidence = seeing(chunk.evidence, { ...before, checks: [...before.checks, seen] });
  const since = chunk.ambiguousAt ?? chunk.updatedAt;
  const call = { evidence, numbers: chunk.numbers.length, buys: kind.buys, since, now };
  const decision = decideLostCall(call, deps.timings);
  switch (decision.kind) {
    case 'check_again':
      return checkAgain(deps, kind, chunk, decision.delayMs, { evidence });
    case 'adopt':
      return adopt(deps, kind, chunk, decision.telnyxId, evidence);
    case 'not_sent':
      return sendAgain(deps, chunk, evidence);
    case 'contradiction':
      return park(deps, chunk, evidence, { conclusion: decision.why, ownedNumbers: [...found.owned.keys()] });
    case 'owned_without_order':
      return settleDoubt(deps, kind, chunk, evidence, { kind: 'owned_without_order', owned: found.owned });
    case 'refused': {
      const { windowOver } = decision;
      return settleDoubt(deps, kind, chunk, evidence, { kind: 'refused', evidence, owned: found.owned, windowOver });
    }
  }
}

/** One check of every source. A check that failed proves nothing and does not count. */
async function check(deps: WorkDeps, kind: ChunkKind, chunk: Chunk): Promise<Found | ProvisioningError> {
  try {
    return await kind.find(deps, chunk);
  } catch (error) {
    // A kind that holds its slot tries again in place; see `advance`.
    if (!(error instanceof ProvisioningError) || kind.holdsSlot) throw error;
    await closedByFailure(deps, error);
    return error;
  }
}

/** Checks again with growing waits. A refusal that stays for several windows is for a person. */
async function afterFailedCheck(deps: WorkDeps, kind: ChunkKind, chunk: Chunk, failure: ProvisioningError): Promise<Outcome> {
  const { timings: t } = deps;
  const age = deps.clock.now().getTime() - (chunk.ambiguousAt ?? chunk.updatedAt).getTime();
  if (failure.disposition === 'rejected' && age > REFUSED_WINDOWS * t.settleMs) {
    const conclusion = `what became of it cannot be looked up: ${failure.message}`;
    return park(deps, chunk, seeing(chunk.evidence, unknown(chunk)), { conclusion });
  }
  const delayMs = Math.max(failure.retryAfterMs ?? 0, backoff(chunk.polls, t.backoffMs, t.checkMaxMs));
  return checkAgain(deps, kind, chunk, delayMs, { polls: chunk.polls + 1 });
}

async function checkAgain(deps: WorkDeps, kind: ChunkKind, chunk: Chunk, delayMs: number, patch: ChunkPatch): Promise<Outcome> {
  const at = deps.clock.now();
  await touchChunk(deps.db.sql, chunk, at, { ...patch, nextRunAt: after(at, delayMs) });
  return pause(kind, delayMs, 'looking up what became of it');
}

/** Follows the order or batch job of ours as if its reply had arrived. */
async function adopt(deps: WorkDeps, kind: ChunkKind, chunk: Chunk, telnyxId: string, evidence: Evidence): Promise<Outcome> {
  const at = deps.clock.now();
  const moved = await moveChunk(deps.db.sql, chunk, {
    cause: 'found',
    at,
    detail: { evidence },
    patch: { telnyxId, submittedAt: at, polls: 0, nextRunAt: at, evidence, errorCode: null, error: null },
  });
  return moved === null ? movedByOthers : pause(kind, 0, 'found');
}

/** All evidence says that nothing was sent. The same numbers go out again, so that a late first call and this one collide. */
async function sendAgain(deps: WorkDeps, chunk: Chunk, evidence: Evidence): Promise<Outcome> {
  const at = deps.clock.now();
  const resent = (historyOf(evidence).resent ?? 0) + 1;
  const moved = await deps.db.sql.begin(async (tx) => {
    await lockRequest(tx, chunk.requestId);
    return moveChunk(tx, chunk, {
      cause: 'not_sent',
      at,
      detail: { evidence },
      patch: { nextRunAt: at, evidence: seeing(evidence, { phase: 'before_sending' }, { resent }) },
    });
  });
  return moved === null ? movedByOthers : snooze(0, 'surely not sent, sending the same numbers again');
}

async function settleDoubt(deps: WorkDeps, kind: ChunkKind, chunk: Chunk, evidence: Evidence, doubt: Doubt): Promise<Outcome> {
  const settlement = await kind.settleDoubt?.(deps, chunk, doubt);
  if (settlement === undefined) throw new ProvisioningError('wrong_step', 'bug', `chunk ${chunk.id} buys nothing`);
  if (settlement === 'unproven') {
    // Nothing of the order is on sale, so our own call may have taken it all. Only the whole window proves the contrary.
    const before = seenIn(evidence, 'unknown') ?? unknown(chunk);
    const whole = seeing(evidence, { ...before, wholeWindow: true });
    return checkAgain(deps, kind, chunk, deps.timings.checkMinMs, { evidence: whole });
  }
  return (await settleChunk(deps, chunk, settlement)) ? done(`settled: ${settlement.cause}`) : movedByOthers;
}

/** Contradictory evidence is for a person: the chunk is parked with all that was seen, and nothing is bought again meanwhile. */
export async function park(
  deps: WorkDeps,
  chunk: Chunk,
  before: Evidence | null,
  why: { conclusion: string; ownedNumbers?: string[] },
): Promise<Outcome> {
  const at = deps.clock.now();
  const seen = seenIn(before, 'unknown') ?? {
    phase: 'unknown' as const,
    because: 'order_unclear',
    checks: seenIn(before, 'final')?.checks ?? [],
  };
  const evidence = seeing(before, { ...seen, ...why });
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
  if (moved === null) return movedByOthers;
  deps.log.error({}, `needs attention: ${why.conclusion}`);
  return done('parked: a person must decide');
}
