import { fork } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import postgres from 'postgres';
import { count, seconds, table } from '../src/cli/output.ts';
import { build, memoryOf, mib, runCommand, startCommand, written } from './support/children.ts';
import { withClosers } from './support/closers.ts';
import { cpuOf, cpuOfServer } from './support/cpu.ts';
import { openServer, type Server } from './support/database.ts';
import { finding } from './support/findings.ts';
import { PAGE_SIZE } from './support/pages.ts';
import { openRedis } from './support/redis.ts';
import { familiesAt, KEY } from './support/stage.ts';

const HELP = `npm run bench:reconcile [-- --small] [-- --numbers 100000,1000000]

Time of a reconciliation with open rates, against the floor: the same pages downloaded one after the other, and then the same rows
copied into a bare table. First all numbers are new, then nothing is. Needs Linux, and REDIS_URL or a redis-server on the PATH.
--profile writes a CPU profile of the worker into a folder.
`;
const PAGE_SERVER = join(dirname(fileURLToPath(import.meta.url)), 'support/page-server.ts');
/** The fields that a reconciliation keeps of each number. */
const KEPT = [
  'id',
  'phone_number',
  'status',
  'phone_number_type',
  'country_iso_alpha2',
  'connection_id',
  'messaging_profile_id',
  'billing_group_id',
  'customer_reference',
  'tags',
  'deletion_lock_enabled',
  'emergency_enabled',
  'emergency_status',
  'emergency_address_id',
  'external_pin',
  'hd_voice_enabled',
  'purchased_at',
] as const;

const { values: flags } = parseArgs({
  options: {
    numbers: { type: 'string' },
    small: { type: 'boolean' },
    profile: { type: 'string' },
    help: { type: 'boolean' },
  },
});
const sizes = (flags.numbers ?? (flags.small === true ? '10000' : '10000,100000,1000000')).split(',').map(Number);
if (flags.help === true) process.stderr.write(HELP);
else await main(sizes);

/** CPU time in milliseconds. */
interface Cpu {
  /** Of what downloads: the worker, or this process. */
  client: number;
  postgres: number;
  pageServer: number;
}

interface Run {
  /** From the row of the run: stored to finished. */
  ms: number;
  /** From the start of the command to its end. */
  commandMs: number;
  /** The largest resident memory of the worker so far, in bytes. */
  peak: number;
  cpu: Cpu;
}

interface Floor {
  pagesMs: number;
  copyMs: number;
  cpu: Cpu;
}

interface Result {
  numbers: number;
  floor: Floor;
  first: Run;
  again: Run;
}

/** Reads the CPU times so far. */
type Meter = () => Promise<Cpu>;

async function main(all: readonly number[]): Promise<void> {
  if (process.platform !== 'linux') throw new Error('the peaks are read from /proc, which only Linux has');
  build();
  await withClosers(async (opened) => {
    const server = await openServer();
    opened(server.stop);
    const redis = await openRedis();
    opened(redis.stop);
    for (const numbers of all) report(await measure(server, redis.url, numbers));
  });
}

async function measure(server: Server, redisUrl: string, numbers: number): Promise<Result> {
  return withClosers(async (opened) => {
    const pages = fork(PAGE_SERVER, [String(numbers)]);
    opened(async () => pages.disconnect());
    const [url] = (await once(pages, 'message')) as [string];
    const databaseUrl = await server.database();
    const floor = await floorOf(url, databaseUrl, numbers, pages.pid ?? 0);
    const env = {
      DATABASE_URL: databaseUrl,
      REDIS_URL: redisUrl,
      TELNYX_BASE_URL: url,
      TELNYX_API_KEY: KEY,
      PROVISIONER_RATE_LIMITS: familiesAt(1_000),
    };
    const profiling = flags.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${flags.profile}`];
    const worker = startCommand(['worker'], { ...env, LOG_LEVEL: 'info' }, profiling);
    opened(worker.stop);
    await written(worker, /"msg":"working"/);
    const meter = meterOf(databaseUrl, worker.child.pid ?? 0, pages.pid ?? 0);
    const pid = worker.child.pid ?? 0;
    const first = await reconciled(env, pid, numbers, meter);
    return { numbers, floor, first, again: await reconciled(env, pid, numbers, meter) };
  });
}

function meterOf(databaseUrl: string, client: number, pageServer: number): Meter {
  return async () => {
    const sql = postgres(databaseUrl, { max: 1 });
    const [row] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
    const server = await cpuOfServer(row?.pid ?? 0);
    await sql.end();
    return { client: await cpuOf(client), postgres: server, pageServer: await cpuOf(pageServer) };
  };
}

function spent(before: Cpu, after: Cpu): Cpu {
  return {
    client: after.client - before.client,
    postgres: after.postgres - before.postgres,
    pageServer: after.pageServer - before.pageServer,
  };
}

/** Downloads all pages one after the other, then copies their rows into a table without indexes. */
async function floorOf(url: string, databaseUrl: string, numbers: number, pageServer: number): Promise<Floor> {
  const meter = meterOf(databaseUrl, process.pid, pageServer);
  const before = await meter();
  const pages = Math.ceil(numbers / PAGE_SIZE);
  const begun = performance.now();
  let lines = '';
  for (let page = 1; page <= pages; page += 1) {
    const answer = await fetch(`${url}/phone_numbers?page[number]=${page}&page[size]=${PAGE_SIZE}`);
    const { data } = (await answer.json()) as { data: Record<string, unknown>[] };
    if (page === 1) lines = data.map(copyLine).join('');
  }
  const pagesMs = performance.now() - begun;
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => undefined });
  await sql.unsafe(`create table floor (${KEPT.map((name) => `${name} ${name === 'tags' ? 'text[]' : 'text'}`).join(', ')})`);
  const copied = performance.now();
  const sink = await sql.unsafe('copy floor from stdin').writable();
  // The rows of one page stand for all: a table without indexes takes repeated rows like others.
  await pipeline(Readable.from(repeated(lines, pages)), sink);
  const copyMs = performance.now() - copied;
  await sql`drop table floor`;
  await sql.end();
  return { pagesMs, copyMs, cpu: spent(before, await meter()) };
}

function* repeated(text: string, times: number): Generator<string> {
  for (let i = 0; i < times; i += 1) yield text;
}

function copyLine(row: Record<string, unknown>): string {
  const cells = KEPT.map((name) => (name === 'tags' ? `{${String(row[name] ?? '')}}` : (row[name] ?? '\\N')));
  return `${cells.map(String).join('\t')}\n`;
}

/** The real `reconcile` command; the worker does the run. */
async function reconciled(env: Readonly<Record<string, string>>, pid: number, numbers: number, meter: Meter): Promise<Run> {
  const before = await meter();
  const begun = performance.now();
  await runCommand(['reconcile', '--json'], env, [0]);
  const commandMs = performance.now() - begun;
  const sql = postgres(env['DATABASE_URL'] ?? '', { max: 1 });
  const [run] = await sql<{ ms: number; seen: number }[]>`
    select extract(epoch from finished_at - created_at)::float8 * 1000 as ms, (counts->>'seen')::int as seen
    from reconciliation_runs order by created_at desc limit 1`;
  await sql.end();
  if (run?.seen !== numbers) throw new Error(`the run saw ${run?.seen} of ${numbers} numbers`);
  const peak = (await memoryOf(pid))?.peak ?? Number.NaN;
  return { ms: run.ms, commandMs, peak, cpu: spent(before, await meter()) };
}

function report({ numbers, floor, first, again }: Result): void {
  const floorMs = floor.pagesMs + floor.copyMs;
  const right = (title: string) => ({ title, align: 'right' as const });
  const cpu = ({ client, postgres: server, pageServer }: Cpu) => [
    seconds(client),
    seconds(server),
    seconds(pageServer),
    ((client + server + pageServer) / (floor.cpu.client + floor.cpu.postgres + floor.cpu.pageServer)).toFixed(2),
  ];
  const row = (title: string, run: Run) => [
    title,
    seconds(run.ms),
    (run.ms / floorMs).toFixed(2),
    (run.commandMs / floorMs).toFixed(2),
    ...cpu(run.cpu),
    mib(run.peak),
  ];
  const head = ['wall', 'x floor', 'command', 'CPU client', 'Postgres', 'page server', 'x floor', 'peak RSS'].map(right);
  const rows = [['floor', seconds(floorMs), '1.00', '', ...cpu(floor.cpu), ''], row('all new', first), row('nothing new', again)];
  const parts = `floor: pages ${seconds(floor.pagesMs)} + COPY ${seconds(floor.copyMs)}`;
  process.stdout.write(`${table([`${count(numbers)} numbers`, ...head], rows)}\n${parts}\n\n`);
  finding({
    question: `P6: reconcile ${count(numbers)}, first and again`,
    figure: `${(first.ms / floorMs).toFixed(2)} and ${(again.ms / floorMs).toFixed(2)} x floor`,
    goal: '≤ 1.5 x floor',
    floor: `pages and COPY, ${seconds(floorMs)}`,
    ms: first.ms,
  });
}
