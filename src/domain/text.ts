/** A NUL cannot be stored by Postgres, and a lone surrogate is half a character. Neither is text. */
const NO_TEXT = /\0|\p{Surrogate}/u;
/** Characters that move the cursor, break the line, or change the direction of the text around them. */
const DECEPTIVE = /[\p{Control}\p{Line_Separator}\p{Paragraph_Separator}\p{Bidi_Control}]/u;
/** Characters that a terminal must not get: the above, and all that show nothing. Joiners stay, because emoji need them. */
const INVISIBLE = /[\p{Control}\p{Line_Separator}\p{Paragraph_Separator}\p{Surrogate}]|(?![\u200c\u200d])\p{Format}/gu;
/** In a header, bytes above 127 may be the parts of any letter: only what is a control character in ASCII is one there. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern finds control characters
const CONTROL_IN_KEY = /[\u0000-\u001f\u007f\p{Bidi_Control}\p{Surrogate}]/u;
/** A spreadsheet calculates a cell with one of these first characters. The wide forms come from East Asian keyboards. */
const FORMULA = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;

const HALF_AT_END = /[\ud800-\udbff]$/;

/** The name of a character, such as `U+202E`. */
function codePoint(char: string): string {
  return `U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}

function holding(pattern: RegExp, text: string): string | null {
  const [char] = pattern.exec(text) ?? [];
  return char === undefined ? null : `holds ${codePoint(char)}`;
}

/** Why `text` is no text at all (NUL, half a character), or `null`. */
export function textProblem(text: string): string | null {
  const problem = holding(NO_TEXT, text);
  return problem === null ? null : `${problem}, which is no text`;
}

/**
 * What is wrong with a text that people read in lists, such as a label, or `null`. Control and direction characters are refused.
 */
export function labelProblem(text: string): string | null {
  const problem = holding(DECEPTIVE, text);
  return textProblem(text) ?? (problem === null ? null : `${problem}; control and direction characters are not allowed`);
}

/** What is wrong with an idempotency key (1 to 255 characters, no control characters), or `null`. */
export function keyProblem(key: string): string | null {
  if (key.length === 0 || key.length > 255) return 'must have 1 to 255 characters';
  const problem = holding(CONTROL_IN_KEY, key);
  return problem === null ? null : `${problem}; control and direction characters are not allowed`;
}

/** The same text without the characters that `labelProblem` refuses. */
export function withoutControls(text: string): string {
  return [...text].filter((char) => labelProblem(char) === null).join('');
}

/** `text` in which every character that shows nothing, or that controls a terminal, is written out: `\u{202E}`. */
export function visible(text: string): string {
  return text.replace(INVISIBLE, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16).toUpperCase()}}`);
}

/** The same for a text of ours with several lines. Its line breaks stay. */
export function visibleLines(text: string): string {
  return text.split('\n').map(visible).join('\n');
}

/** JSON in which the same characters are written as JSON escapes. A program reads the same value. */
export function visibleJson(json: string): string {
  return json.replace(INVISIBLE, (char) =>
    char === '\n' ? char : char.replace(/[\s\S]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  );
}

/** At most `most` characters of `text`; an ellipsis marks a cut. */
export function clipped(text: string, most: number): string {
  if (text.length <= most) return text;
  const start = text.slice(0, most);
  // Half a character at the cut would be no text.
  return `${HALF_AT_END.test(start) ? start.slice(0, -1) : start}…`;
}

/**
 * A CSV cell with text that others may have written. Characters that show nothing are written out, and a cell that a spreadsheet
 * would calculate gets an apostrophe in front.
 */
export function csvCell(text: string): string {
  return FORMULA.test(text) ? `'${visible(text)}` : visible(text);
}
