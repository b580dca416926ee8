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

/** What the wrapper around the handlers needs. */
export interface RunJobDeps {
  handlers: Handlers;
  log: Log;
  metrics: Metrics;
  /** Removes secrets from error texts, because the queue stores these texts and the dashboard shows them. */
  scrub?: Scrub;
  /** Wait, in milliseconds, after an error of the kind "retry" that names no time. */
  backoffMs?: number;
}

/** What the dashboard shows as the result of a finished queue job. */
interface JobResult {
  outcome: 'done' | 'skipped';
  /** What was done, or why there was nothing to do. */
  reason?: string;
}

/** Longest wait, in milliseconds, of a queue job that a stopping process gives back, so that its next worker starts soon. */
const HANDOVER_MS = 1_000;

/**
 * The one wrapper around every handler, and the only place that uses the exceptions of BullMQ. It checks the payload, gives the
 * handler its context, and turns its outcome into a move of the queue job.
 */
export function createRunJob(deps: RunJobDeps): ProcessJob {
  const scrub = deps.scrub ?? createScrubber([]);
  return async (job, token, signal) => {
    if (!isJobName(job.name)) throw new UnrecoverableError(`there is no queue job called ${job.name}`);
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
      ctx.log.error({ err: thrown, attempt: ctx.attempt }, 'the queue job ended with an error');
      throw harmless(thrown, scrub);
    } finally {
      const seconds = (performance.now() - startedAt) / 1_000;
      deps.metrics.jobsProcessed.inc({ job: name, outcome: counted });
      deps.metrics.jobSeconds.observe({ job: name }, seconds);
    }
  };
}

/** Calls the handler until its outcome is not `hold`, or until the process stops. */
async function settled<N extends JobName>(deps: RunJobDeps, name: N, payload: PayloadOf<N>, ctx: JobContext): Promise<Outcome> {
  for (;;) {
    const outcome = await attempted(deps, name, payload, ctx);
    if (outcome.kind !== 'hold' || ctx.signal.aborted) return outcome;
    deps.metrics.jobsProcessed.inc({ job: name, outcome: 'hold' });
    ctx.log.debug({ delayMs: outcome.delayMs, reason: outcome.reason }, 'held');
    await passed(outcome, ctx.signal);
    if (ctx.signal.aborted) return outcome;
  }
}

/** Waits until the delay is over, the wake resolves or the process stops. It blocks no thread, and the lock is renewed meanwhile. */
async function passed({ delayMs, wake }: Extract<Outcome, { kind: 'hold' }>, signal: AbortSignal): Promise<void> {
  const woken = new AbortController();
  const wakeUp = (): void => woken.abort();
  wake?.then(wakeUp, wakeUp);
  await sleep(delayMs, undefined, { signal: AbortSignal.any([signal, woken.signal]) }).catch(() => undefined);
}

async function attempted<N extends JobName>(deps: RunJobDeps, name: N, payload: PayloadOf<N>, ctx: JobContext): Promise<Outcome> {
  try {
    return await deps.handlers[name](payload, ctx);
  } catch (thrown) {
    // Nothing happened for certain, or the account is broken. The queue job waits, and the wait costs no attempt.
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
      // A `hold` gets here only when the process stops. The queue job then gives its slot back and waits a second at most.
      const delayMs = outcome.kind === 'hold' ? Math.min(outcome.delayMs, HANDOVER_MS) : outcome.delayMs;
      log.debug({ delayMs, reason: outcome.reason }, 'snoozes');
      // Both calls are needed: the error alone would leave the queue job active.
      await job.moveToDelayed(Date.now() + delayMs, token);
      throw new DelayedError(outcome.reason);
    }
  }
}

function contextOf(job: Job, payload: object, log: Log, signal: AbortSignal): JobContext {
  const attempt = job.attemptsMade + 1;
  return {
    // A payload contains only ids, under the names that log lines use.
    log: log.child({ job: job.name, jobId: job.id ?? '', queue: job.queueName, ...payload }),
    signal,
    attempt,
    lastAttempt: attempt >= (job.opts.attempts ?? 1),
  };
}

function isJobName(name: string): name is JobName {
  return Object.hasOwn(CATALOGUE, name);
}

/**
 * Checks the payload of a queue job. Throws `UnrecoverableError` for a wrong one. The cast is sound, because `PayloadOf` is the
 * output type of this very schema.
 */
function payloadOf<N extends JobName>(name: N, data: unknown): PayloadOf<N> {
  const parsed = CATALOGUE[name].payload.safeParse(data);
  if (parsed.success) return parsed.data as PayloadOf<N>;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
  throw new UnrecoverableError(`the payload of ${name} is wrong: ${problems}`);
}

/** A copy of an error without secrets, which the queue may store. */
function harmless(thrown: unknown, scrub: Scrub): Error {
  const error = asError(thrown);
  const copy = new Error(scrub(error.message));
  copy.name = error.name;
  if (error.stack !== undefined) copy.stack = scrub(error.stack);
  return copy;
}
