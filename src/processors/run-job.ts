import { setTimeout as sleep } from 'node:timers/promises';
import { DelayedError, type Job, UnrecoverableError } from 'bullmq';
import { asError, ProvisioningError } from '../domain/errors.ts';
import { type Outcome, snooze } from '../domain/outcome.ts';
import { DEFAULT_TIMINGS } from '../domain/timings.ts';
import type { Log } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import { createScrubber, type Scrub } from '../observability/scrub.ts';
import { CATALOGUE, type JobName, type PayloadOf } from '../queues/catalogue.ts';
import type { ProcessJob } from '../queues/workers.ts';
import type { Handlers, JobContext } from './context.ts';

export interface RunJobDeps {
  handlers: Handlers;
  log: Log;
  metrics: Metrics;
  /** Removes secrets from error texts: the queue stores them and the dashboard shows them. */
  scrub?: Scrub;
  /** Wait after an error that says "try again later" without saying when. */
  backoffMs?: number;
}

/** What the dashboard shows as the result of a finished job. */
interface JobResult {
  outcome: 'done' | 'skipped';
  /** What was done, or why there was nothing to do. */
  reason?: string;
}

/** A job that is given back because the process stops should not wait long for its next worker. */
const HANDOVER_MS = 1_000;

/**
 * The one wrapper around every handler, and the only place that speaks BullMQ's language: it checks the payload, gives the
 * handler its context, and translates what it says into moves of the job.
 */
export function createRunJob(deps: RunJobDeps): ProcessJob {
  const scrub = deps.scrub ?? createScrubber([]);
  return async (job, token, signal) => {
    if (!isJobName(job.name)) throw new UnrecoverableError(`there is no job called ${job.name}`);
    const name = job.name;
    const payload = payloadOf(name, job.data);
    const ctx = contextOf(job, payload, deps.log, signal);
    const startedAt = performance.now();
    let counted = 'error';
    try {
      const outcome = await settled(deps, name, payload, ctx);
      counted = outcome.kind;
      return await translate(outcome, job, token, ctx.log);
    } catch (thrown) {
      if (thrown instanceof DelayedError) throw thrown;
      if (thrown instanceof UnrecoverableError) throw new UnrecoverableError(scrub(thrown.message));
      ctx.log.error({ err: thrown, attempt: ctx.attempt }, 'the job ended with an error');
      throw harmless(thrown, scrub);
    } finally {
      const seconds = (performance.now() - startedAt) / 1_000;
      deps.metrics.jobsProcessed.inc({ job: name, outcome: counted });
      deps.metrics.jobSeconds.observe({ job: name }, seconds);
    }
  };
}

/** Runs the handler until it says something other than `hold`, or until the process stops. */
async function settled<N extends JobName>(deps: RunJobDeps, name: N, payload: PayloadOf<N>, ctx: JobContext): Promise<Outcome> {
  for (;;) {
    const outcome = await attempted(deps, name, payload, ctx);
    if (outcome.kind !== 'hold' || ctx.signal.aborted) return outcome;
    deps.metrics.jobsProcessed.inc({ job: name, outcome: 'hold' });
    ctx.log.debug({ delayMs: outcome.delayMs, reason: outcome.reason }, 'held');
    // The wait is a timer, not a thread; BullMQ renews the lock meanwhile.
    await sleep(outcome.delayMs, undefined, { signal: ctx.signal }).catch(() => undefined);
    if (ctx.signal.aborted) return outcome;
  }
}

async function attempted<N extends JobName>(deps: RunJobDeps, name: N, payload: PayloadOf<N>, ctx: JobContext): Promise<Outcome> {
  try {
    return await deps.handlers[name](payload, ctx);
  } catch (thrown) {
    // Surely nothing happened, or the account is broken: waiting is the answer, and it costs no attempt.
    if (!(thrown instanceof ProvisioningError) || (thrown.disposition !== 'retry' && thrown.disposition !== 'account'))
      throw thrown;
    ctx.log.info({ err: thrown }, 'put off');
    return snooze(thrown.retryAfterMs ?? deps.backoffMs ?? DEFAULT_TIMINGS.backoffMs, thrown.code);
  }
}

async function translate(outcome: Outcome, job: Job, token: string, log: Log): Promise<JobResult> {
  switch (outcome.kind) {
    case 'done':
      if (outcome.reason === undefined) return { outcome: 'done' };
      log.debug({ reason: outcome.reason }, 'done');
      return { outcome: 'done', reason: outcome.reason };
    case 'skipped':
      log.debug({ reason: outcome.reason }, 'skipped');
      return { outcome: 'skipped', reason: outcome.reason };
    case 'failed':
      log.warn({ reason: outcome.reason }, 'failed for good');
      throw new UnrecoverableError(outcome.reason);
    case 'hold':
    case 'snooze': {
      // A hold gets here only when we stop: the slot goes back at once, and the next worker looks soon.
      const delayMs = outcome.kind === 'hold' ? Math.min(outcome.delayMs, HANDOVER_MS) : outcome.delayMs;
      log.debug({ delayMs, reason: outcome.reason }, 'snoozes');
      // Always the pair: the error alone would leave the job active.
      await job.moveToDelayed(Date.now() + delayMs, token);
      throw new DelayedError(outcome.reason);
    }
  }
}

function contextOf(job: Job, payload: object, log: Log, signal: AbortSignal): JobContext {
  const attempt = job.attemptsMade + 1;
  return {
    // A payload holds ids only, under the names that the log uses.
    log: log.child({ job: job.name, jobId: job.id ?? '', queue: job.queueName, ...payload }),
    signal,
    attempt,
    lastAttempt: attempt >= (job.opts.attempts ?? 1),
  };
}

function isJobName(name: string): name is JobName {
  return Object.hasOwn(CATALOGUE, name);
}

/** Sound because the schema is the one of this very name, and PayloadOf is defined as its output. */
function payloadOf<N extends JobName>(name: N, data: unknown): PayloadOf<N> {
  const parsed = CATALOGUE[name].payload.safeParse(data);
  if (parsed.success) return parsed.data as PayloadOf<N>;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
  throw new UnrecoverableError(`the payload of ${name} is wrong: ${problems}`);
}

/** What the queue may store of an error. */
function harmless(thrown: unknown, scrub: Scrub): Error {
  const error = asError(thrown);
  const copy = new Error(scrub(error.message));
  copy.name = error.name;
  if (error.stack !== undefined) copy.stack = scrub(error.stack);
  return copy;
}
