import { setTimeout as sleep } from 'node:timers/promises';
import type postgres from 'postgres';

const CHECK_EVERY_MS = 250;
/** A reading may hang while the database is away. The next one starts all the same. */
const CHECK_WITHIN_MS = 5_000;
/** Open work that has been due for longer than this is neglected. */
const OVERDUE_MS = 10_000;

/** A chunk or a buy line that was under way when a fault struck. */
export interface Work {
  id: string;
  /** Of the chunk, at that moment; `line` for a line. */
  state: string;
  generation: number;
  movedAt: Date | null;
}

/** What came after one fault. */
export interface Recovery {
  /** When the clock starts: at the blow itself, or when what was away is back. */
  readonly from: Date;
  /** True when the fault struck every worker. Then all work must be normal again, not only the work of one worker. */
  readonly outage: boolean;
  /** What was struck. */
  readonly works: readonly Work[];
  /** The next time that Telnyx took a call of any chunk, or any chunk was settled. */
  firstAt: Date | null;
  /** The next time that any chunk was settled. */
  settledAt: Date | null;
  /** The first moment after that in which no work was overdue. */
  clearAt: Date | null;
}

export interface Recoveries {
  /** The open ones of these chunks and lines. */
  openOf(ids: string[]): Promise<Work[]>;
  /**
   * The same, and all else that is under way: sent, of unknown outcome, or being filled. Without what an earlier blow still holds
   * back, which is counted there.
   */
  underWay(ids: string[]): Promise<Work[]>;
  /** Follows work that was struck until all of it has moved on. */
  follow(works: readonly Work[], from: Date, outage: boolean): Recovery;
  /** Reads a last time and stops. */
  stop(): Promise<void>;
}

interface Row {
  id: string;
  state: string;
  generation: number;
  updatedAt: Date;
}

const FINAL: ReadonlySet<string> = new Set(['settled', 'cancelled']);
/** Nobody knows what became of the call. */
const UNKNOWN: ReadonlySet<string> = new Set(['submitting', 'ambiguous']);

export function followRecoveries(sql: postgres.Sql): Recoveries {
  const followed: Recovery[] = [];
  const check = async (): Promise<void> => {
    const open = followed.filter((r) => !isBack(r));
    if (open.length === 0) return;
    await findMoves(sql, open);
    const held = heldBack(followed);
    for (const recovery of open) await findProgress(sql, recovery, held);
  };
  let stopped = false;
  const loop = (async () => {
    while (!stopped) {
      // The database is away because of our own fault. The next reading finds what this one missed.
      await Promise.race([check(), sleep(CHECK_WITHIN_MS, undefined, { ref: false })]).catch(() => undefined);
      await sleep(CHECK_EVERY_MS);
    }
  })();
  return {
    openOf: (ids) => openOf(sql, ids),
    underWay: async (ids) => {
      const more = await sql<{ id: string }[]>`
        select id from chunks where state in ('submitting', 'submitted', 'ambiguous')
        union all select id from lines where lease_until > ${new Date()}`;
      const held = new Set(heldBack(followed));
      const all = [...new Set([...ids, ...more.map((row) => row.id)])];
      return openOf(
        sql,
        all.filter((id) => !held.has(id)),
      );
    },
    follow: (works, from, outage) => {
      const recovery = { from, outage, works, firstAt: null, settledAt: null, clearAt: null };
      followed.push(recovery);
      return recovery;
    },
    stop: async () => {
      stopped = true;
      await loop;
      await check();
    },
  };
}

/** True when all that was struck has moved on and, after an outage, work is normal. */
export function isBack(r: Recovery): boolean {
  const normal = !r.outage || (r.settledAt !== null && r.clearAt !== null);
  return r.firstAt !== null && normal && r.works.every((work) => work.movedAt !== null);
}

/** What blows have struck and has not moved on yet. */
const heldBack = (followed: readonly Recovery[]): string[] => [...new Set(followed.flatMap(leftBehind))];

async function openOf(sql: postgres.Sql, ids: string[]): Promise<Work[]> {
  const rows = await rowsOf(sql, ids);
  return rows.filter((row) => !FINAL.has(row.state)).map((row) => ({ ...row, movedAt: null }));
}

async function rowsOf(sql: postgres.Sql, ids: string[]): Promise<Row[]> {
  return sql<Row[]>`
    select id, state, generation, updated_at as "updatedAt" from chunks where id = any(${ids}::text[])
    union all
    select id, case when next_run_at is not null then 'line' else 'settled' end, 0, updated_at
    from lines where id = any(${ids}::text[])`;
}

async function findMoves(sql: postgres.Sql, open: readonly Recovery[]): Promise<void> {
  const ids = open.flatMap((r) => r.works.flatMap((work) => (work.movedAt === null ? [work.id] : [])));
  if (ids.length === 0) return;
  const rows = new Map((await rowsOf(sql, [...new Set(ids)])).map((row) => [row.id, row]));
  for (const { works, from } of open)
    for (const work of works) {
      const row = rows.get(work.id);
      if (work.movedAt === null && row !== undefined && hasMoved(work, row, from)) work.movedAt = row.updatedAt;
    }
}

/** A call of unknown outcome has moved on when its outcome is known; other work when somebody did something about it. */
function hasMoved(work: Work, row: Row, from: Date): boolean {
  if (FINAL.has(row.state)) return true;
  if (!UNKNOWN.has(work.state)) return row.updatedAt > from;
  // The move from `submitting` to `ambiguous` does not end the doubt yet.
  return !UNKNOWN.has(row.state) || row.generation > work.generation + (work.state === 'submitting' ? 1 : 0);
}

async function findProgress(sql: postgres.Sql, r: Recovery, held: string[]): Promise<void> {
  const [next] = await sql<{ taken: Date | null; settled: Date | null }[]>`
    select min(submitted_at) filter (where submitted_at > ${r.from}) as taken,
      min(settled_at) filter (where settled_at > ${r.from}) as settled
    from chunks`;
  r.settledAt ??= next?.settled ?? null;
  const both = [next?.taken, next?.settled].flatMap((at) => (at == null ? [] : [at.getTime()]));
  if (both.length > 0) r.firstAt ??= new Date(Math.min(...both));
  if (!r.outage || r.settledAt === null || r.clearAt !== null) return;
  const before = new Date(Date.now() - OVERDUE_MS);
  // Work that a kill holds back is counted with that kill.
  const overdue = await sql`
    select 1 from chunks
    where state in ('planned', 'submitting', 'submitted', 'ambiguous') and next_run_at < ${before} and id <> all(${held}::text[])
    union all
    select 1 from lines where next_run_at < ${before} and id <> all(${held}::text[]) limit 1`;
  if (overdue.length === 0) r.clearAt = new Date();
}

/** Milliseconds to the first progress of anybody; `null` when there was none. */
export function firstProgressMs(r: Recovery): number | null {
  return r.firstAt === null ? null : Math.max(0, r.firstAt.getTime() - r.from.getTime());
}

/** Milliseconds until all that was struck had moved on and, after an outage, work was normal; `null` when nothing was struck. */
export function allMovedMs(r: Recovery): number | null {
  const normal = r.outage ? [r.settledAt, r.clearAt] : [];
  const ends = [...r.works.map((work) => work.movedAt), ...normal].flatMap((at) => (at === null ? [] : [at.getTime()]));
  return ends.length === 0 ? null : Math.max(0, Math.max(...ends) - r.from.getTime());
}

/** The same for each piece of work that was struck. */
export function workTimes(r: Recovery): { state: string; ms: number }[] {
  return r.works.flatMap(({ state, movedAt }) =>
    movedAt === null ? [] : [{ state, ms: Math.max(0, movedAt.getTime() - r.from.getTime()) }],
  );
}

/** Work that was struck and has not moved on. */
export function leftBehind(r: Recovery): string[] {
  return r.works.flatMap((work) => (work.movedAt === null ? [work.id] : []));
}
