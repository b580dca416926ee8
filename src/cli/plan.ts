import type { Plan } from '../db/plans.ts';
import { type ErrorDetail, invalid } from '../domain/errors.ts';
import { changesSomething, type PlanKind, type PlanResult } from '../domain/plan.ts';
import { NO_WORKER } from '../observability/liveness.ts';
import type { ProducerDeps } from '../producers/deps.ts';
import type { RequestBody } from '../producers/intake/request-shapes.ts';
import { noteOfRepeats } from '../producers/intake/stage-numbers.ts';
import { makePlan } from '../producers/plans/make-plan.ts';
import { planView } from '../producers/plans/plan-view.ts';
import { type WaitForPlan, waitForPlan } from '../producers/plans/wait.ts';
import { workerLives } from '../producers/read/read.ts';
import { actor, type Cli, note, result, withProducer } from './cli.ts';
import { parseDuration } from './duration.ts';
import { EXIT } from './exit-table.ts';
import { type ListFile, requireReadable, tellingNumbers } from './numbers-file.ts';
import { planText } from './plan-text.ts';
import { idText } from './short.ts';

const EVERY_MS = 250;
/** How long a worker that was started together with this command has to appear, in milliseconds. */
const ALONE_MS = 2_000;

/** The flags of a command with `--plan`. */
export interface PlanFlags {
  wait?: boolean;
  timeout?: string;
  idempotencyKey?: string;
  detailedExitcode?: boolean;
  json?: boolean;
}

/** Shows what a request would do, and files nothing. Returns the exit code. */
export async function planOnly(cli: Cli, body: RequestBody, list: ListFile | null, flags: PlanFlags): Promise<number> {
  const idle: ErrorDetail[] = [];
  if (flags.wait === true) idle.push({ path: '--wait', message: 'has no effect with --plan, which always waits for the plan' });
  if (flags.idempotencyKey !== undefined)
    idle.push({ path: '--idempotency-key', message: 'has no effect with --plan; a plan becomes one request at most' });
  if (idle.length > 0) throw invalid(idle);
  const timeoutMs = parseDuration(flags.timeout ?? '10m', '--timeout');
  if (list !== null) await requireReadable(list.file);
  return withProducer(cli, async (deps) => {
    const numbers = list === null ? undefined : tellingNumbers(list, cli.io.stdin, (text) => note(cli, text));
    const { plan, repeats } = await makePlan(deps, body, {
      ...(numbers !== undefined && { numbers, repeats: 'once' }),
      ...(list?.columns !== undefined && { columns: list.columns.map((c) => c.field) }),
      actor: actor(),
    });
    const repeated = noteOfRepeats(repeats);
    if (repeated !== null) note(cli, repeated);
    const computed = await computedPlan(cli, deps, plan.id, timeoutMs);
    if (computed === null) return EXIT.interrupted;
    const view = planView(computed, deps.clock.now());
    await result(cli, flags.json, view, () => planText(view, cli.io.paintOut));
    note(
      cli,
      `nothing was ${NOT_DONE[plan.kind]}; do exactly this within 24 hours with: provisioner apply ${idText(plan.id, cli.io.paintErr)}`,
    );
    return exitOfPlan(computed.result, flags.detailedExitcode === true);
  });
}

/** What has not been done, by the kind of plan. */
const NOT_DONE: Readonly<Record<PlanKind, string>> = { buy: 'bought', update: 'changed', delete: 'released', search: 'bought' };

/** Waits for a plan or a search. `null` when the user stopped the wait. Errors: those of `waitForPlan`. */
export async function computedPlan(cli: Cli, deps: ProducerDeps, id: string, timeoutMs: number): Promise<Plan | null> {
  return whileWaiting(cli, deps, (wait) => waitForPlan(deps, id, { ...wait, timeoutMs }));
}

/** Runs a wait for a worker. Says it when no worker lives, and returns `null` when the user stops the wait. */
export async function whileWaiting<T>(
  cli: Cli,
  deps: ProducerDeps,
  run: (wait: Omit<WaitForPlan, 'timeoutMs'>) => Promise<T>,
): Promise<T | null> {
  const interrupt = cli.io.interrupt();
  try {
    return await run({ everyMs: EVERY_MS, signal: interrupt.signal, seen: aloneNote(cli, deps) });
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    note(cli, 'stopped waiting; the worker goes on');
    return null;
  } finally {
    interrupt.done();
  }
}

/** Notes once that nothing moves, when no worker has lived for a while. */
function aloneNote(cli: Cli, deps: ProducerDeps): () => Promise<void> {
  let since: number | null = null;
  let isTold = false;
  return async () => {
    if (isTold) return;
    since = (await workerLives(deps.db)) ? null : (since ?? Date.now());
    if (since === null || Date.now() - since < ALONE_MS) return;
    isTold = true;
    note(cli, NO_WORKER);
  };
}

/** The exit code of a plan: 6 when a guard or a budget would refuse something, 8 when asked for and something would change. */
export function exitOfPlan(result: PlanResult | null, detailed: boolean): number {
  if (result === null || result.kind === 'search') return EXIT.ok;
  if (result.stops.length > 0) return EXIT.refused;
  return detailed && changesSomething(result) ? EXIT.wouldChange : EXIT.ok;
}
