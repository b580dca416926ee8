import { afterAll, beforeEach, describe, expect, it } from 'vitest';
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
} from '../support/http-harness.ts';

const server = await fileServer({ beforeEach, afterAll });
const { app, db, queue, requestCount, submit } = server;

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
    const [one = '', two = ''] = numbersFrom(0, 2);
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
    await own(db, numbersFrom(0, 2));
    const wrongCount = await ask(app, 'POST', '/v1/requests', {
      payload: { kind: 'delete', phone_numbers: numbersFrom(0, 2), expected_count: 3 },
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
    const posts = ['cancel', 'pause', 'resume', 'approve', 'retry'].map((act) =>
      ask(app, 'POST', `/v1/requests/req_none/${act}`),
    );
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
    const { id } = await submit({ kind: 'update', phone_numbers: numbersFrom(100, 25), set: { add_tags: ['paged'] } });
    const seen: unknown[] = [];
    for (let cursor = ''; ; ) {
      const { data, next_cursor } = page.parse((await ask(app, 'GET', `/v1/requests/${id}/items?limit=10${cursor}`)).body);
      seen.push(...data.map((d) => d['phone_number']));
      if (next_cursor === null) break;
      cursor = `&cursor=${next_cursor}`;
    }
    expect(seen).toEqual(numbersFrom(100, 25));
    const csv = await ask(app, 'GET', `/v1/requests/${id}/items.csv`);
    expect(csv.headers['content-type']).toMatch(/^text\/csv/);
    const [head, ...rows] = csv.text.trimEnd().split('\n');
    expect(head).toBe(
      'phone_number,status,reason_code,reason,line,chunk_id,telnyx_id,updated_at,bought_at,upfront_cost,monthly_cost,currency,submitted_by',
    );
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
    await own(db, numbersFrom(1_000, 3), { tags: ['solar', 'east'], connectionId: '77' });
    await own(db, numbersFrom(1_100, 1), { tags: ['solar'], connectionId: '78' });
    const first = page.parse((await ask(app, 'GET', '/v1/numbers?tag=solar&connection_id=77&limit=2')).body);
    const rest = page.parse(
      (await ask(app, 'GET', `/v1/numbers?tag=solar&connection_id=77&limit=2&cursor=${first.next_cursor}`)).body,
    );
    expect([...first.data, ...rest.data].map((n) => n['phone_number'])).toEqual(numbersFrom(1_000, 3));
    expect(rest.next_cursor).toBeNull();
    const [one] = numbersFrom(1_000, 1);
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
