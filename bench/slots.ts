import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import postgres from 'postgres';
import { count, seconds, table } from '../src/cli/output.ts';
import { SIMULATED_ACCOUNT, type Simulator, startSimulator } from '../src/simulator/index.ts';
import { build, runCommand, startCommand, written } from './support/children.ts';
import { withClosers } from './support/closers.ts';
import { openServer, type Server } from './support/database.ts';
import { openRedis } from './support/redis.ts';
import { callsOf, familiesAt, KEY } from './support/stage.ts';

const HELP = `npm run bench:slots [-- --small] [-- --only P1]

How well are the job slots used? P1: an update at open rates against the least time that its batch jobs take. P1b: the same at the
default rates. P7: a launch of 200 numbers alone and beside a large update. Real commands on Redis; needs REDIS_URL, or a
redis-server or valkey-server on the PATH. --small: fewer numbers in a batch job, and batch jobs that take less time.
`;

const SLOTS = 15;
const OPEN = Object.fromEntries(
  ['search', 'orders', 'jobs', 'reads', 'messaging', 'ownership', 'numbers'].map((family) => [family, 1e6]),
);
const LAUNCH = 200;
const [CONNECTION, OTHER_CONNECTION] = SIMULATED_ACCOUNT.connectionIds;

interface Size {
  batch: number;
  chunks: number;
  fewChunks: number;
  jobMs: number;
  orderMs: number;
}
const FULL: Size = { batch: 1_000, chunks: 100, fewChunks: 20, jobMs: 5_000, orderMs: 3_000 };
const SMALL: Size = { batch: 100, chunks: 75, fewChunks: 20, jobMs: 3_000, orderMs: 1_000 };

const { values: flags } = parseArgs({
  options: { small: { type: 'boolean' }, only: { type: 'string' }, help: { type: 'boolean' } },
});
if (flags.help === true) process.stderr.write(HELP);
else await main(flags.small === true ? SMALL : FULL);

interface Stage {
  simulator: Simulator;
  /** For commands that only submit. */
  env: Readonly<Record<string, string>>;
  sql: postgres.Sql;
  folder: string;
}

interface Row {
  question: string;
  what: string;
  ms: number;
  floor: string;
  floorMs: number;
  goal: string;
  calls: string;
}

async function main(size: Size): Promise<void> {
  const rows: Row[] = [];
  await withClosers(async (opened) => {
    build();
    const server = await openServer();
    opened(server.stop);
    const redis = await openRedis();
    opened(redis.stop);
    const wanted = (name: string): boolean => (flags.only ?? name) === name;
    if (wanted('P1')) rows.push(await update(server, redis.url, size, 'P1'));
    if (wanted('P1b')) rows.push(await update(server, redis.url, size, 'P1b'));
    if (wanted('P7')) rows.push(...(await launches(server, redis.url, size)));
  });
  const right = (title: string) => ({ title, align: 'right' as const });
  const columns = ['', 'what', right('time'), 'against', right('that takes'), right('ratio'), right('goal'), 'calls to Telnyx'];
  const cells = rows.map((r) => [
    r.question,
    r.what,
    seconds(r.ms),
    r.floor,
    seconds(r.floorMs),
    (r.ms / r.floorMs).toFixed(2),
    r.goal,
    r.calls,
  ]);
  process.stdout.write(`${table(columns, cells)}\n`);
}

/** A worker process, the simulator in this process, and an account of its own. */
async function onStage<T>(
  server: Server,
  redisUrl: string,
  size: Size,
  options: { owned: number; rates: string | null },
  work: (stage: Stage) => Promise<T>,
): Promise<T> {
  return withClosers(async (opened) => {
    const simulator = await startSimulator({
      apiKey: KEY,
      numbers: options.owned + 5_000,
      owned: options.owned,
      balance: '10000000.00',
      jobPendingMs: size.jobMs,
      jobPerNumberMs: 0,
      orderMs: size.orderMs,
      visibilityLagMs: { ownership: 0, orders: 0, inventory: 0, deletions: 0 },
      rates: OPEN,
    });
    opened(() => simulator.stop());
    const databaseUrl = await server.database();
    const folder = await mkdtemp(join(tmpdir(), 'provisioner-bench-'));
    opened(() => rm(folder, { recursive: true, force: true }));
    const env = { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, PROVISIONER_BATCH_SIZE: String(size.batch) };
    const rates = options.rates === null ? {} : { PROVISIONER_RATE_LIMITS: options.rates };
    const telnyx = { TELNYX_BASE_URL: simulator.url, TELNYX_API_KEY: KEY, PROVISIONER_JOB_SLOTS: String(SLOTS) };
    const worker = startCommand(['worker'], { ...env, ...rates, ...telnyx, LOG_LEVEL: 'info' }, workerFlags());
    opened(worker.stop);
    await written(worker, /"msg":"working"/);
    const sql = postgres(databaseUrl, { max: 1, onnotice: () => undefined });
    opened(() => sql.end({ timeout: 5 }));
    return work({ simulator, env, sql, folder });
  });
}

/** `BENCH_CPU_PROF=folder` writes a CPU profile of each worker there. */
function workerFlags(): string[] {
  const folder = process.env['BENCH_CPU_PROF'];
  return folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`];
}

async function csvOf(stage: Stage, numbers: readonly string[]): Promise<string> {
  const file = join(stage.folder, 'numbers.csv');
  const lines = ['phone_number\n', ...numbers.map((n) => `${n}\n`)];
  await pipeline(Readable.from(lines), createWriteStream(file));
  return file;
}

/** Files an update by the real command. Returns when the command has ended. */
async function fileUpdate(stage: Stage, connection: string): Promise<void> {
  const file = await csvOf(stage, stage.simulator.ownedNumbers());
  await runCommand(['update', '--numbers', file, '--set', `connection_id=${connection}`, '--yes', '--json'], stage.env);
}

async function untilEnded(stage: Stage, kind: 'buy' | 'update', many: number): Promise<void> {
  for (;;) {
    const rows = await stage.sql<{ status: string }[]>`
      select status from requests where kind = ${kind} and finished_at is not null`;
    if (rows.length >= many) {
      if (rows.some(({ status }) => status !== 'succeeded')) throw new Error(`a request is ${rows.map((r) => r.status).join()}`);
      return;
    }
    await sleep(20);
  }
}

/** P1 and P1b: from the start of the command that files the update until its last number has ended. */
async function update(server: Server, redisUrl: string, size: Size, question: 'P1' | 'P1b'): Promise<Row> {
  const chunks = question === 'P1' ? size.chunks : size.fewChunks;
  const owned = chunks * size.batch;
  const rates = question === 'P1' ? familiesAt(1_000) : null;
  return onStage(server, redisUrl, size, { owned, rates }, async (stage) => {
    const begun = Date.now();
    await fileUpdate(stage, CONNECTION ?? '');
    const filed = Date.now() - begun;
    await untilEnded(stage, 'update', 1);
    const ms = Date.now() - begun;
    const floorMs = Math.ceil(chunks / SLOTS) * size.jobMs;
    const use = Math.round((100 * chunks * size.jobMs) / (SLOTS * (ms - filed)));
    process.stderr.write(`${await whereSlotsWait(stage, size)}\n`);
    process.stderr.write(`${question}: ${seconds(ms)}; accepting took ${seconds(filed)}; slots in use ${use} % after it\n`);
    return {
      question,
      what: `update of ${count(owned)}, ${question === 'P1' ? 'open' : 'default'} rates`,
      ms,
      floor: `${Math.ceil(chunks / SLOTS)} rounds of ${seconds(size.jobMs)}`,
      floorMs,
      goal: question === 'P1' ? '1.10' : '1.30',
      calls: callsText(stage.simulator),
    };
  });
}

/** Where the slots lose time: medians and 90th percentiles in milliseconds, from the rows of all chunks. */
async function whereSlotsWait({ sql }: Stage, { jobMs }: Size): Promise<string> {
  const [row] = await sql<Record<string, number>[]>`
    with c as (
      select submitting_at as sent, submitted_at as accepted, settled_at as settled,
        row_number() over (order by submitting_at) as nth
      from chunks where submitted_at is not null
    ), s as (
      select extract(epoch from c.accepted - c.sent) * 1000 as send,
        extract(epoch from c.settled - c.accepted) * 1000 - ${jobMs} as notice_and_settle,
        extract(epoch from c.sent - f.settled) * 1000 as take
      from c left join (select settled, row_number() over (order by settled) + ${SLOTS} as nth from c) f using (nth)
    )
    select percentile_disc(0.5) within group (order by send) as send, percentile_disc(0.9) within group (order by send) as send90,
      percentile_disc(0.5) within group (order by notice_and_settle) as noticed,
      percentile_disc(0.9) within group (order by notice_and_settle) as noticed90,
      percentile_disc(0.5) within group (order by take) as taken, percentile_disc(0.9) within group (order by take) as taken90
    from s`;
  const shown = (name: string): string => `${Math.round(Number(row?.[name]))} (90 %: ${Math.round(Number(row?.[`${name}90`]))})`;
  return `ms a slot: claim to accepted ${shown('send')}, Telnyx's end to settled ${shown('noticed')}, settled to the next claim ${shown('taken')}`;
}

/** P7: a launch (a buy with tags) alone, then beside an update that occupies all slots. Both at the default rates. */
async function launches(server: Server, redisUrl: string, size: Size): Promise<Row[]> {
  const owned = size.chunks * size.batch;
  return onStage(server, redisUrl, size, { owned, rates: null }, async (stage) => {
    const alone = await launch(stage, '312', 1);
    const calls = callsText(stage.simulator);
    await fileUpdate(stage, OTHER_CONNECTION ?? '');
    while ((await openChunks(stage)) < SLOTS) await sleep(20);
    await sleep(1.5 * size.jobMs);
    const beside = await launch(stage, '773', 2);
    const telnyxMs = size.orderMs + size.jobMs + 500;
    process.stderr.write(`P7: ${seconds(alone)} alone, ${seconds(beside)} beside an update\n`);
    const what = `launch of ${LAUNCH} with tags, default rates`;
    const sum = 'order, batch job, second order at 2/s';
    return [
      { question: 'P7', what: `${what}, alone`, ms: alone, floor: sum, floorMs: telnyxMs, goal: '1.20', calls },
      {
        question: 'P7',
        what: `${what}, beside ${count(owned)}`,
        ms: beside,
        floor: 'alone',
        floorMs: alone,
        goal: '1.10',
        calls: '',
      },
    ];
  });
}

async function openChunks(stage: Stage): Promise<number> {
  const [row] = await stage.sql<{ n: number }[]>`select count(*)::int as n from chunks where state = 'submitted'`;
  return row?.n ?? 0;
}

async function launch(stage: Stage, ndc: string, which: number): Promise<number> {
  const begun = Date.now();
  await runCommand(['buy', '--ndc', `${ndc}=${LAUNCH}`, '--tag', 'launch', '--yes', '--json'], stage.env);
  await untilEnded(stage, 'buy', which);
  return Date.now() - begun;
}

function callsText(simulator: Simulator): string {
  return [...callsOf(simulator)].map(([endpoint, n]) => `${n} ${endpoint}`).join(', ');
}
