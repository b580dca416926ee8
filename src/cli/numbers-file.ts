import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { type CsvError, parse } from 'csv-parse';
import { asError, invalid, type ProvisioningError } from '../domain/errors.ts';
import type { NumberRow } from '../producers/numbers-in.ts';

const COLUMN = 'phone_number';
/** A quote that is never closed would otherwise read the rest of a large file into memory. */
const LONGEST_ROW = 64 * 1024;

interface Row {
  record: string[];
  info: { lines: number };
}

/** How FILE of `--numbers` is called in messages; `-` is stdin. */
export function nameOfFile(file: string): string {
  return file === '-' ? 'stdin' : file;
}

export interface FileOptions {
  /** Told the other columns of a CSV, which are then left out; without it they are an error. */
  onOthers?: (columns: string[]) => void;
}

/** Streams the numbers of FILE; it is opened when the first is asked for. */
export async function* readNumbers(file: string, stdin: Readable, options: FileOptions = {}): AsyncGenerator<NumberRow> {
  yield* numbersIn(file === '-' ? stdin : createReadStream(file), nameOfFile(file), options);
}

/**
 * The numbers of a CSV with a `phone_number` column, or of one number a line, each with its row as an editor counts it. What
 * is no such file is a usage error that names the row or the column; whether a number is one is checked later.
 */
export async function* numbersIn(source: Readable, name: string, options: FileOptions = {}): AsyncGenerator<NumberRow> {
  const parser = parse({
    bom: true,
    info: true,
    trim: true,
    skip_empty_lines: true,
    relax_column_count: true,
    max_record_size: LONGEST_ROW,
  });
  // pipe() does not pass on an error of its source.
  source.on('error', (error) => parser.destroy(error));
  source.pipe(parser);
  let first = true;
  let at: number | null = null;
  let found = 0;
  try {
    for await (const { record, info } of parser as AsyncIterable<Row>) {
      if (first) {
        first = false;
        if (options.onOthers !== undefined) at = columnAmongOthers(record, options.onOthers);
        if (at !== null || isHeader(record, name)) continue;
      }
      const [number = '', ...more] = at === null ? record : [record[at] ?? ''];
      if (more.length > 0)
        throw invalid([{ path: `row ${info.lines}`, message: `has ${record.length} values, but only ${COLUMN} is expected` }]);
      found += 1;
      yield { number, at: `row ${info.lines}` };
    }
  } catch (error) {
    throw readable(asError(error), name);
  } finally {
    source.unpipe(parser);
    if (!parser.destroyed) parser.destroy();
    source.destroy();
  }
  if (found === 0) throw invalid([{ path: '--numbers', message: `${name} holds no phone number` }]);
}

/** Where a header with other columns has the numbers; `null` when it is no such header. */
function columnAmongOthers(cells: string[], onOthers: (columns: string[]) => void): number | null {
  const at = cells.findIndex((cell) => normal(cell) === COLUMN);
  const others = cells.filter((cell) => normal(cell) !== COLUMN);
  if (at < 0 || others.length === 0 || others.length < cells.length - 1) return null;
  onOthers(others);
  return at;
}

/** True for a header row; throws when it is one but names other columns. */
function isHeader(cells: string[], name: string): boolean {
  const [only = '', ...more] = cells;
  if (more.length === 0 && looksLikeNumber(only)) return false;
  if (cells.every(looksLikeNumber)) {
    throw invalid([
      { path: 'row 1', message: `has ${cells.length} values and no header; write one number a line, or a ${COLUMN} column` },
    ]);
  }
  const unknown = cells.filter((cell) => normal(cell) !== COLUMN);
  if (unknown.length > 0) {
    const named = unknown.map((cell) => `"${cell}"`).join(', ');
    throw invalid([
      {
        path: '--numbers',
        message: `unknown ${unknown.length === 1 ? 'column' : 'columns'} ${named} in ${name}; only ${COLUMN} is read`,
      },
    ]);
  }
  if (cells.length > 1) throw invalid([{ path: '--numbers', message: `${name} has the column ${COLUMN} ${cells.length} times` }]);
  return true;
}

function looksLikeNumber(cell: string): boolean {
  return /^[+(]?\d/.test(cell);
}

function normal(cell: string): string {
  return cell.toLowerCase().replaceAll(/[\s-]+/g, '_');
}

function readable(error: Error, name: string): Error | ProvisioningError {
  if (isCsvError(error)) {
    const row = 'lines' in error && typeof error['lines'] === 'number' ? `row ${error['lines']}` : '--numbers';
    return invalid([{ path: row, message: `${name} is no readable CSV: ${error.message}` }]);
  }
  const why = 'code' in error ? FILE_PROBLEMS[String(error.code)] : undefined;
  return why === undefined ? error : invalid([{ path: '--numbers', message: `cannot read ${name}: ${why}` }]);
}

const FILE_PROBLEMS: { readonly [code: string]: string } = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a folder',
};

function isCsvError(error: Error): error is CsvError {
  return 'code' in error && String(error.code).startsWith('CSV_');
}
