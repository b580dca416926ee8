import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import Telnyx from 'telnyx';
import { openProducer } from '../src/app/producer.ts';
import { count, seconds, table } from '../src/cli/output.ts';
import { loadConfig } from '../src/config/config.ts';
import { createLog } from '../src/observability/log.ts';
import { submitRequest } from '../src/producers/intake/submit.ts';
import { SIMULATED_ACCOUNT, type Simulator, startSimulator } from '../src/simulator/index.ts';
import { build, startCommand, written } from './support/children.ts';
import { withClosers } from './support/closers.ts';
import { openServer, type Server } from './support/database.ts';
import { openRedis } from './support/redis.ts';
import { callsOf, KEY, untilSucceeded } from './support/stage.ts';

const HELP = `npm run bench:throughput [-- --small]

How near one and two worker processes on Redis come to the rate that Telnyx allows, beside a script that changes one number
after the other at the same rate. Needs REDIS_URL, or a redis-server or valkey-server on the PATH.
`;

/** Requests a second that the product is told to keep to: its own defaults. */
const ALLOWED = { search: 2, orders: 2, jobs: 5, reads: 10, messaging: 2, ownership: 5 } as const;
type Family = keyof typeof ALLOWED;
const FAMILY_OF: readonly [RegExp, Family][] = [
  [/^GET \/available/, 'search'],
  [/^POST \/number_orders/, 'orders'],
  [/^POST \/phone_numbers\/jobs/, 'jobs'],
  [/verify_ownership$/, 'ownership'],
  [/^GET /, 'reads'],
];
const [CONNECTION, OTHER_CONNECTION] = SIMULATED_ACCOUNT.connectionIds;
const RIVAL_SAMPLE = 60;

interface Setting {
  workers: number;
  /** How many times our rate Telnyx accepts before it refuses. */
  headroom: number;
}
/** With a limit of exactly our rate, every window is used up, and `x-ratelimit-remaining: 0` asks for a pause. */
const SETTINGS: readonly Setting[] = [
  { workers: 1, headroom: 2 },
  { workers: 2, headroom: 2 },
  { workers: 2, headroom: 1 },
];

const { values: flags } = parseArgs({ options: { small: { type: 'boolean' }, help: { type: 'boolean' } } });
if (flags.help === true) process.stderr.write(HELP);
else await main(flags.small === true ? { buy: 1_000, update: 4_000 } : { buy: 5_000, update: 20_000 });

interface Result extends Setting {
  title: string;
  numbers: number;
  ms: number;
  /** How long the same calls take at our rate when nothing else takes any time. */
  floorMs: number;
  bottleneck: Family;
  calls: number;
  refused: number;
}

async function main(asked: { buy: number; update: number }): Promise<void> {
  await withClosers(async (opened) => {
    build();
    const server = await openServer();
    opened(server.stop);
    const redis = await openRedis();
    opened(redis.stop);
    const results: Result[] = [];
    for (const setting of SETTINGS) results.push(...(await product(server, redis.url, setting, asked)));
    const rival = await perNumberScript();
    report(results, rival);
  });
}

/** Real `worker` commands on a Telnyx that enforces its rates. */
async function product(
  server: Server,
  redisUrl: string,
  setting: Setting,
  asked: { buy: number; update: number },
): Promise<Result[]> {
  return withClosers(async (opened) => {
    const simulator = await startSimulator({
      apiKey: KEY,
      numbers: 60_000,
      owned: asked.update,
      balance: '10000000.00',
      latencyMs: { min: 15, max: 60 },
      visibilityLagMs: { ownership: 500, orders: 500, inventory: 500, deletions: 0 },
      rates: Object.fromEntries(Object.entries(ALLOWED).map(([family, rate]) => [family, rate * setting.headroom])),
    });
    opened(() => simulator.stop());
    const databaseUrl = await server.database();
    const base = { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, PROVISIONER_RECONCILE_CRON: 'off', LOG_LEVEL: 'warn' };
    const rates = Object.entries(ALLOWED).map(([family, rate]) => `${family}=${rate}`);
    const env = { ...base, TELNYX_BASE_URL: simulator.url, TELNYX_API_KEY: KEY, PROVISIONER_RATE_LIMITS: rates.join(',') };
    for (let i = 0; i < setting.workers; i += 1) {
      const worker = startCommand(['worker'], { ...env, LOG_LEVEL: 'info' });
      opened(worker.stop);
      await written(worker, /"msg":"working"/);
    }
    const owned = simulator.ownedNumbers();
    const perLine = asked.buy / 5;
    const lines = ['312', '773', '872', '646', '512'].map((ndc) => ({ national_destination_code: ndc, quantity: perLine }));
    const update = { kind: 'update', phone_numbers: owned, set: { connection_id: CONNECTION } };
    const again = { ...update, set: { connection_id: OTHER_CONNECTION } };
    const timed = (title: string, numbers: number, body: object, batchSize = 1_000) =>
      measure(simulator, { ...base, PROVISIONER_BATCH_SIZE: String(batchSize) }, { ...setting, title, numbers }, body);
    return [
      await timed('buy, 100 an order', asked.buy, { kind: 'buy', lines }),
      await timed('update, 100 a job', owned.length, update, 100),
      await timed('update, 1,000 a job', owned.length, again),
    ];
  });
}

/** Submits from this process, as an application that embeds the producers would, and waits for the end. */
async function measure(
  simulator: Simulator,
  env: Readonly<Record<string, string>>,
  what: Setting & Pick<Result, 'title' | 'numbers'>,
  body: object,
): Promise<Result> {
  const producer = await openProducer(loadConfig(env), createLog({ level: 'warn', format: 'json', secrets: [] }));
  try {
    const [before, refusedBefore] = [callsOf(simulator), refusals(simulator)];
    const begun = Date.now();
    const { request } = await submitRequest(producer.deps, body);
    await untilSucceeded(producer.deps.db, request.id, 900_000);
    const ms = Date.now() - begun;
    process.stderr.write(`${what.workers} worker(s), Telnyx takes ${what.headroom} x the rate, ${what.title}: ${seconds(ms)}\n`);
    return { ...what, ms, ...floorOf(before, callsOf(simulator)), refused: refusals(simulator) - refusedBefore };
  } finally {
    await producer.close();
  }
}

function floorOf(before: Map<string, number>, after: Map<string, number>): Pick<Result, 'floorMs' | 'bottleneck' | 'calls'> {
  const byFamily = new Map<Family, number>();
  let calls = 0;
  for (const [endpoint, n] of after) {
    const made = n - (before.get(endpoint) ?? 0);
    const family = FAMILY_OF.find(([pattern]) => pattern.test(endpoint))?.[1];
    if (made === 0 || family === undefined) continue;
    calls += made;
    byFamily.set(family, (byFamily.get(family) ?? 0) + made);
  }
  const times = [...byFamily].map(([family, n]) => ({ family, ms: (n / ALLOWED[family]) * 1_000 })).sort((a, b) => b.ms - a.ms);
  const [slowest] = times;
  if (slowest === undefined) throw new Error('no call was made');
  return { floorMs: slowest.ms, bottleneck: slowest.family, calls };
}

function refusals(simulator: Simulator): number {
  return Object.values(simulator.ledger().calls.by_endpoint).reduce((sum, by) => sum + (by['429'] ?? 0), 0);
}

/** The rival: the official SDK, one PATCH after the other, at the rate that the product has for its jobs. Numbers a minute. */
async function perNumberScript(): Promise<number> {
  const simulator = await startSimulator({
    apiKey: KEY,
    owned: 250,
    latencyMs: { min: 15, max: 60 },
    rates: { numbers: ALLOWED.jobs * 2 },
  });
  try {
    const client = new Telnyx({ apiKey: KEY, baseURL: simulator.url, maxRetries: 3 });
    const { data } = await client.phoneNumbers.list({ 'page[size]': 250 });
    const ids = (data ?? []).flatMap((n) => n.id ?? []).slice(0, RIVAL_SAMPLE);
    const begun = Date.now();
    for (const [i, id] of ids.entries()) {
      await sleep(Math.max(0, begun + (i * 1_000) / ALLOWED.jobs - Date.now()));
      await client.phoneNumbers.update(id, { connection_id: CONNECTION });
    }
    return (ids.length / (Date.now() - begun)) * 60_000;
  } finally {
    await simulator.stop();
  }
}

function report(results: readonly Result[], rival: number): void {
  const right = (title: string) => ({ title, align: 'right' as const });
  const perMinute = (r: Result) => (r.numbers / r.ms) * 60_000;
  const text = table(
    [
      'on Redis',
      right('workers'),
      right('Telnyx takes'),
      right('numbers'),
      right('calls'),
      right('429'),
      right('time'),
      right('floor'),
      'limited by',
      right('achieved/allowed'),
      right('numbers a minute'),
      right('x one by one'),
    ],
    results.map((r) => [
      r.title,
      String(r.workers),
      `${r.headroom} x`,
      count(r.numbers),
      count(r.calls),
      count(r.refused),
      seconds(r.ms),
      seconds(r.floorMs),
      `${r.bottleneck}, ${ALLOWED[r.bottleneck]}/s`,
      (r.floorMs / r.ms).toFixed(2),
      count(Math.round(perMinute(r))),
      r.title.startsWith('update') ? (perMinute(r) / rival).toFixed(0) : '',
    ]),
  );
  process.stdout.write(`${text}\n\none PATCH after the other, ${ALLOWED.jobs}/s: ${count(Math.round(rival))} numbers a minute\n`);
}
