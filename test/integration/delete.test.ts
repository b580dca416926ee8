import { describe, expect, it } from 'vitest';
import type { ProvisioningError } from '../../src/domain/errors.ts';
import type { Fault } from '../../src/simulator/index.ts';
import { calls, expectAgreement, expectInventory } from '../support/expect-agreement.ts';
import { type Harness, useHarness } from '../support/harness.ts';
import { until } from '../support/until.ts';

const FOREIGN = '+13125550188';
const releasing = { method: 'POST', path: '/phone_numbers/jobs/delete_phone_numbers' };

const reasonsOf = async (h: Harness, id: string) =>
  Object.fromEntries(
    (await h.items(id)).filter((i) => i.status !== 'succeeded').map((i) => [i.phoneNumber ?? '', `${i.status}: ${i.reasonCode}`]),
  );
const releasedBy = (h: Harness, numbers: string[]) =>
  h.sim
    .ledger()
    .released.map((r) => r.phone_number)
    .filter((n) => numbers.includes(n));

describe('a release', () => {
  const h = useHarness(
    () => ({ simulator: { owned: 300, numbers: 500 } }),
    (harness) => harness.learnInventory(),
  );
  let used = 0;
  const take = (count: number): string[] => {
    used += count;
    // Backwards: numbers go away at the other end.
    return all.slice(used - count, used);
  };
  let all: string[] = [];
  const prepare = (): void => {
    if (all.length === 0) all = h().sim.ownedNumbers();
  };
  const release = (numbers: string[], more: object = {}) => ({
    kind: 'delete',
    phone_numbers: numbers,
    expected_count: numbers.length,
    ...more,
  });
  const refusal = async (body: object): Promise<string> => {
    const before = [
      await h().db.sql`select count(*) from requests`,
      await h().db.sql`select count(*) from items`,
      h().sim.ledger().calls.total,
    ];
    const code = await h()
      .submit(body)
      .then(
        () => 'accepted',
        (error: ProvisioningError) => error.code,
      );
    expect([
      await h().db.sql`select count(*) from requests`,
      await h().db.sql`select count(*) from items`,
      h().sim.ledger().calls.total,
    ]).toEqual(before);
    return code;
  };

  it('I8 is refused, with nothing stored and nothing sent, when the count is not the expected one', async () => {
    prepare();
    const numbers = take(3);
    expect(await refusal({ ...release(numbers), expected_count: 2 })).toBe('expected_count_mismatch');
    expect(await refusal({ ...release(numbers), expected_count: 4 })).toBe('expected_count_mismatch');
    expect(await refusal({ kind: 'delete', where: { country_code: 'US' }, expected_count: 3 })).toBe('expected_count_mismatch');
  });

  it('I8 is refused, with nothing stored and nothing sent, when a number is not in the inventory', async () => {
    prepare();
    expect(await refusal(release([...take(2), FOREIGN]))).toBe('not_in_inventory');
  });

  it('I8 keeps numbers that are locked, have emergency services or are protected, and says so; the others go', async () => {
    prepare();
    const numbers = take(7);
    const [locked = '', emergency = '', pending = '', guarded = '', moving = ''] = numbers;
    h().sim.lock([locked]);
    h().sim.setEmergency([emergency], 'active');
    h().sim.setEmergency([pending], 'deprovisioning');
    h().sim.setTags([guarded], ['protected']);
    h().sim.setOwnedField([moving], 'status', 'port-out-pending');
    const view = await h().run(release(numbers));
    expect(view).toMatchObject({ status: 'partially_succeeded', counts: { succeeded: 2, skipped: 5 } });
    expect(await reasonsOf(h(), view.id)).toEqual({
      [locked]: 'skipped: deletion_locked',
      [emergency]: 'skipped: emergency_enabled',
      [pending]: 'skipped: emergency_enabled',
      [guarded]: 'skipped: protected',
      [moving]: 'skipped: not_active',
    });
    expect(releasedBy(h(), numbers).sort()).toEqual(numbers.slice(5).sort());
    await expectAgreement(h(), view.id);
  });

  it('I8 releases locked numbers and those with emergency services when told so in words, but never protected ones', async () => {
    prepare();
    const numbers = take(5);
    const [locked = '', emergency = '', guarded = ''] = numbers;
    h().sim.lock([locked]);
    h().sim.setOwnedField([emergency], 'deletion_lock_enabled', true);
    h().sim.setEmergency([emergency], 'active');
    h().sim.lock([guarded]);
    h().sim.setTags([guarded], ['protected']);
    const view = await h().run(release(numbers, { include_locked: true, include_emergency: true }));
    expect(view).toMatchObject({ status: 'partially_succeeded', counts: { succeeded: 4, skipped: 1 } });
    expect(await reasonsOf(h(), view.id)).toEqual({ [guarded]: 'skipped: protected' });
    const released = h()
      .sim.ledger()
      .released.filter((r) => numbers.includes(r.phone_number));
    expect(
      released.every((r) => !r.was_locked && !r.was_emergency),
      'lock and services were lifted first',
    ).toBe(true);
    await expectAgreement(h(), view.id);
  });

  it('I8 a number whose emergency services cannot be disabled is kept after one try, and the request ends', async () => {
    prepare();
    const numbers = take(3);
    const [stubborn = ''] = numbers;
    // At the simulator services that could not be provisioned cannot be disabled either.
    h().sim.setEmergency([stubborn], 'provisioning-failed');
    const before = h().sim.ledger().jobs.length;
    const view = await h().run(release(numbers, { include_emergency: true }));
    expect(view).toMatchObject({ status: 'partially_succeeded', counts: { succeeded: 2, skipped: 1 } });
    expect(await reasonsOf(h(), view.id)).toEqual({ [stubborn]: 'skipped: emergency_not_disabled' });
    expect(h().sim.ledger().jobs.length - before).toBe(2);
  });

  it('I8 a flag for locks is no flag for emergency services', async () => {
    prepare();
    const [number = ''] = take(1);
    h().sim.setEmergency([number], 'active');
    const view = await h().run(release([number], { include_locked: true }));
    // Nothing was to be done for it, and nothing failed that was to be done.
    expect(view.counts).toMatchObject({ skipped: 1, succeeded: 0 });
    expect(releasedBy(h(), [number])).toEqual([]);
    await expectAgreement(h(), view.id);
  });

  it('skips numbers that went away by other ways meanwhile, without sinking the others', async () => {
    prepare();
    const numbers = take(6);
    const [gone = '', ported = ''] = numbers;
    h().sim.releaseInPortal([gone]);
    h().sim.portOut([ported]);
    const view = await h().run(release(numbers));
    expect(view).toMatchObject({ status: 'partially_succeeded', counts: { succeeded: 4, skipped: 2 } });
    expect(await reasonsOf(h(), view.id)).toEqual({ [gone]: 'skipped: already_gone', [ported]: 'skipped: already_gone' });
    h().sim.releaseInPortal([ported]);
    await expectAgreement(h(), view.id);
  });

  it.each([
    ['cut', { kind: 'accept_then_drop' }],
    ['half a body', { kind: 'accept_half_body' }],
    ['answered with 503', { kind: 'error_after', status: 503 }],
  ] as [string, Fault][])('I3 a reply that is %s never leads to a second release', async (_, fault) => {
    prepare();
    h().faults({ ...fault, match: releasing, times: 1 });
    const numbers = take(10);
    const before = h().sim.ledger().jobs.length;
    const view = await h().run(release(numbers));
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 10 } });
    expect(h().sim.ledger().jobs.length - before).toBe(1);
    expect(releasedBy(h(), numbers)).toHaveLength(10);
    await expectAgreement(h(), view.id);
  });

  it('waits until ownership no longer shows what was released', async () => {
    prepare();
    h().faults({ kind: 'lag', deletions: 600 });
    const numbers = take(5);
    const view = await h().run(release(numbers));
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 5 } });
    await expectAgreement(h(), view.id);
  });

  it('keeps the reason of a number that the job did not release', async () => {
    prepare();
    h().faults({ kind: 'job_partial', count: 2, times: 1 });
    const numbers = take(6);
    const view = await h().run(release(numbers));
    expect(view).toMatchObject({ status: 'partially_succeeded', counts: { succeeded: 4, failed: 2 } });
    expect(Object.values(await reasonsOf(h(), view.id))).toEqual(['failed: 10007', 'failed: 10007']);
    await expectAgreement(h(), view.id);
  });

  it('I8 never releases by itself what a job that ended early left over', async () => {
    prepare();
    h().faults({ kind: 'job_expired', fraction: 0.5, times: 1 });
    const numbers = take(8);
    const view = await h().run(release(numbers));
    expect(view).toMatchObject({ status: 'partially_succeeded', counts: { succeeded: 4, failed: 4 } });
    expect(Object.values(await reasonsOf(h(), view.id))).toEqual(Array(4).fill('failed: still_owned'));
    await expectAgreement(h(), view.id);
  });

  it('I4 a release and an update of the same numbers go one after the other', async () => {
    prepare();
    h().faults({ kind: 'job_hang', ms: 500, times: 1 });
    const numbers = take(4);
    const update = await h().submit({ kind: 'update', phone_numbers: numbers, set: { tags: ['last'] } });
    const gone = await h().submit(release(numbers));
    await until('the update is at Telnyx', async () => (await h().chunks(update))[0]?.state === 'submitted');
    expect(releasedBy(h(), numbers)).toEqual([]);
    expect(await h().ended(update)).toMatchObject({ status: 'succeeded' });
    expect(await h().ended(gone)).toMatchObject({ status: 'succeeded' });
    await expectAgreement(h(), gone);
  });

  it('I9 the inventory is what the account owns after all of these, and nothing was sent twice', async () => {
    await expectInventory(h());
    const { drift } = await h().reconcile();
    expect(drift.filter((d) => d.kind !== 'changed')).toEqual([]);
    expect(calls(h(), 'POST /phone_numbers/jobs/delete_phone_numbers')['422']).toBeUndefined();
    expect(h().sim.ledger().retries).toBe(0);
  });
});
