import { type ErrorDetail, MOST_PROBLEMS } from '../../domain/errors.ts';

/** How many numbers one buy may ask for, in all its buy lines and its list together. */
export const MAX_ASKED = 100_000;
export const MAX_LINES = 500;
export const MAX_LINE_QUANTITY = 10_000;
export const MAX_FALLBACK_CODES = 50;
export const MAX_TAGS = 50;

/** How many numbers the list of a JSON body may have. A longer list is sent as a file. */
const MOST_NUMBERS = 1_000_000;
/** How many rows with values of their own a JSON body may have. */
const MOST_ROWS = 100_000;
const DEEPEST = 8;
const LONGEST_LIST = 500;
const MOST_FIELDS = 100;
const LONGEST_TEXT = 2_000;
const LONGEST_NAME = 200;
/**
 * How many fields and entries a body may have beside its list of numbers. The largest sensible body has 500 buy lines of about 75
 * values.
 */
const MOST_VALUES = 50_000;

/**
 * The first size limit that a body breaks, or `null`. This check comes first and stops at the limit, because a body that is too
 * large must cost nothing. It works for any value, also for one that contains itself.
 */
export function sizeProblem(body: unknown): ErrorDetail | null {
  const open: { value: unknown; path: string; depth: number }[] = [{ value: body, path: '', depth: 1 }];
  let seen = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, path, depth } = next;
    const message = ownProblem(value, path, depth);
    if (message !== null) return { path, message };
    // Numbers are checked one by one while they are stored.
    if (path === 'phone_numbers') continue;
    if (path === 'rows' && Array.isArray(value)) {
      const problem = problemOfRows(value);
      if (problem !== null) return problem;
      continue;
    }
    if (typeof value !== 'object' || value === null) continue;
    const inside = Object.entries(value);
    seen += inside.length;
    if (seen > MOST_VALUES) return { path: '', message: `the body has more than ${MOST_VALUES.toLocaleString('en-US')} values` };
    for (const [key, inner] of inside) {
      if (key.length > LONGEST_NAME) return { path, message: `has a field whose name is longer than ${LONGEST_NAME} characters` };
      open.push({ value: inner, path: path === '' ? key : `${path}.${key}`, depth: depth + 1 });
    }
  }
  return null;
}

function ownProblem(value: unknown, path: string, depth: number): string | null {
  if (typeof value === 'string') return value.length > LONGEST_TEXT ? `is longer than ${LONGEST_TEXT} characters` : null;
  if (typeof value !== 'object' || value === null) return null;
  if (depth > DEEPEST) return `is nested deeper than ${DEEPEST} levels`;
  if (!Array.isArray(value)) return Object.keys(value).length > MOST_FIELDS ? `has more than ${MOST_FIELDS} fields` : null;
  if (path === 'phone_numbers') return listProblem(value);
  if (path === 'rows') return rowsProblem(value);
  return value.length > LONGEST_LIST ? `has ${value.length.toLocaleString('en-US')} entries, far more than are allowed` : null;
}

/** The problem of a list as a whole. Its entries are checked one by one while they are stored. */
function listProblem(numbers: readonly unknown[]): string | null {
  if (numbers.length > MOST_NUMBERS)
    return `has ${numbers.length.toLocaleString('en-US')} entries; give more than ${MOST_NUMBERS.toLocaleString('en-US')} as a file`;
  let wrong = 0;
  for (const entry of numbers) if (typeof entry !== 'string' || entry.length > LONGEST_TEXT) wrong += 1;
  return wrong > MOST_PROBLEMS ? `has ${wrong.toLocaleString('en-US')} entries that are no phone numbers in quotes` : null;
}

function rowsProblem(rows: readonly unknown[]): string | null {
  return rows.length > MOST_ROWS
    ? `has ${rows.length.toLocaleString('en-US')} rows; give more than ${MOST_ROWS.toLocaleString('en-US')} as a file`
    : null;
}

/** The first row that is too large in itself, or `null`. */
function problemOfRows(rows: readonly unknown[]): ErrorDetail | null {
  for (const [i, row] of rows.entries()) {
    const problem = sizeProblem(row);
    if (problem !== null) return { path: ['rows', i, problem.path].join('.').replace(/\.$/, ''), message: problem.message };
  }
  return null;
}
