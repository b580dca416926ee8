import { ProvisioningError } from '../domain/errors.ts';
import { jobDuration, nextCheck, recentJobs } from '../domain/job-checks.ts';
import type { Timings } from '../domain/timings.ts';
import type { ListedOrder, Order, TelnyxGateway } from '../telnyx/gateway.ts';

type Reads = Pick<TelnyxGateway, 'getOrder' | 'listOrders'>;

/** A young order of ours that is open at Telnyx. An order that waits for paperwork, or for long, is none: it is read alone. */
export interface OpenOrder {
  id: string;
  numbers: number;
  /** When its call left, which is before Telnyx made it, and when the reply came. */
  leftAt: Date;
  acceptedAt: Date;
  /** How often it was read. */
  polls: number;
}

/** What one reading of an order brought. */
export type OrderReading =
  /** The order itself, with the status of each number. */
  | { kind: 'fetched'; order: Order }
  /** Its row in the list of orders, which has no status for a number. */
  | { kind: 'listed'; row: ListedOrder }
  /** The list does not show the order, which proves nothing. */
  | { kind: 'not_listed' };

/**
 * Reads the young orders of this process together: one list call tells of all that are due, where that costs fewer calls than
 * fetching each of them. It also says when to read an order.
 */
export interface OpenOrders {
  /** After how many milliseconds an order is read that was just accepted, or that a reading showed as open. */
  nextReadIn(order: OpenOrder): number;
  /** Reads an order once. Errors: those of the gateway. */
  read(telnyx: Reads, order: OpenOrder): Promise<OrderReading>;
  /** Learns from a finished order how long such orders take. */
  ended(order: OpenOrder, shown: Pick<Order, 'createdAt' | 'updatedAt'>): void;
}

type Waits = Pick<Timings, 'listEveryMs' | 'pollMaxMs'>;

/** A reading waits at most this long for other orders that are due at the same time, in milliseconds. */
const GATHER_MS = 250;
/** An order counts as due when it is due within this time, because the queue may deliver it a little late or early. */
const ABOUT_MS = 100;
/** From so many open orders on, orders that are due within half a `listEveryMs` of each other are read at one moment. */
const MANY = 3;
/** After a refusal of the list, each order is fetched by itself for this long. */
const REFUSED_MS = 600_000;

interface Reader {
  order: OpenOrder;
  telnyx: Reads;
  answer: (reading: OrderReading) => void;
  fail: (error: unknown) => void;
}

/** Times here are those of the machine and not of `Clock`, because they drive timers. */
export function readOrdersTogether(timings: Waits): OpenOrders {
  const recent = recentJobs();
  /** When each open order is due, by its id. */
  const due = new Map<string, number>();
  let gathered: Reader[] = [];
  let timer: NodeJS.Timeout | undefined;
  let refusedUntil = 0;

  const forgetLost = (now: number): void => {
    // Another process may have read an order to its end.
    for (const [id, at] of due) if (at < now - timings.pollMaxMs) due.delete(id);
  };

  /** The moment nearest to `at` at which another order is due, when many are open; otherwise `at` itself. */
  const shared = (at: number, earliest: number): number => {
    if (due.size + 1 < MANY) return at;
    const near = [...due.values()].filter((other) => other >= earliest && other <= at + timings.listEveryMs / 2);
    return near.reduce((best, other) => (Math.abs(other - at) < Math.abs(best - at) ? other : best), near[0] ?? at);
  };

  const leave = (): void => {
    clearTimeout(timer);
    timer = undefined;
    const together = gathered;
    gathered = [];
    void readTogether(together, Date.now() >= refusedUntil).then((refused) => {
      if (refused) refusedUntil = Date.now() + REFUSED_MS;
    });
  };

  return {
    nextReadIn: (order) => {
      const now = Date.now();
      forgetLost(now);
      due.delete(order.id);
      const age = now - order.acceptedAt.getTime();
      const waits = { pollMinMs: timings.listEveryMs, pollMaxMs: timings.pollMaxMs };
      const known = order.polls === 0 ? recent.expected('order', order.numbers, null, waits) : 0;
      const at = order.polls === 0 ? now - age + known : nextCheck(now, now - age, timings.listEveryMs, timings.pollMaxMs);
      const isGuess = known <= timings.listEveryMs;
      const moment = shared(at, Math.max(now, isGuess ? at - timings.listEveryMs / 2 : at));
      due.set(order.id, moment);
      return Math.max(0, moment - now);
    },
    read: (telnyx, order) =>
      new Promise((answer, fail) => {
        due.delete(order.id);
        gathered.push({ order, telnyx, answer, fail });
        const now = Date.now();
        const comesToo = (at: number): boolean => at <= now + ABOUT_MS && at > now - timings.listEveryMs;
        if (![...due.values()].some(comesToo)) leave();
        else timer ??= setTimeout(leave, GATHER_MS);
      }),
    ended: (order, shown) => {
      due.delete(order.id);
      recent.note('order', order.numbers, jobDuration(shown) ?? Date.now() - order.acceptedAt.getTime());
    },
  };
}

/** For a process without timers, such as the random walk: reads an order alone, every second time from the list. */
export function readEachOrder(timings: Waits): OpenOrders {
  return {
    nextReadIn: ({ polls }) => Math.min(timings.pollMaxMs, timings.listEveryMs * 2 ** polls),
    read: async (telnyx, order) => {
      if (order.polls % 2 === 1) return { kind: 'fetched', order: await telnyx.getOrder(order.id) };
      const [reading] = await fromList(telnyx, [order]);
      return reading ?? { kind: 'not_listed' };
    },
    ended: () => undefined,
  };
}

/**
 * Reads a single order by its id, and several by the list. Resolves to true when Telnyx refused the list: each order is then fetched.
 * It never rejects; each reader gets its own answer.
 */
async function readTogether(readers: Reader[], mayList: boolean): Promise<boolean> {
  const [first, ...others] = readers;
  if (first === undefined) return false;
  let refused = false;
  if (others.length > 0 && mayList) {
    try {
      const readings = await fromList(
        first.telnyx,
        readers.map(({ order }) => order),
      );
      for (const [i, { answer }] of readers.entries()) answer(readings[i] ?? { kind: 'not_listed' });
      return false;
    } catch (error) {
      refused = error instanceof ProvisioningError && (error.disposition === 'rejected' || error.disposition === 'bug');
      if (!refused) {
        for (const { fail } of readers) fail(error);
        return false;
      }
    }
  }
  for (const { order, telnyx, answer, fail } of readers)
    telnyx.getOrder(order.id).then((fetched) => answer({ kind: 'fetched', order: fetched }), fail);
  return refused;
}

/** One reading for each order, in the same sequence. The list has at most as many pages as orders are asked for. */
async function fromList(telnyx: Reads, orders: OpenOrder[]): Promise<OrderReading[]> {
  const since = new Date(Math.min(...orders.map(({ leftAt }) => leftAt.getTime())));
  const ids = orders.map(({ id }) => id);
  const rows = await telnyx.listOrders({ since, ids, mostPages: ids.length });
  return ids.map((id): OrderReading => {
    const row = rows.get(id);
    return row === undefined ? { kind: 'not_listed' } : { kind: 'listed', row };
  });
}
