import type { Behaviour, RefusalShape } from './behaviour.ts';
import type { E164, EmergencyStatus, Family } from './types.ts';

/** Faults of the connection and the reply. They are checked on every API request. */
const REPLY_KINDS = [
  'accept_then_drop',
  'accept_half_body',
  'accept_stall',
  'stall',
  'refuse_connection',
  'error_before',
  'error_after',
  'rate_limited',
  'conflict',
  'html',
  'no_id',
  'slow',
  'date_skewed',
] as const;

/** Faults of the service. They are checked only where they can have an effect. */
const SERVICE_KINDS = [
  'order_pending',
  'order_failure',
  'order_cancelled',
  'order_partial',
  'paperwork',
  'sold_to_other',
  'sell_between',
  'job_failed',
  'job_expired',
  'job_hang',
  'job_duplicates',
  'job_lost_entry',
  'job_partial',
  'foreign_jobs',
  'emergency_stuck',
  'emergency_failed',
  'emergency_address_kept',
  'lag',
  'late_ids',
  'reference_prefix',
  'unknown_enum',
  'masked_numbers',
  'account_unverified',
  'limit_refused',
  'rows_capped',
  'underscore_statuses',
  'shifting_pages',
  'total_off',
  'page_fails',
  'unavailable_profile',
  'insufficient_funds',
  'account_inactive',
  'rate_reset_epoch',
  'messaging_partial',
] as const;

/** Faults of the events that report the end of an order. */
const WEBHOOK_KINDS = [
  'webhook_late',
  'webhook_double',
  'webhook_forged',
  'webhook_foreign_order',
  'webhook_out_of_order',
] as const;

/**
 * Acts of people in the portal and of other customers. Each acts once, or more often with `times` and `everyMs`. It acts `afterMs`
 * after it was set; with `match` or `after` it acts just before such a request. An act that finds nothing to act on waits.
 */
const ACT_KINDS = [
  'portal_release',
  'portal_port_out',
  'portal_buy',
  'portal_lock',
  'portal_tags',
  'portal_emergency',
  'portal_set',
  'portal_foreign_jobs',
  'portal_foreign_jobs_end',
  'paperwork_approve',
  'paperwork_decline',
  'paperwork_cancel',
] as const;

export const FAULT_KINDS = [...REPLY_KINDS, ...SERVICE_KINDS, ...WEBHOOK_KINDS, ...ACT_KINDS] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

export function isAct(kind: FaultKind): boolean {
  return ACT_KINDS.some((act) => act === kind);
}

/** The `record_type` of the resources that an unknown word can strike. */
export const RESOURCES = [
  'number_order',
  'number_order_phone_number',
  'sub_number_order',
  'phone_number_regulatory_requirement',
  'number_reservation',
  'reserved_phone_number',
  'phone_numbers_job',
  'phone_number',
  'voice_settings',
  'messaging_settings',
  'available_phone_number',
] as const;

export interface Fault {
  kind: FaultKind;
  /** Method, path (without /v2; a prefix if it starts with `/`, else a regular expression), family. */
  match?: { method?: string; path?: string; family?: Family };
  /** How often it strikes. Without it for ever; an act once. */
  times?: number;
  /** Lets the first n pass. */
  after?: number;
  probability?: number;
  /** Begins this many ms (simulator clock) after it was set. */
  afterMs?: number;
  /** Ends this many ms after it began. */
  forMs?: number;
  /** Acts by the clock: strikes again after this long. */
  everyMs?: number;
  /**
   * Duration: slow, order_pending, job_hang, late_ids, webhook_late. Left out means for ever where that makes sense.
   * paperwork: until its deadline. paperwork_approve and the like: how long an order has waited at least.
   */
  ms?: number;
  /** Kinds that answer with an error, and html. The code `none` leaves it out. */
  status?: number;
  code?: string;
  title?: string;
  detail?: string;
  /** `source.pointer` of the error: `/billing_group_id`. */
  pointer?: string;
  /** stall: whether the request still takes effect. job_lost_entry and leftovers: whether they were processed. */
  effect?: boolean;
  /** How much is hit; `count` wins. */
  fraction?: number;
  count?: number;
  /** sold_to_other, sell_between: refuse the whole order or fail the lines. */
  mode?: 'order' | 'line';
  /** sold_to_other, sell_between: the refusal of the whole order, and whether the text of `85001` names the numbers. */
  shape?: RefusalShape;
  named?: boolean;
  /** sell_between: searches show the number all the same. */
  stale?: boolean;
  /** order_partial, order_failure, order_cancelled: failed numbers are on sale again. */
  return_to_pool?: boolean;
  /** order_partial: what the order itself says at the end. */
  order_status?: 'success' | 'failure';
  /** job_failed, job_expired: leftovers stay listed as pending. */
  list_leftovers?: boolean;
  /** emergency_address_kept: whether the job lists the number, and then as done. */
  listed?: boolean;
  /** rate_limited: unit of x-ratelimit-reset, and the seconds until it. */
  reset?: 'seconds' | 'epoch' | 'none';
  seconds?: number;
  /** rate_limited: what `retry-after` says, in seconds; left out, there is no such header. */
  retry_after?: number;
  /** page_fails: which page. */
  page?: number;
  /** limit_refused, rows_capped: rows that a search may have at most. */
  most?: number;
  /** shifting_pages: rows the list moves from one page to the next; total_off: what is added; date_skewed: ms. */
  by?: number;
  /** unknown_enum: the `record_type` it strikes at any depth; left out, the resources that the reply is about. */
  resource?: (typeof RESOURCES)[number];
  /** unknown_enum: field (`status`) and value. portal_set: a field of the number and its value. */
  field?: string;
  value?: string | boolean | null;
  ownership?: number;
  orders?: number;
  inventory?: number;
  deletions?: number;
  /** Portal acts: which numbers of the account; left out, `count` or `fraction` of them, chosen by the seed. */
  numbers?: readonly E164[];
  tags?: readonly string[];
  locked?: boolean;
  emergency?: EmergencyStatus;
  /** paperwork_approve and the like: one order, or those with a reference; left out, all that wait. */
  order_id?: string;
  customer_reference?: string;
}

export interface FaultScript {
  seed?: number;
  /** Removes what was set before. */
  clear?: boolean;
  /** Changes how the service answers, until the simulator is reset. */
  settings?: Partial<Behaviour>;
  faults?: Fault[];
}

/** A fault in force, with how often it could strike and how often it did. */
export interface FaultState {
  fault: Fault;
  seen: number;
  struck: number;
}

/** What a fault's `match` is compared with. */
export interface Target {
  method: string;
  /** Without /v2. */
  path: string;
  family: Family;
}
