import { describe, expect, it } from 'vitest';
import { slotsInUse } from '../../src/db/queries/account.ts';
import { chunkJob } from '../../src/producers/enqueue.ts';
import { EMERGENCY_AT_ONCE } from '../../src/queues/catalogue.ts';
import { SIMULATED_ACCOUNT } from '../../src/simulator/index.ts';
import { backendCases } from '../support/backends.ts';
import { expectAgreement } from '../support/expect-agreement.ts';
import { openHarness, useHarness } from '../support/harness.ts';
import { until } from '../support/until.ts';

const [messagingProfileId] = SIMULATED_ACCOUNT.messagingProfileIds;
const [emergencyAddressId] = SIMULATED_ACCOUNT.emergencyAddressIds;

for (const store of backendCases()) {
  describe.skipIf(!store.available)(`emergency and messaging on ${store.name}`, () => {
    const h = useHarness(
      () => ({ backend: store.name, simulator: { owned: 40 }, jobSlots: 1 }),
      (h) => h.learnInventory(),
    );

    it('take no slot of the 15: they go on while an update holds every one of them', async () => {
      h().faults({ kind: 'job_hang', match: { method: 'POST', path: '/phone_numbers/jobs/update_phone_numbers' } });
      const owned = h().sim.ownedNumbers();
      const update = await h().submit({ kind: 'update', phone_numbers: owned.slice(0, 5), set: { customer_reference: 'hangs' } });
      await until('the only slot is held', async () => (await h().chunks(update))[0]?.state === 'submitted');
      const set = { emergency_address_id: emergencyAddressId, messaging_profile_id: messagingProfileId };
      const other = await h().run({ kind: 'update', phone_numbers: owned.slice(5, 15), set });
      expect(other).toMatchObject({ status: 'succeeded' });
      expect((await h().chunks(update)).map((c) => c.state)).toEqual(['submitted']);
    });
  });
}

it('an open emergency job is no slot in use', async () => {
  const h = await openHarness({ simulator: { owned: 3, jobPendingMs: 60_000 } });
  try {
    await h.learnInventory();
    const set = { emergency_address_id: emergencyAddressId };
    const id = await h.submit({ kind: 'update', phone_numbers: h.sim.ownedNumbers(), set });
    await h.start();
    await until('its job is open', async () => (await h.chunks(id))[0]?.state === 'submitted');
    expect(await slotsInUse(h.db.reads)).toBe(0);
    expect((await h.queues.counts()).emergency.active).toBe(1);
    expect((await h.queues.counts())['batch-jobs'].active).toBe(0);
    // Below Telnyx's cap of 500, which other programs of the account share.
    const queue = h.queues.all().find(({ name }) => name === 'emergency');
    expect(await queue?.getGlobalConcurrency()).toBe(EMERGENCY_AT_ONCE);
    expect(EMERGENCY_AT_ONCE).toBeLessThan(500);
  } finally {
    await h.close();
  }
});

describe('an upgrade with jobs of emergency chunks in the queue of all batch jobs', () => {
  for (const alreadySwept of [false, true]) {
    it(`neither loses them nor sends them twice${alreadySwept ? ', also when the sweep was there first' : ''}`, async () => {
      const h = await openHarness({ simulator: { owned: 6 }, limits: { batchSize: 2 } });
      try {
        await h.learnInventory();
        const set = { emergency_address_id: emergencyAddressId };
        const id = await h.submit({ kind: 'update', phone_numbers: h.sim.ownedNumbers(), set });
        const chunks = await h.chunks(id);
        expect(chunks.map((c) => chunkJob(c).name)).toEqual(['emergency.run', 'emergency.run', 'emergency.run']);
        // As the version before left them.
        if (!alreadySwept) for (const queue of h.queues.all()) await queue.obliterate({ force: true });
        await h.queues.add(
          chunks.map((c) => ({ ...chunkJob(c), name: 'batch.run' as const, payload: { chunkId: c.id, requestId: id } })),
        );
        await h.start();
        expect(await h.ended(id)).toMatchObject({ status: 'succeeded' });
        expect(h.sim.ledger().jobs.map((job) => job.type)).toEqual(chunks.map(() => 'update_emergency_settings'));
        for (const name of ['emergency.run', 'batch.run'] as const) {
          const ended = async () => Promise.all(chunks.map((c) => h.queues.presence(name, chunkJob(c).id)));
          await until(`every ${name} has ended`, async () => (await ended()).every((p) => p === 'finished'));
        }
        await expectAgreement(h, id);
      } finally {
        await h.close();
      }
    });
  }
});
