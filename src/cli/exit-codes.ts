import { CommanderError } from 'commander';
import { databaseCode, isDatabaseAway } from '../db/away.ts';
import type { ErrorCode } from '../domain/codes.ts';
import { asError, type ErrorDetail, ProvisioningError } from '../domain/errors.ts';
import type { RequestStatus } from '../domain/request.ts';
import { EXIT, exitOfError, isGuardEnd } from './exit-table.ts';

/** A failure as the command line shows it. */
export interface Failure {
  exit: number;
  code: ErrorCode;
  message: string;
  details: ErrorDetail[];
  /** `null` for errors that the product expects. It is shown only with LOG_LEVEL=debug. */
  stack: string | null;
}

/** Turns any thrown value into an exit code and a text for people. No other code does that. */
export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof CommanderError) return failureOfUsage(thrown);
  if (thrown instanceof ProvisioningError) {
    const { code, disposition, message, details } = thrown;
    return { exit: exitOfError(code, disposition), code, message, details, stack: null };
  }
  const error = asError(thrown);
  const known = databaseFailure(error);
  if (known !== null) return { exit: EXIT.failed, ...known, details: [], stack: null };
  return {
    exit: EXIT.failed,
    code: 'internal',
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

/** Returns the exit code of a request that has ended. `reasons` counts why numbers did not succeed. */
export function exitOfEnd(
  view: { status: RequestStatus; counts: { asked: number } },
  reasons: readonly { code: string; count: number }[],
): number {
  const held = reasons.filter((r) => isGuardEnd(r.code)).reduce((sum, r) => sum + r.count, 0);
  return held > 0 && held === view.counts.asked ? EXIT.refused : exitOfStatus(view.status);
}

/** Returns the exit code of a request of which only the status is known. */
export function exitOfStatus(status: RequestStatus): number {
  if (status === 'succeeded') return EXIT.ok;
  if (status === 'partially_succeeded') return EXIT.partly;
  if (status === 'awaiting_approval' || status === 'paused') return EXIT.refused;
  return EXIT.failed;
}

/** Returns the code and a text that says what to do about an unusable database, or `null` for any other error. */
function databaseFailure(error: Error): { code: ErrorCode; message: string } | null {
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
    return {
      code: 'database_not_migrated',
      message: `the database is not up to date (${error.message}); run \`provisioner migrate\``,
    };
  }
  return null;
}
