import { describe, expect, it } from 'vitest';
import { historyOfRequest } from '../../src/db/queries/events.ts';
import { getRequest } from '../../src/db/requests.ts';
import { planUndo, undoRequest } from '../../src/producers/actions/undo.ts';
import { undoAnswer } from '../../src/producers/read/undo-answer.ts';
import { SIMULATED_ACCOUNT } from '../../src/simulator/index.ts';
import { expectAgreement } from '../support/expect-agreement.ts';
import { useHarness } from '../support/harness.ts';
import { unusedNumbers } from '../support/unused-numbers.ts';
import { changesOf, jobsOf, rowsOf } from '../support/updates.ts';

const [connection = '', otherConnection = ''] = SIMULATED_ACCOUNT.connectionIds;
const [profile = ''] = SIMULATED_ACCOUNT.messagingProfileIds;
const [address = '', otherAddress = ''] = SIMULATED_ACCOUNT.emergencyAddressIds;
const E911 = '1.50';

describe('I8 an undo', () => {
  const h = useHarness(
    () => ({
      simulator: { owned: 260, numbers: 200 },
      limits: { prices: { e911: E911 }, budgets: { poor: '1.00' } },
    }),
    async (harness) => {
      const numbers = harness.sim.ownedNumbers();
      for (const field of ['connection_id', 'customer_reference', 'messaging_profile_id'] as const)
        harness.sim.setOwnedField(numbers, field, field === 'connection_id' ? connection : null);
      await harness.learnInventory();
    },
  );
  const take = unusedNumbers(h);
  const plan = async (id: string) => undoAnswer(id, await planUndo(h().deps, id), null);
  const undo = async (id: string, actor = 'anna') => (await undoRequest(h().deps, id, { actor })).request.id;
  const update = async (numbers: string[], set: object) => {
    const view = await h().run({ kind: 'update', phone_numbers: numbers, set });
    expect(view.status).toBe('succeeded');
    return view.id;
  };
  const tagged = async (groups: Record<string, string[]>) => {
    for (const [tag, numbers] of Object.entries(groups)) {
      h().sim.setTags(numbers, [tag]);
      await h().db.sql`update phone_numbers set tags = array[${tag}]::text[] where phone_number = any(${numbers}::text[])`;
    }
  };

  it('puts back what its request changed, leaves what somebody else changed since, and names what cannot go back', async () => {
    const [one = '', two = '', three = ''] = take(3);
    await tagged({ old: [one, two, three] });
    const id = await update([one, two, three], {
      connection_id: otherConnection,
      customer_reference: 'launch',
      messaging_profile_id: profile,
      add_tags: ['live'],
      remove_tags: ['old'],
      voice: { tech_prefix_enabled: true },
    });
    const later = await h().submit(
      {
        kind: 'update',
        phone_numbers: [three],
        set: { connection_id: connection, customer_reference: 'otto', add_tags: ['vip'] },
      },
      { actor: 'otto' },
    );
    expect(await h().ended(later)).toMatchObject({ status: 'succeeded' });
    const jobs = jobsOf(h());
    const planned = await plan(id);
    const sorted = [one, two, three].sort();
    expect(planned).toMatchObject({
      undoes: id,
      numbers: 3,
      request: null,
      changed_since: {
        count: 1,
        first: [
          {
            phone_number: three,
            field: 'customer_reference',
            request_set: 'launch',
            now: 'otto',
            by: 'otto',
            request_id: later,
          },
        ],
      },
      // The connection of the third number is back by itself.
      already_back: 1,
      under_way: { count: 0 },
    });
    expect(planned.changes).toEqual(
      expect.arrayContaining([
        { field: 'connection_id', from: otherConnection, to: connection, count: 2, numbers: [one, two].sort() },
        { field: 'messaging_profile_id', from: profile, to: null, count: 3, numbers: sorted },
        { field: 'tags', from: 'live', to: null, count: 3, numbers: sorted },
        { field: 'tags', from: null, to: 'old', count: 3, numbers: sorted },
      ]),
    );
    expect(planned.changes).toHaveLength(4);
    expect(planned.cannot_be_put_back.map((c) => [c.field, c.count])).toEqual([
      ['customer_reference', 2],
      ['voice', 3],
    ]);
    expect(jobsOf(h()), 'a plan changes nothing').toBe(jobs);

    const undoId = await undo(id);
    const ended = await h().ended(undoId);
    expect(ended).toMatchObject({ status: 'succeeded', filed_by: id, submitted_by: 'anna', body: { undoes: id, rows: 3 } });
    await expectAgreement(h(), undoId);
    const rows = new Map((await rowsOf(h(), [one, two, three])).map((r) => [String(r['phoneNumber']), r]));
    for (const n of [one, two])
      expect(rows.get(n)).toMatchObject({
        connectionId: connection,
        messagingProfileId: null,
        customerReference: 'launch',
        tags: ['old'],
      });
    expect(rows.get(three)).toMatchObject({ connectionId: connection, customerReference: 'otto', tags: ['old', 'vip'] });
    const [act] = await historyOfRequest(h().db.reads, id, ['undone'], 5, 0);
    expect(act).toMatchObject({ actor: 'anna', detail: { undo: undoId, numbers: 3 } });

    await expect(undo(id), 'a second one has nothing to do').rejects.toMatchObject({
      code: 'nothing_to_undo',
      message: expect.stringContaining('1 were changed since by somebody else'),
    });
    const again = await undo(undoId);
    expect(await h().ended(again)).toMatchObject({ status: 'succeeded' });
    expect(await rowsOf(h(), [one])).toMatchObject([
      { connectionId: otherConnection, messagingProfileId: profile, tags: ['live'] },
    ]);
    expect(await rowsOf(h(), [three])).toMatchObject([{ customerReference: 'otto', tags: ['live', 'vip'] }]);
  });

  it('leaves a tag alone that its request found there already, and one that came with the same reading', async () => {
    const [one = '', two = ''] = take(2);
    h().sim.setTags([one], ['live', 'unseen']);
    h().sim.setTags([two], ['unseen']);
    await h().db.sql`update phone_numbers set tags = '{}' where phone_number = any(${[one, two]}::text[])`;
    const id = await update([one, two], { add_tags: ['live'] });
    expect(await plan(id)).toMatchObject({ numbers: 1, changes: [{ field: 'tags', from: 'live', to: null, numbers: [two] }] });
    expect(await h().ended(await undo(id))).toMatchObject({ status: 'succeeded' });
    expect(changesOf(h(), [one])).toEqual([]);
    expect(await rowsOf(h(), [two])).toMatchObject([{ tags: ['unseen'] }]);
  });

  it('gives every number its own value back, with as few jobs as there are values', async () => {
    const numbers = take(40);
    await tagged({ a: numbers.slice(0, 30), b: numbers.slice(30) });
    h().sim.setOwnedField(numbers.slice(0, 20), 'connection_id', otherConnection);
    await h().db.sql`
      update phone_numbers set connection_id = ${otherConnection} where phone_number = any(${numbers.slice(0, 20)}::text[])`;
    const id = await update(numbers, { tags: ['new'], connection_id: connection });
    const jobs = jobsOf(h());
    expect(await h().ended(await undo(id))).toMatchObject({ status: 'succeeded', counts: { succeeded: 40 } });
    expect(jobsOf(h()) - jobs).toBe(3);
    const rows = await rowsOf(h(), numbers);
    for (const row of rows) {
      const at = numbers.indexOf(String(row['phoneNumber']));
      expect(row).toMatchObject({ tags: [at < 30 ? 'a' : 'b'], connectionId: at < 20 ? otherConnection : connection });
    }
  });

  it('switches emergency calling off again, puts an address back for its price, and asks the budget of who undoes', async () => {
    const [fresh = '', moved = ''] = take(2);
    const first = await update([moved], { emergency_address_id: address });
    const id = await update([fresh, moved], { emergency_address_id: otherAddress });
    // Telnyx puts an address into force late; by then a reconciliation has seen it.
    await h().takeOver();
    expect(first).not.toBe(id);
    expect((await plan(id)).changes).toMatchObject([
      { field: 'emergency_address_id', from: otherAddress, to: null, numbers: [fresh] },
      { field: 'emergency_address_id', from: otherAddress, to: address, numbers: [moved] },
    ]);
    await expect(undo(id, 'poor')).rejects.toMatchObject({ code: 'budget_exceeded' });
    const undoId = await undo(id);
    expect((await getRequest(h().db.sql, undoId))?.emergencyCharge).toBe('1.500000');
    expect(await h().ended(undoId)).toMatchObject({ status: 'succeeded' });
    expect(await rowsOf(h(), [moved])).toMatchObject([{ emergencyAddressId: address }]);
    expect(await rowsOf(h(), [fresh])).toMatchObject([{ emergencyAddressId: null }]);
  });

  it('is filed once at a time, and leaves the numbers of an open request to it', async () => {
    const numbers = take(6);
    const id = await update(numbers, { connection_id: otherConnection });
    h().sim.openForeignJobs(20);
    const other = await h().submit({ kind: 'update', phone_numbers: numbers.slice(0, 2), set: { add_tags: ['x'] } });
    expect(await plan(id)).toMatchObject({ numbers: 4, under_way: { count: 2, numbers: numbers.slice(0, 2).sort() } });
    const both = await Promise.all([undoRequest(h().deps, id, { actor: 'anna' }), undoRequest(h().deps, id, { actor: 'otto' })]);
    expect(both[0].request.id).toBe(both[1].request.id);
    expect(both.map((b) => b.created).sort()).toEqual([false, true]);
    await expect(undo(both[0].request.id)).rejects.toMatchObject({ code: 'not_ended' });
    h().sim.closeForeignJobs();
    for (const open of [other, both[0].request.id]) expect(await h().ended(open)).toMatchObject({ status: 'succeeded' });
    expect(await h().ended(await undo(id)), 'the rest follows').toMatchObject({ counts: { asked: 2, succeeded: 2 } });
  });

  it('refuses a buy, a release, a request that nobody knows, and a plan that is not the one that was shown', async () => {
    const [one = '', two = '', gone = ''] = take(3);
    const bought = await h().run({ kind: 'buy', lines: [{ national_destination_code: '312', quantity: 1 }] });
    await expect(planUndo(h().deps, bought.id)).rejects.toMatchObject({ code: 'not_undoable' });
    const id = await update([one, two, gone], { connection_id: otherConnection });
    const released = await h().run({ kind: 'delete', phone_numbers: [gone], expected_count: 1 });
    await expect(planUndo(h().deps, released.id)).rejects.toMatchObject({ code: 'not_undoable' });
    await expect(planUndo(h().deps, 'req_none')).rejects.toMatchObject({ code: 'not_found' });
    const { mark, ...shown } = await planUndo(h().deps, id);
    expect(shown).toMatchObject({ numbers: 2, gone: { count: 1, sample: [gone] } });
    await update([one], { connection_id: connection });
    const before = await h().db.sql`select count(*)::int as n from requests`;
    await expect(undoRequest(h().deps, id, { actor: 'anna', mark })).rejects.toMatchObject({ code: 'undo_moved' });
    expect(await h().db.sql`select count(*)::int as n from requests`).toEqual(before);
  });
});
