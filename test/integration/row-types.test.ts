import { getTableColumns, is } from 'drizzle-orm';
import { type AnyPgColumn, getTableConfig, PgTable } from 'drizzle-orm/pg-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Db, openDb } from '../../src/db/client.ts';
import * as schema from '../../src/db/schema/index.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { ensureTemplate } from '../support/template.ts';

// `$inferSelect` is made of these very column definitions, and raw queries say `sql<Row[]>` without a check: this is the check.

const tables = Object.values(schema).flatMap((value: unknown) => (is(value, PgTable) ? [value] : []));

let database: TestDatabase;
let db: Db;
beforeAll(async () => {
  await ensureTemplate();
  database = await createTestDatabase();
  db = openDb(database.url, { maxConnections: 2 });
  for (const table of tables) await insertFullRow(table);
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

/** A value for every column, as the text that Postgres reads. */
function textFor(column: AnyPgColumn): string {
  const type = column.getSQLType();
  if (type.endsWith('[]')) return '{a,"b c"}';
  if (type.startsWith('timestamp')) return '2026-11-27T10:11:12.345Z';
  if (type.startsWith('numeric')) return '12345678.000001';
  if (type === 'double precision') return '0.25';
  if (type === 'jsonb') return '{"a": [1]}';
  if (type === 'boolean') return 'true';
  if (type === 'integer') return '2147483647';
  if (type === 'bigserial' || type === 'bigint') return '9007199254740991';
  return 'text';
}

async function insertFullRow(table: PgTable): Promise<void> {
  const { name, columns } = getTableConfig(table);
  const casts = columns.map((c, i) => `$${i + 1}::text::${c.getSQLType().replace('bigserial', 'bigint')}`);
  const names = columns.map((c) => `"${c.name}"`);
  await db.sql.begin(async (tx) => {
    // Rows of other tables are of no interest here.
    await tx`set local session_replication_role = replica`;
    await tx.unsafe(`insert into "${name}" (${names.join(', ')}) values (${casts.join(', ')})`, columns.map(textFor));
  });
}

/** What kind of value a column is declared to give. */
function declared(column: AnyPgColumn): string {
  if (column.dataType === 'date') return 'Date';
  if (column.dataType === 'json') return 'object';
  return column.dataType;
}

function given(value: unknown): string {
  if (value instanceof Date) return 'Date';
  return Array.isArray(value) ? 'array' : typeof value;
}

const kindsDeclared = (table: PgTable): Record<string, string> =>
  Object.fromEntries(Object.entries(getTableColumns(table)).map(([name, column]) => [name, declared(column)]));
const kindsGiven = (row: object | undefined): Record<string, string> =>
  Object.fromEntries(Object.entries(row ?? {}).map(([name, value]) => [name, given(value)]));

describe('a row is what its type says, column by column', () => {
  it('for every table of the schema', () => {
    expect(tables.map((table) => getTableConfig(table).name)).toEqual(
      expect.arrayContaining(['account', 'chunks', 'drift', 'events', 'items', 'requests', 'sightings', 'workers']),
    );
  });

  it.each(tables.map((table) => [getTableConfig(table).name, table] as const))('%s: on the plain client', async (name, table) => {
    const [row] = await db.sql.unsafe(`select * from "${name}" order by ctid desc limit 1`);
    expect(kindsGiven(row)).toEqual(kindsDeclared(table));
  });

  it.each(tables.map((table) => [getTableConfig(table).name, table] as const))('%s: through Drizzle', async (_name, table) => {
    const rows = await db.reads((q) => q.select().from(table));
    expect(kindsGiven(rows.at(-1))).toEqual(kindsDeclared(table));
  });

  it('a read that fails through Drizzle shows the code of the database, and no statement with its values', async () => {
    const failed = db.reads((q) => q.execute('select no_such_column from requests'));
    await expect(failed).rejects.toMatchObject({ code: '42703', message: 'column "no_such_column" does not exist' });
    await expect(db.reads((q) => q.execute('delete from requests'))).rejects.toMatchObject({ code: '25006' });
  });

  it('an expression too: counts are numbers, exact money is text', async () => {
    const [row] =
      await db.sql`select count(*) as n, count(*)::int as m, sum(1.5::numeric) as money, null::bigint as none from requests`;
    expect(row).toEqual({ n: 1, m: 1, money: '1.5', none: null });
  });

  it('nothing is rounded: a bigint that no number holds is refused, and text holds it', async () => {
    await expect(db.sql`select 9007199254740993 as n`).rejects.toThrow(RangeError);
    expect(await db.sql`select 9007199254740993::text as n`).toEqual([{ n: '9007199254740993' }]);
    // The connection is fit for the next query.
    expect(await db.sql`select ${9_007_199_254_740_991}::bigint as n`).toEqual([{ n: 9_007_199_254_740_991 }]);
  });
});
