import type { Chunk } from '../../src/db/chunks.ts';
import type { JobContext } from '../../src/processors/context.ts';
import type { Offer, TelnyxGateway } from '../../src/telnyx/gateway.ts';
import type { Harness } from './harness.ts';

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
