import { statusOf } from './order-views.ts';
import type { Order, OrderLine } from './types.ts';
import { acquire, type World } from './world.ts';

/** Ends one line: buys and charges the number, or lets it go. */
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
  order.status = statusOf(order.lines);
  if (order.status === 'pending') return;
  const forced = order.lines.some((line) => line.status === 'success') ? world.forcedStatus.get(order.id) : undefined;
  if (forced) order.status = forced;
  world.openOrders.delete(order);
  world.ended.push(order);
}

/** Ends the lines that nothing holds back. */
export function settleOrder(world: World, order: Order, at: number): void {
  for (const line of order.lines) {
    if (line.status === 'pending' && (!line.paperwork || line.approved)) endLine(world, order, line, line.fate, at);
  }
  finish(world, order, at);
}

/** What a person, the account or the deadline decides about open lines. */
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
    if (order.deadline !== undefined && order.deadline <= now) decide(world, order, 'cancel', order.deadline);
    else if (order.settlesAt <= now) {
      const at = order.settlesAt;
      order.settlesAt = Number.POSITIVE_INFINITY;
      settleOrder(world, order, at);
    }
  }
}
