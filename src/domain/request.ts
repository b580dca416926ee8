export type RequestKind = 'buy' | 'update' | 'delete';

export const REQUEST_STATUSES = [
  'scheduled',
  'awaiting_approval',
  'queued',
  'running',
  'paused',
  'waiting',
  'succeeded',
  'partially_succeeded',
  'failed',
  'cancelled',
  'needs_attention',
] as const;
export type RequestStatus = (typeof REQUEST_STATUSES)[number];

export const ITEM_STATUSES = ['pending', 'in_flight', 'succeeded', 'failed', 'cancelled', 'skipped'] as const;
export type ItemStatus = (typeof ITEM_STATUSES)[number];

/** The statuses of an item that has no end yet. */
export const OPEN_ITEM_STATUSES: readonly ItemStatus[] = ['pending', 'in_flight'];

/** The statuses in which the number of an item counts against the budget, also before it is bought. */
export const HELD_ITEM_STATUSES: readonly ItemStatus[] = [...OPEN_ITEM_STATUSES, 'succeeded'];

/** Where a buy line gets its numbers from: searches along a fallback ladder, or a list. */
export type LineCriteria = SearchCriteriaLine | ListLine;

export interface SearchCriteriaLine {
  kind: 'search';
  country_code: string;
  phone_number_type: string;
  national_destination_code?: string;
  administrative_area?: string;
  locality?: string;
  rate_center?: string;
  features: string[];
  /** The highest price of a single number, upfront or monthly. */
  max_number_cost: string;
  fallback_ndcs: string[];
  best_effort: boolean;
  requirement_group_id?: string;
  /** Only toll-free numbers that work right after the purchase. */
  quickship?: boolean;
  exclude_held_numbers?: boolean;
}

export interface ListLine {
  kind: 'list';
  /** The stored plan whose prices are the caps of these numbers. */
  plan_id?: string;
  max_number_cost: string;
  requirement_group_id?: string;
}

/** The search of a buy line; `null` for a list of numbers, and when there is no buy line. */
export function searchOf(line: { criteria: LineCriteria } | null | undefined): SearchCriteriaLine | null {
  return line?.criteria.kind === 'search' ? line.criteria : null;
}

/** How many items of a request are in each status. The counts always add up to what was asked. */
export type ItemCounts = Record<ItemStatus, number>;

/** The counts of a request without items. */
export const NO_ITEMS: ItemCounts = { pending: 0, in_flight: 0, succeeded: 0, failed: 0, cancelled: 0, skipped: 0 };

/** How many numbers have ended, however they ended. */
export const endsIn = (c: ItemCounts): number => c.succeeded + c.failed + c.cancelled + c.skipped;

/** What the status of a request depends on. */
export interface RequestSituation {
  /** The items by status. `null` says only that some are open. */
  counts: ItemCounts | null;
  cancelRequested: boolean;
  awaitingApproval: boolean;
  /** A person or a rule of the request holds it. */
  paused: boolean;
  /** Its start is still to come. */
  scheduled: boolean;
  /** How many open chunks wait for a person, how many wait for paperwork, and how many others there are. */
  openChunks: { needsAttention: number; waiting: number; other: number };
  /** How many buy lines still search for numbers. */
  searchingLines: number;
}

/** The status of a request. It follows from the items and chunks and is never set by hand. */
export function requestStatus(s: RequestSituation): RequestStatus {
  const { counts } = s;
  if (counts === null || counts.pending + counts.in_flight > 0) return openStatus(s);
  const asked = endsIn(counts);
  // A skipped number needed nothing, or a guard protected it. A request counts as succeeded only when no number was skipped,
  // failed or cancelled.
  if (counts.failed === 0 && counts.cancelled === 0 && counts.skipped === 0) return 'succeeded';
  if (counts.succeeded > 0) return 'partially_succeeded';
  if (counts.cancelled === asked || (s.cancelRequested && counts.failed === 0)) return 'cancelled';
  return 'failed';
}

function openStatus(s: RequestSituation): RequestStatus {
  if (s.awaitingApproval) return 'awaiting_approval';
  if (s.paused) return 'paused';
  if (s.scheduled) return 'scheduled';
  const { needsAttention, waiting, other } = s.openChunks;
  if (other > 0 || s.searchingLines > 0) return 'running';
  if (needsAttention > 0) return 'needs_attention';
  if (waiting > 0) return 'waiting';
  return 'running';
}

const ENDED: ReadonlySet<RequestStatus> = new Set(['succeeded', 'partially_succeeded', 'failed', 'cancelled']);

/** True for a status that never changes again. */
export function hasEnded(status: RequestStatus): boolean {
  return ENDED.has(status);
}
