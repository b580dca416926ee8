import { createReadStream } from 'node:fs';
import { access, constants } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { asError, type ErrorDetail, invalid } from '../domain/errors.ts';
import type { RequestKind } from '../domain/request.ts';
import { emptyReport, type ListReport, notesOf, numbersOf } from '../producers/intake/number-list.ts';
import { rowReader, type ValueColumn, valueColumns } from '../producers/intake/row-values.ts';
import type { NumberRow } from '../producers/intake/stage-numbers.ts';

/** The FILE of `--numbers`, and how to read it. */
export interface ListFile {
  file: string;
  column?: string | undefined;
  country?: string | undefined;
  /** The settings whose values stand in columns of the file. */
  columns?: ValueColumn[] | undefined;
  /** The settings of all rows. The value of a row goes before them. */
  common?: Readonly<Record<string, unknown>>;
  /** The kind of request. A buy refuses numbers that nobody buys on purpose. */
  kind: RequestKind;
}

/** The flags that describe the list. */
export interface ListFlags {
  numbers?: string;
  column?: string;
  country?: string;
  columns?: string;
}

/** Returns the list that the flags name, or `null`. Flags without an effect are refused. Errors: `validation_failed`. */
export function listOf({ numbers, column, country, columns }: ListFlags, kind: RequestKind): ListFile | null {
  if (numbers !== undefined)
    return {
      file: numbers,
      column,
      country,
      kind,
      columns: columns === undefined ? undefined : valueColumns(columns, '--columns'),
    };
  const idle: ErrorDetail[] = [];
  if (column !== undefined) idle.push({ path: '--column', message: 'needs --numbers' });
  if (columns !== undefined) idle.push({ path: '--columns', message: 'needs --numbers' });
  if (country !== undefined && kind !== 'buy') idle.push({ path: '--country', message: 'needs --numbers' });
  if (idle.length > 0) throw invalid(idle);
  return null;
}

/** Returns the name of FILE for messages. `-` is stdin. */
export function nameOfFile(file: string): string {
  return file === '-' ? 'stdin' : file;
}

/** Streams the numbers of FILE, which is opened when the first one is read. It fills `report` meanwhile. */
export async function* readNumbers(
  list: ListFile,
  stdin: Readable,
  report: ListReport = emptyReport(),
): AsyncGenerator<NumberRow> {
  const { file, column, country, kind, columns } = list;
  const name = nameOfFile(file);
  try {
    yield* numbersOf(
      {
        bytes: file === '-' ? stdin : createReadStream(file),
        name,
        at: '--numbers',
        column,
        country,
        home: kind === 'buy' ? 'US' : undefined,
        elsewhere: kind === 'buy' ? 'refuse' : 'tell',
        options: { column: '--column', country: '--country' },
        values: columns && rowReader(columns, list.common ?? {}, '--columns'),
      },
      report,
    );
  } catch (error) {
    throw readable(asError(error), name);
  }
}

/**
 * Does the same, and calls `tell` with the notes before it yields the last number. So people read them before anything is stored
 * or sent.
 */
export async function* tellingNumbers(list: ListFile, stdin: Readable, tell: (note: string) => void): AsyncGenerator<NumberRow> {
  const report = emptyReport();
  yield* readNumbers(list, stdin, report);
  for (const note of notesOf(report)) tell(note);
}

/** Refuses a FILE that cannot be read, before anything is opened or asked. Errors: `validation_failed`. */
export async function requireReadable(file: string): Promise<void> {
  if (file === '-') return;
  await access(file, constants.R_OK).catch(() => {
    throw invalid([{ path: '--numbers', message: `cannot read ${file}: there is no such file, or it may not be read` }]);
  });
}

function readable(error: Error, name: string): Error {
  const why = 'code' in error ? FILE_PROBLEMS[String(error.code)] : undefined;
  return why === undefined ? error : invalid([{ path: '--numbers', message: `cannot read ${name}: ${why}` }]);
}

const FILE_PROBLEMS: { readonly [code: string]: string } = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a folder',
};
