import { setTimeout as sleep } from 'node:timers/promises';
import { DEFAULT_RATES } from '../../src/domain/rate-families.ts';
import { targetOf } from '../../src/simulator/api/answer.ts';
import type { Simulator } from '../../src/simulator/index.ts';

/** What the simulator saw in one measurement. */
export interface Seen {
  title: string;
  factor: number;
  calls: number;
  refused: number;
  /** The family that came nearest to its limit, its limit a second, and the share of it that was used. */
  busiest: string;
  limit: number;
  share: number;
}

/** The families that the simulator limits like the default rates of the product. Reservations count as orders there. */
const LIMITED = ['search', 'orders', 'jobs', 'reads', 'messaging', 'ownership'] as const;

/** The default rates times `factor`, for the simulator. */
export function ratesTimes(factor: number): Record<(typeof LIMITED)[number], number> {
  const { search, orders, jobs, reads, messaging, ownership } = DEFAULT_RATES;
  return {
    search: search * factor,
    orders: orders * factor,
    jobs: jobs * factor,
    reads: reads * factor,
    messaging: messaging * factor,
    ownership: ownership * factor,
  };
}

type Counts = Record<string, Record<string, number>>;

/** Measures for `ms` milliseconds from the moment when `begun` is true. */
export async function watch(
  simulator: Simulator,
  title: string,
  factor: number,
  ms: number,
  begun: (calls: Counts) => boolean,
): Promise<Seen> {
  const now = (): Counts => structuredClone(simulator.ledger().calls.by_endpoint);
  while (!begun(now())) await sleep(5);
  const before = now();
  const startedAt = performance.now();
  await sleep(ms);
  const after = now();
  const seconds = (performance.now() - startedAt) / 1_000;
  return { title, factor, ...shares(before, after, factor, seconds) };
}

function shares(before: Counts, after: Counts, factor: number, seconds: number): Omit<Seen, 'title' | 'factor'> {
  const letIn = new Map<string, number>();
  let [calls, refused] = [0, 0];
  for (const [endpoint, by] of Object.entries(after)) {
    const [method = '', path = ''] = endpoint.split(' ');
    const { family } = targetOf(method, `/${path.slice(1).replace('{id}', '1')}`).target;
    for (const [status, total] of Object.entries(by)) {
      const n = total - (before[endpoint]?.[status] ?? 0);
      calls += n;
      if (status === '429') refused += n;
      else letIn.set(family, (letIn.get(family) ?? 0) + n);
    }
  }
  const rates = ratesTimes(factor);
  let busiest = { busiest: '', limit: 1, share: 0 };
  for (const family of LIMITED) {
    // The simulator counts whole calls a second, and makes the window longer below one a second.
    const limit = rates[family] >= 1 ? Math.floor(rates[family]) : rates[family];
    const share = (letIn.get(family) ?? 0) / seconds / limit;
    if (share > busiest.share) busiest = { busiest: family, limit, share };
  }
  return { calls, refused, ...busiest };
}
