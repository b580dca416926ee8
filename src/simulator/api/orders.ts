import { randomUUID } from 'node:crypto';
import type Telnyx from 'telnyx';
import { nextReady } from '../order-settle.ts';
import { share } from '../random.ts';
import type { E164, Order, OrderLine, PoolNumber } from '../types.ts';
import { assertBillingGroup, assertConnection, assertProfile } from './account.ts';
import { assertAvailable } from './availability.ts';
import { type Context, codeOf, ok, pagedArray, type Reply, struckBy } from './context.ts';
import { orderRow, orderView } from './order-views.ts';
import { E164 as E164_FORM, invalid, isRecord, MASKED, notFound, Refusal, text } from './wire.ts';

const MAX_ORDER = 1000;
const DEADLINE_MS = 14 * 86_400_000;

interface Asked {
  e164: E164;
  requirementGroup: boolean;
}

function askedNumbers(context: Context): Asked[] {
  const raw = context.body['phone_numbers'];
  if (!Array.isArray(raw) || raw.length === 0) throw invalid('/phone_numbers', 'must be present', '10004');
  if (raw.length > MAX_ORDER) throw invalid('/phone_numbers', `at most ${MAX_ORDER} phone numbers`);
  const asked = new Map<E164, Asked>();
  for (const entry of raw as unknown[]) {
    const e164 = isRecord(entry) ? text(entry, 'phone_number') : undefined;
    if (e164 === undefined || !(E164_FORM.test(e164) || MASKED.test(e164)))
      throw invalid('/phone_numbers', 'must be in +E.164 format', '10016');
    asked.set(e164, { e164, requirementGroup: isRecord(entry) && typeof entry['requirement_group_id'] === 'string' });
  }
  return [...asked.values()];
}

function assertAccount(context: Context, numbers: readonly PoolNumber[]): void {
  const { world } = context;
  const inactive = struckBy(context, 'account_inactive');
  if (inactive) throw new Refusal(inactive.status ?? 403, { ...codeOf(inactive, '20012'), title: 'Account inactive' });
  const broke = struckBy(context, 'insufficient_funds');
  let open = 0;
  for (const order of world.openOrders) {
    for (const line of order.lines) if (line.status === 'pending') open += line.upfront + line.monthly;
  }
  const price = numbers.reduce((sum, number) => sum + number.upfront + number.monthly, 0);
  if (broke || price > world.balance - open) {
    throw new Refusal(broke?.status ?? 402, { ...codeOf(broke, '20100'), title: 'Insufficient Funds' });
  }
}

/** The fate of each order line. It is decided now, so that it does not depend on when somebody reads it. */
function fates(
  context: Context,
  count: number,
): { fates: OrderLine['fate'][]; back: boolean; status: Order['status'] | undefined } {
  const all = (fate: OrderLine['fate']): OrderLine['fate'][] => Array<OrderLine['fate']>(count).fill(fate);
  const failure = struckBy(context, 'order_failure');
  if (failure) return { fates: all('failure'), back: failure.return_to_pool ?? false, status: undefined };
  const cancelled = struckBy(context, 'order_cancelled');
  if (cancelled) return { fates: all('cancelled'), back: cancelled.return_to_pool ?? true, status: undefined };
  const partial = struckBy(context, 'order_partial');
  if (!partial) return { fates: all('success'), back: false, status: undefined };
  const hit = share(count, { count: partial.count, fraction: partial.fraction ?? 0.5 });
  const mixed = all('success').map((fate, index): OrderLine['fate'] => (hit.has(index) ? 'failure' : fate));
  return { fates: mixed, back: partial.return_to_pool ?? false, status: partial.order_status };
}

/** Gives each order line its sub order: one for each group, and another one whenever it is full. */
function splitter(size: number): (group: string) => string {
  const open = new Map<string, { id: string; lines: number }>();
  return (group) => {
    const current = open.get(group);
    const subOrder = current && current.lines < size ? current : { id: randomUUID(), lines: 0 };
    subOrder.lines += 1;
    open.set(group, subOrder);
    return subOrder.id;
  };
}

function makeLines(
  context: Context,
  asked: readonly Asked[],
  missing: ReadonlySet<E164>,
  paperwork: boolean,
  readyAt: number,
): { lines: OrderLine[]; status: Order['status'] | undefined } {
  const { world } = context;
  const outcome = fates(context, asked.length);
  const subOrderOf = splitter(world.behaviour.subOrderSize);
  const lines = asked.flatMap(({ e164, requirementGroup }, index): OrderLine[] => {
    const number = world.poolByNumber.get(e164);
    const area = number?.area ?? world.owned.get(e164)?.area;
    if (!area) return [];
    const subOrderId = subOrderOf(`${area.country}/${area.type}`);
    const lost = missing.has(e164);
    return [
      {
        id: randomUUID(),
        e164,
        area,
        upfront: number?.upfront ?? 0,
        monthly: number?.monthly ?? 0,
        subOrderId,
        paperwork: !lost && (paperwork || (!['US', 'CA'].includes(area.country) && !requirementGroup)),
        approved: false,
        fate: lost ? 'failure' : (outcome.fates[index] ?? 'success'),
        returnToPool: !lost && outcome.back,
        readyAt: lost || number?.quickship !== false ? readyAt : readyAt + world.behaviour.slowShipMs,
        status: 'pending',
      },
    ];
  });
  return { lines, status: outcome.status };
}

/** POST /number_orders */
export function createOrder(context: Context): Reply {
  const { world, body } = context;
  const asked = askedNumbers(context);
  assertConnection(text(body, 'connection_id'));
  assertProfile(text(body, 'messaging_profile_id'));
  assertBillingGroup(text(body, 'billing_group_id'));
  const missing = assertAvailable(
    context,
    asked.map(({ e164 }) => e164),
  );
  assertAccount(
    context,
    asked.flatMap(({ e164 }) => (missing.has(e164) ? [] : (world.poolByNumber.get(e164) ?? []))),
  );
  const slow = struckBy(context, 'order_pending');
  const paperwork = struckBy(context, 'paperwork');
  const now = world.now();
  const readyAt = now + (slow ? (slow.ms ?? Number.POSITIVE_INFINITY) : world.settings.orderMs);
  const { lines, status } = makeLines(context, asked, missing, paperwork !== undefined, readyAt);
  const order: Order = {
    id: randomUUID(),
    customerReference: text(body, 'customer_reference'),
    connectionId: text(body, 'connection_id'),
    messagingProfileId: text(body, 'messaging_profile_id'),
    billingGroupId: text(body, 'billing_group_id'),
    lines,
    subOrderIds: [...new Set(lines.map((line) => line.subOrderId))],
    createdAt: now,
    updatedAt: now,
    settlesAt: nextReady(lines),
    deadline: lines.some((line) => line.paperwork) ? now + (paperwork?.ms ?? DEADLINE_MS) : undefined,
    status: 'pending',
  };
  world.orders.set(order.id, order);
  world.openOrders.add(order);
  if (status) world.forcedStatus.set(order.id, status);
  for (const id of order.subOrderIds) world.subOrders.set(id, order);
  for (const line of lines) {
    if (missing.has(line.e164)) continue;
    world.taken.add(line.e164);
    world.inOrder.add(line.e164);
  }
  return ok({ data: orderView(order) } satisfies Telnyx.NumberOrderCreateResponse);
}

function orderOf(context: Context): Order {
  const order = context.world.orders.get(context.id);
  if (!order) throw notFound();
  return order;
}

/** GET /number_orders/{id} */
export function retrieveOrder(context: Context): Reply {
  return ok({ data: orderView(orderOf(context)) } satisfies Telnyx.NumberOrderRetrieveResponse);
}

/** PATCH /number_orders/{id} */
export function updateOrder(context: Context): Reply {
  const order = orderOf(context);
  order.customerReference = text(context.body, 'customer_reference') ?? order.customerReference;
  order.updatedAt = context.world.now();
  return ok({ data: orderView(order) } satisfies Telnyx.NumberOrderUpdateResponse);
}

/** GET /number_orders: newest first, late, lines without status. */
export function listOrders(context: Context): Reply {
  const { world, query } = context;
  const lag = world.faults.lag('orders', world.settings.lags);
  const reference = query.one('filter[customer_reference]');
  const status = query.one('filter[status]');
  const count = query.int('filter[phone_numbers_count]');
  const met = query.flag('filter[requirements_met]');
  const after = Date.parse(query.one('filter[created_at][gt]') ?? '');
  const before = Date.parse(query.one('filter[created_at][lt]') ?? '');
  const byPrefix = reference !== undefined && struckBy(context, 'reference_prefix') !== undefined;
  const rows = [...world.orders.values()].reverse().filter((order) => {
    const own = order.customerReference ?? '';
    return (
      world.now() >= order.createdAt + lag &&
      (reference === undefined || own === reference || (byPrefix && own.startsWith(reference))) &&
      (status === undefined || order.status === status) &&
      (count === undefined || order.lines.length === count) &&
      (met === undefined || orderRow(order).requirements_met === met) &&
      (Number.isNaN(after) || order.createdAt > after) &&
      (Number.isNaN(before) || order.createdAt < before)
    );
  });
  return ok(pagedArray(context, rows, orderRow));
}
