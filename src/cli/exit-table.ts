import { type ErrorCode, GUARD_ENDS, type RefusalCode } from '../domain/codes.ts';
import type { Disposition } from '../domain/errors.ts';

/** The exit codes. Scripts rely on them, so they change only with a major version. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  /** Only of `reconcile`. */
  drift: 2,
  partly: 3,
  notFound: 4,
  timeout: 5,
  refused: 6,
  unavailable: 7,
  /** Only of `--plan --detailed-exitcode`. */
  wouldChange: 8,
  /** Stopped by Ctrl-C; shells use the same code. */
  interrupted: 130,
} as const;

/** The exit code of each refusal. The type makes the table complete. */
const EXIT_OF_REFUSAL: Readonly<Record<RefusalCode, number>> = {
  account_unreadable: EXIT.failed,
  bad_signature: EXIT.failed,
  budget_exceeded: EXIT.refused,
  database_not_migrated: EXIT.failed,
  embedded_postgres_failed: EXIT.failed,
  expected_count_mismatch: EXIT.refused,
  idempotency_conflict: EXIT.usage,
  invalid_config: EXIT.usage,
  malformed_event: EXIT.failed,
  not_awaiting_approval: EXIT.refused,
  not_confirmed: EXIT.refused,
  not_ended: EXIT.refused,
  not_found: EXIT.notFound,
  not_in_inventory: EXIT.refused,
  not_pausable: EXIT.refused,
  not_paused: EXIT.refused,
  not_undoable: EXIT.refused,
  not_waiting_for_a_person: EXIT.refused,
  nothing_failed: EXIT.refused,
  nothing_to_undo: EXIT.refused,
  plan_changed: EXIT.refused,
  plan_expired: EXIT.refused,
  plan_not_ready: EXIT.refused,
  pooled_queue: EXIT.failed,
  price_unknown: EXIT.refused,
  redis_evicts: EXIT.failed,
  redis_missing: EXIT.failed,
  second_worker: EXIT.failed,
  self_approval: EXIT.refused,
  unauthorized: EXIT.failed,
  undo_moved: EXIT.refused,
  unsuited_session: EXIT.failed,
  usage: EXIT.usage,
  validation_failed: EXIT.usage,
  wait_timed_out: EXIT.timeout,
};

/** Codes of the other families whose exit code does not follow from their disposition. */
const EXIT_OF_OTHERS: Readonly<Partial<Record<Exclude<ErrorCode, RefusalCode>, number>>> = {
  being_processed: EXIT.unavailable,
  blocked_for_now: EXIT.unavailable,
  not_sent: EXIT.unavailable,
  server_error: EXIT.unavailable,
  timeout: EXIT.unavailable,
  unknown_outcome: EXIT.unavailable,
  rate_limited: EXIT.unavailable,
};

const EXIT_OF_CODE: Readonly<Partial<Record<ErrorCode, number>>> = { ...EXIT_OF_REFUSAL, ...EXIT_OF_OTHERS };

/** Returns the exit code of an error: that of its code, else 7 for a broken account and 1 for everything else. */
export function exitOfError(code: ErrorCode, disposition: Disposition): number {
  return EXIT_OF_CODE[code] ?? (disposition === 'account' ? EXIT.unavailable : EXIT.failed);
}

/** True for a reason code that a budget or a guard of the request causes. */
export const isGuardEnd = (code: string): boolean => Object.hasOwn(GUARD_ENDS, code);
