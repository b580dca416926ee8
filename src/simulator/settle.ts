import { strike } from './acts.ts';
import { settleBulk } from './api/messaging.ts';
import { settleJobs } from './job-run.ts';
import { settleOrders } from './order-settle.ts';
import type { World } from './world.ts';

function settleTo(world: World, time: number): void {
  settleOrders(world, time);
  settleJobs(world, time);
  settleBulk(world, time);
}

/** Does the scripted acts that are due, each on the world as it was at that moment. */
function settleActs(world: World): void {
  for (let act = world.faults.nextAct(); act; act = world.faults.nextAct()) {
    settleTo(world, act.at);
    strike(world, act);
  }
}

/** Brings the world to the present. Called before anything reads it. */
export function settle(world: World): void {
  settleActs(world);
  settleTo(world, world.now());
  // An act that found nothing at its time may find something now.
  world.faults.retryActs();
  settleActs(world);
  world.faults.retryActs();
}
