import { openProducer } from '../../src/app/producer.ts';
import { loadConfig } from '../../src/config/config.ts';
import { createLog } from '../../src/observability/log.ts';
import { submitRequest } from '../../src/producers/intake/submit.ts';
import { SIMULATED_ACCOUNT, startSimulator } from '../../src/simulator/index.ts';
import { startCommand, written } from './children.ts';
import { withClosers } from './closers.ts';
import type { Server } from './database.ts';
import { ratesTimes, type Seen, watch } from './pace-seen.ts';
import { KEY } from './stage.ts';

const NUMBERS_A_JOB = 40;
/** Jobs a second that the largest limits let in, for the time of the measurement and a little more. */
const JOBS_PER_SECOND = 5;

/** Real `worker` processes that update more numbers than they can within `ms`, 40 a job. Telnyx ends each job at once. */
export async function paceOfWorkers(
  server: Server,
  redisUrl: string,
  workers: number,
  factor: number,
  ms: number,
): Promise<Seen> {
  return withClosers(async (opened) => {
    const simulator = await startSimulator({
      apiKey: KEY,
      owned: Math.ceil(JOBS_PER_SECOND * factor * (ms / 1_000 + 5)) * NUMBERS_A_JOB,
      latencyMs: { min: 15, max: 60 },
      jobPendingMs: 0,
      jobPerNumberMs: 0,
      rates: ratesTimes(factor),
    });
    opened(() => simulator.stop());
    const env = {
      DATABASE_URL: await server.database(),
      REDIS_URL: redisUrl,
      PROVISIONER_RECONCILE_CRON: 'off',
      PROVISIONER_BATCH_SIZE: String(NUMBERS_A_JOB),
      LOG_LEVEL: 'info',
    };
    for (let i = 0; i < workers; i += 1) {
      const worker = startCommand(['worker'], { ...env, TELNYX_BASE_URL: simulator.url, TELNYX_API_KEY: KEY });
      opened(async () => {
        worker.child.kill('SIGKILL');
        await worker.ended;
      });
      await written(worker, /"msg":"working"/);
    }
    const producer = await openProducer(loadConfig(env), createLog({ level: 'warn', format: 'json', secrets: [] }));
    opened(() => producer.close());
    const numbers = simulator.ownedNumbers();
    const [connection] = SIMULATED_ACCOUNT.connectionIds;
    await submitRequest(producer.deps, { kind: 'update', phone_numbers: numbers, set: { connection_id: connection } });
    return watch(
      simulator,
      'four workers',
      factor,
      ms,
      (calls) => calls['POST /phone_numbers/jobs/update_phone_numbers'] !== undefined,
    );
  });
}
