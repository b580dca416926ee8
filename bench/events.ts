import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { count, seconds, table } from '../src/cli/output.ts';
import { type Db, openDb, type Sql } from '../src/db/client.ts';
import { makeEventMonths } from '../src/db/event-months.ts';
import { insertNumberEvents, pruneSnoozes } from '../src/db/events.ts';
import { findStandstill } from '../src/db/health.ts';
import { historyOfNumber, historyOfRequest } from '../src/db/queries/events.ts';
import { after } from '../src/domain/clock.ts';
import { withClosers } from './support/closers.ts';
import { openServer } from './support/database.ts';
import { finding } from './support/findings.ts';
import { median } from './support/median.ts';

const HELP = `npm run bench:events [-- --small]

Whether a table of events of a thousand nights is slower than one of a week: 20,000,000 events over 33 months beside 200,000.

  --small   2,000,000 beside 20,000
`;
const DAY_MS = 24 * 3_600_000;
const NIGHTS = 1_000;
const PER_NIGHT = 20_000;
/** One event in so many says that a call had to wait. */
const WAITS = 50;
const REPEATS = 200;
const BATCHES = 40;
const BATCH = 1_000;
const PER_NUMBER = 20;
const PRUNES = 5;

const { values: flags } = parseArgs({ options: { small: { type: 'boolean' }, help: { type: 'boolean' } } });
if (flags.help === true) process.stderr.write(HELP);
else await main(flags.small === true ? PER_NIGHT / 10 : PER_NIGHT);

/** Milliseconds, but for the insert rate, which is in rows a second. */
interface Measured {
  rows: number;
  insertsPerSecond: number;
  numberHistory: number;
  requestHistory: number;
  lastEvent: number;
  prune: number;
  pruned: number;
  bytes: number;
}

async function main(perNight: number): Promise<void> {
  await withClosers(async (opened) => {
    const server = await openServer();
    opened(server.stop);
    const tables: Table[] = [];
    for (const nights of [NIGHTS / 100, NIGHTS]) {
      const begun = performance.now();
      const db = openDb(await server.database(), { maxConnections: 2 });
      opened(db.close);
      await makeEventMonths(db.sql, new Date());
      await splitFirst(db.sql, nights);
      await fill(db.sql, nights, perNight);
      process.stderr.write(`${count(nights * perNight)} events written in ${seconds(performance.now() - begun)}\n`);
      tables.push({ db, rows: nights * perNight, numbers: (nights * perNight) / PER_NUMBER });
    }
    report(await measure(tables));
  });
}

/**
 * A database that has run for that long has a partition for each month. A new one has `events_first` for all that is past, so it is
 * divided here.
 */
async function splitFirst(sql: Sql, nights: number): Promise<void> {
  const now = new Date();
  const month = (back: number) => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - back, 1));
  const back = Math.ceil(nights / 30);
  await sql`alter table events detach partition events_first`;
  await sql`drop table events_first`;
  for (let i = back; i >= 0; i -= 1) {
    const [from, to] = [i === back ? 'minvalue' : `'${month(i).toISOString()}'`, `'${month(i - 1).toISOString()}'`];
    await sql.unsafe(`create table events_back_${i} partition of events for values from (${from}) to (${to})`);
  }
}

/** Nights of updates: each chunk of 1,000 numbers has its moves, and each number one event with what changed. */
async function fill(sql: Sql, nights: number, perNight: number): Promise<void> {
  // Built at the end, which is faster.
  await sql`drop index events_subject`;
  for (let night = 0; night < nights; night += 10) {
    const many = Math.min(10, nights - night);
    await sql`
      insert into events (at, subject, subject_id, from_state, to_state, cause, request_id, chunk_id, detail)
      select ${after(new Date(), -(nights - night) * DAY_MS)}::timestamptz + (n / ${perNight}::int) * interval '1 day' + (n % 1000) * interval '1 ms',
        kind.subject, kind.id, 'owned', 'owned', kind.cause, 'req_' || (n / ${perNight}::int + ${night}::int), 'chk_' || (n / 1000 + ${night * perNight}::int / 1000),
        case when kind.subject = 'number' then jsonb_build_object('connection_id', jsonb_build_array('1293384261075731499', '1293384261075731500')) end
      from generate_series(0, ${many * perNight - 1}::int) n,
        lateral (select
          case when n % ${WAITS}::int < 3 then 'chunk' when n % ${perNight}::int = 10 then 'request' else 'number' end as subject,
          case when n % ${WAITS}::int < 3 then 'chk_' || (n / 1000 + ${night * perNight}::int / 1000)
            when n % ${perNight}::int = 10 then 'req_' || (n / ${perNight}::int + ${night}::int)
            else '+1312' || lpad(((n::bigint * 7919 + ${night}::int) % ${(nights * perNight) / PER_NUMBER}::int)::text, 7, '0') end as id,
          case when n % ${WAITS}::int = 0 then 'try_later' when n % ${WAITS}::int < 3 then 'claim' else 'update' end as cause) kind`;
  }
  await sql`create index events_subject on events (subject, subject_id, id)`;
  await sql`vacuum analyze events`;
}

/** What is done to both tables. Each is done in turns, so that other work on the machine slows both alike. */
interface Table {
  db: Db;
  rows: number;
  /** Numbers with twenty events each. */
  numbers: number;
}

function numberOf(n: number): string {
  return `+1312${String(n).padStart(7, '0')}`;
}

async function measure(tables: readonly Table[]): Promise<Measured[]> {
  const reads = async (ask: (t: Table, i: number) => Promise<unknown>) => inTurns(tables, REPEATS, ask);
  const numberHistory = await reads(({ db, numbers }, i) => historyOfNumber(db.reads, numberOf((i * 499) % numbers)));
  const requestHistory = await reads(({ db }, i) =>
    historyOfRequest(db.reads, `req_${i % (NIGHTS / 100)}`, ['submitted', 'ended'], 500, 0),
  );
  const lastEvent = await reads(({ db }) => findStandstill(db.sql, after(new Date(), -45_000)));
  const write = await inTurns(tables, BATCHES, ({ db, numbers }, i) =>
    insertNumberEvents(
      db.sql,
      Array.from({ length: BATCH }, (_, n) => numberOf((n * 97 + i * BATCH) % numbers)),
      { cause: 'update', at: new Date(), requestId: 'req_new', chunkId: `chk_new_${i}` },
      { from: 'owned', to: 'owned' },
    ),
  );
  // All that is too old at the first night of the new version goes once. What is measured are the nights after it.
  const first = await Promise.all(tables.map(({ db }) => oldest(db.sql)));
  for (const [i, { db }] of tables.entries()) await pruneSnoozes(db.sql, after(first[i] ?? new Date(), DAY_MS));
  let pruned = 0;
  const prune = await inTurns(tables, PRUNES, async ({ db }, i) => {
    const since = first[tables.findIndex((t) => t.db === db)] ?? new Date();
    pruned = await pruneSnoozes(db.sql, after(since, (2 + i) * DAY_MS));
  });
  return Promise.all(
    tables.map(async ({ db, rows }, i) => {
      const at = (times: readonly number[]) => times[i] ?? Number.NaN;
      const insertsPerSecond = (BATCH * 1_000) / at(write);
      const times = {
        numberHistory: at(numberHistory),
        requestHistory: at(requestHistory),
        lastEvent: at(lastEvent),
        prune: at(prune),
      };
      return { rows, insertsPerSecond, ...times, pruned, bytes: await bytesOf(db.sql) };
    }),
  );
}

/** The median time of each table, in milliseconds. */
async function inTurns(
  tables: readonly Table[],
  times: number,
  ask: (t: Table, i: number) => Promise<unknown>,
): Promise<number[]> {
  const taken = tables.map((): number[] => []);
  for (let i = 0; i < times; i += 1)
    for (const [nth, t] of tables.entries()) {
      const begun = performance.now();
      await ask(t, i);
      taken[nth]?.push(performance.now() - begun);
    }
  return taken.map(median);
}

async function oldest(sql: Sql): Promise<Date> {
  const [row] = await sql<{ at: Date }[]>`select min(at) as at from events`;
  if (row === undefined) throw new Error('there are no events');
  return row.at;
}

async function bytesOf(sql: Sql): Promise<number> {
  const [size] = await sql<{ bytes: number }[]>`
    select sum(pg_total_relation_size(inhrelid))::float8 as bytes from pg_inherits where inhparent = 'events'::regclass`;
  return size?.bytes ?? 0;
}

function report(measured: readonly Measured[]): void {
  const [few, many] = measured;
  if (few === undefined || many === undefined) return;
  const right = (title: string) => ({ title, align: 'right' as const });
  const ms = (n: number) => `${n.toFixed(2)} ms`;
  const row = (title: string, show: (m: Measured) => string, of: (m: Measured) => number, invert = false) => [
    title,
    show(few),
    show(many),
    (invert ? of(few) / of(many) : of(many) / of(few)).toFixed(2),
  ];
  const rows = [
    row(
      'writing 1,000 events a statement',
      (m) => `${count(Math.round(m.insertsPerSecond))}/s`,
      (m) => m.insertsPerSecond,
      true,
    ),
    row(
      'history of one number',
      (m) => ms(m.numberHistory),
      (m) => m.numberHistory,
    ),
    row(
      'history of one request',
      (m) => ms(m.requestHistory),
      (m) => m.requestHistory,
    ),
    row(
      'the last event and what is overdue',
      (m) => ms(m.lastEvent),
      (m) => m.lastEvent,
    ),
    row(
      'nightly prune',
      (m) => `${ms(m.prune)} (${m.pruned})`,
      (m) => m.prune,
    ),
    row(
      'size with indexes',
      (m) => `${(m.bytes / 2 ** 20).toFixed(0)} MB`,
      (m) => m.bytes,
    ),
  ];
  process.stdout.write(`${table(['events', right(count(few.rows)), right(count(many.rows)), right('time ratio')], rows)}\n`);
  const worst = Math.max(...rows.slice(0, 4).map((cells) => Number(cells[3])));
  finding({
    question: 'a thousand nights of events beside ten: slowest read or write',
    figure: `${worst.toFixed(2)} x`,
    goal: 'near 1',
    floor: `${count(few.rows)} events`,
  });
}
