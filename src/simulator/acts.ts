import type { Fault, FaultKind, Target } from './fault-kinds.ts';
import type { DueAct } from './faults.ts';
import type { Portal } from './interface.ts';
import { portalActs } from './portal-acts.ts';
import { choose } from './random.ts';
import type { E164, Order, OwnedField } from './types.ts';
import type { World } from './world.ts';

/** Returns the numbers that an act may choose from. */
function candidates(world: World): E164[] {
  const rows = world.inventory.sorted().filter((number) => number.deletedAt === undefined && number.status === 'active');
  return rows.map((number) => number.e164);
}

/** The orders that wait for a decision, oldest first. */
function waitingOrders(world: World, fault: Fault, at: number): Order[] {
  const waiting = [...world.openOrders].filter(
    (order) =>
      order.lines.some((line) => line.status === 'pending' && line.paperwork && !line.approved) &&
      order.createdAt + (fault.ms ?? 0) <= at &&
      (fault.order_id ?? order.id) === order.id &&
      (fault.customer_reference ?? order.customerReference) === order.customerReference,
  );
  return waiting.slice(0, fault.count ?? waiting.length);
}

type OnNumbers = (portal: Portal, numbers: readonly E164[], fault: Fault) => void;

const ON_NUMBERS: Partial<Record<FaultKind, OnNumbers>> = {
  portal_release: (portal, numbers) => portal.releaseInPortal(numbers),
  portal_port_out: (portal, numbers) => portal.portOut(numbers),
  portal_lock: (portal, numbers, fault) => portal.lock(numbers, fault.locked ?? true),
  portal_tags: (portal, numbers, fault) => portal.setTags(numbers, fault.tags ?? []),
  portal_emergency: (portal, numbers, fault) => portal.setEmergency(numbers, fault.emergency ?? 'active'),
  portal_set: (portal, numbers, fault) => portal.setOwnedField(numbers, fault.field as OwnedField, fault.value ?? null),
};

const DECISIONS: Partial<Record<FaultKind, 'approve' | 'decline' | 'cancel'>> = {
  paperwork_approve: 'approve',
  paperwork_decline: 'decline',
  paperwork_cancel: 'cancel',
};

/** What the act would do now; `undefined` while it finds nothing to act on. */
function workOf(world: World, { fault, at, random }: DueAct): (() => void) | undefined {
  const portal = portalActs(world, at);
  const decision = DECISIONS[fault.kind];
  const onNumbers = ON_NUMBERS[fault.kind];
  if (decision) {
    const orders = waitingOrders(world, fault, at);
    const decideAll = (): void => {
      for (const order of orders) portal.decideOrder(order.id, decision);
    };
    return orders.length === 0 ? undefined : decideAll;
  }
  if (onNumbers) {
    const pick = numbersFor(world, fault, random);
    return pick && (() => onNumbers(portal, pick(), fault));
  }
  if (fault.kind === 'portal_buy') return () => void portal.buyInPortal(fault.count ?? 1);
  if (fault.kind === 'portal_foreign_jobs') return () => portal.openForeignJobs(fault.count ?? world.behaviour.jobSlots);
  return () => portal.closeForeignJobs();
}

/** Picks the numbers of an act; `undefined` until the account has them all. Random choices are made only when the act happens. */
function numbersFor(world: World, fault: Fault, random: () => number): (() => readonly E164[]) | undefined {
  const named = fault.numbers;
  if (named) return named.every((e164) => world.owned.has(e164)) ? () => named : undefined;
  if (world.owned.size < (fault.count ?? 1)) return undefined;
  const from = candidates(world);
  const wanted = fault.count ?? Math.max(1, Math.round(from.length * (fault.fraction ?? 0)));
  return from.length < wanted ? undefined : () => choose(random, from, wanted);
}

/** Does an act, when it finds something to act on. */
export function strike(world: World, act: DueAct): void {
  const work = workOf(world, act);
  if (!work) act.waits();
  else if (act.strikes()) work();
}

/** The acts that come just before a request. */
export function strikeBefore(world: World, target: Target): void {
  for (const act of world.faults.actsOn(target)) {
    const work = workOf(world, act);
    if (work && act.strikes()) work();
  }
}
