import { type E164, isE164 } from './phone-number.ts';

/**
 * What one cell of a list was understood as. `text` is the cell without wrappers, marks and blanks; a number that differs from it
 * was rewritten. A `national` number has no `+`, so a country must be known to read it.
 */
export type PhoneCell =
  | { kind: 'empty' }
  | { kind: 'e164'; number: E164; text: string }
  | { kind: 'national'; digits: string; text: string }
  | { kind: 'problem'; message: string };

/** A longer cell is refused. Any number is shorter, with everything that people write around it. */
const LONGEST = 200;
/**
 * Marks without a shape of their own (Unicode Cf) and blanks; they are removed. Marks that carry a meaning stay and are named in
 * the message: number signs of Arabic and Syriac, and the invisible "tag" copies of letters and digits.
 */
const DROPPED = /(?![\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{e0000}-\u{e007f}])[\p{Cf}\p{Zs}\t]/gu;
/** Full-width forms of ASCII, and the digits of Arabic and Persian. Each stands for exactly one ASCII character. */
const OTHER_FORMS = /[\uff01-\uff5e\u0660-\u0669\u06f0-\u06f9]/g;
/** How spreadsheets and their exports mark a text, and how links mark a call. Each pattern removes one layer. */
const WRAPPINGS = [
  /^'(.*)'$/,
  /^['’‘`](.*)$/,
  /^["“”„](.*)["“”]$/,
  /^«(.*)»$/,
  /^=(.*)$/,
  /^(?:T|TRIM|CLEAN)\((.*)\)$/i,
  /^TEXT\((.*)[,;]"[^"]*"\)$/i,
  /^(?:tel|callto):(.*)$/i,
];
/** Possible first characters of a wrapped cell. Most cells start otherwise and need no unwrapping. */
const MAY_BE_WRAPPED = /^['’‘`"“”„«=tc]/i;
const MOST_LAYERS = 8;
const SEPARATORS = /[()[\].\p{Pd}\u2212]/gu;

/** Reads one cell of a list. No digit is ever dropped, and a character that does not belong in a number is named. */
export function readPhoneCell(cell: string): PhoneCell {
  if (isWhole(cell)) return { kind: 'e164', number: cell, text: cell };
  if (cell.length > LONGEST) return problem(cell, `it has ${cell.length} characters`);
  const text = unwrapped(cell.trim().replaceAll(DROPPED, '').replaceAll(OTHER_FORMS, inAscii));
  if (text === '') return { kind: 'empty' };
  const why = spoiltBySpreadsheet(text) ?? moreThanANumber(text);
  if (why !== null) return problem(cell, why);
  const digits = withoutDecimals(text).replaceAll(SEPARATORS, '');
  const strange = strangeIn(digits);
  if (strange !== null) return problem(cell, strange);
  if (isWhole(digits)) return { kind: 'e164', number: digits, text };
  return digits.startsWith('+') || digits === '' ? problem(cell, null) : { kind: 'national', digits, text };
}

/** Returns a plain boolean: the type guard would narrow the other branch to `never`. */
const isWhole = (text: string): boolean => isE164(text);

/** The message for a cell that is no number; `why` follows a colon. */
export function notE164(cell: string, why: string | null = null): string {
  return `"${shown(cell)}" is not an E.164 number such as +13125550100${why === null ? '' : `: ${why}`}`;
}

const problem = (cell: string, why: string | null): PhoneCell => ({ kind: 'problem', message: notE164(cell, why) });

function inAscii(character: string): string {
  const code = character.charCodeAt(0);
  return code >= 0xff01 ? String.fromCharCode(code - 0xfee0) : String(code & 0x0f);
}

function unwrapped(cell: string): string {
  let text = cell;
  for (let layer = 0; layer < MOST_LAYERS; layer += 1) {
    if (!MAY_BE_WRAPPED.test(text)) return text;
    const inner = WRAPPINGS.map((w) => w.exec(text)?.[1]).find((found) => found !== undefined);
    if (inner === undefined) return text;
    // A quote inside quotes is written twice.
    text = inner.replaceAll('""', '"');
  }
  return text;
}

/** The message for a cell that a spreadsheet changed beyond repair, or `null`. */
function spoiltBySpreadsheet(text: string): string | null {
  if (/^[+-]?\d+(?:[.,]\d+)?e[+-]?\d+$/i.test(text)) {
    return 'a spreadsheet has rounded this number, and its last digits are lost; format the column as text before the numbers are put in';
  }
  if (/^#+$/.test(text)) return 'a spreadsheet shows "#" where its column is too narrow';
  if (/^#(?:N\/A|[A-Z]+[?!]|DIV\/0!)$/i.test(text)) return 'a spreadsheet wrote an error in place of the number';
  if (/^[\p{Pd}\u2212]/u.test(text)) return 'it begins with a minus: a spreadsheet took it for a sum';
  return /^\+?\d{5,}\.(?!0+$)\d{1,3}$/.test(text) ? 'it has decimals' : null;
}

/** The message for a cell with digits that do not belong to the number (an extension, a "(0)"), or `null`. */
function moreThanANumber(text: string): string | null {
  if (THOUSANDS.test(text) || DECIMAL_ZEROS.test(text)) return null;
  const before = /^([^a-z]*)(?:;?ext(?:ension|n)?[.:=]*|[x#*,;])\d{1,7}$/i.exec(text)?.[1] ?? '';
  if (before.replaceAll(/\D/g, '').length >= 7) return 'it has an extension';
  return text.includes('(0)') ? 'it has a "(0)", which is dialled inside the country only; leave it out' : null;
}

/** Thousands as most countries write them, with apostrophes as in Switzerland, and in pairs as in India. */
const THOUSANDS = /^\+?(?:\d{1,3}(?:,\d{3}){2,}|\d{1,3}(?:['’]\d{3}){2,}|\d{1,2}(?:,\d{2}){2,},\d{3})(?:\.0+)?$/;
const DECIMAL_ZEROS = /^(\+?\d+)[.,]0+$/;

/** Undoes how a spreadsheet writes a whole number: `12015459494.0`, `12,015,459,494` and `12'015'459'494`. */
function withoutDecimals(text: string): string {
  const plain = THOUSANDS.test(text) ? text.replaceAll(/[,'’]/g, '') : text;
  return DECIMAL_ZEROS.exec(plain)?.[1] ?? plain;
}

function strangeIn(digits: string): string | null {
  if (/^\+?\d*$/.test(digits)) return null;
  const found = [...new Set(digits.replace(/^\+/, '').replaceAll(/\d/g, ''))];
  const names = found.slice(0, 5).map((c) => (/[!-~]/.test(c) ? `"${c}"` : codeOf(c)));
  return `it contains ${names.join(', ')}${found.length > 5 ? ' and more' : ''}`;
}

const codeOf = (character: string): string => `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;

/** Characters that control a terminal, show nothing, or show a blank. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;
const MOST_SHOWN = 60;

/** The invisible characters of a text by name, such as `U+202A`; `null` when it has none. */
export function unseenIn(text: string): string | null {
  const found = [...new Set(text.match(UNSEEN))].slice(0, 5);
  return found.length === 0 ? null : `it contains ${found.map(codeOf).join(', ')}`;
}

/**
 * Text of a file in a form that a message may show: without characters that control a terminal or show nothing, and not longer
 * than 60 characters.
 */
export function shown(text: string): string {
  const characters = [...text.slice(0, 2 * MOST_SHOWN)];
  const cut = characters.length > MOST_SHOWN || text.length > 2 * MOST_SHOWN;
  return (
    characters
      .slice(0, MOST_SHOWN)
      .join('')
      .replaceAll(UNSEEN, (c) => `<${codeOf(c)}>`) + (cut ? '…' : '')
  );
}
