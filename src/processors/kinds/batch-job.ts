import type { WorkDeps } from '../../account/deps.ts';
import type { OpenJob } from '../../account/open-jobs.ts';
import { readNumbers } from '../../account/read-numbers.ts';
import { idsFollowedByOthers } from '../../db/chunk-facts.ts';
import type { Chunk } from '../../db/chunks.ts';
import type { Tx } from '../../db/client.ts';
import type { ItemEnd } from '../../db/items.ts';
import { backoff } from '../../domain/clock.ts';
import type { ReasonCode } from '../../domain/codes.ts';
import { ProvisioningError } from '../../domain/errors.ts';
import type { AccountNumber, Job, JobType } from '../../telnyx/gateway.ts';
import type { Found, Judgement, NextPoll, Observed, Refusal, Sent } from '../chunk/kind.ts';

/** The result of a finished batch job or bulk update, number by number. */
export interface BatchResult {
  succeeded: ReadonlySet<string>;
  failed: ReadonlyMap<string, { code: ReasonCode; message: string }>;
  /**
   * The status in the words of Telnyx: `completed`, `failed` or `expired`. `done` stands for a finished bulk update, and
   * `vanished` for a batch job that Telnyx no longer knows.
   */
  status: string;
}

/**
 * Numbers that a batch job left unchanged are sent again until this many attempts. Sending again is safe, because the call sets
 * values.
 */
export const MOST_ATTEMPTS = 4;

/**
 * From this attempt on, a refusal for a number that is not owned halves the batch, because the ownership check could not find
 * that number.
 */
const PATIENCE_WITH_NOT_OWNED = 3;

/** A chunk as the shared list of open jobs knows it. */
const openJobOf = (chunk: Chunk, id: string): OpenJob => ({
  id,
  kind: chunk.kind,
  numbers: chunk.numbers.length,
  sentAt: chunk.submittedAt ?? chunk.createdAt,
  polls: chunk.polls,
});

/** The first poll of an accepted batch job, which the shared list of open jobs times. */
export function firstPollOfJob(deps: WorkDeps, chunk: Chunk, sent: Sent): NextPoll {
  if (typeof sent !== 'string') deps.openJobs.accepted(sent);
  return deps.openJobs.wait(openJobOf(chunk, typeof sent === 'string' ? sent : sent.id));
}

/**
 * Fetches a batch job once. One that is still open is fetched again when the shared list of open jobs says that it is over. Errors:
 * those of the gateway, and `job_not_visible`.
 */
export async function observeJob(deps: WorkDeps, chunk: Chunk): Promise<Observed<BatchResult>> {
  let shown: Job | null = null;
  const observed = await observeBatch(deps, chunk, async (id) => {
    shown = await deps.telnyx.getJob(id);
    return shown.terminal ? resultOf(shown) : null;
  });
  const job = openJobOf(chunk, chunk.telnyxId ?? '');
  if (observed.kind === 'open') return { ...observed, ...deps.openJobs.wait(job) };
  deps.openJobs.ended(job, shown);
  return observed;
}

const resultOf = (job: Job): BatchResult => ({
  succeeded: new Set(job.succeeded),
  failed: new Map(job.failed.map((f) => [f.phoneNumber, { code: f.code, message: f.message }])),
  status: job.status,
});

/**
 * Polls with `read`, which returns `null` while Telnyx has not finished. Throws `no_job_id` (a bug) for a chunk without an id of
 * Telnyx.
 */
export async function observeBatch(
  deps: WorkDeps,
  chunk: Chunk,
  read: (id: string) => Promise<BatchResult | null>,
): Promise<Observed<BatchResult>> {
  const { telnyxId } = chunk;
  if (telnyxId === null) throw new ProvisioningError('no_job_id', 'bug', `chunk ${chunk.id} is submitted without a batch job id`);
  const result = await knownStill(deps, chunk, () => read(telnyxId));
  if (result !== null) return { kind: 'over', over: result };
  return {
    kind: 'open',
    delayMs: backoff(chunk.polls, deps.timings.pollMinMs, deps.timings.pollMaxMs),
    reason: 'open at Telnyx',
  };
}

/**
 * Reads the batch job, and reports it as `vanished` when Telnyx does not return it after the settling window. Telnyx keeps
 * finished batch jobs for a time that it does not document, and a key may lose the right to read them. The caller then reads back
 * every number; otherwise the chunk would hold its job slot for ever.
 */
async function knownStill(deps: WorkDeps, chunk: Chunk, read: () => Promise<BatchResult | null>): Promise<BatchResult | null> {
  try {
    return await read();
  } catch (error) {
    const absent = error instanceof ProvisioningError && (error.code === 'not_found' || error.code === 'feature_not_permitted');
    const age = deps.clock.now().getTime() - (chunk.submittedAt ?? chunk.createdAt).getTime();
    if (absent && age > deps.timings.settleMs) return { succeeded: new Set(), failed: new Map(), status: 'vanished' };
    throw absent
      ? new ProvisioningError('job_not_visible', 'retry', 'Telnyx does not show the batch job yet', { cause: error })
      : error;
  }
}

/**
 * The ids of batch jobs of this type that carry exactly the numbers of the chunk, were made since it was sent and are followed by
 * no other chunk; newest first.
 */
export async function findJobs(deps: WorkDeps, chunk: Chunk, type: JobType): Promise<Found> {
  const jobs = await deps.telnyx.listJobs(type, chunk.submittingAt ?? chunk.createdAt);
  const candidates = jobs.filter((j) => isOver(j, chunk.numbers)).map((j) => j.id);
  const others = candidates.length === 0 ? new Set() : await idsFollowedByOthers(deps.db.sql, chunk.id, candidates);
  return { ids: candidates.filter((id) => !others.has(id)), owned: new Map() };
}

function isOver(job: Job, numbers: string[]): boolean {
  const theirs = new Set(job.phoneNumbers);
  return theirs.size === numbers.length && numbers.every((n) => theirs.has(n));
}

/**
 * Decides what a refused batch call means. A number may leave the account between the ownership check and the call. Telnyx does
 * not name this number, so the chunk is checked and sent again, and halved when that did not help.
 */
export async function batchRefused(_deps: WorkDeps, chunk: Chunk, failure: ProvisioningError): Promise<Refusal> {
  if (failure.disposition !== 'rejected' && failure.disposition !== 'bug') return { kind: 'by_disposition' };
  if (failure.code === 'not_owned') return chunk.attempt < PATIENCE_WITH_NOT_OWNED ? { kind: 'retry' } : { kind: 'split' };
  return failure.code === 'too_many_numbers' ? { kind: 'split' } : { kind: 'by_disposition' };
}

/** How the numbers end that Telnyx reported as failed, with the code and text of Telnyx. */
export function endsOfFailed(chunk: Chunk, result: BatchResult): ItemEnd[] {
  return [...result.failed]
    .filter(([n]) => chunk.numbers.includes(n))
    .map(([phoneNumber, why]) => ({ phoneNumber, status: 'failed', reasonCode: why.code, reason: why.message }));
}

/** The values that a call sets on every number of a chunk. */
interface SetValues {
  /**
   * True when the account shows the values. Values that the list does not show count as not applied, because setting them again
   * is safe.
   */
  isApplied(shown: AccountNumber): boolean;
  /** Writes the values into the inventory. */
  note(tx: Tx, numbers: string[]): Promise<void>;
}

/**
 * Judges a call that sets values, number by number. A number that Telnyx did not report is read back, and goes out again when it
 * lacks the values.
 */
export async function judgeValues(deps: WorkDeps, chunk: Chunk, result: BatchResult, values: SetValues): Promise<Judgement> {
  const unknown = chunk.numbers.filter((n) => !result.succeeded.has(n) && !result.failed.has(n));
  const seen = unknown.length === 0 ? new Map<string, AccountNumber>() : await readNumbers(deps, unknown);
  const applied = new Set(
    unknown.filter((n) => {
      const shown = seen.get(n);
      return shown !== undefined && values.isApplied(shown);
    }),
  );
  const undone = unknown.filter((n) => !applied.has(n));
  const succeeded = chunk.numbers.filter((n) => result.succeeded.has(n) || applied.has(n));
  const mayRepeat = chunk.attempt < MOST_ATTEMPTS;
  const ended = endsOfFailed(chunk, result);
  if (!mayRepeat) {
    const reason = `Telnyx did not report that this number was changed, in ${chunk.attempt} calls; the last one ended as ${result.status}`;
    ended.push(
      ...undone.map((phoneNumber) => ({ phoneNumber, status: 'failed' as const, reasonCode: 'not_applied' as const, reason })),
    );
  }
  const settlement = {
    cause: 'finished' as const,
    succeeded: succeeded.map((phoneNumber) => ({ phoneNumber })),
    ended,
    ...(mayRepeat && undone.length > 0 && { again: [{ numbers: undone, attempt: chunk.attempt }] }),
    detail: {
      status: result.status,
      succeeded: succeeded.length,
      failed: ended.length,
      read_back: unknown.length,
      again: mayRepeat ? undone.length : 0,
    },
    inventory: (tx: Tx) => values.note(tx, succeeded),
  };
  return { kind: 'settle', settlement, said: `settled: ${succeeded.length} changed, ${ended.length} failed` };
}
