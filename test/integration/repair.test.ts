import { describe, expect, it } from 'vitest';
import { newRunId } from '../../src/db/ids.ts';
import { getRun, insertRun, leaseRun } from '../../src/db/runs.ts';
import { retryRequest } from '../../src/producers/actions/retry.ts';
import { reportRun } from '../../src/producers/read/read.ts';
import { reconcileInventory } from '../../src/reconcile/walk.ts';
import { SIMULATED_ACCOUNT } from '../../src/simulator/index.ts';
import { expectAgreement, expectInventory } from '../support/expect-agreement.ts';
import { useHarness } from '../support/harness.ts';

const [connectionId = '', otherConnection = ''] = SIMULATED_ACCOUNT.connectionIds;

describe('I7 the repairs of a reconciliation', () => {
  const h = useHarness(
    () => ({ simulator: { owned: 120, numbers: 500 } }),
    (harness) => harness.learnInventory(),
  );
  const numbers = (from: number, count: number) =>
    h()
      .sim.ownedNumbers()
      .slice(from, from + count)
      .sort();
  const seen = async (number: string) =>
    (await h().deps.telnyx.listNumbers({ pageNumber: 1, pageSize: 250, digits: number.slice(1) })).numbers[0];
  /** Makes the database refuse some writes; returns how to end that. */
  const refusing = async (table: string, event: 'insert' | 'update', condition: string) => {
    const name = `refuse_${table}`;
    await h().db.sql.unsafe(`
      create function ${name}() returns trigger language plpgsql as $$ begin
        if ${condition} then raise exception 'refused by a test'; end if; return new; end $$;
      create trigger ${name} before ${event} on ${table} for each row execute function ${name}()`);
    return async () => {
      await h().db.sql.unsafe(`drop trigger ${name} on ${table}; drop function ${name}()`);
    };
  };
  const filedBy = (runId: string) =>
    h().db.sql<{ id: string; asked: number }[]>`select id, asked from requests where filed_by = ${runId} order by seq`;

  it('an odd tag that Telnyx gave us is put back as it was, and holds up no other repair', async () => {
    const [tagged = '', connected = ''] = numbers(0, 2);
    const tags = ['Sales Team', 'a,b', 'say "hi"', 'back\\slash', '{x}'];
    h().sim.setTags([tagged], tags);
    h().sim.setOwnedField([connected], 'connection_id', connectionId);
    await h().takeOver();
    h().sim.setTags([tagged], ['vandal']);
    h().sim.setOwnedField([connected], 'connection_id', otherConnection);
    const { run } = await h().reconcile({ repair: true });
    expect(run).toMatchObject({ status: 'completed', error: null, counts: { changed: 2 } });
    // They are there as soon as the run has ended, and its report names them.
    const filed = await filedBy(run.id);
    expect(filed).toHaveLength(2);
    expect((await reportRun(h().db, run)).repair_requests).toEqual(filed.map((f) => f.id));
    for (const { id } of filed) {
      expect(await h().ended(id)).toMatchObject({ status: 'succeeded' });
      await expectAgreement(h(), id);
    }
    expect((await seen(tagged))?.tags?.sort()).toEqual([...tags].sort());
    expect((await seen(connected))?.connectionId).toBe(connectionId);
    expect((await h().reconcile()).drift).toEqual([]);
    await expectInventory(h());
  });

  it('a repair that failed is retried with the very tags that Telnyx gave us', async () => {
    const [tagged = ''] = numbers(2, 1);
    const tags = ['Sales Team', 'a,b'];
    h().sim.setTags([tagged], tags);
    await h().takeOver();
    h().sim.setTags([tagged], ['vandal']);
    h().faults({ kind: 'job_partial', count: 1, times: 1 });
    const { run } = await h().reconcile({ repair: true });
    const [repair] = await filedBy(run.id);
    expect(await h().ended(repair?.id ?? '')).toMatchObject({ status: 'failed', counts: { failed: 1 } });
    const { request } = await retryRequest(h().deps, repair?.id ?? '', 'anna');
    expect(await h().ended(request.id)).toMatchObject({ status: 'succeeded' });
    expect((await seen(tagged))?.tags?.sort()).toEqual([...tags].sort());
    await expectAgreement(h(), request.id);
  });

  it('a set of values that cannot be filed is told with the run, and stops no other', async () => {
    const [one = '', two = ''] = numbers(10, 2);
    for (const n of [one, two]) h().sim.setOwnedField([n], 'customer_reference', `ours ${n}`);
    await h().takeOver();
    for (const n of [one, two]) h().sim.setOwnedField([n], 'customer_reference', 'by hand');
    const refused = await refusing('requests', 'insert', `new.body::text like '%ours ${one}%'`);
    const { run } = await h().reconcile({ repair: true }).finally(refused);
    expect(run).toMatchObject({ status: 'completed', counts: { changed: 2 } });
    expect(run.error).toBe(`the repair of customer_reference of ${one} could not be filed: refused by a test`);
    const [filed, ...more] = await filedBy(run.id);
    expect([filed?.asked, more]).toEqual([1, []]);
    expect(await h().ended(filed?.id ?? '')).toMatchObject({ status: 'succeeded' });
    expect((await seen(two))?.customerReference).toBe(`ours ${two}`);
  });

  it.each([
    ['before the first repair is filed', 0],
    ['between two repairs', 1],
    ['after the last repair, before it has ended', 2],
  ])('a run that is cut off %s files each of them once when it starts again', async (_, filedBefore) => {
    const [one = '', two = ''] = numbers(20 + 2 * filedBefore, 2);
    for (const n of [one, two]) h().sim.setOwnedField([n], 'customer_reference', `ours ${n}`);
    await h().takeOver();
    for (const n of [one, two]) h().sim.setOwnedField([n], 'customer_reference', 'by hand');
    const { sql } = h().db;
    const { id } = await insertRun(sql, { id: newRunId(), trigger: 'manual', repair: true, at: new Date() });
    const run = await leaseRun(sql, id, new Date(), new Date(Date.now() + 3_600_000));
    if (run === null) throw new Error('no run');
    const cut = [
      await refusing('requests', 'insert', ['true', `new.body::text like '%ours ${two}%'`, 'false'][filedBefore] ?? ''),
      await refusing('reconciliation_runs', 'update', 'new.finished_at is not null'),
    ];
    await expect(reconcileInventory(h().deps, run)).rejects.toThrow('refused by a test');
    expect(await filedBy(id)).toHaveLength(filedBefore);
    for (const undo of cut) await undo();
    expect(await reconcileInventory(h().deps, run)).toMatchObject({ changed: 2 });
    const filed = await filedBy(id);
    expect(filed.map((f) => f.asked)).toEqual([1, 1]);
    for (const request of filed) expect(await h().ended(request.id)).toMatchObject({ status: 'succeeded' });
    for (const n of [one, two]) expect((await seen(n))?.customerReference).toBe(`ours ${n}`);
    expect(await getRun(sql, id)).toMatchObject({ status: 'completed', error: null });
  });
});
