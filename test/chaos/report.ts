import { cpus } from 'node:os';
import type postgres from 'postgres';
import type { LedgerSummary } from '../../src/simulator/index.ts';
import type { Filed } from './load.ts';
import { allMovedMs, firstProgressMs, workTimes } from './recovery.ts';
import { IN_ANOTHER, type Struck } from './rounds.ts';

export interface Totals {
  command: string;
  seed: number;
  minutes: number;
  workers: number;
  kills: number;
  killsAsked: number;
  restarts: number;
  filed: Filed;
  summary: LedgerSummary;
  drainSeconds: number;
}

/** How often chunks went through the moves that recovery is made of. */
export async function movesOf(sql: postgres.Sql): Promise<[cause: string, times: number][]> {
  const rows = await sql<{ cause: string; n: number }[]>`
    select case when cause = 'try_later' then 'try_later, ' || coalesce(detail->>'code', '') else cause end as cause,
      count(*)::int as n from events
    where subject = 'chunk' and cause in ('lease_expired', 'reply_lost', 'found', 'not_sent', 'maybe_ours_already',
      'owned_without_order', 'surely_gone', 'contradiction', 'refused_split', 'try_later') group by 1 order by 2 desc`;
  return rows.map((r) => [r.cause, r.n]);
}

/** Calls that were refused at the connection, so that surely nothing was sent. */
export const SENT_AGAIN = 'try_later, not_sent';

export function reportText(
  totals: Totals,
  struck: readonly Struck[],
  moves: readonly [string, number][],
  problems: readonly string[],
): string {
  const names = [...new Set(struck.map((s) => s.fault))].sort();
  const { summary, filed } = totals;
  return [
    `# ${totals.command}`,
    '',
    `Seed ${totals.seed}, ${new Date().toISOString().slice(0, 10)}, Node.js ${process.versions.node}, ${cpus().length} cores, ${totals.workers} workers, ${totals.minutes.toFixed(1)} minutes, ${totals.kills} kills done of ${totals.killsAsked}.`,
    '',
    '| fault | times | lasted | work struck | first progress: median | worst | all struck work moved on: median | worst |',
    '|---|---:|---:|---:|---:|---:|---:|---:|',
    ...names.map((name) => rowOf(name, struck)),
    '',
    'The clock starts at the blow to a worker, and when what was away is back. First progress: any chunk was taken or settled by',
    'Telnyx. Struck work: the chunks and lines that the worker held (an outage: all that were under way); a call has moved on when',
    'its outcome is known, other work when somebody went on with it. After an outage also: a chunk was settled, and no work has been',
    'due for more than 10 s, but for what earlier blows still held back. Work that was struck again while it waited counts from its',
    `first blow. The recovery from a ${IN_ANOTHER} is that of the other fault.`,
    '',
    '| what a blow to a worker struck | how often | moved on after: median | worst |',
    '|---|---:|---:|---:|',
    ...worksOf(struck),
    '',
    '| total | |',
    '|---|---:|',
    `| kills -9 | ${totals.kills} |`,
    `| requests | ${filed.buys} buys, ${filed.updates} updates, ${filed.deletes} deletes |`,
    `| numbers bought, asked for | ${summary.bought}, ${filed.asked} |`,
    `| numbers changed at Telnyx | ${summary.changed} |`,
    `| numbers released, named | ${summary.released}, ${filed.named.length} |`,
    `| orders, batch jobs | ${summary.orders}, ${summary.jobs} |`,
    `| most jobs open at once | ${summary.max_open_jobs} |`,
    `| calls to Telnyx | ${summary.calls.total} |`,
    `| workers replaced | ${totals.restarts} |`,
    `| from the last fault to the end of all requests | ${totals.drainSeconds.toFixed(1)} s |`,
    ...moves.map(([cause, n]) => `| chunk moves: ${cause} | ${n} |`),
    '',
    problems.length === 0
      ? 'Ledger = database = asked: every number of every request succeeded, nothing was bought twice, lost or released wrongly, and no request hangs.'
      : ['VIOLATIONS:', ...problems.map((p) => `- ${p}`)].join('\n'),
    '',
  ].join('\n');
}

function rowOf(name: string, struck: readonly Struck[]): string {
  const mine = struck.filter((s) => s.fault === name);
  const known = mine.flatMap((s) => s.recovery ?? []);
  const lasted = mine[0]?.forMs ?? 0;
  const works = known.reduce((sum, r) => sum + r.works.length, 0);
  const cells = [
    name,
    mine.length,
    lasted === 0 ? 'at once' : seconds(lasted),
    known.length === 0 ? '-' : works,
    ...middleAndWorst(known.flatMap((r) => firstProgressMs(r) ?? [])),
    ...middleAndWorst(known.flatMap((r) => allMovedMs(r) ?? [])),
  ];
  return `| ${cells.join(' | ')} |`;
}

/** How long recovery from blows to workers takes, by the state of the chunk that was struck. */
function worksOf(struck: readonly Struck[]): string[] {
  const all = struck.flatMap(({ recovery }) => (recovery === null || recovery.outage ? [] : workTimes(recovery)));
  return [...new Set(all.map(({ state }) => state))].sort().map((state) => {
    const times = all.filter((one) => one.state === state).map(({ ms }) => ms);
    const what = state === 'line' ? 'a line being filled' : `a chunk that was ${state}`;
    return `| ${[what, times.length, ...middleAndWorst(times)].join(' | ')} |`;
  });
}

function middleAndWorst(times: readonly number[]): [string, string] {
  const sorted = [...times].sort((a, b) => a - b);
  return [seconds(sorted[Math.floor((sorted.length - 1) / 2)]), seconds(sorted.at(-1))];
}

const seconds = (ms: number | undefined): string => (ms === undefined ? '-' : `${(ms / 1_000).toFixed(1)} s`);
