import type { Writable } from 'node:stream';
import { visible } from '../domain/text.ts';

export type Colour = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold';
export type Paint = (colour: Colour, text: string) => string;

const CODES: Record<Colour, [number, number]> = {
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
  dim: [2, 22],
  bold: [1, 22],
};

/** Returns a function that colours texts, or leaves them unchanged when the stream is not a terminal. */
export function painter(on: boolean): Paint {
  return (colour, text) => (on ? `\u001b[${CODES[colour][0]}m${text}\u001b[${CODES[colour][1]}m` : text);
}

/** A text and its colour. It is coloured when printed, after its control characters were made visible. */
export interface Painted {
  colour: Colour;
  text: string;
}

/** One cell of a table or of a list of pairs. */
export type Cell = string | Painted;

export function painted(colour: Colour, text: string): Painted {
  return { colour, text };
}

/**
 * Makes the control characters of a text visible. Every printed text passes here, so that no text of others moves, hides or
 * reverses anything.
 */
function shown(cell: Cell): { text: string; colour: Colour | null } {
  return typeof cell === 'string' ? { text: visible(cell), colour: null } : { text: visible(cell.text), colour: cell.colour };
}

/** Returns how many columns a text takes on the screen. */
export function widthOf(text: string): number {
  return [...text].length;
}

export interface Column {
  title: string;
  align?: 'left' | 'right';
}

/** Formats aligned columns with two blanks between them and no trailing blanks. */
export function table(
  columns: readonly (Column | string)[],
  rows: readonly (readonly Cell[])[],
  paint: Paint = painter(false),
): string {
  const heads: Column[] = columns.map((c) => (typeof c === 'string' ? { title: c } : c));
  const cells = rows.map((row) => heads.map((_, i) => shown(row[i] ?? '')));
  const widths = heads.map((head, i) => Math.max(widthOf(head.title), ...cells.map((row) => widthOf(row[i]?.text ?? ''))));
  const line = (row: readonly ReturnType<typeof shown>[]) =>
    heads
      .map((head, i) => {
        const { text, colour } = row[i] ?? shown('');
        const blanks = ' '.repeat(Math.max(0, (widths[i] ?? 0) - widthOf(text)));
        const printed = colour === null ? text : paint(colour, text);
        return head.align === 'right' ? blanks + printed : printed + blanks;
      })
      .join('  ')
      .trimEnd();
  return [paint('dim', line(heads.map((h) => shown(h.title)))), ...cells.map(line)].join('\n');
}

/** Formats `name  value` lines with aligned values. Pairs without a value are left out. */
export function pairs(entries: readonly (readonly [string, Cell | null])[], paint: Paint = painter(false)): string {
  const there = entries.flatMap(([name, value]) => (value === null ? [] : [[name, shown(value)] as const]));
  const width = Math.max(0, ...there.map(([name]) => widthOf(name)));
  return there
    .map(([name, { text, colour }]) => `${paint('dim', name.padEnd(width))}  ${colour === null ? text : paint(colour, text)}`)
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
