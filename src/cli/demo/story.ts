import { setTimeout as sleep } from 'node:timers/promises';
import { streamInventory } from '../../db/queries/inventory.ts';
import { findRun } from '../../db/queries/runs.ts';
import type { Run } from '../../db/runs.ts';
import { countSightings } from '../../db/sightings.ts';
import { startRun } from '../../producers/actions/start-run.ts';
import type { NumberRow } from '../../producers/intake/stage-numbers.ts';
import { submitRequest } from '../../producers/intake/submit.ts';
import type { RequestView } from '../../producers/read/views.ts';
import { waitForEnd } from '../../producers/read/wait.ts';
import { SIMULATED_ACCOUNT } from '../../simulator/index.ts';
import { count, plural } from '../output.ts';
import { settledOf, tally } from '../progress.ts';
import type { Board, StepBar } from './board.ts';
import { OWNED_AT_START, type Stage } from './stage.ts';

/** The quantities of each step. */
export const ASKED = { owned: OWNED_AT_START, buy: 500, update: 2_500, delete: 300 } as const;
const [CONNECTION, OTHER_CONNECTION] = SIMULATED_ACCOUNT.connectionIds;
export const BOUGHT_SETTINGS = {
  connection_id: CONNECTION,
  messaging_profile_id: SIMULATED_ACCOUNT.messagingProfileIds[0],
  tags: ['launch'],
};
export const UPDATE_SETTINGS = { connection_id: OTHER_CONNECTION, add_tags: ['spring'] };

const BUY = {
  kind: 'buy',
  label: 'Demo launch',
  lines: [
    ['312', 150],
    ['773', 100],
    ['646', 100],
    ['512', 60],
    ['214', 50],
    ['305', 40],
  ].map(([code, quantity]) => ({ national_destination_code: code, quantity, features: ['sms', 'voice'] })),
  assign: BOUGHT_SETTINGS,
  max_upfront_cost: '1500.00',
  max_monthly_cost: '1500.00',
};

const POLL_MS = 200;
const STEP_MS = 300_000;

export interface StepReport {
  title: string;
  numbers: number;
  ms: number;
  calls: number;
}

/** What the story did, for the proof. */
export interface Told {
  first: Run;
  buy: RequestView;
  update: RequestView;
  delete: RequestView;
  second: Run;
  /** The numbers of the two lists. */
  updated: string[];
  deleted: string[];
  steps: StepReport[];
}

/** Plays the five steps, one after the other, through the producers, as an embedding application would. */
export async function tell(stage: Stage, board: Board, signal: AbortSignal): Promise<Told> {
  const afterwards = ASKED.owned + ASKED.buy - ASKED.delete;
  const bars = {
    first: board.step('reconcile: learn what is owned', ASKED.owned),
    buy: board.step(`buy over ${BUY.lines.length} area codes`, ASKED.buy),
    update: board.step('update connection and tags', ASKED.update),
    delete: board.step('delete', ASKED.delete),
    second: board.step('reconcile again', afterwards),
  };
  const steps: StepReport[] = [];
  const play = async <T>(title: string, numbers: number, run: () => Promise<T>): Promise<T> => {
    const [from, before] = [Date.now(), stage.simulator.ledger().calls.total];
    const value = await run();
    steps.push({ title, numbers, ms: Date.now() - from, calls: stage.simulator.ledger().calls.total - before });
    return value;
  };
  const first = await play('reconcile', ASKED.owned, () => reconcile(stage, bars.first, signal));
  const buy = await play('buy', ASKED.buy, () => carryOut(stage, bars.buy, signal, BUY));
  const { updated, deleted } = await chooseNumbers(stage, buy.id);
  const update = await play('update', updated.length, () =>
    carryOut(stage, bars.update, signal, { kind: 'update', label: 'Demo move', set: UPDATE_SETTINGS }, updated),
  );
  const release = await play('delete', deleted.length, () =>
    carryOut(stage, bars.delete, signal, { kind: 'delete', label: 'Demo clean-up', expected_count: ASKED.delete }, deleted),
  );
  const second = await play('reconcile again', afterwards, () => reconcile(stage, bars.second, signal));
  return { first, buy, update, delete: release, second, updated, deleted, steps };
}

/** Chooses every other number that was owned at the start for the update, and some of the rest for the delete. */
async function chooseNumbers(stage: Stage, boughtBy: string): Promise<{ updated: string[]; deleted: string[] }> {
  const { reads } = stage.deps.db;
  const bought = new Set<string>();
  for await (const number of streamInventory(reads, { bought_by: boughtBy })) bought.add(number);
  const old: string[] = [];
  for await (const number of streamInventory(reads, {})) if (!bought.has(number)) old.push(number);
  const others = old.filter((_number, i) => i % 2 === 1);
  const stride = Math.max(1, Math.floor(others.length / ASKED.delete));
  return {
    updated: old.filter((_number, i) => i % 2 === 0).slice(0, ASKED.update),
    deleted: others.filter((_number, i) => i % stride === 0).slice(0, ASKED.delete),
  };
}

async function carryOut(stage: Stage, bar: StepBar, signal: AbortSignal, body: object, numbers?: string[]): Promise<RequestView> {
  bar.start();
  const { request } = await submitRequest(stage.deps, body, numbers === undefined ? {} : { numbers: rows(numbers) });
  const seen = (now: RequestView): void => bar.show(settledOf(now), figures(now));
  const last = await waitForEnd(stage.deps.db, request.id, { everyMs: POLL_MS, timeoutMs: STEP_MS, seen, signal });
  const ok = last?.status === 'succeeded';
  if (last === null) throw new Error(`request ${request.id} is gone`);
  bar.end(ok, ok ? '' : `${last.status}: ${figures(last)}`);
  return last;
}

async function* rows(numbers: readonly string[]): AsyncGenerator<NumberRow> {
  for (const [i, number] of numbers.entries()) yield { number, at: `row ${i + 1}` };
}

function figures({ counts }: RequestView): string {
  const { in_flight, failed, skipped, cancelled } = counts;
  return tally([
    [in_flight, 'in flight'],
    [failed, 'failed'],
    [skipped, 'skipped'],
    [cancelled, 'cancelled'],
  ]);
}

async function reconcile(stage: Stage, bar: StepBar, signal: AbortSignal): Promise<Run> {
  const { sql, reads } = stage.deps.db;
  bar.start();
  const { id } = await startRun(stage.deps, 'manual', false);
  const run = await polled(signal, async () => {
    const now = await findRun(reads, id);
    if (now === null || now.finishedAt !== null) return now;
    bar.show(await countSightings(sql, id), '');
    return null;
  });
  const last = run ?? (await findRun(reads, id));
  if (last === null) throw new Error(`run ${id} is gone`);
  bar.end(last.status === 'completed', runFigures(last));
  return last;
}

function runFigures(run: Run): string {
  if (run.status !== 'completed' || run.counts === null) return `${run.status}${run.error === null ? '' : `: ${run.error}`}`;
  const { adopted, missing, changed, healed, surplus } = run.counts;
  if (adopted + missing + changed + healed + surplus === 0) return 'no drift';
  const shown = Object.entries({ adopted, missing, changed, healed, surplus });
  return shown.flatMap(([word, n]) => (n > 0 ? [`${count(n)} ${word}`] : [])).join(', ');
}

/** Reads until there is something, or `null` when it takes too long. */
async function polled<T>(signal: AbortSignal, read: () => Promise<T | null>): Promise<T | null> {
  const until = Date.now() + STEP_MS;
  while (Date.now() < until) {
    signal.throwIfAborted();
    const found = await read();
    if (found !== null) return found;
    await sleep(POLL_MS, undefined, { signal });
  }
  return null;
}

/** The story in one line. */
export const PLOT = `${plural(ASKED.owned, 'number')} owned: buy ${count(ASKED.buy)}, update ${count(ASKED.update)}, delete ${count(ASKED.delete)}, and check every one.`;
