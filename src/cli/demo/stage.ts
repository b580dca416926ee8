import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../app/embedded-postgres/start.ts';
import { buildRole } from '../../app/roles.ts';
import { loadConfig, secretsOf } from '../../config/config.ts';
import { migrateDatabase } from '../../db/migrate.ts';
import { createLog } from '../../observability/log.ts';
import type { ProducerDeps } from '../../producers/deps.ts';
import { type Simulator, startSimulator } from '../../simulator/index.ts';
import { startTemporaryRedis } from './redis-server.ts';

/** Everything that the demo runs on. It uses nothing outside this machine and leaves nothing behind. */
export interface Stage {
  deps: ProducerDeps;
  simulator: Simulator;
  /** The address of the dashboard. */
  url: string | null;
  backend: string;
  stop(): Promise<void>;
}

export interface StageOptions {
  redis: boolean;
  env: Readonly<Record<string, string | undefined>>;
  say(text: string): void;
}

/** The response time of the simulator in milliseconds, about that of the real service. */
const LATENCY = { min: 15, max: 60 };
const LAGS = { ownership: 800, orders: 500, inventory: 1_000, deletions: 0 };
const KEY = 'KEY_SIM';
/** The share of the numbers in a search that others buy before our order. Telnyx then refuses the whole order. */
export const SOLD_TO_OTHERS = 0.03;
export const OWNED_AT_START = 5_000;

/** Starts Postgres, the simulator, Redis when asked for, and all roles of the product in this process. */
export async function openStage(options: StageOptions): Promise<Stage> {
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (let next = stops.pop(); next !== undefined; next = stops.pop()) await next();
  };
  try {
    options.say('starting an embedded Postgres and the simulator …');
    const [postgres, simulator] = await started(stops);
    const redis = options.redis ? await redisUrl(options, stops) : null;
    await migrateDatabase(postgres.url);
    const config = loadConfig(environment(options.env, postgres, simulator, redis));
    const log = createLog({ level: config.log.level, format: config.log.format, secrets: secretsOf(config) });
    const {
      foundation,
      lifecycle,
      url: listening,
    } = await buildRole('up', config, log, { namespace: `provisioner-demo-${process.pid}` });
    stops.push(() => lifecycle.stop('the demo is over'));
    await lifecycle.start();
    const url = listening();
    if (url !== null) simulator.setWebhooks(`${url}/webhooks/telnyx`);
    return { deps: foundation.deps, simulator, url, backend: redis === null ? 'queue on Postgres' : 'queue on Redis', stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function started(stops: (() => Promise<unknown>)[]): Promise<[EmbeddedPostgres, Simulator]> {
  const simulator = await startSimulator({
    apiKey: KEY,
    seed: 1,
    numbers: 20_000,
    owned: OWNED_AT_START,
    latencyMs: LATENCY,
    visibilityLagMs: LAGS,
  });
  stops.push(() => simulator.stop());
  simulator.faults({ faults: [{ kind: 'sell_between', fraction: SOLD_TO_OTHERS }] });
  const postgres = await startEmbeddedPostgres({ temporary: true });
  stops.push(() => postgres.stop());
  return [postgres, simulator];
}

async function redisUrl(options: StageOptions, stops: (() => Promise<unknown>)[]): Promise<string> {
  const given = options.env['REDIS_URL'];
  if (given !== undefined && given !== '') {
    options.say('using the Redis of REDIS_URL');
    return given;
  }
  options.say('starting a Redis …');
  const redis = await startTemporaryRedis();
  stops.push(() => redis.stop());
  return redis.url;
}

/** Returns an environment with only the variables of the demo, so that the settings of a real account cannot leak into it. */
function environment(
  env: Readonly<Record<string, string | undefined>>,
  postgres: EmbeddedPostgres,
  simulator: Simulator,
  redis: string | null,
): Record<string, string> {
  return {
    TELNYX_API_KEY: KEY,
    TELNYX_BASE_URL: simulator.url,
    TELNYX_PUBLIC_KEY: simulator.publicKey,
    DATABASE_URL: postgres.url,
    ...(redis !== null && { REDIS_URL: redis }),
    PROVISIONER_PORT: env['PROVISIONER_PORT'] ?? '0',
    PROVISIONER_RECONCILE_CRON: 'off',
    LOG_LEVEL: env['LOG_LEVEL'] ?? 'error',
    LOG_FORMAT: env['LOG_FORMAT'] ?? 'pretty',
  };
}
