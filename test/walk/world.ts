import postgres from 'postgres';
import type { WorkDeps } from '../../src/account/deps.ts';
import { pollEachJob } from '../../src/account/open-jobs.ts';
import { readEachOrder } from '../../src/account/open-orders.ts';
import { checkEach } from '../../src/account/ownership.ts';
import { openSlots } from '../../src/account/slots.ts';
import { openDb } from '../../src/db/client.ts';
import { migrateDatabase } from '../../src/db/migrate.ts';
import { DEFAULT_TIMINGS } from '../../src/domain/timings.ts';
import { placesFor } from '../../src/queues/catalogue.ts';
import { type Simulator, startSimulator } from '../../src/simulator/index.ts';
import { DEFAULT_DEADLINES, gatewayOn } from '../../src/telnyx/client.ts';
import type { RateLimiter } from '../../src/telnyx/pacing/rate-limit.ts';
import { createTransport } from '../../src/telnyx/transport.ts';
import { API_KEY, Outlets } from './outlets.ts';
import { WalkQueue } from './queue.ts';

const START = Date.parse('2026-03-02T08:00:00Z');
/** Job slots of the product and of the account. Jobs of other people can fill the difference. */
const SLOTS = 3;
const JOB_CAP = 4;

/**
 * The largest number of connections that a history needs: one worker stopped in a cursor, and another one with a transaction or
 * cursor and a statement in it.
 */
const CONNECTIONS = 4;

/**
 * All tables that a history writes to, children before parents. Deleting a few rows is much faster than truncating many tables.
 */
export const TABLES = [
  'claims',
  'items',
  'chunks',
  'line_losses',
  'lines',
  'requests',
  'events',
  'drift_again',
  'drift',
  'sightings',
  'reconciliation_runs',
  'webhook_events',
  'phone_numbers',
];

/** One set of real parts that all histories of a process share, each history starting from the same state. */
export interface World {
  deps: WorkDeps;
  simulator: Simulator;
  /** The queue of the present history. */
  queue: WalkQueue;
  /** The output of the history besides calls and rows. */
  outlets: Outlets;
  /** The connection of the checks, apart from the pool that the work uses. */
  sql: postgres.Sql;
  /** What was for sale at the start. */
  onSale: string[];
  now(): number;
  advance(ms: number): void;
  reset(): Promise<void>;
  close(): Promise<void>;
}

export async function openWorld(databaseUrl: string): Promise<World> {
  await migrateDatabase(databaseUrl);
  let now = START;
  let resets = 0;
  const clock = { now: () => new Date(now) };
  const outlets = new Outlets();
  const simulator = await startSimulator({
    apiKey: API_KEY,
    numbers: 400,
    owned: 40,
    now: () => now,
    jobSlots: JOB_CAP,
    jobPerNumberMs: 200,
    rates: { search: 1e6, orders: 1e6, reads: 1e6, jobs: 1e6, messaging: 1e6, ownership: 1e6, numbers: 1e6 },
  });
  // Without pacing, because Bottleneck waits on real timers. Everything behind it is real.
  const limiter: RateLimiter = {
    run: (_family, call) => call({ leaves: () => undefined, ended: () => undefined }),
    observe: () => undefined,
    limits: () => [],
    close: async () => undefined,
  };
  const telnyx = gatewayOn(
    createTransport({
      apiKey: API_KEY,
      baseURL: simulator.url,
      limiter,
      deadlines: DEFAULT_DEADLINES,
      onCall: () => undefined,
    }),
    limiter,
  );
  const db = openDb(databaseUrl, { maxConnections: CONNECTIONS });
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => undefined });
  const newQueue = () =>
    new WalkQueue(
      () => now,
      placesFor(SLOTS),
      (job) => outlets.scan('queue', JSON.stringify(job)),
    );
  const deps: WorkDeps = {
    db,
    queue: newQueue(),
    clock,
    log: outlets.log,
    limits: {
      orderSize: 3,
      batchSize: 4,
      maxNumberCost: '5.00',
      approvalAbove: null,
      selfApproval: false,
      budgets: {},
      prices: {},
    },
    telnyx,
    timings: DEFAULT_TIMINGS,
    openJobs: pollEachJob(DEFAULT_TIMINGS),
    openOrders: readEachOrder(DEFAULT_TIMINGS),
    ownership: checkEach,
    slots: openSlots({ most: SLOTS, clock, count: null, followedHere: () => 0 }),
    pause: async () => undefined,
  };
  const world: World = {
    deps,
    simulator,
    queue: newQueue(),
    outlets,
    sql,
    onSale: await onSaleAt(simulator.controlUrl),
    now: () => now,
    advance: (ms) => {
      now += ms;
    },
    reset: async () => {
      now = START;
      simulator.reset();
      outlets.reset();
      world.queue = newQueue();
      deps.queue = world.queue;
      await sql.unsafe(TABLES.map((table) => `delete from ${table}`).join('; '));
      resets += 1;
      if (resets % 50 === 0) for (const table of TABLES) await sql.unsafe(`vacuum ${table}`);
      await sql`
        update account set gate_open = true, reason_code = null, reason = null, closed_at = null, probe_at = null, balance = null,
          available_credit = null, balance_at = null, limits = null`;
      await sql`insert into phone_numbers select * from walk_start`;
    },
    close: async () => {
      await Promise.all([simulator.stop(), telnyx.close(), db.close(), sql.end({ timeout: 5 })]);
    },
  };
  await noteStart(world);
  return world;
}

async function onSaleAt(controlUrl: string): Promise<string[]> {
  const response = await fetch(`${controlUrl}/_sim/numbers?owned=false`);
  const list: unknown = await response.json();
  return Array.isArray(list) ? list.map(String) : [];
}

/** Keeps the inventory that a first reconciliation would write, without its events: the state before each history. */
async function noteStart({ deps, sql }: World): Promise<void> {
  const page = await deps.telnyx.listNumbers({ pageNumber: 1, pageSize: 250 });
  const at = new Date(START - 86_400_000);
  const rows = page.numbers.map((n) => ({
    phone_number: n.phoneNumber,
    telnyx_id: n.telnyxId,
    state: 'owned',
    status: n.status,
    phone_number_type: n.phoneNumberType,
    country_code: n.countryCode,
    connection_id: n.connectionId,
    messaging_profile_id: n.messagingProfileId ?? null,
    billing_group_id: n.billingGroupId,
    customer_reference: n.customerReference,
    tags: n.tags,
    deletion_lock_enabled: n.deletionLockEnabled ?? null,
    emergency_enabled: n.emergencyEnabled ?? null,
    emergency_status: n.emergencyStatus ?? null,
    emergency_address_id: n.emergencyAddressId,
    external_pin: n.externalPin,
    hd_voice_enabled: n.hdVoiceEnabled ?? null,
    purchased_at: n.purchasedAt,
    last_seen_at: at,
    created_at: at,
    updated_at: at,
  }));
  await sql`create table walk_start (like phone_numbers including defaults)`;
  await sql`insert into walk_start ${sql(rows)}`;
}
