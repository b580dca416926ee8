import type { Account } from '../../db/account.ts';
import type { Chunk } from '../../db/chunks.ts';
import type { Costs, Item } from '../../db/items.ts';
import type { PhoneNumber } from '../../db/numbers.ts';
import type { Drift } from '../../db/queries/drift.ts';
import type { RequestFigures } from '../../db/queries/requests.ts';
import type { Request } from '../../db/requests.ts';
import type { ErrorCode, TroubleCode } from '../../domain/codes.ts';
import type { Check, Evidence, History } from '../../domain/evidence.ts';
import { formatMoney, parseMoney } from '../../domain/money.ts';
import { hasEnded, type RequestKind, type RequestStatus } from '../../domain/request.ts';

/** An amount of money as users see it, with at least two decimals. */
export function moneyText(text: string | null): string | null {
  if (text === null) return null;
  const value = parseMoney(text);
  return value === null ? text : formatMoney(value);
}

function costView(cost: Costs) {
  return {
    upfront: moneyText(cost.upfront) ?? '0.00',
    monthly: moneyText(cost.monthly) ?? '0.00',
    currency: cost.currency ?? 'USD',
  };
}

/** What a person can do about each reason of a closed account gate. */
const GATE_ADVICE: Readonly<Partial<Record<ErrorCode, string>>> = {
  bad_key: 'set TELNYX_API_KEY, restart the workers, then `provisioner account reopen`',
  insufficient_funds: 'add credit; it opens by itself, or `provisioner account reopen`',
  account_blocked: 'ask Telnyx support what blocks the account, then `provisioner account reopen`',
  forbidden: 'give the API key the permission, or ask Telnyx support for it, then `provisioner account reopen`',
};

/** What a person can do about an account gate that is closed for this reason. */
export function gateAdvice(code: ErrorCode | null): string {
  return (code === null ? undefined : GATE_ADVICE[code]) ?? 'settle the reason, then `provisioner account reopen`';
}

/** What the closed account gate means for open requests of a kind; `null` when it does not hold them up. */
export function heldByGate(a: Account, kind: RequestKind): { code: TroubleCode; message: string } | null {
  // Lack of funds stops buys only. Updates and releases cost nothing and go on.
  const noFunds = a.reasonCode === 'insufficient_funds';
  if (a.gateOpen || (noFunds && kind !== 'buy')) return null;
  const stopped = noFunds ? 'nothing is bought' : 'nothing is sent';
  const reason = a.reason ?? 'no reason given';
  return {
    code: a.reasonCode ?? 'gate_closed',
    message: `the account gate is closed, ${stopped}: ${reason}; ${gateAdvice(a.reasonCode)}`,
  };
}

/** The statuses in which the account gate is not what a request waits for. */
const HELD_BY_PEOPLE: ReadonlySet<RequestStatus> = new Set(['awaiting_approval', 'paused', 'scheduled']);

/** The error that a request shows: its own, unless the account gate stops it completely. */
function troubleOf(r: Request, account: Account): { code: TroubleCode; message: string } | null {
  const own = r.errorCode === null ? null : { code: r.errorCode, message: r.error ?? r.errorCode };
  if (hasEnded(r.status) || HELD_BY_PEOPLE.has(r.status) || (r.status === 'waiting' && own !== null)) return own;
  return heldByGate(account, r.kind) ?? own;
}

/** A request as users see it. */
export function requestView(r: Request, f: RequestFigures, account: Account) {
  return {
    id: r.id,
    kind: r.kind,
    status: r.status,
    label: r.label,
    created_at: r.createdAt.toISOString(),
    finished_at: r.finishedAt?.toISOString() ?? null,
    counts: { asked: r.asked, ...f.counts },
    chunks: f.chunks,
    cost: costView(f.cost),
    error: troubleOf(r, account),
    body: r.body,
    submitted_by: r.submittedBy,
    // A key of ours, that of a retry or a repair, means nothing to users.
    idempotency_key: r.keySpace === 'internal' ? null : r.idempotencyKey,
    filed_by: r.filedBy,
    cancel_requested_at: r.cancelRequestedAt?.toISOString() ?? null,
    start_at: r.startAt?.toISOString() ?? null,
    paused_at: r.pausedAt?.toISOString() ?? null,
  };
}
export type RequestView = ReturnType<typeof requestView>;

/** An item as users see it. `linePosition` is the position of its buy line. */
export function itemView(i: Item, linePosition: number | null) {
  return {
    phone_number: i.phoneNumber,
    status: i.status,
    reason_code: i.reasonCode,
    reason: i.reason,
    line: linePosition,
    chunk_id: i.chunkId,
    telnyx_id: i.telnyxId,
    bought_at: i.boughtAt?.toISOString() ?? null,
    upfront_cost: moneyText(i.upfrontCost),
    monthly_cost: moneyText(i.monthlyCost),
    currency: i.currency,
    updated_at: i.updatedAt.toISOString(),
  };
}
export type ItemView = ReturnType<typeof itemView>;

/** A number of the inventory as users see it. */
export function numberView(n: PhoneNumber) {
  return {
    phone_number: n.phoneNumber,
    telnyx_id: n.telnyxId,
    state: n.state,
    status: n.status,
    phone_number_type: n.phoneNumberType,
    country_code: n.countryCode,
    connection_id: n.connectionId,
    messaging_profile_id: n.messagingProfileId,
    billing_group_id: n.billingGroupId,
    customer_reference: n.customerReference,
    tags: n.tags,
    deletion_lock_enabled: n.deletionLockEnabled,
    emergency_enabled: n.emergencyEnabled,
    emergency_status: n.emergencyStatus,
    emergency_address_id: n.emergencyAddressId,
    upfront_cost: moneyText(n.upfrontCost),
    monthly_cost: moneyText(n.monthlyCost),
    currency: n.currency,
    bought_by: n.boughtBy,
    surplus: n.surplus,
    purchased_at: n.purchasedAt?.toISOString() ?? null,
    updated_at: n.updatedAt.toISOString(),
  };
}
export type NumberView = ReturnType<typeof numberView>;

/** Evidence as users see it: why the outcome is unknown, every check of the present phase, and the history of earlier calls. */
export interface EvidenceView extends History {
  because: string;
  looks: Check[];
  ownedNumbers?: string[];
  conclusion?: string;
}

/** The evidence of a chunk, flat. When the outcome is not unknown, `because` is the name of the phase. */
export function evidenceView({ history, seen }: Evidence): EvidenceView {
  const { phase, checks = [], ...more }: { phase: string; checks?: Check[]; because?: string } = seen;
  return { ...history, because: phase, ...more, looks: checks };
}

/** A chunk as users see it: what it is, its state, and what the checks after a lost reply saw. */
export function chunkView(c: Chunk) {
  return {
    id: c.id,
    kind: c.kind,
    state: c.state,
    numbers: c.numbers.length,
    telnyx_id: c.telnyxId,
    customer_reference: c.customerReference,
    attempt: c.attempt,
    waiting: c.waiting,
    deadline: c.deadline?.toISOString() ?? null,
    evidence: c.evidence === null ? null : evidenceView(c.evidence),
    // A claim clears the text and keeps the code, which then only says what the last call met.
    error: c.errorCode === null || c.error === null ? null : { code: c.errorCode, message: c.error },
  };
}
export type ChunkView = ReturnType<typeof chunkView>;

/** A difference that a reconciliation run found. `at` and `by` belong to its last change of state. */
export function driftView(d: Drift) {
  return {
    kind: d.kind,
    phone_number: d.phoneNumber,
    field: d.field,
    ours: d.ours,
    theirs: d.theirs,
    request_id: d.requestId,
    state: d.state,
    at: d.stateAt?.toISOString() ?? null,
    by: d.stateBy,
    repair_request_id: d.repairRequestId,
    found_by: d.runId,
  };
}
export type DriftView = ReturnType<typeof driftView>;

/** The learned state of one family of the rate limiter, as the row of the account holds it. */
function limitView(limit: Readonly<Record<string, unknown>>) {
  const { family, perSecond, announced, pausedUntil } = limit;
  return {
    family: typeof family === 'string' ? family : 'unknown',
    // The learned rate is the product of many small steps; without rounding it reads 2.4000000000000004.
    per_second: typeof perSecond === 'number' ? Math.round(perSecond * 1_000) / 1_000 : null,
    announced: typeof announced === 'string' ? announced : null,
    paused_until: typeof pausedUntil === 'string' ? pausedUntil : null,
  };
}

/** The account as users see it: gate, balance, job slots in use and configured, and learned limits. */
export function accountView(
  a: Account,
  slots: { inUse: number; configured: number },
  reopened: { at: string; by: string | null } | null = null,
) {
  return {
    gate: {
      open: a.gateOpen,
      code: a.reasonCode,
      reason: a.reason,
      advice: a.gateOpen ? null : gateAdvice(a.reasonCode),
      closed_at: a.closedAt?.toISOString() ?? null,
      next_probe_at: a.probeAt?.toISOString() ?? null,
      reopened,
    },
    balance:
      a.balance === null
        ? null
        : {
            amount: moneyText(a.balance) ?? a.balance,
            available_credit: moneyText(a.availableCredit),
            currency: a.currency,
            as_of: a.balanceAt?.toISOString() ?? null,
          },
    slots_in_use: slots.inUse,
    slots: slots.configured,
    limits: (a.limits ?? []).map(limitView),
    limits_as_of: a.limitsAt?.toISOString() ?? null,
  };
}
export type AccountView = ReturnType<typeof accountView>;
