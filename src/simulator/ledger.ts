import { iso, money } from './api/wire.ts';
import type { E164, Family, Job, Order } from './types.ts';

export interface Bought {
  phone_number: E164;
  order_id: string;
  customer_reference: string | null;
  at: string;
  upfront: string;
  monthly: string;
  /** Later orders that named this number again. */
  duplicate_attempts: number;
}

export interface Released {
  phone_number: E164;
  job_id: string | null;
  at: string;
  was_locked: boolean;
  was_emergency: boolean;
}

export interface Changed {
  phone_number: E164;
  at: string;
  job_id: string | null;
  fields: Readonly<Record<string, unknown>>;
}

export interface Delivered {
  event_id: string;
  order_id: string;
  /** `forged`: signed with a key that is not Telnyx's. `foreign`: of an order that this account never made. */
  kind: 'genuine' | 'forged' | 'foreign';
  attempt: number;
  status: number | null;
  at: string;
}

/** The effects that really happened, whatever the replies said. */
export interface Ledger {
  bought: Bought[];
  released: Released[];
  changed: Changed[];
  charged: { upfront: string; monthly: string; currency: string; lines: number };
  orders: { id: string; customer_reference: string | null; status: string; numbers: E164[]; at: string }[];
  jobs: { id: string; type: string; status: string; count: number; at: string }[];
  /** Numbers that faults sold to others just before they were ordered. */
  sold_to_others: E164[];
  /** Acts in the portal. They are not part of the lists above. */
  portal: { action: string; phone_numbers: E164[]; at: string }[];
  /** Every delivery of an event and what it was answered; `null` when there was no answer. */
  webhooks: Delivered[];
  calls: { by_endpoint: Record<string, Record<string, number>>; total: number };
  owned_count: number;
  retries: number;
  /** Of this client, without other people's: update and delete jobs, which share a pool. */
  max_open_jobs: number;
  /** Emergency jobs, which have a pool of their own. */
  max_open_emergency_jobs: number;
  max_calls_per_second: Partial<Record<Family, number>>;
}

/** The ledger with counts instead of lists, for large runs. */
export type LedgerSummary = {
  [K in keyof Ledger]: Ledger[K] extends unknown[] ? number : Ledger[K];
};

interface Purchase {
  order: Order;
  at: number;
  upfront: number;
  monthly: number;
}

/** Records every effect as it happens. */
export class Book {
  readonly #bought = new Map<E164, Purchase>();
  readonly #soldToOthers: E164[] = [];
  readonly #attempts = new Map<E164, number>();
  readonly #released: (Omit<Released, 'at'> & { at: number })[] = [];
  readonly #changed: {
    phone_number: E164;
    at: number;
    job_id: string | null;
    fields: Readonly<Record<string, unknown>>;
  }[] = [];
  readonly #portal: { action: string; phone_numbers: E164[]; at: number }[] = [];
  readonly #webhooks: (Omit<Delivered, 'at'> & { at: number })[] = [];
  readonly #calls: Record<string, Record<string, number>> = {};
  readonly #perSecond = new Map<Family, { second: number; count: number; most: number }>();
  #total = 0;
  #retries = 0;
  #maxOpenJobs = 0;
  #maxOpenEmergencyJobs = 0;
  #upfront = 0;
  #monthly = 0;

  buy(number: E164, purchase: Purchase): void {
    this.#bought.set(number, purchase);
    this.#upfront += purchase.upfront;
    this.#monthly += purchase.monthly;
  }

  duplicateAttempt(number: E164): void {
    this.#attempts.set(number, (this.#attempts.get(number) ?? 0) + 1);
  }

  soldToOthers(number: E164): void {
    this.#soldToOthers.push(number);
  }

  release(entry: Omit<Released, 'at'> & { at: number }): void {
    this.#released.push(entry);
  }

  change(number: E164, at: number, jobId: string | null, fields: Readonly<Record<string, unknown>>): void {
    this.#changed.push({ phone_number: number, at, job_id: jobId, fields });
  }

  portal(action: string, numbers: readonly E164[], at: number): void {
    this.#portal.push({ action, phone_numbers: [...numbers], at });
  }

  delivered(entry: Omit<Delivered, 'at'> & { at: number }): void {
    this.#webhooks.push(entry);
  }

  arrived(family: Family, at: number, retry: boolean): void {
    this.#total += 1;
    if (retry) this.#retries += 1;
    const second = Math.floor(at / 1000);
    const seen = this.#perSecond.get(family) ?? { second, count: 0, most: 0 };
    if (seen.second !== second) Object.assign(seen, { second, count: 0 });
    seen.count += 1;
    seen.most = Math.max(seen.most, seen.count);
    this.#perSecond.set(family, seen);
  }

  /** `outcome` is an HTTP status, or a word when the client never saw one. */
  answered(endpoint: string, outcome: string): void {
    const outcomes = this.#calls[endpoint] ?? {};
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    this.#calls[endpoint] = outcomes;
  }

  openJobs(emergency: boolean, count: number): void {
    if (emergency) this.#maxOpenEmergencyJobs = Math.max(this.#maxOpenEmergencyJobs, count);
    else this.#maxOpenJobs = Math.max(this.#maxOpenJobs, count);
  }

  #totals(
    ownedCount: number,
  ): Pick<
    Ledger,
    'charged' | 'calls' | 'owned_count' | 'retries' | 'max_open_jobs' | 'max_open_emergency_jobs' | 'max_calls_per_second'
  > {
    const most: Partial<Record<Family, number>> = {};
    for (const [family, seen] of this.#perSecond) most[family] = seen.most;
    return {
      charged: {
        upfront: money(this.#upfront),
        monthly: money(this.#monthly),
        currency: 'USD',
        lines: this.#bought.size,
      },
      calls: { by_endpoint: structuredClone(this.#calls), total: this.#total },
      owned_count: ownedCount,
      retries: this.#retries,
      max_open_jobs: this.#maxOpenJobs,
      max_open_emergency_jobs: this.#maxOpenEmergencyJobs,
      max_calls_per_second: most,
    };
  }

  /** Everything, as JSON-ready values. */
  snapshot(orders: readonly Order[], jobs: readonly Job[], ownedCount: number): Ledger {
    return {
      bought: [...this.#bought].map(([phone_number, purchase]) => ({
        phone_number,
        order_id: purchase.order.id,
        customer_reference: purchase.order.customerReference ?? null,
        at: iso(purchase.at),
        upfront: money(purchase.upfront),
        monthly: money(purchase.monthly),
        duplicate_attempts: this.#attempts.get(phone_number) ?? 0,
      })),
      released: this.#released.map((entry) => ({ ...entry, at: iso(entry.at) })),
      changed: this.#changed.map((entry) => ({ ...entry, at: iso(entry.at) })),
      orders: orders.map((order) => ({
        id: order.id,
        customer_reference: order.customerReference ?? null,
        status: order.status,
        numbers: order.lines.map((line) => line.e164),
        at: iso(order.createdAt),
      })),
      jobs: jobs
        .filter((job) => !job.foreign)
        .map((job) => ({
          id: job.id,
          type: job.type,
          status: job.status,
          count: job.numbers.length,
          at: iso(job.createdAt),
        })),
      sold_to_others: [...this.#soldToOthers],
      portal: this.#portal.map((entry) => ({ ...entry, at: iso(entry.at) })),
      webhooks: this.#webhooks.map((entry) => ({ ...entry, at: iso(entry.at) })),
      ...this.#totals(ownedCount),
    };
  }

  /** Counts only: for large runs. */
  summary(orders: readonly Order[], jobs: readonly Job[], ownedCount: number): LedgerSummary {
    return {
      bought: this.#bought.size,
      released: this.#released.length,
      changed: this.#changed.length,
      orders: orders.length,
      jobs: jobs.filter((job) => !job.foreign).length,
      sold_to_others: this.#soldToOthers.length,
      portal: this.#portal.length,
      webhooks: this.#webhooks.length,
      ...this.#totals(ownedCount),
    };
  }
}
