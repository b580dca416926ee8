import { afterEach, describe, expect, it } from 'vitest';
import { type Child, endOf, logLines } from '../support/child-process.ts';
import { useStages } from '../support/process-stage.ts';
import { startProxy, type TcpProxy } from '../support/proxy.ts';
import { hasRedis, type PrivateRedis, startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

const stageWith = useStages();
const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of opened.splice(0)) await thing.close();
});

async function redis(options: Parameters<typeof startRedis>[0] = {}): Promise<PrivateRedis> {
  const server = await startRedis(options);
  opened.push({ close: server.stop });
  return server;
}

async function proxyTo(port: number): Promise<TcpProxy> {
  const proxy = await startProxy(port);
  opened.push(proxy);
  return proxy;
}

/** A primary with a replica that has all its data, and an address that leads to the primary. */
async function pair(): Promise<{ first: PrivateRedis; second: PrivateRedis; proxy: TcpProxy }> {
  const [first, second] = [await redis(), await redis()];
  await second.say(`REPLICAOF 127.0.0.1 ${first.port}`);
  await until('the replica has caught up', async () => (await second.say('INFO replication')).includes('master_link_status:up'));
  return { first, second, proxy: await proxyTo(first.port) };
}

/** A cluster of one primary, which has all slots, and its replica. */
async function cluster(): Promise<{ first: PrivateRedis; second: PrivateRedis; url: string }> {
  const [first, second] = [await redis({ cluster: true }), await redis({ cluster: true })];
  await first.say('CLUSTER ADDSLOTSRANGE 0 16383');
  await second.say(`CLUSTER MEET 127.0.0.1 ${first.port} ${first.busPort}`);
  const id = /[0-9a-f]{40}/.exec(await first.say('CLUSTER MYID'))?.[0] ?? '';
  await until('the nodes know each other', async () =>
    (await second.say('CLUSTER NODES')).includes(`${id} 127.0.0.1:${first.port}`),
  );
  await until('the replica has its primary', async () => (await second.say(`CLUSTER REPLICATE ${id}`)).startsWith('+OK'));
  await until('the replica has caught up', async () => (await second.say('INFO replication')).includes('master_link_status:up'));
  await until('the cluster answers', async () => (await first.say('CLUSTER INFO')).includes('cluster_state:ok'));
  return { first, second, url: `redis-cluster://127.0.0.1:${first.port},127.0.0.1:${second.port}` };
}

type Nodes = Awaited<ReturnType<typeof cluster>>;

/** Connections of the product to a server. */
async function connectionsTo(server: PrivateRedis): Promise<string[]> {
  const list = await server.say('CLIENT LIST');
  return list.split('\n').filter((line) => line.includes('id=') && !/cmd=(client|replconf|psync)|flags=[A-Z]*[MS]/.test(line));
}

/** Warnings and errors that a process wrote more often than a person would want to read them, with their number. */
function floods(child: Child): [string, number][] {
  const times = new Map<string, number>();
  for (const { level, msg } of logLines(child.stderr))
    if (level === 'warn' || level === 'error') times.set(String(msg), (times.get(String(msg)) ?? 0) + 1);
  return [...times].filter(([, n]) => n > MOST_LINES);
}
/** Each of the twenty jobs that run at once may tell its own end. */
const MOST_LINES = 20;

describe.skipIf(!hasRedis())('a Redis that fails over', { timeout: 240_000 }, () => {
  it('in the middle of a buy is found again by every connection of every process, and the buy ends right within a minute', async () => {
    const { first, second, proxy } = await pair();
    const stage = await stageWith({
      redis: false,
      env: { REDIS_URL: `redis://127.0.0.1:${proxy.port}` },
      simulator: { latencyMs: { min: 40, max: 150 } },
    });
    const serve = stage.start(['serve']);
    const worker = await stage.worker();
    await serve.saw('listening on');
    const buy = stage.buy('312=200');
    await until('some are bought', () => stage.simulator.ledger().bought.length >= 40, { withinMs: 60_000 });

    // The address moves; open connections stay on the demoted server.
    await second.say('REPLICAOF NO ONE');
    proxy.leadTo(second.port);
    await first.say(`REPLICAOF 127.0.0.1 ${second.port}`);
    const swappedAt = Date.now();

    expect((await endOf(buy, 100_000)).code).toBe(0);
    expect(Date.now() - swappedAt).toBeLessThan(60_000);
    await until('no connection is left on the demoted server', async () => (await connectionsTo(first)).length === 0, {
      withinMs: 60_000,
    });
    await until('they are on the new primary', async () => (await connectionsTo(second)).length > 10, { withinMs: 60_000 });
    expect(stage.simulator.ledger().bought).toHaveLength(200);
    expect(await stage.disagreements()).toEqual([]);
    expect([floods(worker), floods(serve)]).toEqual([[], []]);
    for (const child of [worker, serve]) {
      child.send('SIGTERM');
      expect(await endOf(child, 30_000)).toMatchObject({ code: 0, signal: null });
    }
  });

  it('and leaves half-open sockets behind is found again too: the buy ends right within a minute', async () => {
    const server = await redis();
    const proxy = await proxyTo(server.port);
    const stage = await stageWith({
      redis: false,
      env: { REDIS_URL: `redis://127.0.0.1:${proxy.port}` },
      simulator: { latencyMs: { min: 40, max: 150 } },
    });
    const worker = await stage.worker();
    const buy = stage.buy('312=200');
    await until('some are bought', () => stage.simulator.ledger().bought.length >= 40, { withinMs: 60_000 });
    proxy.become('half_open');
    const silentAt = Date.now();
    expect((await endOf(buy, 120_000)).code).toBe(0);
    expect(Date.now() - silentAt).toBeLessThan(60_000);
    expect(stage.simulator.ledger().bought).toHaveLength(200);
    expect(await stage.disagreements()).toEqual([]);
    expect(floods(worker)).toEqual([]);
  });

  it.each([
    ['whose primary is demoted', async ({ second }: Nodes) => void (await second.say('CLUSTER FAILOVER'))],
    [
      'whose primary dies',
      async ({ first, second }: Nodes) => {
        await first.kill();
        await second.say('CLUSTER FAILOVER TAKEOVER');
      },
    ],
  ])('and is a cluster %s is found again: the buy ends right within a minute', async (_, failOver) => {
    const nodes = await cluster();
    const stage = await stageWith({
      redis: false,
      env: { REDIS_URL: nodes.url },
      simulator: { latencyMs: { min: 40, max: 150 } },
    });
    const serve = stage.start(['serve']);
    const worker = await stage.worker();
    await serve.saw('listening on');
    const buy = stage.buy('312=200');
    await until('some are bought', () => stage.simulator.ledger().bought.length >= 40, { withinMs: 60_000 });
    await failOver(nodes);
    const swappedAt = Date.now();
    await until('the replica is the primary', async () => (await nodes.second.say('INFO replication')).includes('role:master'));
    expect((await endOf(buy, 100_000)).code).toBe(0);
    expect(Date.now() - swappedAt).toBeLessThan(60_000);
    expect(stage.simulator.ledger().bought).toHaveLength(200);
    expect(await stage.disagreements()).toEqual([]);
    expect([floods(worker), floods(serve)]).toEqual([[], []]);
    for (const child of [worker, serve]) {
      child.send('SIGTERM');
      expect(await endOf(child, 30_000)).toMatchObject({ code: 0, signal: null });
    }
  });
});
