import { describe, expect, it } from 'vitest';
import { judgeEarly } from '../../src/domain/order-outcome.ts';
import { cancelRequest } from '../../src/producers/actions/cancel.ts';
import { resolveChunk } from '../../src/producers/actions/decide.ts';
import { expectAgreement } from '../support/expect-agreement.ts';
import { useHarness } from '../support/harness.ts';
import { until } from '../support/until.ts';

const h = useHarness();

/** Numbers on sale at an ordinary price that work at once. */
async function onSale(countryCode: string, phoneNumberType: string, count: number): Promise<string[]> {
  const { offers } = await h().deps.telnyx.search({
    countryCode,
    phoneNumberType,
    quickship: true,
    bestEffort: false,
    limit: 300,
  });
  return offers
    .filter((o) => Number(o.upfrontCost) <= 5)
    .slice(0, count)
    .map((o) => o.phoneNumber);
}

const inventory = async (numbers: string[]) =>
  (
    await h().db.sql<{ phoneNumber: string }[]>`
      select phone_number from phone_numbers where phone_number = any(${numbers}::text[]) and state = 'owned' order by 1`
  ).map((r) => r.phoneNumber);

const endedItems = async (id: string) =>
  (await h().items(id))
    .filter((i) => i.status === 'succeeded')
    .flatMap((i) => i.phoneNumber ?? [])
    .sort();

const ordersOf = async (id: string) => {
  const references = new Set((await h().chunks(id)).map((c) => c.customerReference));
  return h()
    .sim.ledger()
    .orders.filter((o) => references.has(o.customer_reference ?? ''));
};

const run = () => ({ log: h().deps.log, signal: new AbortController().signal, attempt: 1, lastAttempt: false });

/** A list whose numbers stand in one order, as older versions cut it: planned, and not sent before the workers start again. */
async function inOneOrder(numbers: string[]): Promise<string> {
  const { sql } = h().db;
  await h().stop();
  const id = await h().submit({ kind: 'buy', phone_numbers: numbers, max_number_cost: '100.00' });
  const [line] = await sql<{ id: string }[]>`select id from lines where request_id = ${id}`;
  await until('all are planned', async () => {
    await h().handlers['line.fill']({ lineId: line?.id ?? '', requestId: id }, run());
    const [row] = await sql<
      { n: number }[]
    >`select count(*)::int as n from items where request_id = ${id} and chunk_id is not null`;
    return row?.n === numbers.length;
  });
  const [first, ...others] = (await h().chunks(id)).map((c) => c.id);
  await sql`update chunks set numbers = ${numbers}::text[] where id = ${first ?? ''}`;
  await sql`update items set chunk_id = ${first ?? ''} where request_id = ${id}`;
  await sql`delete from events where subject_id = any(${others}::text[])`;
  await sql`delete from chunks where id = any(${others}::text[])`;
  await h().start();
  return id;
}

describe('a list over several countries and types', () => {
  it('C8 each country and type has an order of its own, and only those that need paperwork wait', async () => {
    const kinds = [
      await onSale('US', 'local', 3),
      await onSale('CA', 'local', 2),
      await onSale('US', 'toll_free', 2),
      await onSale('GB', 'local', 2),
    ];
    const [us = [], ca = [], free = [], gb = []] = kinds;
    expect(kinds.map((k) => k.length)).toEqual([3, 2, 2, 2]);
    const id = await h().submit({
      kind: 'buy',
      phone_numbers: kinds.flat(),
      max_number_cost: '100.00',
      assign: { tags: ['mixed'] },
    });
    const done = [...us, ...ca, ...free].sort();
    await until('all but the British are done', async () => (await endedItems(id)).length === done.length);
    expect(await endedItems(id)).toEqual(done);
    expect(await inventory(kinds.flat())).toEqual(done);
    const orders = await ordersOf(id);
    expect(orders.map((o) => [...o.numbers].sort().join()).sort()).toEqual(kinds.map((k) => [...k].sort().join()).sort());
    await until('the request waits', async () => (await h().view(id)).status === 'waiting');
    const waiting = orders.find((o) => o.numbers.includes(gb[0] ?? ''));
    h().sim.decideOrder(waiting?.id ?? '', 'approve');
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded', counts: { succeeded: 9 } });
    await expectAgreement(h(), id);
  });
});

describe('one order that waits for a part of its numbers', () => {
  it('C8 what is final and ours is bought at once, goes on to its next step, and the rest ends by its own paperwork', async () => {
    const us = (await onSale('US', 'local', 3)).sort();
    const gb = (await onSale('GB', 'local', 2)).sort();
    const id = await inOneOrder([...us, ...gb]);
    await until('the Americans are bought', async () => (await endedItems(id)).length === 3);
    expect([await endedItems(id), await inventory([...us, ...gb])]).toEqual([us, us]);
    const [claims] = await h().db.sql<{ held: string[] }[]>`
      select array_agg(phone_number order by 1) as held from claims where request_id = ${id}`;
    expect(claims?.held).toEqual(gb);
    await until('the rest waits', async () => (await h().view(id)).status === 'waiting');
    const [order] = await ordersOf(id);
    h().sim.decideOrder(order?.id ?? '', 'decline');
    expect(await h().ended(id)).toMatchObject({ status: 'partially_succeeded', counts: { succeeded: 3, failed: 2 } });
    const failed = (await h().items(id)).filter((i) => i.status === 'failed');
    expect(failed.map((i) => [i.phoneNumber, i.reasonCode]).sort()).toEqual(gb.map((n) => [n, 'requirements_not_met']));
    expect(await ordersOf(id)).toHaveLength(1);
    await expectAgreement(h(), id);
  });

  it('C8 a person\'s "not sent" sends only what the order still owes, never what is bought', async () => {
    const us = (await onSale('US', 'local', 2)).sort();
    const gb = (await onSale('GB', 'local', 2)).sort();
    const id = await inOneOrder([...us, ...gb]);
    await until('the Americans are bought', async () => (await endedItems(id)).length === 2);
    const [chunk] = await h().chunks(id);
    await h().stop();
    await h().db.sql`update chunks set state = 'needs_attention' where id = ${chunk?.id ?? ''}`;
    const moved = await resolveChunk(h().deps, id, chunk?.id ?? '', { kind: 'not_sent' }, 'anna');
    expect(moved.numbers).toEqual(gb);
    await cancelRequest(h().deps, id, 'anna');
    await h().start();
    expect(await h().ended(id)).toMatchObject({ status: 'partially_succeeded', counts: { succeeded: 2, cancelled: 2 } });
  });

  it('C8 a cancel ends what waits, and keeps what is bought', async () => {
    const us = (await onSale('US', 'local', 2)).sort();
    const gb = (await onSale('GB', 'local', 2)).sort();
    const id = await inOneOrder([...us, ...gb]);
    await until('the Americans are bought', async () => (await endedItems(id)).length === 2);
    await cancelRequest(h().deps, id, 'anna');
    expect(await h().ended(id)).toMatchObject({ status: 'partially_succeeded', counts: { succeeded: 2, cancelled: 2 } });
    expect(await inventory([...us, ...gb])).toEqual(us);
    await expectAgreement(h(), id);
  });

  it('C8 a line that failed while others wait is replaced after one settling window, not at the end of the paperwork', async () => {
    const us = (await onSale('US', 'local', 4)).sort();
    const gb = (await onSale('GB', 'local', 1)).sort();
    h().faults({ kind: 'order_partial', count: 2, times: 1 });
    const id = await inOneOrder([...us, ...gb]);
    await until(
      'both ends are told',
      async () => (await h().items(id)).filter((i) => i.status === 'failed' || i.status === 'succeeded').length >= 3,
    );
    const codes = (await h().items(id)).flatMap((i) => i.reasonCode ?? []);
    expect(new Set(codes)).toEqual(new Set(['number_unavailable']));
    const [order] = await ordersOf(id);
    h().sim.decideOrder(order?.id ?? '', 'approve');
    await h().ended(id);
    await expectAgreement(h(), id);
  });
});

describe('judgeEarly', () => {
  const fact = { phoneNumber: '+13125550100', lineStatus: 'success', owned: true, requirementsMet: null };
  it.each([
    [{}, 'bought'],
    [{ owned: false }, 'open'],
    [{ lineStatus: 'pending' }, 'open'],
    [{ lineStatus: null }, 'open'],
    [{ lineStatus: 'failure' }, 'open'],
    [{ lineStatus: 'failure', owned: false }, 'failed'],
    [{ lineStatus: 'cancelled', owned: false, requirementsMet: false }, 'open'],
  ] as const)('%j is %s', (change, verdict) => expect(judgeEarly({ ...fact, ...change })).toBe(verdict));
});
