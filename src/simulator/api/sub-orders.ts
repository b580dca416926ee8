import type Telnyx from 'telnyx';
import { decide } from '../order-settle.ts';
import { type Context, ok, pagedArray, type Reply } from './context.ts';
import { orderLineView, subOrderView } from './order-views.ts';
import { notFound, type PageMeta, Query, Refusal } from './wire.ts';

function withNumbers(context: Context): boolean {
  return context.query.flag('filter[include_phone_numbers]') === true;
}

/** A page of a list that documents no paging: 20 rows. A setting says whether other pages can be requested. */
function undocumentedPage<T>(context: Context, rows: readonly T[]): { data: T[]; meta: PageMeta } {
  const honoured = context.world.behaviour.subOrderPages === 'honoured';
  const asked = honoured ? context : { ...context, query: new Query(new URLSearchParams()) };
  return pagedArray(asked, rows, (row) => row);
}

/** GET /sub_number_orders */
export function listSubOrders(context: Context): Reply {
  const { world, query } = context;
  const orderId = query.one('filter[order_request_id]');
  const orders = orderId === undefined ? [...world.orders.values()].reverse() : [world.orders.get(orderId)];
  const status = query.one('filter[status]');
  const country = query.one('filter[country_code]');
  const type = query.one('filter[phone_number_type]');
  const rows = orders
    .flatMap((order) => (order ? order.subOrderIds.map((id) => subOrderView(order, id, withNumbers(context))) : []))
    .filter((sub) => (status ?? sub.status) === sub.status)
    .filter((sub) => (country ?? sub.country_code) === sub.country_code)
    .filter((sub) => (type ?? sub.phone_number_type) === sub.phone_number_type);
  return ok(undocumentedPage(context, rows) satisfies Telnyx.SubNumberOrderListResponse);
}

/** GET /sub_number_orders/{id} */
export function retrieveSubOrder(context: Context): Reply {
  const order = context.world.subOrders.get(context.id);
  if (!order) throw notFound();
  return ok({
    data: subOrderView(order, context.id, withNumbers(context)),
  } satisfies Telnyx.SubNumberOrderRetrieveResponse);
}

/** PATCH /sub_number_orders/{id}/cancel: only while pending. */
export function cancelSubOrder(context: Context): Reply {
  const { world, id } = context;
  const order = world.subOrders.get(id);
  if (!order) throw notFound();
  if (subOrderView(order, id, false).status !== 'pending') {
    throw new Refusal(422, { code: '10027', title: 'Unprocessable', detail: 'Only pending orders can be cancelled' });
  }
  decide(world, order, 'cancel', world.now(), id);
  return ok({ data: subOrderView(order, id, false) } satisfies Telnyx.SubNumberOrderCancelResponse);
}

/** GET /number_order_phone_numbers: filtered by country only. */
export function listOrderLines(context: Context): Reply {
  const country = context.query.one('filter[country_code]');
  const rows = [...context.world.orders.values()]
    .reverse()
    .flatMap((order) => order.lines.map((line) => orderLineView(order, line)))
    .filter((line) => (country ?? line.country_code) === line.country_code);
  return ok(undocumentedPage(context, rows) satisfies Telnyx.NumberOrderPhoneNumberListResponse);
}

/** GET /number_order_phone_numbers/{id} */
export function retrieveOrderLine(context: Context): Reply {
  for (const order of context.world.orders.values()) {
    const line = order.lines.find((candidate) => candidate.id === context.id);
    if (line) return ok({ data: orderLineView(order, line) } satisfies Telnyx.NumberOrderPhoneNumberRetrieveResponse);
  }
  throw notFound();
}
