import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../src/simulator/random.ts';
import { until } from '../support/until.ts';
import type { Crew, Service, Worker } from './crew.ts';
import type { Installation } from './installation.ts';
import type { Load } from './load.ts';
import { type FaultName, isKill, type OtherName, type Size, type Step } from './plan.ts';
import type { Recoveries, Recovery } from './recovery.ts';

/**
 * Replies that are lost all the time, beside every other fault: dropped after the effect, half a body, an error after the effect.
 */
export const LOST_REPLIES = [
  { kind: 'accept_then_drop', probability: 0.02 },
  { kind: 'accept_half_body', probability: 0.01 },
  { kind: 'error_after', probability: 0.01 },
] as const;

const STOPS_WITHIN_MS = 60_000;
const ORDERS_WITHIN_MS = 30_000;
/** The size of a small buy beside the large one, whose order will be in flight. */
const BUY_MORE = 20;

/** All that a fault can strike. */
export interface Scene {
  at: Installation;
  crew: Crew;
  load: Load;
  recoveries: Recoveries;
  size: Size;
  random: Random;
}

type Strike = (scene: Scene, forMs: number, during: (ms: number) => Promise<void>) => Promise<Recovery>;

const STRIKES: Record<OtherName, Strike> = {
  'SIGTERM of a worker': async ({ crew, recoveries, random }) => {
    const worker = await crew.any(random());
    const jobs = await crew.jobs(worker);
    const from = new Date();
    worker.child.send('SIGTERM');
    const recovery = recoveries.follow(await recoveries.openOf(jobs), from, false);
    const { code } = await Promise.race([worker.child.ended, sleep(STOPS_WITHIN_MS, { code: null }, { ref: false })]);
    if (code !== 0) throw new Error(`a worker that was told to stop ended with ${code}`);
    return recovery;
  },
  'worker frozen for longer than its lock': async ({ crew, recoveries, random }, forMs, during) => {
    const worker = await crew.any(random());
    const from = new Date();
    worker.child.send('SIGSTOP');
    try {
      const recovery = recoveries.follow(await recoveries.openOf(await crew.jobs(worker)), from, false);
      await during(forMs);
      return recovery;
    } finally {
      worker.child.send('SIGCONT');
    }
  },
  'Redis FLUSHALL': (scene) => outage(scene, () => scene.at.redis.flush()),
  'Redis away, then back empty': (scene, forMs, during) =>
    outage(scene, async () => {
      await scene.at.redis.kill();
      scene.at.redis.wipe();
      await away(scene, 'redis', () => during(forMs));
    }),
  'Redis away, then back with its data': (scene, forMs, during) =>
    outage(scene, async () => {
      await scene.at.redis.kill();
      await away(scene, 'redis', () => during(forMs));
    }),
  'Postgres away': (scene, forMs, during) =>
    outage(scene, async () => {
      await scene.at.database.stop();
      await during(forMs);
      await scene.at.database.start();
    }),
  'simulator away, connections refused': async (scene, forMs, during) => {
    await ordersWaiting(scene);
    return outage(scene, () => away(scene, 'telnyx', () => during(forMs)));
  },
  'simulator away, connections reset': (scene, forMs, during) =>
    outage(scene, async () => {
      await scene.at.simulator.faults([{ kind: 'refuse_connection', forMs }]);
      await during(forMs);
    }),
};

/** A fault that was done. */
export interface Done {
  fault: FaultName;
  recovery: Recovery;
  /** A worker was killed in the middle of it. */
  killedToo: boolean;
}

/** Does what the step says; resolves when it is over. */
export async function strike(scene: Scene, { fault, forMs, withKill }: Step): Promise<Done> {
  if (isKill(fault)) {
    const { crew, random } = scene;
    const inFlight = fault === 'kill -9 while its order call is in flight' ? await orderHeldUp(scene) : null;
    const recovery = await killed(scene, inFlight ?? (await crew.any(random())));
    return { fault: inFlight === null ? 'kill -9 of a worker' : fault, recovery, killedToo: false };
  }
  let kill: Promise<boolean> = Promise.resolve(false);
  const during = async (ms: number): Promise<void> => {
    await sleep(ms / 2);
    if (withKill) kill = killAny(scene);
    await sleep(ms / 2);
  };
  const recovery = await STRIKES[fault](scene, forMs, during);
  return { fault, recovery, killedToo: await kill };
}

/** Holds back the reply of one order for ever; whether Telnyx took it is left to chance. Resolves to the worker that waits. */
async function orderHeldUp({ at, crew, load, random }: Scene): Promise<Worker | null> {
  const match = { method: 'POST', path: '^/number_orders$' };
  await at.simulator.faults([{ kind: 'stall', effect: random() < 0.5, match, times: 1, forMs: ORDERS_WITHIN_MS }]);
  await load.buyMore(BUY_MORE);
  return crew.waitingFor('POST /v2/number_orders', ORDERS_WITHIN_MS);
}

async function killAny({ crew, random }: Scene): Promise<boolean> {
  const worker = await crew.any(random()).catch(() => null);
  if (worker === null) return false;
  await crew.kill(worker);
  return true;
}

async function killed({ crew, recoveries }: Scene, worker: Worker): Promise<Recovery> {
  const from = new Date();
  await crew.kill(worker);
  // Redis remembers what a dead worker held for as long as a lock lasts.
  return recoveries.follow(await recoveries.openOf(await crew.jobs(worker)), from, false);
}

/** A fault that strikes every worker. The clock of its recovery starts when it is over. */
async function outage({ crew, recoveries }: Scene, fault: () => Promise<void>): Promise<Recovery> {
  const struck = await recoveries.underWay(await crew.jobs());
  await fault();
  return recoveries.follow(struck, new Date(), true);
}

/** No worker can reach the service. Redis is started again before they may come back. */
async function away({ at, crew }: Scene, service: Service, meanwhile: () => Promise<void>): Promise<void> {
  await crew.shut(service);
  await meanwhile();
  if (service === 'redis') await at.redis.start();
  await crew.open(service);
}

/** Files a buy and waits until its orders are about to leave: those will be refused at the connection. */
async function ordersWaiting({ at, load, size }: Scene): Promise<void> {
  const key = await load.buyMore(size.orderSize * 16);
  await until(
    'orders are about to leave',
    async () => {
      const [row] = await at.sql<{ n: number }[]>`
        select count(*)::int as n from chunks c join requests r on r.id = c.request_id
        where r.idempotency_key = ${key} and c.state in ('planned', 'submitting')`;
      return row !== undefined && row.n >= 3;
    },
    { withinMs: ORDERS_WITHIN_MS },
  );
}
