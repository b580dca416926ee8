import { type Child, start } from '../support/child-process.ts';
import { until } from '../support/until.ts';
import { type Gate, openGate } from './gate.ts';
import { openHeldJobs, ownersIn } from './held-jobs.ts';

/** A process of the crew. */
export interface Worker {
  child: Child;
  /** It has started, and takes jobs. */
  readonly works: boolean;
  /** Its names in Redis. */
  owners: Set<string>;
}

/** The place of one worker. A worker that replaces it uses the same gates. */
interface Post {
  telnyx: Gate;
  redis: Gate;
  worker: Worker | null;
}

export type Service = 'telnyx' | 'redis';

/** Keeps a number of workers running. It replaces a worker that ends, as a process manager would. */
export interface Crew {
  /** A worker that works and, if any does, one that holds jobs; chosen among those by `pick` (0 to 1). */
  any(pick: number): Promise<Worker>;
  /** The worker whose call has been waiting for its answer; `null` when there is none in time. */
  waitingFor(call: string, withinMs: number): Promise<Worker | null>;
  /**
   * Ids of the chunks and buy lines whose jobs a worker holds, also when it was killed a moment ago. Without `of`: of all
   * workers.
   */
  jobs(of?: Worker): Promise<string[]>;
  kill(worker: Worker): Promise<void>;
  /** No worker can reach the service, until it is opened again. */
  shut(service: Service): Promise<void>;
  open(service: Service): Promise<void>;
  /** How many workers were ended by SIGKILL. */
  kills(): number;
  restarts(): number;
  /** The last output of workers that worked and then ended with an error of their own. */
  crashes(): string[];
  stop(): Promise<void>;
}

/** An answered call takes milliseconds. A call that waits longer than this is held up. */
const HELD_UP_MS = 400;
/** Work passes quickly between workers, so a worker without work may get some within this time. */
const FINDS_WORK_WITHIN_MS = 2_000;

export async function openCrew(
  count: number,
  env: Record<string, string>,
  ports: Record<Service, number>,
  redisUrl: string,
): Promise<Crew> {
  const held = openHeldJobs(redisUrl);
  const posts = await Promise.all(Array.from({ length: count }, () => openPost(ports)));
  const staff = employ(posts, env);
  const working = (): Worker[] => posts.flatMap(({ worker }) => (worker?.works === true && worker.child.running ? [worker] : []));
  const all = (step: (gate: Gate) => Promise<void>, service: Service) => Promise.all(posts.map((post) => step(post[service])));
  return {
    any: async (pick) => {
      const from = Date.now();
      return until(
        'a worker works',
        async () => {
          const jobs = await held.all().catch(() => null);
          const ready = working();
          const busy = ready.filter((worker) => jobs?.some((job) => worker.owners.has(job.owner)));
          const content = jobs === null || Date.now() - from > FINDS_WORK_WITHIN_MS;
          const among = busy.length === 0 && content ? ready : busy;
          return among[Math.floor(pick * among.length)] ?? null;
        },
        { withinMs: 90_000 },
      );
    },
    waitingFor: (call, withinMs) =>
      until(
        `a worker waits for ${call}`,
        () => {
          const late = (gate: Gate): boolean =>
            gate.unanswered().some((u) => u.line.startsWith(`${call} `) && performance.now() - u.since > HELD_UP_MS);
          return posts.find((post) => post.worker?.child.running === true && late(post.telnyx))?.worker ?? null;
        },
        { withinMs },
      ).catch(() => null),
    // Redis may have come back only now.
    jobs: async (of) => {
      const jobs = await until('Redis tells who holds what', () => held.all());
      return jobs.filter((job) => of?.owners.has(job.owner) ?? true).map((job) => job.id);
    },
    kill: async (worker) => {
      worker.child.send('SIGKILL');
      await worker.child.ended;
    },
    shut: async (service) => void (await all((gate) => gate.shut(), service)),
    open: async (service) => void (await all((gate) => gate.open(), service)),
    ...staff,
    stop: async () => {
      await staff.stop();
      held.close();
      await Promise.all(posts.flatMap((post) => [post.telnyx.shut(), post.redis.shut()]));
    },
  };
}

async function openPost(ports: Record<Service, number>): Promise<Post> {
  const post: Post = {
    telnyx: await openGate(ports.telnyx),
    redis: await openGate(ports.redis, (sent) => {
      for (const owner of ownersIn(sent)) post.worker?.owners.add(owner);
    }),
    worker: null,
  };
  return post;
}

/** Starts a worker at every post, and another whenever one ends. */
function employ(posts: Post[], env: Record<string, string>): Pick<Crew, 'kills' | 'restarts' | 'crashes' | 'stop'> {
  const crashes: string[] = [];
  let stopping = false;
  let kills = 0;
  let restarts = -posts.length;
  const hire = (post: Post): void => {
    if (stopping) return;
    restarts += 1;
    const worker = startWorker(post, env);
    post.worker = worker;
    void worker.child.ended.then(({ code, signal, stderr }) => {
      const worked = worker.works;
      post.worker = null;
      if (signal === 'SIGKILL' && !stopping) kills += 1;
      if (code !== null && code !== 0 && worked) crashes.push(`ended with ${code}: ${stderr.slice(-600)}`);
      // A worker that cannot start, because its database is away, is not started a hundred times a second.
      setTimeout(() => hire(post), worked ? 0 : 1_000);
    });
  };
  for (const post of posts) hire(post);
  return {
    kills: () => kills,
    restarts: () => restarts,
    crashes: () => crashes,
    stop: async () => {
      stopping = true;
      const left = posts.flatMap((post) => post.worker ?? []);
      for (const { child } of left) child.send('SIGKILL');
      await Promise.all(left.map(({ child }) => child.ended));
    },
  };
}

function startWorker(post: Post, env: Record<string, string>): Worker {
  const child = start(['worker'], {
    ...env,
    TELNYX_BASE_URL: `http://127.0.0.1:${post.telnyx.port}/v2`,
    REDIS_URL: `redis://127.0.0.1:${post.redis.port}`,
  });
  let works = false;
  return {
    child,
    owners: new Set(),
    get works() {
      works ||= child.stderr.includes('"working"');
      return works;
    },
  };
}
