import type { WorkDeps } from '../../account/deps.ts';
import { type Chunk, touchChunk } from '../../db/chunks.ts';
import { after } from '../../domain/clock.ts';
import { ProvisioningError } from '../../domain/errors.ts';
import { hold, type Outcome } from '../../domain/outcome.ts';
import { backoff } from '../../domain/submission.ts';
import type { BatchResult } from './batch-result.ts';
import { settleDelete } from './settle-delete.ts';
import { settleEmergency } from './settle-emergency.ts';
import { settleUpdate } from './settle-update.ts';

/** Polls an open batch in place, 2 s growing to 30 s, and settles it number by number when it is over. */
export async function followBatch(deps: WorkDeps, chunk: Chunk): Promise<Outcome> {
  if (chunk.telnyxId === null) throw new ProvisioningError('no_job_id', 'bug', `chunk ${chunk.id} is submitted without a job id`);
  const { step } = chunk;
  const result = await (step.kind === 'messaging' ? messagingResult : jobResult)(deps, chunk, chunk.telnyxId);
  if (result === null) return waitForBatch(deps, chunk);
  switch (step.kind) {
    case 'update':
    case 'messaging':
      return settleUpdate(deps, chunk, step, result);
    case 'emergency':
      return settleEmergency(deps, chunk, step, result);
    case 'delete':
      return settleDelete(deps, chunk, result);
    case 'order':
      throw new ProvisioningError('wrong_step', 'bug', 'an order is no batch');
  }
}

async function waitForBatch(deps: WorkDeps, chunk: Chunk): Promise<Outcome> {
  const delayMs = backoff(chunk.polls, deps.timings.pollMinMs, deps.timings.pollMaxMs);
  const now = deps.clock.now();
  await touchChunk(deps.db.sql, chunk, now, { polls: chunk.polls + 1, nextRunAt: after(now, delayMs) });
  return hold(delayMs, 'open at Telnyx');
}

async function jobResult(deps: WorkDeps, chunk: Chunk, id: string): Promise<BatchResult | null> {
  const job = await knownStill(deps, chunk, () => deps.telnyx.getJob(id));
  if (job === null) return vanished();
  if (!job.terminal) return null;
  return {
    succeeded: new Set(job.succeeded),
    failed: new Map(job.failed.map((f) => [f.phoneNumber, { code: f.code, message: f.message }])),
    status: job.status,
  };
}

async function messagingResult(deps: WorkDeps, chunk: Chunk, id: string): Promise<BatchResult | null> {
  const update = await knownStill(deps, chunk, () => deps.telnyx.getMessagingUpdate(id));
  if (update === null) return vanished();
  if (update.pending.length > 0) return null;
  const refused = {
    code: 'messaging_refused' as const,
    message: 'Telnyx did not assign the messaging profile and gave no reason',
  };
  return { succeeded: new Set(update.succeeded), failed: new Map(update.failed.map((n) => [n, refused])), status: 'done' };
}

/**
 * `null` when Telnyx does not know the batch any more (finished ones are kept for a time that is not documented), or when the key
 * may not read it: then the numbers are read back instead, for the batch would hold its slot for ever.
 */
async function knownStill<T>(deps: WorkDeps, chunk: Chunk, read: () => Promise<T>): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    const absent = error instanceof ProvisioningError && (error.code === 'not_found' || error.code === 'feature_not_permitted');
    const age = deps.clock.now().getTime() - (chunk.submittedAt ?? chunk.createdAt).getTime();
    if (absent && age > deps.timings.settleMs) return null;
    throw absent ? new ProvisioningError('job_not_visible', 'retry', 'the job does not show yet', { cause: error }) : error;
  }
}

/** Nothing is known of any number: every one will be read back. */
const vanished = (): BatchResult => ({ succeeded: new Set(), failed: new Map(), status: 'vanished' });
