import { createServer } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { adoptUnknown } from '../../src/db/adopt.ts';
import { takeOverChanges } from '../../src/db/compare-inventory.ts';
import { listDrift } from '../../src/db/queries/drift.ts';
import { SIMULATED_ACCOUNT } from '../../src/simulator/index.ts';
import { createTelnyxGateway } from '../../src/telnyx/client.ts';
import { expectAgreement, expectInventory, expectNumberHistories } from '../support/expect-agreement.ts';
import { API_KEY, type Harness, useHarness } from '../support/harness.ts';
import { door, until } from '../support/until.ts';

const [connectionId = '', otherConnection = ''] = SIMULATED_ACCOUNT.connectionIds;

interface Page {
  data: Record<string, unknown>[];
  meta: Record<string, number>;
}

let unchanged = async (): Promise<void> => undefined;

/** For one test the list of numbers comes through a server that changes its pages. */
async function changeLists(h: Harness, change: (page: Page, pageNumber: number) => void): Promise<void> {
  const server = createServer(async (req, res) => {
    const answer = await fetch(`${h.sim.url}${(req.url ?? '').replace('/v2', '')}`, {
      headers: { authorization: `Bearer ${API_KEY}` },
    });
    const page = (await answer.json()) as Page;
    change(page, Number(new URL(req.url ?? '', 'http://x').searchParams.get('page[number]')));
    res.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(page));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const gateway = createTelnyxGateway({ apiKey: API_KEY, baseURL: `http://127.0.0.1:${port}/v2`, rates: { reads: 500 } });
  const { telnyx } = h.deps;
  const listNumbers = telnyx.listNumbers;
  telnyx.listNumbers = gateway.listNumbers;
  unchanged = async () => {
    telnyx.listNumbers = listNumbers;
    await gateway.close();
    server.close();
  };
}

describe('a reconciliation', () => {
  const h = useHarness(
    () => ({ simulator: { owned: 620, numbers: 1_500 } }),
    (harness) => harness.learnInventory(),
  );
  /** Rests the inventory: what earlier tests changed is accepted before the next run begins. */
  afterEach(async () => {
    await unchanged();
    unchanged = async () => undefined;
    h().faults();
    await h().takeOver();
  });

  it('I10 adopts what the account has and we did not know, with an event each', async () => {
    const bought = h().sim.buyInPortal(7).sort();
    const { run, drift } = await h().reconcile();
    expect(run).toMatchObject({ status: 'completed', counts: { adopted: 7, missing: 0, changed: 0, surplus: 0 } });
    expect(drift.map((d) => [d.kind, d.phoneNumber])).toEqual(bought.map((n) => ['adopted', n]));
    const events = await h().db
      .sql`select distinct cause, run_id, to_state from events where subject_id = any(${bought}::text[])`;
    expect(events).toEqual([{ cause: 'reconciled', runId: run.id, toState: 'owned' }]);
    await expectNumberHistories(h(), bought);
    await expectInventory(h());
  });

  it('I9 calls a number missing only after a second, independent look', async () => {
    const gone = h().sim.ownedNumbers().slice(0, 3).sort();
    h().sim.releaseInPortal(gone);
    await until('ownership has forgotten them', async () => (await h().deps.telnyx.verifyOwnership(gone)).size === 0);
    const { run, drift } = await h().reconcile();
    expect(run).toMatchObject({ status: 'completed', counts: { missing: 3, undecided: 0 } });
    expect(drift.map((d) => [d.kind, d.phoneNumber])).toEqual(gone.map((n) => ['missing', n]));
    await expectNumberHistories(h(), gone);
    await expectInventory(h());
  });

  it('I9 an inventory list that lags behind ownership makes nothing missing', async () => {
    const view = await h().run({ kind: 'buy', lines: [{ national_destination_code: '312', quantity: 5 }] });
    await h().db
      .sql`update phone_numbers set updated_at = updated_at - interval '1 hour', purchased_at = purchased_at - interval '1 hour' where bought_by = ${view.id}`;
    h().faults({ kind: 'lag', inventory: 60_000 });
    const { run, drift } = await h().reconcile();
    expect(run).toMatchObject({ status: 'completed', counts: { missing: 0, undecided: 5 } });
    expect(drift).toEqual([]);
  });

  it('takes over changed fields and keeps what was ours and what is theirs', async () => {
    const [one = '', two = '', three = ''] = h().sim.ownedNumbers().slice(0, 3);
    for (const number of [one, two]) h().sim.setOwnedField([number], 'connection_id', connectionId);
    h().sim.setTags([three], ['ours']);
    await h().takeOver();
    h().sim.setOwnedField([one], 'connection_id', otherConnection);
    h().sim.setOwnedField([two], 'customer_reference', 'by hand');
    h().sim.lock([two]);
    h().sim.setTags([three], ['b', 'a']);
    const { run, drift } = await h().reconcile();
    expect(run).toMatchObject({ status: 'completed', counts: { changed: 3, missing: 0, adopted: 0 } });
    expect(drift.map((d) => [d.kind, d.phoneNumber, d.field, d.ours, d.theirs]).sort()).toEqual(
      [
        ['changed', one, 'connection_id', connectionId, otherConnection],
        ['changed', two, 'customer_reference', null, 'by hand'],
        ['changed', two, 'deletion_lock_enabled', 'false', 'true'],
        ['changed', three, 'tags', '{ours}', '{b,a}'],
      ].sort(),
    );
    await expectNumberHistories(h(), [one, two, three]);
    const again = await h().reconcile();
    expect(again.run.counts, 'a second run finds the same, and no more').toMatchObject({ changed: 3 });
    expect(again.drift.map((d) => d.id)).toEqual(drift.map((d) => d.id));
  });

  it('the order of tags, and statuses with underscores, are no difference', async () => {
    const [one = '', moving = ''] = h().sim.ownedNumbers().slice(10, 12);
    h().sim.setTags([one], ['x', 'y']);
    h().sim.setOwnedField([moving], 'status', 'port-out-pending');
    await h().takeOver();
    h().sim.setTags([one], ['y', 'x']);
    h().faults({ kind: 'underscore_statuses' });
    expect((await h().reconcile()).drift).toEqual([]);
    h().sim.setOwnedField([moving], 'status', 'active');
  });

  it('sees every number although the pages shift under it', async () => {
    h().faults({ kind: 'shifting_pages', by: -2, times: 2 });
    const { run, drift } = await h().reconcile();
    expect(run.status).toBe('completed');
    expect(drift).toEqual([]);
  });

  it('I9 pages that shift for ever end as incomplete, with nothing missing', async () => {
    h().faults({ kind: 'shifting_pages', by: -2 });
    const { run, drift } = await h().reconcile();
    expect(run).toMatchObject({ status: 'incomplete', counts: { missing: 0 } });
    expect(drift).toEqual([]);
  });

  it('I9 a total that says more than is shown ends as incomplete, with nothing missing', async () => {
    const gone = h().sim.ownedNumbers().slice(20, 22);
    h().sim.releaseInPortal(gone);
    h().faults({ kind: 'total_off', by: 3 });
    const { run, drift } = await h().reconcile();
    expect(run).toMatchObject({
      status: 'incomplete',
      counts: { missing: 0 },
      error: expect.stringContaining('nothing was declared missing'),
    });
    expect(drift.filter((d) => d.kind === 'missing')).toEqual([]);
  });

  it('I9 a short code in the account is counted as seen: the run completes, and calls missing what is missing', async () => {
    const [gone = ''] = h().sim.ownedNumbers().slice(60, 61);
    h().sim.releaseInPortal([gone]);
    await until('ownership has forgotten it', async () => (await h().deps.telnyx.verifyOwnership([gone])).size === 0);
    await changeLists(h(), ({ data, meta }, pageNumber) => {
      if (pageNumber === 1) data.push({ ...data[0], id: '12', phone_number: '55444' });
      meta['total_results'] = (meta['total_results'] ?? 0) + 1;
    });
    const { run, drift } = await h().reconcile();
    expect(run).toMatchObject({ status: 'completed', counts: { missing: 1, adopted: 0 } });
    expect(drift.map((d) => [d.kind, d.phoneNumber])).toEqual([['missing', gone]]);
    await expectInventory(h());
  });

  it('I9 two short codes that are not shown leave the run incomplete', async () => {
    await changeLists(h(), ({ data, meta }, pageNumber) => {
      if (pageNumber === 1) data.push({ ...data[0], id: '12', phone_number: '55444' });
      meta['total_results'] = (meta['total_results'] ?? 0) + 3;
    });
    expect((await h().reconcile()).run).toMatchObject({ status: 'incomplete', counts: { missing: 0 } });
  });

  it('I9 tags that the list does not show are kept and not compared, and a number is adopted without them', async () => {
    const [tagged = ''] = h().sim.ownedNumbers().slice(70, 71);
    h().sim.setTags([tagged], ['protected', 'vip']);
    await h().takeOver();
    const [bought = ''] = h().sim.buyInPortal(1);
    h().sim.setOwnedField([tagged], 'customer_reference', 'changed meanwhile');
    await changeLists(h(), ({ data }) => {
      for (const row of data) delete row['tags'];
    });
    const { run, drift } = await h().reconcile();
    expect(run).toMatchObject({ status: 'completed', counts: { adopted: 1, changed: 1 } });
    expect(drift.map((d) => [d.kind, d.phoneNumber, d.field]).sort()).toEqual(
      [
        ['adopted', bought, null],
        ['changed', tagged, 'customer_reference'],
      ].sort(),
    );
    const tagsOf = async (number: string) =>
      (await h().db.sql<{ tags: string[] }[]>`select tags from phone_numbers where phone_number = ${number}`)[0]?.tags;
    expect([(await tagsOf(tagged))?.sort(), await tagsOf(bought)]).toEqual([['protected', 'vip'], []]);
    await expectNumberHistories(h(), [tagged, bought]);
  });

  it('reads a page again that fails', async () => {
    h().faults({ kind: 'page_fails', page: 2, times: 2 });
    const { run } = await h().reconcile();
    expect(run).toMatchObject({ status: 'completed', counts: { missing: 0 } });
  });

  it('I9 a page that never comes ends the run as failed, with nothing missing and nothing changed', async () => {
    h().faults({ kind: 'error_before', match: { method: 'GET', path: '/phone_numbers' }, status: 422, code: '10015' });
    const { run, drift } = await h().reconcile();
    expect(run).toMatchObject({ status: 'failed', error: expect.any(String) });
    expect(drift).toEqual([]);
  });

  it('I9 a number that is released while the run walks is not taken back into the inventory', async () => {
    const [number = ''] = h().sim.ownedNumbers().slice(30, 31);
    // The run reads all pages, and only then the release is settled.
    const gate = door();
    const walked = door();
    const { telnyx } = h().deps;
    const listNumbers = telnyx.listNumbers;
    telnyx.listNumbers = async (query) => {
      const page = await listNumbers(query);
      if (query.digits === undefined && query.pageNumber === page.totalPages) {
        walked.open();
        await gate.opened;
      }
      return page;
    };
    const reconciling = h().reconcile();
    await walked.opened;
    telnyx.listNumbers = listNumbers;
    expect(await h().run({ kind: 'delete', phone_numbers: [number], expected_count: 1 })).toMatchObject({ status: 'succeeded' });
    gate.open();
    const { drift } = await reconciling;
    expect(drift).toEqual([]);
    await expectInventory(h());
  });

  it.each([
    ['for long', 'ours', '1 hour', { adopted: 1, undecided: 0 }, ['adopted'], 'owned'],
    ['since a moment ago', 'left undecided', '0', { adopted: 0, undecided: 1 }, [], 'missing'],
  ])('I9 what only ownership hides, and what we called gone %s, is %s', async (_, __, ago, counts, kinds, state) => {
    const [number = ''] = h().sim.ownedNumbers().slice(60, 61);
    const { telnyx } = h().deps;
    const { verifyOwnership } = telnyx;
    telnyx.verifyOwnership = async (asked) => {
      const owned = await verifyOwnership(asked);
      owned.delete(number);
      return owned;
    };
    await h().db.sql`
      update phone_numbers set state = 'missing', updated_at = now() - ${ago}::interval where phone_number = ${number}`;
    const { run, drift } = await h().reconcile();
    telnyx.verifyOwnership = verifyOwnership;
    expect(run).toMatchObject({ status: 'completed', counts });
    expect(drift.map((d) => d.kind)).toEqual(kinds);
    expect(await h().db.sql`select state from phone_numbers where phone_number = ${number}`).toEqual([{ state }]);
    await h().db.sql`update phone_numbers set state = 'owned' where phone_number = ${number}`;
  });

  it('I9 what is settled or bought while a run compares is not overwritten, and is no drift', async () => {
    const [number = '', released = ''] = h().sim.ownedNumbers().slice(62, 64);
    const { sql } = h().db;
    const runId = 'run_of_a_slow_worker';
    await sql`insert into reconciliation_runs (id, status, trigger, repair, created_at, started_at, lease_until)
      values (${runId}, 'running', 'manual', false, now(), now(), now() + interval '1 hour')`;
    await sql`
      insert into sightings (run_id, phone_number, telnyx_id, status, messaging_shown, tags, customer_reference, external_pin)
      select ${runId}, phone_number, telnyx_id, status, false, '{}', 'as it was', '1' from phone_numbers
      where phone_number in (${number}, ${released})`;
    await sql`update phone_numbers set state = 'released', updated_at = now() - interval '1 hour' where phone_number = ${released}`;
    const startedAt = new Date();
    const because = { cause: 'reconciled', at: new Date(), runId };
    const settled = door();
    const settling = door();
    const others = sql.begin(async (tx) => {
      await tx`
        update phone_numbers set customer_reference = 'new', state = 'owned', updated_at = now() + interval '1 second'
        where phone_number in (${number}, ${released})`;
      settling.open();
      await settled.opened;
    });
    await settling.opened;
    const comparing = [
      sql.begin((tx) => takeOverChanges(tx, runId, startedAt, because)),
      sql.begin((tx) => adoptUnknown(tx, runId, startedAt, because, { after: null, upTo: '+9' })),
    ];
    await until('both comparisons wait for the others', async () => {
      const waiting = await sql`select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
      return waiting.length >= 2;
    });
    settled.open();
    await Promise.all([others, ...comparing]);
    expect(
      await sql`select distinct customer_reference from phone_numbers where phone_number in (${number}, ${released})`,
    ).toEqual([{ customerReference: 'new' }]);
    expect(await listDrift(h().db.reads, runId, 10, null)).toEqual([]);
    await sql`update reconciliation_runs set status = 'failed', finished_at = now() where id = ${runId}`;
    await sql`
      update phone_numbers set customer_reference = null, updated_at = now() - interval '1 hour' where phone_number in (${number}, ${released})`;
  });

  it('leaves numbers alone that an open request works on', async () => {
    const [number = ''] = h().sim.ownedNumbers().slice(40, 41);
    h().faults({ kind: 'job_hang', ms: 1_500, times: 1 });
    const id = await h().submit({ kind: 'update', phone_numbers: [number], set: { customer_reference: 'in motion' } });
    await until('it is at Telnyx', async () => (await h().chunks(id))[0]?.state === 'submitted');
    h().sim.setOwnedField([number], 'external_pin', '9999');
    h().sim.setOwnedField([number], 'customer_reference', 'by hand');
    expect((await h().reconcile()).drift).toEqual([]);
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded' });
  });

  it('I7 repair files an ordinary update that puts changed fields back', async () => {
    const [one = '', two = ''] = h().sim.ownedNumbers().slice(50, 52);
    h().sim.setOwnedField([one, two], 'connection_id', connectionId);
    h().sim.setTags([two], ['keep', 'me']);
    await h().takeOver();
    h().sim.setOwnedField([one, two], 'connection_id', otherConnection);
    h().sim.setTags([two], []);
    const { run, drift } = await h().reconcile({ repair: true });
    expect(drift.map((d) => d.kind)).toEqual(['changed', 'changed', 'changed']);
    const filed = await until('the repairs are filed', async () => {
      const rows = await h().db.sql<{ id: string }[]>`select id from requests where filed_by = ${run.id} order by seq`;
      return rows.length === 2 ? rows : null;
    });
    for (const { id } of filed) {
      expect(await h().ended(id)).toMatchObject({ kind: 'update', status: 'succeeded', label: `repair of ${run.id}` });
      await expectAgreement(h(), id);
    }
    const seen = await h().deps.telnyx.listNumbers({ pageNumber: 1, pageSize: 250, digits: two.slice(1) });
    expect(seen.numbers[0]).toMatchObject({ connectionId, tags: ['keep', 'me'] });
    expect((await h().reconcile()).drift).toEqual([]);
  });
});
