import { describe, expect, it } from 'vitest';
import { importsOf, type SourceFile, sourcesIn } from '../support/sources.ts';

const MACHINE = 'src/processors/chunk/advance.ts';

/**
 * How many files of src/processors a reader of one kind needs: the machine, and what the kind adds to it. The numbers are the present
 * ones. One more is a decision, not an accident.
 */
const FILES_TO_READ = {
  order: 16,
  update: 12,
  messaging: 11,
  emergency: 11,
  release: 12,
};

/** The files that `from` imports by value, directly or through others, with themselves. A type leaves nothing to follow. */
function reachable(files: readonly SourceFile[], from: readonly string[]): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const seen = new Set<string>();
  const visit = (path: string): void => {
    const file = byPath.get(path);
    if (file === undefined || seen.has(path)) return;
    seen.add(path);
    for (const one of importsOf(file)) if (!one.typeOnly && one.path !== null) visit(one.path);
  };
  for (const path of from) visit(path);
  return [...seen].sort();
}

describe('to understand one kind of call', () => {
  const files = sourcesIn('src/processors');
  const readFor = (kind: string) => reachable(files, [`src/processors/kinds/${kind}.ts`, MACHINE]);

  it.each(Object.entries(FILES_TO_READ))('%s takes %i files of src/processors', (kind, count) => {
    const read = readFor(kind);
    expect(read, read.join('\n')).toHaveLength(count);
  });

  it('an update takes at most 12', () => {
    expect(readFor('update').length).toBeLessThanOrEqual(12);
  });

  it('every kind is counted', () => {
    const kinds = importsOf({ path: 'src/processors/kinds/table.ts', text: textOf(files, 'src/processors/kinds/table.ts') });
    const named = kinds.filter((i) => !i.typeOnly).map((i) => i.path?.replace(/^.*\/|\.ts$/g, ''));
    expect(named.sort()).toEqual(Object.keys(FILES_TO_READ).sort());
  });

  it('imports are followed, and those of types are not', () => {
    const file = (name: string, text: string) => ({ path: `src/processors/${name}.ts`, text });
    const few = [file('a', "import { b } from './b.ts';\nimport type { c } from './c.ts';\n"), file('b', ''), file('c', '')];
    expect(reachable(few, ['src/processors/a.ts'])).toEqual(['src/processors/a.ts', 'src/processors/b.ts']);
  });
});

const textOf = (files: readonly SourceFile[], path: string): string => files.find((file) => file.path === path)?.text ?? '';

/** Where kinds of steps may be told apart: the kinds themselves, and the union of steps. The simulator knows no steps. */
const HOMES = ['src/processors/kinds/', 'src/domain/', 'src/simulator/'];

/** Comparisons elsewhere, each with its reason. The count keeps one more from hiding among them. */
const EXCEPTIONS: Record<string, { times: number; because: string }> = {
  'src/processors/lines/cut-orders.ts': {
    times: 1,
    because: 'cuts the orders of a buy: the first step of a buy is an order, and the compiler must see it',
  },
  'src/cli/report.ts': {
    times: 3,
    because: 'words for people: Telnyx calls the call of a buy an order, and those of all other kinds jobs',
  },
};

const LITERAL = "'(?:order|update|messaging|emergency|delete)'";
const OF_CHUNK = '\\b(?:\\w*[cC]hunk|\\w*[sS]tep|claimed|planned)\\??\\.kind\\b';
const TELLS_APART = [
  // Requests and their bodies have kinds of their own, some of the same names.
  new RegExp(`(?<!\\b(?:request|body|view)\\??\\.)\\bkind\\s*[!=]==?\\s*${LITERAL}`, 'g'),
  new RegExp(`${LITERAL}\\s*[!=]==?\\s*(?!(?:request|body|view)\\??\\.)[\\w.?]*\\bkind\\b`, 'g'),
  new RegExp(`${OF_CHUNK}\\s*[!=]={1,2}(?!=|\\s*${LITERAL})`, 'g'),
  new RegExp(`switch \\([^)]*${OF_CHUNK}`, 'g'),
  new RegExp(`\\bcase ${LITERAL}`, 'g'),
];

const timesIn = (text: string): number => TELLS_APART.reduce((sum, pattern) => sum + [...text.matchAll(pattern)].length, 0);

describe('kinds of calls are told apart in one place', () => {
  const files = sourcesIn('src').filter(({ path }) => !HOMES.some((home) => path.startsWith(home)));

  it('nowhere else, but for named exceptions that are all needed', () => {
    const found = files.map(({ path, text }) => [path, timesIn(text)] as const).filter(([, times]) => times > 0);
    const excepted = Object.entries(EXCEPTIONS).map(([path, { times }]) => [path, times] as const);
    expect(found.sort()).toEqual(excepted.sort());
  });

  it.each([
    "if (chunk.kind === 'order') buy();",
    "if (claimed.step.kind !== 'delete') go();",
    "if ('update' === chunk.kind) go();",
    "const isOrder = kind === 'order';",
    'if (chunk.kind === other) go();',
    'switch (chunk.step.kind) {',
    'switch (step.kind) {',
    "  case 'messaging':",
  ])('%s is seen', (text) => {
    expect(timesIn(text)).toBe(1);
  });

  it.each([
    "if (request.kind === 'update') go();",
    "body.kind === 'delete'",
    "if (outcome.kind !== 'hold') go();",
    'switch (prepared.kind) {',
    'queueOfStep(chunk.kind)',
  ])('%s is none of its business', (text) => {
    expect(timesIn(text)).toBe(0);
  });
});
