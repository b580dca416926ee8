import type { Timings } from '../domain/timings.ts';
import type { ProducerDeps } from '../producers/deps.ts';
import type { TelnyxGateway } from '../telnyx/gateway.ts';

/** What work on Telnyx needs. */
export interface WorkDeps extends ProducerDeps {
  telnyx: TelnyxGateway;
  timings: Timings;
  /** Waits between two tries of a read; tests let no time pass. */
  pause(ms: number): Promise<void>;
}
