import type { E164 } from '../../domain/phone-number.ts';
import type { OrderSettings } from '../../domain/step.ts';
import type { LastCheck, ListedOrder, Order, OrdersQuery, Paperwork, Reservation } from '../gateway.ts';
import type { Transport } from '../transport.ts';
import { requireNumbers } from './limits.ts';
import { CLOCK_SKEW_MS, isLastPage, MAX_PAGE_SIZE, walkPages } from './pages.ts';
import { listAnswer, listedOrderRow, orderAnswer, orderRow, paperworkAnswer, reservationAnswer } from './wire.ts';

const FAILED_RESERVATION: ReadonlySet<string> = new Set(['failure', 'failed']);

/** Reserves numbers for 30 minutes. A number that the answer does not show as held counts as refused. */
export async function reserve(transport: Transport, numbers: E164[], reference: string): Promise<Reservation> {
  const asked = requireNumbers('reservations.create', numbers);
  const { id, lines } = await transport.call(
    { family: 'reservations', operation: 'reservations.create', phase: 'write', numbers: asked.length },
    (client, options) =>
      client.numberReservations.create(
        { customer_reference: reference, phone_numbers: asked.map((phone_number) => ({ phone_number })) },
        options,
      ),
    reservationAnswer,
  );
  const held = new Set(
    lines.flatMap((l) => (l.phone_number && !FAILED_RESERVATION.has(l.status ?? '') && !l.errors ? [l.phone_number] : [])),
  );
  return { id, held: asked.filter((n) => held.has(n)), refused: asked.filter((n) => !held.has(n)) };
}

/**
 * Buys. Telnyx has no idempotency key for orders: after an `ambiguous` failure, look up `reference` and never send on a guess.
 */
export async function createOrder(
  transport: Transport,
  numbers: E164[],
  reference: string,
  settings: OrderSettings,
  lastCheck?: LastCheck,
): Promise<Order> {
  const asked = requireNumbers('orders.create', numbers);
  const { connection_id, messaging_profile_id, billing_group_id, requirement_group_id } = settings;
  const group = requirement_group_id === undefined ? {} : { requirement_group_id };
  return await transport.call(
    { family: 'orders', operation: 'orders.create', phase: 'write', numbers: asked.length, ordered: asked, lastCheck },
    (client, options) =>
      client.numberOrders.create(
        {
          customer_reference: reference,
          phone_numbers: asked.map((phone_number) => ({ phone_number, ...group })),
          ...(connection_id === undefined ? {} : { connection_id }),
          ...(messaging_profile_id === undefined ? {} : { messaging_profile_id }),
          ...(billing_group_id === undefined ? {} : { billing_group_id }),
        },
        options,
      ),
    orderAnswer,
  );
}

/** Compares the reference exactly itself, because Telnyx does not document whether its filter matches exactly. */
export async function findOrders(transport: Transport, reference: string): Promise<Order[]> {
  const rows = await walkPages('orders.find', (pageNumber) =>
    transport.call(
      { family: 'reads', operation: 'orders.find', phase: 'read' },
      (client, options) =>
        client.numberOrders.list(
          { filter: { customer_reference: reference }, 'page[number]': pageNumber, 'page[size]': MAX_PAGE_SIZE },
          options,
        ),
      listAnswer(orderRow),
    ),
  );
  // The list may shift between two pages and show a row twice.
  const exact = rows.filter((order) => order.customerReference === reference).map((order): [string, Order] => [order.id, order]);
  return [...new Map(exact).values()];
}

/** One order with the status of each number. */
export async function getOrder(transport: Transport, id: string): Promise<Order> {
  return await transport.call(
    { family: 'reads', operation: 'orders.get', phase: 'read' },
    (client, options) => client.numberOrders.retrieve(id, options),
    orderAnswer,
  );
}

/**
 * Reads some orders from the list of those created since `since`, less 5 s for differing clocks. Telnyx cannot filter the list by ids,
 * so others may be among them. The list is read until all are found, at most `mostPages` pages.
 */
export async function listOrders(
  transport: Transport,
  { since, ids, mostPages }: OrdersQuery,
): Promise<Map<string, ListedOrder>> {
  const wanted = new Set(ids);
  const found = new Map<string, ListedOrder>();
  const gt = new Date(since.getTime() - CLOCK_SKEW_MS).toISOString();
  for (let pageNumber = 1; pageNumber <= mostPages && found.size < wanted.size; pageNumber += 1) {
    const page = await transport.call(
      { family: 'reads', operation: 'orders.list', phase: 'read' },
      (client, options) =>
        client.numberOrders.list(
          { filter: { created_at: { gt } }, 'page[number]': pageNumber, 'page[size]': MAX_PAGE_SIZE },
          options,
        ),
      listAnswer(listedOrderRow),
    );
    for (const row of page.data) if (wanted.has(row.id)) found.set(row.id, row);
    if (isLastPage(page, pageNumber)) break;
  }
  return found;
}

/** Reads what an order line waits for. The caller makes this one call for a waiting order, and only on slow polls. */
export async function paperwork(transport: Transport, lineId: string): Promise<Paperwork> {
  return await transport.call(
    { family: 'reads', operation: 'orders.paperwork', phase: 'read' },
    (client, options) => client.numberOrderPhoneNumbers.retrieve(lineId, options),
    paperworkAnswer,
  );
}
