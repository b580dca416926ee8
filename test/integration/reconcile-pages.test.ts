import { describe, expect, it } from 'vitest';
import { newRunId } from '../../src/db/ids.ts';
import { insertRun, leaseRun } from '../../src/db/runs.ts';
import { reconcileInventory } from '../../src/reconcile/walk.ts';
import type { NumbersPage, TelnyxGateway } from '../../src/telnyx/gateway.ts';
import { expectInventory } from '../support/expect-agreement.ts';
import { useHarness } from '../support/harness.ts';
import { door } from '../support/until.ts';

const OWNED = 1_100;
const PAGES = Math.ceil(OWNED / 250);

describe('pages that are read at once', () => {
  const h = useHarness(
    () => ({ simulator: { owned: OWNED, numbers: 1_500 } }),
    (harness) => harness.learnInventory(),
  );

  /** Runs one reconciliation whose gateway is changed by `changes`. */
  const reconciled = async (changes: (real: TelnyxGateway) => Partial<TelnyxGateway>) => {
    const now = new Date();
    const { id } = await insertRun(h().db.sql, { id: newRunId(), trigger: 'manual', repair: false, at: now });
    const run = await leaseRun(h().db.sql, id, now, new Date(now.getTime() + 60_000));
    if (run === null) throw new Error('not leased');
    const telnyx = { ...h().deps.telnyx, ...changes(h().deps.telnyx) };
    return reconcileInventory({ ...h().deps, telnyx }, run);
  };
  /** Every page after the first waits until all of them were asked for, and then they are answered from the last to the first. */
  const backwards = (change: (page: NumbersPage, pageNumber: number) => void) => (real: TelnyxGateway) => {
    const doors = Array.from({ length: PAGES + 1 }, () => door());
    let asked = 0;
    return {
      listNumbers: async (query: Parameters<TelnyxGateway['listNumbers']>[0]) => {
        const page = await real.listNumbers(query);
        change(page, query.pageNumber);
        if (query.pageNumber === 1) return page;
        asked += 1;
        if (asked === PAGES - 1) doors[PAGES]?.open();
        await doors[query.pageNumber]?.opened;
        // The next answer leaves after this one has been taken.
        setImmediate(() => doors[query.pageNumber - 1]?.open());
        return page;
      },
    };
  };

  it('give the same result in whatever order they come: the page that was asked for last counts', async () => {
    const [moving = ''] = h().sim.ownedNumbers().sort().slice(300, 301);
    let moved: NumbersPage['numbers'] = [];
    const counts = await reconciled(
      backwards((page, pageNumber) => {
        // The number stands on page 2, and again, as it is now, on page 3, whose answer comes first.
        if (pageNumber === 2) {
          moved = page.numbers.filter((n) => n.phoneNumber === moving);
          for (const n of moved) n.customerReference = 'stale';
        }
        if (pageNumber === 3) page.numbers.push(...moved.map((n) => ({ ...n, customerReference: null })));
      }),
    );
    expect(moved).toHaveLength(1);
    expect(counts).toMatchObject({ seen: OWNED, matched: OWNED, changed: 0, adopted: 0, missing: 0, undecided: 0 });
  });

  it('I9 a number that moves between two pages while they are read is not called gone', async () => {
    const hidden = h().sim.ownedNumbers().sort()[500] ?? '';
    let walks = 0;
    const counts = await reconciled(
      backwards((page, pageNumber) => {
        // Page 3 shows the list before the move and page 2 after it. So neither has the number, in every walk.
        if (pageNumber === 1) walks += 1;
        page.numbers = page.numbers.filter((n) => n.phoneNumber !== hidden);
        if (pageNumber === PAGES) page.totalResults = OWNED - 1;
      }),
    );
    expect(walks, 'a page that came later said that there is one more').toBeGreaterThan(1);
    expect(counts).toMatchObject({ seen: OWNED - 1, matched: OWNED - 1, missing: 0, undecided: 1 });
    await expectInventory(h());
  });

  it('writes no inventory row when nothing is new', async () => {
    const rows = () => h().db.sql`select phone_number, xmin::text as written from phone_numbers order by 1`;
    const before = await rows();
    expect(await reconciled(() => ({}))).toMatchObject({ seen: OWNED, matched: OWNED });
    expect(await rows()).toEqual(before);
  });
});

describe('a rate that allows few calls', () => {
  const h = useHarness(() => ({ simulator: { owned: 2_000, numbers: 10 }, rates: { reads: 4 } }));

  it('is kept by pages that are read at once, and adopted numbers of many pages are all there', async () => {
    const { run } = await h().reconcile();
    expect(run).toMatchObject({ status: 'completed', counts: { seen: 2_000, adopted: 2_000 } });
    expect(h().sim.ledger().max_calls_per_second.reads).toBeLessThanOrEqual(5);
    await expectInventory(h());
  });
});
