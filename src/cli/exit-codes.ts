import { CommanderError } from 'commander';
import { databaseCode, isDatabaseAway } from '../db/away.ts';
import { asError, type ErrorDetail, ProvisioningError } from '../domain/errors.ts';
import type { RequestStatus } from '../domain/request.ts';

/** What the command's exit code says. Scripts rely on them: they change only with a major version. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  /** For `reconcile`. */
  drift: 2,
  partly: 3,
  notFound: 4,
  timeout: 5,
  refused: 6,
  unavailable: 7,
  /** Stopped by Ctrl-C, as shells write it. */
  interrupted: 130,
} as const;

/** A failure as the command line shows it. */
export interface Failure {
  exit: number;
  code: string;
  message: string;
  details: ErrorDetail[];
  /** Shown with LOG_LEVEL=debug only, and only for what nobody foresaw. */
  stack: string | null;
}

/** Codes that say more than their disposition. Whatever is not here and is no account problem is a plain failure. */
const EXIT_OF_CODE: Readonly<Record<string, number>> = {
  validation_failed: EXIT.usage,
  usage: EXIT.usage,
  invalid_config: EXIT.usage,
  idempotency_conflict: EXIT.usage,
  not_found: EXIT.notFound,
  wait_timeout: EXIT.timeout,
  not_confirmed: EXIT.refused,
  expected_count_mismatch: EXIT.refused,
  not_in_inventory: EXIT.refused,
  not_awaiting_approval: EXIT.refused,
  awaiting_approval: EXIT.refused,
  not_ended: EXIT.refused,
  nothing_failed: EXIT.refused,
  not_waiting_for_a_person: EXIT.refused,
  over_budget: EXIT.refused,
  gate_closed: EXIT.unavailable,
  telnyx_unavailable: EXIT.unavailable,
  server_error: EXIT.unavailable,
  rate_limited: EXIT.unavailable,
};

/** The one place that turns whatever was thrown into an exit code and a text for people. */
export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof CommanderError) return failureOfUsage(thrown);
  if (thrown instanceof ProvisioningError) {
    const exit = EXIT_OF_CODE[thrown.code] ?? (thrown.disposition === 'account' ? EXIT.unavailable : EXIT.failed);
    return { exit, code: thrown.code, message: thrown.message, details: thrown.details, stack: null };
  }
  const error = asError(thrown);
  const known = databaseFailure(error);
  if (known !== null) return { exit: EXIT.failed, ...known, details: [], stack: null };
  return {
    exit: EXIT.failed,
    code: 'internal_error',
    message: error.message || error.name,
    details: [],
    stack: error.stack ?? null,
  };
}

function failureOfUsage(error: CommanderError): Failure {
  return {
    exit: error.exitCode === 0 ? EXIT.ok : EXIT.usage,
    code: 'usage',
    message: error.message.replace(/^error: /, ''),
    details: [],
    stack: null,
  };
}

/** Ends of numbers that a budget or a guard of the request itself brought about: nothing failed, something was not allowed. */
const REFUSED_ENDS: ReadonlySet<string> = new Set([
  'budget_reached',
  'protected',
  'not_active',
  'lock_unknown',
  'bought_after_request',
  'not_readable',
  'tags_unknown',
  'emergency_unknown',
  'emergency_enabled',
  'emergency_not_disabled',
  'deletion_locked',
  'still_locked',
  'not_in_inventory',
]);

/** The exit code of a request that has ended; `reasons` counts why numbers did not succeed. */
export function exitOfEnd(
  view: { status: RequestStatus; counts: { asked: number } },
  reasons: readonly { code: string; count: number }[],
): number {
  const held = reasons.filter((r) => REFUSED_ENDS.has(r.code)).reduce((sum, r) => sum + r.count, 0);
  return held > 0 && held === view.counts.asked ? EXIT.refused : exitOfStatus(view.status);
}

/** The exit code of a status, where nothing more is known. */
export function exitOfStatus(status: RequestStatus): number {
  if (status === 'succeeded') return EXIT.ok;
  if (status === 'partially_succeeded') return EXIT.partly;
  if (status === 'awaiting_approval') return EXIT.refused;
  return EXIT.failed;
}

/** Names what to do about a database that cannot be used; `null` for any other error. */
function databaseFailure(error: Error): { code: string; message: string } | null {
  const code = databaseCode(error);
  if (code === null) return null;
  if (isDatabaseAway(error)) {
    const where = error.message === '' ? code : error.message;
    return {
      code: 'database_unavailable',
      message: `the database cannot be reached (${where}); start it, or correct DATABASE_URL`,
    };
  }
  if (code === '28P01' || code === '28000')
    return { code: 'database_unavailable', message: `the database refused the login of DATABASE_URL: ${error.message}` };
  if (code === '3D000') return { code: 'database_unavailable', message: `${error.message}; create it, or correct DATABASE_URL` };
  if (code === '42P01' || code === '42703') {
    return { code: 'not_migrated', message: `the database is not up to date (${error.message}); run \`provisioner migrate\`` };
  }
  return null;
}
