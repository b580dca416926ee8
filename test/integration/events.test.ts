import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeEventMonths } from '../../src/db/event-months.ts';
import { insertEvent } from '../../src/db/events.ts';
import { migrateDatabase } from '../../src/db/migrate.ts';
import { historyOfNumber } from '../../src/db/queries/events.ts';
import { CHUNK_MOVES } from '../../src/domain/chunk.ts';
import { prune } from '../../src/processors/jobs/prune.ts';
import { type Harness, openHarness } from '../support/harness.ts';
import { migrateBefore, rawClient } from '../support/old-database.ts';
import { fileDatabase } from '../support/postgres.ts';

const database = await fileDatabase({ beforeEach, afterAll, template: false });
await migrateBefore(database.url, '0010_events_by_month');
const sql = rawClient(database.url);
let h: Harness;
afterAll(async () => {
  await sql.end();
  await h.close();
});

const NUMBER = '+13125550100';
const all = () => sql`select to_jsonb(e) as row from events e order by id`;
const partitionOf = async (subjectId: string): Promise<unknown> =>
  (await sql`select tableoid::regclass::text as name from events where subject_id = ${subjectId}`)[0]?.['name'];
const event = (subjectId: string, at: Date) => insertEvent(h.db.sql, { subject: 'request', subjectId, cause: 'submitted', at });
/** A moment in the middle of the month that is so many months after this one. */
const months = (more: number): Date => {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + more, 15));
};
const nameOf = (at: Date): string => `events_${at.toISOString().slice(0, 7).replace('-', '_')}`;
let before: unknown[] = [];

beforeAll(async () => {
  // Three years, not in the order of their ids; of today; and of a clock that ran ahead by months.
  await sql`
    insert into events (at, subject, subject_id, from_state, to_state, cause, request_id, chunk_id, run_id, actor, detail)
    select now() - (n % 37) * interval '1 month', 'number', ${NUMBER}, 'owned', 'owned', 'update', 'req_' || n, 'chk_' || n, null, 'anna',
      jsonb_build_object('tags', jsonb_build_array('a', n))
    from generate_series(1, 200) n`;
  for (const more of [1, 2, 9])
    await sql`insert into events (at, subject, subject_id, cause) values (${months(more)}, 'number', ${NUMBER}, 'ahead')`;
  await sql`insert into events (at, subject, subject_id, cause) values (now(), 'number', ${NUMBER}, 'update')`;
  before = await all();
  await migrateDatabase(database.url);
  h = await openHarness({ database });
});

describe('an upgrade to months', () => {
  it('keeps every event with its id, in order', async () => {
    expect(before.length).toBe(204);
    expect(await all()).toEqual(before);
    const history = await historyOfNumber(h.db.reads, NUMBER);
    expect(history.map(({ event }) => event.id)).toEqual(before.map((_, i) => i + 1));
    const where = await sql`select distinct tableoid::regclass::text as name from events order by 1`;
    expect(where.map((row) => row['name'])).toEqual([
      ...[1, 2].map((more) => nameOf(months(more))),
      'events_default',
      'events_first',
    ]);
  });

  it('goes on counting behind the last id', async () => {
    await event('req_next', new Date());
    const [row] = await sql`select id::int as id from events where subject_id = 'req_next'`;
    expect(row?.['id']).toBe(205);
  });
});

describe('months', () => {
  it('an insert never fails: an event whose month was not made ahead waits in the default partition, and moves', async () => {
    const at = months(6);
    await event('req_ahead', at);
    expect(await partitionOf('req_ahead')).toBe('events_default');
    const was = await sql`select to_jsonb(e) as row from events e where subject_id = 'req_ahead'`;
    await makeEventMonths(h.db.sql, months(3));
    expect(await partitionOf('req_ahead')).toBe(nameOf(at));
    expect(await sql`select to_jsonb(e) as row from events e where subject_id = 'req_ahead'`).toEqual(was);
  });

  it('several workers make them at once, while others write and read: each once, and no event is refused or lost', async () => {
    const count = async () => Number((await sql`select count(*) as n from events`)[0]?.['n']);
    const had = await count();
    const at = months(10);
    let busy = true;
    const writers = [1, 2, 3].map(async (writer) => {
      let n = 0;
      while (busy) {
        await h.db.sql.begin(async (tx) => {
          await tx`select max(at) from events`;
          await insertEvent(tx, { subject: 'request', subjectId: `req_${writer}_${n}`, cause: 'submitted', at });
          await tx`select count(*) from events where subject_id = ${NUMBER}`;
        });
        n += 1;
      }
      return n;
    });
    const makers = Promise.all([1, 2, 3, 4].map(() => makeEventMonths(h.db.sql, months(8)))).finally(() => {
      busy = false;
    });
    const made = await makers;
    const written = (await Promise.all(writers)).reduce((sum, n) => sum + n, 0);
    expect(made.flat().sort()).toEqual([7, 8, 9, 10, 11].map((more) => nameOf(months(more))).sort());
    expect(await count()).toBe(had + written);
    expect(await sql`select 1 from events_default`).toEqual([]);
  });
});

describe('what tells of numbers, money and people is never pruned', () => {
  it('of events of any age and cause, the nightly job deletes only those that say that a call had to wait', async () => {
    const old = new Date('2020-02-03T04:05:06Z');
    const ofChunks = [...new Set(CHUNK_MOVES.map((m) => m.cause)), 'planned', 'next_step'];
    for (const cause of ofChunks) await insertEvent(h.db.sql, { subject: 'chunk', subjectId: 'chk_old', cause, at: old });
    // A person's word, and whatever else is called the same.
    await insertEvent(h.db.sql, { subject: 'chunk', subjectId: 'chk_old', cause: 'try_later', at: old, actor: 'anna' });
    for (const subject of ['number', 'request', 'account', 'run'] as const)
      for (const cause of ['try_later', 'bought', 'released', 'update', 'reconciled'])
        await insertEvent(h.db.sql, { subject, subjectId: 'x_old', cause, at: old });
    await insertEvent(h.db.sql, { subject: 'chunk', subjectId: 'chk_new', cause: 'try_later', at: new Date() });
    const had = await all();
    const due = await sql`select id::int as id from events
      where subject = 'chunk' and cause = 'try_later' and actor is null and subject_id = 'chk_old'`;
    expect(due.length).toBe(1);
    await prune(h.deps);
    const gone = new Set(due.map((row) => row['id']));
    const kept = had.filter(({ row }) => !gone.has((row as { id: number }).id));
    expect(await all()).toEqual(kept);
  });
});
