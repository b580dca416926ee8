import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { openProducer } from '../src/app/producer.ts';
import { count, table } from '../src/cli/output.ts';
import { loadConfig } from '../src/config/config.ts';
import type { Sql } from '../src/db/client.ts';
import { createLog } from '../src/observability/log.ts';
import { startSimulator } from '../src/simulator/index.ts';
import { campaign, type Done, keptRows } from './soak/campaigns.ts';
import { judge, type Sample, type Trend } from './soak/trend.ts';
import { build, startCommand, written } from './support/children.ts';
import { withClosers } from './support/closers.ts';
import { openServer } from './support/database.ts';
import { openRedis } from './support/redis.ts';
import { familiesAt, KEY } from './support/stage.ts';

const HELP = `npm run soak -- --minutes 20

Campaigns of buys, updates, deletes and reconciliations, with webhooks, one after the other, on real \`worker\` and \`serve\` processes,
and what these leave behind, sampled all the time. Exit 1 when something grows. Needs REDIS_URL, or a redis-server or valkey-server
on the PATH.
`;
const PROBE = pathToFileURL(join(dirname(fileURLToPath(import.meta.url)), 'support/life-probe.mjs')).href;
const OWNED = 2_000;
const SAMPLES = 60;

const { values: flags } = parseArgs({ options: { minutes: { type: 'string', default: '20' }, help: { type: 'boolean' } } });
if (flags.help === true) process.stderr.write(HELP);
else process.exitCode = await main(Number(flags.minutes) * 60_000);

async function main(lengthMs: number): Promise<number> {
  build();
  return withClosers(async (opened) => {
    const server = await openServer();
    opened(server.stop);
    const redis = await openRedis();
    opened(redis.stop);
    const folder = await mkdtemp(join(tmpdir(), 'provisioner-soak-'));
    opened(() => rm(folder, { recursive: true, force: true }));
    const port = 20_000 + (process.pid % 20_000);
    const simulator = await startSimulator({
      apiKey: KEY,
      numbers: 20_000,
      owned: OWNED,
      balance: '100000000.00',
      jobPerNumberMs: 1,
      webhookUrl: `http://127.0.0.1:${port}/webhooks/telnyx`,
    });
    opened(() => simulator.stop());
    const base = {
      DATABASE_URL: await server.database(),
      REDIS_URL: redis.url,
      PROVISIONER_RECONCILE_CRON: 'off',
      LOG_LEVEL: 'warn',
    };
    const env = { ...base, TELNYX_BASE_URL: simulator.url, TELNYX_API_KEY: KEY, PROVISIONER_RATE_LIMITS: familiesAt(100) };
    const probes = ['worker', 'serve'].map((role) => ({ role, file: join(folder, role) }));
    for (const { role, file } of probes) {
      const own = { TELNYX_PUBLIC_KEY: simulator.publicKey, PROVISIONER_PORT: String(port), BENCH_PROBE_FILE: file };
      const command = startCommand(
        [role],
        { ...env, ...own, PROVISIONER_API_KEYS: `bench:${KEY.repeat(4)}`, LOG_LEVEL: 'info' },
        ['--import', PROBE],
      );
      opened(command.stop);
      await written(command, role === 'worker' ? /"msg":"working"/ : /127\.0\.0\.1:|listening/);
    }
    const producer = await openProducer(loadConfig(base), createLog({ level: 'warn', format: 'json', secrets: [] }));
    opened(() => producer.close());
    const client = new Redis(redis.url);
    opened(() => client.quit());
    const begun = Date.now();
    const done: Done = { campaigns: 0, numbers: 0 };
    const samples: Sample[] = [];
    let over = false;
    const watching = (async () => {
      while (!over) {
        await sleep(lengthMs / SAMPLES);
        samples.push({ ms: Date.now() - begun, ...(await figures(producer.deps.db.sql, client, probes)) });
      }
    })();
    try {
      while (Date.now() - begun < lengthMs) await campaign(producer.deps, simulator, done.campaigns, done);
    } finally {
      over = true;
      await watching;
    }
    return report(done, judge(samples), Date.now() - begun);
  });
}

async function figures(
  sql: Sql,
  redis: Redis,
  probes: readonly { role: string; file: string }[],
): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const { role, file } of probes) {
    const life = JSON.parse(await readFile(file, 'utf8').catch(() => '{}')) as Partial<Record<string, number>>;
    found[`${role}: RSS, MB`] = (life['rss'] ?? Number.NaN) / 2 ** 20;
    found[`${role}: handles`] = life['handles'] ?? Number.NaN;
    found[`${role}: event-loop delay, ms`] = life['delayMs'] ?? Number.NaN;
  }
  // The queue keeps up to 1,000 finished jobs of each queue on purpose.
  const ends = await Promise.all(
    (await redis.keys('*:completed')).concat(await redis.keys('*:failed')).map((key) => redis.zcard(key)),
  );
  const finished = ends.reduce((sum, n) => sum + n, 0);
  const keys = await redis.dbsize();
  const used = Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
  found['Redis: keys beside finished jobs'] = keys - finished;
  found['Redis: KB a key'] = used / 1_024 / keys;
  const [sizes] = await sql<{ tables: number; indexes: number; inventory: number }[]>`
    select sum(pg_table_size(c.oid))::float8 as tables, sum(pg_indexes_size(c.oid))::float8 as indexes,
      pg_total_relation_size('phone_numbers')::float8 + pg_total_relation_size('claims') as inventory
    from pg_class c where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace`;
  const kept = await keptRows(sql);
  found['tables: bytes a row that stays'] = (sizes?.tables ?? 0) / kept;
  found['indexes: bytes a row that stays'] = (sizes?.indexes ?? 0) / kept;
  found['inventory and claims, KB'] = (sizes?.inventory ?? 0) / 1_024;
  return found;
}

function report(done: Done, trends: readonly Trend[], ms: number): number {
  const right = (title: string) => ({ title, align: 'right' as const });
  const rows = trends.map((t) => [
    t.name,
    ...[t.first, t.middle, t.last].map((n) => n.toFixed(1)),
    `${(t.growth * 100).toFixed(1)} %`,
    t.grows ? 'GROWS' : 'flat',
  ]);
  const text = table(['', right('a third'), right('half'), right('end'), right('slope, second half'), 'verdict'], rows);
  process.stdout.write(
    `${text}\n\n${done.campaigns} campaigns, ${count(done.numbers)} numbers changed, ${(ms / 60_000).toFixed(1)} minutes\n`,
  );
  return trends.some((t) => t.grows) ? 1 : 0;
}
