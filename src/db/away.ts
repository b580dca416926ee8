import { asError } from '../domain/errors.ts';

/** Codes of Node and postgres.js for a connection to Postgres that cannot be made or was lost. */
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

/** SQLSTATEs of a server that goes, comes or is full: connection exceptions, shutdown, start-up, too many connections. */
const PASSING_STATE = /^(?:08\w{3}|57P0[123]|53300)$/;

/** Whether the database is away and may come back: the same call may succeed later. */
export function isDatabaseAway(error: Error): boolean {
  const code = databaseCode(error);
  return code !== null && (CONNECTION_LOST.has(code) || PASSING_STATE.test(code));
}

/** The code of Node, of postgres.js or of Postgres (SQLSTATE) that an error carries; `null` when there is none. */
export function databaseCode(error: Error): string | null {
  if ('code' in error && typeof error.code === 'string') return error.code;
  // Node reports one error per address tried.
  const inner: unknown[] = error instanceof AggregateError ? error.errors : [];
  return inner.map((one) => databaseCode(asError(one))).find((code) => code !== null) ?? null;
}
