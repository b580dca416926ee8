import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { freePort } from '../../src/app/embedded-postgres/free-port.ts';
import { ProvisioningError } from '../../src/domain/errors.ts';
import { createRateLimiter, type RateLimiter, type RateLimiterOptions } from '../../src/telnyx/pacing/rate-limit.ts';

const installed = spawnSync('redis-server', ['--version']).status === 0;
if (!installed) process.stderr.write('\n!!! redis-server is not on PATH: the shared rate limit is NOT tested !!!\n');

const LIMITER = fileURLToPath(new URL('../../src/telnyx/pacing/rate-limit.ts', import.meta.url));
let port = 0;
let server: ChildProcess | null = null;

async function startRedis(): Promise<void> {
  server = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'], {
    stdio: 'ignore',
  });
  const probe = new Redis({ port, retryStrategy: () => 30, maxRetriesPerRequest: null });
  probe.on('error', () => undefined);
  await probe.ping();
  probe.disconnect();
}

async function stopRedis(): Promise<void> {
  const running = server;
  server = null;
  if (running === null) return;
  running.kill('SIGKILL');
  await once(running, 'exit');
}

const cleanUp: (() => Promise<unknown> | unknown)[] = [];
let round = 0;

/** A client as BullMQ wants it: it waits for Redis without end, which the limiter must not. */
function client(): Redis {
  const redis = new Redis({ port, maxRetriesPerRequest: null, retryStrategy: () => 50 });
  redis.on('error', () => undefined);
  cleanUp.push(() => redis.disconnect());
  return redis;
}

function limiter(options: RateLimiterOptions = {}): RateLimiter {
  const made = createRateLimiter({ redis: client(), keyPrefix: `test${round}`, ...options });
  cleanUp.push(() => made.close());
  return made;
}

const call = (l: RateLimiter): Promise<number> => l.run('search', async () => Date.now());
const calls = async (l: RateLimiter, count: number): Promise<number[]> =>
  await Promise.all(Array.from({ length: count }, () => call(l)));

async function refusal(promise: Promise<unknown>): Promise<ProvisioningError> {
  const thrown = await promise.then(
    () => null,
    (error: unknown) => error,
  );
  if (thrown instanceof ProvisioningError) return thrown;
  throw new Error(`expected a ProvisioningError, got ${String(thrown)}`);
}

/** A process of its own that makes calls on demand and ends by itself after `close`. It asks Redis for nothing before that. */
function startCaller(): { ask(line: string): Promise<string>; ready: Promise<unknown>; process: ChildProcess } {
  const code = `
    import { Redis } from 'ioredis';
    import { createRateLimiter } from ${JSON.stringify(LIMITER)};
    let redis, l;
    process.stdin.on('data', async (text) => {
      if (String(text).trim() === 'close') { await l.close(); redis.disconnect(); process.stdin.destroy(); return; }
      redis ??= new Redis({ port: ${port}, maxRetriesPerRequest: null });
      l ??= createRateLimiter({ redis, keyPrefix: 'stopped', rates: { search: 50 }, clientTimeoutMs: 500 });
      const results = await Promise.allSettled(Array.from({ length: 10 }, () => l.run('search', async () => 1)));
      console.log(results.filter((r) => r.status === 'fulfilled').length);
    });
    console.log('ready');`;
  const spawned = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ready = once(spawned.stdout, 'data');
  const ask = async (line: string): Promise<string> => {
    const [said]: unknown[] = await Promise.all([once(spawned.stdout, 'data'), spawned.stdin.write(`${line}\n`)]);
    return String(said).trim();
  };
  return { ask, ready, process: spawned };
}

describe.skipIf(!installed)('the shared rate limit', () => {
  // Its start takes seconds, so it starts beside the other tests.
  let caller: ReturnType<typeof startCaller>;
  beforeAll(async () => {
    port = await freePort();
    caller = startCaller();
    await startRedis();
  });
  afterAll(async () => {
    caller.process.kill('SIGKILL');
    await stopRedis();
  });
  afterEach(async () => {
    round += 1;
    for (const step of cleanUp.splice(0).reverse()) await step();
  });

  it('holds over all processes together', async () => {
    const startedAt = Date.now();
    const all = [limiter({ rates: { search: 20 } }), limiter({ rates: { search: 20 } }), limiter({ rates: { search: 20 } })];
    const times = (await Promise.all(all.map((l) => calls(l, 7)))).flat().sort((a, b) => a - b);
    expect(times).toHaveLength(21);
    expect((times.at(-1) ?? 0) - startedAt).toBeGreaterThan(950);
  });

  it.each([
    ['Telnyx announces, below the cap', 100, '8, 8;w=1'],
    ['the operator set, though Telnyx announces more', 8, '40, 40;w=1'],
  ])(
    'never lets more into a second than %s, over all processes, whatever the delay before a call leaves',
    async (_, cap, limit) => {
      const all = [1, 2, 3].map(() => limiter({ rates: { search: cap } }));
      const left: number[] = [];
      const headers = new Headers({ 'x-ratelimit-limit': limit });
      const once = (l: RateLimiter, n: number) =>
        l.run('search', async (turn) => {
          // Some calls leave late, as when the database answers slowly before a call.
          await sleep((n % 3) * 40);
          turn.leaves();
          left.push(performance.now());
          l.observe('search', 200, headers);
        });
      await Promise.all(all.flatMap((l) => Array.from({ length: 6 }, (_call, n) => once(l, n))));
      left.sort((a, b) => a - b);
      const closest = Math.min(...left.slice(8).map((at, i) => at - (left[i] ?? 0)));
      expect(left).toHaveLength(18);
      expect(closest).toBeGreaterThan(1_000);
    },
  );

  it('a process whose clock is wrong neither holds the others back nor waits for them', async () => {
    const [ahead, other] = [limiter({ rates: { search: 50 } }), limiter({ rates: { search: 50 } })];
    const now = Date.now.bind(Date);
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => now() + 60_000);
    await calls(ahead, 3).finally(() => clock.mockRestore());
    const startedAt = performance.now();
    await Promise.all([calls(other, 3), calls(ahead, 3)]);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  it('takes over the announced limit at once, also far above the start, and learns it from one call alone', async () => {
    const [one, two] = [limiter(), limiter()];
    const paceOf = (l: RateLimiter) => l.limits().find((f) => f.family === 'search')?.perSecond ?? 0;
    let underWay = 0;
    let most = 0;
    const answered = (l: RateLimiter) =>
      l.run('search', async () => {
        most = Math.max(most, ++underWay);
        await sleep(200);
        underWay -= 1;
        if (most > 1) return;
        l.observe(
          'search',
          200,
          new Headers({ 'x-ratelimit-limit': '40', 'x-ratelimit-remaining': '39', 'x-ratelimit-reset': '1' }),
        );
      });
    await Promise.all([answered(one), answered(two)]);
    expect(most).toBe(1);
    await call(two);
    expect(paceOf(two)).toBeGreaterThan(36);
    expect(paceOf(two)).toBeLessThan(40);
  });

  it('uses keys that stay together in a Redis cluster', async () => {
    const redis = client();
    const l = limiter();
    await call(l);
    l.observe('search', 429, new Headers({ 'x-ratelimit-reset': '5' }));
    await vi.waitFor(async () => expect(await redis.exists(`{test${round}}-telnyx:pause:search`)).toBe(1));
    const keys = await redis.keys(`*test${round}*`);
    expect(keys.length).toBeGreaterThan(3);
    expect(keys.filter((k) => !k.includes(`{test${round}}`))).toEqual([]);
  });

  it('a 429 seen by one process pauses the family for all, halves the rate once, and ends though that process is gone', async () => {
    const [one, two] = [limiter(), limiter()];
    await client().set(`{test${round}}-telnyx:rate:search`, '8');
    await Promise.all([call(one), call(two)]);
    expect(one.limits().find((f) => f.family === 'search')?.perSecond).toBe(8);
    for (let i = 0; i < 5; i += 1) one.observe('search', 429, new Headers({ 'x-ratelimit-reset': '1' }));
    const redis = client();
    await vi.waitFor(async () => expect(await redis.get(`{test${round}}-telnyx:rate:search`)).toBe('4'));
    await one.close();
    const askedAt = Date.now();
    expect((await call(two)) - askedAt).toBeGreaterThan(700);
    expect(two.limits().find((f) => f.family === 'search')?.perSecond).toBe(4);
  });

  it('repeated 429s slow the family for all, down to a tenth of the start, and time alone brings it back', async () => {
    const [one, two] = [limiter({ rates: { search: 20 } }), limiter({ rates: { search: 20 } })];
    const redis = client();
    const key = `{test${round}}-telnyx:rate:search`;
    const paceOf = (l: RateLimiter) => l.limits().find((f) => f.family === 'search')?.perSecond;
    for (const expected of [10, 5, 2.5, 2, 2]) {
      await call(one);
      one.observe('search', 429, new Headers({ 'x-ratelimit-reset': '0.3' }));
      await vi.waitFor(async () => expect(await redis.pttl(`{test${round}}-telnyx:pause:search`)).toBeGreaterThan(0));
      await call(two);
      expect(paceOf(two)).toBe(expected);
    }
    // As if that much time had passed since the last of them.
    for (const [ms, expected] of [
      [9_000, 4],
      [60_000, 20],
    ] as const) {
      await redis.pexpire(key, (await redis.pttl(key)) - ms);
      await call(one);
      expect(paceOf(one)).toBe(expected);
    }
  });

  it('at a slow pace many processes take turns: nobody takes the wait for a broken limiter, nobody starves', async () => {
    const all = [1, 2, 3, 4].map(() => limiter({ rates: { search: 2 }, maxWaitMs: 200 }));
    const codes = new Set<string>();
    const untilServed = async (l: RateLimiter): Promise<void> => {
      for (;;) {
        const [result] = await Promise.allSettled([call(l)]);
        if (result.status === 'fulfilled') return;
        codes.add(result.reason instanceof ProvisioningError ? result.reason.code : String(result.reason));
      }
    };
    await Promise.all(all.map(untilServed));
    expect(codes).toEqual(new Set(['rate_limited']));
  });

  it('a pause longer than a caller should wait sends it away with the time to come back', async () => {
    const [one, two] = [limiter(), limiter()];
    await Promise.all([call(one), call(two)]);
    one.observe('search', 429, new Headers({ 'x-ratelimit-reset': '60' }));
    const redis = client();
    await vi.waitFor(async () => expect(await redis.pttl(`{test${round}}-telnyx:pause:search`)).toBeGreaterThan(0));
    const error = await refusal(call(two));
    expect([error.code, error.disposition]).toEqual(['rate_limited', 'retry']);
    expect(error.retryAfterMs).toBeGreaterThan(50_000);
    await expect(two.run('jobs', async () => 'other families go on')).resolves.toBe('other families go on');
  });

  it('survives a flushed Redis', async () => {
    const l = limiter({ rates: { search: 50 } });
    await calls(l, 5);
    await client().flushall();
    expect(await calls(l, 20)).toHaveLength(20);
  });

  it('a changed configuration takes the place of what an earlier process left in Redis', async () => {
    await calls(limiter({ rates: { search: 1 } }), 1);
    const startedAt = Date.now();
    // The slot that the slow one has booked is still waited for.
    await calls(limiter({ rates: { search: 100 } }), 20);
    expect(Date.now() - startedAt).toBeLessThan(2_500);
  });

  it('Redis away: callers are told within bounds that nothing was sent; Redis back: calls go on', async () => {
    const l = limiter({ rates: { search: 50 } });
    await calls(l, 3);
    await stopRedis();
    const startedAt = Date.now();
    const results = await Promise.all(Array.from({ length: 20 }, () => refusal(call(l))));
    expect(Date.now() - startedAt).toBeLessThan(4_000);
    expect(new Set(results.map((e) => `${e.code} ${e.disposition}`))).toEqual(new Set(['limiter_unavailable retry']));
    await startRedis();
    await vi.waitFor(async () => expect(await calls(l, 5)).toHaveLength(5), { timeout: 10_000, interval: 200 });
  }, 20_000);

  it('Redis away from the start: bounded too, and close returns', async () => {
    await stopRedis();
    const l = limiter();
    const startedAt = Date.now();
    expect((await refusal(call(l))).code).toBe('limiter_unavailable');
    expect(Date.now() - startedAt).toBeLessThan(4_000);
    await l.close();
    await startRedis();
    expect(await calls(limiter({ rates: { search: 50 } }), 3)).toHaveLength(3);
  }, 20_000);

  it('a process that was stopped for longer than its client timeout goes on, and ends by itself when closed', async () => {
    const { ask, ready, process: stopped } = caller;
    await ready;
    expect(await ask('go')).toBe('10');
    stopped.kill('SIGSTOP');
    const other = limiter({ keyPrefix: 'stopped', rates: { search: 50 }, clientTimeoutMs: 500 });
    for (let i = 0; i < 6; i += 1) {
      await call(other);
      await sleep(200);
    }
    stopped.kill('SIGCONT');
    // At worst the first callers are turned away (`retry`), because commands timed out while the process stood still.
    await vi.waitFor(async () => expect(await ask('go')).toBe('10'), { timeout: 8_000, interval: 100 });
    const ended = once(stopped, 'exit');
    stopped.stdin?.write('close\n');
    expect(await Promise.race([ended.then(([code]: unknown[]) => code), sleep(3_000, 'still running', { ref: false })])).toBe(0);
  }, 30_000);
});
