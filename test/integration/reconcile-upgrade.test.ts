import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDb } from '../../src/db/client.ts';
import { migrateDatabase } from '../../src/db/migrate.ts';
import { isOpen, openEverywhere } from '../../src/db/queries/drift.ts';
import { reconcileInventory } from '../../src/reconcile/walk.ts';
import { openHarness } from '../support/harness.ts';
import { migrateBefore } from '../support/old-database.ts';
import { createTestDatabase } from '../support/postgres.ts';

describe('an upgrade from a version that took over what it found', () => {
  let url = '';
  let drop = async (): Promise<void> => undefined;
  beforeAll(async () => {
    const database = await createTestDatabase({ template: false });
    ({ url, drop } = database);
    await migrateBefore(url, '0004_losses_held');
  });
  afterAll(() => drop());

  it('keeps every row, takes what the numbers have as their baseline, and opens no drift', async () => {
    const harness = await openHarness({ simulator: { owned: 12, numbers: 40 } });
    const db = openDb(url);
    try {
      const page = await harness.deps.telnyx.listNumbers({ pageNumber: 1, pageSize: 250 });
      const [gone = '', changed = ''] = page.numbers.map((n) => n.phoneNumber);
      const old = new Date(Date.now() - 86_400_000);
      const rows = page.numbers.map((n) => ({
        phone_number: n.phoneNumber,
        telnyx_id: n.telnyxId,
        state: 'owned',
        status: n.status,
        phone_number_type: n.phoneNumberType,
        country_code: n.countryCode,
        connection_id: n.connectionId,
        messaging_profile_id: n.messagingProfileId ?? null,
        billing_group_id: n.billingGroupId,
        customer_reference: n.customerReference,
        tags: n.tags ?? [],
        deletion_lock_enabled: n.deletionLockEnabled ?? null,
        emergency_enabled: n.emergencyEnabled ?? null,
        emergency_status: n.emergencyStatus ?? null,
        emergency_address_id: n.emergencyAddressId,
        external_pin: n.externalPin,
        hd_voice_enabled: n.hdVoiceEnabled ?? null,
        last_seen_at: old,
        created_at: old,
        updated_at: old,
      }));
      await db.sql`insert into phone_numbers ${db.sql(rows)}`;
      await db.sql`insert into reconciliation_runs (id, status, trigger, created_at, finished_at, counts)
        values ('run_1', 'completed', 'nightly', ${old}, ${old}, '{"seen": 12, "changed": 1, "missing": 1}')`;
      await db.sql`insert into drift (run_id, kind, phone_number, field, ours, theirs) values
        ('run_1', 'adopted', ${gone}, null, null, null), ('run_1', 'missing', ${gone}, null, '1', null),
        ('run_1', 'changed', ${changed}, 'customer_reference', 'before', 'after')`;
      const numbers = () => db.sql`select to_jsonb(p) - 'baseline' as row from phone_numbers p order by phone_number`;
      const before = await numbers();
      await migrateDatabase(url);
      expect(await numbers()).toEqual(before);
      expect(await db.sql`select kind, ours, theirs, state, state_at from drift order by id`).toEqual([
        { kind: 'adopted', ours: null, theirs: null, state: 'settled', stateAt: old },
        { kind: 'missing', ours: '1', theirs: null, state: 'accepted', stateAt: old },
        { kind: 'changed', ours: 'before', theirs: 'after', state: 'accepted', stateAt: old },
      ]);
      // The first run of the new version compares with what the rows had.
      const [run] = await db.sql`
        insert into reconciliation_runs (id, status, trigger, created_at, started_at) values ('run_2', 'running', 'manual', now(), now())
        returning *`;
      if (run === undefined) throw new Error('no run');
      const compare = () => reconcileInventory({ ...harness.deps, db }, run as Parameters<typeof reconcileInventory>[1]);
      expect(await compare()).toMatchObject({ seen: 12, matched: 12, changed: 0, missing: 0, adopted: 0, undecided: 0 });
      expect([...(await openEverywhere(db.reads)).values()].some(isOpen)).toBe(false);
      expect(await db.sql`select distinct baseline from phone_numbers`).toEqual([{ baseline: null }]);
    } finally {
      await db.close();
      await harness.close();
    }
  });
});
