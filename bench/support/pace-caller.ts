import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { ProvisioningError } from '../../src/domain/errors.ts';
import { createTelnyxGateway } from '../../src/telnyx/client.ts';

// A process that does nothing but call as fast as the pacer lets it. Its arguments: Telnyx, its key, Redis, key prefix, number.
const [baseURL = '', apiKey = '', redisUrl = '', keyPrefix = '', phoneNumber = ''] = process.argv.slice(2);
/** Callers that wait at once, so that one always waits for the next slot. */
const CALLERS = 8;
const redis = new Redis(redisUrl, { maxRetriesPerRequest: null });
const gateway = createTelnyxGateway({ apiKey, baseURL, redis, keyPrefix });

async function callOn(): Promise<void> {
  for (;;) {
    try {
      await gateway.verifyOwnership([phoneNumber]);
    } catch (error) {
      if (!(error instanceof ProvisioningError)) throw error;
      await sleep(Math.min(error.retryAfterMs ?? 100, 1_000));
    }
  }
}

function fail(error: unknown): never {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
}

process.stdout.write('ready\n');
process.stdin.once('data', () => {
  for (let i = 0; i < CALLERS; i += 1) callOn().catch(fail);
});
