import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../src/simulator/random.ts';
import type { Crew, Installation } from './installation.ts';
import type { FaultName, Step } from './plan.ts';

/** Replies lost all the time, beside every other fault: taken and dropped, half a body, an error after the effect. */
export const LOST_REPLIES = [
  { kind: 'accept_then_drop', probability: 0.02 },
  { kind: 'accept_half_body', probability: 0.01 },
  { kind: 'error_after', probability: 0.01 },
] as const;

const STOPS_WITHIN_MS = 60_000;

type Strike = (at: Installation, crew: Crew, step: Step, during: (ms: number) => Promise<void>, random: Random) => Promise<void>;

const STRIKES: Record<FaultName, Strike> = {
  'kill -9 of a worker': async (_at, crew, _step, _during, random) => {
    const worker = await crew.any(random());
    worker.send('SIGKILL');
    await worker.ended;
  },
  'SIGTERM of a worker': async (_at, crew, _step, _during, random) => {
    const worker = await crew.any(random());
    worker.send('SIGTERM');
    const { code } = await Promise.race([worker.ended, sleep(STOPS_WITHIN_MS, { code: null }, { ref: false })]);
    if (code !== 0) throw new Error(`a worker that was told to stop ended with ${code}`);
  },
  'worker frozen for longer than its lock': async (_at, crew, { forMs }, during, random) => {
    const worker = await crew.any(random());
    worker.send('SIGSTOP');
    await during(forMs);
    worker.send('SIGCONT');
  },
  'Redis FLUSHALL': (at) => at.redis.flush(),
  'Redis away, then back empty': async (at, _crew, { forMs }, during) => {
    await at.redis.kill();
    at.redis.wipe();
    await during(forMs);
    await at.redis.start();
  },
  'Redis away, then back with its data': async (at, _crew, { forMs }, during) => {
    await at.redis.kill();
    await during(forMs);
    await at.redis.start();
  },
  'Postgres away': async (at, _crew, { forMs }, during) => {
    await at.database.stop();
    await during(forMs);
    await at.database.start();
  },
  'simulator away': async (at, _crew, { forMs }, during) => {
    await at.simulator.faults([{ kind: 'refuse_connection', forMs }]);
    await during(forMs);
  },
};

/** Does what the step says; resolves when it is over, with the moment from which on all is there again. */
export async function strike(at: Installation, crew: Crew, step: Step, random: Random): Promise<Date> {
  const kill = async (): Promise<void> => {
    const worker = await crew.any(random()).catch(() => null);
    worker?.send('SIGKILL');
  };
  const during = async (ms: number): Promise<void> => {
    await sleep(ms / 2);
    // Not waited for: where nothing can start, nobody is there to be killed.
    if (step.withKill) void kill();
    await sleep(ms / 2);
  };
  await STRIKES[step.fault](at, crew, step, during, random);
  return new Date();
}
