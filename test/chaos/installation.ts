import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { freePort, type RunningServer, runServer, urlOf } from '../../src/app/embedded-server.ts';
import type { Fault, Ledger, LedgerSummary } from '../../src/simulator/index.ts';
import { type Child, run, start } from '../support/child-process.ts';
import { type PrivateRedis, startRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';
import type { Size } from './plan.ts';

const KEY = 'KEY_CHAOS';

/** A Postgres that can be stopped, and started again on the same port with its data. */
export interface Database {
  url: string;
  stop(): Promise<void>;
  start(): Promise<void>;
}

export interface SimulatorControl {
  faults(faults: Fault[], clear?: boolean): Promise<void>;
  summary(): Promise<LedgerSummary>;
  ledger(): Promise<Ledger>;
  owned(): Promise<string[]>;
}

/** Everything that the product needs, in processes of their own. */
export interface Installation {
  env: Record<string, string>;
  sql: postgres.Sql;
  database: Database;
  redis: PrivateRedis;
  simulator: SimulatorControl;
  close(): Promise<void>;
}

export async function openInstallation(size: Size, seed: number): Promise<Installation> {
  const closers: (() => Promise<unknown> | undefined)[] = [];
  const close = async (): Promise<void> => {
    for (let next = closers.pop(); next !== undefined; next = closers.pop()) await next();
  };
  try {
    const folder = mkdtempSync(join(tmpdir(), 'provisioner-chaos-'));
    // Under root the server runs as another account, which must be able to enter.
    chmodSync(folder, 0o755);
    closers.push(async () => rmSync(folder, { recursive: true, force: true }));
    const database = await openDatabase(join(folder, 'data'));
    closers.push(database.stop);
    const redis = await startRedis({ keepsData: true });
    closers.push(redis.stop);
    const counts = ['--numbers', String(size.onSale), '--owned', String(size.update)];
    const child = start(['simulate', '--port', '0', '--seed', String(seed), ...counts], {});
    closers.push(async () => child.send('SIGKILL'));
    await child.saw('TELNYX_PUBLIC_KEY');
    const base = /TELNYX_BASE_URL=(\S+)/.exec(child.stdout)?.[1] ?? '';
    const key = /TELNYX_API_KEY=(\S+)/.exec(child.stdout)?.[1] ?? KEY;
    const env: Record<string, string> = {
      DATABASE_URL: database.url,
      REDIS_URL: redis.url,
      TELNYX_API_KEY: key,
      TELNYX_BASE_URL: base,
      PROVISIONER_SETTLE_SECONDS: String(size.settleSeconds),
      PROVISIONER_ORDER_SIZE: String(size.orderSize),
      PROVISIONER_BATCH_SIZE: String(size.batchSize),
      PROVISIONER_RATE_LIMITS: 'search=10,orders=10,jobs=10,reads=50,ownership=20',
      PROVISIONER_RECONCILE_CRON: 'off',
    };
    const migrated = await run(['migrate'], env);
    if (migrated.code !== 0) throw new Error(`migrate ended with ${migrated.code}: ${migrated.stderr}`);
    const sql = postgres(database.url, { max: 3, onnotice: () => undefined, backoff: () => 0.3 });
    closers.push(() => sql.end({ timeout: 2 }));
    return { env, sql, database, redis, simulator: controlOf(new URL(base).origin), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openDatabase(pgData: string): Promise<Database> {
  const [port, password] = [await freePort(), 'chaos'];
  let server: RunningServer | null = null;
  // If this process is killed, nobody else stops the server.
  process.once('exit', () => {
    if (server !== null) process.kill(server.pid, 'SIGQUIT');
  });
  const database: Database = {
    url: urlOf(port, password),
    start: async () => {
      server ??= await runServer({ pgData, password, durable: true, port });
    },
    stop: async () => {
      const running = server;
      server = null;
      await running?.stop();
    },
  };
  await database.start();
  return database;
}

function controlOf(origin: string): SimulatorControl {
  const get = async (path: string): Promise<unknown> => (await fetch(`${origin}/_sim/${path}`)).json();
  return {
    faults: async (faults, clear = false) => {
      const response = await fetch(`${origin}/_sim/faults`, { method: 'POST', body: JSON.stringify({ clear, faults }) });
      if (!response.ok) throw new Error(`the simulator refused the faults: ${await response.text()}`);
    },
    // The simulator writes these types itself; see its control.ts.
    summary: async () => (await get('ledger?summary=true')) as LedgerSummary,
    ledger: async () => (await get('ledger')) as Ledger,
    owned: async () => (await get('numbers')) as string[],
  };
}

/** Keeps so many workers running: whoever ends is replaced, as a process manager would. */
export interface Crew {
  /** A worker that has started and works, chosen by `pick` (0 to 1). */
  any(pick: number): Promise<Child>;
  restarts(): number;
  /** Workers that worked and then ended with an error of their own: what they wrote last. */
  crashes(): string[];
  stop(): Promise<void>;
}

export function startCrew(count: number, env: Record<string, string>): Crew {
  const crew = new Set<Child>();
  const crashes: string[] = [];
  let stopping = false;
  let restarts = -count;
  const hire = (): void => {
    if (stopping) return;
    restarts += 1;
    const child = start(['worker'], env);
    crew.add(child);
    void child.ended.then(({ code, stderr }) => {
      crew.delete(child);
      if (code !== null && code !== 0 && stderr.includes('"working"')) crashes.push(`ended with ${code}: ${stderr.slice(-600)}`);
      // One that cannot start (its database is away) is not started a hundred times a second.
      setTimeout(hire, child.stderr.includes('"working"') ? 0 : 1_000);
    });
  };
  for (let i = 0; i < count; i += 1) hire();
  return {
    any: (pick) =>
      until(
        'a worker works',
        () => {
          const ready = [...crew].filter((child) => child.running && child.stderr.includes('"working"'));
          return ready[Math.floor(pick * ready.length)] ?? null;
        },
        { withinMs: 90_000 },
      ),
    restarts: () => restarts,
    crashes: () => crashes,
    stop: async () => {
      stopping = true;
      for (const child of crew) child.send('SIGKILL');
      await Promise.all([...crew].map((child) => child.ended));
    },
  };
}
