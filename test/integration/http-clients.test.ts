import { get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { json } from 'node:stream/consumers';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { migrateDatabase } from '../../src/db/migrate.ts';
import { admin, ask, basic, endAll, operator, own, testServer, viewer } from '../support/http-harness.ts';
import { fileDatabase } from '../support/postgres.ts';
import { until } from '../support/until.ts';

const database = await fileDatabase({ beforeEach, afterAll });
await migrateDatabase(database.url);
const server = await testServer(database.url);
const { app, db } = server;
const address = new URL(await app.listen({ host: '127.0.0.1', port: 0 }));
afterAll(() => server.close());

const failure = z.strictObject({
  error: z.strictObject({
    code: z.string(),
    message: z.string(),
    details: z.array(z.strictObject({ path: z.string(), message: z.string() })),
  }),
});
const errorOf = (body: unknown) => failure.parse(body).error;
const requestCount = async () => (await db.sql<{ n: number }[]>`select count(*)::int as n from requests`)[0]?.n ?? -1;
const idOf = (body: unknown) => z.object({ id: z.string() }).parse(body).id;
const numbers = (area: string, count: number) => Array.from({ length: count }, (_, i) => `+1${area}${5_550_000 + i}`);
const update = (where: object) => ({ kind: 'update', where, set: { add_tags: ['x'] } });

/** Sends bytes as they are, and gives the whole answer. */
async function raw(bytes: string): Promise<{ status: number; head: string; body: unknown }> {
  const socket = connect(Number(address.port), address.hostname);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await new Promise<void>((resolve, reject) => {
    socket.on('close', () => resolve()).on('error', reject);
    socket.write(bytes);
  });
  const [head = '', body = ''] = Buffer.concat(chunks).toString('utf8').split('\r\n\r\n');
  return { status: Number(head.split(' ')[1]), head: head.toLowerCase(), body: JSON.parse(body) };
}

describe('a filter never matches by pattern', () => {
  it('over HTTP "%" matches nothing and changes nothing: it is refused in a body and in a query', async () => {
    await own(db, [...numbers('312', 3), ...numbers('313', 2)], { tags: ['%', 'solar'] });
    const before = await requestCount();
    for (const field of ['national_destination_code', 'connection_id', 'status', 'country_code', 'bought_by']) {
      const body = await ask(app, 'POST', '/v1/requests', { payload: update({ [field]: '%' }) });
      const query = await ask(app, 'GET', `/v1/numbers?${field}=%25`);
      expect([body.status, errorOf(body.body).details[0]?.path]).toEqual([422, `where.${field}`]);
      expect([query.status, errorOf(query.body).details[0]?.path]).toEqual([422, field]);
    }
    expect(await requestCount()).toBe(before);
  });

  it('what passes is compared exactly: an area code is three digits of a number of +1, a tag is that tag', async () => {
    await own(db, ['+31212345678', '+13123121234', '+12123125555']);
    const found = async (query: string) =>
      z
        .object({ data: z.array(z.object({ phone_number: z.string() })) })
        .parse((await ask(app, 'GET', `/v1/numbers?limit=500&${query}`)).body)
        .data.map((n) => n.phone_number);
    expect(await found('national_destination_code=312')).toEqual(['+13123121234', ...numbers('312', 3)].sort());
    expect(await found('national_destination_code=212')).toEqual(['+12123125555']);
    expect(await found('tag=%25')).toEqual([...numbers('312', 3), ...numbers('313', 2)]);
    expect(await found('tag=sol')).toEqual([]);
    expect(await found('customer_reference=%25')).toEqual([]);
  });

  it('a filter that matches most of a large inventory is noted in the log', async () => {
    await own(db, numbers('415', 150), { tags: ['most'] });
    const { body } = await ask(app, 'POST', '/v1/requests', { payload: update({ tag: 'most' }) });
    const line = server
      .logged()
      .split('\n')
      .find((text) => text.includes('the filter matches 150 of'));
    expect(line).toContain(idOf(body));
  });
});

describe('text is text', () => {
  it('NUL is a 422 in a path, a query, a header and a body at any depth, and nothing is stored', async () => {
    const before = await requestCount();
    for (const url of ['/v1/requests/%00', '/v1/requests/a%00/items', '/v1/numbers/%00', '/v1/reconciliations/x%00/drift'])
      expect([url, (await ask(app, 'GET', url)).status]).toEqual([url, 422]);
    for (const url of [
      '/v1/numbers?tag=%00',
      '/v1/numbers?customer_reference=a%00',
      '/v1/requests?cursor=%00',
      '/v1/numbers?%00=1',
    ])
      expect([url, (await ask(app, 'GET', url)).status]).toEqual([url, 422]);
    for (const act of ['cancel', 'approve', 'retry'])
      expect((await ask(app, 'POST', `/v1/requests/%00/${act}`)).status).toBe(422);
    for (const text of ['\0', '\ud800', 'x\udfff']) {
      for (const payload of [
        { kind: 'buy', label: text, lines: [{ quantity: 1 }] },
        { kind: 'buy', lines: [{ quantity: 1, locality: text }] },
        { kind: 'buy', phone_numbers: [text] },
        { kind: 'update', phone_numbers: [`+1312555010${text}`], set: { tags: [] } },
        update({ tag: text }),
        { ...update({ tag: 'x' }), set: { customer_reference: text } },
        { ...update({ tag: 'x' }), set: { voice: { translated_number: text } } },
        { ...update({ tag: 'x' }), set: { [text]: 1 } },
        { ...update({ tag: 'x' }), [text]: 1 },
      ])
        expect((await ask(app, 'POST', '/v1/requests', { payload })).status).toBe(422);
    }
    expect(await requestCount()).toBe(before);
  });

  it('an Idempotency-Key with control characters is refused', async () => {
    const headers = { ...admin, 'idempotency-key': 'a\tb' };
    const { status, body } = await ask(app, 'POST', '/v1/requests', { headers, payload: update({ tag: 'most' }) });
    expect([status, errorOf(body).code]).toEqual([422, 'validation_failed']);
  });

  it('a CSV neutralises what a spreadsheet would calculate, and leaves phone numbers as they are', async () => {
    const { body } = await ask(app, 'POST', '/v1/requests', {
      payload: { kind: 'update', phone_numbers: numbers('312', 2), set: { tags: [] } },
    });
    const id = idOf(body);
    await endAll(db, id, 'failed');
    await db.sql`update items set reason = '=cmd|x' where request_id = ${id}`;
    const csv = (await ask(app, 'GET', `/v1/requests/${id}/items.csv`)).text.trimEnd().split('\n');
    expect(csv.slice(1).map((row) => row.split(',').slice(0, 4))).toEqual(
      numbers('312', 2).map((n) => [n, 'failed', 'inventory_exhausted', "'=cmd|x"]),
    );
  });
});

describe('everything is bounded', () => {
  it('a body nested 100,000 deep, or with 400,000 codes, is a 422 at once', async () => {
    const headers = { ...admin, 'content-type': 'application/json' };
    const deep = `{"kind":"update","phone_numbers":["+13125550100"],"set":${'{"voice":'.repeat(100_000)}1${'}'.repeat(100_000)}}`;
    const codes = JSON.stringify({
      kind: 'buy',
      lines: [{ quantity: 1, fallback: { national_destination_codes: Array.from({ length: 400_000 }, () => '312') } }],
    });
    for (const payload of [deep, codes, '['.repeat(100_000) + ']'.repeat(100_000)]) {
      const begun = performance.now();
      const { status, text } = await ask(app, 'POST', '/v1/requests', { headers, payload });
      expect([status, text.length < 2_000]).toEqual([422, true]);
      expect(performance.now() - begun).toBeLessThan(3_000);
    }
  });

  it('an error answer has a size, whatever was wrong how often', async () => {
    const many = Array.from({ length: 400 }, (_, i) => ({ quantity: 0, [`field${i}`]: 'x'.repeat(1_900) }));
    const bodies = [
      { kind: 'buy', lines: many },
      { kind: 'update', phone_numbers: Array.from({ length: 50_000 }, (_, i) => `nonsense ${i}`), set: { tags: [] } },
      { kind: 'update', phone_numbers: ['y'.repeat(1_900_000)], set: { tags: [] } },
      { kind: 'buy', lines: [{ quantity: 1, administrative_area: 'z'.repeat(1_900) }] },
    ];
    for (const payload of bodies) {
      const { status, text, body } = await ask(app, 'POST', '/v1/requests', { payload });
      expect([status, text.length < 100_000, errorOf(body).details.length <= 101]).toEqual([422, true, true]);
    }
    const first = errorOf((await ask(app, 'POST', '/v1/requests', { payload: bodies[0] ?? {} })).body);
    expect(first.details.at(-1)).toEqual({ path: '', message: 'and 700 more' });
  });

  it('a second reconciliation by hand, while one waits for its worker, is that one', async () => {
    const start = (payload: object) => ask(app, 'POST', '/v1/reconciliations', { headers: operator, payload });
    const all = await Promise.all([{}, {}, { repair: true }, {}, { repair: true }].map(start));
    expect(all.map((a) => a.status)).toEqual([202, 202, 202, 202, 202]);
    expect(new Set(all.map((a) => idOf(a.body))).size).toBe(2);
    await db.sql`update reconciliation_runs set status = 'running', started_at = now() where repair = false`;
    expect(all.map((a) => idOf(a.body))).not.toContain(idOf((await start({})).body));
  });

  it('one API key watches 20 requests at once, and takes no place of another key', async () => {
    const id = idOf((await ask(app, 'POST', '/v1/requests', { payload: { kind: 'buy', lines: [{ quantity: 1 }] } })).body);
    const url = new URL(`/v1/requests/${id}/events`, address);
    const watch = (headers: Record<string, string>) =>
      new Promise<IncomingMessage>((resolve, reject) => {
        get(url, { agent: false, headers: { ...headers, accept: 'text/event-stream' } }, resolve).on('error', reject);
      });
    const twenty = await Promise.all(Array.from({ length: 20 }, () => watch(viewer)));
    expect(twenty.map((a) => a.statusCode)).toEqual(Array<number>(20).fill(200));
    const more = await watch(viewer);
    expect([more.statusCode, more.headers['retry-after'], errorOf(await json(more)).code]).toEqual([
      429,
      '5',
      'too_many_streams',
    ]);
    const other = await watch(operator);
    expect(other.statusCode).toBe(200);
    for (const answer of [...twenty, other]) answer.destroy();
    await until('the places are free again', async () => {
      const again = await watch(viewer);
      again.destroy();
      return again.statusCode === 200;
    });
  });
});

describe('who knocks', () => {
  it('wrong keys are slowed down and logged with their address, and a right key opens all the same', async () => {
    const guess = (n: number) =>
      ask(app, 'GET', '/v1/requests', { headers: { authorization: `Bearer guess-${n}` }, remoteAddress: '192.0.2.7' });
    const answers = [];
    for (let n = 0; n < 25; n += 1) answers.push(await guess(n));
    expect(answers.map((a) => a.status)).toEqual([...Array<number>(20).fill(401), ...Array<number>(5).fill(429)]);
    const last = answers.at(-1);
    expect([errorOf(last?.body).code, Number(last?.headers['retry-after']) > 0]).toEqual(['too_many_wrong_keys', true]);
    const page = await ask(app, 'GET', '/', { headers: basic('anna', 'guess'), remoteAddress: '192.0.2.7' });
    const board = await ask(app, 'GET', '/queues', { headers: basic('anna', 'guess'), remoteAddress: '192.0.2.7' });
    expect([page.status, board.status]).toEqual([429, 429]);
    // Behind a proxy others share the address.
    expect((await ask(app, 'GET', '/v1/requests', { remoteAddress: '192.0.2.7' })).status).toBe(200);
    const other = await ask(app, 'GET', '/v1/requests', {
      headers: { authorization: 'Bearer guess' },
      remoteAddress: '192.0.2.8',
    });
    expect(other.status).toBe(401);
    const lines = server
      .logged()
      .split('\n')
      .filter((line) => line.includes('"remote":"192.0.2.7"'));
    expect(lines).toHaveLength(21);
    expect(server.logged()).not.toMatch(/guess-\d/);
  });
});

describe('one error shape', () => {
  const long = 'x'.repeat(300);

  it.each([
    ['/v1/requests/%E0%A4%A', 400, 'bad_url'],
    ['/v1/requests/%ed%a0%80', 400, 'bad_url'],
    [`/v1/requests/${long}`, 414, 'url_too_long'],
    ['/nowhere', 404, 'not_found'],
    [`/${'y'.repeat(8_000)}`, 404, 'not_found'],
    ['//v1//requests', 404, 'not_found'],
    ['/v1/requests?limit=1&limit=2', 422, 'validation_failed'],
  ])('GET %s is a %i %s in the error shape', async (url, status, code) => {
    const answer = await ask(app, 'GET', url);
    expect([answer.status, errorOf(answer.body).code, answer.text.length < 1_000]).toEqual([status, code, true]);
    expect(answer.headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' });
  });

  it.each([
    ['headers beyond 16 KiB', `GET / HTTP/1.1\r\nhost: x\r\nx-long: ${'a'.repeat(20_000)}\r\n\r\n`, 431, 'headers_too_large'],
    ['an address beyond 16 KiB', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`, 431, 'headers_too_large'],
    ['no HTTP', 'hello\r\n\r\n', 400, 'bad_request'],
    ['NUL in a header', 'GET / HTTP/1.1\r\nhost: x\r\nidempotency-key: a\0b\r\n\r\n', 400, 'bad_request'],
    ['no host', 'GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n', 400, 'bad_request'],
    [
      'an expectation',
      'GET /healthz HTTP/1.1\r\nhost: x\r\nexpect: magic\r\nconnection: close\r\n\r\n',
      417,
      'expectation_failed',
    ],
  ])('%s is answered in the error shape', async (_what, bytes, status, code) => {
    const answer = await raw(bytes);
    expect([answer.status, errorOf(answer.body).code]).toEqual([status, code]);
    expect(answer.head).toContain('content-type: application/json');
    expect(answer.head).toContain('x-content-type-options: nosniff');
  });
});
