import { describe, expect, it } from 'vitest';
import { createLifecycle, runUntilSignal, type Service } from '../../../src/app/lifecycle.ts';
import { silentLog } from '../../../src/observability/log.ts';

function recorder() {
  const seen: string[] = [];
  const service = (name: string, over: Partial<Service> = {}): Service => ({
    name,
    start: async () => void seen.push(`+${name}`),
    stop: async () => void seen.push(`-${name}`),
    stopWithinMs: 50,
    ...over,
  });
  return { seen, service };
}

describe('lifecycle', () => {
  it('starts in order and stops in reverse, once', async () => {
    const { seen, service } = recorder();
    const life = createLifecycle([service('a'), service('b'), service('c')], silentLog);
    await life.start();
    const [first, second] = await Promise.all([life.stop('test'), life.stop('again')]);
    expect(seen).toEqual(['+a', '+b', '+c', '-c', '-b', '-a']);
    expect(first.clean && second.clean).toBe(true);
  });

  it('stops what was started when a start fails, and throws that error', async () => {
    const { seen, service } = recorder();
    const broken = service('b', { start: () => Promise.reject(new Error('no port')) });
    await expect(createLifecycle([service('a'), broken, service('c')], silentLog).start()).rejects.toThrow('no port');
    expect(seen).toEqual(['+a', '-b', '-a']);
  });

  it('goes on after a stop that hangs or throws, and says that it was not clean', async () => {
    const { seen, service } = recorder();
    const hangs = service('b', { stop: () => new Promise(() => undefined) });
    const throws = service('c', {
      stop: () => {
        throw new Error('broken');
      },
    });
    const life = createLifecycle([service('a'), hangs, throws], silentLog);
    await life.start();
    const report = await life.stop('test');
    expect(report.clean).toBe(false);
    expect(report.problems.map((p) => p.message)).toEqual(['broken', 'b did not stop within 50 ms']);
    expect(seen.at(-1)).toBe('-a');
  });
});

it('all stops together end in time, however long each may take and whatever hangs', async () => {
  const { service } = recorder();
  const hangs = (name: string) => service(name, { stop: () => new Promise(() => undefined), stopWithinMs: 60_000 });
  const life = createLifecycle([hangs('a'), hangs('b')], silentLog, 100);
  await life.start();
  const begun = Date.now();
  expect((await life.stop('test')).problems).toHaveLength(2);
  expect(Date.now() - begun).toBeLessThan(4_000);
});

describe('runUntilSignal', () => {
  function fakeProcess() {
    const listeners = new Map<NodeJS.Signals, (signal: NodeJS.Signals) => void>();
    const codes: number[] = [];
    let left: (code: number) => void = () => undefined;
    const exited = new Promise<number>((resolve) => {
      left = resolve;
    });
    const host = {
      on: (signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void) => listeners.set(signal, listener),
      off: (signal: NodeJS.Signals) => listeners.delete(signal),
      exit: (code: number) => {
        codes.push(code);
        left(code);
      },
    };
    return { host, codes, exited, send: (signal: NodeJS.Signals) => listeners.get(signal)?.(signal) };
  }

  it('leaves with 0 when all stopped in time, and flushes first', async () => {
    const { seen, service } = recorder();
    const { host, exited, send } = fakeProcess();
    const lifecycle = createLifecycle([service('a')], silentLog);
    await runUntilSignal({ lifecycle, log: silentLog, process: host, beforeExit: () => seen.push('flushed') });
    send('SIGTERM');
    expect(await exited).toBe(0);
    expect(seen).toEqual(['+a', '-a', 'flushed']);
  });

  it('leaves with 1 when something did not stop, and at once on the second signal', async () => {
    const { service } = recorder();
    const slow = fakeProcess();
    const hangs = service('a', { stop: () => new Promise(() => undefined), stopWithinMs: 20 });
    await runUntilSignal({ lifecycle: createLifecycle([hangs], silentLog), log: silentLog, process: slow.host });
    slow.send('SIGINT');
    expect(await slow.exited).toBe(1);

    const twice = fakeProcess();
    const never = service('a', { stop: () => new Promise(() => undefined), stopWithinMs: 60_000 });
    await runUntilSignal({ lifecycle: createLifecycle([never], silentLog), log: silentLog, process: twice.host });
    twice.send('SIGINT');
    twice.send('SIGINT');
    expect(twice.codes).toEqual([130]);
  });
});
