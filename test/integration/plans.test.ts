import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildRole, type Running } from '../../src/app/roles.ts';
import { runCli } from '../../src/cli/run.ts';
import { realServices } from '../../src/cli/services.ts';
import { loadConfig } from '../../src/config/config.ts';
import { createProvisioner, type PlanView, type Provisioner } from '../../src/index.ts';
import { createLog } from '../../src/observability/log.ts';
import { SIMULATED_ACCOUNT, type Simulator, startSimulator } from '../../src/simulator/index.ts';
import { testIo } from '../support/cli-runs.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { ensureTemplate } from '../support/template.ts';

const QUICK = { pollMinMs: 100, pollMaxMs: 500, checkMinMs: 100, backoffMs: 200, sweepMs: 500, orphanMs: 2_000, balanceMs: 0 };
const [CONNECTION = ''] = SIMULATED_ACCOUNT.connectionIds;
/** Not the pace of the shipped product, so that a plan waits for nothing. */
const RATES = ['search', 'orders', 'jobs', 'reads', 'ownership', 'reservations', 'messaging'].map((f) => `${f}=200`).join(',');

/** Takes out what differs from run to run: ids, moments, the name of the user, and how long orders took lately. */
const plain = (text: string): string =>
  text
    .replace(/\b(plan|req)_[0-9a-z]{20,}/g, '$1_ID')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replace(/cli:[\w-]+/g, 'cli:USER')
    .replace(/about .*$/gm, 'about SOME TIME');

describe('plans, with a worker in another place', () => {
  let simulator: Simulator;
  let worker: Running;
  let database: TestDatabase;
  let env: Record<string, string>;
  let library: Provisioner;
  let owned: string[];

  const run = async (argv: string[], stdin = '') => {
    const { io, out, err } = testIo(stdin, env);
    const exit = await runCli(argv, io, realServices);
    return { exit, out: plain(out()), err: plain(err()), json: () => JSON.parse(out()) as unknown };
  };
  const golden = (name: string) => `../golden/${name}.txt`;
  const bought = () => simulator.ledger().bought.map((b) => b.phone_number);
  const planOf = async (body: Parameters<Provisioner['plan']>[0], actor = 'anna') => library.plan(body, { actor });
  const buyPlan = (quantity: number, more: object = {}) =>
    planOf({ kind: 'buy', lines: [{ national_destination_code: '773', quantity }], ...more });
  /** The numbers that a plan of a buy has stored. */
  const numbersOf = (plan: PlanView) => (plan.result?.kind === 'buy' ? plan.result.lines.flatMap((l) => l.sample) : []);

  beforeAll(async () => {
    await ensureTemplate();
    database = await createTestDatabase();
    simulator = await startSimulator({
      owned: 40,
      numbers: 4_000,
      seed: 7,
      orderMs: 100,
      jobPendingMs: 50,
      jobPerNumberMs: 0,
      visibilityLagMs: { ownership: 0, orders: 0, inventory: 0, deletions: 0 },
    });
    env = {
      DATABASE_URL: database.url,
      TELNYX_API_KEY: 'KEY_SIM',
      TELNYX_BASE_URL: simulator.url,
      PROVISIONER_RECONCILE_CRON: 'off',
      PROVISIONER_RATE_LIMITS: RATES,
      PROVISIONER_APPROVAL_ABOVE: '30.00',
      LOG_LEVEL: 'silent',
    };
    const config = loadConfig(env);
    worker = await buildRole('worker', config, createLog(config.log), { timings: QUICK });
    await worker.lifecycle.start();
    library = createProvisioner({ databaseUrl: database.url });
    expect((await run(['reconcile'])).exit).toBe(0);
    owned = simulator.ownedNumbers().slice(0, 6).sort();
  });

  afterAll(async () => {
    await library.close();
    await worker.lifecycle.stop('the tests are over');
    await simulator.stop();
    await database.drop();
  });

  it('a plan of each kind reads as the golden files say, and changes nothing', async () => {
    const before = simulator.ledger();
    const buy = await run(['buy', '--ndc', '312=20', '--ndc', '773=5', '--max-monthly', '40', '--fallback', 'ndc:872', '--plan']);
    await expect(buy.out).toMatchFileSnapshot(golden('plan-buy'));
    const set = ['--set', `connection_id=${CONNECTION}`, '--set', 'add_tags=a,b', '--set', 'external_pin=1234'];
    const update = await run(['update', '--numbers', '-', ...set, '--plan'], `${owned.join('\n')}\n+13125550199\n`);
    await expect(update.out).toMatchFileSnapshot(golden('plan-update'));
    simulator.lock([owned[0] ?? '']);
    simulator.setTags([owned[1] ?? ''], ['protected']);
    const remove = await run(['delete', '--numbers', '-', '--expect', '6', '--plan'], owned.join('\n'));
    await expect(remove.out).toMatchFileSnapshot(golden('plan-delete'));
    simulator.lock([owned[0] ?? ''], false);
    simulator.setTags([owned[1] ?? ''], []);
    expect([buy.exit, update.exit, remove.exit]).toEqual([0, 0, 6]);
    const after = simulator.ledger();
    expect([after.bought, after.released, after.changed]).toEqual([before.bought, before.released, before.changed]);
    const search = await run(['search', '--ndc', '312', '--ndc', '773', '--limit', '2']);
    await expect(search.out).toMatchFileSnapshot(golden('search'));
  });

  it('the exit code of --plan says what a guard, a budget or the wish for detail means', async () => {
    const buy = ['buy', '--ndc', '312=5', '--plan'];
    expect((await run([...buy, '--detailed-exitcode'])).exit).toBe(8);
    expect((await run([...buy, '--max-upfront', '2'])).exit).toBe(6);
    expect((await run([...buy, '--wait'])).exit).toBe(2);
    expect((await run(['buy', '--ndc', '312=5', '--detailed-exitcode', '--yes'])).exit).toBe(2);
    expect((await run(['delete', '--numbers', '-', '--expect', '2', '--plan'], owned.join('\n'))).exit).toBe(6);
    const same = await run(
      ['update', '--numbers', '-', '--set', 'remove_tags=none', '--plan', '--detailed-exitcode'],
      owned.join('\n'),
    );
    expect(same.exit).toBe(0);
    expect((await run(['apply', 'plan_none', '--yes'])).exit).toBe(4);
  });

  it('a buy becomes one request with exactly the numbers and prices of the plan, also when it is applied in parallel', async () => {
    const plan = await buyPlan(5);
    const before = bought();
    const requests = await Promise.all([1, 2, 3].map(() => library.apply(plan.id, { actor: 'bert' })));
    expect(new Set(requests.map((r) => r.id)).size).toBe(1);
    const [request] = requests;
    expect(request).toMatchObject({ submitted_by: 'bert', filed_by: plan.id, counts: { asked: 5 } });
    const ended = await library.waitFor(request?.id ?? '');
    expect(ended).toMatchObject({ status: 'succeeded', cost: plan.result?.kind === 'buy' ? plan.result.cost : null });
    expect(
      bought()
        .filter((n) => !before.includes(n))
        .sort(),
    ).toEqual(numbersOf(plan).sort());
    expect((await library.apply(plan.id)).id).toBe(request?.id);
    const again = await run(['apply', plan.id, '--yes', '--json']);
    expect(again).toMatchObject({ exit: 0, err: expect.stringContaining('was applied before') });
  });

  it('a number that is gone refuses the plan, and goes out of it when changes are allowed', async () => {
    const plan = await buyPlan(4);
    const [lost = '', ...others] = numbersOf(plan);
    await library.waitFor((await library.buy({ phone_numbers: [lost] })).id);
    const before = bought();
    await expect(library.apply(plan.id)).rejects.toMatchObject({
      code: 'plan_changed',
      details: [{ message: `${lost} is in the account by now` }],
    });
    const refused = await run(['apply', plan.id, '--yes']);
    expect(refused).toMatchObject({ exit: 6, err: expect.stringContaining('--allow-changes') });
    expect(bought()).toEqual(before);
    const request = await library.apply(plan.id, { allowChanges: true });
    expect(await library.waitFor(request.id)).toMatchObject({ status: 'succeeded', counts: { asked: 3 } });
    expect(
      bought()
        .filter((n) => !before.includes(n))
        .sort(),
    ).toEqual(others.sort());
  });

  it('neither who planned nor who applied may approve, and the figure of the plan is the cap', async () => {
    const plan = await buyPlan(20, { assign: { tags: ['approved'] } });
    expect(plan.result).toMatchObject({ kind: 'buy', approval: { needed: true, above: '30.00' } });
    const request = await library.apply(plan.id, { actor: 'bert' });
    expect(request).toMatchObject({ status: 'awaiting_approval' });
    const approver = (actor: string) => createProvisioner({ databaseUrl: database.url, actor });
    const [anna, bert, carl] = ['anna', 'bert', 'carl'].map(approver);
    await expect(anna?.approve(request.id)).rejects.toMatchObject({ code: 'self_approval' });
    await expect(bert?.approve(request.id)).rejects.toMatchObject({ code: 'self_approval' });
    await carl?.approve(request.id);
    const ended = await library.waitFor(request.id);
    expect(ended.status).toBe('succeeded');
    expect(plan.result?.kind === 'buy' ? plan.result.cost : null).toEqual(ended.cost);
    for (const one of [anna, bert, carl]) await one?.close();
  });

  it('--plan --reserve holds exactly the numbers of the plan, and its request buys them', async () => {
    const plan = await buyPlan(3, { reserve: true });
    expect(plan.result).toMatchObject({ kind: 'buy', reservation: { held: 3, refused: 0 } });
    const reservations = () => simulator.ledger().calls.by_endpoint['POST /number_reservations'];
    const held = reservations();
    expect(held).toBeDefined();
    const request = await library.apply(plan.id);
    expect(await library.waitFor(request.id)).toMatchObject({ status: 'succeeded' });
    // What the plan holds is not reserved a second time, because Telnyx would refuse that.
    expect(reservations()).toEqual(held);
    expect(bought()).toEqual(expect.arrayContaining(numbersOf(plan)));
  });

  it('a release runs every guard again when it is applied, and releases only what the plan releases', async () => {
    const [locked = '', kept = '', ...free] = owned;
    simulator.setTags([kept], ['protected']);
    const plan = await planOf({ kind: 'delete', phone_numbers: owned, expected_count: 6 });
    expect(plan.result).toMatchObject({ kind: 'delete', release: 5, kept: [{ code: 'protected', numbers: 1, sample: [kept] }] });
    simulator.lock([locked]);
    // The tag is gone by now. The plan kept the number back, so its request does not name it.
    simulator.setTags([kept], []);
    await expect(library.apply(plan.id)).rejects.toMatchObject({ code: 'plan_changed' });
    expect(simulator.ledger().released).toEqual([]);
    const request = await library.apply(plan.id, { allowChanges: true });
    expect(await library.waitFor(request.id)).toMatchObject({ status: 'succeeded', counts: { asked: 4, succeeded: 4 } });
    expect(
      simulator
        .ledger()
        .released.map((r) => r.phone_number)
        .sort(),
    ).toEqual(free);
  });

  it('an update from a filter is about the numbers that matched when it was planned', async () => {
    const [one = '', two = ''] = simulator.ownedNumbers();
    for (const number of [one, two])
      await library.waitFor((await library.update({ phone_numbers: [number], set: { add_tags: ['planned'] } })).id);
    const plan = await planOf({ kind: 'update', where: { tag: 'planned' }, set: { customer_reference: 'by-plan' } });
    expect(plan.result).toMatchObject({ kind: 'update', numbers: 2, changed: 2, fields: [{ field: 'customer_reference' }] });
    await library.waitFor((await library.update({ phone_numbers: [two], set: { remove_tags: ['planned'] } })).id);
    const request = await library.apply(plan.id);
    expect(await library.waitFor(request.id)).toMatchObject({ status: 'succeeded', counts: { asked: 2, succeeded: 2 } });
  });
});
