import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import { pino } from 'pino';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { closeGate, openGate } from '../../src/db/account.ts';
import { openDb } from '../../src/db/client.ts';
import { migrateDatabase } from '../../src/db/migrate.ts';
import { tellUsers } from '../../src/db/webhook-messages.ts';
import { DELIVERY_TIMINGS, type DeliveryDeps, deliverDue } from '../../src/outgoing/deliver.ts';
import { readDeliveries } from '../../src/producers/read/deliveries.ts';
import { start } from '../support/child-process.ts';
import { openCliStage } from '../support/cli-harness.ts';
import { fileDatabase } from '../support/postgres.ts';
import { until } from '../support/until.ts';

const SECRET = `whsec_${Buffer.from('a secret that nobody may ever log').toString('base64')}`;
const database = await fileDatabase({ beforeEach, afterAll });
await migrateDatabase(database.url);
const db = openDb(database.url, { maxConnections: 6 });
afterAll(() => db.close());

interface Got {
  id: string;
  type: string;
  data: Record<string, unknown>;
  headers: IncomingHttpHeaders;
  body: string;
}

/** A receiver on loopback that checks each message with the library, and answers as `answer` says. */
async function receiver(answer: (response: ServerResponse, got: Got, nth: number) => void) {
  const got: Got[] = [];
  const server: Server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part: string) => {
      body += part;
    });
    request.on('end', () => {
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
      const { type, data } = verified(body, headers);
      const one = { id: String(request.headers['webhook-id']), type, data, headers: request.headers, body };
      got.push(one);
      answer(response, one, got.filter((g) => g.id === one.id).length);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  open.push(server);
  return { url: `http://127.0.0.1:${address.port}/hook`, got };
}
const open: Server[] = [];
beforeEach(() => {
  now = Date.now();
});

/** What the library says at the time of the test. It refuses a message that is older than five minutes. */
function verified(body: string, headers: Record<string, string>): Pick<Got, 'type' | 'data'> {
  const clock = vi.spyOn(Date, 'now').mockReturnValue(now);
  try {
    return new Webhook(SECRET).verify(body, headers) as Pick<Got, 'type' | 'data'>;
  } finally {
    clock.mockRestore();
  }
}
afterEach(async () => {
  for (const server of open.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
  await db.sql`truncate webhook_messages, webhook_deliveries`;
});

const accept = (response: ServerResponse) => response.writeHead(204).end();
const at = (status: number) => (response: ServerResponse) => response.writeHead(status).end();
let now = Date.now();
const later = (ms: number): void => {
  now += ms;
};
const lines: string[] = [];

function sender(urls: string, more: Partial<DeliveryDeps> & { private?: boolean } = {}) {
  const { webhooks } = loadConfig({
    PROVISIONER_WEBHOOK_URLS: urls,
    PROVISIONER_ALLOW_PRIVATE_WEBHOOKS: more.private === false ? '0' : '1',
  });
  const stopping = new AbortController();
  const deps: DeliveryDeps = {
    db,
    clock: { now: () => new Date(now) },
    log: pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) }),
    ...webhooks,
    timings: { ...DELIVERY_TIMINGS, timeoutMs: 2_000 },
    signal: stopping.signal,
    ...more,
  };
  const [target] = webhooks.targets;
  if (target === undefined) throw new Error('no target');
  return { deliver: () => deliverDue(deps, target), stop: () => stopping.abort() };
}

const tell = (n: number) => tellUsers(db.sql, 'gate.opened', { n }, new Date(now));
const deliveries = async () => (await readDeliveries(db, { limit: 50 })).data;
const ns = (got: readonly Got[]) => got.map((g) => g.data['n']);

describe('a webhook to a user', () => {
  it('is stored with the move that it tells of, signed, and accepted once', async () => {
    const { url, got } = await receiver(accept);
    const { deliver } = sender(`${url}#${SECRET}`);
    await closeGate(db.sql, { code: 'bad_key', reason: 'no such key', at: new Date(now), probeAt: null });
    await openGate(db.sql, { actor: 'anna', at: new Date(now) });
    const dropped = db.sql.begin(async (tx) => {
      await tellUsers(tx, 'gate.opened', {}, new Date(now));
      throw new Error('rolled back');
    });
    await expect(dropped).rejects.toThrow('rolled back');
    expect([await deliver(), await deliver()]).toEqual([2, 0]);
    expect(got.map((g) => [g.type, g.data])).toEqual([
      ['gate.closed', { code: 'bad_key', reason: 'no such key', opens_by_itself: false }],
      ['gate.opened', { by: 'anna' }],
    ]);
    expect(JSON.parse(got[0]?.body ?? '')).toMatchObject({ type: 'gate.closed', timestamp: new Date(now).toISOString() });
    expect(await deliveries()).toMatchObject([
      { type: 'gate.opened', url, status: 'delivered', attempts: 1, last_status: 204 },
      { type: 'gate.closed', status: 'delivered' },
    ]);
  });

  it('comes again after a 500 with the same id and body, and holds up the later ones for a while only', async () => {
    const { url, got } = await receiver((response, { data }, nth) => at(data['n'] === 1 && nth <= 4 ? 500 : 200)(response));
    const { deliver } = sender(`${url}#${SECRET}`);
    for (const n of [1, 2, 3]) await tell(n);
    expect(await deliver()).toBe(0);
    expect(await deliver(), 'it is not due yet').toBe(0);
    expect(ns(got)).toEqual([1]);
    expect((await deliveries()).at(-1)).toMatchObject({
      status: 'pending',
      attempts: 1,
      last_status: 500,
      next_attempt_at: new Date(now + 5_000).toISOString(),
    });
    later(5_000);
    await deliver();
    expect(ns(got), 'the others wait').toEqual([1, 1]);
    later(DELIVERY_TIMINGS.holdMs);
    expect(await deliver()).toBe(2);
    expect(ns(got), 'it no longer holds up the others').toEqual([1, 1, 1, 2, 3]);
    for (const ms of [60_000, 300_000]) {
      later(ms);
      await deliver();
    }
    expect(ns(got)).toEqual([1, 1, 1, 2, 3, 1, 1]);
    const [first, ...again] = got.filter((g) => g.data['n'] === 1);
    for (const one of again) expect([one.id, one.body]).toEqual([first?.id, first?.body]);
    expect((await deliveries()).map((d) => d.status)).toEqual(['delivered', 'delivered', 'delivered']);
  });

  it('keeps the order of the moves', async () => {
    const { url, got } = await receiver(accept);
    const many = Array.from({ length: 30 }, (_, n) => n);
    for (const n of many) await tell(n);
    const senders = [1, 2, 3].map(() => sender(`${url}#${SECRET}`));
    await Promise.all(senders.map((s) => s.deliver()));
    for (const s of senders) await s.deliver();
    expect(ns(got)).toEqual(many);
  });

  it('is never under way twice; when its worker dies, it comes again once the lease is over, and the dead one changes nothing', async () => {
    const held: ServerResponse[] = [];
    const { url, got } = await receiver((response, _, nth) => (nth === 1 ? void held.push(response) : accept(response)));
    const [dying, other] = [sender(`${url}#${SECRET}`, {}), sender(`${url}#${SECRET}`)];
    await tell(1);
    const attempt = dying.deliver();
    await expect.poll(() => got.length).toBe(1);
    expect(await other.deliver()).toBe(0);
    expect(got).toHaveLength(1);
    later(DELIVERY_TIMINGS.leaseMs + 1);
    expect(await other.deliver()).toBe(1);
    held[0]?.writeHead(500).end();
    expect(await attempt).toBe(0);
    expect(got.map((g) => g.id)).toEqual([got[0]?.id, got[0]?.id]);
    expect(await deliveries()).toMatchObject([{ status: 'delivered', attempts: 2, last_status: 204 }]);
  });

  it('comes again after its worker was killed in the middle of the call', async () => {
    const { url, got } = await receiver((response, _, nth) => (nth === 1 ? undefined : accept(response)));
    await tell(1);
    const worker = start(['worker'], {
      DATABASE_URL: database.url,
      TELNYX_API_KEY: 'KEY_SIM',
      TELNYX_BASE_URL: 'http://127.0.0.1:9/v2',
      PROVISIONER_WEBHOOK_URLS: `${url}#${SECRET}`,
      PROVISIONER_ALLOW_PRIVATE_WEBHOOKS: '1',
    });
    await until('the worker calls', () => got.length > 0, { withinMs: 30_000 });
    worker.send('SIGKILL');
    await worker.ended;
    const { deliver } = sender(`${url}#${SECRET}`);
    expect(await deliver()).toBe(0);
    later(DELIVERY_TIMINGS.leaseMs + 30_000);
    expect(await deliver()).toBe(1);
    expect(got.map((g) => g.id)).toEqual([got[0]?.id, got[0]?.id]);
    expect(`${worker.stdout}${worker.stderr}`).not.toContain(SECRET.slice(6));
  });

  it('is given back at once by a worker that stops', async () => {
    const { url, got } = await receiver((response, _, nth) => (nth === 1 ? undefined : accept(response)));
    const [stopping, other] = [sender(`${url}#${SECRET}`), sender(`${url}#${SECRET}`)];
    await tell(1);
    const attempt = stopping.deliver();
    await expect.poll(() => got.length).toBe(1);
    stopping.stop();
    expect([await attempt, await other.deliver()]).toEqual([0, 1]);
    expect(await deliveries()).toMatchObject([{ status: 'delivered', attempts: 1 }]);
  });

  it('is given up after a day, and one that is older than that is not begun', async () => {
    const { url, got } = await receiver(at(503));
    const { deliver } = sender(`${url}#${SECRET}`);
    await tell(1);
    for (let hours = 0; hours <= 26; hours += 2) {
      await deliver();
      later(2 * 3_600_000);
    }
    expect(await deliveries()).toMatchObject([
      { status: 'failed', last_status: 503, last_error: 'the receiver answered with 503' },
    ]);
    const tries = got.length;
    await tellUsers(db.sql, 'gate.opened', { n: 2 }, new Date(now - DELIVERY_TIMINGS.giveUpMs - 1));
    expect([await deliver(), got.length]).toEqual([0, tries]);
  });

  it('never goes to an address that is not public, whatever its name says later, and follows no redirect', async () => {
    const { url, got } = await receiver((response) => response.writeHead(307, { location: url }).end());
    const asked: string[] = [];
    const refused = sender(`${url}#${SECRET}`, { private: false });
    await tell(1);
    expect(await refused.deliver()).toBe(0);
    expect(got).toEqual([]);
    const [delivery] = await deliveries();
    expect(delivery).toMatchObject({ last_status: null, last_error: expect.stringContaining('is not public') });

    // The name leads to loopback at the one time it is asked. Asked again by the connection, it would not resolve at all.
    const named = sender(`${url.replace('127.0.0.1', 'hooks.invalid')}#${SECRET}`, {
      lookup: async (host) => {
        asked.push(host);
        return [{ address: '127.0.0.1', family: 4 }];
      },
    });
    await tell(2);
    await named.deliver();
    expect([asked, ns(got)]).toEqual([['hooks.invalid'], [2]]);
    const last = (await deliveries()).find((d) => d.last_status !== null);
    expect(last).toMatchObject({ status: 'pending', last_status: 307 });
  });

  it('waits no longer than its time for an answer', async () => {
    const { url } = await receiver(() => undefined);
    const { deliver } = sender(`${url}#${SECRET}`, { timings: { ...DELIVERY_TIMINGS, timeoutMs: 100 } });
    await tell(1);
    await deliver();
    expect(await deliveries()).toMatchObject([{ status: 'pending', last_status: null, last_error: 'no answer within 0.1 s' }]);
  });

  it('leaves its secret and its address out of every log line and answer', async () => {
    const { url } = await receiver(at(500));
    await tell(1);
    await sender(`${url}?token=t0psecret#${SECRET}`).deliver();
    await sender(`http://hooks.invalid/in?token=t0psecret#${SECRET}`).deliver();
    expect(lines.filter((line) => line.includes('was not accepted')).length).toBeGreaterThan(2);
    const said = `${lines.join('')}${JSON.stringify(await deliveries())}${JSON.stringify(await db.sql`select * from webhook_deliveries`)}`;
    for (const hidden of [SECRET, SECRET.slice(6), 't0psecret', 'a secret that nobody']) expect(said).not.toContain(hidden);
    expect(lines.join('')).not.toContain('/hook');
  });
});

it('a worker tells of a reconciliation, of a buy that waits for approval, and of its end', async () => {
  const { url, got } = await receiver(accept);
  const stage = await openCliStage({
    env: {
      PROVISIONER_WEBHOOK_URLS: `${url}#${SECRET}`,
      PROVISIONER_ALLOW_PRIVATE_WEBHOOKS: '1',
      PROVISIONER_APPROVAL_ABOVE: '0.50',
      PROVISIONER_SELF_APPROVAL: '1',
    },
  });
  try {
    const told = (type: string) => until(`${type} is told`, () => got.find((g) => g.type === type) ?? null);
    expect(await stage.run(['reconcile'])).toMatchObject({ exit: 0 });
    expect((await told('reconciliation.completed')).data).toMatchObject({ status: 'completed', counts: { adopted: 40 } });
    const { id } = (await stage.run(['buy', '--ndc', '312=2', '--label', 'told', '--yes', '--json'])).json();
    expect((await told('request.awaiting_approval')).data).toMatchObject({ id, label: 'told', counts: { asked: 2, pending: 2 } });
    expect(await stage.run(['approve', id, '--yes'])).toMatchObject({ exit: 0 });
    expect((await told('request.ended')).data).toMatchObject({
      id,
      status: 'succeeded',
      counts: { asked: 2, succeeded: 2 },
      cost: { upfront: expect.stringMatching(/^\d+\.\d\d$/), currency: 'USD' },
      finished_at: expect.any(String),
    });
    await until('all are delivered', async () => {
      const { data } = (await stage.run(['webhooks', '--json'])).json() as unknown as { data: { status: string }[] };
      return data.length === 3 && data.every((d) => d.status === 'delivered');
    });
    expect((await stage.run(['webhooks', '--status', 'delivered'])).out).toMatch(/request\.ended .* delivered +1 /);
  } finally {
    await stage.close();
  }
});
