import { afterEach, describe, expect, it } from 'vitest';
import { readNumbers, readNumbersSoon } from '../../src/account/read-numbers.ts';
import { countByPrefix } from '../../src/db/numbers.ts';
import type { AccountNumber, NumbersQuery, TelnyxGateway } from '../../src/telnyx/gateway.ts';
import { useHarness } from '../support/harness.ts';
import { timed } from '../support/until.ts';

describe('reading the full objects of some numbers', () => {
  const h = useHarness(
    () => ({ simulator: { owned: 620, numbers: 200 } }),
    (harness) => harness.learnInventory(),
  );
  let listNumbers: TelnyxGateway['listNumbers'] | undefined;
  afterEach(() => {
    if (listNumbers !== undefined) h().deps.telnyx.listNumbers = listNumbers;
    listNumbers = undefined;
  });
  /** Shows rows of the list otherwise than they are; returns what is asked for. */
  const showing = (change: (rows: AccountNumber[]) => AccountNumber[] = (rows) => rows): NumbersQuery[] => {
    const real = h().deps.telnyx.listNumbers;
    listNumbers = real;
    const asked: NumbersQuery[] = [];
    h().deps.telnyx.listNumbers = async (query) => {
      asked.push(query);
      const page = await real(query);
      return { ...page, numbers: change(page.numbers) };
    };
    return asked;
  };

  it('a page that fails is read again, and the pages before it are not', async () => {
    h().faults({ kind: 'page_fails', page: 2, times: 2 });
    const asked = showing();
    const all = h().sim.ownedNumbers();
    expect((await readNumbers(h().deps, all)).size).toBe(620);
    expect(asked.map((q) => q.pageNumber).toSorted()).toEqual([1, 2, 2, 2, 3]);
  });

  it('numbers are read on the pages on which the inventory expects them, and everywhere when they are not there', async () => {
    const asked = showing();
    const late = h().sim.ownedNumbers().toSorted().slice(250);
    expect((await readNumbers(h().deps, late)).size).toBe(370);
    expect(asked.map((q) => q.pageNumber).toSorted()).toEqual([2, 3]);
    // The inventory has 500 numbers that the account does not have, so it expects the others two pages later.
    await h().db.sql`
      insert into phone_numbers (phone_number, telnyx_id, state, created_at, updated_at)
      select '+1' || (1000000000 + n), 'early ' || n, 'owned', now(), now() from generate_series(1, 500) as n`;
    expect((await readNumbers(h().deps, late)).size).toBe(370);
    await h().db.sql`delete from phone_numbers where telnyx_id like 'early %'`;
  });

  it('a few pages are asked for at once, and never more', async () => {
    const real = h().deps.telnyx.listNumbers;
    listNumbers = real;
    let [underWay, most] = [0, 0];
    h().deps.telnyx.listNumbers = async (query) => {
      underWay += 1;
      most = Math.max(most, underWay);
      return real(query).finally(() => (underWay -= 1));
    };
    // Of many numbers, a few that are far from each other: each has a page of its own.
    await h().db.sql`
      insert into phone_numbers (phone_number, telnyx_id, state, created_at, updated_at)
      select '+1500' || (1000000 + n), 'many ' || n, 'owned', now(), now() from generate_series(1, 25000) as n`;
    const scattered = h()
      .sim.ownedNumbers()
      .toSorted()
      .filter((_, i) => i % 100 === 0);
    expect((await readNumbers(h().deps, scattered)).size).toBe(scattered.length);
    expect([most, underWay]).toEqual([4, 0]);
    await h().db.sql`delete from phone_numbers where telnyx_id like 'many %'`;
  });

  it('what cannot be read within a lease is not begun, and what takes longer is given up', async () => {
    const asked = showing();
    const all = h().sim.ownedNumbers();
    const slow = { ...h().deps, timings: { ...h().deps.timings, leaseMs: 2_000 } };
    const limits = (perSecond: number) => () => [{ family: 'reads' as const, perSecond, announced: null, pausedUntil: null }];
    slow.telnyx = { ...h().deps.telnyx, limits: limits(1) };
    expect(await readNumbersSoon(slow, all)).toBeNull();
    expect(asked).toEqual([]);
    expect((await readNumbersSoon(slow, all.slice(0, 1)))?.size).toBe(1);
    // Each page takes a second of the clock.
    const before = asked.length;
    const times = Array.from({ length: 10 }, (_, i) => new Date(Date.now() + i * 1_000));
    slow.clock = { now: () => times.shift() ?? new Date() };
    slow.telnyx = { ...h().deps.telnyx, limits: limits(1_000) };
    expect(await readNumbersSoon(slow, all)).toBeNull();
    expect(asked.length - before).toBeLessThan(3);
  });

  it('a page that never comes is given up after a few tries', async () => {
    h().faults({ kind: 'page_fails', page: 2 });
    const asked = showing();
    await expect(readNumbers(h().deps, h().sim.ownedNumbers())).rejects.toMatchObject({ disposition: 'retry' });
    expect(asked.length).toBeLessThan(10);
  });

  it.each([
    ['before', (dead: AccountNumber, live: AccountNumber) => [dead, live]],
    ['after', (dead: AccountNumber, live: AccountNumber) => [live, dead]],
  ])('I8 the row of an earlier life of a number, listed %s it, never hides the one of today', async (_, order) => {
    const [number = ''] = h().sim.ownedNumbers();
    h().sim.setTags([number], ['protected', 'vip']);
    showing((rows) =>
      rows.flatMap((n) => (n.phoneNumber === number ? order({ ...n, telnyxId: '1', status: 'deleted', tags: [] }, n) : [n])),
    );
    expect((await readNumbers(h().deps, [number])).get(number)).toMatchObject({
      status: 'active',
      tags: ['protected', 'vip'],
    });
  });

  it('finding out how to read a thousand numbers is one pass over the inventory, not a thousand', async () => {
    await h().db.sql`
      insert into phone_numbers (phone_number, telnyx_id, state, created_at, updated_at)
      select '+1' || (4000000000::bigint + n::bigint * 6151)::text, n::text, 'owned', now(), now() from generate_series(1, 40000) as n`;
    await h().db.sql`analyze phone_numbers`;
    const rows = await h().db.sql<{ phoneNumber: string }[]>`select phone_number from phone_numbers order by 1`;
    const all = rows.map((r) => r.phoneNumber);
    const many = all.filter((_, i) => i % 40 === 0);
    // The plan that every prepared statement comes to after some uses.
    const [few, thousand] = await h().db.sql.begin(async (tx) => {
      await tx`set local plan_cache_mode = force_generic_plan`;
      const ms = async (numbers: string[]) => {
        const tries = [];
        for (let i = 0; i < 3; i += 1) tries.push((await timed(() => countByPrefix(tx, numbers, 12))).ms);
        return Math.min(...tries);
      };
      return [await ms(many.slice(0, 10)), await ms(many)] as const;
    });
    expect(many.length).toBeGreaterThan(1_000);
    expect(thousand).toBeLessThan(few * 20 + 200);
    expect([...(await countByPrefix(h().db.sql, [...all.slice(-3), '+14155550123'], 12)).values()]).toEqual([1, 1, 1, 1]);
  });
});
