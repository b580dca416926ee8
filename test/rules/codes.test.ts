import { expect, it } from 'vitest';
import { BUGS, ENDS, GUARD_ENDS, PASSING, REFUSALS, TELNYX_FAILURES, UNREADABLE, WAITS } from '../../src/domain/codes.ts';
import { sourcesIn } from '../support/sources.ts';

const ERRORS = { REFUSALS, PASSING, BUGS, UNREADABLE, TELNYX_FAILURES };
const FAMILIES: Readonly<Record<string, Readonly<Record<string, string>>>> = { ...ERRORS, GUARD_ENDS, ENDS, WAITS };

/** Files that only say what a code means or how it is answered. The simulator has codes of its own. */
const TABLES = /^src\/(domain\/codes\.ts|cli\/exit-table\.ts|http\/status-table\.ts|simulator\/)/;

/** Texts in quotes. A comparison is left out: it asks for a code and gives none. */
const GIVEN = /(?<![=!]== )'(\w+)'/g;

// That every code in use is listed is what the compiler checks. It cannot see that a listed code is given by nobody.
it('every code is given by something: none is only listed or mapped', () => {
  const sources = sourcesIn('src').filter(({ path }) => !TABLES.test(path));
  const given = new Set(sources.flatMap(({ text }) => [...text.matchAll(GIVEN)].map((m) => m[1] ?? '')));
  const listed = Object.values(FAMILIES).flatMap((family) => Object.keys(family));
  expect(listed.filter((code) => !given.has(code))).toEqual([]);
});

it('an error code belongs to one family', () => {
  const codes = Object.values(ERRORS).flatMap((family) => Object.keys(family));
  expect(codes.filter((code, i) => codes.indexOf(code) !== i)).toEqual([]);
});

it('every meaning is one sentence that fits into a table', () => {
  const meanings = Object.values(FAMILIES).flatMap((family) => Object.values(family));
  expect(meanings.filter((meaning) => !/^[A-Z`][^|\n]*[^.|\n]\.$/.test(meaning) || meaning.includes('. '))).toEqual([]);
});
