import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { secret } from '../../src/config/secret.ts';
import { getPlan, type Plan } from '../../src/db/plans.ts';
import { makePlan } from '../../src/producers/plans/make-plan.ts';
import { applyPlan, waitForPlan } from '../../src/producers/plans/wait.ts';
import type { TelnyxGateway } from '../../src/telnyx/gateway.ts';
import { buying, ctxOf, heldSearch, withGateway } from '../support/buys.ts';
import { deliveredTo, expectAgreement } from '../support/expect-agreement.ts';
import { useHarness } from '../support/harness.ts';
import { ask, codeOf, type TestServer, testServer } from '../support/http-harness.ts';
import { until } from '../support/until.ts';

const WAIT = { everyMs: 25, timeoutMs: 20_000 };
const h = useHarness(() => ({ limits: { approvalAbove: '30.00', budgets: { poor: '0.50' } }, simulator: { owned: 3 } }));

const planned = async (body: object, actor = 'anna'): Promise<Plan> =>
  waitForPlan(h().deps, (await makePlan(h().deps, body, { actor })).plan.id, WAIT);
const apply = (id: string, allowChanges = false, actor = 'bert') => applyPlan(h().deps, id, { actor, allowChanges }, WAIT);
const priceOf = async (planId: string) =>
  h().db.sql<{ phoneNumber: string; upfront: number; monthly: number }[]>`
    select phone_number, upfront_cost::float8 as upfront, monthly_cost::float8 as monthly from plan_numbers
    where plan_id = ${planId} and verdict = 'take' order by phone_number`;
const numbersOf = async (planId: string) => (await priceOf(planId)).map((n) => n.phoneNumber);
const requestsOf = async (planId: string) =>
  (await h().db.sql<{ id: string }[]>`select id from requests where filed_by = ${planId}`).map((r) => r.id);
const capsOf = async (id: string) =>
  h().db.sql<{ upfront: number; monthly: number }[]>`
    select max_upfront_cost::float8 as upfront, max_monthly_cost::float8 as monthly from requests where id = ${id}`;
const sum = (prices: { upfront: number; monthly: number }[]) => [
  { upfront: prices.reduce((total, p) => total + p.upfront, 0), monthly: prices.reduce((total, p) => total + p.monthly, 0) },
];

/** A search in which one number costs this much upfront, and others are sold. */
function risen(dearer: string | undefined, upfrontCost: string, sold: readonly string[] = []): TelnyxGateway['search'] {
  const { search } = h().deps.telnyx;
  return async (criteria) => {
    const result = await search(criteria);
    const left = result.offers.filter((o) => !sold.includes(o.phoneNumber));
    return { ...result, offers: left.map((o) => (o.phoneNumber === dearer ? { ...o, upfrontCost } : o)) };
  };
}

describe('a buy whose numbers changed after it was planned', () => {
  it('I5 is refused and names them; allowed, the dearer number goes at its new price, the sold one is left out, and the caps follow', async () => {
    const plan = await planned(buying(4));
    const before = await priceOf(plan.id);
    const [dearer, sold] = before;
    const search = risen(dearer?.phoneNumber, '4.25', [sold?.phoneNumber ?? '']);
    await withGateway(h(), { search }, async () => {
      const refused = await apply(plan.id).catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: 'plan_changed', message: expect.stringContaining('2 numbers have changed') });
      expect(refused).toMatchObject({
        details: [
          { message: expect.stringMatching(new RegExp(`^\\${dearer?.phoneNumber} costs 4.25 upfront`)) },
          { message: `${sold?.phoneNumber} is not on sale any more` },
        ],
      });
      expect([await requestsOf(plan.id), await priceOf(plan.id)]).toEqual([[], before]);
      const { requestId } = await apply(plan.id, true);
      const now = [{ ...dearer, upfront: 4.25 }, ...before.slice(2)];
      expect(await priceOf(plan.id)).toEqual(now);
      expect(await capsOf(requestId)).toEqual(sum(await priceOf(plan.id)));
      expect(await h().ended(requestId)).toMatchObject({ status: 'succeeded', counts: { asked: 3, succeeded: 3 } });
      expect((await deliveredTo(h(), requestId)).map((b) => b.phone_number).sort()).toEqual(now.map((n) => n.phoneNumber));
    });
  });

  it('I5 leaves a number out whose new price is above its price cap, also when changes are allowed', async () => {
    const plan = await planned(buying(3, '312', { max_number_cost: '2.00' }));
    const [dearer, ...others] = await priceOf(plan.id);
    await withGateway(h(), { search: risen(dearer?.phoneNumber, '2.01') }, async () => {
      await expect(apply(plan.id)).rejects.toMatchObject({ code: 'plan_changed' });
      const { requestId } = await apply(plan.id, true);
      expect(await capsOf(requestId)).toEqual(sum(others));
      expect(await h().ended(requestId)).toMatchObject({ status: 'succeeded', counts: { asked: 2 } });
      expect((await deliveredTo(h(), requestId)).map((b) => b.phone_number).sort()).toEqual(others.map((n) => n.phoneNumber));
    });
  });

  it('I5 keeps its prices when an apply that allows changes is refused: the next one must allow them itself', async () => {
    const plan = await planned(buying(2));
    const before = await priceOf(plan.id);
    await withGateway(h(), { search: risen(before[0]?.phoneNumber, '4.50') }, async () => {
      await expect(apply(plan.id, true, 'poor')).rejects.toMatchObject({ code: 'budget_exceeded' });
      expect(await priceOf(plan.id)).toEqual(before);
      await expect(apply(plan.id)).rejects.toMatchObject({ code: 'plan_changed' });
    });
    expect(await capsOf((await apply(plan.id)).requestId)).toEqual(sum(before));
  });
});

describe('a plan that is applied in parallel', () => {
  it('I2 becomes one request, and its numbers are bought once', async () => {
    const plan = await planned(buying(5, '773'));
    const held = heldSearch(h());
    const applying: ReturnType<typeof applyPlan>[] = [];
    await withGateway(h(), { search: held.search }, async () => {
      applying.push(apply(plan.id));
      await held.called;
      const reads = [0, 0, 0];
      const seen = async (i: number) => void reads.splice(i, 1, (reads[i] ?? 0) + 1);
      for (const i of reads.keys())
        applying.push(applyPlan(h().deps, plan.id, { actor: 'carl', allowChanges: i === 1 }, { ...WAIT, seen: () => seen(i) }));
      await until('the others wait for the attempt under way', () => reads.every((n) => n >= 3));
    });
    held.answer();
    const applied = await Promise.all(applying);
    expect(await requestsOf(plan.id)).toEqual([...new Set(applied.map((a) => a.requestId))]);
    expect(applied.map((a) => a.created)).toEqual([true, false, false, false]);
    await expectBoughtOnce(plan.id);
    await expectAgreement(h(), applied[0]?.requestId ?? '');
  });

  it('I2 becomes one request too when only some allow changes', async () => {
    const plan = await planned(buying(4, '773'));
    const [dearer] = await numbersOf(plan.id);
    await withGateway(h(), { search: risen(dearer, '3.00') }, async () => {
      const applied = await Promise.allSettled([false, true, false, true].map((allow) => apply(plan.id, allow)));
      const requests = applied.flatMap((a) => (a.status === 'fulfilled' ? [a.value.requestId] : []));
      const refused = applied.flatMap((a) => (a.status === 'rejected' ? [a.reason as unknown] : []));
      for (const error of refused) expect(error).toMatchObject({ code: 'plan_changed' });
      expect([applied[1]?.status, applied[3]?.status]).toEqual(['fulfilled', 'fulfilled']);
      expect(await requestsOf(plan.id)).toEqual([...new Set(requests)]);
      await expectBoughtOnce(plan.id);
    });
  });

  /** The ledger has one purchase of exactly the numbers of the plan, by its one request. */
  async function expectBoughtOnce(planId: string): Promise<void> {
    const [id = ''] = await requestsOf(planId);
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded' });
    const numbers = await numbersOf(planId);
    const bought = h()
      .sim.ledger()
      .bought.filter((b) => numbers.includes(b.phone_number));
    expect(bought.map((b) => b.phone_number).sort()).toEqual(numbers);
    expect(bought.map((b) => b.duplicate_attempts)).toEqual(numbers.map(() => 0));
    expect(await deliveredTo(h(), id)).toHaveLength(numbers.length);
  }
});

describe('a worker that dies', () => {
  beforeAll(() => h().stop());
  afterAll(() => h().start());
  const work = (planId: string, lastAttempt = false) => h().handlers['plan.run']({ planId }, { ...ctxOf(h()), lastAttempt });
  const endLease = (id: string) => h().db.sql`update plans set lease_until = now() - interval '1 second' where id = ${id}`;
  const statusOf = async (id: string) => (await getPlan(h().db.sql, id))?.status;
  const askedFor = (id: string) =>
    until('somebody waits for the request', async () => (await getPlan(h().db.sql, id))?.applyAskedAt != null);
  const made = async (body: object) => (await makePlan(h().deps, body, { actor: 'anna' })).plan.id;

  /** One worker gets no answer to its search, so the next one does the work after the lease. Then the answer comes after all. */
  async function hangs(id: string): Promise<void> {
    const held = heldSearch(h());
    let first: Promise<unknown> = Promise.resolve();
    await withGateway(h(), { search: held.search }, async () => {
      first = work(id);
      await held.called;
    });
    expect(await work(id), 'before the lease has ended').toMatchObject({ kind: 'skipped' });
    await endLease(id);
    expect(await work(id), 'after the lease').toMatchObject({ kind: 'done' });
    held.answer();
    expect(await first, 'the first worker finds that it has lost the plan').toMatchObject({ kind: 'skipped' });
  }

  it('in the middle of computing a plan and of applying it is followed by the next one, and one request is filed', async () => {
    const id = await made(buying(3, '872'));
    await expect(apply(id)).rejects.toMatchObject({ code: 'plan_not_ready' });
    await hangs(id);
    const numbers = await numbersOf(id);
    expect([await statusOf(id), numbers.length]).toEqual(['planned', 3]);
    const applied = apply(id);
    await askedFor(id);
    await hangs(id);
    expect(await requestsOf(id)).toEqual([(await applied).requestId]);
    expect(await numbersOf(id)).toEqual(numbers);
    expect(await work(id), 'an applied plan is over').toMatchObject({ kind: 'skipped' });
  });

  it('and wakes while the next one files the request: one of the two requests is stored', async () => {
    const id = await made(buying(2, '872'));
    await work(id);
    const applied = apply(id);
    await askedFor(id);
    const { db } = h();
    /** How many transactions wait to store a request. */
    const filing = async (count: number) => {
      const [row] = await db.sql<{ n: number }[]>`
        select count(*)::int as n from pg_locks where relation = 'requests'::regclass and not granted
          and database = (select oid from pg_database where datname = current_database())`;
      return row?.n === count;
    };
    const working = await db.sql.begin(async (tx) => {
      await tx`lock table requests in share mode`;
      const first = work(id);
      await until('the first worker files', () => filing(1));
      await endLease(id);
      const second = work(id);
      await until('the second worker files too', () => filing(2));
      return { first, second };
    });

    expect([await working.first, await working.second]).toMatchObject([{ kind: 'skipped' }, { kind: 'done' }]);
    expect(await requestsOf(id)).toEqual([(await applied).requestId]);
  });

  it('by an unforeseen error leaves the plan to the next attempt; the last attempt says so in the plan', async () => {
    const id = await made(buying(2, '872'));
    const broken = async () => Promise.reject(new TypeError('secret detail'));
    await withGateway(h(), { search: broken }, () => expect(work(id)).rejects.toThrow(TypeError));
    expect(await work(id)).toMatchObject({ kind: 'done' });
    const applied = apply(id).catch((error: unknown) => error);
    await askedFor(id);
    await withGateway(h(), { search: broken }, () => expect(work(id, true)).rejects.toThrow(TypeError));
    expect(await applied).toMatchObject({ code: 'internal', message: expect.not.stringContaining('secret') });
    expect([await statusOf(id), await requestsOf(id)]).toEqual(['planned', []]);
  });
});

describe('plans over HTTP', () => {
  const as = (name: string) => ({ authorization: `Bearer key-of-${name}` });
  let server: TestServer;
  beforeAll(async () => {
    const apiKeys = ['anna', 'bert', 'carl'].map((name) => ({ name, key: secret(`key-of-${name}`), role: 'admin' as const }));
    server = await testServer(h().databaseUrl, { producer: h().deps, apiKeys });
  });
  afterAll(() => server.close());
  const post = (url: string, name: string, payload?: object | string, type = 'application/json') =>
    ask(server.app, 'POST', url, {
      headers: { ...as(name), ...(payload && { 'content-type': type }) },
      ...(payload && { payload }),
    });
  const idOf = (body: unknown) => z.object({ id: z.string() }).parse(body).id;
  /** The plan as GET shows it when a worker has computed it. */
  const readyAt = (url: string) =>
    until('the plan is computed', async () => {
      const { body } = await ask(server.app, 'GET', url, { headers: as('anna') });
      return z.object({ status: z.string() }).parse(body).status === 'pending' ? null : body;
    });

  it('are made, read and applied once; neither who planned nor who applied may approve, a third may', async () => {
    const made = await post('/v1/plans', 'anna', buying(20, '312', { max_number_cost: '3.00' }));
    const id = idOf(made.body);
    expect([made.status, made.headers['location']]).toEqual([202, `/v1/plans/${id}`]);
    const plan = await readyAt(`/v1/plans/${id}`);
    expect(plan).toMatchObject({ status: 'planned', asked_by: 'anna', result: { numbers: 20, approval: { needed: true } } });
    const applied = await post(`/v1/plans/${id}/apply`, 'bert');
    const requestId = idOf(applied.body);
    expect([applied.status, applied.headers['location']]).toEqual([202, `/v1/requests/${requestId}`]);
    expect(applied.body).toMatchObject({ status: 'awaiting_approval', submitted_by: 'bert', filed_by: id });
    const again = await post(`/v1/plans/${id}/apply`, 'carl', { allow_changes: true });
    expect([again.status, idOf(again.body)]).toEqual([200, requestId]);
    expect(await readyAt(`/v1/plans/${id}`)).toMatchObject({ status: 'applied', applied_by: 'bert', request_id: requestId });
    for (const asker of ['anna', 'bert']) {
      const refused = await post(`/v1/requests/${requestId}/approve`, asker);
      expect([refused.status, codeOf(refused.body)]).toEqual([403, 'self_approval']);
    }
    expect(await deliveredTo(h(), requestId)).toEqual([]);
    expect((await post(`/v1/requests/${requestId}/approve`, 'carl')).status).toBe(200);
    expect(await h().ended(requestId)).toMatchObject({ status: 'succeeded', counts: { succeeded: 20 } });
    expect(await capsOf(requestId)).toEqual(sum(await priceOf(id)));
  });

  it('are refused with the status of the reason: wrong body, unknown, changed', async () => {
    const wrong = await post('/v1/plans', 'anna', { kind: 'buy', lines: [{ quantity: 0 }] });
    const unknown = await post('/v1/plans/plan_none/apply', 'anna');
    expect([wrong.status, unknown.status]).toEqual([422, 404]);
    const id = idOf((await post('/v1/plans', 'anna', buying(1))).body);
    await readyAt(`/v1/plans/${id}`);
    await withGateway(h(), { search: risen(undefined, '0', await numbersOf(id)) }, async () => {
      const changed = await post(`/v1/plans/${id}/apply`, 'anna');
      expect([changed.status, codeOf(changed.body)]).toEqual([409, 'plan_changed']);
    });
  });

  it('of an update with values row by row file exactly these values, also from text/csv', async () => {
    await h().learnInventory();
    const owned = h().sim.ownedNumbers().slice(0, 3).sort();
    const references = (round: string) => owned.map((n) => [n, `${round}-${n.slice(-4)}`] as const);
    const rows = references('json').map(([phone_number, customer_reference]) => ({ phone_number, set: { customer_reference } }));
    const csv = ['did,customer_reference', ...references('csv').map((row) => row.join(','))].join('\n');
    const made = [
      await post('/v1/plans', 'anna', { kind: 'update', set: { add_tags: ['planned'] }, rows }),
      await post('/v1/plans?kind=update&columns=customer_reference&set.add_tags=planned', 'anna', csv, 'text/csv'),
    ];
    for (const [i, { status, body }] of made.entries()) {
      const id = idOf(body);
      expect([status, await readyAt(`/v1/plans/${id}`)]).toMatchObject([202, { status: 'planned', result: { numbers: 3 } }]);
      const changes = h().sim.ledger().changed.length;
      const applied = await post(`/v1/plans/${id}/apply`, 'bert');
      expect(await h().ended(idOf(applied.body))).toMatchObject({ status: 'succeeded', counts: { succeeded: 3 } });
      const changed = h().sim.ledger().changed.slice(changes);
      const wrote = changed.map(({ phone_number, fields }) => [phone_number, fields['customer_reference']]);
      expect(wrote.sort()).toEqual(references(i === 0 ? 'json' : 'csv'));
    }
  });
});
