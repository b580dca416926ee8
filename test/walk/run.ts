import { ProvisioningError } from '../../src/domain/errors.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import { silentLog } from '../../src/observability/log.ts';
import type { JobContext } from '../../src/processors/context.ts';
import { createHandlers } from '../../src/processors/handlers.ts';
import { CATALOGUE, type JobName } from '../../src/queues/catalogue.ts';
import type { AnyEnqueue } from '../../src/queues/port.ts';
import { guardCall } from './check-calls.ts';
import { Crash, type RunPlan, watched } from './effects.ts';
import { count, type Notes, tell, Violation } from './notes.ts';
import type { WalkJob } from './queue.ts';

/** What happens to a run on its way: nothing, a crash at a boundary, or others acting at a boundary. */
export type Trouble =
  | { kind: 'none' }
  | { kind: 'crash'; boundary: number }
  | { kind: 'meanwhile'; boundary: number; act: () => Promise<void> };

/** A stalled job is given to the next worker after the lock of the dead one has run out. */
const STALLED_MS = 20_000;

type AnyHandler = (payload: AnyEnqueue['payload'], ctx: JobContext) => Promise<Outcome>;

/** Takes a job as a worker does, and puts it back as `run-job` and BullMQ would. */
export async function runJob(notes: Notes, job: WalkJob, trouble: Trouble): Promise<void> {
  const { queue } = notes.world;
  const attempts: number = CATALOGUE[job.what.name].attempts;
  queue.start(job);
  const label = `${job.what.name}#${job.n}`;
  const ctx = {
    log: silentLog,
    signal: new AbortController().signal,
    attempt: job.attempts + 1,
    lastAttempt: job.attempts + 1 >= attempts,
  };
  const plan = planOf(notes, job.what, trouble);
  try {
    const outcome = await handle(plan.plan, notes, job.what, ctx);
    tell(notes, `${label}: ${outcome.kind}${'reason' in outcome ? ` (${outcome.reason})` : ''}${plan.note()}`);
    if (outcome.kind === 'hold') queue.hold(job, outcome.delayMs);
    else if (outcome.kind === 'snooze') queue.snooze(job, outcome.delayMs);
    else queue.finish(job);
  } catch (error) {
    if (error instanceof Violation) throw error;
    if (plan.crashed()) {
      tell(notes, `${label}: crashed${plan.note()}`);
      queue.snooze(job, STALLED_MS);
      return;
    }
    job.attempts += 1;
    count(notes, 'job:threw');
    tell(notes, `${label}: threw ${String(error)}${plan.note()}`);
    if (!isExpected(error)) throw new Violation('no handler throws', String(error), error instanceof Error ? error.stack : error);
    if (job.attempts >= attempts) queue.finish(job);
    else queue.snooze(job, CATALOGUE[job.what.name].backoffMs * 2 ** (job.attempts - 1));
  }
}

/** The same job with two workers at the same time. Their order is not fixed: the only step that a seed does not repeat exactly. */
export async function runTogether(notes: Notes, jobs: WalkJob[]): Promise<void> {
  await Promise.all(jobs.map((job) => runJob(notes, job, { kind: 'none' })));
}

/** Errors with these dispositions cost no attempt in `run-job`. */
async function handle(plan: RunPlan, notes: Notes, what: AnyEnqueue, ctx: JobContext): Promise<Outcome> {
  const handlers = createHandlers(watched(notes.world.deps, plan));
  // Sound: the payload and the handler come from the same entry of the catalogue.
  const handler = handlers[what.name as JobName] as AnyHandler;
  try {
    return await handler(what.payload, ctx);
  } catch (error) {
    if (!(error instanceof ProvisioningError) || (error.disposition !== 'retry' && error.disposition !== 'account')) throw error;
    return { kind: 'snooze', delayMs: error.retryAfterMs ?? 3_000, reason: error.code };
  }
}

/** A read that ended in no known way is an ordinary failure of a job; a bug, or anything unknown, is not. */
function isExpected(error: unknown): boolean {
  return error instanceof ProvisioningError && error.disposition !== 'bug';
}

function planOf(notes: Notes, what: AnyEnqueue, trouble: Trouble) {
  let seen = 0;
  let hit = '';
  let crashed = false;
  const startedIn = notes.step;
  const plan: RunPlan = {
    boundary: async (b) => {
      if (crashed) throw new Crash();
      seen += 1;
      if (trouble.kind === 'none' || seen !== trouble.boundary) return;
      // Others would wait for the locks of an open transaction.
      if (trouble.kind === 'meanwhile' && b.at === 'uncommitted') {
        seen -= 1;
        return;
      }
      hit = ` at ${b.at} ${b.effect}`;
      if (trouble.kind === 'crash') {
        crashed = true;
        count(notes, `crash:${b.at} ${b.effect}`);
        throw new Crash();
      }
      notes.nesting += 1;
      tell(notes, `meanwhile, ${what.name}${hit}:`);
      await trouble.act();
      notes.nesting -= 1;
    },
    beforeCall: (name, args) => guardCall(notes, name, args, startedIn),
    lateCall: (name, args) => {
      if (!notes.holdBack || name === 'cancelOrder') return null;
      notes.holdBack = false;
      return (send) => {
        count(notes, `held back:${name}`);
        const numbers = Array.isArray(args[0]) ? args[0].map(String) : [];
        notes.late.push({ name, reference: name === 'createOrder' ? String(args[1]) : null, numbers, send });
        tell(notes, `${name} is lost on its way and will arrive later`);
      };
    },
  };
  return { plan, crashed: () => crashed, note: () => (hit === '' ? '' : `;${hit}`) };
}
