import type { Portal } from './interface.ts';
import { portalActs } from './portal-acts.ts';
import { settle } from './settle.ts';
import type { World } from './world.ts';

/** The acts of people and other customers on the account, now. `world` is called each time, because a reset replaces the world. */
export function portalOf(world: () => World): Portal {
  const now = (): Portal => {
    const current = world();
    settle(current);
    return portalActs(current, current.now());
  };
  return {
    releaseInPortal: (numbers) => now().releaseInPortal(numbers),
    portOut: (numbers) => now().portOut(numbers),
    buyInPortal: (count) => now().buyInPortal(count),
    lock: (numbers, locked) => now().lock(numbers, locked),
    setEmergency: (numbers, status) => now().setEmergency(numbers, status),
    setTags: (numbers, tags) => now().setTags(numbers, tags),
    setOwnedField: (numbers, field, value) => now().setOwnedField(numbers, field, value),
    openForeignJobs: (count) => now().openForeignJobs(count),
    closeForeignJobs: () => now().closeForeignJobs(),
    decideOrder: (orderId, decision) => now().decideOrder(orderId, decision),
  };
}
