import type { Timings } from '../domain/timings.ts';
import type { ProducerDeps } from '../producers/deps.ts';
import type { TelnyxGateway } from '../telnyx/gateway.ts';

/** What code that works with Telnyx needs. */
export interface WorkDeps extends ProducerDeps {
  telnyx: TelnyxGateway;
  timings: Timings;
  /** Waits for some milliseconds between two attempts of a read. Tests let no time pass. */
  pause(ms: number): Promise<void>;
}
