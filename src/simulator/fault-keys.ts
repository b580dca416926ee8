import type { Fault, FaultKind } from './fault-kinds.ts';
import type { OwnedField } from './types.ts';

export type FaultKey = Exclude<keyof Fault, 'kind'>;

const TIMING = ['times', 'after', 'probability', 'afterMs', 'forMs'] as const;
const BY_REQUEST = [...TIMING, 'match'] as const;
const ACT = [...BY_REQUEST, 'everyMs'] as const;
const ERROR = [...BY_REQUEST, 'status', 'code', 'title', 'detail', 'pointer'] as const;
const SALE = ['mode', 'shape', 'named'] as const;
const SHARE = [...BY_REQUEST, 'fraction', 'count'] as const;
const ON_NUMBERS = [...ACT, 'numbers', 'fraction', 'count'] as const;
const DECISION = [...ACT, 'ms', 'count', 'order_id', 'customer_reference'] as const;

/**
 * The keys that a kind understands. Any other key is a mistake, because the fault that it should limit would strike everything.
 */
export const KEYS_OF: Readonly<Record<FaultKind, readonly FaultKey[]>> = {
  accept_then_drop: BY_REQUEST,
  accept_half_body: BY_REQUEST,
  accept_stall: BY_REQUEST,
  stall: [...BY_REQUEST, 'effect'],
  refuse_connection: BY_REQUEST,
  error_before: ERROR,
  error_after: ERROR,
  rate_limited: [...BY_REQUEST, 'reset', 'seconds', 'retry_after'],
  conflict: ERROR,
  html: [...BY_REQUEST, 'status'],
  no_id: BY_REQUEST,
  slow: [...BY_REQUEST, 'ms'],
  date_skewed: [...BY_REQUEST, 'by'],
  order_pending: [...BY_REQUEST, 'ms'],
  order_failure: [...BY_REQUEST, 'return_to_pool'],
  order_cancelled: [...BY_REQUEST, 'return_to_pool'],
  order_partial: [...SHARE, 'return_to_pool', 'order_status'],
  paperwork: [...BY_REQUEST, 'ms'],
  sold_to_other: [...SHARE, ...SALE],
  sell_between: [...BY_REQUEST, ...SALE, 'fraction', 'stale'],
  job_failed: [...SHARE, 'effect', 'list_leftovers'],
  job_expired: [...SHARE, 'effect', 'list_leftovers'],
  job_hang: [...BY_REQUEST, 'ms'],
  job_duplicates: [...BY_REQUEST, 'count'],
  job_lost_entry: [...BY_REQUEST, 'count', 'effect'],
  job_partial: SHARE,
  foreign_jobs: [...BY_REQUEST, 'count'],
  emergency_stuck: SHARE,
  emergency_failed: SHARE,
  emergency_address_kept: [...SHARE, 'listed'],
  lag: [...BY_REQUEST, 'ownership', 'orders', 'inventory', 'deletions'],
  late_ids: [...BY_REQUEST, 'ms'],
  reference_prefix: BY_REQUEST,
  unknown_enum: [...SHARE, 'resource', 'field', 'value'],
  masked_numbers: [...BY_REQUEST, 'fraction'],
  account_unverified: BY_REQUEST,
  limit_refused: [...BY_REQUEST, 'most', 'status', 'code', 'detail'],
  rows_capped: [...BY_REQUEST, 'most'],
  underscore_statuses: BY_REQUEST,
  shifting_pages: [...BY_REQUEST, 'by'],
  total_off: [...BY_REQUEST, 'by'],
  page_fails: [...BY_REQUEST, 'page', 'status', 'code'],
  unavailable_profile: BY_REQUEST,
  insufficient_funds: [...BY_REQUEST, 'status', 'code'],
  account_inactive: [...BY_REQUEST, 'status', 'code'],
  rate_reset_epoch: BY_REQUEST,
  messaging_partial: SHARE,
  webhook_late: [...TIMING, 'ms'],
  webhook_double: TIMING,
  webhook_forged: TIMING,
  webhook_foreign_order: TIMING,
  webhook_out_of_order: TIMING,
  portal_release: ON_NUMBERS,
  portal_port_out: ON_NUMBERS,
  portal_buy: [...ACT, 'count'],
  portal_lock: [...ON_NUMBERS, 'locked'],
  portal_tags: [...ON_NUMBERS, 'tags'],
  portal_emergency: [...ON_NUMBERS, 'emergency'],
  portal_set: [...ON_NUMBERS, 'field', 'value'],
  portal_foreign_jobs: [...ACT, 'count'],
  portal_foreign_jobs_end: ACT,
  paperwork_approve: DECISION,
  paperwork_decline: DECISION,
  paperwork_cancel: DECISION,
};

/** What an operator can set on a number in the portal, and what each field takes. */
export const OWNED_FIELDS: Readonly<Record<OwnedField, (value: unknown) => boolean>> = {
  connection_id: textOrNull,
  billing_group_id: textOrNull,
  customer_reference: textOrNull,
  messaging_profile_id: textOrNull,
  external_pin: textOrNull,
  hd_voice_enabled: (value) => typeof value === 'boolean',
  deletion_lock_enabled: (value) => typeof value === 'boolean',
  status: (value) => value === 'active' || value === 'port-out-pending' || value === 'ported-out',
};

function textOrNull(value: unknown): boolean {
  return value === null || typeof value === 'string';
}
