import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Db, openDb, type Tx } from '../../src/db/client.ts';
import { FINAL_STATES, WORKING_STATES } from '../../src/domain/chunk.ts';
import { OPEN_ITEM_STATUSES } from '../../src/domain/request.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { ensureTemplate } from '../support/template.ts';

// The predicate of a partial index is written with literals; the queries pass the same list as a parameter. Postgres may then
// use the index only because it plans each statement with its values: no statement of ours is prepared.

let database: TestDatabase;
let db: Db;
beforeAll(async () => {
  await ensureTemplate();
  database = await createTestDatabase();
  db = openDb(database.url, { maxConnections: 1 });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

/** The plan where reading the whole table, or another index, would not do. */
async function planOf(explain: (tx: Tx) => PromiseLike<Record<string, unknown>[]>): Promise<string> {
  return db.sql.begin(async (tx) => {
    await tx`set local enable_seqscan = off`;
    return (await explain(tx)).map((row) => Object.values(row).join()).join('\n');
  });
}

it.each([
  [
    'overdue work',
    'chunks_due',
    (tx: Tx) => tx`explain select * from chunks where next_run_at < now() and state = any(${WORKING_STATES}::text[])`,
  ],
  [
    'the last move of open work',
    'chunks_due',
    (tx: Tx) =>
      tx`explain select max(updated_at) from chunks where state <> all(${FINAL_STATES}::text[]) and next_run_at is not null`,
  ],
  [
    'open items of a number',
    'items_number_open',
    (tx: Tx) =>
      tx`explain select * from items where phone_number = any(${['+13125550100']}::text[]) and status = any(${OPEN_ITEM_STATUSES}::text[])`,
  ],
] as const)('a list of states as a parameter keeps the partial index usable: %s', async (_what, index, explain) => {
  expect(await planOf(explain)).toContain(index);
});

it('and this test can fail: another list of states cannot use the index', async () => {
  const plan = await planOf(
    (tx) => tx`explain select * from chunks where next_run_at < now() and state = any(${['planned', 'settled']}::text[])`,
  );
  expect(plan).not.toContain('chunks_due');
});
