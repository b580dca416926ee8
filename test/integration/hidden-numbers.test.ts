import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { cancelRequest } from '../../src/producers/actions/cancel.ts';
import type { AccountNumber, TelnyxGateway } from '../../src/telnyx/gateway.ts';
import { expectAgreement, expectInventory } from '../support/expect-agreement.ts';
import { type Harness, useHarness } from '../support/harness.ts';
import { until } from '../support/until.ts';
import { unusedNumbers } from '../support/unused-numbers.ts';

const releasing = { method: 'POST', path: '/phone_numbers/jobs/delete_phone_numbers' };

const endsOf = async (h: Harness, id: string) =>
  Object.fromEntries((await h.items(id)).map((i) => [i.phoneNumber ?? '', [i.status, i.reasonCode].filter(Boolean).join(': ')]));
const stateOf = async (h: Harness, number: string) =>
  (await h.db.sql`select state from phone_numbers where phone_number = ${number}`)[0]?.['state'];

/** What a test makes Telnyx hide or show otherwise; `restore` makes it honest again. */
function disguise(h: () => Harness) {
  let real: TelnyxGateway | undefined;
  const honest = (): TelnyxGateway => {
    real ??= { ...h().deps.telnyx };
    return real;
  };
  return {
    /** Ownership, check by check: `hides(check)` is what this check at any of `numbers` does not show. */
    ownership: (numbers: string[], hides: (check: number) => string[]) => {
      const { verifyOwnership } = honest();
      let check = 0;
      h().deps.telnyx.verifyOwnership = async (asked) => {
        const owned = await verifyOwnership(asked);
        if (!asked.some((n) => numbers.includes(n))) return owned;
        check += 1;
        for (const n of hides(check)) owned.delete(n);
        return owned;
      };
    },
    list: (change: (n: AccountNumber) => AccountNumber[]) => {
      const { listNumbers } = honest();
      h().deps.telnyx.listNumbers = async (query) => {
        const page = await listNumbers(query);
        return { ...page, numbers: page.numbers.flatMap(change) };
      };
    },
    with: (changes: (real: TelnyxGateway) => Partial<TelnyxGateway>) => Object.assign(h().deps.telnyx, changes(honest())),
    restore: () => {
      if (real !== undefined) Object.assign(h().deps.telnyx, real);
    },
  };
}

describe('numbers that Telnyx does not show', () => {
  const h = useHarness(
    () => ({ simulator: { owned: 200, numbers: 300 }, timings: { settleMs: 1_500 } }),
    (harness) => harness.learnInventory(),
  );
  const telnyx = disguise(h);
  afterEach(() => telnyx.restore());
  const take = unusedNumbers(h);
  const setting = (numbers: string[], set: object) => ({ kind: 'update', phone_numbers: numbers, set });
  const release = (numbers: string[], more: object = {}) => ({
    kind: 'delete',
    phone_numbers: numbers,
    expected_count: numbers.length,
    ...more,
  });

  it('I9 one number hidden in one look and another in the next: both are changed, neither is missing', async () => {
    const [a = '', b = ''] = take(2);
    telnyx.ownership([a, b], (check) => (check === 1 ? [a] : check === 2 ? [b] : []));
    const view = await h().run(setting([a, b], { customer_reference: 'both' }));
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 2 } });
    expect([await stateOf(h(), a), await stateOf(h(), b)]).toEqual(['owned', 'owned']);
    await expectAgreement(h(), view.id);
  });

  it('I9 looks count anew after one that showed the number', async () => {
    const [a = ''] = take(1);
    // Check 2 shows it, but the list does not yet, so the chunk waits and checks a third time.
    telnyx.ownership([a], (check) => (check === 1 || check === 3 ? [a] : []));
    let lists = 0;
    telnyx.list((n) => (n.phoneNumber === a && ++lists === 1 ? [] : [n]));
    const view = await h().run(setting([a], { add_tags: ['patient'] }));
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 1 } });
    expect(lists).toBeGreaterThan(1);
    expect(await stateOf(h(), a)).toBe('owned');
  });

  it.each([
    ['an update', 'failed: not_editable', (numbers: string[]) => setting(numbers, { customer_reference: 'open' })],
    ['a release', 'skipped: not_editable', (numbers: string[]) => release(numbers)],
  ])(
    'I9 %s ends a number that the list shows but ownership does not as not editable, and it stays ours',
    async (_, end, body) => {
      const numbers = take(5);
      const [closed = ''] = numbers;
      telnyx.ownership(numbers, () => [closed]);
      telnyx.list((n) => [n.phoneNumber === closed ? { ...n, status: 'port-out-pending' } : n]);
      const view = await h().run(body(numbers));
      expect(view).toMatchObject({ status: 'partially_succeeded', counts: { succeeded: 4 } });
      expect((await endsOf(h(), view.id))[closed]).toBe(end);
      expect(await stateOf(h(), closed)).toBe('owned');
      await expectAgreement(h(), view.id);
    },
  );

  it('I3 a release whose reply was lost and whose job was never found counts as done when its numbers are gone', async () => {
    const numbers = take(3);
    telnyx.with(() => ({ listJobs: async () => [] }));
    h().faults({ kind: 'accept_then_drop', match: releasing, times: 1 });
    const before = h().sim.ledger().jobs.length;
    const view = await h().run(release(numbers));
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 3 } });
    expect(h().sim.ledger().jobs.length - before).toBe(1);
    for (const n of numbers) expect(await stateOf(h(), n)).toBe('released');
    await expectAgreement(h(), view.id);
  });

  it('I8 a number that its job kept is not called released because ownership hides it', async () => {
    const [kept = ''] = take(1);
    h().faults({ kind: 'job_partial', count: 1, times: 1 });
    let sent = false;
    telnyx.with((real) => ({
      deleteNumbers: async (...args) => {
        const job = await real.deleteNumbers(...args);
        sent = true;
        return job;
      },
    }));
    telnyx.ownership([kept], () => (sent ? [kept] : []));
    const view = await h().run(release([kept]));
    expect(view).toMatchObject({ status: 'failed', counts: { failed: 1 } });
    expect(await endsOf(h(), view.id)).toEqual({ [kept]: 'failed: 10007' });
    expect(await stateOf(h(), kept)).toBe('owned');
  });

  it.each([
    ['a release', 'skipped: not_readable', (numbers: string[]) => release(numbers)],
    ['an update of tags', 'failed: not_readable', (numbers: string[]) => setting(numbers, { add_tags: ['read'] })],
  ])('I7 %s ends a number that the list never shows, and the others are not held up for ever', async (_, end, body) => {
    const numbers = take(6);
    const [unread = ''] = numbers;
    telnyx.list((n) => (n.phoneNumber === unread ? [] : [n]));
    const view = await h().run(body(numbers));
    expect(view).toMatchObject({ status: 'partially_succeeded', counts: { succeeded: 5 } });
    expect((await endsOf(h(), view.id))[unread]).toBe(end);
    expect(await stateOf(h(), unread)).toBe('owned');
    await expectAgreement(h(), view.id);
  });

  it('I7 emergency services that stay half disabled keep their number, and the others go', async () => {
    const numbers = take(4);
    const [stuck = ''] = numbers;
    h().sim.setEmergency([stuck], 'deprovisioning');
    const view = await h().run(release(numbers, { include_emergency: true }));
    expect(view).toMatchObject({ status: 'partially_succeeded', counts: { succeeded: 3, skipped: 1 } });
    expect((await endsOf(h(), view.id))[stuck]).toBe('skipped: emergency_not_disabled');
    await expectAgreement(h(), view.id);
  });

  it.each(['Telnyx', 'our inventory'])(
    'I8 a number that was bought again after the request, as %s says, is kept',
    async (who) => {
      const numbers = take(3);
      const [again = ''] = numbers;
      await h().stop();
      const id = await h().submit(release(numbers));
      const later = new Date(Date.now() + 1);
      if (who === 'Telnyx') telnyx.list((n) => [n.phoneNumber === again ? { ...n, purchasedAt: later.toISOString() } : n]);
      else await h().db.sql`update phone_numbers set purchased_at = ${later} where phone_number = ${again}`;
      await h().start();
      expect(await h().ended(id)).toMatchObject({ status: 'partially_succeeded', counts: { succeeded: 2, skipped: 1 } });
      expect((await endsOf(h(), id))[again]).toBe('skipped: bought_after_request');
      expect(h().sim.ownedNumbers()).toContain(again);
    },
  );

  it.each([
    ['is cancelled', 'cancelled'],
    ['is kept', 'skipped'],
  ])('I8 a number whose lock was lifted for a release that then %s says so', async (_, status) => {
    const [locked = ''] = take(1);
    h().sim.lock([locked]);
    let unlocked = false;
    telnyx.with((real) => ({
      updateNumbers: async (...args) => {
        const job = await real.updateNumbers(...args);
        unlocked = true;
        return job;
      },
    }));
    telnyx.list((n) => (unlocked && n.phoneNumber === locked ? [] : [n]));
    const id = await h().submit(release([locked], { include_locked: true }));
    if (status === 'cancelled') {
      await until('the release waits', async () =>
        (await h().chunks(id)).some(
          (c) => c.kind === 'delete' && c.state === 'planned' && c.error?.includes('could not be read'),
        ),
      );
      await cancelRequest(h().deps, id, 'anna');
    }
    await h().ended(id);
    expect(await h().items(id)).toMatchObject([
      { status, reason: expect.stringContaining('its deletion lock was removed for this release and was not set again') },
    ]);
    expect(h().sim.ownedNumbers()).toContain(locked);
  });

  it.each(['released', 'ported out'])(
    'C13 a number that is %s elsewhere right after its purchase ends as already gone',
    async (how) => {
      const bought = await h().run({ kind: 'buy', lines: [{ national_destination_code: '312', quantity: 2 }] });
      const numbers = (await h().items(bought.id)).map((i) => i.phoneNumber ?? '');
      const [gone = '', kept = ''] = numbers;
      if (how === 'released') h().sim.releaseInPortal([gone]);
      else h().sim.portOut([gone]);
      await until('Telnyx shows it no more', async () => !(await h().deps.telnyx.verifyOwnership([gone])).has(gone));
      const view = await h().run(release(numbers));
      expect(view).toMatchObject({ status: 'partially_succeeded', counts: { succeeded: 1, skipped: 1 } });
      expect(await endsOf(h(), view.id)).toEqual({ [gone]: 'skipped: already_gone', [kept]: 'succeeded' });
      expect([await stateOf(h(), gone), await stateOf(h(), kept)]).toEqual(['missing', 'released']);
      if (how === 'ported out') h().sim.releaseInPortal([gone]);
      await expectAgreement(h(), view.id);
    },
  );

  it('C13 a number that was bought a moment ago and that nothing has shown yet is not called gone', async () => {
    const [late = '', other = ''] = take(2);
    await h().db.sql`update phone_numbers set purchased_at = now(), last_seen_at = null where phone_number = ${late}`;
    telnyx.ownership([late], () => [late]);
    telnyx.list((n) => (n.phoneNumber === late ? [] : [n]));
    const view = await h().run(release([late, other]));
    expect(await endsOf(h(), view.id)).toEqual({ [late]: 'skipped: not_editable_yet', [other]: 'succeeded' });
    expect(await stateOf(h(), late)).toBe('owned');
  });

  it('I9 the inventory is what the account owns after all of these', async () => {
    await expectInventory(h());
  });
});

describe('reads that take longer than a lease', () => {
  const h = useHarness(
    () => ({ simulator: { owned: 30, numbers: 100 }, timings: { leaseMs: 1_500 } }),
    (harness) => harness.learnInventory(),
  );

  it('are made for fewer numbers, and the release goes out at last', async () => {
    const numbers = h().sim.ownedNumbers().slice(0, 10);
    const { verifyOwnership } = h().deps.telnyx;
    h().deps.telnyx.verifyOwnership = async (asked) => {
      if (asked.length > 3) await sleep(1_700);
      return verifyOwnership(asked);
    };
    const view = await h().run({ kind: 'delete', phone_numbers: numbers, expected_count: 10 });
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 10 } });
    await expectAgreement(h(), view.id);
  });
});
