import type { Chunk } from '../../src/db/chunks.ts';
import type { JobContext } from '../../src/processors/context.ts';
import type { Offer, TelnyxGateway } from '../../src/telnyx/gateway.ts';
import { calls } from './expect-agreement.ts';
import type { Harness } from './harness.ts';
import { door } from './until.ts';

/** Matches the call that creates an order, for faults. */
export const ordering = { method: 'POST' as const, path: '/number_orders' };

/** Returns the body of a buy with one line. */
export const buying = (quantity: number, ndc = '312', more: object = {}) => ({
  kind: 'buy',
  lines: [{ national_destination_code: ndc, quantity, ...more }],
});

/** Returns the context that `run-job` gives a handler at its first attempt. */
export const ctxOf = (h: Harness): JobContext => ({
  log: h.deps.log,
  signal: new AbortController().signal,
  attempt: 1,
  lastAttempt: false,
});

/** Returns the causes of all moves of a request's chunks, in order. */
export async function causesOf(h: Harness, id: string): Promise<string[]> {
  const rows = await h.db.sql<{ cause: string }[]>`
    select cause from events where subject = 'chunk' and request_id = ${id} order by id`;
  return rows.map((r) => r.cause);
}

/** Returns the orders of a request that Telnyx has. */
export async function ordersOf(h: Harness, id: string) {
  const references = new Set((await h.chunks(id)).map((c) => c.customerReference));
  return h.sim.ledger().orders.filter((o) => references.has(o.customer_reference ?? ''));
}

/** Replaces methods of the gateway while `work` runs. */
export async function withGateway(h: Harness, methods: Partial<TelnyxGateway>, work: () => Promise<void>): Promise<void> {
  const { telnyx } = h.deps;
  const before = { ...telnyx };
  Object.assign(telnyx, methods);
  try {
    await work();
  } finally {
    Object.assign(telnyx, before);
  }
}

/** A search that gets no answer before `answer` is called. */
export function heldSearch(h: Harness): { search: TelnyxGateway['search']; called: Promise<void>; answer: () => void } {
  const { search } = h.deps.telnyx;
  const [called, answered] = [door(), door()];
  const held: TelnyxGateway['search'] = async (...asked) => {
    called.open();
    await answered.opened;
    return search(...asked);
  };
  return { search: held, called: called.opened, answer: answered.open };
}

/** Makes a buy whose numbers are claimed and cut into orders, with no order sent. The workers are stopped. */
export async function claimedOnly(
  h: Harness,
  body: object,
): Promise<{ id: string; fill: () => Promise<unknown>; chunks: Chunk[] }> {
  await h.stop();
  const id = await h.submit(body);
  const [line] = await h.db.sql<{ id: string }[]>`select id from lines where request_id = ${id}`;
  const fill = () => h.handlers['line.fill']({ lineId: line?.id ?? '', requestId: id }, ctxOf(h));
  await fill();
  return { id, fill, chunks: await h.chunks(id) };
}

/** Returns the offers in an area code at the ordinary price. */
export async function offersIn(h: Harness, nationalDestinationCode: string): Promise<Offer[]> {
  const criteria = { countryCode: 'US', phoneNumberType: 'local', nationalDestinationCode, bestEffort: false, limit: 200 };
  return (await h.deps.telnyx.search(criteria)).offers.filter((o) => Number(o.upfrontCost) <= 2 && Number(o.monthlyCost) <= 2);
}

/** Returns numbers that are on sale in an area now at the ordinary price. */
export async function ordinaryNumbers(h: Harness, nationalDestinationCode: string, limit: number): Promise<string[]> {
  return (await offersIn(h, nationalDestinationCode)).map((o) => o.phoneNumber).slice(0, limit);
}

/** Returns numbers that are on sale in an area now, whatever they cost. */
export async function onSale(h: Harness, nationalDestinationCode: string, limit: number): Promise<string[]> {
  const criteria = { countryCode: 'US', phoneNumberType: 'local', nationalDestinationCode, bestEffort: false, limit };
  return (await h.deps.telnyx.search(criteria)).offers.map((o) => o.phoneNumber);
}

/** Returns the reason of each number of a request that has one. A number that was never found is called `empty`. */
export async function reasonsOf(h: Harness, id: string): Promise<Record<string, string>> {
  const items = await h.items(id);
  return Object.fromEntries(items.flatMap((i) => (i.reasonCode === null ? [] : [[i.phoneNumber ?? 'empty', i.reasonCode]])));
}

/** Returns how many order calls were answered so far. */
export function orderCalls(h: Harness): number {
  return Object.values(calls(h, 'POST /number_orders')).reduce((sum, n) => sum + n, 0);
}

/** Returns a function that tells how many order calls were answered since now, by HTTP status. */
export function orderCallsFromNow(h: Harness): () => Record<string, number> {
  const before = { ...calls(h, 'POST /number_orders') };
  return () => {
    const now = calls(h, 'POST /number_orders');
    const since = Object.entries(now).map(([status, n]) => [status, n - (before[status] ?? 0)] as const);
    return Object.fromEntries(since.filter(([, n]) => n !== 0));
  };
}
