import type { Family } from '../types.ts';
import { balance } from './account.ts';
import type { Handler } from './context.ts';
import { enableEmergency } from './emergency.ts';
import { createDeleteJob, createEmergencyJob, createUpdateJob, listJobs, retrieveJob } from './jobs.ts';
import { createBulk, listMessaging, retrieveBulk, retrieveMessaging, updateMessaging } from './messaging.ts';
import {
  deleteNumber,
  listNumbers,
  listSlim,
  listVoice,
  retrieveNumber,
  retrieveVoice,
  updateNumber,
  updateVoice,
  verifyOwnership,
} from './numbers.ts';
import { createOrder, listOrders, retrieveOrder, updateOrder } from './orders.ts';
import { createReservation, extendReservation, listReservations, retrieveReservation } from './reservations.ts';
import { inventoryCoverage, searchNumbers } from './search.ts';
import { cancelSubOrder, listOrderLines, listSubOrders, retrieveOrderLine, retrieveSubOrder } from './sub-orders.ts';

export interface Route {
  /** As it appears in the ledger: `GET /number_orders/{id}`. */
  name: string;
  method: string;
  pattern: RegExp;
  family: Family;
  handler: Handler;
}

function route(name: string, family: Family, handler: Handler): Route {
  const [method = '', path = ''] = name.split(' ');
  return { name, method, pattern: new RegExp(`^${path.replace('{id}', '([^/]+)')}/?$`), family, handler };
}

/** First match wins: fixed paths stand before those with an id. */
const ROUTES: readonly Route[] = [
  route('GET /available_phone_numbers', 'search', searchNumbers),
  route('GET /inventory_coverage', 'search', inventoryCoverage),
  route('POST /number_reservations', 'orders', createReservation),
  route('GET /number_reservations', 'reads', listReservations),
  route('GET /number_reservations/{id}', 'reads', retrieveReservation),
  route('POST /number_reservations/{id}/actions/extend', 'orders', extendReservation),
  route('POST /number_orders', 'orders', createOrder),
  route('GET /number_orders', 'reads', listOrders),
  route('GET /number_orders/{id}', 'reads', retrieveOrder),
  route('PATCH /number_orders/{id}', 'orders', updateOrder),
  route('GET /sub_number_orders', 'reads', listSubOrders),
  route('GET /sub_number_orders/{id}', 'reads', retrieveSubOrder),
  route('PATCH /sub_number_orders/{id}/cancel', 'orders', cancelSubOrder),
  route('GET /number_order_phone_numbers', 'reads', listOrderLines),
  route('GET /number_order_phone_numbers/{id}', 'reads', retrieveOrderLine),
  route('POST /phone_numbers/actions/verify_ownership', 'ownership', verifyOwnership),
  route('POST /phone_numbers/jobs/update_phone_numbers', 'jobs', createUpdateJob),
  route('POST /phone_numbers/jobs/delete_phone_numbers', 'jobs', createDeleteJob),
  route('POST /phone_numbers/jobs/update_emergency_settings', 'jobs', createEmergencyJob),
  route('GET /phone_numbers/jobs', 'reads', listJobs),
  route('GET /phone_numbers/jobs/{id}', 'reads', retrieveJob),
  route('GET /phone_numbers', 'reads', listNumbers),
  route('GET /phone_numbers/slim', 'reads', listSlim),
  route('GET /phone_numbers/voice', 'reads', listVoice),
  route('GET /phone_numbers/messaging', 'messaging', listMessaging),
  route('GET /phone_numbers/{id}/voice', 'reads', retrieveVoice),
  route('PATCH /phone_numbers/{id}/voice', 'numbers', updateVoice),
  route('GET /phone_numbers/{id}/messaging', 'messaging', retrieveMessaging),
  route('PATCH /phone_numbers/{id}/messaging', 'messaging', updateMessaging),
  route('POST /phone_numbers/{id}/actions/enable_emergency', 'numbers', enableEmergency),
  route('GET /phone_numbers/{id}', 'reads', retrieveNumber),
  route('PATCH /phone_numbers/{id}', 'numbers', updateNumber),
  route('DELETE /phone_numbers/{id}', 'numbers', deleteNumber),
  route('POST /messaging_numbers_bulk_updates', 'messaging', createBulk),
  route('GET /messaging_numbers_bulk_updates/{id}', 'messaging', retrieveBulk),
  route('GET /balance', 'reads', balance),
];

/** The endpoint for a request, and the variable part of its path. */
export function findRoute(method: string, path: string): { route: Route; id: string } | undefined {
  for (const candidate of ROUTES) {
    if (candidate.method !== method) continue;
    const match = candidate.pattern.exec(path);
    if (match) return { route: candidate, id: decodeURIComponent(match[1] ?? '') };
  }
  return undefined;
}
