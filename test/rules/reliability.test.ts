import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../support/sources.ts';

// docs/reliability.md quotes a test as `file` › `name`: the file as its path from the root, the name exactly as in the source.

const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const page = text('docs/reliability.md');

/** The tests that a piece of the page quotes. */
function quotedIn(piece: string): { file: string; name: string }[] {
  return [...piece.matchAll(/`(test\/[\w./-]+\.test\.ts)` › `([^`]+)`/g)].map(([, file = '', name = '']) => ({ file, name }));
}

/** Whether a file has a test of this name: `it('name', …)`, or the name after `it.each(…)`, `it.skipIf(…)`. */
function hasTest(source: string, name: string): boolean {
  const words = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`(?:\\b(?:it|test)|[)\\]])\\(\\s*(['"\`])${words}\\1\\s*,`).test(source);
}

/** The rows of the table under a heading. */
function rowsUnder(heading: string): string[] {
  const [, section = ''] = page.split(`\n## ${heading}\n`);
  const lines = (section.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('|'));
  return lines.filter((line, i) => !/^\|[\s|-]*$/.test(line) && !/^\|[\s|-]*$/.test(lines[i + 1] ?? ''));
}

const TABLES = [
  'The invariants',
  'Traps that decide the design',
  'Traps of accounts and of testing',
  'Traps that others fell into',
];

describe('docs/reliability.md', () => {
  it('quotes only tests that are there, under their exact names', () => {
    const quoted = quotedIn(page);
    expect(quoted.length).toBeGreaterThan(60);
    const missing = quoted.filter(({ file, name }) => !existsSync(join(ROOT, file)) || !hasTest(text(file), name));
    expect(missing).toEqual([]);
  });

  it('quotes in one form only, so that nothing escapes the check', () => {
    const files = page.match(/`test\/[\w./-]+\.test\.ts`/g) ?? [];
    expect(files).toHaveLength(quotedIn(page).length);
    expect(page.match(/›/g)).toHaveLength(files.length);
  });

  it('has a row for each invariant', () => {
    const named = rowsUnder('The invariants').map((row) => /^\| (I\d+) \|/.exec(row)?.[1]);
    expect(named).toEqual(Array.from({ length: 11 }, (_, i) => `I${i + 1}`));
  });

  it('gives a test, or says why there is none, in every row', () => {
    for (const heading of TABLES) {
      const rows = rowsUnder(heading);
      expect(rows.length, heading).toBeGreaterThan(5);
      expect(rows.filter((row) => quotedIn(row).length === 0 && !/\bno test: \w+/.test(row))).toEqual([]);
    }
  });

  it('is seen by this test at all', () => {
    expect(hasTest("  it('buys', async () => {", 'buys')).toBe(true);
    expect(hasTest('  it.each(rows)(\n    "%s: buys",\n', '%s: buys')).toBe(true);
    expect(hasTest("  ] as [string][])('I3 %s', async", 'I3 %s')).toBe(true);
    expect(hasTest("describe('buys', () => {", 'buys')).toBe(false);
    expect(hasTest("  it('buys two', async", 'buys')).toBe(false);
    expect(quotedIn('| x | `test/a.test.ts` › `b` |')).toEqual([{ file: 'test/a.test.ts', name: 'b' }]);
  });
});
