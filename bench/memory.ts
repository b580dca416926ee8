import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { count, seconds, table } from '../src/cli/output.ts';
import { build, memoryOf, mib, peakUntilEnd, runCommand, startCommand, written } from './support/children.ts';
import { withClosers } from './support/closers.ts';
import { openServer, type Server } from './support/database.ts';
import { familiesAt, KEY } from './support/stage.ts';

const HELP = `npm run bench:memory [-- --numbers 100000]

Memory of the real commands: an update of 100,000 numbers taken on from a CSV, and a reconciliation of 100,000 numbers.
Exit 1 when the worker that reconciles needs more than 250 MB.
`;
const LIMIT = 250 * 2 ** 20;
const PROBE = pathToFileURL(join(dirname(fileURLToPath(import.meta.url)), 'support/heap-probe.mjs')).href;
const IDLE_MS = 3_000;

const { values: flags } = parseArgs({ options: { numbers: { type: 'string', default: '100000' }, help: { type: 'boolean' } } });
if (flags.help === true) process.stderr.write(HELP);
else process.exitCode = await main(Number(flags.numbers));

async function main(many: number): Promise<number> {
  if (process.platform !== 'linux') throw new Error('the peaks are read from /proc, which only Linux has');
  build();
  return withClosers(async (opened) => {
    const server = await openServer();
    opened(server.stop);
    const folder = await mkdtemp(join(tmpdir(), 'provisioner-bench-'));
    opened(() => rm(folder, { recursive: true, force: true }));
    await submissions(server, folder, many);
    return reconciliations(server, many);
  });
}

interface Submission {
  numbers: number;
  ms: number;
  rss: number;
  heap: number;
}

async function submissions(server: Server, folder: string, many: number): Promise<void> {
  const rows: Submission[] = [];
  for (const numbers of [many / 100, many]) rows.push(await submission(server, folder, numbers));
  const [few, lots] = rows;
  if (few === undefined || lots === undefined) return;
  const right = (title: string) => ({ title, align: 'right' as const });
  print(
    table(
      ['update --numbers file.csv', right('time'), right('peak RSS'), right('peak heap')],
      [
        ...rows.map((r) => [count(r.numbers), seconds(r.ms), mib(r.rss), mib(r.heap)]),
        ['ratio', (lots.ms / few.ms).toFixed(2), (lots.rss / few.rss).toFixed(2), (lots.heap / few.heap).toFixed(2)],
      ],
    ),
  );
}

/** The real `update` command on a real database; nobody works on the request. */
async function submission(server: Server, folder: string, numbers: number): Promise<Submission> {
  const databaseUrl = await server.database();
  const file = join(folder, `${numbers}.csv`);
  const heapFile = join(folder, `${numbers}.heap`);
  await pipeline(Readable.from(csv(numbers)), createWriteStream(file));
  const begun = Date.now();
  const command = startCommand(
    ['update', '--numbers', file, '--set', 'connection_id=1293384261075731499', '--yes', '--json'],
    { DATABASE_URL: databaseUrl, BENCH_HEAP_FILE: heapFile },
    ['--import', PROBE],
  );
  const rss = await peakUntilEnd(command);
  if ((await command.ended) !== 0) throw new Error(`update failed:\n${command.stderr()}`);
  const ms = Date.now() - begun;
  if (!command.stdout().replaceAll(/\s/g, '').includes(`"asked":${numbers},`))
    throw new Error(`not all was taken on:\n${command.stdout()}`);
  return { numbers, ms, rss, heap: Number(await readFile(heapFile, 'utf8')) };
}

function* csv(numbers: number): Generator<string> {
  yield 'phone_number\n';
  for (let i = 0; i < numbers; i += 1) yield `+1312${String(2_000_000 + i)}\n`;
}

interface Reconciliation {
  numbers: number;
  baseline: number;
  adopted: { ms: number; peak: number };
  again: { ms: number; peak: number };
}

async function reconciliations(server: Server, many: number): Promise<number> {
  const rows: Reconciliation[] = [];
  for (const numbers of [many / 20, many]) rows.push(await reconciliation(server, numbers));
  const [few, lots] = rows;
  if (few === undefined || lots === undefined) return 1;
  const ratio = (of: (r: Reconciliation) => number) => (of(lots) / of(few)).toFixed(2);
  const right = (title: string) => ({ title, align: 'right' as const });
  print(
    table(
      ['reconcile', right('idle worker'), right('all new: time'), right('peak RSS'), right('no drift: time'), right('peak RSS')],
      [
        ...rows.map((r) => [
          count(r.numbers),
          mib(r.baseline),
          seconds(r.adopted.ms),
          mib(r.adopted.peak),
          seconds(r.again.ms),
          mib(r.again.peak),
        ]),
        [
          'ratio',
          ratio((r) => r.baseline),
          ratio((r) => r.adopted.ms),
          ratio((r) => r.adopted.peak),
          ratio((r) => r.again.ms),
          ratio((r) => r.again.peak),
        ],
      ],
    ),
  );
  const ok = lots.again.peak <= LIMIT;
  print(`the worker needed ${mib(lots.again.peak)}; ${ok ? 'within' : 'MORE THAN'} ${mib(LIMIT)}`);
  return ok ? 0 : 1;
}

/** The real `worker`, `simulate` and `reconcile` commands; two runs in the same worker: everything unknown, then nothing new. */
async function reconciliation(server: Server, numbers: number): Promise<Reconciliation> {
  return withClosers(async (opened) => {
    const simulator = startCommand(['simulate', '--port', '0', '--owned', String(numbers), '--numbers', '100'], {});
    opened(simulator.stop);
    const [, baseUrl = ''] = await written(simulator, /TELNYX_BASE_URL=(\S+)/);
    const env = {
      DATABASE_URL: await server.database(),
      TELNYX_BASE_URL: baseUrl,
      TELNYX_API_KEY: KEY,
      PROVISIONER_RATE_LIMITS: familiesAt(1_000),
    };
    const worker = startCommand(['worker'], { ...env, LOG_LEVEL: 'info' });
    opened(worker.stop);
    await written(worker, /"msg":"working"/);
    await sleep(IDLE_MS);
    const peak = async () => (await memoryOf(worker.child.pid ?? 0))?.peak ?? Number.NaN;
    const baseline = (await memoryOf(worker.child.pid ?? 0))?.now ?? Number.NaN;
    const reconciled = async (exit: number) => {
      const begun = Date.now();
      await runCommand(['reconcile', '--json'], env, [exit]);
      return { ms: Date.now() - begun, peak: await peak() };
    };
    const adopted = await reconciled(0);
    return { numbers, baseline, adopted, again: await reconciled(0) };
  });
}

function print(text: string): void {
  process.stdout.write(`${text}\n\n`);
}
