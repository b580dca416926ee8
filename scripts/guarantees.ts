import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

// docs/guarantees.md is made from two sources: `test/guarantees.json` says what must hold and names the tests that hold it, and
// the test files say where each of these tests stands.

const row = z.strictObject({
  /** The short name that test names begin with, such as I5. */
  id: z.string().optional(),
  says: z.string().min(1),
  /** Names of tests, exactly as in the source. */
  tests: z.array(z.string().min(1)).optional(),
  /** Why no test, or only a part of one, holds this. */
  no_test: z.string().min(1).optional(),
});
const groups = z.array(
  z.strictObject({ title: z.string(), column: z.string(), intro: z.string().optional(), rows: z.array(row).min(1) }),
);

export type Guarantee = z.infer<typeof row>;
export type GuaranteeGroup = z.infer<typeof groups>[number];

/** A test file: its path from the root of the repository, and its text. */
export interface TestFile {
  path: string;
  text: string;
}

const ROOT = new URL('..', import.meta.url);

/** The rows of `test/guarantees.json`. Throws when the file has another shape. */
export function readGuarantees(): GuaranteeGroup[] {
  return groups.parse(JSON.parse(readFileSync(new URL('test/guarantees.json', ROOT), 'utf8')));
}

/** Every test file of the repository, in the order of their paths. */
export function readTestFiles(): TestFile[] {
  const paths = readdirSync(fileURLToPath(new URL('test', ROOT)), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts'))
    .map((path) => `test/${path.replaceAll('\\', '/')}`);
  return paths.sort().map((path) => ({ path, text: readFileSync(new URL(path, ROOT), 'utf8') }));
}

/** Whether a file has a test of this name: `it('name', …)`, or the name after `it.each(…)`, `it.skipIf(…)`. */
export function hasTest(text: string, name: string): boolean {
  const words = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`(?:\\b(?:it|test)|[)\\]])\\(\\s*(['"\`])${words}\\1\\s*,`).test(text);
}

/** Where a test stands. Throws when no file, or more than one, has a test of this name: then nobody knows which one is meant. */
export function fileOf(name: string, files: readonly TestFile[]): string {
  const [found, ...others] = files.filter((file) => hasTest(file.text, name));
  if (found === undefined) throw new Error(`test/guarantees.json names a test that no file has: ${name}`);
  if (others.length > 0) throw new Error(`more than one file has a test of this name: ${name}`);
  return found.path;
}

function cellOf(guarantee: Guarantee, files: readonly TestFile[]): string {
  const tests = (guarantee.tests ?? []).map((name) => `\`${fileOf(name, files)}\` › \`${name}\``);
  const why = guarantee.no_test === undefined ? [] : [`no test: ${guarantee.no_test}`];
  return [...why, ...tests].join('<br>');
}

function section(group: GuaranteeGroup, files: readonly TestFile[]): string {
  const named = group.rows.some((r) => r.id !== undefined);
  const head = named ? [`| | ${group.column} | tests |`, '|---|---|---|'] : [`| ${group.column} | tests |`, '|---|---|'];
  const rows = group.rows.map((r) => `| ${named ? `${r.id ?? ''} | ` : ''}${r.says} | ${cellOf(r, files)} |`);
  const intro = group.intro === undefined ? [] : [group.intro, ''];
  return [`## ${group.title}`, '', ...intro, ...head, ...rows].join('\n');
}

/** The text of docs/guarantees.md. Throws as `fileOf` does. */
export function guaranteesPage(from = readGuarantees(), files = readTestFiles()): string {
  const opening = [
    '# What is guaranteed, and the tests that hold it',
    '',
    'Generated from `test/guarantees.json` and the test files by `npm run docs:generate`. Each test is quoted by its file and its',
    'exact name; a name with `%s` stands for several cases. How the tests work, and what they do not cover, is in',
    '[reliability](reliability.md).',
  ].join('\n');
  return `${[opening, ...from.map((group) => section(group, files))].join('\n\n')}\n`;
}
