import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ProvisioningError } from '../../../src/domain/errors.ts';
import { evaluateConsumption, NO_WORKER, type WorkSeen, whyStandstill } from '../../../src/observability/liveness.ts';
import { createLog } from '../../../src/observability/log.ts';

function capture() {
  const lines: string[] = [];
  const log = createLog({
    level: 'debug',
    format: 'json',
    secrets: ['configured-value'],
    destination: { write: (line) => lines.push(line) },
  });
  return { lines, log };
}

describe('the log', () => {
  it('lets no secret through: not in texts, errors, causes, deep fields or the bindings of a child', () => {
    const { lines, log } = capture();
    const cause = new Error('401 for Bearer abcdefghijkl');
    const err = Object.assign(new Error('connect postgres://me:hunter22@db/x', { cause }), {
      headers: { authorization: 'Bearer zzzzzzzz' },
    });
    log.error({ err }, 'call with configured-value failed');
    log
      .child({ reference: 'configured-value' })
      .info({ details: { a: { b: { c: { apiKey: 'plainplain' } } } } }, 'KEY0189ABCDEF01234567_x');
    log.pino.info({ details: { password: 'plainplain' } }, 'redis://:hunter22@h');
    const text = lines.join('');
    expect(lines).toHaveLength(3);
    expect(text).not.toMatch(/abcdefghijkl|hunter22|zzzzzzzz|configured-value|plainplain|KEY0189/);
    expect(text).toContain('[redacted]');
  });

  it('holds no name twice: a line says more than the child it comes from, and a child more than its parent', () => {
    const { lines, log } = capture();
    const child = log.child({ queue: 'buy', chunkId: 'c-1', count: 1 }).child({ jobId: 'j-1', chunkId: 'c-2' });
    child.info({ chunkId: 'c-3', requestId: 'r-1' }, 'given again');
    child.info({}, 'as bound');
    log.info({ chunkId: 'c-9' }, 'the parent');
    for (const line of lines) {
      const names = [...line.matchAll(/[{,]"(\w+)":/g)].map((m) => m[1]);
      expect(names).toEqual([...new Set(names)]);
    }
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { queue: 'buy', jobId: 'j-1', chunkId: 'c-3', requestId: 'r-1', count: 1 },
      { queue: 'buy', jobId: 'j-1', chunkId: 'c-2' },
      { chunkId: 'c-9' },
    ]);
    expect(lines[2]).not.toMatch(/queue|jobId/);
  });

  it('keeps what is harmless: ids, codes, stacks and numbers', () => {
    const { lines, log } = capture();
    log.info(
      { requestId: 'req-1', phoneNumber: '+13125550100', err: Object.assign(new Error('no'), { code: 'slots_full' }) },
      'text',
    );
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'info',
      requestId: 'req-1',
      phoneNumber: '+13125550100',
      msg: 'text',
      err: { message: 'no', code: 'slots_full', stack: expect.stringContaining('log.test') },
    });
  });
});

describe('the same error of a connection', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const refused = () => Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:6379'), { code: 'ECONNREFUSED' });
  const demoted = (n: number) =>
    Object.assign(new Error(`READONLY You can't write against a read only replica. script: ab${n}, on @user_script:${n}.`), {
      name: 'ReplyError',
    });

  it('is written once a minute with its count, whoever tells it, and no more when it has ended', () => {
    const { lines, log } = capture();
    const written = () => lines.map((line) => JSON.parse(line)).map(({ msg, count }) => [msg, count]);
    for (let n = 0; n < 600; n++) log.child({ queue: `q${n % 7}` }).warn({ err: demoted(n) }, 'the worker reports an error');
    expect(written()).toEqual([['the worker reports an error', undefined]]);
    vi.advanceTimersByTime(60_000);
    expect(written().slice(1)).toEqual([[expect.stringContaining('the worker reports an error (again'), 599]]);
    vi.advanceTimersByTime(300_000);
    expect(lines).toHaveLength(2);
    log.warn({ err: demoted(1) }, 'the worker reports an error');
    expect(lines).toHaveLength(3);
  });

  it('hides no other: other errors, other texts, and errors of the work itself are all written', () => {
    const { lines, log } = capture();
    for (const text of ['a', 'b']) for (const err of [refused(), demoted(1)]) log.warn({ err }, text);
    expect(lines).toHaveLength(4);
    const ofOneCall = new ProvisioningError('unknown_outcome', 'ambiguous', 'no reply', { cause: refused() });
    for (let n = 0; n < 3; n++) log.warn({ err: ofOneCall, chunkId: `c${n}` }, 'the reply was lost');
    for (let n = 0; n < 3; n++) log.error({ err: new Error('broken') }, 'the queue job ended with an error');
    for (let n = 0; n < 3; n++) log.info({ jobs: n }, 'no error at all');
    expect(lines).toHaveLength(13);
    for (let n = 0; n < 3; n++) log.info({ err: new Error('Failed query', { cause: refused() }) }, 'put off');
    expect(lines).toHaveLength(14);
  });
});

describe('evaluateConsumption', () => {
  const at = (processed: number, waiting: number, active: number) => ({ processed, waiting, active });

  it('says stuck when work has waited for 45 seconds and nobody took any', () => {
    let { state, verdict } = evaluateConsumption(null, at(5, 3, 0), 0);
    expect(verdict).toBe('ok');
    ({ state, verdict } = evaluateConsumption(state, at(5, 3, 0), 44_000));
    expect(verdict).toBe('ok');
    ({ state, verdict } = evaluateConsumption(state, at(5, 4, 0), 45_000));
    expect(verdict).toBe('stuck');
    ({ verdict } = evaluateConsumption(state, at(6, 4, 0), 46_000));
    expect(verdict).toBe('ok');
  });

  it('takes held jobs, an empty queue and a shrinking one for life', () => {
    const first = evaluateConsumption(null, at(5, 3, 2), 0).state;
    expect(evaluateConsumption(first, at(5, 3, 2), 600_000).verdict).toBe('ok');
    expect(evaluateConsumption(first, at(5, 0, 0), 600_000).verdict).toBe('ok');
    const waiting = evaluateConsumption(null, at(5, 3, 0), 0).state;
    expect(evaluateConsumption(waiting, at(5, 2, 0), 600_000).verdict).toBe('ok');
  });
});

describe('whyStandstill', () => {
  const now = 1_000_000;
  const ago = (ms: number) => new Date(now - ms);
  const seen = { overdue: true, movedAt: ago(50_000), sweptAt: ago(50_000), queueAnswers: true, workersSince: null };
  const why = (change: Partial<WorkSeen>) => whyStandstill({ ...seen, ...change }, now);

  it('needs overdue work, no move for long, and either no worker or no queue', () => {
    expect(why({})).toBe(`work waits and ${NO_WORKER}`);
    expect(why({ sweptAt: null, movedAt: null })).toBe(`work waits and ${NO_WORKER}`);
    expect(why({ queueAnswers: false, sweptAt: ago(1_000) })).toBe('work waits and the queue does not answer');
    const living = { workersSince: ago(600_000), sweptAt: ago(5_000) };
    expect([why({ overdue: false }), why({ movedAt: ago(44_000) }), why(living)]).toEqual([null, null, null]);
    expect(why({ ...living, sweptAt: ago(50_000) })).toContain('the sweep stands still');
  });

  it('is no alarm of a worker that has just come: the work was waiting before it', () => {
    const young = { workersSince: ago(44_000) };
    expect([why(young), why({ ...young, sweptAt: null }), why({ ...young, queueAnswers: false })]).toEqual([null, null, null]);
    expect(why({ workersSince: ago(46_000) })).toContain('the sweep stands still');
  });
});
