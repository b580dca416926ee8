import type { WorkDeps } from '../../../account/deps.ts';
import { closedByFailure } from '../../../account/gate.ts';
import type { OpenOrder, OrderReading } from '../../../account/open-orders.ts';
import type { Chunk } from '../../../db/chunks.ts';
import { getRequest } from '../../../db/requests.ts';
import { asError, ProvisioningError } from '../../../domain/errors.ts';
import { isFinalStatus } from '../../../domain/order-outcome.ts';
import type { ListedOrder, Order } from '../../../telnyx/gateway.ts';

/** Of so many readings in a row one fetches the order itself, because a list may show a finished order as open. */
const FETCH_EVERY = 5;
/** The list may show an order late. So many readings may miss it before it is fetched. */
const MAY_MISS = 2;

/** Milliseconds since Telnyx accepted the order. */
export const ageOf = (deps: WorkDeps, chunk: Chunk): number =>
  deps.clock.now().getTime() - (chunk.submittedAt ?? chunk.createdAt).getTime();

/** A chunk as `OpenOrders` knows it. */
export const openOrderOf = (chunk: Chunk): OpenOrder => ({
  id: chunk.telnyxId ?? '',
  numbers: chunk.numbers.length,
  leftAt: chunk.submittingAt ?? chunk.createdAt,
  acceptedAt: chunk.submittedAt ?? chunk.createdAt,
  polls: chunk.polls,
});

/** An order as it was read. `isListed`: by its row in the list, which has no order lines. */
export interface ReadOrder {
  order: Order;
  isListed: boolean;
}

/**
 * Reads the order of a chunk, from the list where the list is enough. Returns `listed_as_open` when the list shows a young order as
 * open, `gone` when Telnyx refuses to show it for a settling window, and `unreadable` after any other failure. A row of the list is
 * returned only when it says that the whole order was a success; ownership must then show each number. Throws `no_order_id` (a bug).
 */
export async function readOrder(deps: WorkDeps, chunk: Chunk): Promise<ReadOrder | 'listed_as_open' | 'unreadable' | 'gone'> {
  const { telnyxId } = chunk;
  if (telnyxId === null) throw new ProvisioningError('no_order_id', 'bug', `chunk ${chunk.id} is submitted without an order id`);
  try {
    const reading = mayList(deps, chunk) ? await deps.openOrders.read(deps.telnyx, openOrderOf(chunk)) : null;
    if (reading?.kind === 'fetched') return { order: reading.order, isListed: false };
    const enough = reading === null ? null : await enoughFor(deps, chunk, reading);
    return enough ?? { order: await deps.telnyx.getOrder(telnyxId), isListed: false };
  } catch (error) {
    if (error instanceof ProvisioningError) await closedByFailure(deps, error);
    // Every refusal counts, not only "not found": a person may have adopted an id that belongs to no order.
    const absent = error instanceof ProvisioningError && error.disposition === 'rejected';
    if (absent && ageOf(deps, chunk) > deps.timings.settleMs) return 'gone';
    deps.log.warn({ err: asError(error) }, 'the order could not be read, trying again');
    return 'unreadable';
  }
}

/** True for a young order without paperwork. The list is not enough for any other. */
const mayList = (deps: WorkDeps, chunk: Chunk): boolean =>
  !chunk.waiting && ageOf(deps, chunk) <= deps.timings.hotPollMs && chunk.polls % FETCH_EVERY !== FETCH_EVERY - 1;

/** What a row of the list proves, or `null` when the order must be fetched. */
async function enoughFor(
  deps: WorkDeps,
  chunk: Chunk,
  reading: Exclude<OrderReading, { kind: 'fetched' }>,
): Promise<ReadOrder | 'listed_as_open' | null> {
  // A cancel needs the parts of the order.
  const isCancelled = async (): Promise<boolean> => (await getRequest(deps.db.sql, chunk.requestId))?.cancelRequestedAt != null;
  if (reading.kind === 'not_listed') return chunk.polls < MAY_MISS && !(await isCancelled()) ? 'listed_as_open' : null;
  const { row } = reading;
  if (row.requirementsMet === false) return null;
  if (!isFinalStatus(row.status)) return (await isCancelled()) ? null : 'listed_as_open';
  return row.status === 'success' && carriesExactly(row, chunk) ? { order: asOrder(row), isListed: true } : null;
}

/** True when the row is the order of this chunk: our reference and the same numbers. */
function carriesExactly(row: ListedOrder, chunk: Chunk): boolean {
  const theirs = new Set(row.phoneNumbers);
  return (
    row.customerReference === chunk.customerReference &&
    theirs.size === chunk.numbers.length &&
    chunk.numbers.every((n) => theirs.has(n))
  );
}

function asOrder({ phoneNumbers: _numbers, ...row }: ListedOrder): Order {
  return { ...row, unmetLineId: null, lines: [] };
}
