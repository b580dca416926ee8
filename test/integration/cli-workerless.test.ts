import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/run.ts';
import { realServices } from '../../src/cli/services.ts';
import { openDb } from '../../src/db/client.ts';
import { testIo } from '../support/cli-runs.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';

async function cli(argv: string[], env: Record<string, string>, stdin = '') {
  const { io, out, err } = testIo(stdin, env);
  const exit = await runCli(argv, io, realServices);
  return { exit, out: out(), err: err(), json: () => JSON.parse(out()) as Record<string, unknown> & { id: string } };
}

describe('without a worker', () => {
  let database: TestDatabase;
  let env: Record<string, string>;
  const run = (argv: string[], stdin = '') => cli(argv, env, stdin);
  const sql = <T>(work: (client: ReturnType<typeof openDb>['sql']) => Promise<T>): Promise<T> => {
    const db = openDb(env['DATABASE_URL'] ?? '');
    return work(db.sql).finally(() => db.close());
  };

  beforeAll(async () => {
    database = await createTestDatabase({ template: false });
    env = { DATABASE_URL: database.url, LOG_LEVEL: 'silent' };
    expect(await run(['migrate'])).toMatchObject({ exit: 0 });
  });
  afterAll(() => database.drop());

  it('a wait times out with 5, and the request can be cancelled', async () => {
    const buy = await run(['buy', '--ndc', '312=5', '--wait', '--timeout', '700ms', '--yes', '--json']);
    expect(buy).toMatchObject({ exit: 5, err: expect.stringContaining('the request goes on') });
    const { id } = buy.json();
    const again = await run(['buy', '--ndc', '312=5', '--idempotency-key', 'k1', '--yes', '--json']);
    expect((await run(['buy', '--ndc', '312=5', '--idempotency-key', 'k1', '--yes', '--json'])).json()).toMatchObject({
      id: again.json().id,
    });
    expect(await run(['buy', '--ndc', '312=6', '--idempotency-key', 'k1', '--yes', '--json'])).toMatchObject({ exit: 2 });
    expect(await run(['cancel', id, '--yes'])).toMatchObject({ exit: 0 });
    expect(await run(['watch', id])).toMatchObject({ exit: 1, out: expect.stringContaining('cancelled') });
    expect(await run(['approve', id, '--yes'])).toMatchObject({ exit: 6 });
  });

  it('a closed gate is told, and makes the timeout a 7', async () => {
    await sql(
      (client) => client`update account set gate_open = false, reason_code = 'insufficient_funds', reason = 'no funds left'`,
    );
    const buy = await run(['buy', '--ndc', '312=1', '--wait', '--timeout', '700ms', '--yes']);
    expect(buy).toMatchObject({ exit: 7, err: expect.stringContaining('no funds left') });
    expect(await run(['account'])).toMatchObject({ out: expect.stringContaining('closed') });
    expect((await run(['account', 'reopen', '--yes', '--json'])).json()).toMatchObject({ gate: { open: true } });
  });

  it('a buy that waits for approval ends with 6, and goes on when approved', async () => {
    const careful = { ...env, PROVISIONER_APPROVAL_ABOVE: '1.00' };
    const buy = await cli(['buy', '--ndc', '312=5', '--wait', '--yes', '--json'], careful);
    expect(buy).toMatchObject({ exit: 6, err: expect.stringContaining('provisioner approve') });
    const { id } = buy.json();
    const own = await run(['approve', id, '--yes']);
    expect(own).toMatchObject({ exit: 6, err: expect.stringContaining('PROVISIONER_SELF_APPROVAL=1') });
    expect((await run(['request', id, '--json'])).json()).toMatchObject({ status: 'awaiting_approval' });
    const allowed = await cli(['approve', id, '--yes', '--json'], { ...env, PROVISIONER_SELF_APPROVAL: '1' });
    expect(allowed.json()).toMatchObject({ status: 'queued' });
    const { out } = await run(['history', id]);
    expect(out).toMatch(/cli:\S+ +submitted +5 numbers\n.*cli:\S+ +approved +queued/);
    expect((await run(['request', id])).out).toMatch(/lines +5 US local in 312[\s\S]*asked by +cli:/);
  });

  it('what needs a person is explained, with the commands that decide', async () => {
    await sql(async (client) => {
      await client`insert into phone_numbers (phone_number, state, created_at, updated_at) values ('+13125550123', 'owned', now(), now())`;
    });
    const { id } = (
      await run(['update', '--numbers', '-', '--set', 'customer_reference=x', '--yes', '--json'], '+13125550123\n')
    ).json();
    const seen = {
      phase: 'unknown',
      because: 'the reply was lost',
      checks: [{ at: '2026-01-01T00:00:00.000Z', found: ['job-a', 'job-b'], owned: 1 }],
      conclusion: '2 jobs carry it',
    };
    const [chunk] = await sql(async (client) => {
      await client`update requests set status = 'needs_attention' where id = ${id}`;
      return client<{ id: string }[]>`
        update chunks set state = 'needs_attention', evidence = ${JSON.stringify({ history: {}, seen })}::text::jsonb where request_id = ${id} returning id`;
    });
    const shown = await run(['request', id]);
    const command = `provisioner resolve ${id} --chunk ${chunk?.id}`;
    for (const text of [
      'the reply was lost',
      '2 jobs carry it',
      `${command} --adopt job-a`,
      `${command} --not-sent`,
      `${command} --give-up`,
    ]) {
      expect(shown.out).toContain(text);
    }
    expect(await run(['watch', id, '--timeout', '600ms'])).toMatchObject({ exit: 1 });
    expect(await run(['resolve', id, '--chunk', 'chk_none', '--give-up', '--yes'])).toMatchObject({ exit: 4 });
    expect((await run(['resolve', id, '--chunk', chunk?.id ?? '', '--give-up', '--yes', '--json'])).json()).toMatchObject({
      status: 'failed',
    });
    expect(await run(['watch', id])).toMatchObject({ exit: 1, out: expect.stringContaining('given_up') });
  });

  it('a bad list names its rows and stores nothing', async () => {
    const before = (await run(['requests', '--limit', '500', '--json'])).json();
    const bad = await run(
      ['update', '--numbers', '-', '--set', 'customer_reference=x', '--yes', '--json'],
      'phone_number\n+13125550123\nhello\n+1312\n',
    );
    expect(bad).toMatchObject({ exit: 2 });
    expect(bad.json()).toMatchObject({ error: { code: 'validation_failed', details: [{ path: 'row 3' }, { path: 'row 4' }] } });
    expect(await run(['update', '--numbers', '-', '--set', 'customer_reference=x', '--yes'], '')).toMatchObject({ exit: 2 });
    expect((await run(['requests', '--limit', '500', '--json'])).json()).toEqual(before);
  });

  it('what is not there is a 4', async () => {
    for (const argv of [
      ['request', 'req_none'],
      ['watch', 'req_none'],
      ['export', 'req_none'],
      ['cancel', 'req_none', '--yes'],
      ['retry', 'req_none', '--yes'],
      ['number', '+13125550199'],
    ]) {
      expect([argv, (await run(argv)).exit]).toEqual([argv, 4]);
    }
  });

  it('says so when the database or Redis is away', async () => {
    const nowhere = { ...env, DATABASE_URL: 'postgres://u:secret-word@127.0.0.1:1/d' };
    const listed = await cli(['requests', '--json'], nowhere);
    expect(listed).toMatchObject({ exit: 1 });
    expect(listed.json()).toMatchObject({
      error: { code: 'database_unavailable', message: expect.stringContaining('DATABASE_URL') },
    });
    const doctor = await cli(['doctor'], { ...nowhere, REDIS_URL: 'redis://127.0.0.1:1' });
    expect(doctor).toMatchObject({ exit: 1, out: expect.stringContaining('REDIS_URL') });
    for (const text of [listed.out, doctor.out, doctor.err]) expect(text).not.toContain('secret-word');
  });
});
