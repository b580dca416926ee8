import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { buildRole, type Running } from '../../src/app/roles.ts';
import { loadConfig } from '../../src/config/config.ts';
import { migrateDatabase } from '../../src/db/migrate.ts';
import { createProvisioner, type Provisioner } from '../../src/index.ts';
import { createLog } from '../../src/observability/log.ts';
import { type Simulator, startSimulator } from '../../src/simulator/index.ts';
import { fileDatabase } from '../support/postgres.ts';

const QUICK = { pollMinMs: 100, pollMaxMs: 500, checkMinMs: 100, backoffMs: 200, sweepMs: 500, orphanMs: 2_000 };
const database = await fileDatabase({ beforeEach, afterAll });
async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const one of stream) found.push(one);
  return found;
}

const PRICE: unknown = expect.stringMatching(/^\d+\.\d{2}$/);
const LINES = [{ national_destination_code: '312', quantity: 5 }];

describe('the library, with a worker in another place', () => {
  let simulator: Simulator;
  let worker: Running;
  const opened: Provisioner[] = [];

  /** The library in a process that has these variables. */
  function open(env: Record<string, string> = {}, actor = 'anna of the launches'): Provisioner {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    const provisioner = createProvisioner({ databaseUrl: database.url, actor });
    vi.unstubAllEnvs();
    opened.push(provisioner);
    return provisioner;
  }

  beforeAll(async () => {
    await migrateDatabase(database.url);
    simulator = await startSimulator({
      owned: 0,
      numbers: 2_000,
      orderMs: 200,
      jobPendingMs: 50,
      visibilityLagMs: { ownership: 0, orders: 0, inventory: 0 },
    });
    const config = loadConfig({
      DATABASE_URL: database.url,
      TELNYX_API_KEY: 'KEY_SIM',
      TELNYX_BASE_URL: simulator.url,
      PROVISIONER_RECONCILE_CRON: 'off',
      LOG_LEVEL: 'silent',
    });
    worker = await buildRole('worker', config, createLog(config.log), { timings: QUICK });
    await worker.lifecycle.start();
  });
  afterAll(async () => {
    for (const provisioner of opened) await provisioner.close();
    await worker.lifecycle.stop('the tests are over');
    await simulator.stop();
  });

  it('buys, updates, reconciles and waits, without a Telnyx key', async () => {
    const library = open();
    const buy = await library.buy({ label: 'By the library', lines: LINES, assign: { tags: ['library'] } });
    expect(buy).toMatchObject({ kind: 'buy', label: 'By the library', counts: { asked: 5 } });
    expect(await library.waitFor(buy.id)).toMatchObject({ status: 'succeeded', counts: { succeeded: 5 } });
    expect(simulator.ledger().bought).toHaveLength(5);
    const update = await library.update({ where: { tag: 'library' }, set: { customer_reference: 'lib' } });
    expect(await library.waitFor(update.id)).toMatchObject({ status: 'succeeded', counts: { asked: 5, succeeded: 5 } });
    expect(await library.request(update.id)).toMatchObject({ id: update.id, status: 'succeeded', error: null });
    expect(await library.request('req_none')).toBeNull();
    expect(await library.reconcile()).toMatchObject({ trigger: 'manual', repair: false, repair_requests: [] });
    expect(await library.undo(update.id, { plan_only: true })).toMatchObject({
      request: null,
      cannot_be_put_back: [{ count: 5 }],
    });
    await expect(library.undo(update.id)).rejects.toMatchObject({ code: 'nothing_to_undo' });
    await expect(library.buy({ lines: [] })).rejects.toMatchObject({ code: 'validation_failed' });
  });

  it('tells each number with its end and price, the inventory, a number, the account and the runs', async () => {
    const library = open();
    const buy = await library.buy({ lines: LINES, assign: { tags: ['told'] } }, { idempotencyKey: 'told' });
    expect((await library.buy({ lines: LINES, assign: { tags: ['told'] } }, { idempotencyKey: 'told' })).id).toBe(buy.id);
    await library.waitFor(buy.id);
    const items = await all(library.items(buy.id));
    expect(items).toHaveLength(5);
    for (const item of items)
      expect(item).toMatchObject({ status: 'succeeded', upfront_cost: PRICE, monthly_cost: PRICE, currency: 'USD', line: 0 });
    expect(items.every((item) => item.bought_at !== null)).toBe(true);
    expect(await all(library.items(buy.id, { status: 'failed' }))).toEqual([]);
    const numbers = await all(library.numbers({ tag: 'told' }));
    expect(numbers.map((n) => n.phone_number)).toEqual(items.map((item) => item.phone_number).sort());
    const [first] = numbers;
    expect(await library.number(first?.phone_number ?? '')).toMatchObject({ state: 'owned', history: [{ cause: 'bought' }, {}] });
    expect(await library.number('+13125559999')).toBeNull();
    expect(await library.chunks(buy.id)).toMatchObject([{ kind: 'order', numbers: 5 }, { kind: 'update' }]);
    expect(await library.account()).toMatchObject({ gate: { open: true }, slots: 15 });
    expect(await library.reopen()).toMatchObject({ gate: { open: true } });
    const run = await library.reconcile();
    expect((await all(library.runs())).map((r) => r.id)).toContain(run.id);
    expect(await library.run('run_none')).toBeNull();
    const release = await library.delete({ where: { tag: 'told' }, expected_count: 5 });
    expect(await library.waitFor(release.id)).toMatchObject({ status: 'succeeded' });
    expect(await all(library.numbers({ tag: 'told', state: 'released' }))).toHaveLength(5);
  });

  it('approves, cancels and retries under the name that it was given, and refuses as the product does', async () => {
    const careful = open({ PROVISIONER_APPROVAL_ABOVE: '1.00' });
    const asker = open({ PROVISIONER_APPROVAL_ABOVE: '1.00' }, 'bert');
    const [one, two] = [await asker.buy({ label: 'one', lines: LINES }), await asker.buy({ label: 'two', lines: LINES })];
    await expect(asker.approve(two.id)).rejects.toMatchObject({ code: 'self_approval' });
    await expect(careful.pause(one.id)).rejects.toMatchObject({ code: 'not_pausable' });
    await expect(careful.resume(one.id)).rejects.toMatchObject({ code: 'not_paused' });
    expect(await careful.cancel(one.id)).toMatchObject({ status: 'cancelled', counts: { cancelled: 5 } });
    expect(await careful.approve(two.id)).toMatchObject({ error: null });
    expect(await careful.waitFor(two.id)).toMatchObject({ status: 'succeeded' });
    const rows = await worker.foundation.db.sql`
      select actor, cause from events where request_id = ${two.id} and subject = 'request' and cause = 'approved'`;
    expect(rows).toMatchObject([{ actor: 'anna of the launches', cause: 'approved' }]);
    await expect(careful.retry(two.id)).rejects.toMatchObject({ code: 'nothing_failed' });
    await expect(careful.approve('req_none')).rejects.toMatchObject({ code: 'not_found' });
    await expect(careful.cancel('req_none')).rejects.toMatchObject({ code: 'not_found' });
    await expect(careful.resolve(two.id, 'chk_none', { decision: 'give_up' })).rejects.toMatchObject({ code: 'not_found' });
    await expect(all(careful.items('req_none'))).rejects.toMatchObject({ code: 'not_found' });
    await expect(careful.chunks('req_none')).rejects.toMatchObject({ code: 'not_found' });
    await expect(careful.number('3125550100')).rejects.toMatchObject({ code: 'validation_failed' });
    await expect(careful.repair('run_none')).rejects.toMatchObject({ code: 'not_found' });
    await expect(careful.accept('run_none', { only: ['tags'] })).rejects.toMatchObject({ code: 'not_found' });
  });

  it('refuses what a program without types may write, and changes nothing', async () => {
    const library = open();
    const untyped = (value: unknown): never => value as never;
    await expect(all(library.numbers(untyped({ tags: 'x' })))).rejects.toMatchObject({
      details: [{ path: 'tags', message: 'is not known; did you mean "tag"?' }],
    });
    for (const decision of [{ decision: 'adopt' }, { decision: 'sent' }])
      await expect(library.resolve('req_1', 'chk_1', untyped(decision))).rejects.toMatchObject({ code: 'validation_failed' });
    for (const choice of [{ onyl: ['tags'] }, { phone_numbers: '+13125550100' }, { only: ['colour'] }])
      await expect(library.accept('run_1', untyped(choice))).rejects.toMatchObject({ code: 'validation_failed' });
  });

  it('a worker that falls silent in a transaction loses it after a minute', async () => {
    const [row] = await worker.foundation.db.sql`show idle_in_transaction_session_timeout`;
    expect(row).toEqual({ idleInTransactionSessionTimeout: '1min' });
  });

  it('I5 a buy above the approval limit of the environment waits, and buys nothing', async () => {
    const before = simulator.ledger().bought.length;
    const careful = open({ PROVISIONER_APPROVAL_ABOVE: '1.00' });
    const { id } = await careful.buy({ lines: LINES });
    expect(await careful.request(id)).toMatchObject({ status: 'awaiting_approval', error: { code: 'awaiting_approval' } });
    await expect(careful.waitFor(id, { timeoutMs: 1_500 })).rejects.toMatchObject({ code: 'wait_timed_out' });
    expect(simulator.ledger().bought).toHaveLength(before);
  });

  it('I5 no number dearer than the price cap of the environment is bought', async () => {
    const before = simulator.ledger().bought.length;
    const thrifty = open({ PROVISIONER_MAX_NUMBER_COST: '0.10' });
    const { id } = await thrifty.buy({ lines: LINES });
    expect(await thrifty.waitFor(id)).toMatchObject({ status: 'failed', counts: { failed: 5, succeeded: 0 } });
    expect(simulator.ledger().bought).toHaveLength(before);
  });

  it('cuts chunks by the batch size of the environment', async () => {
    const small = open({ PROVISIONER_BATCH_SIZE: '2' });
    const { id } = await small.update({ where: { tag: 'library' }, set: { customer_reference: 'small' } });
    expect(await small.waitFor(id)).toMatchObject({ status: 'succeeded', chunks: { total: 3 } });
  });

  it('reads the database from the environment too, options win, and a wrong variable is told at once', async () => {
    vi.stubEnv('DATABASE_URL', database.url);
    const byEnvironment = createProvisioner();
    vi.stubEnv('DATABASE_URL', 'postgres://nobody@127.0.0.1:1/none');
    const byOption = createProvisioner({ databaseUrl: database.url });
    opened.push(byEnvironment, byOption);
    for (const library of [byEnvironment, byOption]) expect(await library.request('req_none')).toBeNull();
    vi.stubEnv('PROVISIONER_MAX_NUMBER_COST', 'cheap');
    vi.stubEnv('PROVISIONER_APROVAL_ABOVE', '1');
    expect(() => createProvisioner({ databaseUrl: database.url })).toThrow(
      /PROVISIONER_MAX_NUMBER_COST.*|PROVISIONER_APPROVAL_ABOVE/,
    );
    vi.unstubAllEnvs();
  });
});
