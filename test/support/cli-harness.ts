import { buildRole, type Running } from '../../src/app/roles.ts';
import { runCli } from '../../src/cli/run.ts';
import { realServices } from '../../src/cli/services.ts';
import { loadConfig } from '../../src/config/config.ts';
import { openDb } from '../../src/db/client.ts';
import { createLog } from '../../src/observability/log.ts';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/index.ts';
import { testIo } from './cli-runs.ts';
import { createTestDatabase } from './postgres.ts';
import { ensureTemplate } from './template.ts';

const QUICK = { pollMinMs: 100, pollMaxMs: 500, checkMinMs: 100, backoffMs: 200, sweepMs: 500, orphanMs: 2_000, settleMs: 900 };

export interface Said {
  exit: number;
  out: string;
  err: string;
  /** The one value that `--json` prints. */
  json: () => Record<string, unknown> & { id: string };
}

/** The commands of the product on a database and simulator of their own, with one worker in this process. */
export interface CliStage {
  databaseUrl: string;
  simulator: Simulator;
  sql: ReturnType<typeof openDb>['sql'];
  run(argv: string[], how?: { stdin?: string; canAsk?: boolean; env?: Record<string, string> }): Promise<Said>;
  /** The environment of the commands. */
  env: Record<string, string>;
  close(): Promise<void>;
}

export async function openCliStage(
  options: { simulator?: SimulatorOptions; env?: Record<string, string> } = {},
): Promise<CliStage> {
  await ensureTemplate();
  const database = await createTestDatabase();
  const simulator = await startSimulator({
    owned: 40,
    numbers: 4_000,
    orderMs: 200,
    jobPendingMs: 50,
    visibilityLagMs: { ownership: 0, orders: 0, inventory: 0 },
    ...options.simulator,
  });
  const env = {
    DATABASE_URL: database.url,
    TELNYX_API_KEY: 'KEY_SIM',
    TELNYX_BASE_URL: simulator.url,
    PROVISIONER_RECONCILE_CRON: 'off',
    LOG_LEVEL: 'silent',
    ...options.env,
  };
  const config = loadConfig(env);
  const worker: Running = await buildRole('worker', config, createLog(config.log), { timings: QUICK });
  await worker.lifecycle.start();
  const db = openDb(database.url, { maxConnections: 2 });
  return {
    databaseUrl: database.url,
    simulator,
    sql: db.sql,
    env,
    run: async (argv, how = {}) => {
      const { io, out, err } = testIo(how.stdin ?? '', { ...env, ...how.env });
      io.canAsk = how.canAsk ?? false;
      const exit = await runCli(argv, io, realServices);
      return { exit, out: out(), err: err(), json: () => JSON.parse(out()) };
    },
    close: async () => {
      await worker.lifecycle.stop('the tests are over');
      await db.close();
      await simulator.stop();
      await database.drop();
    },
  };
}
