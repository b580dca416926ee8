import { isUtf8 } from 'node:buffer';
import { invalid } from '../../domain/errors.ts';

/** How many bytes of a list are examined before it is treated as text. */
const FIRST_BYTES = 8 * 1024;

/** A list as bytes, and its name in messages. */
export interface ListBytes {
  bytes: AsyncIterable<Uint8Array | string>;
  /** For example `list.csv`, `stdin` or `the body`. */
  name: string;
  /** The path for a problem of the whole list, for example `--numbers`. */
  at: string;
}

/**
 * Decodes a list piece by piece: as UTF-8, as UTF-16 of either byte order, otherwise as Windows-1252, which spreadsheets write
 * without Unicode. Throws `validation_failed` for a file that is no text, and names its format.
 */
export async function* textOf(list: ListBytes): AsyncGenerator<string> {
  let decode: Decode | undefined;
  let begin: Buffer[] = [];
  let size = 0;
  for await (const piece of list.bytes) {
    const bytes = Buffer.from(piece);
    if (decode !== undefined) {
      yield decode(bytes, false);
      continue;
    }
    begin.push(bytes);
    size += bytes.length;
    if (size < FIRST_BYTES) continue;
    const first = Buffer.concat(begin);
    begin = [];
    decode = decoderFor(first, list);
    yield decode(first, false);
  }
  const rest = Buffer.concat(begin);
  yield (decode ?? decoderFor(rest, list))(rest, true);
}

type Decode = (bytes: Buffer, last: boolean) => string;

function decoderFor(first: Buffer, { name, at }: ListBytes): Decode {
  const encoding = utf16In(first);
  if (encoding !== null) {
    const decoder = new TextDecoder(encoding);
    return (bytes, last) => decoder.decode(bytes, { stream: !last });
  }
  const what = formatOf(first.subarray(0, FIRST_BYTES));
  if (what !== null) throw invalid([{ path: at, message: `${name} is ${what}` }]);
  return utf8();
}

/**
 * The byte order of UTF-16, by its mark, or by the position of the zero bytes of plain letters and digits. `null` for other
 * encodings.
 */
function utf16In(first: Buffer): 'utf-16le' | 'utf-16be' | null {
  if (first[0] === 0xff && first[1] === 0xfe) return first[2] === 0 && first[3] === 0 ? null : 'utf-16le';
  if (first[0] === 0xfe && first[1] === 0xff) return 'utf-16be';
  const sample = first.subarray(0, 64);
  if (sample.length < 8) return null;
  const zeros = (parity: number) => sample.filter((byte, i) => i % 2 === parity && byte === 0).length;
  const [even, odd] = [zeros(0), zeros(1)];
  if (odd === Math.floor(sample.length / 2) && even === 0) return 'utf-16le';
  return even === Math.ceil(sample.length / 2) && odd === 0 ? 'utf-16be' : null;
}

const WORKBOOK = 'an Excel workbook: save it as CSV';
const PICTURE = 'a picture and no text';
const ARCHIVE = 'an archive: unpack it first';
/** The first bytes of known formats, and the name of each format. */
const FORMATS: readonly (readonly [begins: string, what: string])[] = [
  ['\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', WORKBOOK],
  ['\x1f\x8b', 'compressed by gzip: unpack it first'],
  ['BZh', 'compressed by bzip2: unpack it first'],
  ['\xfd7zXZ\0', 'compressed by xz: unpack it first'],
  ['\x28\xb5\x2f\xfd', 'compressed by zstd: unpack it first'],
  ['7z\xbc\xaf\x27\x1c', ARCHIVE],
  ['Rar!\x1a\x07', ARCHIVE],
  ['%PDF', 'a PDF: the list is needed as CSV'],
  ['\x89PNG', PICTURE],
  ['\xff\xd8\xff', PICTURE],
  ['GIF8', PICTURE],
  ['SQLite format 3\0', 'a database: export the list as CSV'],
  ['PAR1', 'a Parquet file: export the list as CSV'],
  ['{\\rtf', 'a text document (RTF): save the list as CSV'],
  ['\xff\xfe\0\0', 'UTF-32 text: save it as UTF-8'],
  ['\0\0\xfe\xff', 'UTF-32 text: save it as UTF-8'],
];
/** The first characters of texts that are no list, and the name of each format. */
const TEXTS: readonly (readonly [begins: RegExp, what: string])[] = [
  [/^<(!doctype html|html|table|head|body|meta)/i, 'a web page: save the list as CSV'],
  [/^<\?xml/i, 'XML: save the list as CSV'],
  [/^[{[]\s*["{[\]}]/, 'JSON: the list is needed as CSV, or one number a line'],
  [/^BEGIN:VCARD/i, 'a file of contacts (vCard): save the list as CSV'],
];

/** The format of bytes that are no list; `null` when they may be a list. */
function formatOf(first: Buffer): string | null {
  const begin = first.toString('latin1');
  if (begin.startsWith('PK\x03\x04') || begin.startsWith('PK\x05\x06')) return zipOf(begin);
  const known = FORMATS.find(([begins]) => begin.startsWith(begins));
  if (known !== undefined) return known[1];
  const text = TEXTS.find(([begins]) => begins.test(begin.replace(/^\xef\xbb\xbf/, '').trimStart()));
  if (text !== undefined) return text[1];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern tells binary data from text
  return /[\x00-\x08\x0e-\x19\x1c-\x1f]/.test(begin) ? 'binary and no text: save the list as CSV' : null;
}

/** The format of a zip archive. Workbooks and documents are zip archives that name their parts in plain letters. */
function zipOf(begin: string): string {
  if (begin.includes('opendocument.spreadsheet')) return 'an OpenDocument spreadsheet: save it as CSV';
  if (begin.includes('Index/Document.iwa') || begin.includes('.iwa')) return 'a Numbers spreadsheet: export it as CSV';
  if (begin.includes('word/')) return 'a Word document: the list is needed as CSV';
  return begin.includes('[Content_Types].xml') || begin.includes('xl/') || begin.includes('_rels/.rels')
    ? WORKBOOK
    : 'a zip archive: unpack it first';
}

/**
 * Decodes UTF-8. A piece that is not UTF-8 is read as Windows-1252, so that a letter of a name never becomes part of a number.
 */
function utf8(): Decode {
  const decoder = new TextDecoder('utf-8');
  const other = new TextDecoder('windows-1252');
  let rest = Buffer.alloc(0);
  return (bytes, last) => {
    const all = Buffer.concat([rest, bytes]);
    const whole = last ? all.length : endOfWhole(all);
    rest = all.subarray(whole);
    const part = all.subarray(0, whole);
    return isUtf8(part) ? decoder.decode(part) : other.decode(part).replace(/^ï»¿/, '');
  };
}

/** The end of the last complete character. */
function endOfWhole(bytes: Buffer): number {
  for (let at = bytes.length - 1; at >= Math.max(0, bytes.length - 3); at -= 1) {
    const byte = bytes[at] ?? 0;
    if (byte < 0x80) return bytes.length;
    if (byte < 0xc0) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return at + length > bytes.length ? at : bytes.length;
  }
  return bytes.length;
}
