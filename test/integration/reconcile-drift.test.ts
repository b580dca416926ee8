import { afterEach, describe, expect, it } from 'vitest';
import { type Drift, openEverywhere } from '../../src/db/queries/drift.ts';
import { acceptRun } from '../../src/producers/actions/accept-run.ts';
import { repairRun } from '../../src/producers/actions/repair-run.ts';
import { readNumber } from '../../src/producers/read/history.ts';
import { type OwnedField, SIMULATED_ACCOUNT } from '../../src/simulator/index.ts';
import { expectAgreement, expectInventory, expectNumberHistories } from '../support/expect-agreement.ts';
import { useHarness } from '../support/harness.ts';
import { until } from '../support/until.ts';
import { unusedNumbers } from '../support/unused-numbers.ts';

const [connectionId = '', otherConnection = ''] = SIMULATED_ACCOUNT.connectionIds;
const [profileId = ''] = SIMULATED_ACCOUNT.messagingProfileIds;
const [billingGroupId = ''] = SIMULATED_ACCOUNT.billingGroupIds;
const [addressId = '', otherAddress = ''] = SIMULATED_ACCOUNT.emergencyAddressIds;

describe('drift that a run found', () => {
  const h = useHarness(
    () => ({ simulator: { owned: 120, numbers: 400 } }),
    (harness) => harness.learnInventory(),
  );
  const take = unusedNumbers(h);
  const shown = async (number: string) =>
    (await h().deps.telnyx.listNumbers({ pageNumber: 1, pageSize: 250, digits: number.slice(1) })).numbers[0];
  const of = (drift: Drift[], number: string) =>
    drift.filter((d) => d.phoneNumber === number).map((d) => [d.kind, d.field, d.ours, d.theirs, d.state]);
  const rows = (number: string) =>
    h().db.sql<Drift[]>`select * from drift where phone_number = ${number} and kind <> 'adopted' order by id`;
  const baseline = async (number: string) =>
    (await h().db.sql<{ baseline: unknown }[]>`select baseline from phone_numbers where phone_number = ${number}`)[0]?.baseline;
  /** Updates the number through us, so that its values are what we last asked for. */
  const asked = async (numbers: string[], set: object) => {
    expect(await h().run({ kind: 'update', phone_numbers: numbers, set })).toMatchObject({ status: 'succeeded' });
  };
  const isOpen = async () => (await openEverywhere(h().db.reads)).size > 0;
  /** Until the test is over, the list shows these numbers with another emergency address. */
  const showOtherAddress = (numbers: string[]) => {
    const { telnyx } = h().deps;
    const { listNumbers } = telnyx;
    telnyx.listNumbers = async (query) => {
      const page = await listNumbers(query);
      const changed = page.numbers.map((n) => (numbers.includes(n.phoneNumber) ? { ...n, emergencyAddressId: 'another' } : n));
      return { ...page, numbers: changed };
    };
    honest = () => {
      telnyx.listNumbers = listNumbers;
    };
  };
  /** Until the test is over, neither list nor ownership shows these numbers. */
  const hide = (numbers: string[]) => {
    const { telnyx } = h().deps;
    const { listNumbers, verifyOwnership } = telnyx;
    telnyx.listNumbers = async (query) => {
      const page = await listNumbers(query);
      const totalResults = page.totalResults === null ? null : page.totalResults - numbers.length;
      return { ...page, totalResults, numbers: page.numbers.filter((n) => !numbers.includes(n.phoneNumber)) };
    };
    telnyx.verifyOwnership = async (asked) => {
      const owned = await verifyOwnership(asked);
      for (const n of numbers) owned.delete(n);
      return owned;
    };
    honest = () => Object.assign(telnyx, { listNumbers, verifyOwnership });
  };
  let honest = (): unknown => undefined;
  afterEach(async () => {
    honest();
    h().faults();
    await h().takeOver();
    for (const id of (await openEverywhere(h().db.reads)).keys()) await acceptRun(h().deps, id, {}, 'test');
  });

  /** Somebody else sets another emergency address at Telnyx. */
  const setOtherAddress = async (number: string): Promise<void> => {
    await h().deps.telnyx.updateEmergency([number], true, otherAddress);
    await until('Telnyx shows the other address', async () => (await shown(number))?.emergencyAddressId === otherAddress);
  };

  it('is one open row over several runs, and is put back days later from the stored rows, once', async () => {
    const [number = ''] = take(1);
    await asked([number], { connection_id: connectionId });
    h().sim.setOwnedField([number], 'connection_id', otherConnection);
    const first = await h().reconcile();
    const second = await h().reconcile();
    expect(second.drift.map((d) => d.id)).toEqual(first.drift.map((d) => d.id));
    expect(of(second.drift, number)).toEqual([['changed', 'connection_id', connectionId, otherConnection, 'open']]);
    expect([first.run.counts?.changed, second.run.counts?.changed]).toEqual([1, 1]);
    // Filters and guards read what Telnyx shows.
    expect(await baseline(number)).toEqual({ connection_id: connectionId });
    expect(await readNumber(h().db, number)).toMatchObject({ connection_id: otherConnection });
    const [one, two] = await Promise.all([1, 2].map(() => repairRun(h().deps, first.run.id, { actor: 'anna' })));
    const later = await repairRun(h().deps, second.run.id, { actor: 'ben' });
    const ids = new Set([one, two, later].flatMap((r) => r?.filed.map((f) => f.id) ?? []));
    expect(ids.size).toBe(1);
    const [id = ''] = ids;
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded', counts: { asked: 1, succeeded: 1 } });
    expect((await shown(number))?.connectionId).toBe(connectionId);
    expect(await rows(number)).toMatchObject([{ state: 'repaired', stateBy: 'anna', repairRequestId: id }]);
    expect(await baseline(number)).toBeNull();
    const events = await h().db
      .sql`select cause, actor, request_id from events where subject = 'run' and subject_id = ${first.run.id}`;
    expect(events).toEqual([{ cause: 'repair_filed', actor: 'anna', requestId: id }]);
    expect(await repairRun(h().deps, first.run.id, { actor: 'anna' })).toMatchObject({ filed: [], busy: 0, cannot: [] });
    expect((await h().reconcile()).drift).toEqual([]);
    await expectAgreement(h(), id);
    await expectNumberHistories(h(), [number]);
  });

  it('can be put back in every field that an update can set; the others are told, and accepted', async () => {
    const [a = '', b = '', c = ''] = take(3);
    const set = {
      connection_id: connectionId,
      billing_group_id: billingGroupId,
      customer_reference: 'ours',
      messaging_profile_id: profileId,
      tags: ['ours'],
      deletion_lock_enabled: true,
      external_pin: '1234',
      hd_voice_enabled: true,
      emergency_address_id: addressId,
    };
    await asked([a], set);
    await h().takeOver();
    const theirs: Partial<Record<OwnedField, string | boolean | null>> = {
      connection_id: otherConnection,
      billing_group_id: null,
      customer_reference: 'by hand',
      messaging_profile_id: null,
      external_pin: '9999',
      hd_voice_enabled: false,
    };
    await setOtherAddress(a);
    for (const [field, value] of Object.entries(theirs)) h().sim.setOwnedField([a], field as OwnedField, value);
    h().sim.setTags([a], ['vandal']);
    h().sim.lock([a], false);
    // Was empty on our side, or can be set by nobody.
    h().sim.setOwnedField([b], 'customer_reference', 'by hand');
    h().sim.setOwnedField([b], 'messaging_profile_id', profileId);
    h().sim.setOwnedField([c], 'status', 'port-out-pending');
    const { run, drift } = await h().reconcile();
    expect(
      of(drift, a)
        .map(([, field]) => field)
        .sort(),
    ).toEqual(Object.keys(set).sort());
    const done = await repairRun(h().deps, run.id, { actor: 'anna' });
    expect(done.failures).toEqual([]);
    expect(done.cannot).toEqual([
      { field: 'customer_reference', why: 'empty', count: 1, sample: [b] },
      { field: 'status', why: 'not_settable', count: 1, sample: [c] },
    ]);
    expect(done.filed.map((f) => f.set)).toEqual(expect.arrayContaining([set, { messaging_profile_id: '' }]));
    for (const { id } of done.filed) expect(await h().ended(id)).toMatchObject({ status: 'succeeded' });
    honest();
    expect(await shown(a)).toMatchObject({
      connectionId,
      billingGroupId,
      customerReference: 'ours',
      messagingProfileId: profileId,
      tags: ['ours'],
      deletionLockEnabled: true,
      externalPin: '1234',
      hdVoiceEnabled: true,
      emergencyAddressId: addressId,
    });
    expect((await shown(b))?.messagingProfileId ?? null).toBeNull();
    expect(new Set((await rows(a)).map((d) => d.state))).toEqual(new Set(['repaired']));
    expect(await acceptRun(h().deps, run.id, { only: ['status'] }, 'ben')).toMatchObject({ accepted: { changed: 1 } });
    expect(await isOpen()).toBe(true);
    await acceptRun(
      h().deps,
      run.id,
      {
        numbers: [
          { number: b, at: 'row 1' },
          { number: b, at: 'row 2' },
        ],
      },
      'ben',
    );
    expect(await isOpen()).toBe(false);
    expect((await h().reconcile()).drift).toEqual([]);
    await expectNumberHistories(h(), [a, b, c]);
  });

  it('emergency calling is not switched on by a repair of an address that was not in use', async () => {
    const [on = '', off = ''] = take(2);
    await asked([on, off], { emergency_address_id: addressId });
    await asked([off], { emergency_address_id: null });
    // It keeps its address, unused.
    await h().db.sql`update phone_numbers set emergency_address_id = ${addressId} where phone_number = ${off}`;
    await setOtherAddress(on);
    showOtherAddress([off]);
    h().sim.setEmergency([on], 'disabled');
    const { run, drift } = await h().reconcile();
    expect(of(drift, off)).toEqual([['changed', 'emergency_address_id', addressId, 'another', 'open']]);
    const done = await repairRun(h().deps, run.id, { actor: 'anna' });
    expect(done.cannot).toEqual([{ field: 'emergency_address_id', why: 'emergency_off', count: 1, sample: [off] }]);
    expect(done.filed).toMatchObject([{ numbers: 1, set: { emergency_address_id: addressId } }]);
    expect(await h().ended(done.filed[0]?.id ?? '')).toMatchObject({ status: 'succeeded' });
    expect(new Set((await rows(on)).map((d) => d.state)), 'and its switch with it').toEqual(new Set(['repaired']));
  });

  it('that is accepted is what we want from now on, with an event that says who', async () => {
    const [number = ''] = take(1);
    await asked([number], { customer_reference: 'ours' });
    h().sim.setOwnedField([number], 'customer_reference', 'theirs');
    const { run } = await h().reconcile();
    expect(await acceptRun(h().deps, run.id, { only: ['tags'] }, 'anna')).toMatchObject({ accepted: { changed: 0 } });
    expect(await acceptRun(h().deps, run.id, {}, 'anna')).toMatchObject({ accepted: { changed: 1 }, busy: 0 });
    expect(await rows(number)).toMatchObject([{ state: 'accepted', stateBy: 'anna', ours: 'ours', theirs: 'theirs' }]);
    const events = await h().db.sql`
      select cause, actor, run_id from events where subject_id = ${number} and cause = 'accepted'`;
    expect(events).toEqual([{ cause: 'accepted', actor: 'anna', runId: run.id }]);
    expect(await baseline(number)).toBeNull();
    expect((await h().reconcile()).drift).toEqual([]);
    // From now on theirs is ours.
    h().sim.setOwnedField([number], 'customer_reference', 'ours');
    const next = await h().reconcile();
    expect(of(next.drift, number)).toEqual([['changed', 'customer_reference', 'theirs', 'ours', 'open']]);
    await acceptRun(h().deps, next.run.id, {}, 'anna');
    await expectNumberHistories(h(), [number]);
  });

  it('that is gone by itself is closed, and what takes its place is another row with the same ours', async () => {
    const [back = '', again = ''] = take(2);
    await asked([back, again], { customer_reference: 'ours' });
    h().sim.setOwnedField([back, again], 'customer_reference', 'first');
    const first = await h().reconcile();
    h().sim.setOwnedField([back], 'customer_reference', 'ours');
    h().sim.setOwnedField([again], 'customer_reference', 'second');
    const second = await h().reconcile();
    expect(await rows(back)).toMatchObject([{ state: 'gone', stateBy: second.run.id }]);
    expect(await baseline(back)).toBeNull();
    expect(await rows(again)).toMatchObject([
      { runId: first.run.id, state: 'gone', ours: 'ours', theirs: 'first' },
      { runId: second.run.id, state: 'open', ours: 'ours', theirs: 'second' },
    ]);
    // Whatever an ordinary update sets is what we want.
    await asked([again], { customer_reference: 'third' });
    expect((await rows(again)).map((d) => d.state)).toEqual(['gone', 'gone']);
    expect((await h().reconcile()).drift).toEqual([]);
  });

  it('a repair that fails leaves it open, and another one may be filed', async () => {
    const [number = ''] = take(1);
    await asked([number], { customer_reference: 'ours' });
    h().sim.setOwnedField([number], 'customer_reference', 'theirs');
    const { run } = await h().reconcile();
    h().faults({ kind: 'job_partial', count: 1, times: 1 });
    const [failed] = (await repairRun(h().deps, run.id, { actor: 'anna' })).filed;
    expect(await h().ended(failed?.id ?? '')).toMatchObject({ status: 'failed' });
    expect(await rows(number)).toMatchObject([{ state: 'open', repairRequestId: failed?.id }]);
    const [filed] = (await repairRun(h().deps, run.id, { actor: 'ben' })).filed;
    expect(filed?.id).not.toBe(failed?.id);
    expect(await h().ended(filed?.id ?? '')).toMatchObject({ status: 'succeeded' });
    expect(await rows(number)).toMatchObject([{ state: 'repaired', stateBy: 'ben' }]);
  });

  it('a number in work is neither repaired nor accepted, and says so', async () => {
    const [number = ''] = take(1);
    await asked([number], { customer_reference: 'ours' });
    h().sim.setOwnedField([number], 'customer_reference', 'theirs');
    const { run } = await h().reconcile();
    h().faults({ kind: 'job_hang', ms: 1_000, times: 1 });
    const id = await h().submit({ kind: 'update', phone_numbers: [number], set: { tags: ['x'] } });
    expect(await repairRun(h().deps, run.id, { actor: 'anna' })).toMatchObject({ filed: [], busy: 1 });
    expect(await acceptRun(h().deps, run.id, {}, 'anna')).toMatchObject({ accepted: { changed: 0 }, busy: 1 });
    await h().ended(id);
    expect(await rows(number)).toMatchObject([{ state: 'open' }]);
    expect(await acceptRun(h().deps, run.id, {}, 'anna')).toMatchObject({ accepted: { changed: 1 }, busy: 0 });
  });

  it('a missing number is counted until it is accepted, or until it shows again with what we asked for still known', async () => {
    const [gone = '', hidden = ''] = take(2);
    await asked([hidden], { customer_reference: 'ours' });
    h().sim.releaseInPortal([gone]);
    await until('ownership has forgotten it', async () => (await h().deps.telnyx.verifyOwnership([gone])).size === 0);
    hide([hidden]);
    const first = await h().reconcile();
    expect(first.run).toMatchObject({ status: 'completed', counts: { missing: 2 } });
    const second = await h().reconcile();
    expect(second.run).toMatchObject({ counts: { missing: 2 } });
    expect(second.drift.map((d) => d.id)).toEqual(first.drift.map((d) => d.id));
    expect((await repairRun(h().deps, first.run.id, { actor: 'anna' })).cannot).toMatchObject([
      { field: 'missing', why: 'missing', count: 2 },
    ]);
    expect(await acceptRun(h().deps, second.run.id, { numbers: [{ number: gone, at: '' }] }, 'anna')).toMatchObject({
      accepted: { missing: 1 },
    });
    honest();
    h().sim.setOwnedField([hidden], 'customer_reference', 'by hand');
    await h().db.sql`update phone_numbers set updated_at = updated_at - interval '1 hour' where phone_number = ${hidden}`;
    const third = await h().reconcile();
    expect(third.run).toMatchObject({ counts: { missing: 0, adopted: 1, changed: 0 } });
    expect(of(third.drift, hidden).sort()).toEqual(
      [
        ['adopted', null, null, null, 'settled'],
        ['changed', 'customer_reference', 'ours', 'by hand', 'open'],
      ].sort(),
    );
    expect((await rows(gone)).map((d) => [d.kind, d.state, d.stateBy])).toEqual([['missing', 'accepted', 'anna']]);
    await acceptRun(h().deps, third.run.id, {}, 'anna');
    expect(await isOpen()).toBe(false);
    await expectNumberHistories(h(), [gone, hidden]);
    await expectInventory(h());
  });

  it('a surplus is open until it is accepted or released', async () => {
    const [kept = '', released = ''] = take(2);
    const view = await h().run({ kind: 'buy', lines: [{ national_destination_code: '312', quantity: 1 }] });
    await h().db.sql`
      update chunks set numbers = numbers || ${[kept, released]}::text[] where request_id = ${view.id} and kind = 'order'`;
    await h().db.sql`delete from phone_numbers where phone_number = any(${[kept, released]}::text[])`;
    const first = await h().reconcile();
    expect(first.run).toMatchObject({ counts: { surplus: 2, adopted: 0 } });
    expect((await h().reconcile()).run).toMatchObject({ counts: { surplus: 2 } });
    await acceptRun(h().deps, first.run.id, { numbers: [{ number: kept, at: '' }] }, 'anna');
    expect(await readNumber(h().db, kept)).toMatchObject({ state: 'owned', surplus: false });
    await h().run({ kind: 'delete', phone_numbers: [released], expected_count: 1 });
    expect((await rows(released)).map((d) => [d.kind, d.state])).toEqual([['surplus', 'gone']]);
    expect(await isOpen()).toBe(false);
    expect((await h().reconcile()).run).toMatchObject({ counts: { surplus: 0 } });
  });

  it('I9 what was bought a moment ago and is not shown is too fresh to judge, and every owned number is counted once', async () => {
    const [inWork = '', changed = ''] = take(2);
    const late = await h().run({ kind: 'buy', lines: [{ national_destination_code: '773', quantity: 3 }] });
    hide((await h().items(late.id)).flatMap((i) => i.phoneNumber ?? []));
    h().faults({ kind: 'job_hang', ms: 2_000, times: 1 });
    const id = await h().submit({ kind: 'update', phone_numbers: [inWork], set: { tags: ['x'] } });
    await until('it is at Telnyx', async () => (await h().chunks(id))[0]?.state === 'submitted');
    h().sim.setOwnedField([changed], 'customer_reference', 'by hand');
    const { run, drift } = await h().reconcile();
    expect(late.counts.succeeded).toBe(3);
    expect(drift.map((d) => [d.phoneNumber, d.kind, d.field, d.ours, d.theirs])).toEqual([
      [changed, 'changed', 'customer_reference', null, 'by hand'],
    ]);
    expect(run).toMatchObject({ status: 'completed', counts: { too_fresh: 3, undecided: 1, changed: 1, missing: 0 } });
    const [owned] = await h().db.sql<{ n: number }[]>`select count(*)::int as n from phone_numbers where state = 'owned'`;
    const c = run.counts;
    expect((c?.matched ?? 0) + (c?.changed ?? 0) + (c?.too_fresh ?? 0) + (c?.undecided ?? 0)).toBe(owned?.n);
    await h().ended(id);
  });
});
