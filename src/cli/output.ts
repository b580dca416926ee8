import type { Writable } from 'node:stream';
import { visible } from '../domain/text.ts';

export type Colour = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold';
/** Colours a text, and knows how wide the terminal is. */
export interface Paint {
  (colour: Colour, text: string): string;
  /** The columns of the terminal. `null` off a terminal: there nothing is shortened, so that programs read whole values. */
  readonly width: number | null;
}

const CODES: Record<Colour, [number, number]> = {
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
  dim: [2, 22],
  bold: [1, 22],
};

/** Returns a function that colours texts, or leaves them unchanged. `width` is that of the terminal, if there is one. */
export function painter(on: boolean, width: number | null = null): Paint {
  const paint = (colour: Colour, text: string) => (on ? `\u001b[${CODES[colour][0]}m${text}\u001b[${CODES[colour][1]}m` : text);
  return Object.assign(paint, { width });
}

/** A text and its colour. It is coloured when printed, after its control characters were made visible. */
export interface Painted {
  colour: Colour;
  text: string;
}

/** One cell of a table or of a list of pairs. */
export type Cell = string | Painted;

interface Shown {
  text: string;
  colour: Colour | null;
}

export function painted(colour: Colour, text: string): Painted {
  return { colour, text };
}

/**
 * Makes the control characters of a text visible. Every printed text passes here, so that no text of others moves, hides or
 * reverses anything.
 */
function shown(cell: Cell): Shown {
  return typeof cell === 'string' ? { text: visible(cell), colour: null } : { text: visible(cell.text), colour: cell.colour };
}

/** Returns how many columns a text takes on the screen. */
export function widthOf(text: string): number {
  return [...text].length;
}

export interface Column {
  title: string;
  align?: 'left' | 'right';
  /** What happens to long texts when the terminal is too narrow: they end in an ellipsis, or go on in the next line. */
  fit?: 'cut' | 'fold';
}

/** Narrower than this, a column is of no use to anybody. */
const LEAST = 8;
const GAP = 2;

/**
 * Formats aligned columns with two blanks between them and no trailing blanks. On a terminal, columns without any text are left
 * out, and the columns that may shrink do so until a row fits into the width.
 */
export function table(
  columns: readonly (Column | string)[],
  rows: readonly (readonly Cell[])[],
  paint: Paint = painter(false),
): string {
  const all = columns.map((c, i) => ({
    head: typeof c === 'string' ? { title: c } : c,
    cells: rows.map((row) => shown(row[i] ?? '')),
  }));
  const used = paint.width === null ? all : all.filter(({ cells }) => cells.length === 0 || cells.some((c) => c.text !== ''));
  const widths = fitted(
    used.map(({ head, cells }) => ({
      width: Math.max(widthOf(head.title), ...cells.map((c) => widthOf(c.text))),
      shrinks: 'fit' in head && head.fit !== undefined,
    })),
    paint.width,
  );
  const placed = used.map(({ head, cells }, i): PlacedColumn => ({ head, cells, width: widths[i] ?? 0 }));
  const title = placed.map(({ head, width }) => aligned(head, head.title, head.title, width));
  return [paint('dim', title.join(' '.repeat(GAP)).trimEnd()), ...rows.flatMap((_, r) => linesOfRow(placed, r, paint))].join(
    '\n',
  );
}

interface PlacedColumn {
  head: Column;
  cells: readonly Shown[];
  width: number;
}

/** The lines of one row. A cell that is folded makes it higher than one. */
function linesOfRow(columns: readonly PlacedColumn[], row: number, paint: Paint): string[] {
  const cells = columns.map(({ head, cells: of, width }) => {
    const { text, colour } = of[row] ?? shown('');
    const lines = head.fit === 'cut' ? [cutTo(text, width)] : fold(text, width);
    return { head, width, lines, colour };
  });
  const height = Math.max(1, ...cells.map(({ lines }) => lines.length));
  return Array.from({ length: height }, (_, n) =>
    cells
      .map(({ head, width, lines, colour }) => {
        const text = lines[n] ?? '';
        return aligned(head, text, colour === null || text === '' ? text : paint(colour, text), width);
      })
      .join(' '.repeat(GAP))
      .trimEnd(),
  );
}

function aligned(head: Column, text: string, printed: string, width: number): string {
  const blanks = ' '.repeat(Math.max(0, width - widthOf(text)));
  return head.align === 'right' ? blanks + printed : printed + blanks;
}

/** Takes width from the widest column that may shrink, until a row fits. */
function fitted(columns: readonly { width: number; shrinks: boolean }[], most: number | null): number[] {
  const widths = columns.map((c) => c.width);
  if (most === null) return widths;
  const over = () => widths.reduce((sum, w) => sum + w + GAP, -GAP) - most;
  while (over() > 0) {
    const room = columns.map((c, i) => (c.shrinks && (widths[i] ?? 0) > LEAST ? (widths[i] ?? 0) : 0));
    const widest = Math.max(...room);
    if (widest === 0) break;
    widths[room.indexOf(widest)] = widest - 1;
  }
  return widths;
}

/** Cuts a text to so many columns; an ellipsis marks the cut. */
export function cutTo(text: string, width: number): string {
  const chars = [...text];
  return chars.length <= width
    ? text
    : `${chars
        .slice(0, width - 1)
        .join('')
        .trimEnd()}…`;
}

/** Breaks a text at blanks into lines of at most `width` columns. A longer word is broken where the line ends. */
export function fold(text: string, width: number): string[] {
  if (widthOf(text) <= width) return [text];
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    let rest = [...word];
    if (line !== '' && widthOf(line) + 1 + rest.length > width) {
      lines.push(line);
      line = '';
    }
    for (; rest.length > width; rest = rest.slice(width)) lines.push(rest.slice(0, width).join(''));
    line = line === '' ? rest.join('') : `${line} ${rest.join('')}`;
  }
  return [...lines, line];
}

/**
 * Formats `name  value` lines with aligned values. Pairs without a value are left out. On a terminal a long value goes on in the
 * next line, below its beginning.
 */
export function pairs(entries: readonly (readonly [string, Cell | null])[], paint: Paint = painter(false)): string {
  const there = entries.flatMap(([name, value]) => (value === null ? [] : [[name, shown(value)] as const]));
  const width = Math.max(0, ...there.map(([name]) => widthOf(name)));
  const room = paint.width === null ? Number.POSITIVE_INFINITY : Math.max(20, paint.width - width - GAP);
  return there
    .flatMap(([name, { text, colour }]) =>
      fold(text, room).map((line, n) => {
        const lead = n === 0 ? paint('dim', name.padEnd(width)) : ' '.repeat(width);
        return `${lead}${' '.repeat(GAP)}${colour === null ? line : paint(colour, line)}`;
      }),
    )
    .join('\n');
}

/** `12,345` */
export function count(n: number): string {
  return n.toLocaleString('en-US');
}

/** `12 numbers`, `1 number` */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** `100.00 USD` */
export function moneyWith(amount: string | null, currency: string | null): string {
  return amount === null ? '-' : `${amount} ${currency ?? 'USD'}`;
}

/** `1.4 s`, `2 min 05 s` */
export function seconds(ms: number): string {
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const whole = Math.round(ms / 1_000);
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
}

/** Writes one line and waits while the reader is slow. */
export async function writeLine(to: Writable, text: string): Promise<void> {
  if (to.write(`${text}\n`)) return;
  await new Promise<void>((resolve) => {
    const go = () => {
      to.off('drain', go).off('close', go).off('error', go);
      resolve();
    };
    to.on('drain', go).on('close', go).on('error', go);
  });
}
