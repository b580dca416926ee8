import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type Fault, SIMULATED_ACCOUNT } from '../../src/simulator/index.ts';
import { expectAgreement, expectInventory } from '../support/expect-agreement.ts';
import { useHarness } from '../support/harness.ts';
import { until } from '../support/until.ts';
import { unusedNumbers } from '../support/unused-numbers.ts';
import { changesOf, jobsOf, rowsOf, updating } from '../support/updates.ts';

const [, connectionId] = SIMULATED_ACCOUNT.connectionIds;
const [messagingProfileId] = SIMULATED_ACCOUNT.messagingProfileIds;
const [billingGroupId] = SIMULATED_ACCOUNT.billingGroupIds;
const [emergencyAddressId] = SIMULATED_ACCOUNT.emergencyAddressIds;
const FOREIGN = '+13125550188';
describe('an update', () => {
  const h = useHarness(
    () => ({ simulator: { owned: 900, numbers: 500 } }),
    (harness) => harness.learnInventory(),
  );
  const take = unusedNumbers(h);

  const settable: [string, Record<string, unknown>, Record<string, unknown>][] = [
    ['connection', { connection_id: connectionId }, { connectionId }],
    ['billing group', { billing_group_id: billingGroupId }, { billingGroupId }],
    [
      'customer reference and pin',
      { customer_reference: 'acme-7', external_pin: '1234' },
      { customerReference: 'acme-7', externalPin: '1234' },
    ],
    ['tags, replaced', { tags: ['a', 'b'] }, { tags: ['a', 'b'] }],
    ['deletion lock', { deletion_lock_enabled: true }, { deletionLockEnabled: true }],
    ['HD voice', { hd_voice_enabled: true }, { hdVoiceEnabled: true }],
    ['messaging profile', { messaging_profile_id: messagingProfileId }, { messagingProfileId }],
    ['messaging profile, taken away', { messaging_profile_id: '' }, { messagingProfileId: null }],
    ['emergency address', { emergency_address_id: emergencyAddressId }, { emergencyEnabled: true, emergencyAddressId }],
  ];

  it.each(settable)('sets the %s at Telnyx and in the inventory', async (_, set, row) => {
    const numbers = take(5);
    const view = await h().run({ kind: 'update', phone_numbers: numbers, set });
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 5 } });
    await expectAgreement(h(), view.id);
    expect(await rowsOf(h(), numbers)).toEqual(numbers.map(() => expect.objectContaining(row)));
    const { drift } = await h().reconcile();
    expect(drift).toEqual([]);
  });

  it('sets voice, messaging and emergency in one request, step by step for each number', async () => {
    const numbers = take(4);
    const voice = { call_recording: { inbound_call_recording_enabled: true }, caller_id_name_enabled: true };
    const view = await h().run({
      kind: 'update',
      phone_numbers: numbers,
      set: {
        voice,
        connection_id: connectionId,
        messaging_profile_id: messagingProfileId,
        emergency_address_id: emergencyAddressId,
      },
    });
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 4 }, chunks: { total: 3, settled: 3 } });
    for (const number of numbers) {
      const fields = Object.assign({}, ...changesOf(h(), [number]).map((c) => c.fields)) as Record<string, unknown>;
      expect(fields).toMatchObject({
        voice,
        connection_id: connectionId,
        messaging_profile_id: messagingProfileId,
        emergency_enabled: true,
      });
    }
    await expectAgreement(h(), view.id);
  });

  it('ends only the foreign number of a batch as failed; the others do not sink with it', async () => {
    const numbers = take(30);
    const view = await h().run({ kind: 'update', phone_numbers: [...numbers, FOREIGN], set: { tags: ['mine'] } });
    expect(view).toMatchObject({ status: 'partially_succeeded', counts: { succeeded: 30, failed: 1 } });
    expect((await h().items(view.id)).find((i) => i.phoneNumber === FOREIGN)).toMatchObject({
      status: 'failed',
      reasonCode: 'not_owned',
    });
    await expectAgreement(h(), view.id);
  });

  it('notices a number that the portal gave back meanwhile, after more than one look', async () => {
    const numbers = take(10);
    const [gone = ''] = numbers;
    h().sim.releaseInPortal([gone]);
    const view = await h().run({ kind: 'update', phone_numbers: numbers, set: { tags: ['still'] } });
    expect(view).toMatchObject({ counts: { succeeded: 9, failed: 1 } });
    expect(await rowsOf(h(), [gone])).toMatchObject([{ state: 'missing' }]);
    await expectAgreement(h(), view.id);
  });

  it('a full house of batch jobs (422) is back-pressure: it waits and uses up no attempt', async () => {
    const numbers = take(5);
    h().sim.openForeignJobs(20);
    const id = await h().submit({ kind: 'update', phone_numbers: numbers, set: { tags: ['later'] } });
    await until('it was refused', async () => (await h().chunks(id)).some((c) => c.errorCode === 'job_cap'));
    expect(await h().view(id)).toMatchObject({ counts: { failed: 0, succeeded: 0 } });
    h().sim.closeForeignJobs();
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded' });
    expect((await h().chunks(id)).map((c) => c.attempt)).toEqual([1]);
    await expectAgreement(h(), id);
  });

  it('keeps the reason of each number that a job could not change', async () => {
    h().faults({ kind: 'job_partial', count: 4, times: 1 });
    const view = await h().run({ kind: 'update', phone_numbers: take(20), set: { tags: ['partly'] } });
    expect(view).toMatchObject({ status: 'partially_succeeded', counts: { succeeded: 16, failed: 4 } });
    const failed = (await h().items(view.id)).filter((i) => i.status === 'failed');
    expect(failed.map((i) => [i.reasonCode, i.reason])).toEqual(
      Array(4).fill(['10007', expect.stringContaining('The operation failed for this number')]),
    );
    await expectAgreement(h(), view.id);
  });

  const half: [string, Fault][] = [
    ['failed in the middle', { kind: 'job_failed', fraction: 0.5 }],
    ['expired and still lists its leftovers', { kind: 'job_expired', fraction: 0.4, list_leftovers: true }],
    ['expired after all although it had done everything', { kind: 'job_expired', fraction: 0.4, effect: true }],
    ['completed, but one number is in none of its lists', { kind: 'job_lost_entry' }],
    ['completed, but one number is in no list and was not changed', { kind: 'job_lost_entry', effect: false }],
    ['names numbers twice', { kind: 'job_duplicates', count: 3 }],
  ];

  it.each(half)('a job that %s: what is unknown is read back, and only the rest goes out again', async (_, fault) => {
    h().faults({ ...fault, times: 1 });
    const numbers = take(10);
    const view = await h().run({ kind: 'update', phone_numbers: numbers, set: { customer_reference: `c-${jobsOf(h())}` } });
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 10 } });
    await expectAgreement(h(), view.id);
    const changed = changesOf(h(), numbers).map((c) => c.phone_number);
    expect(changed.sort(), 'each was changed once').toEqual([...numbers].sort());
  });

  it('gives up on a number that job after job leaves undone', async () => {
    h().faults({ kind: 'job_failed', fraction: 1 });
    const view = await h().run({ kind: 'update', phone_numbers: take(3), set: { tags: ['never'] } });
    expect(view).toMatchObject({ status: 'failed', counts: { failed: 3 } });
    expect((await h().items(view.id)).map((i) => i.reasonCode)).toEqual(Array(3).fill('not_applied'));
    await expectAgreement(h(), view.id);
  });

  it.each([
    ['cut', { kind: 'accept_then_drop' }],
    ['answered with 500', { kind: 'error_after', status: 500 }],
    ['stalled', { kind: 'accept_stall' }],
  ] as [string, Fault][])('I3 a reply that is %s: the job is found by its numbers, and there is one job', async (_, fault) => {
    h().faults({ ...fault, match: updating, times: 1 });
    const before = jobsOf(h());
    const view = await h().run({ kind: 'update', phone_numbers: take(10), set: { tags: ['found'] } });
    expect(view).toMatchObject({ status: 'succeeded' });
    expect(jobsOf(h()) - before).toBe(1);
    await expectAgreement(h(), view.id);
  });

  it('I3 a job that surely was not made is made once more', async () => {
    h().faults({ kind: 'error_before', status: 500, match: updating, times: 1 });
    const before = jobsOf(h());
    const view = await h().run({ kind: 'update', phone_numbers: take(10), set: { tags: ['again'] } });
    expect(view).toMatchObject({ status: 'succeeded' });
    expect(jobsOf(h()) - before).toBe(1);
    await expectAgreement(h(), view.id);
  });

  it('I3 a lost reply of a messaging update, which nobody can find again, is sent once more', async () => {
    h().faults({ kind: 'accept_then_drop', match: { method: 'POST', path: '/messaging_numbers_bulk_updates' }, times: 1 });
    const numbers = take(5);
    const view = await h().run({ kind: 'update', phone_numbers: numbers, set: { messaging_profile_id: messagingProfileId } });
    expect(view).toMatchObject({ status: 'succeeded' });
    expect(await rowsOf(h(), numbers)).toMatchObject(numbers.map(() => ({ messagingProfileId })));
    await expectAgreement(h(), view.id);
  });

  it('says which numbers did not get their messaging profile', async () => {
    h().faults({ kind: 'messaging_partial', count: 2, times: 1 });
    const view = await h().run({ kind: 'update', phone_numbers: take(6), set: { messaging_profile_id: messagingProfileId } });
    expect(view).toMatchObject({ status: 'partially_succeeded', counts: { succeeded: 4, failed: 2 } });
    expect((await h().items(view.id)).filter((i) => i.status === 'failed').map((i) => i.reasonCode)).toEqual([
      'messaging_refused',
      'messaging_refused',
    ]);
    await expectAgreement(h(), view.id);
  });

  it('a messaging update that Telnyx forgot holds its slot no longer than the window: every number is read back', async () => {
    h().faults(
      { kind: 'error_before', status: 404, code: '10005', match: { method: 'GET', path: '/messaging_numbers_bulk_updates' } },
      { kind: 'messaging_partial', count: 2, times: 1 },
    );
    const numbers = take(6);
    h().sim.setOwnedField(numbers, 'messaging_profile_id', null);
    const view = await h().run({ kind: 'update', phone_numbers: numbers, set: { messaging_profile_id: messagingProfileId } });
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 6 } });
    expect(await rowsOf(h(), numbers)).toMatchObject(numbers.map(() => ({ messagingProfileId })));
    const changed = changesOf(h(), numbers).map((c) => c.phone_number);
    expect(changed.sort(), 'only what the first left undone was sent again').toEqual([...numbers].sort());
    await expectAgreement(h(), view.id);
  });

  it('I4 a later request on the same numbers waits for the earlier one, and its values stay', async () => {
    h().faults({ kind: 'job_hang', ms: 700, times: 1 });
    const numbers = take(10);
    const first = await h().submit({ kind: 'update', phone_numbers: numbers, set: { customer_reference: 'first' } });
    await until('the first is at Telnyx', async () => (await h().chunks(first))[0]?.state === 'submitted');
    const second = await h().submit({
      kind: 'update',
      phone_numbers: numbers.slice(0, 5),
      set: { customer_reference: 'second' },
    });
    const third = await h().submit({ kind: 'update', phone_numbers: numbers.slice(3, 6), set: { customer_reference: 'third' } });
    for (const id of [first, second, third]) {
      expect(await h().ended(id)).toMatchObject({ status: 'succeeded' });
      await expectAgreement(h(), id);
    }
    const references = new Map(
      (await rowsOf(h(), numbers)).map((r) => [String(r['phoneNumber']), String(r['customerReference'])]),
    );
    const expected = ['second', 'second', 'second', 'third', 'third', 'third', 'first', 'first', 'first', 'first'];
    expect(numbers.map((n) => references.get(n))).toEqual(expected);
    const { drift } = await h().reconcile();
    expect(drift.filter((d) => d.kind === 'changed')).toEqual([]);
  });

  it('I4 an earlier request that became visible late and one that holds its numbers do not wait for each other for ever', async () => {
    const numbers = take(4);
    await h().stop();
    const early = await h().submit({ kind: 'update', phone_numbers: numbers, set: { customer_reference: 'early' } });
    const late = await h().submit({ kind: 'update', phone_numbers: numbers, set: { customer_reference: 'late' } });
    // The later one had begun before the earlier one was committed: it holds the numbers for a step to come.
    await h().db.sql`insert into claims select n, ${late}, now() from unnest(${numbers}::text[]) as n`;
    await h().start();
    for (const id of [early, late]) expect(await h().ended(id)).toMatchObject({ status: 'succeeded' });
  });

  it('I9 the word UNAVAILABLE for a messaging profile is never taken for a value', async () => {
    h().faults({ kind: 'unavailable_profile' });
    const numbers = take(3);
    const before = (await rowsOf(h(), numbers)).map((r) => String(r['messagingProfileId']));
    const view = await h().run({ kind: 'update', phone_numbers: numbers, set: { add_tags: ['seen'] } });
    expect(view.status).toBe('succeeded');
    const { drift } = await h().reconcile();
    expect(drift.filter((d) => d.kind === 'changed')).toEqual([]);
    expect((await rowsOf(h(), numbers)).map((r) => String(r['messagingProfileId']))).toEqual(before);
    expect(await h().db.sql`select 1 from phone_numbers where messaging_profile_id = 'UNAVAILABLE'`).toEqual([]);
  });

  it('the inventory is what the account owns after all of these', async () => {
    await expectInventory(h());
  });
});

describe('a large update', () => {
  const h = useHarness(
    () => ({ simulator: { owned: 2_600, numbers: 500 }, jobSlots: 2 }),
    (harness) => harness.learnInventory(),
  );

  it('cuts thousands of numbers into jobs of at most 1,000, and never has more jobs open than there are slots', async () => {
    const [gone = ''] = h().sim.ownedNumbers().slice(1_500);
    h().sim.releaseInPortal([gone]);
    const view = await h().run(
      { kind: 'update', where: { country_code: 'US' }, set: { add_tags: ['all'] } },
      { withinMs: 40_000 },
    );
    expect(view).toMatchObject({ status: 'partially_succeeded', counts: { asked: 2_600, succeeded: 2_599, failed: 1 } });
    expect(h().sim.ledger().max_open_jobs).toBeLessThanOrEqual(2);
    expect(
      Math.max(
        ...h()
          .sim.ledger()
          .jobs.map((j) => j.count),
      ),
    ).toBeLessThanOrEqual(1_000);
    await expectAgreement(h(), view.id);
    await expectInventory(h());
  });
});

describe('requests by a filter', () => {
  const h = useHarness(
    () => ({ simulator: { owned: 50, numbers: 100 } }),
    (harness) => harness.learnInventory(),
  );

  it('many at once, more than there are database connections, are all taken on', async () => {
    const ids = Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        h().submit({ kind: 'update', where: { country_code: 'US' }, set: { customer_reference: `r-${i}` } }),
      ),
    );
    const taken = await Promise.race([ids, sleep(12_000, [] as string[], { ref: false })]);
    expect(new Set(taken).size).toBe(30);
    expect(await h().db.sql`select distinct asked from requests`).toEqual([{ asked: 50 }]);
    const first = await h().items(taken[0] ?? '');
    expect(first.map((i) => i.position)).toEqual(first.map((_, i) => i));
    expect(first.map((i) => i.phoneNumber)).toEqual(h().sim.ownedNumbers().sort());
  });
});
