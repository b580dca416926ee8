import type { WorkDeps } from '../../account/deps.ts';
import { isOurs, readNumbers } from '../../account/read-numbers.ts';
import type { Tx } from '../../db/client.ts';
import type { ItemEnd } from '../../db/items.ts';
import { markReleased } from '../../db/numbers.ts';
import { clearedNote } from '../../domain/blockers.ts';
import { backoff } from '../../domain/clock.ts';
import { seeing, seenIn } from '../../domain/evidence.ts';
import type { Step, StepOf } from '../../domain/step.ts';
import type { AccountNumber } from '../../telnyx/gateway.ts';
import type { ChunkKind, ChunkOf, Judgement } from '../chunk/kind.ts';
import { ownNumbers } from '../guards/own-numbers.ts';
import { guardRelease } from '../guards/release-guards.ts';
import { type BatchResult, batchRefused, findJobs, firstPollOfJob, observeJob } from './batch-job.ts';

type ReleaseChunk = ChunkOf<StepOf<'delete'>>;

/** A release: one batch job gives up to 1,000 numbers back for good. Before it is sent, guards decide for each number. */
export const release: ChunkKind<StepOf<'delete'>, BatchResult> = {
  holdsSlot: true,
  jobSlot: true,
  buys: false,
  prepare: async (deps, planned) => {
    const own = await ownNumbers(deps, planned);
    return own.kind === 'own' ? guardRelease(deps, own.chunk, own.numbers, planned.step) : own;
  },
  send: (telnyx, chunk, lastCheck) => telnyx.deleteNumbers(chunk.numbers, lastCheck),
  refused: batchRefused,
  firstPoll: firstPollOfJob,
  observe: observeJob,
  judge,
  find: (deps, chunk) => findJobs(deps, chunk, 'delete_phone_numbers'),
};

/**
 * A number counts as released when ownership no longer shows it. Ownership lags, so a number that the batch job reported as
 * released but that still shows is checked again over the settling window. Ownership also hides numbers that are ours but closed
 * to changes. So a number that the batch job did not report as released must be absent from the list as well. A release is never
 * repeated automatically.
 */
async function judge(deps: WorkDeps, chunk: ReleaseChunk, result: BatchResult): Promise<Judgement> {
  const now = deps.clock.now();
  const owned = await deps.telnyx.verifyOwnership(chunk.numbers);
  const before = seenIn(chunk.evidence, 'final')?.checks ?? [];
  const checks = [...before, { at: now.toISOString(), found: [], owned: owned.size }];
  const windowOver = now.getTime() - new Date(checks[0]?.at ?? now).getTime() >= deps.timings.settleMs;
  const disputed = chunk.numbers.filter((n) => !owned.has(n) && !result.succeeded.has(n));
  // A number is checked twice before it counts as released.
  const unsure = disputed.length > 0 && checks.length < 2;
  const listed = unsure || disputed.length === 0 ? new Map<string, AccountNumber>() : await readNumbers(deps, disputed);
  const shown = new Set(chunk.numbers.filter((n) => owned.has(n) || isOurs(listed.get(n))));
  // The batch job may have released a number that it does not report. Such a number gets the whole window too, not only a few
  // quick checks.
  const lagging = [...shown].some((n) => !result.failed.has(n)) && !windowOver;
  if (lagging || unsure) {
    const delayMs = backoff(checks.length - 1, deps.timings.checkMinMs, deps.timings.checkMaxMs);
    const evidence = seeing(chunk.evidence, { phase: 'final', checks });
    return { kind: 'check_again', evidence, delayMs, reason: 'Telnyx still shows some numbers' };
  }
  const gone = chunk.numbers.filter((n) => !shown.has(n));
  const ended = [...shown].map((phoneNumber) => keptEnd(chunk.step, phoneNumber, result));
  const because = { cause: 'released', at: now, requestId: chunk.requestId, chunkId: chunk.id };
  const settlement = {
    cause: 'finished' as const,
    succeeded: gone.map((phoneNumber) => ({ phoneNumber })),
    ended,
    detail: { status: result.status, released: gone.length, kept: ended.length },
    inventory: (tx: Tx) => markReleased(tx, gone, because),
  };
  return { kind: 'settle', settlement, said: `settled: ${gone.length} released, ${ended.length} kept` };
}

function keptEnd(step: Step, phoneNumber: string, result: BatchResult): ItemEnd {
  const cleared = clearedNote(step);
  const why = result.failed.get(phoneNumber);
  if (why !== undefined) return { phoneNumber, status: 'failed', reasonCode: why.code, reason: `${why.message}${cleared}` };
  const reason = result.succeeded.has(phoneNumber)
    ? 'Telnyx reported the release, but the number still shows as ours'
    : `the batch job ended as ${result.status} and did not release this number`;
  return { phoneNumber, status: 'failed', reasonCode: 'still_owned', reason: `${reason}${cleared}` };
}
