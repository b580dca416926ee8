/**
 * What may be done about a failure. Decided where the cause is known, never guessed from a message.
 * - `rejected`: refused for good; the numbers concerned will not get what was asked by repeating the call.
 * - `retry`: surely nothing happened; the same call may be sent again later.
 * - `ambiguous`: nobody knows whether it happened; look it up, never repeat on a guess.
 * - `account`: the account is broken (no funds, bad key); nothing that spends may be sent until a person or a probe says so.
 * - `bug`: we sent something that no correct program sends; a person must look.
 */
export type Disposition = 'rejected' | 'retry' | 'ambiguous' | 'account' | 'bug';

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

/** The one error type of the product: a stable code, a text fit for people, and what may be done about it. */
export class ProvisioningError extends Error {
  readonly code: string;
  readonly disposition: Disposition;
  readonly details: ErrorDetail[];
  readonly retryAfterMs: number | undefined;
  readonly numbers: string[];

  constructor(code: string, disposition: Disposition, message: string, extras: ErrorExtras = {}) {
    super(message, extras.cause === undefined ? undefined : { cause: extras.cause });
    this.name = 'ProvisioningError';
    this.code = code;
    this.disposition = disposition;
    this.details = extras.details ?? [];
    this.retryAfterMs = extras.retryAfterMs;
    this.numbers = extras.numbers ?? [];
  }
}

/** Bad input: nothing was stored and nothing was sent. Every problem is listed. */
export function invalid(details: ErrorDetail[]): ProvisioningError {
  const text = details.map((d) => (d.path === '' ? d.message : `${d.path}: ${d.message}`)).join('; ');
  return new ProvisioningError('validation_failed', 'rejected', text, { details });
}

/** A guard said no: the request is well formed but must not be carried out as it stands. */
export function refused(code: string, message: string, details: ErrorDetail[] = []): ProvisioningError {
  return new ProvisioningError(code, 'rejected', message, { details });
}

/** Turns whatever was thrown into an Error, so that logs and rows never hold `[object Object]`. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
