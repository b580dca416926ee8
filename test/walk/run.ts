import { ProvisioningError } from '../../src/domain/errors.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import type { JobContext } from '../../src/processors/context.ts';
import { createHandlers } from '../../src/processors/handlers.ts';
import { CATALOGUE, type JobName } from '../../src/queues/catalogue.ts';
import type { AnyEnqueue } from '../../src/queues/port.ts';
import { type RunPlan, watched } from './effects.ts';
import { count, type Notes, tell, Violation } from './notes.ts';
import { planRun, type Trouble } from './plan.ts';
import type { WalkJob } from './queue.ts';
import { inTurns } from './turns.ts';

/** A stalled job is given to the next worker after the lock of the dead one has run out. */
const STALLED_MS = 20_000;

type AnyHandler = (payload: AnyEnqueue['payload'], ctx: JobContext) => Promise<Outcome>;

/** Takes a job as a worker does, and puts it back as `run-job` and BullMQ would. */
export async function runJob(notes: Notes, job: WalkJob, trouble: Trouble, worker = ''): Promise<void> {
  const { queue } = notes.world;
  queue.start(job);
  const label = `${job.what.name}#${job.n}${worker}`;
  const run = planRun(notes, job.what, label, trouble);
  const ended = await outcomeOf(run.plan, notes, job);
  run.rethrow();
  if (run.crashed()) {
    tell(notes, `${label}: crashed${run.note()}`);
    queue.snooze(job, STALLED_MS);
  } else if ('error' in ended) {
    giveBackFailed(notes, job, ended.error, `${label}: threw ${String(ended.error)}${run.note()}`);
  } else {
    const { outcome } = ended;
    tell(notes, `${label}: ${outcome.kind}${'reason' in outcome ? ` (${outcome.reason})` : ''}${run.note()}`);
    if (outcome.kind === 'hold') queue.hold(job, outcome.delayMs);
    else if (outcome.kind === 'snooze') queue.snooze(job, outcome.delayMs);
    else queue.finish(job);
  }
}

function giveBackFailed(notes: Notes, job: WalkJob, error: unknown, text: string): void {
  const { attempts, backoffMs } = CATALOGUE[job.what.name];
  job.attempts += 1;
  count(notes, 'job:threw');
  tell(notes, text);
  if (!isExpected(error)) throw new Violation('no handler throws', String(error), error instanceof Error ? error.stack : error);
  if (job.attempts >= attempts) notes.world.queue.finish(job);
  else notes.world.queue.snooze(job, backoffMs * 2 ** (job.attempts - 1));
}

/** Jobs that are with several workers at once; the same one twice, or two that meet. */
export async function runTogether(notes: Notes, jobs: WalkJob[]): Promise<void> {
  await inTurns(
    notes.choice,
    (where) => tell(notes, where),
    jobs.map((job, i) => (pass) => runJob(notes, job, { kind: 'turns', pass }, ` (worker ${i + 1})`)),
  );
}

async function outcomeOf(plan: RunPlan, notes: Notes, job: WalkJob): Promise<{ outcome: Outcome } | { error: unknown }> {
  const { what } = job;
  const ctx: JobContext = {
    log: notes.world.deps.log.child({ job: what.name, jobId: what.id, ...what.payload }),
    signal: new AbortController().signal,
    attempt: job.attempts + 1,
    lastAttempt: job.attempts + 1 >= CATALOGUE[what.name].attempts,
  };
  const handlers = createHandlers(watched(notes.world.deps, plan));
  // Sound: the payload and the handler come from the same entry of the catalogue.
  const handler = handlers[what.name as JobName] as AnyHandler;
  try {
    return { outcome: await handler(what.payload, ctx) };
  } catch (error) {
    // Errors with these dispositions cost no attempt in `run-job`.
    if (!(error instanceof ProvisioningError) || (error.disposition !== 'retry' && error.disposition !== 'account')) {
      ctx.log.error({ err: error, attempt: ctx.attempt }, 'the queue job ended with an error');
      return { error };
    }
    ctx.log.info({ err: error }, 'put off');
    return { outcome: { kind: 'snooze', delayMs: error.retryAfterMs ?? 3_000, reason: error.code } };
  }
}

/** A read that ended in no known way is an ordinary failure of a job; a bug, or anything unknown, is not. */
function isExpected(error: unknown): boolean {
  return error instanceof ProvisioningError && error.disposition !== 'bug';
}
