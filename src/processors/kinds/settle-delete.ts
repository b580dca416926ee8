import type { WorkDeps } from '../../account/deps.ts';
import { isOurs, readNumbers } from '../../account/read-numbers.ts';
import { type Chunk, touchChunk } from '../../db/chunks.ts';
import type { ItemEnd } from '../../db/items.ts';
import { markReleased } from '../../db/numbers.ts';
import { after } from '../../domain/clock.ts';
import { liftedNote } from '../../domain/lifted.ts';
import { done, hold, type Outcome } from '../../domain/outcome.ts';
import type { Step } from '../../domain/step.ts';
import { backoff } from '../../domain/submission.ts';
import type { AccountNumber } from '../../telnyx/gateway.ts';
import { movedByOthers } from '../chunk/after-send.ts';
import { settleChunk } from '../chunk/settle.ts';
import type { BatchResult } from './batch-result.ts';

/**
 * Settles a release: a number is gone when ownership no longer shows it. Ownership lags, so numbers that the job released but
 * that still show are looked at again over the settling window. It also hides what is ours but closed to changes: a number that
 * the job did not release is only gone when the list does not show it either. Deletions are never sent again by themselves.
 */
export async function settleDelete(deps: WorkDeps, chunk: Chunk, result: BatchResult): Promise<Outcome> {
  const now = deps.clock.now();
  const owned = await deps.telnyx.verifyOwnership(chunk.numbers);
  const looks = [...(chunk.evidence?.looks ?? []), { at: now.toISOString(), found: [], owned: owned.size }];
  const windowOver = now.getTime() - new Date(looks[0]?.at ?? now).getTime() >= deps.timings.settleMs;
  const disputed = chunk.numbers.filter((n) => !owned.has(n) && !result.succeeded.has(n));
  // Seen twice before it is called gone.
  const unsure = disputed.length > 0 && looks.length < 2;
  const listed = unsure || disputed.length === 0 ? new Map<string, AccountNumber>() : await readNumbers(deps, disputed);
  const shown = new Set(chunk.numbers.filter((n) => owned.has(n) || isOurs(listed.get(n))));
  // One that no list of the job names may be released all the same: it gets the whole window too, not a few quick looks.
  const lagging = [...shown].some((n) => !result.failed.has(n)) && !windowOver;
  if (lagging || unsure) {
    const delayMs = backoff(looks.length - 1, deps.timings.lookMinMs, deps.timings.lookMaxMs);
    await touchChunk(deps.db.sql, chunk, now, { evidence: { because: 'released', looks }, nextRunAt: after(now, delayMs) });
    return hold(delayMs, 'Telnyx still shows some numbers');
  }
  const gone = chunk.numbers.filter((n) => !shown.has(n));
  const ended: ItemEnd[] = [...shown].map((phoneNumber) => keptEnd(chunk.step, phoneNumber, result));
  const settled = await settleChunk(deps, chunk, {
    cause: 'finished',
    succeeded: gone.map((phoneNumber) => ({ phoneNumber })),
    ended,
    detail: { status: result.status, released: gone.length, kept: ended.length },
    inventory: (tx) => markReleased(tx, gone, { cause: 'released', at: now, requestId: chunk.requestId, chunkId: chunk.id }),
  });
  return settled ? done(`settled: ${gone.length} released, ${ended.length} kept`) : movedByOthers;
}

function keptEnd(step: Step, phoneNumber: string, result: BatchResult): ItemEnd {
  const lifted = liftedNote(step);
  const why = result.failed.get(phoneNumber);
  if (why !== undefined) return { phoneNumber, status: 'failed', reasonCode: why.code, reason: `${why.message}${lifted}` };
  const reason = result.succeeded.has(phoneNumber)
    ? 'Telnyx reported the release, but the number still shows as ours'
    : `Telnyx ended the job as ${result.status} without releasing this number`;
  return { phoneNumber, status: 'failed', reasonCode: 'still_owned', reason: `${reason}${lifted}` };
}
