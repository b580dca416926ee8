import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { type Drift, getRun, listDrift, type Run } from '../../db/runs.ts';
import type { RunCounts } from '../../domain/reconciliation.ts';
import { NO_WORKER } from '../../observability/liveness.ts';
import type { ProducerDeps } from '../../producers/deps.ts';
import { type RunReport, reportRun, workerLives } from '../../producers/look.ts';
import { startRun } from '../../producers/start-run.ts';
import { driftView } from '../../producers/views.ts';
import { type Cli, note, result, withProducer } from '../cli.ts';
import { confirm, requireConsent } from '../confirm.ts';
import { EXIT } from '../exit-codes.ts';
import { count, type Paint, pairs, table } from '../output.ts';

const POLL_MS = 500;
const ALONE_MS = 2_000;
const SHOWN_DRIFT = 20;

interface ReconcileFlags {
  repair?: boolean;
  yes?: boolean;
  json?: boolean;
}

/** `reconcile`: a run now, carried out by a worker. */
export function registerReconcile(program: Command, cli: Cli): void {
  program
    .command('reconcile')
    .description('compare the inventory with the account; exit 0 no drift, 2 drift, 1 error or incomplete')
    .option('--repair', 'put back fields that were changed elsewhere, by an update request')
    .option('--yes', 'do not ask (with --repair)')
    .option('--json', 'print the run as JSON')
    .action(async (flags: ReconcileFlags) => {
      if (flags.repair === true) requireConsent(cli.io, flags.yes);
      cli.exit = await withProducer(cli, (deps) => reconcile(cli, deps, flags));
    });
}

async function reconcile(cli: Cli, deps: ProducerDeps, flags: ReconcileFlags): Promise<number> {
  if (flags.repair === true) {
    await confirm(cli.io, flags.yes, async () => 'This sets fields that were changed elsewhere back to what the inventory says.');
  }
  const { id } = await startRun(deps, 'manual', flags.repair ?? false);
  const run = await waitForRun(cli, deps, id);
  if (run === null) {
    note(cli, `stopped waiting; run ${id} goes on`);
    return EXIT.interrupted;
  }
  const drift = await listDrift(deps.db.reads, id, SHOWN_DRIFT, null);
  const report = await reportRun(deps.db, run);
  await result(cli, flags.json, { ...report, drift: drift.map(driftView) }, () => runText(report, drift, cli.io.paintOut));
  return exitOfRun(run);
}

/** 0 no drift, 2 drift, 1 for a run that failed, could not see everything, or could not file a repair. */
export function exitOfRun(run: Pick<Run, 'status' | 'counts' | 'error'>): number {
  if (run.status !== 'completed' || run.counts === null || run.error !== null) return EXIT.failed;
  return driftOf(run.counts) === 0 ? EXIT.ok : EXIT.drift;
}

function driftOf(c: RunCounts): number {
  return c.adopted + c.missing + c.changed + c.healed + c.surplus;
}

/** The ended run, or `null` when the wait was interrupted. */
async function waitForRun(cli: Cli, deps: ProducerDeps, id: string): Promise<Run | null> {
  const interrupt = cli.io.interrupt();
  const started = Date.now();
  let said = false;
  try {
    while (!interrupt.signal.aborted) {
      const run = await getRun(deps.db.reads, id);
      if (run !== null && run.finishedAt !== null) return run;
      if (!said && Date.now() - started >= ALONE_MS && !(await workerLives(deps.db))) {
        note(cli, NO_WORKER);
        said = true;
      }
      await sleep(POLL_MS, undefined, { signal: interrupt.signal }).catch(() => undefined);
    }
    return null;
  } finally {
    interrupt.done();
  }
}

function runText(run: RunReport, drift: readonly Drift[], paint: Paint): string {
  const drifted = run.counts !== null && driftOf(run.counts) > 0;
  const colour = run.status !== 'completed' || run.error !== null ? 'red' : drifted ? 'yellow' : 'green';
  const head = pairs(
    [
      ['run', run.id],
      ['status', paint(colour, run.status)],
      ['started', run.started_at],
      ['finished', run.finished_at],
      ['error', run.error],
      ['repairs', run.repair_requests.length === 0 ? null : run.repair_requests.join(', ')],
    ],
    paint,
  );
  const counts = run.counts === null ? '' : `\n\n${countsText(run.counts, paint)}`;
  if (drift.length === 0) return head + counts;
  const rows = drift.map((d) => [d.kind, d.phoneNumber, d.field ?? '', d.ours ?? '', d.theirs ?? '', d.requestId ?? '']);
  const more = run.counts !== null && driftOf(run.counts) > drift.length ? `\n${paint('dim', 'and more')}` : '';
  return `${head}${counts}\n\n${table(['drift', 'phone number', 'field', 'ours', 'theirs', 'request'], rows, paint)}${more}`;
}

function countsText(counts: RunCounts, paint: Paint): string {
  const names = ['seen', 'matched', 'adopted', 'missing', 'changed', 'healed', 'surplus', 'undecided'] as const;
  return table(
    names.map((name) => ({ title: name, align: 'right' as const })),
    [names.map((name) => count(counts[name]))],
    paint,
  );
}
