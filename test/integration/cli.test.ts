import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildRole, type Running } from '../../src/app/roles.ts';
import { runCli } from '../../src/cli/run.ts';
import { realServices } from '../../src/cli/services.ts';
import { loadConfig } from '../../src/config/config.ts';
import { createLog } from '../../src/observability/log.ts';
import { SIMULATED_ACCOUNT, type Simulator, startSimulator } from '../../src/simulator/index.ts';
import { testIo } from '../support/cli-runs.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';

const QUICK = { pollMinMs: 100, pollMaxMs: 500, checkMinMs: 100, backoffMs: 200, sweepMs: 500, orphanMs: 2_000 };
const [CONNECTION] = SIMULATED_ACCOUNT.connectionIds;

async function cli(argv: string[], env: Record<string, string>, stdin = '') {
  const { io, out, err } = testIo(stdin, env);
  const exit = await runCli(argv, io, realServices);
  return { exit, out: out(), err: err(), json: () => JSON.parse(out()) as Record<string, unknown> & { id: string } };
}

describe('with a worker', () => {
  let simulator: Simulator;
  let worker: Running;
  let database: TestDatabase;
  let env: Record<string, string>;
  const run = (argv: string[], stdin = '') => cli(argv, env, stdin);

  beforeAll(async () => {
    database = await createTestDatabase({ template: false });
    simulator = await startSimulator({
      owned: 40,
      numbers: 4_000,
      orderMs: 200,
      jobPendingMs: 50,
      visibilityLagMs: { ownership: 0, orders: 0, inventory: 0 },
    });
    env = {
      DATABASE_URL: database.url,
      TELNYX_API_KEY: 'KEY_SIM',
      TELNYX_BASE_URL: simulator.url,
      PROVISIONER_RECONCILE_CRON: 'off',
      LOG_LEVEL: 'silent',
    };
    const fresh = await cli(['requests'], env);
    expect(fresh).toMatchObject({ exit: 1, err: expect.stringContaining('provisioner migrate') });
    const migrations = await Promise.all([cli(['migrate'], env), cli(['migrate'], env)]);
    expect(migrations.map((m) => m.exit)).toEqual([0, 0]);
    const config = loadConfig(env);
    worker = await buildRole('worker', config, createLog(config.log), { timings: QUICK });
    await worker.lifecycle.start();
  });

  afterAll(async () => {
    await worker.lifecycle.stop('the tests are over');
    await simulator.stop();
    await database.drop();
  });

  it('reconciles: what is adopted is settled by the run itself', async () => {
    const first = await run(['reconcile', '--json']);
    expect(first.exit).toBe(0);
    expect(first.json()).toMatchObject({
      status: 'completed',
      counts: { adopted: 40 },
      drift: expect.any(Array),
      still_open: [],
    });
    expect((await run(['reconcile'])).exit).toBe(0);
  });

  it('buys, updates and deletes, and shows all of it', async () => {
    const buy = await run([
      'buy',
      '--ndc',
      '312=5',
      '--tag',
      'cli',
      '--connection-id',
      CONNECTION,
      '--label',
      'Test',
      '--wait',
      '--yes',
      '--json',
    ]);
    expect({ exit: buy.exit, err: buy.err }).toMatchObject({ exit: 0 });
    const bought = buy.json();
    expect(bought).toMatchObject({ kind: 'buy', label: 'Test', status: 'succeeded', counts: { asked: 5, succeeded: 5 } });

    const exported = await run(['export', bought.id]);
    const lines = exported.out.trim().split('\n');
    expect(lines).toHaveLength(6);
    expect(lines[0]).toBe(
      'phone_number,status,reason_code,reason,line,chunk_id,telnyx_id,updated_at,bought_at,upfront_cost,monthly_cost,currency,submitted_by',
    );
    const numbers = lines.slice(1).map((line) => line.split(',')[0] ?? '');
    const list = `\ufeffphone_number\r\n${numbers.join('\r\n')}\r\n`;

    const inventory = await run(['inventory', '--where', 'tag=cli', '--csv']);
    expect(inventory.out.trim().split('\n')).toHaveLength(6);
    const update = await run(['update', '--where', 'tag=cli', '--set', 'add_tags=more', '--wait', '--yes']);
    expect(update.exit).toBe(0);
    expect(update.out).toContain('succeeded');
    expect((await run(['inventory', '--summary', '--where', 'tag=cli', '--json'])).json()).toMatchObject({
      total: { numbers: 5, with_known_price: 5, monthly_cost: expect.stringMatching(/^\d+\.\d\d$/) },
      by_area_code: [{ national_destination_code: '312', numbers: 5 }],
      by_tag: [
        { tag: 'cli', numbers: 5 },
        { tag: 'more', numbers: 5 },
      ],
    });
    const number = await run(['number', numbers[0] ?? '', '--json']);
    expect(number.json()).toMatchObject({
      tags: expect.arrayContaining(['cli', 'more']),
      connection_id: CONNECTION,
      history: expect.any(Array),
    });

    expect(await run(['delete', '--numbers', '-', '--expect', '4', '--yes'], list)).toMatchObject({ exit: 6 });
    const release = await run(['delete', '--numbers', '-', '--expect', '5', '--wait', '--yes', '--json'], list);
    expect(release.exit).toBe(0);
    expect(
      simulator
        .ledger()
        .released.map((r) => r.phone_number)
        .sort(),
    ).toEqual([...numbers].sort());

    expect((await run(['requests', '--kind', 'buy', '--json'])).json()).toMatchObject({
      data: [{ id: bought.id }],
      next_cursor: null,
    });
    const shown = await run(['request', bought.id, '--items', 'all']);
    for (const text of [bought.id, 'succeeded', numbers[0]]) expect(shown.out).toContain(text);
    expect(await run(['watch', bought.id])).toMatchObject({ exit: 0 });
    // A unique beginning or end of an id is enough, with or without its prefix.
    for (const part of [bought.id.slice(-8), `req_${bought.id.slice(-6)}`, bought.id.slice(0, -1)])
      expect((await run(['request', part, '--json'])).json()).toMatchObject({ id: bought.id });
    expect(await run(['request', 'ffffffffffff'])).toMatchObject({ exit: 4, err: expect.stringContaining('ffffffffffff') });
    // Ids begin with their time, so that of the request begins all runs of this test.
    const many = await run(['run', bought.id.slice(4, 8)]);
    expect(many).toMatchObject({
      exit: 2,
      err: expect.stringMatching(/fits \d ids: give more of its digits\n {2}run_.*: manual, /),
    });
    expect((await run(['account', '--json'])).json()).toMatchObject({ gate: { open: true }, slots_in_use: 0 });
  });

  it('ends with 3 when only a part could be had, and retries what failed', async () => {
    const wanted = '+13125550100';
    const sold = simulator.ownedNumbers()[0] ?? '';
    const update = await run(
      ['update', '--numbers', '-', '--set', 'customer_reference=x', '--wait', '--yes', '--json'],
      `${sold}\n${wanted}\n`,
    );
    expect({ exit: update.exit, counts: update.json()['counts'] }).toMatchObject({ exit: 3, counts: { asked: 2, succeeded: 1 } });
    const shown = await run(['request', update.json().id]);
    expect(shown.out).toMatch(/reason\s+meaning/);
    const retried = await run(['retry', update.json().id, '--yes', '--json']);
    if (retried.exit === 0) expect(retried.json()).toMatchObject({ counts: { asked: 1 } });
    else expect(retried).toMatchObject({ exit: 6, out: expect.stringContaining('nothing_failed') });
  });

  it('checks what it stands on', async () => {
    const doctor = await run(['doctor', '--json']);
    expect(doctor.json()).toMatchObject({
      ok: true,
      checks: expect.arrayContaining([expect.objectContaining({ name: 'migrations', status: 'ok' })]),
    });
  });
});
