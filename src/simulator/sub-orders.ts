import type Telnyx from 'telnyx';
import { type Context, ok, type Reply } from './context.ts';
import { decide } from './order-settle.ts';
import { orderLineView, subOrderView } from './order-views.ts';
import { metaOf, notFound, Refusal } from './wire.ts';

function withNumbers(context: Context): boolean {
  return context.query.flag('filter[include_phone_numbers]') === true;
}

/** GET /sub_number_orders: no paging. */
export function listSubOrders(context: Context): Reply {
  const { world, query } = context;
  const orderId = query.one('filter[order_request_id]');
  const orders = orderId === undefined ? [...world.orders.values()].reverse() : [world.orders.get(orderId)];
  const status = query.one('filter[status]');
  const country = query.one('filter[country_code]');
  const type = query.one('filter[phone_number_type]');
  const data = orders
    .flatMap((order) => (order ? order.subOrderIds.map((id) => subOrderView(order, id, withNumbers(context))) : []))
    .filter((sub) => (status ?? sub.status) === sub.status)
    .filter((sub) => (country ?? sub.country_code) === sub.country_code)
    .filter((sub) => (type ?? sub.phone_number_type) === sub.phone_number_type);
  const meta = metaOf({ number: 1, size: Math.max(1, data.length) }, data.length);
  return ok({ data, meta } satisfies Telnyx.SubNumberOrderListResponse);
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
  const data = [...context.world.orders.values()]
    .reverse()
    .flatMap((order) => order.lines.map((line) => orderLineView(order, line)))
    .filter((line) => (country ?? line.country_code) === line.country_code);
  const meta = metaOf({ number: 1, size: Math.max(1, data.length) }, data.length);
  return ok({ data, meta } satisfies Telnyx.NumberOrderPhoneNumberListResponse);
}

/** GET /number_order_phone_numbers/{id} */
export function retrieveOrderLine(context: Context): Reply {
  for (const order of context.world.orders.values()) {
    const line = order.lines.find((candidate) => candidate.id === context.id);
    if (line) return ok({ data: orderLineView(order, line) } satisfies Telnyx.NumberOrderPhoneNumberRetrieveResponse);
  }
  throw notFound();
}
