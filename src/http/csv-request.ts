import { setImmediate as breathe } from 'node:timers/promises';
import { z } from 'zod';
import { type ErrorDetail, invalid, ProvisioningError } from '../domain/errors.ts';
import { emptyReport, type ListReport, notesOf, numbersOf } from '../producers/intake/number-list.ts';
import { rowReader, type ValueColumn, valueColumns } from '../producers/intake/row-values.ts';
import { listProblems, type NumberRow, noteOfRepeats, type Repeats } from '../producers/intake/stage-numbers.ts';
import { parseRequest } from '../producers/intake/validate.ts';
import type { App } from './deps.ts';

/** The query of a request whose body is a list of numbers. It carries the other fields of the request. */
export const csvQuery = z
  .looseObject({
    column: z.string().max(200).optional().describe('With text/csv: the column with the numbers'),
    country: z.string().max(10).optional().describe('With text/csv: the country of numbers without +'),
    columns: z
      .string()
      .max(1_000)
      .optional()
      .describe('With text/csv and kind=update: the settings whose values stand in columns, row by row: connection_id,tags'),
  })
  .describe(
    'With text/csv: the fields of the body but phone_numbers, such as kind=delete&expected_count=300 or set.add_tags=a,b',
  );

/**
 * Accepts CSV bodies. They are read completely first, within the limit of the route, so that a slow sender holds no database
 * connection.
 */
export function readCsv(app: App): void {
  app.addContentTypeParser('text/csv', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
}

/** A request whose numbers came as CSV. */
export interface CsvRequest {
  body: Record<string, unknown>;
  numbers: AsyncGenerator<NumberRow>;
  /** Filled while the numbers are read. */
  report: ListReport;
  /** The settings whose values the rows bring. */
  columns?: string[];
}

/** How the numbers of a CSV body come in; nothing for a body of JSON. */
export const listOptions = (csv: CsvRequest | null) =>
  csv === null
    ? {}
    : { numbers: csv.numbers, repeats: 'once' as const, ...(csv.columns !== undefined && { columns: csv.columns }) };

/** What the caller should know of how a CSV body was read. Call it when the numbers have been read. */
export const notesOfCsv = (csv: CsvRequest | null, repeats: Repeats): string[] =>
  csv === null ? [] : [...notesOf(csv.report), noteOfRepeats(repeats)].filter((n) => n !== null);

/** Builds the request from a CSV body and its query. Throws `validation_failed` with every problem of both. */
export async function csvRequest(bytes: Buffer, query: z.infer<typeof csvQuery>): Promise<CsvRequest> {
  const { column, country, columns, ...fields } = query;
  const report = emptyReport();
  const { body, problems } = bodyOf(fields);
  const named = columns === undefined ? undefined : columnsIn(columns, body, problems);
  const values = named && rowReader(named, isFields(body['set']) ? body['set'] : {}, 'columns');
  const read = () =>
    numbersOf(
      {
        bytes: inPieces(bytes),
        name: 'the body',
        at: 'body',
        column,
        country,
        elsewhere: 'refuse',
        options: { column: 'column', country: 'country' },
        values,
      },
      report,
    );
  problems.push(...problemsOf(body, columns !== undefined));
  if (problems.length > 0) throw invalid([...problems, ...(await listProblems(read(), 'once'))]);
  return { body, numbers: read(), report, ...(named && { columns: named.map((c) => c.field) }) };
}

const isFields = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The columns with values, or `undefined` when they are refused. */
function columnsIn(text: string, body: Record<string, unknown>, problems: ErrorDetail[]): ValueColumn[] | undefined {
  if (body['kind'] !== 'update') problems.push({ path: 'columns', message: 'is for updates only' });
  try {
    return valueColumns(text, 'columns');
  } catch (error) {
    problems.push(...detailsOf(error));
    return undefined;
  }
}

function problemsOf(body: Record<string, unknown>, byRow: boolean): ErrorDetail[] {
  try {
    parseRequest(body, { streamed: true, byRow });
    return [];
  } catch (error) {
    return detailsOf(error);
  }
}

/** The problems that a refusal of input lists. Throws any other error. */
function detailsOf(error: unknown): ErrorDetail[] {
  if (error instanceof ProvisioningError && error.code === 'validation_failed') return error.details;
  throw error;
}

const PIECE = 64 * 1024;

/** Yields the body in pieces, so that other requests get their turn in between. */
async function* inPieces(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += PIECE) {
    yield bytes.subarray(at, at + PIECE);
    await breathe();
  }
}

const BOOLEANS = /^(include_locked|include_emergency|skip_gone|reserve|all_or_nothing|\w+_enabled)$/;
const NUMBERS = /^(expected_count|canary|stop_above)$/;
const LISTS = /^(tags|add_tags|remove_tags)$/;

/** Turns the fields of a query into a body. `set.add_tags=a,b` is a field of `set`; a whole object or list may be JSON. */
function bodyOf(query: Record<string, unknown>): { body: Record<string, unknown>; problems: ErrorDetail[] } {
  const fields = new Map<string, unknown>();
  const parts = new Map<string, Map<string, unknown>>();
  const problems: ErrorDetail[] = [];
  for (const [key, text] of Object.entries(query)) {
    const [, part, name = key] = /^(set|assign|where)\.(.+)$/.exec(key) ?? [];
    if (typeof text !== 'string') problems.push({ path: key, message: 'is given twice' });
    else if (part === undefined) fields.set(key, typed(key, text));
    else parts.set(part, (parts.get(part) ?? new Map<string, unknown>()).set(name, typed(name, text)));
  }
  for (const [part, values] of parts) {
    if (fields.has(part)) problems.push({ path: part, message: 'is given twice' });
    fields.set(part, Object.fromEntries(values));
  }
  return { body: Object.fromEntries(fields), problems };
}

/** Converts a value to the type of its field. A value of another shape stays text, and the check of the body reports it. */
function typed(name: string, text: string): unknown {
  if (BOOLEANS.test(name) && /^(true|false)$/.test(text)) return text === 'true';
  if (NUMBERS.test(name) && /^\d{1,15}(\.\d{1,9})?$/.test(text)) return Number(text);
  if (LISTS.test(name) && !text.startsWith('[')) return text.split(',').flatMap((t) => (t.trim() === '' ? [] : [t.trim()]));
  if (!/^[{[]|^null$/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
