import { describe, expect, it } from 'vitest';
import { SIMULATED_ACCOUNT } from '../../src/simulator/index.ts';
import { backendCases } from '../support/backends.ts';
import { calls, expectAgreement, expectInventory } from '../support/expect-agreement.ts';
import { useHarness } from '../support/harness.ts';

// The main job from end to end, on both queue stores: buy, update, delete, reconcile, and the three accounts agree.

const [connectionId] = SIMULATED_ACCOUNT.connectionIds;
const [messagingProfileId] = SIMULATED_ACCOUNT.messagingProfileIds;
const [billingGroupId] = SIMULATED_ACCOUNT.billingGroupIds;

describe.each(backendCases())('the whole life of numbers on $name', ({ name, available }) => {
  describe.skipIf(!available)('with workers and sweep', () => {
    const h = useHarness(
      () => ({ backend: name, simulator: { owned: 400 } }),
      (harness) => harness.learnInventory(),
    );

    it('I7 buys over several area codes, with voice, messaging, billing group and tags attached', async () => {
      const view = await h().run({
        kind: 'buy',
        label: 'launch',
        lines: [
          { national_destination_code: '312', quantity: 120, features: ['sms', 'voice'] },
          { national_destination_code: '646', quantity: 60 },
          { national_destination_code: '773', quantity: 20 },
        ],
        assign: {
          connection_id: connectionId,
          messaging_profile_id: messagingProfileId,
          billing_group_id: billingGroupId,
          tags: ['launch'],
        },
      });
      expect(view).toMatchObject({ status: 'succeeded', counts: { asked: 200, succeeded: 200 } });
      await expectAgreement(h(), view.id);
      const codes = (await h().items(view.id)).map((i) => i.phoneNumber?.slice(2, 5));
      expect(['312', '646', '773'].map((c) => codes.filter((x) => x === c).length)).toEqual([120, 60, 20]);
      const rows = await h().db.sql`
        select distinct connection_id, messaging_profile_id, billing_group_id, tags from phone_numbers where bought_by = ${view.id}`;
      expect(rows).toEqual([{ connectionId, messagingProfileId, billingGroupId, tags: ['launch'] }]);
      expect(
        (await h().items(view.id)).every((i) => /^\d{19}$/.test(i.telnyxId ?? '')),
        'real number ids, not those of order lines',
      ).toBe(true);
    });

    it('I4 updates what a filter finds, and I8 releases exactly what is named', async () => {
      const update = await h().run({
        kind: 'update',
        where: { tag: 'launch' },
        set: { add_tags: ['live'], customer_reference: 'c-1' },
      });
      expect(update).toMatchObject({ status: 'succeeded', counts: { asked: 200, succeeded: 200 } });
      await expectAgreement(h(), update.id);
      const numbers = (await h().items(update.id)).flatMap((i) => i.phoneNumber ?? []).slice(0, 50);
      const release = await h().run({ kind: 'delete', phone_numbers: numbers, expected_count: 50 });
      expect(release).toMatchObject({ status: 'succeeded', counts: { asked: 50, succeeded: 50 } });
      await expectAgreement(h(), release.id);
      expect(
        h()
          .sim.ledger()
          .released.map((r) => r.phone_number)
          .sort(),
      ).toEqual([...numbers].sort());
    });

    it('I9 reconciles without a difference when nothing happened behind our back', async () => {
      const { run, drift } = await h().reconcile();
      expect(run).toMatchObject({
        status: 'completed',
        counts: { seen: 550, matched: 550, missing: 0, adopted: 0, changed: 0, surplus: 0 },
      });
      expect(drift).toEqual([]);
      await expectInventory(h());
    });

    it('I2 never lets the SDK repeat a call', () => {
      expect(h().sim.ledger().retries).toBe(0);
      expect(
        h()
          .sim.ledger()
          .bought.every((b) => b.duplicate_attempts === 0),
      ).toBe(true);
      expect(Object.keys(calls(h(), 'POST /number_orders'))).toEqual(['200']);
    });
  });
});
