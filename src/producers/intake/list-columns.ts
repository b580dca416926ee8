import { type ErrorDetail, invalid } from '../../domain/errors.ts';
import { shown } from '../../domain/phone-cell.ts';
import type { ListBytes } from './list-text.ts';

const COLUMN = 'phone_number';
/**
 * Names that people and other systems give this column, without blanks and signs. A column `phone_number` goes before all of
 * them.
 */
const OTHER_NAMES: ReadonlySet<string> = new Set(
  [
    'phone phones phonenumbers phoneno telephone telephonenumber tel number numbers did dids didnumber didnumbers tn tns',
    'msisdn e164 e164number numbere164 phonee164 phonenumbere164',
  ].flatMap((names) => names.split(' ')),
);

/** The columns of a list. */
export interface Columns {
  /** Position of the numbers in a row. */
  at: number;
  /** How many values a row may have; `null` in a list without a header. */
  width: number | null;
  /** The columns that are not read. */
  ignored: string[];
}

export interface ColumnChoice extends Pick<ListBytes, 'name' | 'at'> {
  /** The column that the user named. */
  column: string | undefined;
  /** The name of that option. */
  columnOption: string;
}

/**
 * Finds the column of the numbers by the first row. `null` for a list without a header that has one number on each line. Throws
 * `validation_failed`.
 */
export function columnsOf(cells: readonly string[], choice: ColumnChoice): Columns | null {
  if (choice.column !== undefined) return theColumn(cells, matching(cells, normal(choice.column)), choice);
  const exact = matching(cells, normal(COLUMN));
  if (exact.length > 0) return theColumn(cells, exact, choice);
  const others = cells.flatMap((cell, i) => (OTHER_NAMES.has(normal(cell)) ? [i] : []));
  if (others.length > 0) return theColumn(cells, others, choice);
  if (!cells.some(looksLikeNumber)) return theColumn(cells, [], choice);
  if (cells.filter((cell) => cell !== '').length === 1 && cells[0] !== '') return null;
  throw problem({
    path: 'row 1',
    message: `has ${cells.length} values and no header; write one number a line, or name the column of the numbers ${COLUMN}`,
  });
}

function theColumn(cells: readonly string[], found: number[], { name, at, column, columnOption }: ColumnChoice): Columns {
  const names = cells.filter((cell) => cell !== '').map((cell) => `"${shown(cell)}"`);
  const list = names.slice(0, 20).join(', ') + (names.length > 20 ? ' and more' : '');
  const [index, ...more] = found;
  if (index === undefined) {
    const wanted = column === undefined ? `${COLUMN}, or name yours by ${columnOption}` : `"${shown(column)}"`;
    throw problem({
      path: column === undefined ? at : columnOption,
      message: `${name} has no column ${wanted}; its first row has ${list}`,
    });
  }
  if (more.length > 0) {
    const twice = found.map((i) => `"${shown(cells[i] ?? '')}"`).join(' and ');
    throw problem({
      path: at,
      message: `${name} has several columns of numbers, ${twice}; say by ${columnOption} which is meant`,
    });
  }
  const ignored = cells.flatMap((cell, i) => (i === index || cell === '' ? [] : [shown(cell)]));
  return { at: index, width: cells.length, ignored };
}

const problem = (detail: ErrorDetail) => invalid([detail]);

const matching = (cells: readonly string[], wanted: string): number[] =>
  cells.flatMap((cell, i) => (normal(cell) === wanted ? [i] : []));

/** The name of a column without capitals, blanks, signs and marks. */
const normal = (header: string): string =>
  header
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, '');

/** True for a cell that starts with a digit or has five digits, which no header has. */
const looksLikeNumber = (cell: string): boolean =>
  /^[^\p{L}\p{N}]*\p{N}/u.test(cell) || (cell.match(/\p{Nd}/gu)?.length ?? 0) >= 5;
