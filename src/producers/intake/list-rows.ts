import { CsvError, parse } from 'csv-parse/sync';
import { invalid } from '../../domain/errors.ts';

/**
 * The longest row, in characters. Without this limit, a quote that is never closed would read the whole file into memory, and so
 * would a file without line ends.
 */
const LONGEST_ROW = 64 * 1024;

/** One row of a table as text. `row` is the number of its first line, as an editor counts. */
export interface Row {
  cells: string[];
  row: number;
}

/** Some lines of a file; `first` is the number of the first one. */
interface Lines {
  lines: string[];
  first: number;
}

/**
 * Reads the rows of a CSV. The delimiter is comma, semicolon, tab or bar, whichever the first row has most, or the one that a line
 * `sep=;` names. Line ends of all systems, quotes and `="…"` (text, as spreadsheets write it) are understood. Blank rows are left
 * out. Throws `validation_failed` with the row of a stray quote, or with the row of the opening quote when it is never closed.
 *
 * csv-parse reads lines with quotes, and all that follow them in a piece of the file. Other lines are split here, which is several
 * times as fast, and most long lists have no quote.
 */
export async function* rowsOf(text: AsyncIterable<string>): AsyncGenerator<Row> {
  let delimiter: string | undefined;
  let quoted: Lines | undefined;
  for await (const { lines, first } of linesOf(text)) {
    for (const [i, line] of lines.entries()) {
      if (quoted !== undefined) {
        quoted.lines.push(line);
        continue;
      }
      if (delimiter === undefined) {
        if (line.trim() === '') continue;
        const declared = /^"?sep=(.)"?[\s,;]*$/i.exec(line)?.[1];
        delimiter = declared ?? delimiterOf(line);
        if (declared !== undefined) continue;
      }
      if (line.includes('"')) quoted = { lines: [line], first: first + i };
      else {
        const cells = line.split(delimiter).map(trimmed);
        if (!isBlank(cells)) yield { cells, row: first + i };
      }
    }
    if (quoted === undefined || isOpen(quoted)) continue;
    yield* quotedRows(quoted, delimiter ?? ',');
    quoted = undefined;
  }
  if (quoted !== undefined) yield* quotedRows(quoted, delimiter ?? ',');
}

const trimmed = (cell: string): string => cell.trim();

const isBlank = (cells: readonly string[]): boolean => cells.every((cell) => cell === '');

/** True when a quote may be closed by a later line. After so many lines without one, csv-parse names the row of the quote. */
function isOpen({ lines }: Lines): boolean {
  let quotes = 0;
  let size = 0;
  for (const line of lines) {
    size += line.length;
    for (let at = line.indexOf('"'); at >= 0; at = line.indexOf('"', at + 1)) quotes += 1;
  }
  return quotes % 2 === 1 && size <= 2 * LONGEST_ROW;
}

/** Reads lines of which the first one has a quote. The rows before a broken one come first. */
function* quotedRows({ lines, first }: Lines, delimiter: string): Generator<Row> {
  const rows: Row[] = [];
  let next = first;
  let broken: unknown;
  try {
    parse(withoutFormulas(lines.join('\n'), delimiter), {
      delimiter,
      record_delimiter: ['\n'],
      relax_column_count: true,
      trim: true,
      on_record: (record: string[], { lines: read }) => {
        const cells = record.map(trimmed);
        if (!isBlank(cells)) rows.push({ cells, row: next });
        next = first + read;
        return null;
      },
    });
  } catch (error) {
    broken = error;
  }
  yield* rows;
  if (broken !== undefined) throw refusalOf(broken, first, next);
}

/** `="…"` as `"…"`. Spreadsheets write a text in this way, so that nobody takes it for a number. */
function withoutFormulas(text: string, delimiter: string): string {
  if (!text.includes('="')) return text;
  const d = delimiter.replace(/[\\\]^-]/, '\\$&');
  return text.replaceAll(new RegExp(`(^|[${d}\\n])([ \\t]*)=("[^"]*"[ \\t]*)(?=[${d}\\n]|$)`, 'g'), '$1$2$3');
}

const QUOTE_PROBLEMS: Readonly<Record<string, string>> = {
  INVALID_OPENING_QUOTE: 'has a quote in the middle of a value; a quote inside quotes is written twice',
  CSV_INVALID_CLOSING_QUOTE: 'has text behind a closing quote',
  CSV_NON_TRIMABLE_CHAR_AFTER_CLOSING_QUOTE: 'has text behind a closing quote',
};

/** What csv-parse could not read, with its row. `next` is the first line of the row that it was reading. */
function refusalOf(error: unknown, first: number, next: number): Error {
  if (!(error instanceof CsvError)) throw error;
  if (error.code === 'CSV_QUOTE_NOT_CLOSED') return refusal(next, 'a quote is opened here and never closed');
  const message = QUOTE_PROBLEMS[error.code];
  if (message === undefined) throw error;
  return refusal(first - 1 + Number(error['lines']), message);
}

const refusal = (at: number, message: string) => invalid([{ path: `row ${at}`, message }]);

/** The delimiter that occurs most outside quotes; a comma when none occurs. */
function delimiterOf(line: string): string {
  const bare = line.replaceAll(/"[^"]*"/g, '');
  const count = (d: string) => bare.split(d).length - 1;
  return ['\t', ';', '|'].reduce((best, d) => (count(d) > count(best) ? d : best), ',');
}

/** Splits text into lines without their ends, for the line ends of all systems. */
async function* linesOf(text: AsyncIterable<string>): AsyncGenerator<Lines> {
  let rest = '';
  let first = 1;
  for await (const piece of text) {
    // A piece may end in the middle of a line end of two characters. Its first character waits for the next piece.
    const all = rest + piece;
    const held = all.endsWith('\r') ? '\r' : '';
    const lines = all.slice(0, all.length - held.length).split(/\r\n|\n|\r/);
    rest = (lines.pop() ?? '') + held;
    yield { lines, first };
    first += lines.length;
    if (rest.length > LONGEST_ROW) throw refusal(first, `is longer than ${LONGEST_ROW} characters`);
  }
  yield { lines: rest.split(/\r\n|\n|\r/), first };
}
