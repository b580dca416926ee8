import type { Account } from '../db/account.ts';
import type { Chunk } from '../db/chunks.ts';
import type { Costs, Item } from '../db/items.ts';
import type { PhoneNumber } from '../db/numbers.ts';
import type { Request, RequestFigures } from '../db/requests.ts';
import type { Drift } from '../db/runs.ts';
import { formatMoney, parseMoney } from '../domain/money.ts';

/** Money as the contract writes it: at least two decimals. */
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

/** A request as users see it. */
export function requestView(r: Request, f: RequestFigures) {
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
    error: r.errorCode === null ? null : { code: r.errorCode, message: r.error ?? r.errorCode },
  };
}
export type RequestView = ReturnType<typeof requestView>;

export function itemView(i: Item, linePosition: number | null) {
  return {
    phone_number: i.phoneNumber,
    status: i.status,
    reason_code: i.reasonCode,
    reason: i.reason,
    line: linePosition,
    chunk_id: i.chunkId,
    telnyx_id: i.telnyxId,
    updated_at: i.updatedAt.toISOString(),
  };
}
export type ItemView = ReturnType<typeof itemView>;

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

/** A chunk for people: what it is, where it stands, and what the looks after a lost reply saw. */
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
    evidence: c.evidence,
    error: c.errorCode === null ? null : { code: c.errorCode, message: c.error ?? c.errorCode },
  };
}
export type ChunkView = ReturnType<typeof chunkView>;

/** A difference that a reconciliation found. */
export function driftView(d: Drift) {
  return { kind: d.kind, phone_number: d.phoneNumber, field: d.field, ours: d.ours, theirs: d.theirs, request_id: d.requestId };
}

/** The account: gate, balance, batch job slots in use, limits learned. */
export function accountView(a: Account, slotsInUse: number) {
  return {
    gate: {
      open: a.gateOpen,
      code: a.reasonCode,
      reason: a.reason,
      closed_at: a.closedAt?.toISOString() ?? null,
      next_probe_at: a.probeAt?.toISOString() ?? null,
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
    slots_in_use: slotsInUse,
    limits: a.limits ?? [],
    limits_as_of: a.limitsAt?.toISOString() ?? null,
  };
}
