import { describe, expect, it } from 'vitest';
import { cancelRequest } from '../../src/producers/actions/cancel.ts';
import { pauseRequest, resumeRequest } from '../../src/producers/actions/pause.ts';
import { readHistory } from '../../src/producers/read/history.ts';
import { SIMULATED_ACCOUNT } from '../../src/simulator/index.ts';
import { buying, causesOf, claimedOnly, ordersOf, withGateway } from '../support/buys.ts';
import { deliveredTo, expectAgreement } from '../support/expect-agreement.ts';
import { useHarness } from '../support/harness.ts';
import { until } from '../support/until.ts';
import { unusedNumbers } from '../support/unused-numbers.ts';
import { changesOf, jobsOf, updating } from '../support/updates.ts';

const [, connectionId = ''] = SIMULATED_ACCOUNT.connectionIds;

const h = useHarness(
  () => ({ simulator: { owned: 300, jobPendingMs: 100 }, jobSlots: 2, limits: { batchSize: 10, orderSize: 5 } }),
  (harness) => harness.learnInventory(),
);
const take = unusedNumbers(h);
const updates = (numbers: string[], more: object = {}) => ({
  kind: 'update',
  phone_numbers: numbers,
  set: { connection_id: connectionId },
  ...more,
});
const becomes = (id: string, status: string) => until(`${id} is ${status}`, async () => (await h().view(id)).status === status);
/** The acts on a request, in order. */
const acts = async (id: string) => (await readHistory(h().db, id, { limit: 50 })).data.map((a) => a.action);
/** How many calls of a request were claimed after its last pause. */
const claimsSincePause = async (id: string) =>
  (
    await h().db.sql`
      select 1 from events where request_id = ${id} and subject = 'chunk' and cause = 'claim'
        and id > (select max(id) from events where subject = 'request' and subject_id = ${id} and cause = 'paused')`
  ).length;
const claimsOf = async (id: string) => (await h().db.sql`select 1 from claims where request_id = ${id}`).length;

describe('a paused request', () => {
  it('sends nothing new and keeps no number from others; resumed after a restart on an empty queue it sends each number once', async () => {
    const numbers = take(60);
    const jobs = jobsOf(h());
    const id = await h().submit(updates(numbers));
    await until('a job is open', () => jobsOf(h()) > jobs);
    await pauseRequest(h().deps, id, 'anna');
    const rest = await until('what was at Telnyx is settled and the rest is parked', async () => {
      const { counts } = await h().view(id);
      return counts.in_flight === 0 && (await claimsOf(id)) === 0 && counts;
    });
    expect(rest.succeeded).toBeGreaterThan(0);
    expect(rest.pending).toBeGreaterThan(0);
    expect(await h().view(id)).toMatchObject({ status: 'paused', error: { code: 'paused', message: 'paused by anna' } });
    const held = (await h().items(id)).find((i) => i.status === 'pending')?.phoneNumber ?? '';
    expect(await h().run(updates([held], { set: { add_tags: ['other'] } }))).toMatchObject({ status: 'succeeded' });
    await h().stop();
    for (const queue of h().queues.all()) await queue.obliterate({ force: true });
    await h().start();
    expect(await claimsSincePause(id)).toBe(0);
    await resumeRequest(h().deps, id, 'otto');
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded', counts: { succeeded: 60 }, paused_at: null });
    expect(changesOf(h(), numbers).filter((c) => 'connection_id' in c.fields)).toHaveLength(60);
    expect(await acts(id)).toEqual(['submitted', 'paused', 'resumed', 'ended']);
    await expectAgreement(h(), id);
  });

  it('stops an order that is claimed and has not left; resumed, it buys the same numbers', async () => {
    const { createOrder } = h().deps.telnyx;
    const body = buying(3, '312');
    const { id, chunks } = await claimedOnly(h(), body);
    const [planned] = chunks;
    await withGateway(
      h(),
      {
        createOrder: async (...args) => {
          await pauseRequest(h().deps, id, 'anna');
          return createOrder(...args);
        },
      },
      async () => {
        await h().start();
        await becomes(id, 'paused');
        await until('the order is put back', async () => (await causesOf(h(), id)).includes('try_later'));
      },
    );
    expect(await ordersOf(h(), id)).toEqual([]);
    await resumeRequest(h().deps, id, 'anna');
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded' });
    expect((await deliveredTo(h(), id)).map((b) => b.phone_number).sort()).toEqual(planned?.numbers.toSorted());
    await expectAgreement(h(), id);
  });

  it('can be cancelled, also with a call that was put back', async () => {
    await h().stop();
    const id = await h().submit(buying(4));
    await pauseRequest(h().deps, id, 'anna');
    await cancelRequest(h().deps, id, 'anna');
    await h().start();
    expect(await h().ended(id)).toMatchObject({ status: 'cancelled', counts: { cancelled: 4 } });
    await expect(resumeRequest(h().deps, id, 'anna')).rejects.toMatchObject({ code: 'not_paused' });
    await expect(pauseRequest(h().deps, id, 'anna')).rejects.toMatchObject({ code: 'not_pausable' });
  });
});

describe('start_at', () => {
  it('nothing leaves before the moment, also after a restart on an empty queue', async () => {
    const startAt = new Date(h().deps.clock.now().getTime() + 1_500);
    const id = await h().submit(buying(2, '773', {}));
    const later = await h().submit({ ...buying(2, '773'), start_at: startAt.toISOString() });
    expect(await h().view(later)).toMatchObject({ status: 'scheduled', start_at: startAt.toISOString() });
    await h().ended(id);
    await h().stop();
    for (const queue of h().queues.all()) await queue.obliterate({ force: true });
    await h().start();
    expect(await h().ended(later)).toMatchObject({ status: 'succeeded' });
    const [first] = await h().db.sql<{ at: Date }[]>`
      select min(at) as at from events where request_id = ${later} and (cause = 'claim' or cause = 'planned')`;
    expect(first?.at.getTime()).toBeGreaterThanOrEqual(startAt.getTime());
    await expect(h().submit({ ...buying(1), start_at: '2020-01-01T00:00:00Z' })).rejects.toMatchObject({
      details: [{ path: 'start_at', message: expect.stringContaining('is over') }],
    });
  });
});

describe('a canary', () => {
  it('of an update goes first and alone, and the rest follows when Telnyx shows it as asked', async () => {
    const numbers = take(25);
    const view = await h().run(updates(numbers, { canary: 3 }));
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 25 } });
    const events = await h().db.sql<{ cause: string; size: number }[]>`
      select e.cause, cardinality(c.numbers)::int as size from events e left join chunks c on c.id = e.chunk_id
      where e.request_id = ${view.id} and e.cause in ('claim', 'canary_passed') order by e.id`;
    expect(events.slice(0, 2)).toEqual([
      { cause: 'claim', size: 3 },
      { cause: 'canary_passed', size: null },
    ]);
    expect(await acts(view.id)).toEqual(['submitted', 'canary_passed', 'ended']);
  });

  it('of values row by row has as many numbers, in a chunk for each set of values', async () => {
    const rows = take(8).map((phone_number, i) => ({ phone_number, set: { tags: [i < 2 ? 'few' : 'many'] } }));
    const view = await h().run({ kind: 'update', rows, canary: 3 });
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 8 } });
    const chunks = (await h().chunks(view.id)).map((c) => [c.position, c.numbers.length]);
    expect(chunks.sort()).toEqual([
      [0, 1],
      [0, 2],
      [2, 5],
    ]);
    expect(
      await h().db.sql`
      select 1 from events where request_id = ${view.id} and cause = 'claim'
        and id < (select id from events where request_id = ${view.id} and cause = 'canary_passed')`,
    ).toHaveLength(2);
  });

  it('of a buy is bought and finished before anything else is claimed', async () => {
    const line = (ndc: string, quantity: number) => ({ national_destination_code: ndc, quantity });
    const body = { kind: 'buy', lines: [line('312', 4), line('773', 8)], assign: { tags: ['tried'] }, canary: 6 };
    const view = await h().run(body);
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 12 } });
    const [at] = await h().db.sql<{ before: number; bought: number }[]>`
      select (select count(*)::int from items where request_id = ${view.id} and charged_at < r.canary_passed_at) as before,
        (select count(*)::int from items where request_id = ${view.id} and bought_at < r.canary_passed_at) as bought
      from requests r where r.id = ${view.id}`;
    expect(at).toEqual({ before: 6, bought: 6 });
    await expectAgreement(h(), view.id);
  });

  it('that is not shown as asked pauses the request with the reason; whoever resumes accepts it', async () => {
    const numbers = take(25);
    const { listNumbers } = h().deps.telnyx;
    const other: typeof listNumbers = async (page) => {
      const shown = await listNumbers(page);
      return { ...shown, numbers: shown.numbers.map((n) => ({ ...n, connectionId: '1' })) };
    };
    const id = await h().submit(updates(numbers, { canary: 3 }));
    await withGateway(h(), { listNumbers: other }, () => becomes(id, 'paused').then(() => undefined));
    const paused = await h().view(id);
    expect(paused).toMatchObject({ counts: { succeeded: 3, pending: 22 }, error: { code: 'canary_failed' } });
    expect(paused.error?.message).toMatch(/^3 of the 3 numbers of the canary are not right: \+1\d+ shows another connection_id/);
    await resumeRequest(h().deps, id, 'anna');
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded' });
  });

  it('needs numbers behind it', async () => {
    await expect(h().submit(updates(take(3), { canary: 3 }))).rejects.toMatchObject({ details: [{ path: 'canary' }] });
  });
});

describe('stop_above', () => {
  it('pauses when the share of failures is passed, and after a resume counts new failures only', async () => {
    const numbers = take(50);
    h().faults({ kind: 'job_partial', count: 3, times: 2, match: updating });
    const id = await h().submit(updates(numbers, { stop_above: 10 }));
    await becomes(id, 'paused');
    const { error, counts } = await h().view(id);
    expect(error?.code).toBe('too_many_failures');
    expect(error?.message).toMatch(/^[56] of the \d+ numbers that ended have failed, more than 10%$/);
    expect(counts.pending).toBeGreaterThan(0);
    h().faults();
    await resumeRequest(h().deps, id, 'anna');
    expect(await h().ended(id)).toMatchObject({ status: 'partially_succeeded', counts: { succeeded: 44, failed: 6 } });
    expect(await acts(id)).toEqual(['submitted', 'paused', 'resumed', 'ended']);
  });
});

describe('all or nothing', () => {
  const line = (ndc: string, quantity: number) => ({ national_destination_code: ndc, quantity });

  it('buys nothing when one line falls short, says why, and lets its claims go', async () => {
    const orders = h().sim.ledger().orders.length;
    const view = await h().run({ kind: 'buy', lines: [line('312', 7), line('907', 3)], all_or_nothing: true });
    expect(view).toMatchObject({ status: 'failed', counts: { failed: 10 }, cost: { upfront: '0.00' } });
    const reasons = new Set((await h().items(view.id)).map((i) => `${i.reasonCode}: ${i.reason}`));
    expect([...reasons]).toEqual([
      expect.stringMatching(/^all_or_nothing: nothing was ordered: Telnyx offers no more .* for 907/),
      expect.stringMatching(/^inventory_exhausted: Telnyx offers no more .* for 907/),
    ]);
    expect(h().sim.ledger().orders).toHaveLength(orders);
    expect(await claimsOf(view.id)).toBe(0);
    await expectAgreement(h(), view.id);
  });

  it('orders only when every number is claimed, and tops up what is lost after that', async () => {
    h().faults({ kind: 'order_partial', count: 2, times: 1, return_to_pool: false });
    const view = await h().run({ kind: 'buy', lines: [line('312', 7), line('773', 6)], all_or_nothing: true });
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 13 } });
    const events = await h().db.sql<{ cause: string }[]>`
      select cause from events where request_id = ${view.id} and cause in ('claim', 'all_claimed') order by id`;
    expect(events.map((e) => e.cause).indexOf('all_claimed')).toBe(0);
    await expectAgreement(h(), view.id);
  });
});
