import { pipeline } from 'node:stream/promises';
import { isOpen, listDrift, type OpenDrift } from '../../db/queries/drift.ts';
import { listRuns } from '../../db/queries/runs.ts';
import { invalid, notFound } from '../../domain/errors.ts';
import type { DriftChoice } from '../../producers/actions/choose-drift.ts';
import type { ProducerDeps } from '../../producers/deps.ts';
import { CSV } from '../../producers/read/csv.ts';
import { acceptAnswer, type RepairAnswer, repairAnswer } from '../../producers/read/drift-answers.ts';
import { DRIFT_COLUMNS, type RunReport, readRun, reportRuns, streamRunDrift } from '../../producers/read/read.ts';
import { driftView } from '../../producers/read/views.ts';
import { actor, type Cli, note, result, withProducer } from '../cli.ts';
import { confirm, requireConsent } from '../confirm.ts';
import { EXIT } from '../exit-table.ts';
import { wholeNumber } from '../flag-values.ts';
import { acceptText, repairText, runsText, runText } from '../run-text.ts';
import { SHOWN_DRIFT } from './reconcile.ts';

/** The flags of `run`. */
export interface RunFlags {
  csv?: boolean;
  json?: boolean;
}

/** The flags of `repair` and `accept`. */
export interface SettleFlags {
  only: string[];
  numbers?: string;
  column?: string;
  country?: string;
  yes?: boolean;
  json?: boolean;
}

const REPAIRS = (open: OpenDrift): string =>
  `This files update requests that restore fields changed elsewhere; ${open.changed} fields are open in this run.`;
const ACCEPTS = (open: OpenDrift): string =>
  `This takes over what the account shows: ${open.changed} changed fields, ${open.missing} missing numbers and ${open.surplus} surplus numbers are open in this run.`;

/** Files update requests that restore our values. Returns the exit code. */
export async function settleByRepair(cli: Cli, id: string, flags: SettleFlags): Promise<number> {
  return settle(cli, id, flags, REPAIRS, (deps, choice) => repair(cli, deps, id, choice, flags.json));
}

/** Takes over what the account shows. Returns the exit code. */
export async function settleByAccept(cli: Cli, id: string, flags: SettleFlags): Promise<number> {
  return settle(cli, id, flags, ACCEPTS, (deps, choice) => accept(cli, deps, id, choice, flags.json));
}

/** Lists reconciliation runs, newest first, with their open drift. */
export async function showRuns(cli: Cli, flags: { limit: string; json?: boolean }): Promise<void> {
  const limit = wholeNumber(flags.limit, '--limit', 500);
  const runs = await withProducer(cli, async (deps) => reportRuns(deps.db, await listRuns(deps.db.reads, limit, null)));
  await result(cli, flags.json, { data: runs }, () => runsText(runs, cli.io.paintOut));
}

/** Shows one reconciliation run with its drift. */
export async function showRun(cli: Cli, id: string, flags: RunFlags): Promise<void> {
  if (flags.csv === true && flags.json === true) throw invalid([{ path: '--csv', message: 'cannot be combined with --json' }]);
  await withProducer(cli, async (deps) => {
    const run = await mustFind(deps, id);
    if (flags.csv === true) {
      const { stringify } = await import('csv-stringify');
      const csv = stringify({ ...CSV, columns: [...DRIFT_COLUMNS] });
      await pipeline(streamRunDrift(deps.db, id), csv, cli.io.stdout, { end: false });
      return;
    }
    const drift = await listDrift(deps.db.reads, id, SHOWN_DRIFT + 1, null);
    const shown = drift.slice(0, SHOWN_DRIFT);
    await result(cli, flags.json, { ...run, drift: shown.map(driftView) }, () =>
      runText(run, shown, drift.length > shown.length, cli.io.paintOut),
    );
  });
}

async function mustFind(deps: ProducerDeps, id: string): Promise<RunReport> {
  const run = await readRun(deps.db, id);
  if (run === null) throw notFound(`there is no reconciliation ${id}`);
  return run;
}

async function settle(
  cli: Cli,
  id: string,
  flags: SettleFlags,
  summary: (open: OpenDrift) => string,
  act: (deps: ProducerDeps, choice: DriftChoice) => Promise<number>,
): Promise<number> {
  const { listOf, tellingNumbers } = await import('../numbers-file.ts');
  const list = listOf(flags, 'update');
  requireConsent(cli.io, flags.yes, flags.numbers === '-');
  return withProducer(cli, async (deps) => {
    const run = await mustFind(deps, id);
    await confirm(cli.io, flags.yes, async () => summary(run.open));
    const numbers = list === null ? undefined : tellingNumbers(list, cli.io.stdin, (text) => note(cli, text));
    return act(deps, { only: flags.only, ...(numbers !== undefined && { numbers }) });
  });
}

async function repair(cli: Cli, deps: ProducerDeps, id: string, choice: DriftChoice, json: boolean | undefined): Promise<number> {
  const { repairRun } = await import('../../producers/actions/repair-run.ts');
  const answer = await repairAnswer(deps.db, id, await repairRun(deps, id, { ...choice, actor: actor() }));
  await result(cli, json, answer, () => repairText(answer));
  return exitOfRepair(answer);
}

/**
 * Returns the exit code: 0 when every repair is filed, under way or not needed; 3 when some differences cannot be repaired; 1
 * when none could be repaired or a repair could not be filed.
 */
export function exitOfRepair(answer: Pick<RepairAnswer, 'requests' | 'under_way' | 'cannot_be_put_back' | 'failures'>): number {
  if (answer.failures.length > 0) return EXIT.failed;
  if (answer.cannot_be_put_back.length === 0) return EXIT.ok;
  return answer.requests.length + answer.under_way > 0 ? EXIT.partly : EXIT.failed;
}

async function accept(cli: Cli, deps: ProducerDeps, id: string, choice: DriftChoice, json: boolean | undefined): Promise<number> {
  const { acceptRun } = await import('../../producers/actions/accept-run.ts');
  const answer = await acceptAnswer(deps.db, id, await acceptRun(deps, id, choice, actor()));
  await result(cli, json, answer, () => acceptText(answer));
  if (answer.under_way === 0) return EXIT.ok;
  return isOpen(answer.accepted) ? EXIT.partly : EXIT.refused;
}
