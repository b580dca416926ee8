import type { CountryCode } from 'libphonenumber-js/max';
import { invalid } from '../../domain/errors.ts';
import { readPhoneCell, shown } from '../../domain/phone-cell.ts';
import type { E164 } from '../../domain/phone-number.ts';
import { type Columns, columnsOf } from './list-columns.ts';
import { type Row, rowsOf } from './list-rows.ts';
import { type ListBytes, textOf } from './list-text.ts';
import { countryOf, isPlusOne, nameOfCountry, nationalNumber, noNational, otherPlusOne } from './national-number.ts';
import type { RowReader } from './row-values.ts';
import type { NumberRow } from './stage-numbers.ts';

/** A list of numbers, and how to read it. */
export interface NumberList extends ListBytes {
  /** The column of the numbers. Without it, `phone_number` or another usual name. */
  column?: string | undefined;
  /** Numbers without `+` are read as numbers of this country. Without it, they are refused. */
  country?: string | undefined;
  /** The expected country of +1 numbers when `country` is not set. */
  home?: string | undefined;
  /** Whether a number without `+` of another +1 country is refused or only reported. */
  elsewhere: 'refuse' | 'tell';
  /** The names of these two options in messages. */
  options: { column: string; country: string };
  /** The columns with values for each number, and how to read them. */
  values?: RowReader | undefined;
}

/** How many examples a note shows. */
const SAMPLE = 5;

interface Noted<T> {
  count: number;
  sample: T[];
}

/** What people should know about how a list was read. Filled while it is read. */
export interface ListReport {
  ignored: string[];
  rowsWithoutNumber: number;
  rowsWithoutValue: number;
  rewritten: Noted<{ number: E164; written: string; row: number }>;
  elsewhere: Noted<{ number: E164; country: CountryCode }>;
  home: CountryCode | null;
}

/** A report of a list that was not read yet. */
export const emptyReport = (): ListReport => ({
  ignored: [],
  rowsWithoutNumber: 0,
  rowsWithoutValue: 0,
  rewritten: { count: 0, sample: [] },
  elsewhere: { count: 0, sample: [] },
  home: null,
});

/**
 * Streams the numbers of a list, each with its row as an editor counts. The list is never held in memory. A cell that is no
 * number carries its problem, so that all problems are reported together. Throws `validation_failed` for a file that is no list
 * of numbers.
 */
export async function* numbersOf(list: NumberList, report: ListReport): AsyncGenerator<NumberRow> {
  const read = cellReader(list, report);
  let columns: Columns | undefined;
  let found = 0;
  for await (const row of rowsOf(textOf(list))) {
    if (columns === undefined) {
      const header = columnsOf(row.cells, {
        ...list,
        column: list.column,
        columnOption: list.options.column,
        values: list.values,
      });
      columns = header ?? { at: 0, width: null, ignored: [], values: [] };
      report.ignored = columns.ignored;
      if (header !== null) continue;
    }
    const misshapen = shapeProblem(row, columns);
    const number = misshapen === null ? read(row.cells[columns.at] ?? '', row.row) : { number: '', problem: misshapen };
    if (number === null) report.rowsWithoutNumber += 1;
    else {
      found += 1;
      const at = `row ${row.row}`;
      if (list.values === undefined || number.problem !== undefined) yield { ...number, at };
      else yield* withValues({ ...number, at }, list.values, row.cells, columns, report);
    }
  }
  if (found === 0) throw invalid([{ path: list.at, message: `${list.name} holds no phone number` }]);
}

/** The number of a row with its values, or with their problem. Nothing for a row without a value, which is counted. */
function* withValues(
  number: NumberRow,
  values: RowReader,
  cells: readonly string[],
  columns: Columns,
  report: ListReport,
): Generator<NumberRow> {
  const read = values.read(columns.values.map((at) => cells[at] ?? ''));
  if (read === null) report.rowsWithoutValue += 1;
  else yield { ...number, ...read };
}

/** The problem of a row whose values may belong to other columns, or `null`. */
function shapeProblem({ cells }: Row, { at, width }: Columns): string | null {
  const count = cells.findLastIndex((cell) => cell !== '') + 1;
  if (width === null) {
    return count === 1 ? null : `has ${values(count)}; write one number a line, or a header that names the column of the numbers`;
  }
  if (count > width) return `has ${values(count)}, but the header names ${width}`;
  return cells.length <= at ? `has ${values(cells.length)}, but the numbers are in column ${at + 1}` : null;
}

const values = (n: number): string => (n === 1 ? '1 value' : `${n} values`);

type Read = Pick<NumberRow, 'number' | 'problem'>;

function cellReader(list: NumberList, report: ListReport): (cell: string, row: number) => Read | null {
  const country = list.country === undefined ? null : countryOf(list.country);
  if (list.country !== undefined && country === null)
    throw invalid([{ path: list.options.country, message: `unknown country "${shown(list.country)}"` }]);
  const home = country ?? (list.home === undefined ? null : countryOf(list.home));
  report.home = home !== null && isPlusOne(home) ? home : null;
  return (cell, row) => {
    const reading = readPhoneCell(cell);
    if (reading.kind === 'empty') return null;
    if (reading.kind === 'problem') return { number: cell, problem: reading.message };
    const isNational = reading.kind === 'national';
    const number = !isNational ? reading.number : country === null ? null : nationalNumber(reading.digits, country);
    if (number === null) return { number: cell, problem: noNational(cell, country, list.options.country) };
    const other = report.home === null ? null : otherPlusOne(number, report.home);
    if (other !== null && isNational && list.elsewhere === 'refuse')
      return { number, problem: foreign(cell, number, other, report.home) };
    if (other !== null) note(report.elsewhere, { number, country: other });
    if (reading.text !== number) note(report.rewritten, { number, written: shown(cell), row });
    return { number };
  };
}

function note<T>(to: Noted<T>, example: T): void {
  to.count += 1;
  if (to.sample.length < SAMPLE) to.sample.push(example);
}

function foreign(cell: string, number: E164, country: CountryCode, home: CountryCode | null): string {
  const not = home === null ? '' : `, not to ${nameOfCountry(home)}`;
  return `"${shown(cell)}" belongs to ${nameOfCountry(country)}${not}; write ${number} if it is meant`;
}

/** What people should know about a list that was read, in one sentence each. */
export function notesOf(report: ListReport): string[] {
  const { ignored, rowsWithoutNumber: empty, rowsWithoutValue: idle, rewritten, elsewhere, home } = report;
  const more = (n: Noted<unknown>) => (n.count > n.sample.length ? `, and ${n.count - n.sample.length} more` : '');
  const many = (n: number, one: string, others = `${one}s`) => `${n} ${n === 1 ? one : others}`;
  const notes: string[] = [];
  if (ignored.length > 0) {
    const names = ignored.slice(0, 10).join(', ') + (ignored.length > 10 ? `, and ${ignored.length - 10} more` : '');
    notes.push(`${ignored.length === 1 ? 'another column is' : 'other columns are'} ignored: ${names}`);
  }
  if (empty > 0) notes.push(`${many(empty, 'row holds', 'rows hold')} no number and ${empty === 1 ? 'is' : 'are'} left out`);
  if (idle > 0) notes.push(`${many(idle, 'row sets', 'rows set')} no value and ${idle === 1 ? 'is' : 'are'} left out`);
  if (rewritten.count > 0) {
    const shownOnes = rewritten.sample.map((r) => `"${r.written}" is ${r.number} (row ${r.row})`).join(', ');
    notes.push(`${many(rewritten.count, 'number was', 'numbers were')} rewritten: ${shownOnes}${more(rewritten)}`);
  }
  if (elsewhere.count > 0 && home !== null) {
    const shownOnes = elsewhere.sample.map((e) => `${e.number} is of ${nameOfCountry(e.country)}`).join(', ');
    const who = many(elsewhere.count, 'number belongs', 'numbers belong');
    notes.push(`${who} to another country of +1 than ${nameOfCountry(home)}: ${shownOnes}${more(elsewhere)}`);
  }
  return notes;
}
