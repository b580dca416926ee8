import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { openDb } from '../../src/db/client.ts';
import { migrateDatabase } from '../../src/db/migrate.ts';
import { ask, memoryQueue, testServer } from '../support/http-harness.ts';
import { fileDatabase } from '../support/postgres.ts';

const database = await fileDatabase({ beforeEach, afterAll });
await migrateDatabase(database.url);
const [retired, current, foreign] = [
  generateKeyPairSync('ed25519'),
  generateKeyPairSync('ed25519'),
  generateKeyPairSync('ed25519'),
];
const publicText = (key: KeyObject) => key.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64');
const keys = [publicText(retired.publicKey), publicText(current.publicKey)];
const server = await testServer(database.url, { webhookKeys: keys });
afterAll(() => server.close());

const event = (id: string, type = 'number_order.complete', payload: unknown = { id: 'order-1', status: 'success' }) =>
  JSON.stringify({ data: { id, event_type: type, occurred_at: '2026-01-02T03:04:05Z', payload, record_type: 'event' } }, null, 1);

function signed(body: string, key: KeyObject = current.privateKey, ageS = 0) {
  const timestamp = String(Math.floor(Date.now() / 1000) - ageS);
  const signature = sign(null, Buffer.from(`${timestamp}|${body}`), key).toString('base64');
  return { 'content-type': 'application/json', 'telnyx-timestamp': timestamp, 'telnyx-signature-ed25519': signature };
}

const deliver = (body: string, headers: Record<string, string> = signed(body), to = server) =>
  ask(to.app, 'POST', '/webhooks/telnyx', { headers, payload: body });
const stored = async () => (await server.db.sql<{ id: string }[]>`select id from webhook_events order by id`).map((r) => r.id);

it('a signed event is stored once and wakes its order once, however often it comes', async () => {
  const body = event('evt-1');
  const answers = [await deliver(body), await deliver(body), await deliver(body, signed(body, retired.privateKey))];
  expect(answers.map((a) => [a.status, a.body])).toEqual([
    [200, { status: 'new' }],
    [200, { status: 'known' }],
    [200, { status: 'known' }],
  ]);
  expect(await stored()).toContain('evt-1');
  expect(server.queue.jobs.filter((j) => j.id === 'whk-evt-1')).toHaveLength(1);
  const [row] = await server.db.sql<
    { orderId: string; occurredAt: Date }[]
  >`select order_id, occurred_at from webhook_events where id = 'evt-1'`;
  expect([row?.orderId, row?.occurredAt.toISOString()]).toEqual(['order-1', '2026-01-02T03:04:05.000Z']);
});

it('a forged webhook is refused and leaves nothing', async () => {
  const before = [await stored(), server.queue.jobs.length];
  const body = event('evt-forged');
  const forgeries = [
    signed(body, foreign.privateKey),
    signed(body, current.privateKey, 301),
    // The future comes nearer while this waits for its turn; the edge itself is tried on a still clock elsewhere.
    signed(body, current.privateKey, -360),
    signed(`${body} `),
    { 'content-type': 'application/json' },
    { ...signed(body), 'telnyx-signature-ed25519': 'AAAA' },
  ];
  for (const headers of forgeries) {
    const answer = await deliver(body, headers);
    expect([answer.status, answer.body]).toEqual([
      401,
      { error: { code: 'bad_signature', message: expect.any(String), details: [] } },
    ]);
  }
  expect([await stored(), server.queue.jobs.length]).toEqual(before);
});

it('an event of another kind is taken and ignored', async () => {
  const body = event('evt-message', 'message.received', { anything: true });
  expect(await deliver(body)).toMatchObject({ status: 200, body: { status: 'ignored' } });
  expect(await stored()).not.toContain('evt-message');
});

it('what is signed but no event is a 400', async () => {
  for (const body of ['not json', '{}', '{"data":{"id":"x"}}', event('evt-no-order', 'number_order.complete', 'no object')]) {
    expect(await deliver(body)).toMatchObject({ status: 400, body: { error: { code: 'malformed_event' } } });
  }
});

it('an event as Telnyx documents it, without id and status, is taken and stored by our reference only', async () => {
  const reference = `prv-${'0'.repeat(32)}`;
  const documented = event('evt-documented', 'number_order.complete', { customer_reference: reference, phone_numbers: [] });
  expect(await deliver(documented)).toMatchObject({ status: 200, body: { status: 'new' } });
  const theirs = event('evt-theirs', 'number_order.complete', {
    id: 'order-2',
    customer_reference: 'campaign of another program',
  });
  expect(await deliver(theirs)).toMatchObject({ status: 200, body: { status: 'new' } });
  const rows = await server.db.sql`
    select id, order_id, customer_reference from webhook_events where id in ('evt-documented', 'evt-theirs') order by id`;
  expect(rows).toEqual([
    { id: 'evt-documented', orderId: null, customerReference: reference },
    { id: 'evt-theirs', orderId: 'order-2', customerReference: null },
  ]);
  // One that names no order at all can wake nothing; to refuse it would only bring it again.
  const nothing = event('evt-nothing', 'number_order.complete', { phone_numbers: [] });
  expect(await deliver(nothing)).toMatchObject({ status: 200, body: { status: 'ignored' } });
});

const ODD: [string, string][] = [
  ['NUL', 'a\0b'],
  ['half of a surrogate pair', 'a\ud800b'],
  ['a megabyte', 'x'.repeat(1024 * 1024)],
];

it.each(ODD)('a signed event with %s in a field that is stored is a 400 and leaves nothing', async (_what, odd) => {
  const before = [await stored(), server.queue.jobs.length];
  const bodies = [
    event(odd),
    event('evt-odd', `number_order.${odd}`),
    event('evt-odd', 'number_order.complete', { id: odd }),
    event('evt-odd', 'number_order.complete', { id: 'order-1', status: odd }),
    event('evt-odd', 'number_order.complete', { id: 'order-1', customer_reference: `prv-${odd}` }),
  ];
  for (const body of bodies) {
    expect(await deliver(body)).toMatchObject({ status: 400, body: { error: { code: 'malformed_event' } } });
  }
  expect([await stored(), server.queue.jobs.length]).toEqual(before);
});

it('a time that nobody can mean is stored as none, and an id that the queue would refuse has a job all the same', async () => {
  const times = ['+275760-09-13T00:00:00Z', '-271821-04-20T00:00:00Z', 'a\0b', 'x'.repeat(100_000), 17, null];
  for (const [n, occurred_at] of times.entries()) {
    const body = JSON.stringify({
      data: { id: `evt:time:of:${n}`, event_type: 'number_order.complete', occurred_at, payload: { id: 'order-1' } },
    });
    expect(await deliver(body)).toMatchObject({ status: 200, body: { status: 'new' } });
  }
  const rows = await server.db.sql`select occurred_at from webhook_events where id like 'evt:time:%'`;
  expect(rows).toEqual(times.map(() => ({ occurredAt: null })));
  expect(server.queue.jobs.map((j) => j.id)).toContain('whk-evt%3Atime%3Aof%3A0');
});

it('what could not be stored is refused, so that Telnyx delivers it again', async () => {
  const db = openDb('postgres://127.0.0.1:1/none');
  const away = await testServer(database.url, { webhookKeys: keys, producer: { db } });
  expect((await deliver(event('evt-lost'), undefined, away)).status).toBe(503);
  await Promise.all([away.close(), db.close()]);
});

it('a queue that hangs does not keep Telnyx waiting, and the next delivery is taken', async () => {
  const queue = { ...memoryQueue(), add: () => new Promise<void>(() => undefined) };
  const slow = await testServer(database.url, { webhookKeys: keys, producer: { queue }, timings: { webhookMs: 1_000 } });
  expect((await deliver(event('evt-slow'), undefined, slow)).status).toBe(503);
  expect(await deliver(event('evt-slow'), undefined, slow)).toMatchObject({ status: 200, body: { status: 'known' } });
  await slow.close();
});

it('without a public key no webhook is believed', async () => {
  const off = await testServer(database.url);
  expect(await deliver(event('evt-off'), undefined, off)).toMatchObject({
    status: 503,
    body: { error: { code: 'webhooks_off' } },
  });
  await off.close();
});
