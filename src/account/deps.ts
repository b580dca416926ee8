import type { Timings } from '../domain/timings.ts';
import type { ProducerDeps } from '../producers/deps.ts';
import type { TelnyxGateway } from '../telnyx/gateway.ts';
import type { OpenJobs } from './open-jobs.ts';
import type { OpenOrders } from './open-orders.ts';
import type { Ownership } from './ownership.ts';
import type { Slots } from './slots.ts';

/** What code that works with Telnyx needs. */
export interface WorkDeps extends ProducerDeps {
  telnyx: TelnyxGateway;
  timings: Timings;
  /** Notices finished batch jobs for all chunks of this process. */
  openJobs: OpenJobs;
  /** Reads the young orders of this process together. */
  openOrders: OpenOrders;
  /** Lets ownership checks of several chunks share a call. A release that is about to be sent asks for itself. */
  ownership: Ownership;
  /** The chunks of this process that wait for a job slot. */
  slots: Slots;
  /** Waits for some milliseconds between two attempts of a read. Tests let no time pass. */
  pause(ms: number): Promise<void>;
}
