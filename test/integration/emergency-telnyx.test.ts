import { describe, expect, it } from 'vitest';
import { getNumber } from '../../src/db/numbers.ts';
import { SIMULATED_ACCOUNT } from '../../src/simulator/index.ts';
import { calls } from '../support/expect-agreement.ts';
import { useHarness } from '../support/harness.ts';
import { until } from '../support/until.ts';

const [address = '', other = ''] = SIMULATED_ACCOUNT.emergencyAddressIds;
const EMERGENCY_JOB = 'POST /phone_numbers/jobs/update_emergency_settings';

describe('emergency service at Telnyx', () => {
  const h = useHarness(
    () => ({ simulator: { owned: 12, emergencyMs: 3_600_000 }, limits: { batchSize: 2 } }),
    (harness) => harness.learnInventory(),
  );
  const set = (numbers: string[], to: string) => ({ kind: 'update', phone_numbers: numbers, set: { emergency_address_id: to } });

  it('is pending while Telnyx provisions it, and a later reconciliation takes "active" over without calling it drift', async () => {
    const numbers = h().sim.ownedNumbers().slice(0, 2);
    const view = await h().run(set(numbers, address));
    expect(view).toMatchObject({ status: 'succeeded' });
    expect((await h().items(view.id)).map((i) => i.reasonCode)).toEqual(['emergency_pending', 'emergency_pending']);
    h().sim.setEmergency(numbers, 'active');
    await h().db.sql`update phone_numbers set updated_at = updated_at - interval '1 hour'`;
    const { drift } = await h().reconcile();
    expect(drift.filter((d) => numbers.includes(d.phoneNumber) && d.field?.startsWith('emergency'))).toEqual([]);
    expect(await getNumber(h().db.sql, numbers[0] ?? '')).toMatchObject({
      emergencyStatus: 'active',
      emergencyAddressId: address,
    });
  });

  it('is not reported as set when the job says success and the address stayed another one', async () => {
    const [kept = '', changed = ''] = h().sim.ownedNumbers().slice(2, 4);
    await h().run(set([kept, changed], other));
    h().sim.setEmergency([kept, changed], 'active');
    h().faults({ kind: 'emergency_address_kept', count: 1, times: 1 });
    const view = await h().run(set([kept, changed], address));
    expect(view).toMatchObject({ status: 'partially_succeeded', counts: { succeeded: 1, failed: 1 } });
    const [failed] = (await h().items(view.id)).filter((i) => i.status === 'failed');
    expect(failed?.reasonCode).toBe('emergency_not_shown');
    expect(await getNumber(h().db.sql, failed?.phoneNumber ?? '')).toMatchObject({ emergencyAddressId: other });
  });

  it('waits in its own queue at the cap of emergency jobs, while updates of numbers go on', async () => {
    const [a = '', b = '', c = ''] = h().sim.ownedNumbers().slice(4, 7);
    h().sim.behave({ emergencyJobSlots: 0 });
    const waiting = await h().submit(set([a, b], address));
    await until('the job was refused at the cap', async () => (calls(h(), EMERGENCY_JOB)['422'] ?? 0) > 0);
    expect(await h().run({ kind: 'update', phone_numbers: [c], set: { customer_reference: 'goes on' } })).toMatchObject({
      status: 'succeeded',
    });
    const back = await until('the refused chunk waits', async () =>
      (await h().chunks(waiting)).find((x) => x.state === 'planned'),
    );
    expect(back.attempt, 'back-pressure uses up no attempt').toBe(0);
    h().sim.behave({ emergencyJobSlots: 500 });
    expect(await h().ended(waiting)).toMatchObject({ status: 'succeeded', counts: { succeeded: 2 } });
  });
});
