import type { Writable } from 'node:stream';

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

/** Colours, or none at all when the stream is not a terminal. */
export function painter(on: boolean): Paint {
  return (colour, text) => (on ? `\u001b[${CODES[colour][0]}m${text}\u001b[${CODES[colour][1]}m` : text);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what colours begin with
const ESCAPES = /\u001b\[\d+m/g;

/** How many columns a text takes on the screen. */
export function widthOf(text: string): number {
  return [...text.replace(ESCAPES, '')].length;
}

export interface Column {
  title: string;
  align?: 'left' | 'right';
}

/** Aligned columns, two blanks between them; no trailing blanks. */
export function table(
  columns: readonly (Column | string)[],
  rows: readonly (readonly string[])[],
  paint: Paint = painter(false),
): string {
  const heads: Column[] = columns.map((c) => (typeof c === 'string' ? { title: c } : c));
  const widths = heads.map((head, i) => Math.max(widthOf(head.title), ...rows.map((row) => widthOf(row[i] ?? ''))));
  const line = (cells: readonly string[]) =>
    heads
      .map((head, i) => {
        const cell = cells[i] ?? '';
        const blanks = ' '.repeat(Math.max(0, (widths[i] ?? 0) - widthOf(cell)));
        return head.align === 'right' ? blanks + cell : cell + blanks;
      })
      .join('  ')
      .trimEnd();
  return [paint('dim', line(heads.map((h) => h.title))), ...rows.map(line)].join('\n');
}

/** `name  value` lines with the values under one another; pairs without a value are left out. */
export function pairs(entries: readonly (readonly [string, string | null])[], paint: Paint = painter(false)): string {
  const shown = entries.flatMap(([name, value]) => (value === null ? [] : [[name, value] as const]));
  const width = Math.max(0, ...shown.map(([name]) => widthOf(name)));
  return shown.map(([name, value]) => `${paint('dim', name.padEnd(width))}  ${value}`).join('\n');
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
