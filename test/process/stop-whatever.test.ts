import { afterEach, describe, expect, it } from 'vitest';
import { type Child, endOf, logLines } from '../support/child-process.ts';
import { useStages } from '../support/process-stage.ts';
import { type ProxyMode, startProxy, type TcpProxy } from '../support/proxy.ts';
import { hasRedis, startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

const stageWith = useStages();
const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of opened.splice(0)) await thing.close();
});

const closing = <T extends { close(): Promise<void> }>(thing: T): T => {
  opened.push(thing);
  return thing;
};

interface Case {
  store: 'redis' | 'postgres';
  answers: ProxyMode | 'read_only';
}

const CASES: Case[] = [
  { store: 'redis', answers: 'hang' },
  { store: 'redis', answers: 'half_open' },
  { store: 'redis', answers: 'refuse' },
  { store: 'redis', answers: 'read_only' },
  { store: 'postgres', answers: 'hang' },
  { store: 'postgres', answers: 'half_open' },
  { store: 'postgres', answers: 'refuse' },
];

/** What a container is given before it is killed, and somewhat less. */
const DRAIN_MS = 88_000;

describe.skipIf(!hasRedis())('SIGTERM in the middle of a buy', { timeout: 300_000 }, () => {
  it('ends every process within its drain, whatever Redis or Postgres answer, and their log stays short', async () => {
    const [primary, replica] = [await startRedis(), await startRedis()];
    closing({ close: primary.stop });
    closing({ close: replica.stop });
    await replica.say(`REPLICAOF 127.0.0.1 ${primary.port}`);
    const stage = await stageWith({
      redis: false,
      env: { REDIS_URL: `redis://127.0.0.1:${primary.port}` },
      simulator: { latencyMs: { min: 300, max: 600 } },
    });
    const database = new URL(stage.env['DATABASE_URL'] ?? '');
    const running: { of: Case; child: Child; proxy: TcpProxy }[] = [];
    for (const of of CASES) {
      const proxy = closing(await startProxy(of.store === 'redis' ? primary.port : Number(database.port)));
      const moved = new URL(of.store === 'redis' ? `redis://127.0.0.1:${primary.port}` : database);
      moved.port = String(proxy.port);
      const child = stage.start(['up'], { [of.store === 'redis' ? 'REDIS_URL' : 'DATABASE_URL']: moved.href });
      await child.saw('listening on', 60_000);
      running.push({ of, child, proxy });
    }
    stage.buy('312=300');
    await until('work is under way', () => stage.simulator.ledger().bought.length > 0, { withinMs: 60_000 });
    for (const { of, proxy } of running) {
      if (of.answers === 'read_only') {
        proxy.leadTo(replica.port);
        proxy.become('refuse');
        proxy.become('open');
      } else proxy.become(of.answers);
    }
    // Long enough for each to have met the trouble.
    const before = running.map(({ child }) => logLines(child.stderr).length);
    await until('those that are told of it say so', () =>
      running.some(({ child }, i) => logLines(child.stderr).length > (before[i] ?? 0)),
    );
    const toldAt = Date.now();
    for (const { child } of running) child.send('SIGTERM');
    const ends = await Promise.all(
      running.map(async ({ of, child }) => {
        const { signal, stderr } = await endOf(child, DRAIN_MS + 20_000);
        const troubles = logLines(stderr).filter(({ level }) => level === 'warn' || level === 'error');
        return { of, signal, inTime: Date.now() - toldAt < DRAIN_MS, isShort: troubles.length < 60 };
      }),
    );
    expect(ends).toEqual(CASES.map((of) => ({ of, signal: null, inTime: true, isShort: true })));
  });
});
