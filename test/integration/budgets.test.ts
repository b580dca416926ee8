import { describe, expect, it } from 'vitest';
import { ProvisioningError } from '../../src/domain/errors.ts';
import { retryRequest } from '../../src/producers/actions/retry.ts';
import { SIMULATED_ACCOUNT } from '../../src/simulator/index.ts';
import type { TelnyxGateway } from '../../src/telnyx/gateway.ts';
import { buying, withGateway } from '../support/buys.ts';
import { deliveredTo, expectAgreement } from '../support/expect-agreement.ts';
import { useHarness } from '../support/harness.ts';

/** Returns a function that ends once it was called `count` times: each caller waits for the others. */
function meeting(count: number): () => Promise<void> {
  let arrived = 0;
  let open = (): void => undefined;
  const all = new Promise<void>((resolve) => (open = resolve));
  return () => {
    arrived += 1;
    if (arrived >= count) open();
    return all;
  };
}

// A number costs 1.00 or 2.00 upfront and as much a month, so a budget of 12.00 pays for six numbers at most.
describe('a budget for a key and month', () => {
  const h = useHarness(
    () => ({
      simulator: { owned: 40 },
      limits: {
        orderSize: 10,
        budgets: { race: '12.00', freed: '12.00', rich: '100.00', poor: '1.00', late: '12.00', e911: '5.00', both: '3.00' },
        prices: { e911: '1.50' },
      },
    }),
    (harness) => harness.learnInventory(),
  );
  const as = (actor: string, body: object) => h().submit(body, { actor });
  const spent = async (...ids: string[]): Promise<number> => {
    const views = await Promise.all(ids.map((id) => h().view(id)));
    return views.reduce((sum, { cost }) => sum + Number(cost.upfront) + Number(cost.monthly), 0);
  };
  const requests = async () => (await h().db.sql`select 1 from requests`).length;
  const noOrder: TelnyxGateway['createOrder'] = async () =>
    Promise.reject(new ProvisioningError('invalid_connection', 'rejected', 'no'));

  it('I5 two buys that claim at the same moment never spend more than it together, and say whose budget is reached', async () => {
    const { search } = h().deps.telnyx;
    const barrier = meeting(3);
    // All buys have their offers before any of them claims.
    const together: TelnyxGateway['search'] = async (...args) => {
      const found = await search(...args);
      await barrier();
      return found;
    };
    await withGateway(h(), { search: together }, async () => {
      const ids = await Promise.all([as('race', buying(6, '312')), as('race', buying(6, '415')), as('nobody', buying(6, '718'))]);
      for (const id of ids) await h().ended(id);
      const [one = '', other = '', free = ''] = ids;
      expect(await spent(one, other)).toBeLessThanOrEqual(12);
      const numbers = [...(await deliveredTo(h(), one)), ...(await deliveredTo(h(), other))];
      expect(numbers.length).toBeGreaterThan(2);
      const ends = [...(await h().items(one)), ...(await h().items(other))].filter((i) => i.status === 'failed');
      for (const end of ends)
        expect([end.reasonCode, end.reason]).toEqual(['budget_reached', expect.stringMatching(/12\.00 that "race" has/)]);
      expect(ends.length + numbers.length).toBe(12);
      // Who is not named has no budget.
      expect(await h().view(free)).toMatchObject({ status: 'succeeded', submitted_by: 'nobody' });
      for (const id of ids) await expectAgreement(h(), id);
    });
  });

  it('money of what was not bought is free again, and a retry counts on who files it', async () => {
    let failed = '';
    await withGateway(h(), { createOrder: noOrder }, async () => {
      failed = await as('freed', buying(3, '646'));
      expect(await h().ended(failed)).toMatchObject({ status: 'failed', counts: { failed: 3 } });
    });
    const poor = await retryRequest(h().deps, failed, 'poor');
    expect(await h().ended(poor.request.id)).toMatchObject({ status: 'failed', submitted_by: 'poor', filed_by: failed });
    expect((await h().items(poor.request.id)).map((i) => i.reasonCode)).toEqual(Array(3).fill('budget_reached'));
    const again = await as('freed', buying(3, '646'));
    expect(await h().ended(again)).toMatchObject({ status: 'succeeded', counts: { succeeded: 3 } });
    await expectAgreement(h(), again);
  });

  it('what was claimed in another month does not count in this one', async () => {
    const first = await as('late', buying(3, '773'));
    await h().ended(first);
    const before = await spent(first);
    expect(before).toBeGreaterThanOrEqual(6);
    await h().db.sql`update items set charged_at = charged_at - interval '1 month' where request_id = ${first}`;
    const second = await as('late', buying(3, '773'));
    expect(await h().ended(second)).toMatchObject({ status: 'succeeded', counts: { succeeded: 3 } });
  });

  it('I5 of two updates with a paid setting at the same moment only one fits; the other is refused and nothing is stored', async () => {
    const [address = ''] = SIMULATED_ACCOUNT.emergencyAddressIds;
    const owned = h().sim.ownedNumbers();
    const set = { emergency_address_id: address };
    const emergency = (from: number, to: number) => as('e911', { kind: 'update', phone_numbers: owned.slice(from, to), set });
    const had = await requests();
    const barrier = meeting(2);
    // Both transactions are open before either of them reads what is used.
    async function* listed(from: number, to: number) {
      await barrier();
      for (const number of owned.slice(from, to)) yield { number, at: 'list' };
    }
    const streamed = (from: number, to: number) =>
      h().submit({ kind: 'update', set }, { actor: 'e911', numbers: listed(from, to) });
    const filed = await Promise.allSettled([streamed(0, 2), streamed(2, 4)]);
    const ids = filed.flatMap((f) => (f.status === 'fulfilled' ? [f.value] : []));
    expect(ids).toHaveLength(1);
    expect(filed.find((f) => f.status === 'rejected')?.reason).toMatchObject({
      code: 'budget_exceeded',
      message: expect.stringContaining('this costs 3.00, and "e911" has used 3.00 of its budget of 5.00'),
    });
    expect(await requests()).toBe(had + 1);
    // A paid setting that Telnyx refused counts no more.
    for (const id of ids) await h().ended(id);
    await h().db.sql`update items set status = 'failed' where request_id = any(${ids}::text[])`;
    await h().ended(await emergency(4, 7));
    // Taking an address away costs nothing.
    const clear = { kind: 'update', phone_numbers: owned.slice(0, 2), set: { emergency_address_id: null } };
    await h().ended(await as('e911', clear));
  });

  it('a paid setting counts when only a later step of its number failed', async () => {
    const named = h().sim.ownedNumbers().slice(10, 11);
    const set = { voice: { caller_id_name_enabled: true } };
    const id = await as('nobody', { kind: 'update', phone_numbers: named, set });
    await h().ended(id);
    await h().db.sql`update requests set submitted_by = 'both', update_charge = 0.40, emergency_charge = 1.50 where id = ${id}`;
    const used = async () => {
      const [address = ''] = SIMULATED_ACCOUNT.emergencyAddressIds;
      const set = { emergency_address_id: address };
      const body = { kind: 'update', phone_numbers: h().sim.ownedNumbers().slice(20, 30), set };
      const refusal = await as('both', body).catch((error: unknown) => error);
      return refusal instanceof ProvisioningError ? /has used ([\d.]+)/.exec(refusal.message)?.[1] : 'not refused';
    };
    expect(await used()).toBe('1.90');
    await h().db.sql`update items set status = 'failed' where request_id = ${id}`;
    expect(await used()).toBe('0.00');
    await h().db.sql`update chunks set kind = 'emergency' where request_id = ${id}`;
    expect(await used()).toBe('0.40');
  });

  it('a price that nobody knows is refused to whoever has a budget, and to nobody else', async () => {
    const set = { voice: { caller_id_name_enabled: true } };
    const body = { kind: 'update', phone_numbers: h().sim.ownedNumbers().slice(30, 31), set };
    const had = await requests();
    await expect(as('rich', body)).rejects.toMatchObject({
      code: 'price_unknown',
      message: expect.stringContaining('set PROVISIONER_PRICES, such as caller_id_name=1.50'),
    });
    expect(await requests()).toBe(had);
    expect(await h().ended(await as('nobody', body))).toMatchObject({ status: 'succeeded' });
  });
});
