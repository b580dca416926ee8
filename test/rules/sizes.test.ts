import { expect, it } from 'vitest';
import { sourcesIn } from '../support/sources.ts';

const MOST_LINES = 300;

/** Longer files, each with the reason why it stays in one piece, and its own limit. */
const EXCEPTIONS: Record<string, { lines: number; because: string }> = {
  'src/library/types.ts': { lines: 1_000, because: 'it is generated, and read in an editor field by field' },
};

function linesOf(text: string): number {
  return text.split('\n').length - 1;
}

it('keeps every file short enough to be read at once', () => {
  const tooLong = sourcesIn('src')
    .map((file) => ({ path: file.path, lines: linesOf(file.text) }))
    .filter(({ path, lines }) => lines > (EXCEPTIONS[path]?.lines ?? MOST_LINES));
  expect(tooLong).toEqual([]);
});

it('has no exception that is not needed', () => {
  const long = sourcesIn('src').filter((file) => linesOf(file.text) > MOST_LINES);
  expect(Object.keys(EXCEPTIONS).filter((path) => !long.some((file) => file.path === path))).toEqual([]);
});
