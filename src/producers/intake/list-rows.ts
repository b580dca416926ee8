import { invalid } from '../../domain/errors.ts';

/** A quote that is never closed, or a file without line ends, would otherwise be read into memory as a whole. */
const LONGEST_ROW = 64 * 1024;

/** One row of a table as text; `row` is the line, as an editor counts, on which it begins. */
export interface Row {
  cells: string[];
  row: number;
}

/**
 * The rows of a CSV: comma, semicolon or tab, whichever the first row has most, or what a line `sep=;` says. Line ends of all
 * systems, quotes, and `="…"` (text, as spreadsheets write it) are read; blank rows are left out. Throws `validation_failed` with
 * the row of a stray quote, and with the row of the opening quote when it is never closed.
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
  /** Before the content of a cell, in a plain one, inside quotes, behind the closing quote. */
  state: 'start' | 'plain' | 'quoted' | 'closed';
  /** The line of the last opening quote. */
  quoteAt: number;
  size: number;
}

/** Adds one line to a row; the row ends with it unless a quote is open. */
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

/** Outside quotes, what stands there most; a comma when nothing does. */
function delimiterOf(line: string): string {
  const bare = line.replaceAll(/"[^"]*"/g, '');
  const count = (d: string) => bare.split(d).length - 1;
  return ['\t', ';'].reduce((best, d) => (count(d) > count(best) ? d : best), ',');
}

/** Lines of any system, with their ends taken off. */
async function* linesOf(text: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  let line = 1;
  for await (const piece of text) {
    // A line end of two characters may be cut in its middle: the first waits for what follows.
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
