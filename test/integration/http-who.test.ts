import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { changeNumbers } from '../../src/db/numbers.ts';
import {
  admin,
  ask,
  buy,
  codeOf,
  endAll,
  failure,
  fileServer,
  numbersFrom,
  operator,
  own,
  page,
  submitted,
  testServer,
  viewer,
} from '../support/http-harness.ts';

const server = await fileServer({ beforeEach, afterAll });
const { app, db, submit } = server;
const DEAR = 5_000;
const approvals = async (id: string) =>
  (await db.sql`select actor from events where subject_id = ${id} and cause = 'approved'`).map((e) => e['actor']);
const history = async (id: string) => page.parse((await ask(app, 'GET', `/v1/requests/${id}/history`)).body).data;

describe('a request', () => {
  it('shows what was asked, by whom and under which key; a replay of the key says so', async () => {
    const headers = { ...operator, 'idempotency-key': 'launch-7' };
    const payload = { ...buy('shown'), max_upfront_cost: '9.00', phone_numbers: numbersFrom(0, 2) };
    const first = await ask(app, 'POST', '/v1/requests', { headers, payload });
    expect(first.body).toMatchObject({
      submitted_by: 'otto',
      idempotency_key: 'launch-7',
      filed_by: null,
      cancel_requested_at: null,
      body: {
        lines: [{ national_destination_code: '312', quantity: 3 }],
        phone_numbers: 2,
        max_upfront_cost: '9.00',
        assign: {},
      },
    });
    expect(first.headers['idempotent-replayed']).toBeUndefined();
    const again = await ask(app, 'POST', '/v1/requests', { headers, payload });
    expect([again.status, again.headers['idempotent-replayed']]).toEqual([200, 'true']);
  });

  it('a list that came as a file is shown as a count too', async () => {
    const numbers = numbersFrom(40, 3);
    const sent = await ask(app, 'POST', '/v1/requests?kind=update&set.add_tags=x', {
      headers: { ...admin, 'content-type': 'text/csv' },
      payload: ['phone_number', ...numbers].join('\n'),
    });
    expect(sent.body).toMatchObject({ body: { phone_numbers: 3, set: { add_tags: ['x'] } } });
  });

  it('a retry shows who filed it and for which request, and the file of its numbers too', async () => {
    const { id } = await submit(buy('to retry'));
    await endAll(db, id, 'failed');
    const retry = submitted.parse((await ask(app, 'POST', `/v1/requests/${id}/retry`, { headers: operator })).body);
    const shown = await ask(app, 'GET', `/v1/requests/${retry.id}`);
    expect(shown.body).toMatchObject({ submitted_by: 'otto', filed_by: id, idempotency_key: null });
    const [head, first] = (await ask(app, 'GET', `/v1/requests/${retry.id}/items.csv`)).text.split('\n');
    expect([head?.split(',').at(-1), first?.split(',').at(-1)]).toEqual(['submitted_by', 'otto']);
    expect((await history(id)).at(-1)).toMatchObject({ action: 'retried', by: 'otto', detail: { retry: retry.id } });
  });

  it('a request of an older version, without a name, shows null and can be acted on', async () => {
    const { id } = await submit(buy('old', DEAR));
    await db.sql`update requests set submitted_by = null where id = ${id}`;
    await db.sql`update events set actor = null where subject_id = ${id}`;
    expect((await ask(app, 'GET', `/v1/requests/${id}`)).body).toMatchObject({ submitted_by: null });
    expect((await ask(app, 'POST', `/v1/requests/${id}/approve`)).status).toBe(200);
    expect(await history(id)).toMatchObject([
      { action: 'submitted', by: null },
      { action: 'approved', by: 'anna' },
    ]);
  });
});

describe('approval', () => {
  it('is refused to the key that asked, which names the variable, and nothing changes; another key may', async () => {
    const { id } = await submit(buy('dear', DEAR));
    const own = await ask(app, 'POST', `/v1/requests/${id}/approve`);
    expect([own.status, codeOf(own.body)]).toEqual([403, 'self_approval']);
    expect(failure.parse(own.body).error.message).toContain('PROVISIONER_SELF_APPROVAL=1');
    expect([(await ask(app, 'GET', `/v1/requests/${id}`)).body, await approvals(id)]).toMatchObject([
      { status: 'awaiting_approval' },
      [],
    ]);
    expect((await ask(app, 'POST', `/v1/requests/${id}/approve`, { headers: operator })).status).toBe(200);
  });

  it('by two keys at the same moment counts once', async () => {
    const sent = await ask(app, 'POST', '/v1/requests', { headers: operator, payload: buy('raced', DEAR) });
    const { id } = submitted.parse(sent.body);
    await db.sql`update requests set submitted_by = 'olga' where id = ${id}`;
    const both = await Promise.all(
      [admin, operator].map((headers) => ask(app, 'POST', `/v1/requests/${id}/approve`, { headers })),
    );
    expect(both.map((a) => a.status).sort()).toEqual([200, 409]);
    expect(await approvals(id)).toHaveLength(1);
    expect(server.queue.jobs.filter((j) => j.name === 'line.fill' && j.payload.requestId === id)).toHaveLength(1);
  });

  it('without keys nobody can approve, because nobody is known; PROVISIONER_SELF_APPROVAL=1 lets anybody', async () => {
    const { id } = await submit(buy('keyless', DEAR));
    const limits = { orderSize: 1, batchSize: 1, maxNumberCost: '1', approvalAbove: null, budgets: {}, prices: {} };
    const approve = async (selfApproval: boolean) => {
      const open = await testServer(server.database.url, { apiKeys: [], producer: { limits: { ...limits, selfApproval } } });
      const headers = { host: 'localhost' };
      return ask(open.app, 'POST', `/v1/requests/${id}/approve`, { headers }).finally(() => open.close());
    };
    const refused = await approve(false);
    expect([refused.status, codeOf(refused.body)]).toEqual([403, 'self_approval']);
    expect(failure.parse(refused.body).error.message).toContain('PROVISIONER_SELF_APPROVAL=1');
    expect(await approve(true)).toMatchObject({ status: 200, body: { status: 'queued' } });
    expect(await approvals(id)).toEqual(['local']);
  });
});

/** A chunk of an update that needs a person. */
async function parked(number: string): Promise<{ id: string; chunk: string }> {
  await own(db, [number]);
  const { id } = await submit({ kind: 'update', phone_numbers: [number], set: { tags: ['x'] } });
  await db.sql`update chunks set state = 'needs_attention' where request_id = ${id}`;
  await db.sql`update items set status = 'in_flight' where request_id = ${id}`;
  const [row] = await db.sql<{ id: string }[]>`select id from chunks where request_id = ${id}`;
  return { id, chunk: row?.id ?? '' };
}

describe('resolve', () => {
  it.each([
    [{ decision: 'adopt', order_id: 'job-7' }, 'adopt', 'submitted'],
    [{ decision: 'not_sent' }, 'declare_not_sent', 'planned'],
    [{ decision: 'give_up' }, 'give_up', 'settled'],
  ])('%j is done once, and the history says who decided', async (payload, decision, state) => {
    const { id, chunk } = await parked(`+1415555${1_000 + decision.length}`);
    const url = `/v1/requests/${id}/chunks/${chunk}/resolve`;
    expect((await ask(app, 'POST', url, { headers: operator, payload })).body).toMatchObject({ id });
    const [row] = await db.sql`select state, telnyx_id from chunks where id = ${chunk}`;
    expect(row).toEqual({ state, telnyxId: decision === 'adopt' ? 'job-7' : null });
    expect((await history(id)).find((act) => act['action'] === 'decided')).toMatchObject({
      by: 'otto',
      decision,
      chunk_id: chunk,
    });
    const again = await ask(app, 'POST', url, { payload });
    expect([again.status, codeOf(again.body)]).toEqual([409, 'not_waiting_for_a_person']);
  });

  it('a decision that is none is refused with its place, and what is not there is a 404', async () => {
    const { id, chunk } = await parked('+14155550001');
    const places = async (payload: object) => {
      const { status, body } = await ask(app, 'POST', `/v1/requests/${id}/chunks/${chunk}/resolve`, { payload });
      return [status, failure.parse(body).error.details.map((d) => d.path)];
    };
    expect(await places({})).toEqual([422, ['decision']]);
    expect(await places({ decision: 'adopt' })).toEqual([422, ['order_id']]);
    expect(await places({ decision: 'give_up', order_id: 'x' })).toEqual([422, ['order_id']]);
    const none = await ask(app, 'POST', `/v1/requests/${id}/chunks/chk_none/resolve`, { payload: { decision: 'give_up' } });
    expect([none.status, codeOf(none.body)]).toEqual([404, 'not_found']);
  });
});

describe('history', () => {
  it('tells who submitted, approved and cancelled, each once, and the end; page by page', async () => {
    const { id } = await submit(buy('told', DEAR));
    await ask(app, 'POST', `/v1/requests/${id}/approve`, { headers: operator });
    await ask(app, 'POST', `/v1/requests/${id}/cancel`, { headers: operator });
    await ask(app, 'POST', `/v1/requests/${id}/cancel`);
    const acts = await history(id);
    expect(acts.map((a) => [a['action'], a['by'], a['to']])).toEqual([
      ['submitted', 'anna', 'awaiting_approval'],
      ['approved', 'otto', 'queued'],
      ['cancelled', 'otto', null],
      ['ended', null, 'cancelled'],
    ]);
    const first = page.parse((await ask(app, 'GET', `/v1/requests/${id}/history?limit=3`)).body);
    const rest = page.parse((await ask(app, 'GET', `/v1/requests/${id}/history?limit=3&cursor=${first.next_cursor}`)).body);
    expect([...first.data, ...rest.data]).toEqual(acts);
    expect(rest.next_cursor).toBeNull();
    expect((await ask(app, 'GET', `/v1/requests/${id}`)).body).toMatchObject({ cancel_requested_at: expect.any(String) });
    expect((await ask(app, 'GET', '/v1/requests/req_none/history')).status).toBe(404);
  });

  it('tells who paused and resumed; the request shows why it stands still, and each act is refused where it means nothing', async () => {
    const start_at = new Date(Date.now() + 3_600_000).toISOString();
    const { id } = await submit({ ...buy('held'), start_at });
    const act = (what: string, headers = admin) => ask(app, 'POST', `/v1/requests/${id}/${what}`, { headers });
    const early = await act('resume');
    expect([early.status, codeOf(early.body)]).toEqual([409, 'not_paused']);
    expect((await act('pause', operator)).body).toMatchObject({
      status: 'paused',
      start_at,
      paused_at: expect.any(String),
      error: { code: 'paused', message: 'paused by otto' },
    });
    expect((await act('pause')).status).toBe(200);
    expect((await act('resume')).body).toMatchObject({ status: 'scheduled', paused_at: null, error: null });
    expect((await history(id)).map((a) => [a['action'], a['by'], a['to']])).toEqual([
      ['submitted', 'anna', 'scheduled'],
      ['paused', 'otto', 'paused'],
      ['resumed', 'anna', null],
    ]);
    const dear = await submit(buy('dear', DEAR));
    const late = await ask(app, 'POST', `/v1/requests/${dear.id}/pause`);
    expect([late.status, codeOf(late.body)]).toEqual([409, 'not_pausable']);
  });

  it('a cancel of many chunks is one act', async () => {
    const numbers = numbersFrom(500, 1_200);
    const { id } = await submit({ kind: 'update', phone_numbers: numbers, set: { tags: ['x'] } });
    await ask(app, 'POST', `/v1/requests/${id}/cancel`);
    expect((await history(id)).map((a) => a['action'])).toEqual(['submitted', 'cancelled', 'ended']);
  });

  it('a number shows each change with field, before, after and who asked for it', async () => {
    const [number = ''] = numbersFrom(3_000, 1);
    await own(db, [number], { tags: ['old'], connectionId: '1' });
    const sent = await ask(app, 'POST', '/v1/requests', {
      headers: operator,
      payload: { kind: 'update', phone_numbers: [number], set: { connection_id: '2', tags: ['new'] } },
    });
    const { id } = submitted.parse(sent.body);
    const because = { cause: 'update', at: new Date(), requestId: id };
    await changeNumbers(db.sql, [number], { connectionId: '2', tags: ['new'] }, because);
    const shown = await ask(app, 'GET', `/v1/numbers/${encodeURIComponent(number)}`);
    expect(shown.body).toMatchObject({
      history: [
        {
          by: 'otto',
          cause: 'update',
          request_id: id,
          changes: expect.arrayContaining([
            { field: 'connection_id', before: '1', after: '2' },
            { field: 'tags', before: ['old'], after: ['new'] },
          ]),
        },
      ],
    });
  });
});

describe('undo', () => {
  it('plans without filing, files once under the name of who undoes, and refuses a buy', async () => {
    const numbers = numbersFrom(4_000, 2);
    await own(db, numbers, { connectionId: '1' });
    const { id } = await submit({ kind: 'update', phone_numbers: numbers, set: { connection_id: '2' } });
    const undo = (payload: object, headers = operator) => ask(app, 'POST', `/v1/requests/${id}/undo`, { headers, payload });
    expect(codeOf((await undo({})).body)).toBe('not_ended');
    const [chunk] = await db.sql<{ id: string }[]>`update chunks set submitted_at = now() where request_id = ${id} returning id`;
    const because = { cause: 'update', at: new Date(), requestId: id, chunkId: chunk?.id ?? '' };
    await changeNumbers(db.sql, numbers, { connectionId: '2' }, because);
    await endAll(db, id, 'succeeded');

    expect((await undo({}, viewer)).status).toBe(403);
    const wrong = await undo({ plan: true });
    expect([wrong.status, failure.parse(wrong.body).error.details.map((d) => d.path)]).toEqual([422, ['plan']]);
    const plan = await undo({ plan_only: true });
    expect([plan.status, plan.body]).toMatchObject([
      200,
      { undoes: id, numbers: 2, request: null, changes: [{ field: 'connection_id', from: '2', to: '1', count: 2, numbers }] },
    ]);
    expect(codeOf((await undo({ mark: 'another' })).body)).toBe('undo_moved');
    const filed = await undo({ mark: String(Reflect.get(Object(plan.body), 'mark')) });
    expect([filed.status, filed.body]).toMatchObject([
      202,
      { numbers: 2, request: { submitted_by: 'otto', filed_by: id, counts: { asked: 2 }, body: { undoes: id } } },
    ]);
    expect(await undo({})).toMatchObject({ status: 200, headers: { location: filed.headers['location'] } });
    expect((await history(id)).at(-1)).toMatchObject({ action: 'undone', by: 'otto', detail: { numbers: 2 } });
    const bought = await submit(buy('for good'));
    const refused = await ask(app, 'POST', `/v1/requests/${bought.id}/undo`);
    expect([refused.status, codeOf(refused.body)]).toEqual([409, 'not_undoable']);
  });
});

describe('the account gate', () => {
  it('shows who opened it last', async () => {
    await db.sql`update account set gate_open = false, reason_code = 'bad_key', reason = 'x', closed_at = now() where id = 1`;
    expect((await ask(app, 'POST', '/v1/account/reopen')).body).toMatchObject({
      gate: { open: true, reopened: { by: 'anna', at: expect.any(String) } },
    });
  });
});
