import postgres from 'postgres';
import { afterAll, afterEach } from 'vitest';
import { SIMULATED_ACCOUNT, type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/index.ts';
import { disagreements, type Expected } from './agreement.ts';
import { type Child, type Ended, endOf, type StartOptions, start } from './child-process.ts';
import { createTestDatabase } from './postgres.ts';
import { programArguments } from './program.ts';
import { type PrivateRedis, startRedis } from './redis.ts';
import { ensureTemplate } from './template.ts';
import { until } from './until.ts';

// The program is compiled here, before any deadline runs.
programArguments();

/** Secrets that must never be written anywhere. */
const SECRETS = { telnyx: 'KEY_5ecret-for-tests', http: 'http-5ecret-for-tests' };

const WAITING = ['--yes', '--wait', '--timeout', '160s', '--json'];

export interface StageOptions {
  /** `false`: the queue runs on Postgres. */
  redis?: boolean;
  /** `false`: the database stays empty. */
  migrated?: boolean;
  simulator?: SimulatorOptions;
  env?: Record<string, string>;
}

/** A complete installation: database, Redis, simulator, and the product's commands as real processes. */
export interface Stage {
  env: Record<string, string>;
  sql: postgres.Sql;
  simulator: Simulator;
  redis: PrivateRedis | null;
  /** Starts a command. */
  start(args: readonly string[], env?: Record<string, string>, options?: StartOptions): Child;
  /** Starts a worker and waits until it takes up work. */
  worker(env?: Record<string, string>): Promise<Child>;
  /** Runs a command to its end. */
  run(args: readonly string[], options?: StartOptions & { withinMs?: number; env?: Record<string, string> }): Promise<Ended>;
  /** Starts `buy --wait` for lines such as `312=200`. */
  buy(...lines: string[]): Child;
  /** Starts `update --wait` for a connection on all numbers of the account. */
  updateAll(): Child;
  disagreements(expected?: Expected): Promise<string[]>;
  /**
   * Waits until only calls of killed workers are under way, then ends their leases (of a minute) at once. Calls of living workers
   * end in milliseconds, so one older than two seconds belongs to a dead worker. Returns how many.
   */
  endLeasesOfTheDead(): Promise<number>;
  /** Ends everything, and fails when a secret was written anywhere. */
  end(): Promise<void>;
}

/** Starts run one after the other. A start needs a core for two seconds, so many at once would be too slow on a small machine. */
let starting: Promise<unknown> = Promise.resolve();

export async function openStage(options: StageOptions = {}): Promise<Stage> {
  const migrated = options.migrated !== false;
  if (migrated) await ensureTemplate();
  const database = await createTestDatabase({ template: migrated });
  const redis = options.redis === false ? null : await startRedis();
  const simulator = await startSimulator({
    apiKey: SECRETS.telnyx,
    numbers: 8_000,
    owned: 600,
    orderMs: 300,
    jobPendingMs: 200,
    visibilityLagMs: { ownership: 300, orders: 300, inventory: 300 },
    latencyMs: { min: 5, max: 30 },
    ...options.simulator,
  });
  const sql = postgres(database.url, { max: 3, onnotice: () => undefined });
  const env: Record<string, string> = {
    DATABASE_URL: database.url,
    ...(redis !== null && { REDIS_URL: redis.url }),
    TELNYX_API_KEY: SECRETS.telnyx,
    TELNYX_BASE_URL: simulator.url,
    PROVISIONER_API_KEYS: `tests:${SECRETS.http}`,
    PROVISIONER_PORT: '0',
    PROVISIONER_SETTLE_SECONDS: '3',
    PROVISIONER_RATE_LIMITS: 'search=50,orders=50,jobs=50,reads=100,ownership=50,messaging=50',
    PROVISIONER_ORDER_SIZE: '20',
    PROVISIONER_BATCH_SIZE: '100',
    PROVISIONER_RECONCILE_CRON: 'off',
    ...options.env,
  };
  const children: Child[] = [];
  const stage: Stage = {
    env,
    sql,
    simulator,
    redis,
    start: (args, extra = {}, how = {}) => {
      const child = start(args, { ...env, ...extra }, how);
      children.push(child);
      return child;
    },
    worker: async (extra = {}) => {
      const turn = starting;
      const child = turn.then(async () => {
        const started = stage.start(['worker'], extra);
        await started.saw('"working"', 60_000);
        return started;
      });
      starting = child.catch(() => undefined);
      return child;
    },
    run: (args, how = {}) => endOf(stage.start(args, how.env, how), how.withinMs ?? 90_000),
    buy: (...lines) => stage.start(['buy', ...lines.flatMap((line) => ['--ndc', line]), ...WAITING]),
    updateAll: () => {
      const [connection] = SIMULATED_ACCOUNT.connectionIds;
      const stdin = simulator.ownedNumbers().join('\n');
      return stage.start(['update', '--numbers', '-', '--set', `connection_id=${connection}`, ...WAITING], {}, { stdin });
    },
    disagreements: (expected) => disagreements(sql, { ledger: simulator.ledger(), owned: simulator.ownedNumbers() }, expected),
    endLeasesOfTheDead: async () => {
      let ended = 0;
      await until(
        'no call of a dead worker is under way',
        async () => {
          const rows = await sql`
          update chunks set lease_until = now() - interval '1 second'
          where state = 'submitting' and submitting_at < now() - interval '2 seconds' and lease_until > now() returning id`;
          ended += rows.length;
          const [left] = await sql<{ n: number }[]>`select count(*)::int as n from chunks where state = 'submitting'`;
          return left?.n === 0;
        },
        { withinMs: 60_000 },
      );
      return ended;
    },
    end: async () => {
      for (const child of children) child.send('SIGKILL');
      const outputs = await Promise.all(children.map((child) => child.ended));
      await sql.end({ timeout: 2 });
      await simulator.stop();
      await redis?.stop();
      await database.drop();
      const password = new URL(database.url).password;
      const leaks = outputs.flatMap((output, i) =>
        [...Object.values(SECRETS), password].some((s) => `${output.stdout}${output.stderr}`.includes(s))
          ? [children[i]?.args.join(' ')]
          : [],
      );
      if (leaks.length > 0) throw new Error(`a secret was written by: ${leaks.join('; ')}`);
    },
  };
  return stage;
}

/**
 * Opens stages for the tests of a file. Each ends with its test, because an idle worker still takes processor time. Tests that run
 * beside each other say `'file'`: their stages end after all of them.
 */
export function useStages(endWith: 'test' | 'file' = 'test'): (options?: StageOptions) => Promise<Stage> {
  const stages: Stage[] = [];
  const endAll = async (): Promise<void> => {
    for (const stage of stages.splice(0)) await stage.end();
  };
  if (endWith === 'test') afterEach(endAll);
  else afterAll(endAll);
  return async (options = {}) => {
    const stage = await openStage(options);
    stages.push(stage);
    return stage;
  };
}
