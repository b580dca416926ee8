import postgres from 'postgres';
import { startEmbeddedPostgres } from '../../src/app/embedded-postgres/start.ts';
import { type Simulator, startSimulator } from '../../src/simulator/index.ts';
import { type Child, run, start } from '../support/child-process.ts';
import { until } from '../support/until.ts';
import { type Answer, shoot } from './wire.ts';

const KEYS = {
  viewer: 'viewer-key-of-the-attack',
  operator: 'operator-key-of-the-attack',
  admin: 'admin-key-of-the-attack',
} as const;
export type Role = keyof typeof KEYS;
export const as = (role: Role): Record<string, string> => ({ authorization: `Bearer ${KEYS[role]}` });

/** The number of items of the request that slow readers download. It is more than the buffers of their sockets take. */
const LARGE = 80_000;

/** One `up` process on a database and a simulator of its own, all on loopback. */
export interface Target {
  port: number;
  env: Record<string, string>;
  sql: postgres.Sql;
  up: Child;
  /** A request that has ended, with many items. */
  largeRequest: string;
  owned: readonly string[];
  post(role: Role, path: string, body: unknown): Promise<Answer>;
  /** What Telnyx was told and what the inventory says, as one text: the same before and after every attack. */
  state(): Promise<string>;
  /** Waits until nothing is under way; false when that takes too long. */
  quiet(): Promise<boolean>;
  close(): Promise<void>;
}

export async function openTarget(seed: number): Promise<Target> {
  const closers: (() => Promise<unknown> | undefined)[] = [];
  const close = async (): Promise<void> => {
    for (let next = closers.pop(); next !== undefined; next = closers.pop()) await next();
  };
  try {
    const given = process.env['TEST_DATABASE_URL'] ?? '';
    const server = given === '' ? await startEmbeddedPostgres({ temporary: true }) : null;
    if (server !== null) closers.push(server.stop);
    const simulator = await startSimulator({ apiKey: 'KEY_ATTACK', numbers: 3_000, owned: 300, seed, orderMs: 50 });
    closers.push(() => simulator.stop());
    const env = {
      DATABASE_URL: server?.url ?? given,
      TELNYX_API_KEY: 'KEY_ATTACK',
      TELNYX_BASE_URL: simulator.url,
      TELNYX_PUBLIC_KEY: simulator.publicKey,
      PROVISIONER_API_KEYS: Object.entries(KEYS)
        .map(([role, key]) => `${role}:${key}:${role}`)
        .join(),
      PROVISIONER_PORT: '0',
      PROVISIONER_RECONCILE_CRON: 'off',
      PROVISIONER_RATE_LIMITS: 'search=50,orders=50,jobs=50,reads=100,ownership=50',
    };
    const migrated = await run(['migrate'], env);
    if (migrated.code !== 0) throw new Error(`migrate ended with ${migrated.code}: ${migrated.stderr}`);
    const up = start(['up'], env);
    closers.push(async () => {
      up.send('SIGKILL');
      await up.ended;
    });
    await up.saw('listening on', 60_000);
    const port = Number(/listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(`${up.stdout}${up.stderr}`)?.[1]);
    const sql = postgres(env.DATABASE_URL, { max: 2, onnotice: () => undefined });
    closers.push(() => sql.end({ timeout: 2 }));
    const target = targetOf({ port, env, sql, up, simulator, close });
    return { ...target, largeRequest: await prepare(target, sql) };
  } catch (error) {
    await close();
    throw error;
  }
}

type Parts = Pick<Target, 'port' | 'env' | 'sql' | 'up' | 'close'> & { simulator: Simulator };

function targetOf({ simulator, ...parts }: Parts): Omit<Target, 'largeRequest'> {
  const { port, sql } = parts;
  return {
    ...parts,
    owned: simulator.ownedNumbers(),
    post: (role, path, body) =>
      shoot(port, {
        method: 'POST',
        path,
        headers: { ...as(role), 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    state: async () => {
      const { bought, released, changed, orders } = simulator.ledger();
      const [rows] = await sql<{ n: number; hash: string }[]>`
        select count(*)::int as n, md5(string_agg(concat_ws('|', phone_number, state, status, tags::text, connection_id,
          billing_group_id, messaging_profile_id, customer_reference, deletion_lock_enabled, emergency_enabled), ';' order by phone_number)) as hash
        from phone_numbers`;
      const told = [bought, orders, released, changed].map((list) => list.length);
      return `${told.join('/')} bought/ordered/released/changed at Telnyx; inventory of ${rows?.n}: ${rows?.hash}`;
    },
    quiet: async () => {
      const isQuiet = async (): Promise<boolean> => {
        const [open] = await sql<{ n: number }[]>`
          select (select count(*) from requests where finished_at is null and status <> 'awaiting_approval')::int
            + (select count(*) from reconciliation_runs where finished_at is null)::int as n`;
        return open?.n === 0;
      };
      return until('nothing is under way', isQuiet, { withinMs: 45_000 }).then(
        () => true,
        () => false,
      );
    },
  };
}

/** Fills the inventory by a first reconciliation, and makes one valid update for slow readers and role checks. */
async function prepare(target: Omit<Target, 'largeRequest'>, sql: postgres.Sql): Promise<string> {
  const started = await target.post('operator', '/v1/reconciliations', {});
  if ((started.status ?? 500) >= 300) throw new Error(`no reconciliation: ${started.status} ${started.body}`);
  await target.quiet();
  const [number] = target.owned;
  const body = { kind: 'update', phone_numbers: [number], set: { add_tags: ['attacked'] } };
  const made = await target.post('operator', '/v1/requests', body);
  const id = /"id":"([^"]+)"/.exec(made.body)?.[1];
  if (id === undefined) throw new Error(`no request: ${made.status} ${made.body}`);
  if (!(await target.quiet())) throw new Error('the first request does not end');
  await sql`
    insert into items (request_id, position, phone_number, status, reason_code, reason, updated_at)
    select ${id}, n, '+1999' || lpad(n::text, 7, '0'), 'cancelled', 'cancelled', repeat('x', 80), now()
    from generate_series(10, ${LARGE}::int) as n`;
  return id;
}
