import { setTimeout as sleep } from 'node:timers/promises';
import type postgres from 'postgres';
import { createProvisioner, type Provisioner } from '../../src/index.ts';
import { SIMULATED_ACCOUNT } from '../../src/simulator/index.ts';
import type { Installation } from './installation.ts';
import type { Size } from './plan.ts';

const AREAS = ['312', '773', '872', '646'];
const LOOK_EVERY_MS = 500;

/** Keeps one buy and one update open all the time, so that every fault strikes work. */
export interface Load {
  /** Takes over what the account owns. */
  prepare(): Promise<void>;
  /** Files no more, and waits for those that are being filed. */
  stop(): Promise<{ buys: number; updates: number }>;
  reconcile(withinMs: number): Promise<string[]>;
  close(): Promise<void>;
}

export function startLoad(at: Installation, size: Size): Load {
  const launcher = createProvisioner({
    databaseUrl: at.env['DATABASE_URL'] ?? '',
    redisUrl: at.env['REDIS_URL'] ?? '',
  });
  const filed = { buys: 0, updates: 0 };
  let stopped = false;
  let loops: Promise<unknown> = Promise.resolve();
  return {
    prepare: async () => {
      const problems = await reconcile(launcher, at.sql, 120_000);
      if (!problems.some((p) => p.startsWith(`${size.update} adopted`)))
        throw new Error(`not taken over: ${problems.join(', ')}`);
      const numbers = await at.simulator.owned();
      const going = (): boolean => !stopped;
      loops = Promise.all([
        keep(
          at.sql,
          'buy',
          () => filed.buys < size.buys && going(),
          going,
          async () => {
            await launcher.buy({ lines: linesOf(size.buy) }, { idempotencyKey: `buy-${filed.buys}` });
            filed.buys += 1;
          },
        ),
        keep(at.sql, 'update', going, going, async () => {
          const set = { connection_id: SIMULATED_ACCOUNT.connectionIds[filed.updates % 2] };
          await launcher.update({ phone_numbers: numbers, set }, { idempotencyKey: `update-${filed.updates}` });
          filed.updates += 1;
        }),
      ]);
    },
    stop: async () => {
      stopped = true;
      await loops;
      return filed;
    },
    reconcile: (withinMs) => reconcile(launcher, at.sql, withinMs),
    close: () => launcher.close(),
  };
}

function linesOf(quantity: number): Record<string, unknown>[] {
  return AREAS.map((national_destination_code) => ({
    country_code: 'US',
    phone_number_type: 'local',
    national_destination_code,
    quantity: quantity / AREAS.length,
  }));
}

/** Files the next request of a kind whenever none is open. The same key is used until it is known to be filed. */
async function keep(
  sql: postgres.Sql,
  kind: 'buy' | 'update',
  wanted: () => boolean,
  going: () => boolean,
  file: () => Promise<void>,
): Promise<void> {
  while (going()) {
    try {
      const open = await sql`select 1 from requests where kind = ${kind} and finished_at is null limit 1`;
      if (open.length === 0 && wanted()) await file();
    } catch {
      // The database is away: a fault of ours. The next round tries again, with the same key.
    }
    await sleep(LOOK_EVERY_MS);
  }
}

/** A run of the reconciliation; resolves to what it found, one line each. */
async function reconcile(launcher: Provisioner, sql: postgres.Sql, withinMs: number): Promise<string[]> {
  const { id } = await launcher.reconcile();
  const end = Date.now() + withinMs;
  while (Date.now() < end) {
    const [run] = await sql<{ status: string; counts: Record<string, number> | null }[]>`
      select status, counts from reconciliation_runs where id = ${id}`;
    if (run?.status === 'completed')
      return Object.entries(run.counts ?? {}).flatMap(([what, n]) =>
        ['adopted', 'missing', 'changed', 'healed', 'surplus'].includes(what) && n > 0 ? [`${n} ${what}`] : [],
      );
    if (run !== undefined && !['queued', 'running'].includes(run.status)) return [`the reconciliation ended as ${run.status}`];
    await sleep(LOOK_EVERY_MS);
  }
  return [`the reconciliation did not end within ${withinMs / 1_000} s`];
}
