import { asError } from '../domain/errors.ts';

/** Codes of Node and postgres.js that mean: the connection to Postgres failed or was lost. */
const CONNECTION_LOST: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EPIPE',
  'CONNECT_TIMEOUT',
  'CONNECTION_CLOSED',
  'CONNECTION_ENDED',
  'CONNECTION_DESTROYED',
]);

/** SQLSTATEs of a server that starts, stops or is full: connection exceptions, shutdown, start-up, too many connections. */
const PASSING_STATE = /^(?:08\w{3}|57P0[123]|53300)$/;

/** True when the database is unreachable for now: the same call may succeed later. */
export function isDatabaseAway(error: Error): boolean {
  const code = databaseCode(error);
  return code !== null && (CONNECTION_LOST.has(code) || PASSING_STATE.test(code));
}

/** Returns the code of Node, postgres.js or Postgres (SQLSTATE) that the error carries, or `null` when it carries none. */
export function databaseCode(error: Error): string | null {
  if ('code' in error && typeof error.code === 'string') return error.code;
  // Node reports one error for each address that it tried.
  const inner: unknown[] = error instanceof AggregateError ? error.errors : [];
  return inner.map((one) => databaseCode(asError(one))).find((code) => code !== null) ?? null;
}

/** What to do about an error of a database that answers but does not let us in, by its SQLSTATE. */
const CURES: { readonly [state: string]: string } = {
  '3D000': 'create it, or correct DATABASE_URL',
  '28P01': 'correct DATABASE_URL',
  '28000': 'correct DATABASE_URL',
};

/** Says in one line why the database cannot be used, and what to do. `null` for an error of a query. */
export function databaseTrouble(error: Error): string | null {
  const cure = CURES[databaseCode(error) ?? ''];
  if (cure !== undefined) return `${error.message}; ${cure}`;
  if (!isDatabaseAway(error)) return null;
  const why = error instanceof AggregateError ? error.errors.map(String).join('; ') : String(error);
  return `Postgres does not answer (${why}); check DATABASE_URL and that it runs`;
}
