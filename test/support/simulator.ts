import Telnyx from 'telnyx';
import { afterEach, beforeEach } from 'vitest';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/index.ts';

/** Starts a simulator before each test of a file, passes it on with a client that never repeats a call, and stops it afterwards. */
export function eachWithSimulator(options: SimulatorOptions, use: (simulator: Simulator, client: Telnyx) => void): void {
  let running: Simulator | undefined;
  beforeEach(async () => {
    running = await startSimulator(options);
    use(running, new Telnyx({ apiKey: 'KEY_SIM', baseURL: running.url, maxRetries: 0 }));
  });
  afterEach(() => running?.stop());
}
