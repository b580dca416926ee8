import { describe, expect, it } from 'vitest';
import { importsOf, type SourceFile, sourcesIn } from '../support/sources.ts';

// SQL has one home, src/db. Whoever reads another layer reads the words of the field, and whoever changes a table finds every
// statement in one folder.

const HOME = 'src/db/';
const QUERIES = `${HOME}queries/`;

/** A template after the name of a client or of a transaction, with or without the type of its rows. */
const TAGGED = /\b(?:sql|tx|reads|connection|client|deps\.db\.\w+)(?:<[^`;()]*>)?`/;
/** A text that is a statement. */
const STATEMENT =
  /[`'"]\s*(?:select\s[^`'"]*\sfrom\s|insert\s+into\s|update\s+\w+\s+(?:\w\s+)?set\s|delete\s+from\s|with\s+\w+\s+as\s*\(|copy\s+\w+\s|create\s+(?:temp\s+)?table\s)/;
/** The ways to send a text as it is. */
const SENT_RAW = /\.(?:unsafe|\$client)\b|\bq\.execute\(/;
/** The packages that speak SQL. Their types may be named elsewhere. */
const SPEAKERS = ['postgres', 'drizzle-orm', 'drizzle-orm/postgres-js', 'drizzle-orm/pg-core'];

function statementsOutside({ path, text }: SourceFile): string[] {
  if (path.startsWith(HOME)) return [];
  const found = [TAGGED, STATEMENT, SENT_RAW].flatMap((pattern) => pattern.exec(text)?.[0] ?? []);
  const spoken = importsOf({ path, text }).filter((i) => !i.typeOnly && SPEAKERS.includes(i.specifier));
  return [...found, ...spoken.map((i) => i.specifier)].map((what) => `${path}: ${what}`);
}

/** What a query for people may not do: claim a type that the schema does not give it. */
function claimsIn({ path, text }: SourceFile): string[] {
  if (!path.startsWith(QUERIES)) return [];
  return [...text.matchAll(/\bas (?!const\b)[A-Z{(]|\bsql</g)].map(([what]) => `${path}: ${what}`);
}

describe('SQL has one home', () => {
  const files = sourcesIn('src');

  it('no statement stands outside src/db', () => {
    expect(files.length).toBeGreaterThan(100);
    expect(files.flatMap(statementsOutside)).toEqual([]);
  });

  it('the queries for people take their types from the schema, without a cast', () => {
    expect(files.filter(({ path }) => path.startsWith(QUERIES)).length).toBeGreaterThan(5);
    expect(files.flatMap(claimsIn)).toEqual([]);
  });

  it('a statement outside is seen by this test at all', () => {
    const seen = (text: string): number => statementsOutside({ path: 'src/cli/a.ts', text }).length;
    expect(seen('const rows = await sql`select 1`;')).toBe(1);
    expect(seen('await tx<{ n: number }[]>`\n  select 1`;')).toBe(1);
    expect(seen('await deps.db.sql<Row[]>`analyze items`;')).toBe(1);
    expect(seen('const text = "select id from items";')).toBe(1);
    expect(seen("const text = 'update items set status = 1';")).toBe(1);
    expect(seen('await client.unsafe(text);')).toBe(1);
    expect(seen("import postgres from 'postgres';\n")).toBe(1);
    expect(seen("import type { Sql } from 'postgres';\n")).toBe(0);
    expect(seen('const hint = `run \\`provisioner update\\` and set a tag`;')).toBe(0);
    const claims = (text: string): number => claimsIn({ path: `${QUERIES}a.ts`, text }).length;
    expect(claims('const row = rows[0] as Row;')).toBe(1);
    expect(claims('sql<number>`1`')).toBe(1);
    expect(claims("const A = ['a'] as const;")).toBe(0);
  });
});
