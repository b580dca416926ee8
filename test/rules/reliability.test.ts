import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fileOf, type GuaranteeGroup, guaranteesPage, hasTest, readGuarantees, readTestFiles } from '../../scripts/guarantees.ts';
import { ROOT } from '../support/sources.ts';

// test/guarantees.json says what must hold and names the tests that hold it; docs/guarantees.md is made from it.

const groups = readGuarantees();
const rows = groups.flatMap((group) => group.rows);
const files = readTestFiles();
const INVARIANTS = Array.from({ length: 11 }, (_, i) => `I${i + 1}`);

describe('docs/guarantees.md', () => {
  it('is what test/guarantees.json and the test files say (npm run docs:generate)', () => {
    expect(readFileSync(join(ROOT, 'docs/guarantees.md'), 'utf8')).toBe(guaranteesPage());
  });

  it('quotes only tests that are there, under their exact names', () => {
    const named = rows.flatMap((row) => row.tests ?? []);
    expect(named.length).toBeGreaterThan(150);
    for (const name of named) expect(fileOf(name, files)).toMatch(/^test\/.*\.test\.ts$/);
  });

  it('has a row for each invariant', () => {
    expect(rows.flatMap((row) => row.id ?? [])).toEqual(INVARIANTS);
  });

  it('gives a test, or says why there is none, in every row', () => {
    expect(groups.map((group) => group.rows.length >= 5)).toEqual(groups.map(() => true));
    expect(rows.filter((row) => (row.tests ?? []).length === 0 && row.no_test === undefined)).toEqual([]);
  });

  it('is seen by this test at all', () => {
    expect(hasTest("  it('buys', async () => {", 'buys')).toBe(true);
    expect(hasTest('  it.each(rows)(\n    "%s: buys",\n', '%s: buys')).toBe(true);
    expect(hasTest("  ] as [string][])('I3 %s', async", 'I3 %s')).toBe(true);
    expect(hasTest("describe('buys', () => {", 'buys')).toBe(false);
    expect(hasTest("  it('buys two', async", 'buys')).toBe(false);

    const one: GuaranteeGroup = { title: 'A', column: 'fact', rows: [{ says: 'It buys.', tests: ['buys'] }] };
    const test = { path: 'test/a.test.ts', text: "it('buys', () => {" };
    expect(guaranteesPage([one], [test])).toContain('| It buys. | `test/a.test.ts` › `buys` |');
    expect(() => guaranteesPage([one], [])).toThrow(/no file has: buys/);
    expect(() => guaranteesPage([one], [test, { ...test, path: 'test/b.test.ts' }])).toThrow(/more than one file/);
  });
});

describe('docs/reliability.md', () => {
  const page = readFileSync(join(ROOT, 'docs/reliability.md'), 'utf8');

  it('explains each invariant', () => {
    const named = [...page.matchAll(/^\| (I\d+) \|/gm)].map((m) => m[1]);
    expect(named).toEqual(INVARIANTS);
  });

  it('fits on one screen', () => {
    expect(page.split('\n').length - 1).toBeLessThanOrEqual(70);
  });
});
