import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { openDb } from '../../src/db/client.ts';
import { migrateDatabase } from '../../src/db/migrate.ts';
import { fileDatabase } from '../support/postgres.ts';
import { ask, memoryQueue, testServer } from './http-harness.ts';

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
  for (const body of ['not json', '{}', '{"data":{"id":"x"}}', event('evt-no-order', 'number_order.complete', {})]) {
    expect(await deliver(body)).toMatchObject({ status: 400, body: { error: { code: 'malformed_event' } } });
  }
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
