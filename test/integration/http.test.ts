import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openDb } from '../../src/db/client.ts';
import { migrateDatabase } from '../../src/db/migrate.ts';
import { buildServer } from '../../src/http/server.ts';
import { admin, ask, basic, endAll, operator, own, testServer, viewer } from '../support/http-harness.ts';
import { fileDatabase } from '../support/postgres.ts';

const database = await fileDatabase({ beforeEach, afterAll });
await migrateDatabase(database.url);
const server = await testServer(database.url);
const { app, db, queue } = server;
afterAll(() => server.close());

const submitted = z.object({ id: z.string(), status: z.string(), counts: z.object({ asked: z.number() }) });
const failure = z.strictObject({
  error: z.strictObject({
    code: z.string(),
    message: z.string(),
    details: z.array(z.object({ path: z.string(), message: z.string() })),
  }),
});
const codeOf = (body: unknown) => failure.parse(body).error.code;
const page = z.object({ data: z.array(z.record(z.string(), z.unknown())), next_cursor: z.string().nullable() });

const buy = (label: string, quantity = 3) => ({ kind: 'buy', label, lines: [{ national_destination_code: '312', quantity }] });
const submit = async (payload: object) => submitted.parse((await ask(app, 'POST', '/v1/requests', { payload })).body);
const requestCount = async () => (await db.sql<{ n: number }[]>`select count(*)::int as n from requests`)[0]?.n;
const numbers = (from: number, count: number) => Array.from({ length: count }, (_, i) => `+1312${5_000_000 + from + i}`);

describe('submitting', () => {
  it('stores the request, enqueues its work and answers 202 with it', async () => {
    const { status, body, headers } = await ask(app, 'POST', '/v1/requests', { payload: buy('first') });
    expect(status).toBe(202);
    expect(body).toMatchObject({
      kind: 'buy',
      status: 'queued',
      label: 'first',
      counts: { asked: 3, pending: 3 },
      finished_at: null,
      error: null,
    });
    const { id } = submitted.parse(body);
    expect(headers['location']).toBe(`/v1/requests/${id}`);
    expect(queue.jobs.filter((j) => j.name === 'line.fill' && j.payload.requestId === id)).toHaveLength(1);
    expect((await ask(app, 'GET', `/v1/requests/${id}`)).body).toEqual(body);
  });

  it('the same idempotency key and body gives the same request, another body 409 and nothing stored', async () => {
    const headers = { ...admin, 'idempotency-key': 'launch-1' };
    const first = await ask(app, 'POST', '/v1/requests', { headers, payload: buy('idem') });
    const again = await ask(app, 'POST', '/v1/requests', { headers, payload: buy('idem') });
    const before = await requestCount();
    const other = await ask(app, 'POST', '/v1/requests', { headers, payload: buy('idem', 4) });
    expect([first.status, again.status, other.status]).toEqual([202, 200, 409]);
    expect(submitted.parse(again.body).id).toBe(submitted.parse(first.body).id);
    expect(codeOf(other.body)).toBe('idempotency_conflict');
    expect(await requestCount()).toBe(before);
  });

  it('ten submissions at once with one idempotency key make one request', async () => {
    const headers = { ...admin, 'idempotency-key': 'at-once' };
    const before = (await requestCount()) ?? 0;
    const all = await Promise.all(
      Array.from({ length: 10 }, () => ask(app, 'POST', '/v1/requests', { headers, payload: buy('race') })),
    );
    expect(all.map((a) => a.status).sort()).toEqual([...Array<number>(9).fill(200), 202]);
    expect(new Set(all.map((a) => submitted.parse(a.body).id)).size).toBe(1);
    expect(await requestCount()).toBe(before + 1);
  });

  it('a wrong body is refused with every problem at once and nothing stored', async () => {
    const before = await requestCount();
    const payload = {
      kind: 'buy',
      lines: [
        { national_destination_code: '999', quantity: 1 },
        { country_code: 'XX', quantity: 1 },
      ],
      phone_numbers: ['nonsense'],
    };
    const { status, body } = await ask(app, 'POST', '/v1/requests', { payload });
    expect(status).toBe(422);
    expect(failure.parse(body).error.details.map((d) => d.path)).toEqual([
      'lines.0.national_destination_code',
      'lines.1.country_code',
      'phone_numbers.0',
    ]);
    expect(await requestCount()).toBe(before);
  });

  it('wrong and repeated numbers of a good body are told by their place, both at once', async () => {
    const before = await requestCount();
    const [one = '', two = ''] = numbers(0, 2);
    const payload = { kind: 'update', phone_numbers: [one, 'nonsense', two, one, two], set: { tags: [] } };
    const { status, body } = await ask(app, 'POST', '/v1/requests', { payload });
    expect([status, failure.parse(body).error.details]).toEqual([
      422,
      [
        { path: 'phone_numbers.1', message: '"nonsense" is not an E.164 number such as +13125550100' },
        { path: 'phone_numbers.3', message: `"${one}" is in the list already, at phone_numbers.0` },
        { path: 'phone_numbers.4', message: `"${two}" is in the list already, at phone_numbers.2` },
      ],
    ]);
    expect(await requestCount()).toBe(before);
  });

  it('a filter that matches nothing is told at where, but a delete is held to its expected count first', async () => {
    const where = { tag: 'nobody-has-it' };
    const update = await ask(app, 'POST', '/v1/requests', { payload: { kind: 'update', where, set: { tags: [] } } });
    expect([update.status, failure.parse(update.body).error.details]).toEqual([
      422,
      [{ path: 'where', message: 'matches no number' }],
    ]);
    const release = await ask(app, 'POST', '/v1/requests', { payload: { kind: 'delete', where, expected_count: 3 } });
    expect([release.status, codeOf(release.body)]).toEqual([409, 'expected_count_mismatch']);
  });

  it('an update of 100,000 numbers fits into one body', async () => {
    const many = Array.from({ length: 100_000 }, (_, i) => `+1773${2_000_000 + i}`);
    const { status, body } = await ask(app, 'POST', '/v1/requests', {
      payload: { kind: 'update', phone_numbers: many, set: { tags: ['x'] } },
    });
    expect(status).toBe(202);
    expect(submitted.parse(body).counts.asked).toBe(100_000);
  });

  it('a delete whose count is wrong, or that names a stranger, is a 409 and deletes nothing', async () => {
    await own(db, numbers(0, 2));
    const wrongCount = await ask(app, 'POST', '/v1/requests', {
      payload: { kind: 'delete', phone_numbers: numbers(0, 2), expected_count: 3 },
    });
    const stranger = await ask(app, 'POST', '/v1/requests', {
      payload: { kind: 'delete', phone_numbers: ['+13125999999'], expected_count: 1 },
    });
    expect([wrongCount.status, codeOf(wrongCount.body)]).toEqual([409, 'expected_count_mismatch']);
    expect([stranger.status, codeOf(stranger.body)]).toEqual([409, 'not_in_inventory']);
  });

  it('what is no JSON is a 400, and another content type a 415', async () => {
    const json = { ...admin, 'content-type': 'application/json' };
    const broken = await ask(app, 'POST', '/v1/requests', { headers: json, payload: '{"kind":' });
    const plain = await ask(app, 'POST', '/v1/requests', { headers: { ...admin, 'content-type': 'text/plain' }, payload: '{}' });
    expect([broken.status, codeOf(broken.body)]).toEqual([400, 'invalid_json']);
    expect([plain.status, codeOf(plain.body)]).toEqual([415, 'unsupported_media_type']);
  });
});

describe('acting on a request', () => {
  it('cancel works with an empty body that is called JSON, and ends what was not sent', async () => {
    const { id } = await submit(buy('to cancel'));
    const { status, body } = await ask(app, 'POST', `/v1/requests/${id}/cancel`, {
      headers: { ...operator, 'content-type': 'application/json' },
      payload: '',
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: 'cancelled', counts: { cancelled: 3, pending: 0 } });
  });

  it('approve lets a dear buy go and notes who did it; a second approve is a 409', async () => {
    const { id, status } = await submit({ ...buy('dear', 5_000) });
    expect(status).toBe('awaiting_approval');
    const approved = await ask(app, 'POST', `/v1/requests/${id}/approve`, { headers: operator });
    const again = await ask(app, 'POST', `/v1/requests/${id}/approve`, { headers: operator });
    expect(approved.body).toMatchObject({ status: 'queued', error: null });
    expect([again.status, codeOf(again.body)]).toEqual([409, 'not_awaiting_approval']);
    const [event] = await db.sql<{ actor: string }[]>`select actor from events where request_id = ${id} and cause = 'approved'`;
    expect(event?.actor).toBe('otto');
  });

  it('retry files what failed as a new request, once', async () => {
    const { id } = await submit(buy('to retry'));
    expect(codeOf((await ask(app, 'POST', `/v1/requests/${id}/retry`)).body)).toBe('not_ended');
    await endAll(db, id, 'failed');
    const first = await ask(app, 'POST', `/v1/requests/${id}/retry`);
    const again = await ask(app, 'POST', `/v1/requests/${id}/retry`);
    expect([first.status, again.status]).toEqual([202, 200]);
    expect(submitted.parse(first.body)).toMatchObject({ counts: { asked: 3 } });
    expect(submitted.parse(again.body).id).toBe(submitted.parse(first.body).id);
  });

  it('what is not there is a 404 in the error shape, whatever is asked of it', async () => {
    const gets = ['', '/items', '/items.csv', '/chunks', '/events'].map((end) => ask(app, 'GET', `/v1/requests/req_none${end}`));
    const posts = ['cancel', 'approve', 'retry'].map((act) => ask(app, 'POST', `/v1/requests/req_none/${act}`));
    const others = [
      '/v1/numbers/+13125550000',
      '/v1/reconciliations/run_none',
      '/v1/reconciliations/run_none/drift',
      '/v1/reconciliations/run_none/drift.csv',
      '/v1/nothing',
    ].map((url) => ask(app, 'GET', url));
    for (const answer of await Promise.all([...gets, ...posts, ...others]))
      expect([answer.status, codeOf(answer.body)]).toEqual([404, 'not_found']);
  });
});

describe('lists', () => {
  it('pages of items add up to all items, each once, and the CSV has the same', async () => {
    const { id } = await submit({ kind: 'update', phone_numbers: numbers(100, 25), set: { add_tags: ['paged'] } });
    const seen: unknown[] = [];
    for (let cursor = ''; ; ) {
      const { data, next_cursor } = page.parse((await ask(app, 'GET', `/v1/requests/${id}/items?limit=10${cursor}`)).body);
      seen.push(...data.map((d) => d['phone_number']));
      if (next_cursor === null) break;
      cursor = `&cursor=${next_cursor}`;
    }
    expect(seen).toEqual(numbers(100, 25));
    const csv = await ask(app, 'GET', `/v1/requests/${id}/items.csv`);
    expect(csv.headers['content-type']).toMatch(/^text\/csv/);
    const [head, ...rows] = csv.text.trimEnd().split('\n');
    expect(head).toBe('phone_number,status,reason_code,reason,line,chunk_id,telnyx_id,updated_at');
    expect(rows.map((r) => r.split(',')[0])).toEqual(seen);
    expect(page.parse((await ask(app, 'GET', `/v1/requests/${id}/chunks`)).body).data).toMatchObject([
      { kind: 'update', state: 'planned', numbers: 25 },
    ]);
  });

  it('requests come newest first, filtered and paged', async () => {
    const first = await submit(buy('list a'));
    const second = await submit(buy('list b'));
    const top = page.parse((await ask(app, 'GET', '/v1/requests?kind=buy&limit=1')).body);
    const next = page.parse((await ask(app, 'GET', `/v1/requests?kind=buy&limit=1&cursor=${top.next_cursor}`)).body);
    expect([top.data[0]?.['id'], next.data[0]?.['id']]).toEqual([second.id, first.id]);
    expect(page.parse((await ask(app, 'GET', '/v1/requests?status=needs_attention')).body)).toEqual({
      data: [],
      next_cursor: null,
    });
  });

  it('a filter that is not known, a wrong limit or a made-up cursor is refused, never ignored', async () => {
    for (const query of ['tags=solar', 'limit=501', 'limit=0', 'status=runing', 'cursor=%27%3B--']) {
      const { status, body } = await ask(app, 'GET', `/v1/requests?${query}`);
      expect([query, status, codeOf(body)]).toEqual([query, 422, 'validation_failed']);
    }
  });

  it('the inventory is filtered and paged, and a number shows its history', async () => {
    await own(db, numbers(1_000, 3), { tags: ['solar', 'east'], connectionId: '77' });
    await own(db, numbers(1_100, 1), { tags: ['solar'], connectionId: '78' });
    const first = page.parse((await ask(app, 'GET', '/v1/numbers?tag=solar&connection_id=77&limit=2')).body);
    const rest = page.parse(
      (await ask(app, 'GET', `/v1/numbers?tag=solar&connection_id=77&limit=2&cursor=${first.next_cursor}`)).body,
    );
    expect([...first.data, ...rest.data].map((n) => n['phone_number'])).toEqual(numbers(1_000, 3));
    expect(rest.next_cursor).toBeNull();
    const [one] = numbers(1_000, 1);
    await db.sql`insert into events (at, subject, subject_id, to_state, cause, actor) values (now(), 'number', ${one ?? ''}, 'owned', 'bought', 'anna')`;
    for (const url of [`/v1/numbers/${one}`, `/v1/numbers/${encodeURIComponent(one ?? '')}`]) {
      expect((await ask(app, 'GET', url)).body).toMatchObject({
        phone_number: one,
        state: 'owned',
        history: [{ cause: 'bought', by: 'anna' }],
      });
    }
    expect((await ask(app, 'GET', '/v1/numbers/13125550100')).status).toBe(422);
  });
});

describe('reconciliations and the account', () => {
  it('a run is started, listed newest first, and its drift is paged', async () => {
    const run = z.object({ id: z.string() });
    const first = await ask(app, 'POST', '/v1/reconciliations', { headers: operator });
    const second = await ask(app, 'POST', '/v1/reconciliations', { payload: { repair: true } });
    expect([first.status, second.status]).toEqual([202, 202]);
    expect(second.body).toMatchObject({ status: 'queued', trigger: 'manual', repair: true });
    expect((await ask(app, 'POST', '/v1/reconciliations', { payload: { repare: true } })).status).toBe(422);
    const { id } = run.parse(second.body);
    expect(queue.jobs.some((j) => j.name === 'reconcile.run' && j.payload.runId === id)).toBe(true);
    const top = page.parse((await ask(app, 'GET', '/v1/reconciliations?limit=1')).body);
    const next = page.parse((await ask(app, 'GET', `/v1/reconciliations?limit=1&cursor=${top.next_cursor}`)).body);
    expect([top.data[0]?.['id'], next.data[0]?.['id'], next.next_cursor]).toEqual([id, run.parse(first.body).id, null]);
    await db.sql`insert into drift (run_id, kind, phone_number, field, ours, theirs) select ${id}, 'changed', n, 'tags', 'a', 'b' from unnest(${numbers(0, 3)}::text[]) n`;
    const drift = page.parse((await ask(app, 'GET', `/v1/reconciliations/${id}/drift?limit=2`)).body);
    const more = page.parse((await ask(app, 'GET', `/v1/reconciliations/${id}/drift?limit=2&cursor=${drift.next_cursor}`)).body);
    expect([...drift.data, ...more.data].map((d) => d['phone_number'])).toEqual(numbers(0, 3));
  });

  it('drift is repaired and accepted by whoever may act, with the numbers and fields that are named', async () => {
    const { id } = z.object({ id: z.string() }).parse((await ask(app, 'POST', '/v1/reconciliations')).body);
    const [one = '', two = '', three = ''] = numbers(900, 3);
    await db.sql`insert into phone_numbers (phone_number, state, status, customer_reference, baseline, created_at, updated_at)
      select n, 'owned', 'port-out-pending', 'theirs', '{"customer_reference": "ours", "status": "active"}', now(), now()
      from unnest(${[one, two, three]}::text[]) n`;
    await db.sql`insert into drift (run_id, kind, phone_number, field, ours, theirs)
      select ${id}, 'changed', n, f.field, f.ours, f.theirs from unnest(${[one, two, three]}::text[]) n,
        (values ('customer_reference', 'ours', 'theirs'), ('status', 'active', 'port-out-pending')) f(field, ours, theirs)`;
    const path = `/v1/reconciliations/${id}`;
    expect(await ask(app, 'POST', `${path}/repair`)).toMatchObject({ status: 409, body: { error: { code: 'not_ended' } } });
    await db.sql`update reconciliation_runs set status = 'completed', finished_at = now() where id = ${id}`;
    expect((await ask(app, 'POST', `${path}/accept`, { headers: viewer })).status).toBe(403);
    expect((await ask(app, 'POST', `${path}/repair`, { payload: { only: ['colour'] } })).status).toBe(422);
    const payload = { phone_numbers: [one, two, '+13125559999'] };
    const filed = await ask(app, 'POST', `${path}/repair`, { headers: operator, payload });
    expect(filed).toMatchObject({
      status: 202,
      body: {
        requests: [{ numbers: 2, set: { customer_reference: 'ours' } }],
        cannot_be_put_back: [{ field: 'status', count: 2, numbers: [one, two] }],
        not_found: 1,
        open: { changed: 6 },
      },
    });
    expect(await ask(app, 'POST', `${path}/repair`, { payload })).toMatchObject({
      status: 200,
      body: { requests: [], under_way: 2 },
    });
    const accepted = await ask(app, 'POST', `${path}/accept`, { headers: operator, payload: { only: ['customer_reference'] } });
    expect(accepted).toMatchObject({ status: 200, body: { accepted: { changed: 1 }, under_way: 2, open: { changed: 5 } } });
    expect((await ask(app, 'GET', path)).body).toMatchObject({ open: { changed: 5 }, repair_requests: [expect.any(String)] });
    const open = page.parse((await ask(app, 'GET', `${path}/drift?open=true`)).body);
    expect(open.data.map((d) => [d['phone_number'], d['field'], d['state']])).toEqual([
      [one, 'customer_reference', 'repairing'],
      [one, 'status', 'open'],
      [two, 'customer_reference', 'repairing'],
      [two, 'status', 'open'],
      [three, 'status', 'open'],
    ]);
    const csv = await app.inject({ method: 'GET', url: `${path}/drift.csv`, headers: operator });
    expect(csv.headers['content-type']).toContain('text/csv');
    expect(csv.body.split('\n')).toHaveLength(8);
    expect(csv.body).toContain(`${three},changed,customer_reference,ours,theirs,accepted,`);
  });

  it('only an admin opens the gate, and the event says who', async () => {
    const { id } = await submit(buy('held up'));
    const limits = JSON.stringify([{ family: 'orders', perSecond: 2, announced: null, pausedUntil: null }]);
    await db.sql`
      update account set gate_open = false, reason_code = 'insufficient_funds', reason = 'the balance is used up', closed_at = now(),
        balance = 12.5, currency = 'USD', limits = ${limits}::text::jsonb`;
    expect((await ask(app, 'GET', '/v1/account', { headers: viewer })).body).toMatchObject({
      gate: { open: false, code: 'insufficient_funds', advice: expect.stringContaining('add credit') },
      balance: { amount: '12.50', currency: 'USD' },
      slots_in_use: 0,
      slots: 15,
      limits: [{ family: 'orders', per_second: 2, announced: null, paused_until: null }],
    });
    const error = { code: 'insufficient_funds', message: expect.stringMatching(/the balance is used up; add credit/) };
    expect((await ask(app, 'GET', `/v1/requests/${id}`)).body).toMatchObject({ status: 'queued', error });
    expect(page.parse((await ask(app, 'GET', '/v1/requests?limit=1')).body).data).toMatchObject([{ id, error }]);
    expect((await ask(app, 'POST', '/v1/account/reopen', { headers: operator })).status).toBe(403);
    expect((await ask(app, 'POST', '/v1/account/reopen')).body).toMatchObject({ gate: { open: true, reason: null } });
    expect((await ask(app, 'GET', `/v1/requests/${id}`)).body).toMatchObject({ status: 'queued', error: null });
    const [event] = await db.sql<{ actor: string }[]>`select actor from events where subject = 'account' and cause = 'reopen'`;
    expect(event?.actor).toBe('anna');
  });
});

describe('who may do what', () => {
  it('without a valid key nothing is shown and nothing is stored', async () => {
    const before = await requestCount();
    for (const headers of [
      {},
      { authorization: 'Bearer wrong' },
      { authorization: 'Bearer' },
      basic('vera', 'admin-key-1'),
      basic('nobody', 'x'),
    ]) {
      for (const [method, url] of [
        ['GET', '/v1/requests'],
        ['POST', '/v1/requests'],
        ['GET', '/metrics'],
        ['GET', '/v1/account'],
      ] as const) {
        const answer = await ask(app, method, url, { headers, ...(method === 'POST' && { payload: buy('sneaky') }) });
        expect([answer.status, codeOf(answer.body)]).toEqual([401, 'unauthorized']);
      }
    }
    expect(await requestCount()).toBe(before);
  });

  it('a viewer cannot submit, cancel, approve, retry or start a run', async () => {
    const { id } = await submit(buy('guarded'));
    const before = await requestCount();
    for (const url of [
      '/v1/requests',
      `/v1/requests/${id}/cancel`,
      `/v1/requests/${id}/approve`,
      `/v1/requests/${id}/retry`,
      '/v1/reconciliations',
      '/v1/account/reopen',
    ]) {
      const answer = await ask(app, 'POST', url, { headers: viewer, payload: buy('no') });
      expect([url, answer.status, codeOf(answer.body)]).toEqual([url, 403, 'forbidden']);
    }
    expect(await requestCount()).toBe(before);
    expect((await ask(app, 'GET', `/v1/requests/${id}`, { headers: viewer })).body).toMatchObject({ status: 'queued' });
  });

  it('a page of another site cannot use the login of a browser', async () => {
    const before = await requestCount();
    const login = basic('anna', 'admin-key-1');
    for (const from of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.example' },
      { origin: 'null' },
    ]) {
      expect((await ask(app, 'POST', '/v1/requests', { headers: { ...login, ...from }, payload: buy('forged') })).status).toBe(
        403,
      );
    }
    expect(await requestCount()).toBe(before);
    const own = { ...login, host: 'ops.example', origin: 'https://ops.example' };
    expect((await ask(app, 'POST', '/v1/requests', { headers: own, payload: buy('own page') })).status).toBe(202);
  });

  it('without keys the server is for loopback alone: other hosts are refused at the start, other names at each request', async () => {
    const deps = {
      ...KEYLESS,
      boardQueues: () => [],
      metrics: async () => ({ contentType: 'text/plain', text: '' }),
      ready: () => ({ ok: true, problems: [] }),
    };
    const { log } = app;
    const parts = {
      ...deps,
      log,
      producer: {
        db,
        queue,
        clock: KEYLESS.clock,
        log,
        limits: { orderSize: 1, batchSize: 1, maxNumberCost: '1', approvalAbove: null },
      },
    };
    await expect(buildServer({ ...parts, host: '0.0.0.0' })).rejects.toThrow(
      /PROVISIONER_API_KEYS: must be set before the server may listen on 0\.0\.0\.0/,
    );
    const open = await buildServer({ ...parts, host: '127.0.0.1' });
    expect((await ask(open, 'GET', '/v1/account', { headers: { host: 'localhost:8080' } })).status).toBe(200);
    expect((await ask(open, 'GET', '/metrics', { headers: { host: '[::1]:8080' } })).status).toBe(200);
    expect((await ask(open, 'GET', '/v1/account', { headers: { host: 'rebound.example' } })).status).toBe(403);
    await open.close();
  });
});
const KEYLESS = { apiKeys: [], webhookKeys: [], jobSlots: 15, clock: { now: () => new Date() } };

describe('failures', () => {
  it('an error body never carries a stack, a secret or the text of an unknown error', async () => {
    const secretText = 'postgres://admin:hunter2@db/prod';
    const broken = await testServer(database.url, {
      producer: {
        clock: {
          now: () => {
            throw new Error(secretText);
          },
        },
      },
    });
    const { status, text, headers } = await ask(broken.app, 'POST', '/v1/requests', { payload: buy('breaks') });
    expect(status).toBe(500);
    expect(JSON.parse(text)).toEqual({
      error: { code: 'internal', message: expect.stringContaining(String(headers['x-request-id'])), details: [] },
    });
    expect(text).not.toMatch(/hunter2| {4}at |\.ts/);
    expect(broken.logged()).toContain(String(headers['x-request-id']));
    expect(broken.logged()).not.toContain('admin-key-1');
    await broken.close();
  });

  it('a database that is away is a 503 that may be tried again', async () => {
    const away = openDb('postgres://127.0.0.1:1/none');
    const broken = await testServer(database.url, { producer: { db: away } });
    const answer = await ask(broken.app, 'GET', '/v1/requests');
    expect([answer.status, codeOf(answer.body), answer.headers['retry-after']]).toEqual([503, 'database_unavailable', '5']);
    await Promise.all([broken.close(), away.close()]);
  });
});

describe('health and description', () => {
  it('health and readiness are open, metrics are not', async () => {
    const unready = await testServer(database.url, { ready: () => ({ ok: false, problems: ['the queue is away'] }) });
    expect((await ask(unready.app, 'GET', '/healthz', { headers: {} })).status).toBe(200);
    expect(await ask(unready.app, 'GET', '/readyz', { headers: {} })).toMatchObject({
      status: 503,
      body: { problems: ['the queue is away'] },
    });
    expect((await ask(unready.app, 'GET', '/metrics', { headers: viewer })).text).toContain('provisioner_account_gate_open');
    await unready.close();
  });

  it('OpenAPI 3.1 describes every route of the API with its bodies and errors', async () => {
    const { body } = await ask(app, 'GET', '/openapi.json', { headers: {} });
    const spec = z
      .object({ openapi: z.literal('3.1.0'), paths: z.record(z.string(), z.record(z.string(), z.unknown())) })
      .parse(body);
    const routes = Object.entries(spec.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((m) => `${m.toUpperCase()} ${path}`),
    );
    expect(routes.sort()).toEqual(ROUTES);
    expect(body).toMatchObject({
      paths: {
        '/v1/requests': {
          post: {
            requestBody: { content: { 'application/json': { schema: { oneOf: [{}, {}, {}] } } } },
            responses: { '4XX': {} },
          },
        },
      },
      components: { schemas: { Request: {}, Error: {} } },
    });
    expect(JSON.stringify(body)).not.toContain('"nullable"');
    expect((await ask(app, 'GET', '/docs', { headers: {} })).status).toBe(200);
  });

  it('plans are not offered yet', async () => {
    expect((await ask(app, 'POST', '/v1/plans', { payload: buy('plan') })).status).toBe(404);
  });
});

const ROUTES = [
  'GET /healthz',
  'GET /metrics',
  'GET /readyz',
  'GET /v1/account',
  'GET /v1/numbers',
  'GET /v1/numbers/{e164}',
  'GET /v1/reconciliations',
  'GET /v1/reconciliations/{id}',
  'GET /v1/reconciliations/{id}/drift',
  'GET /v1/reconciliations/{id}/drift.csv',
  'GET /v1/requests',
  'GET /v1/requests/{id}',
  'GET /v1/requests/{id}/chunks',
  'GET /v1/requests/{id}/events',
  'GET /v1/requests/{id}/items',
  'GET /v1/requests/{id}/items.csv',
  'POST /v1/account/reopen',
  'POST /v1/reconciliations',
  'POST /v1/reconciliations/{id}/accept',
  'POST /v1/reconciliations/{id}/repair',
  'POST /v1/requests',
  'POST /v1/requests/{id}/approve',
  'POST /v1/requests/{id}/cancel',
  'POST /v1/requests/{id}/retry',
  'POST /webhooks/telnyx',
];
