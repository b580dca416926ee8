import { describe, expect, it } from 'vitest';
import { expectAgreement } from '../support/expect-agreement.ts';
import { useHarness } from '../support/harness.ts';
import { until } from '../support/until.ts';

const OWNERSHIP = 'POST /phone_numbers/actions/verify_ownership';
const LIST = 'GET /phone_numbers';
const TAGS_MS = 1_500;

/** Calls by endpoint, whatever the answer was. */
const countCalls = (by: Record<string, Record<string, number>>): Map<string, number> =>
  new Map(Object.entries(by).map(([name, n]) => [name, Object.values(n).reduce((sum, x) => sum + x, 0)]));

describe('an update or release of many numbers', () => {
  const h = useHarness(
    () => ({ simulator: { owned: 5_000, numbers: 200 }, timings: { pollMinMs: 400, pollMaxMs: 2_000 } }),
    (harness) => harness.learnInventory(),
  );
  const calls = () => countCalls(h().sim.ledger().calls.by_endpoint);
  const since = async (work: () => Promise<unknown>) => {
    const before = calls();
    await work();
    const after = calls();
    const made = (name: string): number => (after.get(name) ?? 0) - (before.get(name) ?? 0);
    return { of: made, all: [...after.keys()].reduce((sum, name) => sum + made(name), 0) };
  };
  const sorted = () => h().sim.ownedNumbers().toSorted();

  it('add_tags on 2,500 of 5,000 costs at most 60 calls, and every number keeps its tags', async () => {
    const numbers = sorted().filter((_n, i) => i % 2 === 0);
    const body = { kind: 'update', phone_numbers: numbers, set: { add_tags: ['spring'] } };
    let id = '';
    const made = await since(async () => {
      const view = await h().run(body);
      expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 2_500 } });
      id = view.id;
    });
    expect(made.all).toBeLessThanOrEqual(60);
    expect([made.of(OWNERSHIP), made.of(LIST)]).toEqual([3, 20]);
    const sizes = (await h().chunks(id)).filter((c) => c.telnyxId !== null).map((c) => c.numbers.length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1_000);
    await expectAgreement(h(), id);
  });

  it('I8 a release asks ownership even when it was seen a moment ago, and reads every number', async () => {
    const numbers = sorted().slice(-3);
    await h().run({ kind: 'update', phone_numbers: numbers, set: { customer_reference: 'seen' } });
    const made = await since(() => h().run({ kind: 'delete', phone_numbers: numbers, expected_count: 3 }));
    expect(made.of(OWNERSHIP), 'before it is sent, and after it').toBeGreaterThanOrEqual(2);
    expect(made.of(LIST)).toBeGreaterThanOrEqual(1);
  });
});

describe('tags that were read for many numbers at once', () => {
  const h = useHarness(
    () => ({ simulator: { owned: 40, numbers: 50 }, timings: { tagsMs: TAGS_MS } }),
    (harness) => harness.learnInventory(),
  );
  const tagsAt = async (number: string) =>
    (await h().deps.telnyx.listNumbers({ pageNumber: 1, pageSize: 250, digits: number.slice(1) })).numbers[0]?.tags;
  const run = () => ({ log: h().deps.log, signal: new AbortController().signal, attempt: 1, lastAttempt: false });
  const reads = () => countCalls(h().sim.ledger().calls.by_endpoint).get(LIST) ?? 0;

  /** Reads and cuts an update by tags while the workers stand still. Returns the id of the request with its planned parts. */
  const cut = async (numbers: string[]): Promise<string> => {
    const id = await h().submit({ kind: 'update', phone_numbers: numbers, set: { add_tags: ['new'] } });
    const [whole] = await h().chunks(id);
    if (whole === undefined) throw new Error('nothing is planned');
    await h().handlers['batch.run']({ chunkId: whole.id, requestId: id }, run());
    return id;
  };

  it('a tag that a person adds while the request runs survives', async () => {
    const [one = '', two = '', three = ''] = h().sim.ownedNumbers();
    h().sim.setTags([one], ['a']);
    h().sim.setTags([two], ['b']);
    h().sim.setTags([three], ['protected']);
    await h().stop();
    const id = await cut([one, two, three]);
    const parts = (await h().chunks(id)).filter((c) => c.state === 'planned');
    expect(parts).toHaveLength(3);
    expect(parts.map((c) => c.payload?.settings?.tags?.join() ?? 'read again').sort()).toEqual(['a,new', 'b,new', 'read again']);
    h().sim.setTags([one], ['a', 'mine']);
    h().sim.setTags([three], ['protected', 'mine']);
    const readAt = Date.parse(parts.find((c) => c.payload?.tagsReadAt)?.payload?.tagsReadAt ?? '');
    await until('what was read is too old', async () => Date.now() - readAt > TAGS_MS);
    await h().start();
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded' });
    expect([await tagsAt(one), await tagsAt(two), await tagsAt(three)]).toEqual([
      ['a', 'mine', 'new'],
      ['b', 'new'],
      ['mine', 'new', 'protected'],
    ]);
    await expectAgreement(h(), id);
  });

  it('what was just read is not read again', async () => {
    const [, , , four = '', five = ''] = h().sim.ownedNumbers();
    h().sim.setTags([four], ['a']);
    h().sim.setTags([five], ['b']);
    await h().stop();
    const before = reads();
    const id = await cut([four, five]);
    const read = reads() - before;
    for (const part of (await h().chunks(id)).filter((c) => c.state === 'planned'))
      await h().handlers['batch.run']({ chunkId: part.id, requestId: id }, run());
    expect([read > 0, reads() - before]).toEqual([true, read]);
    await h().start();
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded' });
    expect([await tagsAt(four), await tagsAt(five)]).toEqual([
      ['a', 'new'],
      ['b', 'new'],
    ]);
  });
});

describe('a buy over several area codes', () => {
  const h = useHarness(() => ({ simulator: { numbers: 6_000 } }));
  const AREAS = ['512', '415', '213', '305', '214'];
  const lines = AREAS.map((ndc) => ({ national_destination_code: ndc, quantity: 10 }));
  const linesOf = (id: string) =>
    h().db.sql<{ id: string; ndc: string }[]>`
      select id, criteria ->> 'national_destination_code' as ndc from lines where request_id = ${id}`;
  const ordersOf = async (id: string) => {
    const references = new Set((await h().chunks(id)).map((c) => c.customerReference));
    return h()
      .sim.ledger()
      .orders.filter((o) => references.has(o.customer_reference ?? ''));
  };

  it('orders the numbers of all its buy lines together', async () => {
    const view = await h().run({ kind: 'buy', lines });
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 50 } });
    expect((await ordersOf(view.id)).map((o) => o.numbers.length)).toEqual([50]);
    await expectAgreement(h(), view.id);
  });

  it('a number that others bought counts against its own buy line, and is replaced there', async () => {
    h().faults({ kind: 'sell_between', fraction: 0.1 });
    const view = await h().run({ kind: 'buy', lines });
    h().faults();
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 50 } });
    const known = new Map((await linesOf(view.id)).map((l) => [l.id, l.ndc]));
    const items = await h().items(view.id);
    for (const item of items) expect(item.phoneNumber?.slice(2, 5)).toBe(known.get(item.lineId ?? ''));
    const lost = await h().db.sql<{ lineId: string; phoneNumber: string }[]>`
      select line_id, phone_number from line_losses where line_id = any(${[...known.keys()]}::text[])`;
    expect(lost.length).toBeGreaterThan(0);
    for (const loss of lost) expect(loss.phoneNumber.slice(2, 5)).toBe(known.get(loss.lineId));
    await expectAgreement(h(), view.id);
  });

  it('buy lines with other settings never share an order', async () => {
    const view = await h().run({
      kind: 'buy',
      lines: [
        { national_destination_code: '713', quantity: 3 },
        { national_destination_code: '917', quantity: 3, requirement_group_id: '8ffb3622-7c6b-4ccc-b65f-7a3dc0099576' },
        { phone_number_type: 'toll_free', quantity: 2 },
      ],
    });
    expect(view.counts.succeeded).toBe(8);
    expect((await ordersOf(view.id)).map((o) => o.numbers.length).sort()).toEqual([2, 3, 3]);
  });
});
