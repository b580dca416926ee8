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

/** For how many settling windows a check that Telnyx refuses is repeated before a person is asked. */
const REFUSED_WINDOWS = 5;

/** What earlier checks of this unknown outcome saw. */
const unknown = (chunk: Chunk): SeenIn<'unknown'> =>
  seenIn(chunk.evidence, 'unknown') ?? { phase: 'unknown', because: 'unknown', checks: [] };

/**
 * Makes one check of a call whose outcome is unknown, and decides by all checks so far. The checks go on over the settling
 * window. One check is enough when Telnyx clearly refused the only call that carried these numbers.
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

/** Checks every source once. A failed check proves nothing and does not count. */
async function check(deps: WorkDeps, kind: ChunkKind, chunk: Chunk): Promise<Found | ProvisioningError> {
  try {
    return await kind.find(deps, chunk);
  } catch (error) {
    // `advance` repeats the check of a kind that holds its slot.
    if (!(error instanceof ProvisioningError) || kind.holdsSlot) throw error;
    await closedByFailure(deps, error);
    return error;
  }
}

/**
 * Repeats a failed check after a growing wait. When Telnyx refuses the check for several settling windows, a person must decide.
 */
async function afterFailedCheck(deps: WorkDeps, kind: ChunkKind, chunk: Chunk, failure: ProvisioningError): Promise<Outcome> {
  const { timings: t } = deps;
  const age = deps.clock.now().getTime() - (chunk.ambiguousAt ?? chunk.updatedAt).getTime();
  if (failure.disposition === 'rejected' && age > REFUSED_WINDOWS * t.settleMs) {
    const conclusion = `what became of the call cannot be checked: ${failure.message}`;
    return park(deps, chunk, seeing(chunk.evidence, unknown(chunk)), { conclusion });
  }
  const delayMs = Math.max(failure.retryAfterMs ?? 0, backoff(chunk.polls, t.backoffMs, t.checkMaxMs));
  return checkAgain(deps, kind, chunk, delayMs, { polls: chunk.polls + 1 });
}

async function checkAgain(deps: WorkDeps, kind: ChunkKind, chunk: Chunk, delayMs: number, patch: ChunkPatch): Promise<Outcome> {
  const at = deps.clock.now();
  await touchChunk(deps.db.sql, chunk, at, { ...patch, nextRunAt: after(at, delayMs) });
  return pause(kind, delayMs, 'checking what became of the call');
}

/** Takes the order or batch job that was found, as if its reply had arrived. */
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

/**
 * Sends the same numbers again, because all evidence says that nothing was sent. A late first call then collides with the new one
 * instead of buying other numbers.
 */
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
  return moved === null ? movedByOthers : snooze(0, 'not sent for certain, sending the same numbers again');
}

async function settleDoubt(deps: WorkDeps, kind: ChunkKind, chunk: Chunk, evidence: Evidence, doubt: Doubt): Promise<Outcome> {
  const settlement = await kind.settleDoubt?.(deps, chunk, doubt);
  if (settlement === undefined) throw new ProvisioningError('wrong_step', 'bug', `chunk ${chunk.id} buys nothing`);
  if (settlement === 'unproven') {
    // No number of the order is on sale, so our own call may have taken them all. Only checks over the whole settling window can
    // disprove that.
    const before = seenIn(evidence, 'unknown') ?? unknown(chunk);
    const whole = seeing(evidence, { ...before, wholeWindow: true });
    return checkAgain(deps, kind, chunk, deps.timings.checkMinMs, { evidence: whole });
  }
  return (await settleChunk(deps, chunk, settlement)) ? done(`settled: ${settlement.cause}`) : movedByOthers;
}

/**
 * Parks a chunk with contradictory evidence: a person must decide. The row keeps everything that the checks saw, and nothing is
 * bought again meanwhile.
 */
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
