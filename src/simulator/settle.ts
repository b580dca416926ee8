import { settleJobs } from './job-run.ts';
import { settleBulk } from './messaging.ts';
import { settleOrders } from './order-settle.ts';
import type { World } from './world.ts';

/** Brings the world to the present: called before anything looks at it. */
export function settle(world: World): void {
  settleOrders(world);
  settleJobs(world);
  settleBulk(world);
}
