import { type Random, seededRandom } from './random.ts';
import type { Family, Lags } from './types.ts';

/** Faults of the connection and the reply; looked for on every API request. */
export const REPLY_KINDS = [
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
] as const;

/** Faults of the service; looked for only where they can have an effect. */
export const SERVICE_KINDS = [
  'order_pending',
  'order_failure',
  'order_cancelled',
  'order_partial',
  'paperwork',
  'sold_to_other',
  'job_failed',
  'job_expired',
  'job_hang',
  'job_duplicates',
  'job_lost_entry',
  'job_partial',
  'foreign_jobs',
  'lag',
  'late_ids',
  'reference_prefix',
  'unknown_enum',
  'masked_numbers',
  'underscore_statuses',
  'shifting_pages',
  'total_off',
  'page_fails',
  'unavailable_profile',
  'insufficient_funds',
  'account_inactive',
  'rate_reset_epoch',
  'messaging_partial',
  'webhook_late',
  'webhook_double',
  'webhook_forged',
  'webhook_foreign_order',
  'webhook_out_of_order',
] as const;

export type FaultKind = (typeof REPLY_KINDS)[number] | (typeof SERVICE_KINDS)[number];

export interface Fault {
  kind: FaultKind;
  /** Method, path (without /v2; a prefix if it starts with `/`, else a regular expression), family. */
  match?: { method?: string; path?: string; family?: Family };
  /** How often it strikes; for ever if left out. */
  times?: number;
  /** Lets the first n pass. */
  after?: number;
  probability?: number;
  /** Ends this many ms (simulator clock) after it was set. */
  forMs?: number;
  /** Duration: slow, order_pending, job_hang, late_ids, webhook_late. Left out means for ever where that makes sense. */
  ms?: number;
  /** error_before, error_after, page_fails, insufficient_funds, account_inactive. */
  status?: number;
  code?: string;
  detail?: string;
  /** stall: whether the request still takes effect. job_lost_entry and leftovers: whether they were processed. */
  effect?: boolean;
  /** How much is hit; `count` wins. */
  fraction?: number;
  count?: number;
  /** sold_to_other: refuse the whole order or fail the lines. */
  mode?: 'order' | 'line';
  /** order_partial, order_failure, order_cancelled: failed numbers are on sale again. */
  return_to_pool?: boolean;
  /** order_partial: what the order itself says at the end. */
  order_status?: 'success' | 'failure';
  /** job_failed, job_expired: leftovers stay listed as pending. */
  list_leftovers?: boolean;
  /** rate_limited: unit of x-ratelimit-reset, and the seconds until it. */
  reset?: 'seconds' | 'epoch' | 'none';
  seconds?: number;
  /** page_fails: which page. */
  page?: number;
  /** shifting_pages: rows the list moves from one page to the next; total_off: what is added. */
  by?: number;
  /** unknown_enum: field and value. */
  field?: string;
  value?: string;
  ownership?: number;
  orders?: number;
  inventory?: number;
  deletions?: number;
}

export interface FaultScript {
  seed?: number;
  /** Removes what was set before. */
  clear?: boolean;
  faults?: Fault[];
}

/** What a fault's `match` is compared with. */
export interface Target {
  method: string;
  /** Without /v2. */
  path: string;
  family: Family;
}

interface Armed {
  fault: Fault;
  since: number;
  seen: number;
  struck: number;
}

const KINDS: ReadonlySet<string> = new Set([...REPLY_KINDS, ...SERVICE_KINDS]);

/** The faults in force. */
export class FaultSet {
  #armed: Armed[] = [];
  #random: Random;
  readonly #now: () => number;

  constructor(seed: number, now: () => number) {
    this.#random = seededRandom(seed);
    this.#now = now;
  }

  /** Adds the faults of a script (after clearing, if it says so); refuses a script it does not understand. */
  apply(script: FaultScript): void {
    for (const fault of script.faults ?? []) {
      if (!KINDS.has(fault.kind)) throw new Error(`unknown fault kind: ${String(fault.kind)}`);
      const path = fault.match?.path;
      if (path !== undefined && !path.startsWith('/')) new RegExp(path);
    }
    if (script.clear) this.#armed = [];
    if (script.seed !== undefined) this.#random = seededRandom(script.seed);
    const since = this.#now();
    this.#armed.push(...(script.faults ?? []).map((fault) => ({ fault, since, seen: 0, struck: 0 })));
  }

  clear(): void {
    this.#armed = [];
  }

  /** The fault of this kind that strikes now, counted as used. */
  take(kind: FaultKind, target?: Target): Fault | undefined {
    for (const armed of this.#armed) {
      if (armed.fault.kind !== kind || !this.#applies(armed, target)) continue;
      armed.seen += 1;
      if (armed.seen <= (armed.fault.after ?? 0)) continue;
      if (armed.struck >= (armed.fault.times ?? Number.POSITIVE_INFINITY)) continue;
      if (armed.fault.probability !== undefined && this.#random() >= armed.fault.probability) continue;
      armed.struck += 1;
      return armed.fault;
    }
    return undefined;
  }

  /** The fault of this kind that is in force, without using it up: for standing conditions such as lag. */
  standing(kind: FaultKind): Fault | undefined {
    return this.#armed.find((armed) => armed.fault.kind === kind && this.#applies(armed, undefined))?.fault;
  }

  /** The lags in force over the configured ones. */
  lags(base: Lags): Lags {
    const lag = this.standing('lag');
    const late = this.standing('late_ids')?.ms;
    if (!lag && late === undefined) return base;
    return {
      ownership: lag?.ownership ?? late ?? base.ownership,
      orders: lag?.orders ?? base.orders,
      inventory: lag?.inventory ?? late ?? base.inventory,
      deletions: lag?.deletions ?? base.deletions,
    };
  }

  #applies(armed: Armed, target: Target | undefined): boolean {
    const { match, forMs } = armed.fault;
    if (forMs !== undefined && this.#now() >= armed.since + forMs) return false;
    if (!match || !target) return true;
    if (match.method !== undefined && match.method.toUpperCase() !== target.method) return false;
    if (match.family !== undefined && match.family !== target.family) return false;
    if (match.path === undefined) return true;
    return match.path.startsWith('/') ? target.path.startsWith(match.path) : new RegExp(match.path).test(target.path);
  }
}
