import { createServer, type Server } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/run.ts';
import { realServices } from '../../src/cli/services.ts';
import { type Db, openDb } from '../../src/db/client.ts';
import { noteWorker } from '../../src/db/workers.ts';
import { ProvisioningError } from '../../src/domain/errors.ts';
import { type Simulator, startSimulator } from '../../src/simulator/index.ts';
import { createTelnyxGateway } from '../../src/telnyx/client.ts';
import { testIo } from '../support/cli-runs.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { ensureTemplate } from '../support/template.ts';

const KEY = 'KEY_of-the-doctor-tests';
const PASSWORD = 'pa55-of-the-doctor';

interface Check {
  name: string;
  status: string;
  text: string;
}

let database: TestDatabase;
let db: Db;
let simulator: Simulator;
const servers: Server[] = [];

beforeAll(async () => {
  await ensureTemplate();
  database = await createTestDatabase();
  db = openDb(database.url, { maxConnections: 2 });
  simulator = await startSimulator({ apiKey: KEY, numbers: 500, owned: 5 });
});
afterEach(() => {
  simulator.faults({ clear: true, faults: [] });
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});
afterAll(async () => {
  await simulator.stop();
  await db.close();
  await database.drop();
});

async function doctor(
  env: Record<string, string> = {},
): Promise<{ exit: number; said: string; of: (name: string) => Check | null }> {
  const { io, out, err } = testIo('', {
    DATABASE_URL: database.url,
    TELNYX_API_KEY: KEY,
    TELNYX_BASE_URL: simulator.url,
    LOG_LEVEL: 'silent',
    ...env,
  });
  const exit = await runCli(['doctor', '--json'], io, realServices);
  const { ok, checks } = JSON.parse(out()) as { ok: boolean; checks: Check[] };
  expect(ok).toBe(exit === 0);
  return { exit, said: out() + err(), of: (name) => checks.find((c) => c.name === name) ?? null };
}

/** A server in place of Telnyx: answers each path with a status and a body. */
async function instead(answer: (path: string) => [number, unknown], headers: Record<string, string> = {}): Promise<string> {
  const server = createServer((req, res) => {
    const [status, body] = answer((req.url ?? '').replace(/\?.*/, ''));
    res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/v2`;
}

const BALANCE = { data: { balance: '10.00', available_credit: '10.00', currency: 'USD' } };
const healthy = (path: string): [number, unknown] => [200, path.endsWith('/balance') ? BALANCE : { data: [] }];

describe('doctor', () => {
  it('proves key, balance, search, job list, clock, webhook key, database, workers; all well is exit 0', async () => {
    await noteWorker(db.sql, { id: 'wrk_a', role: 'up', host: 'host-a', pid: 7, version: '1' });
    const key = Buffer.alloc(32, 7).toString('base64');
    const { exit, of } = await doctor({ TELNYX_PUBLIC_KEY: key });
    expect(exit).toBe(0);
    const names = [
      'Telnyx key',
      'balance',
      'search',
      'batch jobs',
      'Telnyx clock',
      'webhook key',
      'database',
      'clock',
      'migrations',
    ];
    for (const name of [...names, 'workers', 'account gate', 'queue']) expect(of(name), name).toMatchObject({ status: 'ok' });
    expect(of('balance')?.text).toMatch(/^\d+\.\d\d USD, /);
    expect(of('workers')?.text).toBe('1 worker: up on host-a (7)');
  });

  it('warns of what can wait: no webhook key, no worker, no key', async () => {
    await db.sql`delete from workers`;
    const { exit, of } = await doctor({ TELNYX_API_KEY: '' });
    expect(exit).toBe(0);
    for (const name of ['Telnyx key', 'webhook key', 'workers']) expect(of(name), name).toMatchObject({ status: 'warning' });
  });

  it('calls a wrong key a failure: exit 7; and the account gate stays as it was, open or closed', async () => {
    const gate = () => db.sql`select gate_open, reason_code, closed_at, probe_at from account`;
    for (const closed of [false, true]) {
      if (closed) await db.sql`update account set gate_open = false, reason_code = 'bad_key', reason = 'r', closed_at = now()`;
      const before = await gate();
      const { exit, of, said } = await doctor({ TELNYX_API_KEY: 'KEY_wr0ng-key-of-tests' });
      expect([exit, of('Telnyx key')?.status]).toEqual([7, 'failed']);
      expect(said).not.toContain('wr0ng-key-of-tests');
      // An accepted key does not open it either.
      expect((await doctor()).of('account gate')?.status).toBe(closed ? 'warning' : 'ok');
      expect(await gate()).toEqual(before);
    }
    expect(await db.sql`select * from events`).toEqual([]);
    await db.sql`update account set gate_open = true, reason_code = null, reason = null, closed_at = null`;
  });

  it.each([
    ['that nobody answers at', async () => 'http://127.0.0.1:1/v2'],
    ['that is something else', async () => instead(() => [404, {}])],
    ['that answers with an error', async () => instead(() => [502, { errors: [] }])],
    ['that is no address of a service', async () => instead(() => [200, 'hello'])],
  ])('calls a Telnyx %s a failure: exit 7, once', async (_what, url) => {
    const { exit, of } = await doctor({ TELNYX_BASE_URL: await url() });
    expect([exit, of('Telnyx')?.status, of('search')]).toEqual([7, 'failed', null]);
  });

  it.each([
    ['search', '/available_phone_numbers'],
    ['batch jobs', '/phone_numbers/jobs'],
    ['balance', '/balance'],
  ])('calls a key without the permission for %s a failure: exit 7', async (name, path) => {
    const refuse = { errors: [{ code: '10006', title: 'Not authorized' }] };
    const url = await instead((asked) => (asked.endsWith(path) ? [403, refuse] : healthy(asked)));
    const { exit, of } = await doctor({ TELNYX_BASE_URL: url });
    expect([exit, of(name)]).toMatchObject([7, { status: 'failed', text: expect.stringContaining('10006') }]);
  });

  it('tells of an account that sees masked numbers only: exit 1', async () => {
    simulator.faults({ faults: [{ kind: 'masked_numbers' }] });
    const { exit, of } = await doctor();
    expect([exit, of('search')]).toMatchObject([1, { status: 'failed' }]);
    expect(of('search')?.text).toContain('this Telnyx account does not show numbers (its verification level');
    // The key and Telnyx are all right.
    expect(of('Telnyx key')?.status).toBe('ok');
  });

  it('compares the clock with the date of the answers of Telnyx: exit 1 when it is off', async () => {
    const date = new Date(Date.now() - 60_000).toUTCString();
    const { exit, of } = await doctor({ TELNYX_BASE_URL: await instead(healthy, { date }) });
    expect([exit, of('Telnyx clock')?.status]).toEqual([1, 'failed']);
    expect(of('Telnyx clock')?.text).toMatch(/^(59|60)\.\d s ahead of Telnyx/);
  });

  it('warns of an account without credit', async () => {
    const broke = { data: { balance: '-3.50', available_credit: '0.00', currency: 'USD' } };
    const url = await instead((path) => (path.endsWith('/balance') ? [200, broke] : healthy(path)));
    const { exit, of } = await doctor({ TELNYX_BASE_URL: url });
    expect([exit, of('balance')]).toMatchObject([0, { status: 'warning', text: expect.stringContaining('-3.50 USD') }]);
  });

  it('shows no secret of any address, also where Telnyx, Redis or the database fail', async () => {
    const { host, pathname } = new URL(simulator.url);
    const login = `someone:${PASSWORD}`;
    const all = await Promise.all([
      doctor({ TELNYX_BASE_URL: `http://${login}@${host}${pathname}` }),
      doctor({ TELNYX_BASE_URL: `http://${PASSWORD}@127.0.0.1:1/v2` }),
      doctor({ TELNYX_BASE_URL: `${simulator.url}?key=${PASSWORD}` }),
      doctor({ REDIS_URL: `redis://${login}@127.0.0.1:1` }),
      doctor({ DATABASE_URL: `postgres://${login}@127.0.0.1:1/none` }),
      doctor({ DATABASE_URL: database.url.replace(/:\/\/[^@]*@/, `://${login}@`) }),
    ]);
    expect(all.map((one) => one.exit)).toEqual([7, 7, expect.any(Number), 1, 1, 1]);
    for (const { said } of all) expect(said).not.toContain(PASSWORD);
    const own = decodeURIComponent(new URL(database.url).password);
    if (own !== '') for (const { said } of all) expect(said).not.toContain(own);
  });

  it('nor does an error of the gateway, which ends up in rows and in the reason of the gate', async () => {
    const gateway = createTelnyxGateway({ apiKey: KEY, baseURL: `http://someone:${PASSWORD}@127.0.0.1:1/v2` });
    const error = await gateway.balance().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ProvisioningError);
    expect(JSON.stringify([String(error), error])).not.toContain(PASSWORD);
    await gateway.close();
  });
});
