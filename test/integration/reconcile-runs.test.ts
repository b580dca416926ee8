import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { newRunId } from '../../src/db/ids.ts';
import { listDrift } from '../../src/db/queries/drift.ts';
import { finishRun, getRun, insertRun, leaseRun, overdueRuns, type Run } from '../../src/db/runs.ts';
import type { JobContext } from '../../src/processors/context.ts';
import { createHandlers } from '../../src/processors/handlers.ts';
import { startRun } from '../../src/producers/actions/start-run.ts';
import { holdRun } from '../../src/reconcile/hold-run.ts';
import { expectInventory } from '../support/expect-agreement.ts';
import { useHarness } from '../support/harness.ts';
import { door, until } from '../support/until.ts';

describe('a reconciliation run and its workers', () => {
  const h = useHarness(
    () => ({ simulator: { owned: 620, numbers: 1_500 } }),
    (harness) => harness.learnInventory(),
  );
  const ctxOf = (signal = new AbortController().signal): JobContext => ({
    log: h().deps.log,
    signal,
    attempt: 1,
    lastAttempt: false,
  });
  const storedRun = async (): Promise<string> => {
    const run = await insertRun(h().db.sql, { id: newRunId(), trigger: 'manual', repair: false, at: new Date() });
    return run.id;
  };
  const runOf = async (id: string): Promise<Run> => {
    const run = await getRun(h().db.sql, id);
    if (run === null) throw new Error(`no run ${id}`);
    return run;
  };

  it("I6 a worker that slept longer than its lease changes nothing any more: the run is another worker's", async () => {
    const bought = h().sim.buyInPortal(3).sort();
    const { telnyx } = h().deps;
    const { listNumbers } = telnyx;
    const [first, second] = [
      { asleep: door(), awake: door() },
      { asleep: door(), awake: door() },
    ];
    const sleepers = [first, second];
    telnyx.listNumbers = async (query) => {
      const page = await listNumbers(query);
      const sleeper = query.pageNumber === 2 ? sleepers.shift() : undefined;
      sleeper?.asleep.open();
      await sleeper?.awake.opened;
      return page;
    };
    await until('they are listed', async () => (await listNumbers({ pageNumber: 1, pageSize: 1 })).totalResults === 623);
    const runId = await storedRun();
    const slow = h().handlers['reconcile.run']({ runId }, ctxOf());
    await first.asleep.opened;
    await h().db.sql`update reconciliation_runs set lease_until = now() - interval '1 ms' where id = ${runId}`;
    const other = h().handlers['reconcile.run']({ runId }, ctxOf());
    await second.asleep.opened;
    const staged = () => h().db.sql`select phone_number, telnyx_id from sightings where run_id = ${runId} order by 1, 2`;
    // The first and the third page are copied beside the second one, which waits.
    await until('the other pages are staged', async () => (await staged()).length === 623 - 250);
    const before = await staged();
    first.awake.open();
    expect(await slow).toMatchObject({ kind: 'skipped', reason: expect.stringContaining('another worker has it') });
    expect(await staged()).toEqual(before);
    expect((await runOf(runId)).status).toBe('running');
    second.awake.open();
    await other;
    telnyx.listNumbers = listNumbers;
    expect(await runOf(runId)).toMatchObject({ status: 'completed', counts: { seen: 623, adopted: 3, missing: 0 } });
    expect((await listDrift(h().db.reads, runId, 10, null)).map((d) => d.phoneNumber)).toEqual(bought);
    await expectInventory(h());
  });

  it('I6 nobody can take a run while its worker compares, and the sweep does not wait for it', async () => {
    const runId = await storedRun();
    const now = new Date();
    const hour = (n: number): Date => new Date(now.getTime() + n * 3_600_000);
    const run = await leaseRun(h().db.sql, runId, now, hour(1));
    if (run === null) throw new Error('not leased');
    const inside = door();
    const leave = door();
    const changing = holdRun(h().deps, run).change(async () => {
      inside.open();
      await leave.opened;
    });
    await inside.opened;
    const later = hour(2);
    expect(await leaseRun(h().db.sql, runId, later, later)).toBeNull();
    expect(await overdueRuns(h().db.sql, later, later)).toEqual([]);
    leave.open();
    await changing;
    const next = await leaseRun(h().db.sql, runId, later, later);
    expect(next?.generation).toBe(run.generation + 1);
    await expect(holdRun(h().deps, run).change(async () => undefined)).rejects.toMatchObject({ code: 'lease_lost' });
    await expect(holdRun(h().deps, run).keep()).rejects.toMatchObject({ code: 'lease_lost' });
    await finishRun(h().db.sql, run, { status: 'completed', counts: null, error: null, at: later });
    expect((await runOf(runId)).status, 'who lost it cannot end it').toBe('running');
    await h().db.sql`update reconciliation_runs set status = 'failed', finished_at = now() where id = ${runId}`;
  });

  it('I6 a process that stops gives its run back after the page in hand, and it is done later', async () => {
    const { telnyx } = h().deps;
    const { listNumbers } = telnyx;
    let pages = 0;
    telnyx.listNumbers = async (query) => {
      pages += 1;
      await sleep(pages > 1 ? 700 : 0);
      // A walk without an end.
      return { ...(await listNumbers({ ...query, pageNumber: 1 })), totalPages: 1_000 };
    };
    const { id } = await startRun(h().deps, 'manual', false);
    await until('it walks', () => pages > 1);
    const before = Date.now();
    await h().stop();
    const stopped = await runOf(id);
    expect(stopped.status).toBe('running');
    expect(stopped.leaseUntil?.getTime()).toBeLessThan(Date.now());
    expect(Date.now() - before, 'not the whole time that a stop may take').toBeLessThan(4_500);
    telnyx.listNumbers = listNumbers;
    await h().start();
    await until('another worker does it', async () => (await runOf(id)).status === 'completed');
  });

  it('I6 an account that cannot be read ends the run as failed, and its lease holds through all pauses', async () => {
    h().faults({ kind: 'error_before', status: 503, match: { method: 'GET', path: '/phone_numbers' } });
    const runId = await storedRun();
    let ahead = 0;
    const clock = { now: () => new Date(Date.now() + ahead) };
    const uncovered: number[] = [];
    const pause = async (ms: number): Promise<void> => {
      ahead += ms;
      const [row] = await h().db.sql<{ until: Date }[]>`select lease_until as until from reconciliation_runs where id = ${runId}`;
      if (row === undefined || row.until <= clock.now()) uncovered.push(ahead);
    };
    const handlers = createHandlers({ ...h().deps, clock, pause });
    await expect(handlers['reconcile.run']({ runId }, ctxOf())).rejects.toMatchObject({ code: 'account_unreadable' });
    expect(await runOf(runId)).toMatchObject({
      status: 'failed',
      error: expect.stringMatching(/could not be read for \d+ minutes/),
    });
    expect(uncovered).toEqual([]);
  });

  it('I6 a run that was put back again and again for a day is given up; before that it is put back', async () => {
    const stopped = AbortSignal.abort();
    const runId = await storedRun();
    expect(await h().handlers['reconcile.run']({ runId }, ctxOf(stopped))).toMatchObject({ kind: 'snooze', reason: 'stopping' });
    const startedAgo = (text: string) =>
      h().db.sql`update reconciliation_runs set started_at = now() - ${text}::interval where id = ${runId}`;
    await startedAgo('23 hours');
    expect(await h().handlers['reconcile.run']({ runId }, ctxOf(stopped))).toMatchObject({ kind: 'snooze', reason: 'stopping' });
    expect((await runOf(runId)).status).toBe('running');
    await startedAgo('25 hours');
    await expect(h().handlers['reconcile.run']({ runId }, ctxOf(stopped))).rejects.toMatchObject({ code: 'stopping' });
    expect(await runOf(runId)).toMatchObject({ status: 'failed', error: expect.stringContaining('the process stops') });
  });

  it('a nightly run is not started while another one is under way', async () => {
    const runId = await storedRun();
    await h().db
      .sql`update reconciliation_runs set status = 'running', lease_until = now() + interval '1 hour' where id = ${runId}`;
    const count = async () => (await h().db.sql`select id from reconciliation_runs where trigger = 'nightly'`).length;
    expect(await h().handlers['reconcile.nightly']({}, ctxOf())).toMatchObject({ reason: `${runId} is still running` });
    expect(await count()).toBe(0);
    await h().db.sql`update reconciliation_runs set status = 'completed', finished_at = now() where id = ${runId}`;
    await h().handlers['reconcile.nightly']({}, ctxOf());
    expect(await count()).toBe(1);
  });
});
