import { setTimeout as sleep } from 'node:timers/promises';
import { isOpen, listDrift, type OpenDrift, openEverywhere } from '../../db/queries/drift.ts';
import { findRun, progressOfRun } from '../../db/queries/runs.ts';
import type { Run } from '../../db/runs.ts';
import { NO_WORKER } from '../../observability/liveness.ts';
import { startRun } from '../../producers/actions/start-run.ts';
import type { ProducerDeps } from '../../producers/deps.ts';
import { reportRun, workerLives } from '../../producers/read/read.ts';
import { driftView } from '../../producers/read/views.ts';
import { actor, type Cli, note, result, withProducer } from '../cli.ts';
import { confirm, requireConsent } from '../confirm.ts';
import { EXIT } from '../exit-table.ts';
import { createDisplay } from '../progress.ts';
import { openText, runText } from '../run-text.ts';

const POLL_MS = 500;
const ALONE_MS = 2_000;
/** A run that ends within this time shows no progress. */
const SILENT_MS = 1_500;
export const SHOWN_DRIFT = 20;

/** The flags of `reconcile`. */
export interface ReconcileFlags {
  repair?: boolean;
  yes?: boolean;
  json?: boolean;
}

/** Starts a reconciliation run, waits for its end and prints it. Returns the exit code. */
export async function reconcile(cli: Cli, flags: ReconcileFlags): Promise<number> {
  if (flags.repair === true) requireConsent(cli.io, flags.yes);
  return withProducer(cli, (deps) => runAndReport(cli, deps, flags));
}

async function runAndReport(cli: Cli, deps: ProducerDeps, flags: ReconcileFlags): Promise<number> {
  if (flags.repair === true) {
    await confirm(cli.io, flags.yes, async () => 'This sets fields that were changed elsewhere back to what we last asked for.');
  }
  const { id } = await startRun(deps, 'manual', flags.repair ?? false, actor());
  const run = await waitForRun(cli, deps, id);
  if (run === null) {
    note(cli, `stopped waiting; run ${id} goes on`);
    return EXIT.interrupted;
  }
  const drift = await listDrift(deps.db.reads, id, SHOWN_DRIFT + 1, null);
  const shown = drift.slice(0, SHOWN_DRIFT);
  const [report, open] = await Promise.all([reportRun(deps.db, run), openEverywhere(deps.db.reads)]);
  const still_open = [...open].map(([run_id, of]) => ({ run_id, ...of }));
  await result(cli, flags.json, { ...report, drift: shown.map(driftView), still_open }, () =>
    [runText(report, shown, drift.length > shown.length, cli.io.paintOut), openText(open)].filter((t) => t !== null).join('\n\n'),
  );
  return exitOfRun(run, [...open.values()]);
}

/**
 * Returns the exit code: 0 when nothing is open, 2 when drift of this run or an earlier one is open, 1 when the run failed, was
 * incomplete or could not file a repair.
 */
export function exitOfRun(run: Pick<Run, 'status' | 'counts' | 'error'>, open: readonly OpenDrift[]): number {
  if (run.status !== 'completed' || run.counts === null || run.error !== null) return EXIT.failed;
  return open.some(isOpen) ? EXIT.drift : EXIT.ok;
}

/** Waits for the end of the run and shows how far it is. Returns `null` when the wait was interrupted. */
async function waitForRun(cli: Cli, deps: ProducerDeps, id: string): Promise<Run | null> {
  const interrupt = cli.io.interrupt();
  const display = await createDisplay(cli.io);
  const started = Date.now();
  let said = false;
  let most = 0;
  try {
    while (!interrupt.signal.aborted) {
      const run = await findRun(deps.db.reads, id);
      if (run !== null && run.finishedAt !== null) return run;
      if (!said && Date.now() - started >= ALONE_MS && !(await workerLives(deps.db))) {
        display.note(NO_WORKER);
        said = true;
      }
      if (run !== null && Date.now() - started >= SILENT_MS) {
        const { read, known } = await progressOfRun(deps.db.reads, id);
        most = Math.max(most, read);
        // What was read is deleted after the comparison, before the run ends.
        display.show({ done: most, total: Math.max(known, most), state: stateOf(run, read, most), more: '' });
      }
      await sleep(POLL_MS, undefined, { signal: interrupt.signal }).catch(() => undefined);
    }
    return null;
  } finally {
    display.done();
    interrupt.done();
  }
}

function stateOf(run: Run, read: number, most: number): string {
  if (run.status === 'queued') return 'queued';
  return most > 0 && read === 0 ? 'comparing' : 'reading the account';
}
