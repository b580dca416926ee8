import { describe, expect, it } from 'vitest';
import { getNumber } from '../../src/db/numbers.ts';
import { SIMULATED_ACCOUNT } from '../../src/simulator/index.ts';
import type { AccountNumber, NumbersPage } from '../../src/telnyx/gateway.ts';
import { type Harness, useHarness } from '../support/harness.ts';

const [address = ''] = SIMULATED_ACCOUNT.emergencyAddressIds;
const OTHER = '1315261609962119999';

/** What Telnyx shows of the numbers is changed by `as`, as long as `work` runs. */
async function shownAs<T>(h: Harness, as: (n: AccountNumber) => Partial<AccountNumber>, work: () => Promise<T>): Promise<T> {
  const { telnyx } = h.deps;
  const list = telnyx.listNumbers;
  telnyx.listNumbers = async (query): Promise<NumbersPage> => {
    const page = await list(query);
    return { ...page, numbers: page.numbers.map((n) => ({ ...n, ...as(n) })) };
  };
  try {
    return await work();
  } finally {
    telnyx.listNumbers = list;
  }
}

const endsOf = async (h: Harness, id: string) => (await h.items(id)).map((i) => [i.status, i.reasonCode, i.reason] as const);

describe('an emergency address', () => {
  const h = useHarness(
    () => ({ simulator: { owned: 60 } }),
    (harness) => harness.learnInventory(),
  );
  let taken = 0;
  const take = (n: number): string[] => {
    taken += n;
    return h()
      .sim.ownedNumbers()
      .slice(taken - n, taken);
  };
  const jobs = () => h().sim.ledger().jobs.length;
  const set = (numbers: string[], to: string | null) =>
    h().run({ kind: 'update', phone_numbers: numbers, set: { emergency_address_id: to } });

  it('that Telnyx still provisions ends as succeeded and pending, with the status that Telnyx shows, and never as changed', async () => {
    const numbers = take(3);
    const view = await shownAs(
      h(),
      () => ({ emergencyStatus: 'provisioning' }),
      () => set(numbers, address),
    );
    expect(view).toMatchObject({ status: 'succeeded' });
    for (const [status, code, reason] of await endsOf(h(), view.id)) {
      expect([status, code]).toEqual(['succeeded', 'emergency_pending']);
      expect(reason).toContain('still provisioning');
      expect(reason).not.toContain('changed');
    }
    for (const n of numbers) {
      const row = await getNumber(h().db.sql, n);
      expect(row).toMatchObject({ emergencyEnabled: true, emergencyStatus: 'provisioning', emergencyAddressId: address });
    }
  });

  it('that Telnyx calls active ends as succeeded, with no more to say', async () => {
    const numbers = take(2);
    const view = await shownAs(
      h(),
      () => ({ emergencyStatus: 'active' }),
      () => set(numbers, address),
    );
    expect(await endsOf(h(), view.id)).toEqual(numbers.map(() => ['succeeded', null, null]));
    expect(await getNumber(h().db.sql, numbers[0] ?? '')).toMatchObject({ emergencyStatus: 'active' });
  });

  it('that is not the one that was asked for fails, although the job succeeded, and the inventory has what is shown', async () => {
    const [good = '', bad = ''] = take(2);
    const before = jobs();
    const view = await shownAs(
      h(),
      (n) => ({ emergencyStatus: 'active', ...(n.phoneNumber === bad && { emergencyAddressId: OTHER }) }),
      () => set([good, bad], address),
    );
    expect(view).toMatchObject({ status: 'partially_succeeded' });
    const items = await h().items(view.id);
    expect(items.find((i) => i.phoneNumber === good)).toMatchObject({ status: 'succeeded' });
    const failed = items.find((i) => i.phoneNumber === bad);
    expect(failed).toMatchObject({ status: 'failed', reasonCode: 'emergency_not_shown' });
    expect(failed?.reason).toContain(OTHER);
    expect(await getNumber(h().db.sql, bad)).toMatchObject({ emergencyAddressId: OTHER });
    // The job said that it succeeded: nothing is sent again on a guess.
    expect(jobs() - before).toBe(1);
  });

  it('that a lagging read does not show yet is looked at again, and is no failure', async () => {
    const numbers = take(2);
    let checks = 0;
    const view = await shownAs(
      h(),
      (n) => {
        if (n.phoneNumber === numbers[0]) checks += 1;
        return { emergencyStatus: 'active', ...(checks <= 2 && { emergencyAddressId: OTHER }) };
      },
      () => set(numbers, address),
    );
    expect(checks).toBe(3);
    expect(await endsOf(h(), view.id)).toEqual(numbers.map(() => ['succeeded', null, null]));
  });

  it('that a job forgot over another one is set again, not taken for set because services are on', async () => {
    const numbers = take(3);
    await set(numbers, address);
    const before = jobs();
    h().faults({ kind: 'job_lost_entry', count: 1, effect: false, times: 1 });
    const view = await set(numbers, OTHER);
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 3 } });
    for (const n of numbers) expect(await getNumber(h().db.sql, n)).toMatchObject({ emergencyAddressId: OTHER });
    expect(jobs() - before).toBe(2);
  });

  it('that could not be provisioned fails in words', async () => {
    const numbers = take(1);
    const view = await shownAs(
      h(),
      () => ({ emergencyStatus: 'provisioning-failed' }),
      () => set(numbers, address),
    );
    expect((await endsOf(h(), view.id))[0]?.slice(0, 2)).toEqual(['failed', 'emergency_failed']);
  });

  it('that is taken away is pending while Telnyx disables it', async () => {
    const numbers = take(2);
    await set(numbers, address);
    const view = await shownAs(
      h(),
      () => ({ emergencyStatus: 'deprovisioning' }),
      () => set(numbers, null),
    );
    expect((await endsOf(h(), view.id)).map(([status, code]) => [status, code])).toEqual(
      numbers.map(() => ['succeeded', 'emergency_pending']),
    );
    expect(await getNumber(h().db.sql, numbers[0] ?? '')).toMatchObject({ emergencyStatus: 'deprovisioning' });
  });
});
