import { describe, expect, it } from 'vitest';
import type { Fault } from '../../src/simulator/index.ts';
import { expectAgreement } from '../support/expect-agreement.ts';
import { useHarness } from '../support/harness.ts';
import { until } from '../support/until.ts';
import { unusedNumbers } from '../support/unused-numbers.ts';
import { changesOf, jobsOf, rowsOf, updating } from '../support/updates.ts';

describe('an update of tags', () => {
  const h = useHarness(
    () => ({ simulator: { owned: 900, numbers: 500 } }),
    (harness) => harness.learnInventory(),
  );
  const take = unusedNumbers(h);

  it('adds and removes tags and keeps those that are there, also one that the portal set', async () => {
    const [one = '', two = '', three = ''] = take(3);
    h().sim.setTags([one], ['old', 'vip']);
    h().sim.setTags([two], ['old']);
    h().sim.setTags([three], ['new']);
    const view = await h().run({
      kind: 'update',
      phone_numbers: [one, two, three],
      set: { add_tags: ['new'], remove_tags: ['old'] },
    });
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 3 } });
    const seen = await h().deps.telnyx.listNumbers({ pageNumber: 1, pageSize: 250, digits: one.slice(1) });
    expect(seen.numbers[0]?.tags).toEqual(['new', 'vip']);
    expect(changesOf(h(), [three]), 'what has its tags already is left alone').toEqual([]);
    expect(await rowsOf(h(), [three]), 'and the inventory learns of them').toMatchObject([{ tags: ['new'] }]);
    await expectAgreement(h(), view.id);
  });

  const tagsAt = async (number: string) =>
    (await h().deps.telnyx.listNumbers({ pageNumber: 1, pageSize: 250, digits: number.slice(1) })).numbers[0]?.tags;

  it('I8 tags that somebody sets while an update waits for a slot are kept, also when it was split by tags', async () => {
    const [one = '', two = '', three = ''] = take(3);
    h().sim.setTags([one], ['vip']);
    h().sim.setTags([two], ['x']);
    h().sim.setTags([three], []);
    h().sim.openForeignJobs(20);
    const alone = await h().submit({ kind: 'update', phone_numbers: [one], set: { add_tags: ['new'] } });
    const split = await h().submit({ kind: 'update', phone_numbers: [two, three], set: { add_tags: ['new'] } });
    const refusals = async () =>
      h().db.sql<{ id: string; n: number }[]>`
        select c.id, count(e.id)::int as n from chunks c left join events e on e.chunk_id = c.id and e.cause = 'try_later'
        where c.request_id = any(${[alone, split]}::text[]) and c.state <> 'settled' group by c.id`;
    const allRefused = async (times: Map<string, number>) => {
      const now = await refusals();
      return now.length === 3 && now.every(({ id, n }) => n >= (times.get(id) ?? 0) + 1);
    };
    await until('all were refused', () => allRefused(new Map()));
    h().sim.setTags([one], ['vip', 'protected']);
    h().sim.setTags([two], ['x', 'protected']);
    // A call may be on its way with what was read before. What comes after its refusal has read these.
    const soFar = new Map((await refusals()).map(({ id, n }) => [id, n + 1]));
    await until('all were refused twice more', () => allRefused(soFar));
    h().sim.closeForeignJobs();
    for (const id of [alone, split]) {
      expect(await h().ended(id)).toMatchObject({ status: 'succeeded' });
      await expectAgreement(h(), id);
    }
    expect([await tagsAt(one), await tagsAt(two), await tagsAt(three)]).toEqual([
      ['new', 'protected', 'vip'],
      ['new', 'protected', 'x'],
      ['new'],
    ]);
    expect(await rowsOf(h(), [one])).toMatchObject([{ tags: ['new', 'protected', 'vip'] }]);
  });

  it('I8 tags that somebody sets while the outcome of a call is looked up are kept when it is sent again', async () => {
    const [number = ''] = take(1);
    h().sim.setTags([number], ['old', 'vip']);
    h().faults({ kind: 'error_before', status: 500, match: updating, times: 1 });
    const id = await h().submit({ kind: 'update', phone_numbers: [number], set: { remove_tags: ['old'] } });
    await until('it is looked up', async () => (await h().chunks(id))[0]?.state === 'ambiguous');
    h().sim.setTags([number], ['old', 'vip', 'protected']);
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded' });
    expect(await tagsAt(number)).toEqual(['protected', 'vip']);
    await expectAgreement(h(), id);
  });

  const hidden: Fault = {
    kind: 'unknown_enum',
    field: 'tags',
    value: 'not a list',
    match: { method: 'GET', path: '/phone_numbers' },
  };

  it('I8 tags that are not shown are not "no tags": adding one waits until they show, and keeps them', async () => {
    const numbers = take(2);
    h().sim.setTags(numbers, ['keep']);
    h().faults(hidden);
    const before = jobsOf(h());
    const id = await h().submit({ kind: 'update', phone_numbers: numbers, set: { add_tags: ['new'] } });
    await until('it waits', async () => (await h().chunks(id))[0]?.error === 'some numbers do not show their tags yet');
    expect(jobsOf(h())).toBe(before);
    h().faults();
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded', counts: { succeeded: 2 } });
    expect(changesOf(h(), numbers).map((c) => c.fields['tags'])).toEqual(numbers.map(() => ['keep', 'new']));
    await expectAgreement(h(), id);
  });

  it('I8 a number whose tags are not shown is not released: one may protect it', async () => {
    const numbers = take(2);
    h().sim.setTags(numbers, ['protected']);
    h().faults(hidden);
    const view = await h().run({ kind: 'delete', phone_numbers: numbers, expected_count: 2 });
    expect(view.counts).toMatchObject({ skipped: 2, succeeded: 0 });
    expect((await h().items(view.id)).map((i) => i.reasonCode)).toEqual(['tags_unknown', 'tags_unknown']);
    await expectAgreement(h(), view.id);
    h().faults();
    await h().takeOver();
  });

  it('tags that are not shown prove nothing of a job that left its outcome open: they are set again', async () => {
    const numbers = take(3);
    h().sim.setTags(numbers, ['old']);
    h().faults(hidden, { kind: 'job_lost_entry', effect: false, times: 1 });
    const view = await h().run({ kind: 'update', phone_numbers: numbers, set: { tags: [] } });
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 3 } });
    const changed = changesOf(h(), numbers).map((c) => c.phone_number);
    expect(changed.sort()).toEqual([...numbers].sort());
    await expectAgreement(h(), view.id);
  });
});
