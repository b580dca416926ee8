import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { openProducer } from '../src/app/producer.ts';
import { count, table } from '../src/cli/output.ts';
import { loadConfig } from '../src/config/config.ts';
import { openDb } from '../src/db/client.ts';
import { createLog } from '../src/observability/log.ts';
import { submitRequest } from '../src/producers/intake/submit.ts';
import { SIMULATED_ACCOUNT, startSimulator } from '../src/simulator/index.ts';
import { build, startCommand, written } from './support/children.ts';
import { withClosers } from './support/closers.ts';
import { openServer } from './support/database.ts';
import { openRedis } from './support/redis.ts';
import { familiesAt, KEY, untilSucceeded } from './support/stage.ts';
import { countStatements } from './support/statement-counter.ts';

const HELP = `npm run bench:footprint [-- --small] [-- --all]

What one chunk costs our own stores: Redis commands, Postgres statements and bytes in Redis, from the submit to the end of an
update. What an idle worker does in the same time is taken off and shown beside. --all lists everything. Needs REDIS_URL, or a
redis-server or valkey-server on the PATH.
`;
const BATCH = 100;
const JOB_MS = 2_000;
const IDLE_MS = 20_000;
const MOST_LISTED = 14;
/** Redis commands that only this benchmark sends. */
const OWN: ReadonlySet<string> = new Set(['memory', 'scan', 'info', 'hello', 'monitor']);

const { values: flags } = parseArgs({
  options: { small: { type: 'boolean' }, all: { type: 'boolean' }, help: { type: 'boolean' } },
});
if (flags.help === true) process.stderr.write(HELP);
else await main(flags.small === true ? 45 : 120);

type Counts = Map<string, number>;

async function main(chunks: number): Promise<void> {
  await withClosers(async (opened) => {
    build();
    const server = await openServer();
    opened(server.stop);
    const redis = await openRedis();
    opened(redis.stop);
    const simulator = await startSimulator({
      apiKey: KEY,
      numbers: chunks * BATCH + 1_000,
      owned: chunks * BATCH,
      jobPendingMs: JOB_MS,
      jobPerNumberMs: 0,
      visibilityLagMs: { ownership: 0, orders: 0, inventory: 0, deletions: 0 },
      rates: Object.fromEntries(['jobs', 'reads', 'ownership'].map((family) => [family, 1e6])),
    });
    opened(() => simulator.stop());
    const databaseUrl = await server.database();
    const statements = await countStatements(databaseUrl);
    opened(statements.stop);
    const commands = await countCommands(redis.url);
    opened(commands.stop);
    const base = { DATABASE_URL: statements.url, REDIS_URL: redis.url, PROVISIONER_BATCH_SIZE: String(BATCH) };
    const telnyx = { TELNYX_BASE_URL: simulator.url, TELNYX_API_KEY: KEY, PROVISIONER_RATE_LIMITS: familiesAt(1_000) };
    const worker = startCommand(['worker'], { ...base, ...telnyx, LOG_LEVEL: 'info' });
    opened(worker.stop);
    await written(worker, /"msg":"working"/);
    await sleep(2_000);
    const read = (): { redis: Counts; postgres: Counts; at: number } => ({
      redis: commands.counts(),
      postgres: statements.counts(),
      at: Date.now(),
    });
    const start = read();
    await sleep(IDLE_MS);
    const idle = read();
    const bytesBefore = await bytesIn(redis.url);
    const producer = await openProducer(
      loadConfig({ ...base, LOG_LEVEL: 'warn' }),
      createLog({ level: 'warn', format: 'json', secrets: [] }),
    );
    opened(producer.close);
    const body = {
      kind: 'update',
      phone_numbers: simulator.ownedNumbers(),
      set: { connection_id: SIMULATED_ACCOUNT.connectionIds[0] },
    };
    const { request } = await submitRequest(producer.deps, body);
    const bytesWaiting = await bytesIn(redis.url);
    // Past the counter, because waiting is no work of the product.
    const watching = openDb(databaseUrl, { maxConnections: 2 });
    opened(watching.close);
    await untilSucceeded(watching, request.id, 240_000);
    const end = read();
    const bytesAfter = await bytesIn(redis.url);
    const share = (end.at - idle.at) / (idle.at - start.at);
    const perChunk = (what: 'redis' | 'postgres'): [string, number][] =>
      [...end[what]]
        .map(([name, n]): [string, number] => {
          const before = idle[what].get(name) ?? 0;
          const idling = (before - (start[what].get(name) ?? 0)) * share;
          return [name, Math.max(0, n - before - idling) / chunks];
        })
        .filter(([name, n]) => n >= 0.01 && !OWN.has(name))
        .sort((a, b) => b[1] - a[1]);
    print('Redis command', perChunk('redis'));
    print('Postgres statement', perChunk('postgres'));
    const bytes: [string, number][] = [
      ['while they wait', (bytesWaiting - bytesBefore) / chunks],
      ['when all have ended (kept for the dashboard)', (bytesAfter - bytesBefore) / chunks],
    ];
    print('bytes in Redis', bytes);
    process.stdout.write(`${count(chunks)} chunks in ${((end.at - idle.at) / 1_000).toFixed(1)} s\n`);
  });
}

function print(title: string, rows: [string, number][]): void {
  const listed = flags.all === true ? rows : rows.slice(0, MOST_LISTED);
  const total = rows.reduce((sum, [, n]) => sum + n, 0);
  const shown = (n: number): string => (n >= 100 ? count(Math.round(n)) : n.toFixed(2));
  const cells = listed.map(([name, n]) => [name.replace(/\s+/g, ' ').trim().slice(0, 100), shown(n)]);
  const text = table(
    [title, { title: 'a chunk', align: 'right' }],
    title === 'bytes in Redis' ? cells : [...cells, ['all', shown(total)]],
  );
  process.stdout.write(`${text}\n\n`);
}

/** Counts every command that a client sends, scripts by their name, and leaves out what a script does inside. */
async function countCommands(url: string): Promise<{ counts(): Counts; stop(): Promise<void> }> {
  const client = new Redis(url);
  const counts: Counts = new Map();
  const monitor = await client.monitor();
  monitor.on('monitor', (_time: string, args: string[], source: string) => {
    if (source === 'lua') return;
    const [command = '', first = ''] = args;
    const name = command.toLowerCase();
    const key = name === 'evalsha' ? `evalsha ${first.slice(0, 8)} ${keyOf(args)}` : name;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  });
  return {
    counts: () => new Map(counts),
    stop: async () => {
      monitor.disconnect();
      client.disconnect();
    },
  };
}

/** What a script works on: the first key without the ids in it. */
function keyOf([, , , key = '']: string[]): string {
  return key.replace(/\{[^}]*\}/, '').replace(/:[^:]*chk[^:]*/, ':*');
}

async function bytesIn(url: string): Promise<number> {
  const client = new Redis(url);
  let bytes = 0;
  for await (const keys of client.scanStream({ count: 1_000 })) {
    for (const key of keys as string[]) bytes += (await client.call('MEMORY', 'USAGE', key, 'SAMPLES', '0')) as number;
  }
  client.disconnect();
  return bytes;
}
