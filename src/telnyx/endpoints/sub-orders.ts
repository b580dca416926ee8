import type { ErrorCode } from '../../domain/codes.ts';
import { ProvisioningError } from '../../domain/errors.ts';
import { isFinalStatus } from '../../domain/order-outcome.ts';
import type { Cancellation, Order } from '../gateway.ts';
import type { Transport } from '../transport.ts';
import { anyAnswer, type ListPage, listAnswer, type SubOrderRow, subOrderRow } from './wire.ts';

/** Rows of a page unless asked otherwise. The list documents a `meta` but neither page parameters nor a size. */
const DEFAULT_PAGE = 20;
/** Longer lists mean that something is wrong with them. */
const MOST_PAGES = 40;
/** Codes of a refusal to cancel that says nothing about the sub order. */
const NO_PERMISSION: ReadonlySet<string> = new Set<ErrorCode>(['forbidden', 'feature_not_permitted']);

/** What a list has shown of an order. */
interface Shown {
  rows: Map<string, SubOrderRow>;
  /** The least number of sub orders that the list itself states; 0 when it states none. */
  stated: number;
  /** True when there may be others: the list says so, or its only page is full. */
  mayHide: boolean;
}

/**
 * Cancels every sub order, because Telnyx cannot cancel the parent. A sub order that is no longer pending refuses. That refusal
 * is ignored: the caller reads the order again to learn the result. Sub orders that the list hides behind its first page move up
 * when only pending ones are requested, so the pending ones are requested until nothing new comes.
 * @throws ProvisioningError when the list cannot be read at all, or when the outcome of a cancel is unknown. It may be repeated.
 */
export async function cancelOrder(transport: Transport, order: Order): Promise<Cancellation> {
  const { rows, stated, mayHide } = await subOrdersOf(transport, order);
  const done = new Set<string>();
  let refusal = await cancelRows(transport, [...rows.values()], done);
  for (let fresh = mayHide ? rows.size : 0; fresh > 0; ) {
    const pending = await listSubOrders(transport, order.id, 'pending');
    const others = [...pending.rows.values()].filter((row) => !rows.has(row.id));
    for (const row of others) rows.set(row.id, row);
    refusal = (await cancelRows(transport, others, done)) ?? refusal;
    fresh = others.length;
  }
  const total = Math.max(stated, rows.size);
  const hidden = total > rows.size ? `the list of sub orders shows ${rows.size} of at least ${total}` : null;
  return { done: done.size, total, why: refusal?.message ?? hidden };
}

/** The sub orders that the order itself names, which are all of them. When it names none, the list is read. */
async function subOrdersOf(transport: Transport, { id, subOrderIds }: Order): Promise<Shown> {
  if (subOrderIds.length === 0) return await listSubOrders(transport, id);
  return { rows: new Map(subOrderIds.map((subId) => [subId, { id: subId }])), stated: 0, mayHide: false };
}

/** Returns a refusal that is about permission, if there was one. */
async function cancelRows(
  transport: Transport,
  rows: readonly SubOrderRow[],
  done: Set<string>,
): Promise<ProvisioningError | null> {
  let refusal: ProvisioningError | null = null;
  let unknown: ProvisioningError | null = null;
  for (const { id, status } of rows) {
    const failure = isFinalStatus(status ?? '') ? null : await cancelOne(transport, id);
    if (failure === null || (failure.disposition === 'rejected' && !NO_PERMISSION.has(failure.code))) done.add(id);
    else if (failure.disposition === 'rejected') refusal = failure;
    // An unknown outcome of one sub order must not keep the others from being cancelled.
    else if (failure.disposition === 'ambiguous') unknown = failure;
    else throw failure;
  }
  if (unknown !== null) throw unknown;
  return refusal;
}

async function cancelOne(transport: Transport, id: string): Promise<ProvisioningError | null> {
  try {
    await transport.call(
      { family: 'orders', operation: 'orders.cancel', phase: 'write' },
      (client, options) => client.subNumberOrders.cancel(id, options),
      anyAnswer,
    );
    return null;
  } catch (error) {
    if (error instanceof ProvisioningError) return error;
    throw error;
  }
}

/**
 * Lists page by page, as far as Telnyx allows. A further page is requested only when there must be one. A page that shows nothing
 * new ends the list, because Telnyx then ignores the page parameter. A further page that fails ends it too: the caller cancels
 * the sub orders that are known.
 */
async function listSubOrders(transport: Transport, orderId: string, status?: 'pending'): Promise<Shown> {
  const rows = new Map<string, SubOrderRow>();
  let stated = 0;
  let mayHide = true;
  for (let pageNumber = 1; mayHide && pageNumber <= MOST_PAGES; pageNumber += 1) {
    const page = await readPage(transport, orderId, { pageNumber, status });
    if (page === null) break;
    const before = rows.size;
    // When Telnyx ignores the filter, the list shows the sub orders of other orders too.
    for (const row of page.data) if (!row.order_request_id || row.order_request_id === orderId) rows.set(row.id, row);
    const { total_results: results, total_pages: pages } = page.meta ?? {};
    stated = Math.max(stated, results ?? ((pages ?? 0) > pageNumber ? rows.size + 1 : 0));
    const saysNothing = results == null && pages == null;
    mayHide = rows.size < stated || (saysNothing && page.data.length === DEFAULT_PAGE);
    if (rows.size === before) break;
  }
  return { rows, stated, mayHide };
}

async function readPage(
  transport: Transport,
  orderId: string,
  { pageNumber, status }: { pageNumber: number; status: 'pending' | undefined },
): Promise<ListPage<SubOrderRow> | null> {
  // The SDK's types know the filter only. The query of the options replaces theirs.
  const query = {
    filter: { order_request_id: orderId, ...(status === undefined ? {} : { status }) },
    ...(pageNumber === 1 ? {} : { 'page[number]': pageNumber }),
  };
  try {
    return await transport.call(
      { family: 'reads', operation: 'orders.sub_orders', phase: 'read' },
      (client, options) => client.subNumberOrders.list(undefined, { ...options, query }),
      listAnswer(subOrderRow),
    );
  } catch (error) {
    const isFirst = pageNumber === 1 && status === undefined;
    if (isFirst || !(error instanceof ProvisioningError)) throw error;
    return null;
  }
}
