import { describe, expect, it } from 'vitest';
import { redisInfo } from '../../../src/cli/actions/doctor.ts';
import { exitOfRun } from '../../../src/cli/actions/reconcile.ts';
import { exitOfRepair } from '../../../src/cli/actions/runs.ts';
import { exitOfEnd, exitOfStatus, failureOf } from '../../../src/cli/exit-codes.ts';
import { exitOfPlan } from '../../../src/cli/plan.ts';
import { runCli } from '../../../src/cli/run.ts';
import { exitOfWait } from '../../../src/cli/wait.ts';
import { loadConfig } from '../../../src/config/config.ts';
import { ENDS, GUARD_ENDS } from '../../../src/domain/codes.ts';
import { invalid, ProvisioningError, refused } from '../../../src/domain/errors.ts';
import type { UpdatePlan } from '../../../src/domain/plan.ts';
import { CANNOT_PUT_BACK } from '../../../src/domain/reconciliation.ts';
import { REQUEST_STATUSES } from '../../../src/domain/request.ts';
import { silentLog } from '../../../src/observability/log.ts';
import type { RequestView } from '../../../src/producers/read/views.ts';
import { testIo, testServices } from '../../support/cli-runs.ts';

describe('exit codes', () => {
  it('follow the status of a request', () => {
    expect(Object.fromEntries(REQUEST_STATUSES.map((s) => [s, exitOfStatus(s)]))).toMatchObject({
      succeeded: 0,
      partially_succeeded: 3,
      failed: 1,
      cancelled: 1,
      needs_attention: 1,
      awaiting_approval: 6,
      paused: 6,
    });
  });

  it('follow the error', () => {
    const exit = (error: unknown) => failureOf(error).exit;
    expect(exit(invalid([{ path: 'x', message: 'y' }]))).toBe(2);
    expect(exit(new ProvisioningError('not_found', 'rejected', ''))).toBe(4);
    expect(exit(refused('expected_count_mismatch', ''))).toBe(6);
    expect(exit(new ProvisioningError('insufficient_funds', 'account', ''))).toBe(7);
    expect(exit(new ProvisioningError('queue_unavailable', 'retry', ''))).toBe(1);
    expect(exit(new ProvisioningError('unknown_outcome', 'retry', ''))).toBe(7);
    expect(exit(new Error('bug'))).toBe(1);
    expect(exit('text')).toBe(1);
  });

  it('say what to do about the database', () => {
    const refusedConnection = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' });
    expect(failureOf(refusedConnection)).toMatchObject({
      exit: 1,
      code: 'database_unavailable',
      message: expect.stringContaining('DATABASE_URL'),
    });
    const both = new AggregateError([refusedConnection, refusedConnection]);
    expect(failureOf(both)).toMatchObject({ code: 'database_unavailable', message: expect.stringContaining('ECONNREFUSED') });
    const table = Object.assign(new Error('relation "requests" does not exist'), { code: '42P01' });
    expect(failureOf(table)).toMatchObject({
      code: 'database_not_migrated',
      message: expect.stringContaining('provisioner migrate'),
    });
  });

  it('follow a plan: what is refused goes before what would change', () => {
    const plan = (fields: Partial<UpdatePlan>) => ({ kind: 'update', changed: 1, stops: [], ...fields }) as unknown as UpdatePlan;
    const stops: UpdatePlan['stops'] = [{ code: 'budget_exceeded', message: '', numbers: 1 }];
    expect([exitOfPlan(plan({}), false), exitOfPlan(plan({}), true)]).toEqual([0, 8]);
    expect([exitOfPlan(plan({ changed: 0 }), true), exitOfPlan(plan({ stops }), true)]).toEqual([0, 6]);
  });

  it('follow the end of a wait', () => {
    const view = (status: string) => ({ status, counts: { asked: 2 } }) as RequestView;
    const wait = (why: 'ended' | 'held' | 'timeout' | 'interrupted', status: string, gateClosed = false) =>
      exitOfWait({ view: view(status), why, gateClosed }, []);
    expect(wait('ended', 'succeeded')).toBe(0);
    expect(wait('ended', 'succeeded', true)).toBe(0);
    expect(wait('timeout', 'running')).toBe(5);
    expect(wait('timeout', 'waiting')).toBe(5);
    expect(wait('timeout', 'running', true)).toBe(7);
    expect(wait('timeout', 'needs_attention')).toBe(1);
    expect([wait('held', 'awaiting_approval'), wait('held', 'paused'), wait('timeout', 'paused')]).toEqual([6, 6, 5]);
  });

  it('tell a budget or a guard that let nothing through from a failure', () => {
    const end = (status: 'failed' | 'partially_succeeded' | 'cancelled', reasons: Record<string, number>) =>
      exitOfEnd(
        { status, counts: { asked: 3 } },
        Object.entries(reasons).map(([code, count]) => ({ code, count })),
      );
    expect(end('failed', { budget_reached: 3 })).toBe(6);
    expect(end('failed', { deletion_locked: 1, emergency_enabled: 1, protected: 1 })).toBe(6);
    expect(end('partially_succeeded', { budget_reached: 2 })).toBe(3);
    expect(end('failed', { budget_reached: 2, inventory_exhausted: 1 })).toBe(1);
    expect(end('cancelled', { budget_reached: 2, cancelled: 1 })).toBe(1);
    expect(end('failed', { already_gone: 3 })).toBe(1);
  });

  it('tell every guard of a release from a failure, and no other end', () => {
    const exit = (code: string) => exitOfEnd({ status: 'failed', counts: { asked: 1 } }, [{ code, count: 1 }]);
    expect(Object.keys(GUARD_ENDS).map(exit)).toEqual(Object.keys(GUARD_ENDS).map(() => 6));
    expect(Object.keys(ENDS).map(exit)).toEqual(Object.keys(ENDS).map(() => 1));
    expect(['10015', 'a_code_of_an_older_version', 'constructor'].map(exit)).toEqual([1, 1, 1]);
  });

  it('follow the report of a reconciliation', () => {
    const counts = { seen: 9, matched: 9, adopted: 0, missing: 0, changed: 0, healed: 0, surplus: 0, undecided: 1 };
    const error = null;
    const open = (kinds: object) => [{ changed: 0, missing: 0, surplus: 0, ...kinds }];
    expect(exitOfRun({ status: 'completed', counts, error }, [])).toBe(0);
    expect(exitOfRun({ status: 'completed', counts: { ...counts, adopted: 9, healed: 1, too_fresh: 2 }, error }, [])).toBe(0);
    for (const kind of ['changed', 'missing', 'surplus'])
      expect(exitOfRun({ status: 'completed', counts, error }, open({ [kind]: 1 }))).toBe(2);
    expect(exitOfRun({ status: 'completed', counts, error: 'the repair of tags could not be filed' }, open({ changed: 1 }))).toBe(
      1,
    );
    expect(exitOfRun({ status: 'incomplete', counts, error }, [])).toBe(1);
    expect(exitOfRun({ status: 'failed', counts: null, error }, [])).toBe(1);
  });

  it('follow what a repair could put back', () => {
    const done = { requests: [], under_way: 0, cannot_be_put_back: [], failures: [] };
    const filed = [{ id: 'req_1', numbers: 1, set: {} }];
    const cannot = [{ field: 'status', count: 1, reason: CANNOT_PUT_BACK.not_settable, numbers: ['+13125550100'] }];
    expect(exitOfRepair(done)).toBe(0);
    expect(exitOfRepair({ ...done, requests: filed })).toBe(0);
    expect(exitOfRepair({ ...done, requests: filed, cannot_be_put_back: cannot })).toBe(3);
    expect(exitOfRepair({ ...done, under_way: 1, cannot_be_put_back: cannot })).toBe(3);
    expect(exitOfRepair({ ...done, cannot_be_put_back: cannot })).toBe(1);
    expect(exitOfRepair({ ...done, requests: filed, failures: ['refused'] })).toBe(1);
  });
});

describe('the command line', () => {
  const run = async (argv: string[], services = testServices(), stdin = '', env: Record<string, string> = {}) => {
    const { io, out, err } = testIo(stdin, env);
    return { exit: await runCli(argv, io, services), out: out(), err: err() };
  };
  const configured = (env: Record<string, string> = {}) => testServices({ loadConfig: async () => loadConfig(env) });

  it.each([
    [['nonsense']],
    [['buy', '--nonsense']],
    [['buy', '--ndc']],
    [['delete', '--where', 'tag=a']],
    [['request']],
    [['request', 'a', 'b']],
    [['account', 'nonsense']],
    [['requests', '--status', 'nonsense']],
    [['watch', 'req_1', '--timeout', '10']],
    [['buy', '--ndc', '312=1', '--plan', '--wait']],
    [['buy', '--ndc', '312=1', '--yes', '--detailed-exitcode']],
    [['buy', '--ndc', '312=1', '--yes', '--timeout', '5m']],
    [['update', '--numbers', '/nowhere/none.csv', '--set', 'connection_id=1', '--yes']],
    [['resolve', 'req_1', '--chunk', 'c']],
    [[]],
  ])('%j is a usage error', async (argv) => {
    const { exit, out, err } = await run(argv);
    expect({ exit, out }).toEqual({ exit: 2, out: '' });
    expect(err).not.toMatch(/\n\s+at /);
    expect(err.length).toBeGreaterThan(10);
  });

  it('prints one JSON value for an error with --json', async () => {
    const { exit, out, err } = await run(['buy', '--ndc', '312', '--state', 'x', '--json']);
    expect(exit).toBe(2);
    expect(err).toBe('');
    expect(JSON.parse(out)).toMatchObject({
      error: { code: 'validation_failed', details: [{ path: '--ndc 312' }, { path: '--state x' }] },
    });
    expect(JSON.parse((await run(['nonsense', '--json'])).out)).toMatchObject({ error: { code: 'usage', details: [] } });
  });

  it.each([
    [['buy', '--ndc', '312=1']],
    [['delete', '--where', 'tag=a', '--expect', '1']],
    [['update', '--where', 'tag=a', '--set', 'connection_id=1']],
    [['cancel', 'req_1']],
    [['approve', 'req_1']],
    [['retry', 'req_1']],
    [['resolve', 'req_1', '--chunk', 'c', '--give-up']],
    [['account', 'reopen']],
    [['reconcile', '--repair']],
  ])('%j is refused off a terminal without --yes', async (argv) => {
    const { exit, err } = await run(argv);
    expect(exit).toBe(6);
    expect(err).toContain('--yes');
  });

  it('says what to set when no database is configured', async () => {
    for (const argv of [['requests'], ['migrate'], ['worker'], ['buy', '--ndc', '312=1', '--yes']]) {
      const { exit, err } = await run(argv, configured());
      expect(exit).toBe(2);
      expect(err).toMatch(/DATABASE_URL.*PROVISIONER_EMBEDDED=1/);
    }
  });

  it('lists every problem of the configuration', async () => {
    const { exit, err } = await run(['requests'], configured({ PROVISIONER_PORT: 'x', PROVISIONER_NONSENSE: '1' }));
    expect(exit).toBe(2);
    expect(err).toContain('PROVISIONER_PORT');
    expect(err).toContain('PROVISIONER_NONSENSE');
  });

  it('shows a bug without its stack, unless told to', async () => {
    const broken = testServices({
      loadConfig: async () => loadConfig({ DATABASE_URL: 'postgres://u@h/d' }),
      createLog: async () => Object.assign({}, silentLog, { flush: () => undefined }) as never,
      openProducer: async () => {
        throw new Error('boom');
      },
    });
    const quiet = await run(['requests'], broken);
    expect(quiet).toMatchObject({ exit: 1, out: '' });
    expect(quiet.err).toContain('boom');
    expect(quiet.err).not.toContain('    at ');
    expect((await run(['requests'], broken, '', { LOG_LEVEL: 'debug' })).err).toContain('    at ');
  });

  it('prints help and version to stdout', async () => {
    expect(await run(['--help'])).toMatchObject({ exit: 0, out: expect.stringContaining('reconcile'), err: '' });
    expect(await run(['buy', '--help'])).toMatchObject({ exit: 0, out: expect.stringContaining('--toll-free') });
    expect(await run(['--version'])).toMatchObject({ exit: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+/) });
  });
});

describe('doctor on Redis', () => {
  const info = (policy: string, aof: string, version = '7.0.15') =>
    `# Server\r\nredis_version:${version}\r\nmaxmemory_policy:${policy}\r\naof_enabled:${aof}\r\n`;

  it('wants noeviction and says when data is not kept', () => {
    expect(redisInfo(info('noeviction', '1')).map((c) => c.status)).toEqual(['ok', 'ok', 'ok']);
    expect(redisInfo(info('allkeys-lru', '0')).map((c) => c.status)).toEqual(['ok', 'failed', 'warning']);
    expect(redisInfo(info('noeviction', '1', '5.0.14')).map((c) => c.status)).toEqual(['failed', 'ok', 'ok']);
  });
});
