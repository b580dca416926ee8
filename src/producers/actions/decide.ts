import { type Chunk, getChunk, moveChunk, requeueChunk } from '../../db/chunks.ts';
import { endItems, openItemsOfChunk } from '../../db/items.ts';
import { lockRequest, type Request, refreshRequest } from '../../db/requests.ts';
import { notFound, refused } from '../../domain/errors.ts';
import { seeing } from '../../domain/evidence.ts';
import type { ProducerDeps } from '../deps.ts';
import { chunkJob, enqueue } from '../enqueue.ts';
import { logEnd } from '../log-lines.ts';

/** The decision of a person about a chunk whose evidence contradicts itself. */
export type Resolution = { kind: 'adopt'; telnyxId: string } | { kind: 'not_sent' } | { kind: 'give_up' };

/** Carries out the decision of a person and records who made it. Errors: `not_found`, `not_waiting_for_a_person`. */
export async function resolveChunk(
  deps: ProducerDeps,
  requestId: string,
  chunkId: string,
  resolution: Resolution,
  actor: string,
): Promise<Chunk> {
  const at = deps.clock.now();
  let changed: Request | null = null;
  const moved = await deps.db.sql.begin(async (tx) => {
    await lockRequest(tx, requestId);
    const chunk = await getChunk(tx, chunkId);
    if (chunk === null || chunk.requestId !== requestId) {
      throw notFound(`request ${requestId} has no chunk ${chunkId}`);
    }
    if (chunk.state !== 'needs_attention') {
      throw refused(
        'not_waiting_for_a_person',
        `chunk ${chunkId} is ${chunk.state}; only one that needs attention can be resolved`,
      );
    }
    const detail = { evidence: chunk.evidence };
    const row =
      resolution.kind === 'adopt'
        ? await moveChunk(tx, chunk, {
            cause: 'adopt',
            at,
            actor,
            detail,
            patch: {
              telnyxId: resolution.telnyxId,
              submittedAt: at,
              nextRunAt: at,
              polls: 0,
            },
          })
        : resolution.kind === 'not_sent'
          ? await moveChunk(tx, chunk, {
              cause: 'declare_not_sent',
              at,
              actor,
              detail,
              patch: {
                // Numbers that were settled before have ended and must not go out again.
                numbers: (await openItemsOfChunk(tx, chunkId)).flatMap((i) => i.phoneNumber ?? []),
                nextRunAt: at,
                leaseToken: null,
                leaseUntil: null,
                evidence: seeing(chunk.evidence, { phase: 'before_sending' }, { declared: true }),
              },
            })
          : await moveChunk(tx, chunk, { cause: 'give_up', at, actor, detail });
    if (row === null)
      throw refused('not_waiting_for_a_person', `chunk ${chunkId} was moved at the same moment, so nothing was decided`);
    if (resolution.kind === 'give_up') {
      const ends = (await openItemsOfChunk(tx, chunkId)).flatMap((i) =>
        i.phoneNumber === null
          ? []
          : [
              {
                phoneNumber: i.phoneNumber,
                status: 'failed' as const,
                reasonCode: 'given_up' as const,
                reason: `given up by ${actor}`,
              },
            ],
      );
      await endItems(tx, chunk, ends, at);
    }
    changed = await refreshRequest(tx, requestId, at);
    return row;
  });
  await logEnd(deps, changed);
  const open = moved.state === 'settled' ? null : await requeueChunk(deps.db.sql, moved);
  if (open !== null) await enqueue(deps, [chunkJob(open)]);
  return moved;
}
