import { Redis } from 'ioredis';

const QUEUES = ['buy', 'batch-jobs', 'emergency', 'messaging'] as const;
const PREFIX = '{provisioner}';

/** A job that a worker has taken up and not given back. */
export interface HeldJob {
  /** The id of the chunk or the buy line. */
  id: string;
  /** BullMQ's name for the worker that holds the lock: a UUID of its own for each queue of each process. */
  owner: string;
}

/** Reads from the locks in Redis which worker holds which job. Rejects soon while Redis is away. */
export interface HeldJobs {
  all(): Promise<HeldJob[]>;
  close(): void;
}

/** Every message of a worker to Redis about a job contains `<owner>:<number>`. */
const OWNER = /([0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}):\d/g;

/** The owners that a piece of a worker's traffic names. */
export function ownersIn(sent: string): string[] {
  return [...sent.matchAll(OWNER)].flatMap((match) => match[1] ?? []);
}

export function openHeldJobs(url: string): HeldJobs {
  const redis = new Redis(url, {
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    commandTimeout: 2_000,
    retryStrategy: () => 200,
  });
  redis.on('error', () => undefined);
  const ofQueue = async (queue: string): Promise<HeldJob[]> => {
    const jobs = await redis.lrange(`${PREFIX}:${queue}:active`, 0, -1);
    if (jobs.length === 0) return [];
    const locks = await redis.mget(jobs.map((job) => `${PREFIX}:${queue}:${job}:lock`));
    return jobs.flatMap((job, i) => {
      const owner = locks[i]?.split(':')[0];
      // A job id is the id of its row and how often it was put back.
      return owner === undefined ? [] : [{ id: job.replace(/-\d+$/, ''), owner }];
    });
  };
  return {
    all: async () => (await Promise.all(QUEUES.map(ofQueue))).flat(),
    close: () => redis.disconnect(),
  };
}
