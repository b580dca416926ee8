import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

const ESCAPED: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\r': '\\r', '\n': '\\n' };

/** Writes a value in COPY's text format: backslash, tab, CR and LF are escaped, and `\N` stands for null. */
export function copyField(value: string | boolean | null): string {
  if (value === null) return '\\N';
  return String(value).replace(/[\\\t\r\n]/g, (c) => ESCAPED[c] ?? c);
}

/** Sends lines in COPY's text format. `copy` is a statement `copy … from stdin`. */
export async function sendCopy(copy: { writable(): Promise<Writable> }, lines: string): Promise<void> {
  await pipeline(Readable.from([Buffer.from(lines)]), await copy.writable());
}
