import { describe, expect, it } from 'vitest';
import { SIMULATED_BAD_IDS } from '../../src/simulator/index.ts';
import { onSale, reasonsOf } from '../support/buys.ts';
import { deliveredTo, expectAgreement, expectInventory } from '../support/expect-agreement.ts';
import { type Harness, useHarness } from '../support/harness.ts';

const codesOf = async (h: Harness, id: string) => (await h.items(id)).flatMap((i) => i.phoneNumber?.slice(2, 5) ?? []);

describe('a buy by criteria', () => {
  const h = useHarness(
    () => ({ simulator: { owned: 20 } }),
    (harness) => harness.learnInventory(),
  );

  it('falls back to the listed area codes, in their order, when the first is exhausted', async () => {
    const there = (await onSale(h(), '509', 200)).length;
    const view = await h().run({
      kind: 'buy',
      lines: [{ national_destination_code: '509', quantity: there + 10, fallback: { national_destination_codes: ['253'] } }],
    });
    expect(view.status).toBe('succeeded');
    const codes = await codesOf(h(), view.id);
    expect([codes.filter((c) => c === '509').length, codes.filter((c) => c === '253').length]).toEqual([there, 10]);
    await expectAgreement(h(), view.id);
  });

  it('leaves one line each at info: accepted, begun, every call that was sent, ended', async () => {
    const before = h().logged().length;
    const { id, cost } = await h().run({
      kind: 'buy',
      lines: [{ national_destination_code: '312', quantity: 3 }],
      assign: { tags: ['logged'] },
    });
    const lines = h()
      .logged()
      .slice(before)
      .trim()
      .split('\n')
      .map((line): Record<string, unknown> => JSON.parse(line))
      .filter(({ level, requestId }) => level === 'info' && requestId === id);
    expect(lines).toMatchObject([
      { msg: 'request accepted', kind: 'buy', asked: 3, actor: 'library' },
      { msg: 'request begun', kind: 'buy', asked: 3 },
      { msg: 'order sent', count: 3, orderId: expect.any(String), cost },
      { msg: 'sent', kind: 'update', count: 3, telnyxJobId: expect.any(String) },
      {
        msg: 'request ended',
        ...{ status: 'succeeded', asked: 3, counts: { succeeded: 3 }, cost },
        durationMs: expect.any(Number),
      },
    ]);
  });

  it('takes best-effort offers only when asked to, and only after all others', async () => {
    const there = (await onSale(h(), '585', 200)).length;
    const view = await h().run({
      kind: 'buy',
      lines: [{ national_destination_code: '585', quantity: there + 10, fallback: { best_effort: true } }],
    });
    expect(view.status).toBe('succeeded');
    const codes = await codesOf(h(), view.id);
    expect(codes.filter((c) => c === '585')).toHaveLength(there);
    expect(codes).toHaveLength(there + 10);
    await expectAgreement(h(), view.id);
  });

  it('buys toll-free numbers of the US that work at once, unless asked otherwise, and numbers of one rate center', async () => {
    const { search } = h().deps.telnyx;
    const asked: unknown[] = [];
    h().deps.telnyx.search = (criteria) => {
      asked.push([criteria.quickship, criteria.rateCenter, criteria.excludeHeld]);
      return search(criteria);
    };
    try {
      const tollFree = { phone_number_type: 'toll_free', max_number_cost: '1000.00', quantity: 2 };
      const center = { national_destination_code: '312', rate_center: 'chicago', exclude_held_numbers: true, quantity: 2 };
      // Those that work late take two days at Telnyx; here they do not.
      h().sim.behave({ slowShipMs: 0 });
      for (const line of [tollFree, { ...tollFree, quickship: false }, center]) {
        const view = await h().run({ kind: 'buy', lines: [line] });
        expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 2 } });
        await expectAgreement(h(), view.id);
      }
    } finally {
      h().deps.telnyx.search = search;
    }
    expect(asked).toEqual([
      [true, undefined, undefined],
      [false, undefined, undefined],
      [undefined, 'chicago', true],
    ]);
  });

  it('I7 says honestly how many it could not get: inventory_exhausted', async () => {
    const there = (await onSale(h(), '616', 200)).length;
    const view = await h().run({ kind: 'buy', lines: [{ national_destination_code: '616', quantity: there + 7 }] });
    expect(view).toMatchObject({ status: 'partially_succeeded', counts: { succeeded: there, failed: 7 } });
    expect(await reasonsOf(h(), view.id)).toEqual({ empty: 'inventory_exhausted' });
    await expectAgreement(h(), view.id);
  });

  it('takes an empty search (error 10031) for "none", not for a failure of its own', async () => {
    const view = await h().run({ kind: 'buy', lines: [{ national_destination_code: '907', quantity: 3 }] });
    expect(view).toMatchObject({ status: 'failed', counts: { failed: 3 }, cost: { upfront: '0.00' } });
    expect(await reasonsOf(h(), view.id)).toEqual({ empty: 'inventory_exhausted' });
    await expectAgreement(h(), view.id);
  });

  it('never buys above the price cap of a line', async () => {
    const view = await h().run({
      kind: 'buy',
      lines: [{ national_destination_code: '312', quantity: 150, max_number_cost: '1.00' }],
    });
    expect(view).toMatchObject({ status: 'succeeded', cost: { upfront: '150.00', monthly: '150.00' } });
    await expectAgreement(h(), view.id);
  });

  it('buys toll-free numbers, but not the dear ones unless the line says so', async () => {
    const view = await h().run({
      kind: 'buy',
      lines: [
        { phone_number_type: 'toll_free', quantity: 5 },
        { phone_number_type: 'toll_free', national_destination_code: '800', quantity: 2 },
        { phone_number_type: 'toll_free', national_destination_code: '800', quantity: 1, max_number_cost: '600.00' },
      ],
    });
    expect(view).toMatchObject({ status: 'partially_succeeded', counts: { succeeded: 6, failed: 2 } });
    const items = await h().items(view.id);
    expect(items.slice(0, 5).every((i) => /^\+18(88|77)/.test(i.phoneNumber ?? ''))).toBe(true);
    expect(items.slice(5, 7).map((i) => i.reasonCode)).toEqual(['inventory_exhausted', 'inventory_exhausted']);
    expect(items[7]).toMatchObject({ status: 'succeeded', upfrontCost: '500.000000' });
    await expectAgreement(h(), view.id);
  });

  it('buys by state, by city, by features and in another country', async () => {
    const view = await h().run({
      kind: 'buy',
      lines: [
        { administrative_area: 'TX', quantity: 15 },
        { locality: 'Chicago', administrative_area: 'IL', quantity: 10, features: ['mms', 'hd_voice'] },
        { country_code: 'CA', national_destination_code: '416', quantity: 4 },
      ],
    });
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 29 } });
    const codes = await codesOf(h(), view.id);
    expect(
      codes.slice(0, 15).every((c) => ['512', '737', '214', '469', '972', '713', '281', '832', '210', '817'].includes(c)),
    ).toBe(true);
    expect(codes.slice(15, 25).every((c) => ['312', '773', '872'].includes(c))).toBe(true);
    expect(codes.slice(25)).toEqual(['416', '416', '416', '416']);
    await expectAgreement(h(), view.id);
  });

  it('I4 shares no number between buys that run at once over the same area code', async () => {
    const body = { kind: 'buy', lines: [{ national_destination_code: '872', quantity: 70 }] };
    const views = await Promise.all([h().run(body), h().run(body), h().run(body)]);
    expect(views.map((v) => v.status)).toEqual(['succeeded', 'succeeded', 'succeeded']);
    for (const view of views) await expectAgreement(h(), view.id);
    const all = (await Promise.all(views.map((v) => deliveredTo(h(), v.id)))).flat();
    expect(all.every((b) => b.duplicate_attempts === 0)).toBe(true);
    expect(new Set(all.map((b) => b.phone_number)).size).toBe(210);
  });

  it('I5 keeps the budget with two lines racing for it, upfront and monthly', async () => {
    for (const budget of [{ max_upfront_cost: '25.00' }, { max_monthly_cost: '25.00' }]) {
      const view = await h().run({
        kind: 'buy',
        lines: [
          { national_destination_code: '312', quantity: 20 },
          { national_destination_code: '773', quantity: 20 },
        ],
        ...budget,
      });
      expect(view.status).toBe('partially_succeeded');
      const spent = Number('max_upfront_cost' in budget ? view.cost.upfront : view.cost.monthly);
      // A dearer number may not fit any more although a cent of the budget is left.
      expect(spent).toBeLessThanOrEqual(25);
      expect(spent).toBeGreaterThan(22);
      expect(Object.values(await reasonsOf(h(), view.id)).every((r) => r === 'budget_reached')).toBe(true);
      await expectAgreement(h(), view.id);
    }
  });

  it('reserves when asked to, and orders what could not be reserved all the same', async () => {
    const view = await h().run({ kind: 'buy', lines: [{ national_destination_code: '646', quantity: 60 }], reserve: true });
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 60 } });
    expect(h().sim.ledger().calls.by_endpoint['POST /number_reservations']).toMatchObject({ 200: 1 });
    await expectAgreement(h(), view.id);
  });

  it('fails with the words of Telnyx when it refuses what the request attaches', async () => {
    const view = await h().run({
      kind: 'buy',
      lines: [{ national_destination_code: '312', quantity: 3 }],
      assign: { messaging_profile_id: SIMULATED_BAD_IDS.messagingProfileId },
    });
    expect(view).toMatchObject({ status: 'failed', counts: { failed: 3 } });
    expect((await h().items(view.id)).map((i) => i.reasonCode)).toEqual(Array(3).fill('invalid_messaging_profile'));
    await expectAgreement(h(), view.id);
  });

  it('finds the real number ids although they come late', async () => {
    h().faults({ kind: 'late_ids', ms: 500 });
    const view = await h().run({
      kind: 'buy',
      lines: [{ national_destination_code: '312', quantity: 5 }],
      assign: { tags: ['late'] },
    });
    expect(view.status).toBe('succeeded');
    expect((await h().items(view.id)).every((i) => /^\d{19}$/.test(i.telnyxId ?? ''))).toBe(true);
    await expectAgreement(h(), view.id);
  });

  it('the inventory is what the account owns after all of these', async () => {
    await expectInventory(h());
  });
});
