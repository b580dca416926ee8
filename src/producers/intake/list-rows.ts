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

/**
 * Reads the rows of a CSV. The delimiter is comma, semicolon or tab, whichever the first row has most, or the one that a line
 * `sep=;` names. Line ends of all systems, quotes and `="…"` (text, as spreadsheets write it) are understood. Blank rows are left
 * out. Throws `validation_failed` with the row of a stray quote, or with the row of the opening quote when it is never closed.
 */
export async function* rowsOf(text: AsyncIterable<string>): AsyncGenerator<Row> {
  let delimiter: string | undefined;
  let open: OpenRow | undefined;
  let line = 0;
  for await (const content of linesOf(text)) {
    line += 1;
    if (open === undefined && content.trim() === '') continue;
    if (delimiter === undefined) {
      const declared = /^"?sep=(.)"?[\s,;]*$/i.exec(content)?.[1];
      delimiter = declared ?? delimiterOf(content);
      if (declared !== undefined) continue;
    }
    const row: OpenRow = open ?? { cells: [], cell: '', state: 'start', row: line, quoteAt: line, size: 0 };
    feed(row, content, delimiter, line);
    open = row.state === 'quoted' ? row : undefined;
    if (open === undefined && row.cells.some((cell) => cell !== '')) yield { cells: row.cells, row: row.row };
  }
  if (open !== undefined) throw refusal(open.quoteAt, 'a quote is opened here and never closed');
}

interface OpenRow extends Row {
  cell: string;
  /** Where the reader is: before the content of a cell, in a plain cell, inside quotes, or after the closing quote. */
  state: 'start' | 'plain' | 'quoted' | 'closed';
  /** The line of the last opening quote. */
  quoteAt: number;
  size: number;
}

/** Adds one line to a row. The row ends with the line unless a quote is open. */
function feed(row: OpenRow, line: string, delimiter: string, at: number): void {
  row.size += line.length;
  if (row.size > LONGEST_ROW) throw refusal(row.quoteAt, 'a quote is opened here and not closed soon');
  if (row.state === 'start' && !line.includes('"')) {
    row.cells.push(...line.split(delimiter).map((cell) => cell.trim()));
    row.state = 'closed';
    return;
  }
  if (row.state === 'quoted') row.cell += '\n';
  const next = (): void => {
    row.cells.push(row.cell.trim());
    row.cell = '';
    row.state = 'start';
  };
  for (let i = 0; i < line.length; i += 1) {
    const c = line[i] ?? '';
    if (row.state === 'quoted') {
      if (c !== '"') row.cell += c;
      else if (line[i + 1] === '"') {
        row.cell += c;
        i += 1;
      } else row.state = 'closed';
    } else if (c === delimiter) next();
    else if (c === '"' && row.state === 'start' && /^=?$/.test(row.cell.trim())) {
      row.cell = '';
      row.state = 'quoted';
      row.quoteAt = at;
    } else if (c === '"') throw refusal(at, 'has a quote in the middle of a value; a quote inside quotes is written twice');
    else if (row.state === 'closed' && c.trim() !== '') throw refusal(at, 'has text behind a closing quote');
    else if (row.state !== 'closed') {
      row.cell += c;
      if (/^[^=\s]/.test(row.cell.trimStart()) || row.cell.trimStart().length > 1) row.state = 'plain';
    }
  }
  if (row.state !== 'quoted') {
    next();
    row.state = 'closed';
  }
}

const refusal = (row: number, message: string) => invalid([{ path: `row ${row}`, message }]);

/** The delimiter that occurs most outside quotes; a comma when none occurs. */
function delimiterOf(line: string): string {
  const bare = line.replaceAll(/"[^"]*"/g, '');
  const count = (d: string) => bare.split(d).length - 1;
  return ['\t', ';'].reduce((best, d) => (count(d) > count(best) ? d : best), ',');
}

/** Splits text into lines without their ends, for the line ends of all systems. */
async function* linesOf(text: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  let line = 1;
  for await (const piece of text) {
    // A piece may end in the middle of a line end of two characters. Its first character waits for the next piece.
    const all = rest + piece;
    const held = all.endsWith('\r') ? '\r' : '';
    const lines = all.slice(0, all.length - held.length).split(/\r\n|\n|\r/);
    rest = (lines.pop() ?? '') + held;
    yield* lines;
    line += lines.length;
    if (rest.length > LONGEST_ROW) throw refusal(line, `is longer than ${LONGEST_ROW} characters`);
  }
  yield* rest.split(/\r\n|\n|\r/);
}
