import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { migrateDatabase } from '../../src/db/migrate.ts';
import { silentLog } from '../../src/observability/log.ts';
import { retryRequest } from '../../src/producers/actions/retry.ts';
import type { ProducerDeps } from '../../src/producers/deps.ts';
import { submitRequest } from '../../src/producers/intake/submit.ts';
import { admin, ask, endAll, memoryQueue, operator, testServer } from '../support/http-harness.ts';
import { migrateBefore, rawClient } from '../support/old-database.ts';
import { fileDatabase } from '../support/postgres.ts';

const database = await fileDatabase({ beforeEach, afterAll, template: false });
const BODY = {
  kind: 'buy',
  label: 'Chicago launch',
  lines: [{ national_destination_code: '312', features: ['sms', 'sms'], quantity: 3 }],
};
/** Of that body, by the version before. */
const HASH = '218a8de7bc908d00688af9704f8bf3bb05e738358cf664b0fd095fc39cc6c4a4';

await migrateBefore(database.url, '0008_key_spaces');
await fillAsBefore();
await migrateDatabase(database.url);
const server = await testServer(database.url);
afterAll(() => server.close());
const { app, db } = server;
const deps: ProducerDeps = {
  db,
  queue: memoryQueue(),
  clock: { now: () => new Date() },
  log: silentLog,
  limits: {
    orderSize: 100,
    batchSize: 1_000,
    maxNumberCost: '5.00',
    approvalAbove: null,
    selfApproval: false,
    budgets: {},
    prices: {},
  },
};

/** A failed buy with a retry under way, a repair, a request of a client, and one whose client chose a key like ours. */
async function fillAsBefore(): Promise<void> {
  const client = rawClient(database.url);
  const row = (id: string, key: string | null, filedBy: string | null, status = 'running') => client`
    insert into requests (id, kind, status, body, steps, asked, idempotency_key, body_hash, filed_by, created_at, updated_at, finished_at)
    values (${id}, 'buy', ${status}, '{}', '[]', 3, ${key}, ${HASH}, ${filedBy}, now(), now(), ${status === 'failed' ? new Date() : null})`;
  await row('req_old', null, null, 'failed');
  await row('req_again', 'retry-req_old', 'req_old');
  await row('req_repair', 'repair-run_1-0123456789abcdef01234567', 'run_1');
  await row('req_client', 'launch-1', null);
  await row('req_sly', 'retry-req_other', null);
  await client.end();
}

const idOf = (body: unknown) => (typeof body === 'object' && body !== null && 'id' in body ? body.id : null);
const post = (key: string, headers: Record<string, string>, payload: object = BODY) =>
  ask(app, 'POST', '/v1/requests', { headers: { ...headers, 'idempotency-key': key }, payload });

describe('an upgrade keeps what was begun before', () => {
  it('every key is in the space that it belongs to', async () => {
    const rows = await db.sql<{ id: string; keySpace: string | null }[]>`select id, key_space from requests order by id`;
    expect(Object.fromEntries(rows.map((r) => [r.id, r.keySpace]))).toEqual({
      req_again: 'internal',
      req_client: 'shared',
      req_old: null,
      req_repair: 'internal',
      req_sly: 'shared',
    });
  });

  it('a retry that was filed before finds its old request', async () => {
    const { request, created } = await retryRequest(deps, 'req_old', 'anna');
    expect([request.id, created]).toEqual(['req_again', false]);
  });

  it("a client's key with the same body finds its old request through every door, with another body it is refused", async () => {
    const answer = await post('launch-1', admin);
    expect([answer.status, idOf(answer.body)]).toEqual([200, 'req_client']);
    for (const keySpace of ['cli', 'library'] as const) {
      const { request, created } = await submitRequest(deps, BODY, { idempotencyKey: 'launch-1', keySpace });
      expect([request.id, created]).toEqual(['req_client', false]);
    }
    expect((await post('launch-1', admin, { ...BODY, label: 'another' })).status).toBe(409);
  });
});

describe('keys have spaces', () => {
  it('the same key of two API keys, of the command line and of the library is four keys', async () => {
    const [anna, otto] = [await post('monday', admin), await post('monday', operator, { ...BODY, label: 'of otto' })];
    const cli = await submitRequest(deps, { ...BODY, label: 'of the cli' }, { idempotencyKey: 'monday', keySpace: 'cli' });
    const library = await submitRequest(
      deps,
      { ...BODY, label: 'of a program' },
      { idempotencyKey: 'monday', keySpace: 'library' },
    );
    expect([anna.status, otto.status, cli.created, library.created]).toEqual([202, 202, true, true]);
    expect(new Set([idOf(anna.body), idOf(otto.body), cli.request.id, library.request.id]).size).toBe(4);
    const again = await post('monday', operator, { ...BODY, label: 'of otto' });
    expect([again.status, idOf(again.body)]).toEqual([200, idOf(otto.body)]);
    const spaces = await db.sql<
      { keySpace: string }[]
    >`select key_space from requests where idempotency_key = 'monday' order by 1`;
    expect(spaces.map((r) => r.keySpace)).toEqual(['cli', 'key:anna', 'key:otto', 'library']);
  });

  it('no client can take the place of a retry or a repair', async () => {
    const { id } = (await submitRequest(deps, { ...BODY, label: 'will fail' })).request;
    const squatted = await post(`retry-${id}`, operator, { ...BODY, label: 'squatter' });
    await endAll(db, id, 'failed');
    const { request, created } = await retryRequest(deps, id, 'anna');
    expect([squatted.status, created, request.filedBy]).toEqual([202, true, id]);
    expect(request.id).not.toBe(idOf(squatted.body));
    expect((await retryRequest(deps, id, 'anna')).request.id).toBe(request.id);
    // Nor find one: it is another request, not a conflict.
    const own = await post(`retry-${id}`, admin, { ...BODY, label: 'of my own' });
    expect([own.status, idOf(own.body) === request.id]).toEqual([202, false]);
  });

  it.each(['', 'a\tb', 'x'.repeat(256), 'a\u007f'])('the key %j is refused', async (idempotencyKey) => {
    await expect(submitRequest(deps, BODY, { idempotencyKey })).rejects.toThrow(/idempotency_key/);
  });

  it('a retry of a label from before, with control characters, is filed without them', async () => {
    const { id } = (await submitRequest(deps, BODY)).request;
    await db.sql`update requests set body = body || '{"label": "tab\\tand \\u202ebidi"}'::jsonb where id = ${id}`;
    await endAll(db, id, 'failed');
    expect((await retryRequest(deps, id, 'anna')).request.label).toBe('taband bidi');
  });
});
