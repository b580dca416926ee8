import { exitOfError } from '../src/cli/exit-table.ts';
import {
  BUGS,
  ENDS,
  type ErrorCode,
  GUARD_ENDS,
  PASSING,
  REFUSALS,
  TELNYX_FAILURES,
  UNREADABLE,
  WAITS,
} from '../src/domain/codes.ts';
import type { Disposition } from '../src/domain/errors.ts';
import { STATUS_OF_UNREADABLE, statusOfError } from '../src/http/status-table.ts';

type Family<C extends string> = Readonly<Record<C, string>>;

/** The codes of a family with their meanings. The cast is right because a family is a literal with no keys but its codes. */
const rowsOf = <C extends string>(family: Family<C>): [code: C, meaning: string][] => Object.entries(family) as [C, string][];

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [`| ${head.join(' | ')} |`, `|${'---|'.repeat(head.length)}`, ...rows.map((cells) => `| ${cells.join(' | ')} |`)].join('\n');

const quoted = (code: string): string => `\`${code}\``;

const meanings = <C extends string>(family: Family<C>): string =>
  table(
    ['code', 'meaning'],
    rowsOf(family).map(([code, meaning]) => [quoted(code), meaning]),
  );

/** The codes of one family of errors, each with its status and exit code where they differ from `usual`. */
function errors<C extends ErrorCode>(family: Family<C>, disposition: Disposition, usual: { http: number; exit: number }): string {
  const unless = (same: number, number: number) => (number === same ? '' : String(number));
  return table(
    ['code', 'HTTP', 'exit', 'meaning'],
    rowsOf(family).map(([code, meaning]) => [
      quoted(code),
      unless(usual.http, statusOfError(code, disposition)),
      unless(usual.exit, exitOfError(code, disposition)),
      meaning,
    ]),
  );
}

/** The generated parts of docs/reference.md by the name of their markers. */
const BLOCKS: Readonly<Record<string, () => string>> = {
  'reason codes': () =>
    [
      'Kept by a budget or a guard of the request; when these are the only ends, the command exits with 6:',
      meanings(GUARD_ENDS),
      'Other ends:',
      meanings(ENDS),
    ].join('\n\n'),
  waits: () => meanings(WAITS),
  'error codes': () =>
    [
      'Refusals: the same call gets the same answer. HTTP 409 and exit code 1, unless the table names others.',
      errors(REFUSALS, 'rejected', { http: 409, exit: 1 }),
      'Passing: the call had no effect, and the same call may succeed later. HTTP 503 and exit code 1, unless the table names others.',
      errors(PASSING, 'retry', { http: 503, exit: 1 }),
      'What the HTTP server cannot read:',
      table(
        ['code', 'HTTP', 'meaning'],
        rowsOf(UNREADABLE).map(([code, meaning]) => [quoted(code), String(STATUS_OF_UNREADABLE[code]), meaning]),
      ),
      'Failures of a call to Telnyx, which are reason codes of numbers and reasons of a closed gate too. HTTP 409 when Telnyx refused\nfor good, else 503; exit code 7 when the account is broken, else 1; unless the table names others.',
      errors(TELNYX_FAILURES, 'rejected', { http: 409, exit: 1 }),
      'Bugs: the program contradicts itself, and a person must look. Over HTTP all of them are `internal` (500); exit code 1.',
      meanings(BUGS),
    ].join('\n\n'),
};

const BLOCK = /(<!-- generated: ([a-z ]+) -->\n)[\s\S]*?(\n<!-- end of generated -->)/g;

/** docs/reference.md with its generated parts as the code has them; the rest of the page stays as it is. */
export function referencePage(page: string): string {
  const missing = new Set(Object.keys(BLOCKS));
  const text = page.replace(BLOCK, (_, begin: string, name: string, end: string) => {
    const block = BLOCKS[name];
    if (block === undefined) throw new Error(`docs/reference.md names a generated part that does not exist: ${name}`);
    missing.delete(name);
    return `${begin}\n${block()}\n${end}`;
  });
  if (missing.size > 0) throw new Error(`docs/reference.md lacks the markers of: ${[...missing].join(', ')}`);
  return text;
}
