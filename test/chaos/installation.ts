import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { freePort } from '../../src/app/embedded-postgres/free-port.ts';
import { type RunningServer, runServer, urlOf } from '../../src/app/embedded-postgres/server.ts';
import type { Fault, Ledger, LedgerSummary } from '../../src/simulator/index.ts';
import { run, start } from '../support/child-process.ts';
import { type PrivateRedis, startRedis } from '../support/redis-server.ts';
import { deletesOf, type Size } from './plan.ts';

const KEY = 'KEY_CHAOS';

/** A Postgres that can be stopped, and started again on the same port with its data. */
export interface Database {
  url: string;
  stop(): Promise<void>;
  start(): Promise<void>;
}

export interface SimulatorControl {
  port: number;
  faults(faults: Fault[], clear?: boolean): Promise<void>;
  summary(): Promise<LedgerSummary>;
  ledger(): Promise<Ledger>;
  owned(): Promise<string[]>;
}

/** Everything that the product needs, in processes of their own. */
export interface Installation {
  /** The environment of a worker, without the addresses of Redis and the simulator. Its gates give it those. */
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
    const owned = size.update + size.delete * deletesOf(size);
    const counts = ['--numbers', String(size.onSale), '--owned', String(owned)];
    const child = start(['simulate', '--port', '0', '--seed', String(seed), ...counts], {});
    closers.push(async () => child.send('SIGKILL'));
    await child.saw('TELNYX_PUBLIC_KEY');
    const base = /TELNYX_BASE_URL=(\S+)/.exec(child.stdout)?.[1] ?? '';
    const key = /TELNYX_API_KEY=(\S+)/.exec(child.stdout)?.[1] ?? KEY;
    const env: Record<string, string> = {
      DATABASE_URL: database.url,
      TELNYX_API_KEY: key,
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
    return { env, sql, database, redis, simulator: controlOf(new URL(base)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openDatabase(pgData: string): Promise<Database> {
  const [port, password] = [await freePort(), 'chaos'];
  let server: RunningServer | null = null;
  // When this process is killed, nothing else stops the server.
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

function controlOf({ origin, port }: URL): SimulatorControl {
  const get = async (path: string): Promise<unknown> => (await fetch(`${origin}/_sim/${path}`)).json();
  return {
    port: Number(port),
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
