import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { migrateDatabase } from '../../src/db/migrate.ts';
import { operator, own, testServer } from '../support/http-harness.ts';
import { fileDatabase } from '../support/postgres.ts';

const database = await fileDatabase({ beforeEach, afterAll });
await migrateDatabase(database.url);
const { app, db, close } = await testServer(database.url);
afterAll(close);

const answer = z.object({
  id: z.string(),
  kind: z.string(),
  counts: z.object({ asked: z.number(), skipped: z.number() }),
  notes: z.array(z.string()).optional(),
});
const failure = z.object({
  error: z.object({ code: z.string(), details: z.array(z.object({ path: z.string(), message: z.string() })) }),
});

async function post(query: Record<string, string>, body: string | Buffer, headers: Record<string, string> = {}) {
  const reply = await app.inject({
    method: 'POST',
    url: '/v1/requests',
    query,
    payload: body,
    headers: { ...operator, 'content-type': 'text/csv; charset=utf-8', ...headers },
  });
  return { status: reply.statusCode, body: reply.json<unknown>() };
}
const problems = (body: unknown) => failure.parse(body).error.details;
const numbers = (from: number, count: number) => Array.from({ length: count }, (_, i) => `+1312${6_000_000 + from + i}`);
const stored = async (id: string) =>
  (await db.sql<{ phoneNumber: string }[]>`select phone_number from items where request_id = ${id} order by position`).map(
    (r) => r.phoneNumber,
  );

describe('text/csv', () => {
  it('carries the numbers, the query the rest; the answer says how the list was read', async () => {
    const [a = '', b = ''] = numbers(0, 2);
    const csv = `\ufeffName;DID\r\nx;${a}\r\ny;${b.slice(1)}\r\nz;${a}\r\n`;
    const { status, body } = await post({ kind: 'update', country: 'US', 'set.add_tags': 'a,b', 'set.connection_id': '7' }, csv);
    expect([status, answer.parse(body).counts.asked]).toEqual([202, 2]);
    expect(answer.parse(body).notes).toEqual([
      'another column is ignored: Name',
      `1 number was rewritten: "${b.slice(1)}" is ${b} (row 3)`,
      `1 repeated number is counted once: ${a} (row 4, first at row 2)`,
    ]);
    expect(await stored(answer.parse(body).id)).toEqual([a, b]);
  });

  it('of a release is held to the expected count and the inventory; skip_gone ends what has left', async () => {
    const [a = '', b = ''] = numbers(10, 2);
    await own(db, [a, b]);
    await db.sql`update phone_numbers set state = 'missing' where phone_number = ${b}`;
    const query = { kind: 'delete', expected_count: '2' };
    const refused = await post(query, `${a}\n${b}\n`);
    expect([refused.status, problems(refused.body)]).toEqual([
      409,
      [{ path: 'phone_numbers', message: `${b} left the account: it is missing` }],
    ]);
    const taken = await post({ ...query, skip_gone: 'true' }, `${a}\n${b}\n`);
    expect([taken.status, answer.parse(taken.body)]).toMatchObject([202, { counts: { asked: 2, skipped: 1 } }]);
  });

  it('brings values row by row; rows with equal values share a chunk, and a JSON body with the same rows makes the same chunks', async () => {
    const list = numbers(50, 6);
    const steps = async (id: string) =>
      db.sql<{ numbers: string[]; step: unknown; nextSteps: unknown[] }[]>`
        select numbers, step, next_steps from chunks where request_id = ${id} order by position`;
    const profile = '3fa85f64-5717-4562-b3fc-2c963f66afa6';
    const values = list.map((n, i) => ({ n, id: String(1 + (i % 2)), profile: i === 5 ? profile : '' }));
    const csv = `did,connection_id,messaging_profile_id\n${values.map((v) => [v.n, v.id, v.profile].join(',')).join('\n')}\n`;
    const query = { kind: 'update', columns: 'connection_id,messaging_profile_id', 'set.customer_reference': 'x' };
    const key = { 'idempotency-key': 'by-row' };
    const taken = await post(query, csv, key);
    const { id, counts } = answer.parse(taken.body);
    expect([(await post(query, csv, key)).status, (await post(query, csv.replace(',1,', ',2,'), key)).status]).toEqual([
      200, 409,
    ]);
    const set = (v: string) => ({ kind: 'update', settings: { connection_id: v, customer_reference: 'x' } });
    const wanted = [
      { numbers: [list[0], list[2], list[4]], step: set('1'), nextSteps: [] },
      { numbers: [list[1], list[3]], step: set('2'), nextSteps: [] },
      { numbers: [list[5]], step: set('2'), nextSteps: [{ kind: 'messaging', messaging_profile_id: profile }] },
    ];
    expect([taken.status, counts.asked, await steps(id)]).toEqual([202, 6, wanted]);
    const [row] = await db.sql<{ body: unknown }[]>`select body from requests where id = ${id}`;
    expect(row?.body).toMatchObject({ rows: 6, columns: ['connection_id', 'messaging_profile_id'] });

    const rows = values.map((v) => ({
      phone_number: v.n,
      set: { connection_id: v.id, ...(v.profile !== '' && { messaging_profile_id: v.profile }) },
    }));
    const body = { kind: 'update', set: { customer_reference: 'x' }, rows };
    const json = async (payload: object) => {
      const reply = await app.inject({ method: 'POST', url: '/v1/requests', headers: operator, payload });
      return { status: reply.statusCode, body: reply.json<unknown>() };
    };
    const other = await json(body);
    expect([other.status, await steps(answer.parse(other.body).id)]).toEqual([202, wanted]);
    const twice = await json({ ...body, rows: [...rows, { ...rows[0], set: { connection_id: 'x' } }, ...rows.slice(0, 1)] });
    expect([twice.status, problems(twice.body)]).toEqual([
      422,
      [{ path: 'rows.6.set.connection_id', message: expect.stringMatching(/^must be a decimal id/) }],
    ]);
    const repeated = await json({ ...body, rows: [...rows, ...rows.slice(0, 1)] });
    expect(problems(repeated.body)).toMatchObject([{ path: 'rows.6', message: expect.stringContaining('already, at rows.0') }]);
    const idle = await json({ kind: 'update', rows: [{ phone_number: list[0], set: {} }] });
    expect(problems(idle.body)).toEqual([{ path: 'rows.0', message: 'names no field to change' }]);
  });

  it('buys with objects as JSON in the query', async () => {
    const { status, body } = await post({ kind: 'buy', assign: '{"tags":["x"]}', max_upfront_cost: '5.00' }, '+13125550100\n');
    expect([status, answer.parse(body).kind]).toEqual([202, 'buy']);
  });

  it('the same key, query and list is the same request; another list is a conflict', async () => {
    const key = { 'idempotency-key': 'csv-1' };
    const query = { kind: 'update', 'set.customer_reference': 'x' };
    const first = await post(query, '+13125550100\n', key);
    const again = await post(query, 'phone_number\r\n"+13125550100"\r\n', key);
    const other = await post(query, '+13125550101\n', key);
    expect([first.status, again.status, other.status]).toEqual([202, 200, 409]);
    expect(answer.parse(again.body).id).toBe(answer.parse(first.body).id);
  });

  it('lists that stream in at once under one key make one request; another list among them is a conflict', async () => {
    const key = { 'idempotency-key': 'csv-at-once' };
    const query = { kind: 'update', 'set.customer_reference': 'x' };
    const list = numbers(100, 2_000);
    const alike = Array.from({ length: 4 }, () => post(query, list.join('\n'), key));
    const all = await Promise.all(alike);
    expect(all.map((a) => a.status).sort()).toEqual([200, 200, 200, 202]);
    const [id = '', ...others] = new Set(all.map((a) => answer.parse(a.body).id));
    expect(others).toEqual([]);
    expect(await stored(id)).toEqual(list);
    expect((await post(query, list.slice(1).join('\n'), key)).status).toBe(409);
  });

  it.each([
    ['every problem of query and list at once', { kind: 'update', 'set.colour': 'x' }, '+1312\n', ['set.colour', 'row 1']],
    ['a stray quote with its row', { kind: 'delete', expected_count: '1' }, 'phone_number\n"+1312', ['row 2']],
    ['a workbook', { kind: 'delete', expected_count: '1' }, 'PK\x03\x04xl/', ['body']],
    ['an empty body', { kind: 'delete', expected_count: '1' }, '', ['body']],
    ['a count that is none', { kind: 'delete', expected_count: 'many' }, '+13125550100', ['expected_count']],
    ['an unknown field', { kind: 'delete', expected_count: '1', colour: 'red' }, '+13125550100', ['colour']],
    ['numbers and a filter', { kind: 'delete', expected_count: '1', 'where.tag': 'x' }, '+13125550100', ['phone_numbers']],
    ['an unknown country', { kind: 'delete', expected_count: '1', country: 'XX' }, '3125550100', ['country']],
    ['no such column', { kind: 'delete', expected_count: '1', column: 'did' }, 'a,b\n1,2\n', ['column']],
    ['a number of another country of +1', { kind: 'delete', expected_count: '1', country: 'US' }, '2423221234', ['row 1']],
    ['columns that are no settings', { kind: 'update', columns: 'colour' }, '+13125550100', ['columns']],
    ['columns of a release', { kind: 'delete', expected_count: '1', columns: 'tags' }, 'did,tags\n+13125550100,a', ['columns']],
    ['a wrong value', { kind: 'update', columns: 'connection_id' }, 'did,connection_id\n+13125550100,x', ['row 2']],
    ['a prototype', { kind: 'update', 'set.__proto__': '{"a":1}' }, '+13125550100', ['set.__proto__']],
  ])('answers 422 to %s, and stores nothing', async (_, query, csv, paths) => {
    const before = await db.sql`select count(*) from requests`;
    const { status, body } = await post(query, csv);
    expect([status, problems(body).map((p) => p.path)]).toEqual([422, paths]);
    expect(await db.sql`select count(*) from requests`).toEqual(before);
  });

  it('beyond the limit of the route is a 413, and no viewer may send it', async () => {
    const csv = { 'content-type': 'text/csv' };
    const large = await app.inject({
      method: 'POST',
      url: '/v1/requests?kind=buy',
      payload: Buffer.alloc(33 * 1024 * 1024, '1'),
      headers: { ...operator, ...csv },
    });
    expect(large.statusCode).toBe(413);
    const anonymous = await app.inject({ method: 'POST', url: '/v1/requests?kind=buy', payload: '+13125550100', headers: csv });
    expect(anonymous.statusCode).toBe(401);
  });
});
