import type { ErrorCode, RefusalCode } from './codes.ts';
import { clipped } from './text.ts';

/**
 * What may be done about a failure. The code that knows the cause decides it, and no code guesses it from a message.
 * - `rejected`: the call was refused for good, and the same call would be refused again.
 * - `retry`: it is certain that nothing happened, so the same call may be sent again later.
 * - `ambiguous`: nobody knows whether the call took effect. The account is checked, and the call is never repeated on a guess.
 * - `account`: the account is broken (no funds, bad key). Nothing that spends may be sent until a person or a probe opens the gate.
 * - `bug`: the program contradicts itself, and a person must find out why.
 */
export type Disposition = 'rejected' | 'retry' | 'ambiguous' | 'account' | 'bug';

/** One problem of an input. `path` is the place, such as `lines.0.quantity`; empty for the whole input. */
export interface ErrorDetail {
  path: string;
  message: string;
}

export interface ErrorExtras {
  cause?: unknown;
  details?: ErrorDetail[];
  /** Earliest moment, in milliseconds from now, at which a retry makes sense. */
  retryAfterMs?: number;
  /** The phone numbers that the refusal names as its cause; only numbers that the call carried. */
  numbers?: string[];
}

/** An error names at most this many problems. A longer list helps nobody, and the client decides how long it gets. */
export const MOST_PROBLEMS = 100;
const LONGEST_PATH = 200;
const LONGEST_MESSAGE = 1_000;

const MORE = /^and ([\d,]+) more$/;

/**
 * The first hundred problems, each cut to a readable length, and a last entry that counts the others. Applying it twice changes
 * nothing.
 */
export function shownProblems(details: readonly ErrorDetail[]): ErrorDetail[] {
  const told = details.filter((d) => moreIn(d) === null);
  const shown = told.slice(0, MOST_PROBLEMS).map(({ path, message }) => ({
    path: clipped(path, LONGEST_PATH),
    message: clipped(message, LONGEST_MESSAGE),
  }));
  return [...shown, ...moreOf(countOfProblems(details) - shown.length)];
}

/** The problems of a long input: the first hundred, and a count of the others, so that memory stays flat. */
export interface Problems {
  add(problem: ErrorDetail): void;
  /** How many were added. */
  readonly count: number;
  /** True when further problems are only counted. */
  readonly full: boolean;
  /** The kept ones, and a last entry that counts the others. */
  list(): ErrorDetail[];
}

/** Starts an empty collection of problems. */
export function createProblems(): Problems {
  const kept: ErrorDetail[] = [];
  let count = 0;
  return {
    add: (problem) => {
      count += 1;
      if (kept.length < MOST_PROBLEMS) kept.push(problem);
    },
    get count() {
      return count;
    },
    get full() {
      return count >= MOST_PROBLEMS;
    },
    list: () => [...kept, ...moreOf(count - kept.length)],
  };
}

/** The last entry of a list of problems, which counts those that it leaves out; nothing when there are none. */
export function moreOf(count: number): ErrorDetail[] {
  return count > 0 ? [{ path: '', message: `and ${count.toLocaleString('en-US')} more` }] : [];
}

/** How many problems a list stands for, with those that its last entry counts. */
export function countOfProblems(details: readonly ErrorDetail[]): number {
  return details.reduce((sum, d) => sum + (moreIn(d) ?? 1), 0);
}

/** The count of an entry that stands for other problems; `null` for a problem. */
function moreIn({ path, message }: ErrorDetail): number | null {
  const [, count] = (path === '' && MORE.exec(message)) || [];
  return count === undefined ? null : Number(count.replaceAll(',', ''));
}

/** The one error type of the product: a stable code (see codes.ts), a text for people, and a disposition. */
export class ProvisioningError extends Error {
  readonly code: ErrorCode;
  readonly disposition: Disposition;
  readonly details: ErrorDetail[];
  readonly retryAfterMs: number | undefined;
  readonly numbers: string[];

  constructor(code: ErrorCode, disposition: Disposition, message: string, extras: ErrorExtras = {}) {
    super(message, extras.cause === undefined ? undefined : { cause: extras.cause });
    this.name = 'ProvisioningError';
    this.code = code;
    this.disposition = disposition;
    this.details = shownProblems(extras.details ?? []);
    this.retryAfterMs = extras.retryAfterMs;
    this.numbers = extras.numbers ?? [];
  }
}

/** An error for bad input: nothing was stored and nothing was sent. It lists every problem, up to a hundred. */
export function invalid(details: ErrorDetail[]): ProvisioningError {
  const text = shownProblems(details)
    .map((d) => (d.path === '' ? d.message : `${d.path}: ${d.message}`))
    .join('; ');
  return new ProvisioningError('validation_failed', 'rejected', text, { details });
}

/** An error for a request that is well formed but must not be carried out as it stands. */
export function refused(code: RefusalCode, message: string, details: ErrorDetail[] = []): ProvisioningError {
  return new ProvisioningError(code, 'rejected', message, { details });
}

/** An error for something that does not exist. `what` is the whole sentence. Code `not_found`. */
export function notFound(what: string): ProvisioningError {
  return new ProvisioningError('not_found', 'rejected', what);
}

/** Turns any thrown value into an Error, so that logs and rows never contain `[object Object]`. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
