import { statusOf } from './api/order-views.ts';
import type { Order, OrderLine } from './types.ts';
import { acquire, type World } from './world.ts';

/** Ends one order line: buys and charges the number, or releases it. */
function endLine(world: World, order: Order, line: OrderLine, fate: OrderLine['fate'], at: number): void {
  line.status = fate;
  world.inOrder.delete(line.e164);
  const number = world.poolByNumber.get(line.e164);
  if (fate !== 'success' || !number) {
    if (line.returnToPool || fate === 'cancelled') world.taken.delete(line.e164);
    return;
  }
  world.balance -= line.upfront + line.monthly;
  world.book.buy(line.e164, { order, at, upfront: line.upfront, monthly: line.monthly });
  world.reservedBy.delete(line.e164);
  acquire(world, number, at, {
    connectionId: order.connectionId ?? null,
    messagingProfileId: order.messagingProfileId ?? null,
    billingGroupId: order.billingGroupId ?? null,
  });
}

function finish(world: World, order: Order, at: number): void {
  order.updatedAt = at;
  order.settlesAt = nextReady(order.lines);
  order.status = statusOf(order.lines);
  if (order.status === 'pending') return;
  const forced = order.lines.some((line) => line.status === 'success') ? world.forcedStatus.get(order.id) : undefined;
  if (forced) order.status = forced;
  world.openOrders.delete(order);
  world.ended.push(order);
}

function isHeld(line: OrderLine): boolean {
  return line.status === 'pending' && line.paperwork && !line.approved;
}

/** Returns when the next line ends by itself, or Infinity when none will. */
export function nextReady(lines: readonly OrderLine[]): number {
  const open = lines.filter((line) => line.status === 'pending' && !isHeld(line));
  return Math.min(...open.map((line) => line.readyAt), Number.POSITIVE_INFINITY);
}

/** Ends the lines that are ready and not held back. */
function settleOrder(world: World, order: Order, at: number): void {
  for (const line of order.lines) {
    if (line.status === 'pending' && !isHeld(line) && line.readyAt <= at) endLine(world, order, line, line.fate, at);
  }
  finish(world, order, at);
}

/** Fails the order lines whose paperwork is late. The other lines do not depend on it. */
function expireOrder(world: World, order: Order, at: number): void {
  for (const line of order.lines) if (isHeld(line)) endLine(world, order, line, 'cancelled', at);
  finish(world, order, at);
}

/** Applies the decision of a person, the account or the deadline to open order lines. */
export function decide(
  world: World,
  order: Order,
  decision: 'approve' | 'decline' | 'cancel',
  at: number,
  subOrderId?: string,
): void {
  for (const line of order.lines) {
    if (line.status !== 'pending' || (subOrderId !== undefined && line.subOrderId !== subOrderId)) continue;
    if (decision === 'approve') line.approved = true;
    endLine(world, order, line, { approve: line.fate, decline: 'failure' as const, cancel: 'cancelled' as const }[decision], at);
  }
  finish(world, order, at);
}

/** Brings every open order to where it is by now. */
export function settleOrders(world: World, now: number): void {
  for (const order of world.openOrders) {
    const expiresAt = order.lines.some(isHeld) ? (order.deadline ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
    while (order.settlesAt <= Math.min(now, expiresAt)) settleOrder(world, order, order.settlesAt);
    if (expiresAt <= now) expireOrder(world, order, expiresAt);
    while (order.settlesAt <= now) settleOrder(world, order, order.settlesAt);
  }
}
