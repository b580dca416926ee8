import { changeNumbers } from '../../db/numbers.ts';
import type { StepOf } from '../../domain/step.ts';
import type { ChunkKind } from '../chunk/kind.ts';
import { readyIfOwn } from '../guards/own-numbers.ts';
import { type BatchResult, batchRefused, judgeValues, observeBatch } from './batch-job.ts';

const REFUSED = { code: 'messaging_refused', message: 'Telnyx did not assign the messaging profile and gave no reason' } as const;

/** One bulk update assigns a messaging profile to up to 1,000 numbers. Telnyx does not count it as a batch job. */
export const messaging: ChunkKind<StepOf<'messaging'>, BatchResult> = {
  holdsSlot: true,
  buys: false,
  prepare: readyIfOwn,
  send: async (telnyx, chunk, lastCheck) =>
    (await telnyx.updateMessaging(chunk.numbers, chunk.step.messaging_profile_id, lastCheck)).id,
  refused: batchRefused,
  observe: (deps, chunk) =>
    observeBatch(deps, chunk, async (id) => {
      const bulk = await deps.telnyx.getMessagingUpdate(id);
      if (bulk.pending.length > 0) return null;
      return { succeeded: new Set(bulk.succeeded), failed: new Map(bulk.failed.map((n) => [n, REFUSED])), status: 'done' };
    }),
  judge: (deps, chunk, result) => {
    const profile = chunk.step.messaging_profile_id;
    const because = { cause: 'messaging', at: deps.clock.now(), requestId: chunk.requestId, chunkId: chunk.id };
    return judgeValues(deps, chunk, result, {
      isApplied: (shown) => shown.messagingProfileId !== undefined && (shown.messagingProfileId ?? '') === profile,
      note: (tx, numbers) => changeNumbers(tx, numbers, { messagingProfileId: profile === '' ? null : profile }, because),
    });
  },
  // Telnyx has no list of bulk updates, so nothing can be found. Sending again after the window is safe, because the call sets
  // values.
  find: async () => ({ ids: [], owned: new Map() }),
};
