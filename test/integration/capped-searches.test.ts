import { afterEach, describe, expect, it } from 'vitest';
import { nextCursor } from '../../src/processors/lines/from-search.ts';
import { mayHide } from '../../src/processors/lines/search-listed.ts';
import { expectAgreement } from '../support/expect-agreement.ts';
import { useHarness } from '../support/harness.ts';

// A search answers so many rows at most, and the same ones again, without saying so.

const h = useHarness(() => ({ limits: { orderSize: 100 } }));

const searches = (): number =>
  Object.values(h().sim.ledger().calls.by_endpoint['GET /available_phone_numbers'] ?? {}).reduce((sum, n) => sum + n, 0);

const onSale = async (ndc: string): Promise<string[]> =>
  (
    await h().deps.telnyx.search({
      countryCode: 'US',
      phoneNumberType: 'local',
      nationalDestinationCode: ndc,
      bestEffort: false,
      limit: 1_000,
    })
  ).offers.map((o) => o.phoneNumber);

describe('a search that answers few rows and hides the rest', () => {
  afterEach(() => h().faults());

  it.each([
    [30, '312', 120, 30],
    [30, '773', 400, 60],
    [1, '872', 12, 60],
  ])('C3 at most %i rows in %s: all of %i are bought, with at most %i searches', async (most, ndc, quantity, calls) => {
    expect((await onSale(ndc)).length).toBeGreaterThan(quantity);
    h().faults({ kind: 'rows_capped', most });
    const before = searches();
    const view = await h().run({ kind: 'buy', lines: [{ national_destination_code: ndc, quantity }] });
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: quantity } });
    expect(searches() - before).toBeLessThanOrEqual(calls);
    await expectAgreement(h(), view.id);
  });

  it('C3 a line is sold out with the last number that is on sale, not before, and surely ends then', async () => {
    const there = (await onSale('737')).length;
    expect(there).toBeGreaterThan(30);
    h().faults({ kind: 'rows_capped', most: 30 });
    const before = searches();
    const view = await h().run({ kind: 'buy', lines: [{ national_destination_code: '737', quantity: there + 5 }] });
    expect(view).toMatchObject({ status: 'partially_succeeded', counts: { succeeded: there, failed: 5 } });
    expect(searches() - before).toBeLessThanOrEqual(60);
    expect((await h().items(view.id)).filter((i) => i.status === 'failed').map((i) => i.reasonCode)).toEqual(
      Array(5).fill('inventory_exhausted'),
    );
    await expectAgreement(h(), view.id);
  });

  it('C3 listed numbers are found behind the rows that are shown, and only those that are gone fail', async () => {
    const free = await onSale('646');
    const numbers = free.slice(-40);
    expect(free.length).toBeGreaterThan(100);
    h().faults({ kind: 'rows_capped', most: 30 });
    const before = searches();
    const view = await h().run({ kind: 'buy', phone_numbers: [...numbers, '+16465550123'] });
    expect(view).toMatchObject({ counts: { succeeded: 40, failed: 1 } });
    expect(searches() - before).toBeLessThanOrEqual(60);
    await expectAgreement(h(), view.id);
  });
});

describe('what an answer proves', () => {
  it.each([
    [{ seen: 0, more: false }, 0, false],
    [{ seen: 1, more: false }, 0, true],
    [{ seen: 30, more: false }, 30, true],
    [{ seen: 29, more: false }, 30, false],
    [{ seen: 60, more: true }, 100, true],
  ])('%j after an answer of %i rows: others may be hidden is %j', (result, longest, hides) => {
    expect(mayHide(result, longest)).toBe(hides);
  });

  it('a pass over the patterns ends, whatever the answers say', () => {
    for (const answer of [0, 1, 2, 3].map((n) => ({ more: n % 2 === 1, gotSome: n > 1 }))) {
      let position: number | null = 0;
      let steps = 0;
      for (; position !== null; steps += 1) position = nextCursor(position, answer);
      expect(steps).toBeLessThanOrEqual(111);
    }
  });
});
