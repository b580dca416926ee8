import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { refreshRequest } from '../../src/db/requests.ts';
import { addressMessages } from '../../src/db/webhook-messages.ts';
import { ask, buy, fileServer, numbersFrom, operator, page, viewer } from '../support/http-harness.ts';

const server = await fileServer({ beforeEach, afterAll });
const { app, db, queue, submit } = server;

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
    await db.sql`insert into drift (run_id, kind, phone_number, field, ours, theirs) select ${id}, 'changed', n, 'tags', 'a', 'b' from unnest(${numbersFrom(0, 3)}::text[]) n`;
    const drift = page.parse((await ask(app, 'GET', `/v1/reconciliations/${id}/drift?limit=2`)).body);
    const more = page.parse((await ask(app, 'GET', `/v1/reconciliations/${id}/drift?limit=2&cursor=${drift.next_cursor}`)).body);
    expect([...drift.data, ...more.data].map((d) => d['phone_number'])).toEqual(numbersFrom(0, 3));
  });

  it('drift is repaired and accepted by whoever may act, with the numbers and fields that are named', async () => {
    const { id } = z.object({ id: z.string() }).parse((await ask(app, 'POST', '/v1/reconciliations')).body);
    const [one = '', two = '', three = ''] = numbersFrom(900, 3);
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

describe('outgoing webhooks', () => {
  it('a request that needs a person is told once, and the deliveries are listed page by page for everybody who may look', async () => {
    const [number = ''] = numbersFrom(7_000, 1);
    const { id } = await submit({ kind: 'update', phone_numbers: [number], set: { tags: ['x'] } });
    await db.sql`update chunks set state = 'needs_attention' where request_id = ${id}`;
    for (let times = 0; times < 2; times += 1) await db.sql.begin((tx) => refreshRequest(tx, id, new Date()));
    const told = await db.sql`select type, data from webhook_messages where data ->> 'id' = ${id}`;
    expect(told).toMatchObject([{ type: 'request.needs_attention', data: { status: 'needs_attention', counts: { asked: 1 } } }]);
    const at = new Date();
    const to = ['a', 'b', 'c'].map((key) => ({ key, shown: `https://${key}.example/` }));
    await db.sql.begin((tx) => addressMessages(tx, to, at, new Date(0)));
    await db.sql`update webhook_deliveries set status = 'failed', last_status = 500, ended_at = now() where endpoint = 'b'`;
    const listed = async (query: string) =>
      page.parse((await ask(app, 'GET', `/v1/webhook-deliveries?${query}`, { headers: viewer })).body);
    const first = await listed('limit=2');
    const rest = await listed(`limit=500&cursor=${first.next_cursor}`);
    const ours = [...first.data, ...rest.data].filter((d) => d['type'] === 'request.needs_attention');
    expect(ours.map((d) => d['url']).sort()).toEqual(['https://a.example/', 'https://b.example/', 'https://c.example/']);
    expect(new Set(ours.map((d) => d['webhook_id'])).size).toBe(1);
    const failed = await listed('status=failed');
    expect(failed.data.length).toBeGreaterThan(0);
    for (const d of failed.data) expect(d).toMatchObject({ url: 'https://b.example/', last_status: 500, next_attempt_at: null });
    expect((await ask(app, 'GET', '/v1/webhook-deliveries?status=lost')).status).toBe(422);
  });
});
