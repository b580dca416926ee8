import { type ErrorDetail, invalid } from '../domain/errors.ts';

/** Returns `--where key=value` as a filter, or `undefined` without the flag. */
export function parseWhere(texts: readonly string[]): Record<string, string> | undefined {
  if (texts.length === 0) return undefined;
  const problems: ErrorDetail[] = [];
  const where = new Map<string, string>();
  for (const text of texts) {
    const [, key = '', value = ''] = /^([a-z_]+)=(.+)$/.exec(text) ?? [];
    if (key === '') problems.push({ path: `--where ${text}`, message: 'must be key=value, such as tag=solar' });
    else if (where.has(key)) problems.push({ path: `--where ${text}`, message: `${key} is given twice` });
    else where.set(key, value);
  }
  if (problems.length > 0) throw invalid(problems);
  return Object.fromEntries(where);
}

/** Reads a whole number of at least one. Errors: `validation_failed`. */
export function wholeNumber(text: string, option: string, most = Number.MAX_SAFE_INTEGER): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 1 && value <= most) return value;
  throw invalid([
    {
      path: option,
      message: `must be a whole number of at least 1${most < Number.MAX_SAFE_INTEGER ? ` and at most ${most}` : ''}, not "${text}"`,
    },
  ]);
}

const LAST_PORT = 65_535;

/** Reads a port; 0 asks for any free one. Errors: `validation_failed`. */
export function portNumber(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= LAST_PORT) return port;
  throw invalid([{ path: '--port', message: `must be a whole number from 0 to ${LAST_PORT}, not "${text}"` }]);
}
