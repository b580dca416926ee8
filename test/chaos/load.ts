import { setTimeout as sleep } from 'node:timers/promises';
import type postgres from 'postgres';
import { type BuyLine, createProvisioner, type Provisioner, ProvisioningError } from '../../src/index.ts';
import { SIMULATED_ACCOUNT } from '../../src/simulator/index.ts';
import type { Installation } from './installation.ts';
import { deletesOf, type Size } from './plan.ts';

const AREAS = ['312', '773', '872', '646'];
const CHECK_EVERY_MS = 500;
const ADOPTS_WITHIN_MS = 240_000;

/** All that was asked for, and confirmed. */
export interface Filed {
  buys: number;
  updates: number;
  deletes: number;
  /** Numbers that the buys asked for. */
  asked: number;
  /** Numbers that the deletes named. */
  named: string[];
}

/** Keeps one buy and one update open all the time, so that every fault strikes work. */
export interface Load {
  /** Takes over what the account owns. */
  prepare(): Promise<void>;
  /** Files one more buy, beside the one that is open; resolves to its key. */
  buyMore(quantity: number): Promise<string>;
  /** Files the release of numbers that nobody else works on; does not wait for it. */
  release(): void;
  /** Files no more, and waits for those that are being filed. */
  stop(): Promise<Filed>;
  reconcile(withinMs: number): Promise<string[]>;
  close(): Promise<void>;
}

export function startLoad(at: Installation, size: Size): Load {
  const launcher = createProvisioner({ databaseUrl: at.database.url, redisUrl: at.redis.url });
  const filed: Filed = { buys: 0, updates: 0, deletes: 0, asked: 0, named: [] };
  const filing: Promise<void>[] = [];
  const later = (done: Promise<void>): void => {
    // A failure is reported when the load is stopped.
    done.catch(() => undefined);
    filing.push(done);
  };
  const spare: string[] = [];
  let stopped = false;
  let more = 0;
  const buy = async (key: string, quantity: number): Promise<void> => {
    await insist(() => launcher.buy({ lines: linesOf(quantity) }, { idempotencyKey: key }));
    filed.buys += 1;
    filed.asked += quantity;
  };
  const update = async (numbers: string[]): Promise<void> => {
    const set = { connection_id: SIMULATED_ACCOUNT.connectionIds[filed.updates % 2] };
    await insist(() => launcher.update({ phone_numbers: numbers, set }, { idempotencyKey: `update-${filed.updates}` }));
    filed.updates += 1;
  };
  const release = async (numbers: string[], key: string): Promise<void> => {
    const body = { phone_numbers: numbers, expected_count: numbers.length };
    await insist(() => launcher.delete(body, { idempotencyKey: key }));
    filed.deletes += 1;
    filed.named.push(...numbers);
  };
  const keep = async (kind: string, file: () => Promise<void>, wanted: () => boolean = () => true): Promise<void> => {
    for (; !stopped; await sleep(CHECK_EVERY_MS)) {
      const open = await at.sql`
        select 1 from requests where idempotency_key like ${`${kind}-%`} and finished_at is null limit 1`.catch(() => null);
      if (open?.length === 0 && wanted()) await file();
    }
  };
  return {
    prepare: async () => {
      const owned = size.update + size.delete * deletesOf(size);
      const found = await reconcile(launcher, at.sql, ADOPTS_WITHIN_MS);
      if (!found.some((line) => line.startsWith(`${owned} adopted`))) throw new Error(`not taken over: ${found.join(', ')}`);
      // Numbers of one area lie together, as when all numbers of a region are released.
      const numbers = (await at.simulator.owned()).toSorted();
      spare.push(...numbers.slice(size.update));
      const targets = numbers.slice(0, size.update);
      let buys = 0;
      const nextBuy = async (): Promise<void> => {
        await buy(`buy-${buys}`, size.buy);
        buys += 1;
      };
      later(keep('buy', nextBuy, () => buys < size.buys));
      later(keep('update', () => update(targets)));
    },
    buyMore: async (quantity) => {
      more += 1;
      const key = `more-${more}`;
      await buy(key, quantity);
      return key;
    },
    release: () => {
      const numbers = spare.splice(0, size.delete);
      if (numbers.length > 0) later(release(numbers, `delete-${numbers[0]}`));
    },
    stop: async () => {
      stopped = true;
      await Promise.all(filing);
      return filed;
    },
    reconcile: (withinMs) => reconcile(launcher, at.sql, withinMs),
    close: () => launcher.close(),
  };
}

function linesOf(quantity: number): BuyLine[] {
  return AREAS.map((national_destination_code) => ({
    country_code: 'US',
    phone_number_type: 'local',
    national_destination_code,
    quantity: quantity / AREAS.length,
  }));
}

/** Files a request until it is known to be filed. Its key keeps it the same request, however often the database goes away. */
async function insist(file: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await file();
      return;
    } catch (error) {
      // A refusal ends the run, because nothing that it asks for may be refused.
      if (error instanceof ProvisioningError && error.disposition === 'rejected') throw error;
    }
    await sleep(CHECK_EVERY_MS);
  }
}

/** Starts a reconciliation run. Resolves to its findings, one line each. */
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
    await sleep(CHECK_EVERY_MS);
  }
  return [`the reconciliation did not end within ${withinMs / 1_000} s`];
}
