import { type ErrorDetail, invalid } from '../../domain/errors.ts';
import { shown } from '../../domain/phone-cell.ts';
import type { ListBytes } from './list-text.ts';
import type { RowReader } from './row-values.ts';

const COLUMN = 'phone_number';
/**
 * Names that people and other systems give this column, without blanks, accents and signs. A column `phone_number` goes before all
 * of them, and the first group before the second, whose names may stand beside the number that is meant.
 */
const OTHER_NAMES: readonly ReadonlySet<string>[] = [
  'phone phones phonenumbers phoneno phonenum telephone telephones telephonenumber telephonenumbers telephoneno tel telno telnumber ' +
    'number numbers did dids didno didnumber didnumbers ddi ddis ddinumber tn tns msisdn msisdns e164 e164number numbere164 phonee164 ' +
    'phonenumbere164 telephonenumbere164 telnyxnumber telefon telefonnummer rufnummer telefono numerodetelefono telefone ' +
    'numerodetelefone numerodetelephone telefoonnummer numeroditelefono',
  'dn ani cli callerid longcode mobile mobilenumber mobilephone cell cellnumber cellphone virtualnumber inboundnumber ' +
    'tollfreenumber fullnumber nummer numero',
].map((names) => new Set(names.split(' ')));

/** The columns of a list. */
export interface Columns {
  /** Position of the numbers in a row. */
  at: number;
  /** How many values a row may have; `null` in a list without a header. */
  width: number | null;
  /** The columns that are not read. */
  ignored: string[];
  /** The positions of the columns with values, in the order of the reader. */
  values: number[];
}

export interface ColumnChoice extends Pick<ListBytes, 'name' | 'at'> {
  /** The column that the user named. */
  column: string | undefined;
  /** The name of that option. */
  columnOption: string;
  /** The columns with values that the user named. */
  values: RowReader | undefined;
}

/**
 * Finds the column of the numbers by the first row. `null` for a list without a header that has one number on each line. Throws
 * `validation_failed`.
 */
export function columnsOf(cells: readonly string[], choice: ColumnChoice): Columns | null {
  if (choice.column !== undefined) return theColumn(cells, matching(cells, normal(choice.column)), choice);
  const exact = matching(cells, normal(COLUMN));
  if (exact.length > 0) return theColumn(cells, exact, choice);
  for (const names of OTHER_NAMES) {
    const others = cells.flatMap((cell, i) => (names.has(normal(cell)) ? [i] : []));
    if (others.length > 0) return theColumn(cells, others, choice);
  }
  if (!cells.some(looksLikeNumber)) return theColumn(cells, [], choice);
  if (choice.values !== undefined)
    throw problem({ path: choice.values.option, message: `needs a first row that names the columns; ${choice.name} has none` });
  if (cells.filter((cell) => cell !== '').length === 1 && cells[0] !== '') return null;
  throw problem({
    path: 'row 1',
    message: `has ${cells.length} values and no header; write one number a line, or name the column of the numbers ${COLUMN}`,
  });
}

function theColumn(cells: readonly string[], found: number[], choice: ColumnChoice): Columns {
  const { name, at, column, columnOption } = choice;
  const list = namesOf(cells);
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
  const values = positionsOfValues(cells, choice);
  const read = new Set([index, ...values]);
  const ignored = cells.flatMap((cell, i) => (read.has(i) || cell === '' ? [] : [shown(cell)]));
  return { at: index, width: cells.length, ignored, values };
}

/** The columns of a list for a message. */
function namesOf(cells: readonly string[]): string {
  const names = cells.filter((cell) => cell !== '').map((cell) => `"${shown(cell)}"`);
  return names.slice(0, 20).join(', ') + (names.length > 20 ? ' and more' : '');
}

/** Finds each column with values. Throws `validation_failed` with every column that is missing or there twice. */
function positionsOfValues(cells: readonly string[], { name, values }: ColumnChoice): number[] {
  if (values === undefined) return [];
  const problems: ErrorDetail[] = [];
  const positions = values.columns.flatMap(({ column }) => {
    const found = matching(cells, normal(column));
    if (found.length === 1) return found;
    const what = found.length === 0 ? 'no column' : 'several columns';
    problems.push({
      path: values.option,
      message: `${name} has ${what} "${shown(column)}"; its first row has ${namesOf(cells)}`,
    });
    return [];
  });
  if (problems.length > 0) throw invalid(problems);
  return positions;
}

const problem = (detail: ErrorDetail) => invalid([detail]);

const matching = (cells: readonly string[], wanted: string): number[] =>
  cells.flatMap((cell, i) => (normal(cell) === wanted ? [i] : []));

/** The name of a column without capitals, accents, blanks, signs and marks. */
const normal = (header: string): string =>
  header
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, '');

/** True for a cell that starts with a digit or has five digits, which no header has. */
const looksLikeNumber = (cell: string): boolean =>
  /^[^\p{L}\p{N}]*\p{N}/u.test(cell) || (cell.match(/\p{Nd}/gu)?.length ?? 0) >= 5;
