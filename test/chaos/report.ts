import { cpus } from 'node:os';
import type postgres from 'postgres';
import type { LedgerSummary } from '../../src/simulator/index.ts';
import type { FaultName, Step } from './plan.ts';

/** A step that was taken. */
export interface Struck {
  step: Step;
  endedAt: Date;
}

export interface Totals {
  seed: number;
  small: boolean;
  minutes: number;
  workers: number;
  restarts: number;
  filed: { buys: number; updates: number };
  summary: LedgerSummary;
  drainSeconds: number;
}

/** Milliseconds from the end of each fault to the next chunk that Telnyx took or that was settled. */
export async function recoveries(sql: postgres.Sql, struck: readonly Pick<Struck, 'endedAt'>[]): Promise<(number | null)[]> {
  const found: (number | null)[] = [];
  for (const { endedAt } of struck) {
    const [row] = await sql<{ at: Date | null }[]>`
      select min(at) as at from events
      where subject = 'chunk' and to_state in ('submitted', 'settled') and at > ${endedAt}`;
    found.push(row?.at == null ? null : row.at.getTime() - endedAt.getTime());
  }
  return found;
}

/** How often chunks went through the moves that recovery is made of. */
export async function movesOf(sql: postgres.Sql): Promise<[cause: string, times: number][]> {
  const rows = await sql<{ cause: string; n: number }[]>`
    select cause, count(*)::int as n from events
    where subject = 'chunk' and cause in ('lease_expired', 'reply_lost', 'found', 'not_sent', 'maybe_ours_already', 'owned_without_order',
      'surely_gone', 'contradiction', 'refused_split', 'try_later') group by 1 order by 2 desc`;
  return rows.map((r) => [r.cause, r.n]);
}

export function reportText(
  totals: Totals,
  struck: readonly Struck[],
  recovered: readonly (number | null)[],
  moves: readonly [string, number][],
  problems: readonly string[],
): string {
  const names = [...new Set(struck.map((s) => s.step.fault))].sort();
  const rows = names.map((name) => rowOf(name, struck, recovered));
  const { summary, filed } = totals;
  return [
    `# Chaos run${totals.small ? ' (small)' : ''}, seed ${totals.seed}`,
    '',
    `${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}, ${cpus().length} cores, ${totals.workers} workers, ${totals.minutes.toFixed(1)} minutes.`,
    '',
    '| fault | how often | lasted | back to work after: median | worst |',
    '|---|---:|---:|---:|---:|',
    ...rows,
    '',
    '| total | |',
    '|---|---:|',
    `| requests | ${filed.buys} buys, ${filed.updates} updates |`,
    `| numbers bought, all asked for | ${summary.bought} |`,
    `| numbers changed at Telnyx | ${summary.changed} |`,
    `| numbers released | ${summary.released} |`,
    `| orders, batch jobs | ${summary.orders}, ${summary.jobs} |`,
    `| most jobs open at once | ${summary.max_open_jobs} |`,
    `| calls to Telnyx | ${summary.calls.total} |`,
    `| workers replaced | ${totals.restarts} |`,
    `| from the last fault to the end of all requests | ${totals.drainSeconds.toFixed(1)} s |`,
    ...moves.map(([cause, n]) => `| chunk moves: ${cause} | ${n} |`),
    '',
    problems.length === 0
      ? 'Ledger = database = asked: nothing bought twice, lost, or released, and no request hangs.'
      : ['VIOLATIONS:', ...problems.map((p) => `- ${p}`)].join('\n'),
    '',
  ].join('\n');
}

function rowOf(name: FaultName, struck: readonly Struck[], recovered: readonly (number | null)[]): string {
  const mine = struck.flatMap((s, i) => (s.step.fault === name ? [{ s, ms: recovered[i] ?? null }] : []));
  const times = mine.flatMap(({ ms }) => (ms === null ? [] : [ms])).sort((a, b) => a - b);
  const lasted = mine[0]?.s.step.forMs ?? 0;
  const seconds = (ms: number | undefined): string => (ms === undefined ? '-' : `${(ms / 1_000).toFixed(1)} s`);
  const half = times[Math.floor(times.length / 2)];
  return `| ${name} | ${mine.length} | ${lasted === 0 ? 'at once' : seconds(lasted)} | ${seconds(half)} | ${seconds(times.at(-1))} |`;
}
